// SPDX-License-Identifier: GPL-2.0-only
#include "hv/print.h"

#include <stdbool.h>
#include <stdint.h>

#include "hv/lib/string.h"

struct output {
	char *buf;
	size_t room; /* bytes, without the NUL's */
	size_t used;
};

static void put(struct output *out, const char *text, size_t length)
{
	for (; length && out->used < out->room; length--)
		out->buf[out->used++] = *text++;
}

static void pad(struct output *out, char c, size_t from, size_t width)
{
	for (; from < width; from++)
		put(out, &c, 1);
}

/* Carries one conversion out, `format` at its '%'. Returns what follows it. */
static const char *convert(struct output *out, const char *format, va_list *args)
{
	const char *at = format + 1;
	bool left = *at == '-', wide;
	char fill = at[left] == '0' ? '0' : ' ';
	char digits[20];
	const char *text = format;
	size_t width = 0, length = SIZE_MAX;

	for (at += left; *at >= '0' && *at <= '9'; at++)
		width = width * 10 + (size_t)(*at - '0');
	if (!strncmp(at, ".*", 2)) {
		length = (size_t)va_arg(*args, int);
		at += 2;
	}
	wide = *at == 'l';
	at += wide;
	if (*at == 's') {
		text = va_arg(*args, const char *);
		length = strnlen(text, length);
	} else if (*at == 'u' || *at == 'x') {
		uint64_t value = wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned int);
		unsigned int base = *at == 'u' ? 10 : 16;
		char *digit = digits + sizeof(digits);

		do {
			*--digit = "0123456789abcdef"[value % base];
			value /= base;
		} while (value);
		text = digit;
		length = (size_t)(digits + sizeof(digits) - digit);
	} else {
		put(out, "%", 1); /* %%, or not known */
		return format[1] == '%' ? format + 2 : format + 1;
	}
	if (!left)
		pad(out, fill, length, width);
	put(out, text, length);
	if (left)
		pad(out, ' ', length, width);
	return at + 1;
}

size_t hv_vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct output out = { .buf = buf, .room = size ? size - 1 : 0 };
	va_list list;

	va_copy(list, args);
	while (*format) {
		if (*format == '%')
			format = convert(&out, format, &list);
		else
			put(&out, format++, 1);
	}
	va_end(list);
	if (size)
		buf[out.used] = '\0';
	return out.used;
}

size_t hv_snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	size_t length = hv_vsnprintf(buf, size, format, args);
	va_end(args);
	return length;
}
