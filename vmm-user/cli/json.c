// SPDX-License-Identifier: GPL-2.0-only
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at `s`, 0 if there is none (Unicode, table 3-7). */
static size_t utf8_length(const unsigned char *s, size_t length)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > length)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (s[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	return n;
}

static void put_quoted(FILE *out, const char *text, size_t length)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', out);
	for (size_t i = 0, n; i < length; i += n ? n : 1) {
		n = utf8_length(s + i, length - i);
		if (!n)
			fputs("\\ufffd", out);
		else if (s[i] == '"' || s[i] == '\\')
			fprintf(out, "\\%c", s[i]);
		else if (s[i] < ' ' || s[i] == 0x7f)
			fprintf(out, "\\u%04x", s[i]);
		else
			fwrite(s + i, 1, n, out);
	}
	fputc('"', out);
}

static void begin_value(struct json *j, const char *key)
{
	if (!j->depth)
		return;
	if (j->filled[j->depth - 1])
		fputc(',', j->out);
	j->filled[j->depth - 1] = true;
	if (key) {
		put_quoted(j->out, key, strlen(key));
		fputc(':', j->out);
	}
}

static void open_container(struct json *j, const char *key, char open, char close)
{
	begin_value(j, key);
	assert(j->depth < JSON_DEPTH);
	fputc(open, j->out);
	j->filled[j->depth] = false;
	j->close[j->depth++] = close;
}

void json_object(struct json *j, const char *key)
{
	open_container(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	open_container(j, key, '[', ']');
}

void json_end(struct json *j)
{
	assert(j->depth);
	fputc(j->close[--j->depth], j->out);
	if (!j->depth)
		fputc('\n', j->out);
}

void json_text(struct json *j, const char *key, const char *text, size_t length)
{
	begin_value(j, key);
	put_quoted(j->out, text, length);
}

void json_string(struct json *j, const char *key, const char *string)
{
	json_text(j, key, string, strlen(string));
}

void json_number(struct json *j, const char *key, uint64_t number)
{
	begin_value(j, key);
	fprintf(j->out, "%" PRIu64, number);
}

void json_hex(struct json *j, const char *key, uint64_t number)
{
	begin_value(j, key);
	fprintf(j->out, "\"0x%" PRIx64 "\"", number);
}
