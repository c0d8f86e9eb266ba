// SPDX-License-Identifier: GPL-2.0-only
/* Addresses in text; contracts in symbols.h. */
#include <inttypes.h>
#include <string.h>

#include "symbols.h"
#include "text.h"

#define ADDRESS_DIGITS 16

static const struct {
	const char *words;
	unsigned int back; /* from the address to the instruction meant */
} introductions[] = {
	{ "in root mode at ", 0 },
	{ "called from ", 1 },
};

#define INTRODUCTIONS (sizeof(introductions) / sizeof(introductions[0]))

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A hexadecimal number at `offset`, with or without 0x. -> the offset past it, 0 for none. */
static size_t parse_address(const char *text, size_t length, size_t offset, uint64_t *address)
{
	size_t first;

	if (offset + 2 <= length && text[offset] == '0' && text[offset + 1] == 'x')
		offset += 2;
	first = offset;
	for (*address = 0; offset < length && digit_value(text[offset]) >= 0; offset++)
		*address = *address << 4 | (uint64_t)digit_value(text[offset]);
	return offset > first && offset - first <= ADDRESS_DIGITS ? offset : 0;
}

bool symbols_next_mark(const struct symbols *symbols, const char *text, size_t length,
		       size_t offset, struct address_mark *mark)
{
	for (; offset < length; offset++) {
		for (size_t i = 0; i < INTRODUCTIONS; i++) {
			size_t words = strlen(introductions[i].words);

			if (words > length - offset ||
			    memcmp(text + offset, introductions[i].words, words) != 0)
				continue;
			mark->end = parse_address(text, length, offset + words, &mark->address);
			mark->symbol = symbols_find(symbols, mark->address - introductions[i].back);
			if (mark->end && mark->symbol)
				return true;
		}
	}
	return false;
}

void symbols_print_text(const struct symbols *symbols, FILE *out, const char *text, size_t length)
{
	struct address_mark mark;
	size_t done = 0;

	while (symbols && symbols_next_mark(symbols, text, length, done, &mark)) {
		text_print_safe(out, text + done, mark.end - done);
		fputs(" <", out);
		text_print_safe(out, mark.symbol->name, strlen(mark.symbol->name));
		fprintf(out, "+0x%" PRIx64 "/0x%" PRIx64 ">", mark.address - mark.symbol->start,
			mark.symbol->size);
		done = mark.end;
	}
	text_print_safe(out, text + done, length - done);
}
