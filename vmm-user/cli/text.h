/* SPDX-License-Identifier: GPL-2.0-only */
/* Values as people read them. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_SIZE_MAX 32

/* A number of bytes as "0", "512 KiB", "1.5 GiB": exact below 1 MiB if it is a multiple of 1 KiB,
 * else to a tenth. -> buf. */
const char *text_size(char buf[TEXT_SIZE_MAX], uint64_t bytes);

/* Prints text of unknown origin on one line: control characters, which would reach the terminal,
 * as \xNN. */
void text_print_safe(FILE *out, const char *text, size_t length);

/* The name of bit `bit` of mullion_info.features; NULL for one that this program does not know.
 * The bits that say which vendor's technology runs have no name here. */
const char *text_feature(unsigned int bit);

/* "AMD-V", "VT-x" or "unknown". */
const char *text_technology(uint32_t features);

/* The name of counter `stat` (enum mullion_stat). */
const char *text_stat(unsigned int stat);

#endif
