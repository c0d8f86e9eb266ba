/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes JSON (RFC 8259), on one line without spaces. A value within an object has a key, one
 * within an array or at the top has none (NULL). A zeroed writer with `out` set is ready for use.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH 8

struct json {
	FILE *out;
	unsigned int depth;
	bool filled[JSON_DEPTH]; /* whether the container at that depth has a value */
	char close[JSON_DEPTH];
};

void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Closes the innermost object or array; the outermost with a newline. */
void json_end(struct json *j);

/* Text in UTF-8; bytes that are not become U+FFFD. */
void json_text(struct json *j, const char *key, const char *text, size_t length);
void json_string(struct json *j, const char *key, const char *string);
void json_number(struct json *j, const char *key, uint64_t number);
/* Addresses and bit masks, which exceed what readers of JSON keep exactly: a string "0x...". */
void json_hex(struct json *j, const char *key, uint64_t number);

#endif
