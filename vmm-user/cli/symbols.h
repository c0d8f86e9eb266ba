/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of root mode, from its ELF file with symbols. */
#ifndef CLI_SYMBOLS_H
#define CLI_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SYMBOLS_DEFAULT_FILE "/usr/lib/mullion/mullion.elf"

struct symbols;

/* Reads an ELF file, which may be anything. -> NULL with a line on `errors` (which may be NULL)
 * that says what is wrong with it. To be given to symbols_close(). */
struct symbols *symbols_open(const char *path, FILE *errors);
void symbols_close(struct symbols *symbols);

struct symbol {
	const char *name; /* lives as long as the symbols */
	uint64_t start;
	uint64_t size; /* up to the next symbol where the file does not say */
};

/* The function that `address` is in. -> NULL for an address in none. */
const struct symbol *symbols_find(const struct symbols *symbols, uint64_t address);

/* Whether the file is of an image at these addresses. */
bool symbols_match(const struct symbols *symbols, uint64_t image_start, uint64_t image_end);

/*
 * Addresses in text. Root mode's log names code of its own after fixed words: "in root mode at
 * ADDRESS", and "called from ADDRESS" for what a call returns to, which may already belong to the
 * next function. Other numbers may be a guest's and mean nothing here.
 */
struct address_mark {
	uint64_t address;
	size_t end; /* offset in the text just past the address */
	const struct symbol *symbol;
};

/* Finds the first such address at or after `offset` that is in a function. -> false: no more. */
bool symbols_next_mark(const struct symbols *symbols, const char *text, size_t length,
		       size_t offset, struct address_mark *mark);

/* Prints a text as text_print_safe() does, with " <function+0xOFFSET/0xSIZE>" behind each address;
 * `symbols` NULL: without. */
void symbols_print_text(const struct symbols *symbols, FILE *out, const char *text, size_t length);

#endif
