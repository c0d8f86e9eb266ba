// SPDX-License-Identifier: GPL-2.0-only
#include "hv/print.h"

#include <stdbool.h>
#include <stdint.h>

struct output {
	char *buf;
	size_t size; /* room, without the NUL */
	size_t used;
};

struct conversion {
	bool zero, left, prefix;
	int width;
	int precision; /* < 0: none */
	int longs;     /* 0: int, 1 or more: 64 bits */
};

static void put(struct output *out, char c)
{
	if (out->used < out->size)
		out->buf[out->used++] = c;
}

static void pad(struct output *out, char c, int count)
{
	while (count-- > 0)
		put(out, c);
}

static void put_string(struct output *out, const struct conversion *conv, const char *s)
{
	int length = 0;

	if (!s)
		s = "(null)";
	while ((conv->precision < 0 || length < conv->precision) && s[length])
		length++;
	if (!conv->left)
		pad(out, ' ', conv->width - length);
	for (int i = 0; i < length; i++)
		put(out, s[i]);
	if (conv->left)
		pad(out, ' ', conv->width - length);
}

/* `sign` is '-' or 0. */
static void put_number(struct output *out, const struct conversion *conv, uint64_t value,
		       unsigned int base, char sign, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	bool prefix = conv->prefix && base == 16;
	char text[20];
	int length = 0;

	do {
		text[length++] = digits[value % base];
		value /= base;
	} while (value);

	int blank = conv->width - length - (sign ? 1 : 0) - (prefix ? 2 : 0);

	if (!conv->left && !conv->zero)
		pad(out, ' ', blank);
	if (sign)
		put(out, sign);
	if (prefix) {
		put(out, '0');
		put(out, upper ? 'X' : 'x');
	}
	if (!conv->left && conv->zero)
		pad(out, '0', blank);
	while (length)
		put(out, text[--length]);
	if (conv->left)
		pad(out, ' ', blank);
}

/* A width or a precision: digits, or '*' for an argument. */
static int take_count(const char **format, va_list *args)
{
	int count = 0;

	if (**format == '*') {
		(*format)++;
		return va_arg(*args, int);
	}
	for (; **format >= '0' && **format <= '9'; (*format)++)
		if (count < 1000)
			count = count * 10 + (**format - '0');
	return count;
}

static const char *take_flags(const char *format, struct conversion *conv, va_list *args)
{
	for (;; format++) {
		if (*format == '0')
			conv->zero = true;
		else if (*format == '-')
			conv->left = true;
		else if (*format == '#')
			conv->prefix = true;
		else
			break;
	}
	conv->width = take_count(&format, args);
	if (conv->width < 0) {
		conv->left = true;
		conv->width = -conv->width;
	}
	if (*format == '.') {
		format++;
		conv->precision = take_count(&format, args);
	}
	for (;; format++) {
		if (*format == 'l' || *format == 'z')
			conv->longs++;
		else if (*format != 'h')
			break;
	}
	return format;
}

static void put_signed(struct output *out, const struct conversion *conv, int64_t value)
{
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	put_number(out, conv, magnitude, 10, value < 0 ? '-' : 0, false);
}

/* Carries one conversion out, `format` just behind its '%'. Returns what
 * follows it, or NULL if it is not known. */
static const char *convert(struct output *out, const char *format, va_list *args)
{
	struct conversion conv = { .precision = -1 };
	char text[2] = { 0 };

	format = take_flags(format, &conv, args);
	switch (*format) {
	case 'd':
	case 'i':
		put_signed(out, &conv, conv.longs ? va_arg(*args, int64_t) : va_arg(*args, int));
		break;
	case 'u':
	case 'x':
	case 'X':
		put_number(out, &conv,
			   conv.longs ? va_arg(*args, uint64_t) : va_arg(*args, unsigned int),
			   *format == 'u' ? 10 : 16, 0, *format == 'X');
		break;
	case 'p':
		conv = (struct conversion){ .zero = true, .prefix = true, .width = 18 };
		put_number(out, &conv, (uintptr_t)va_arg(*args, void *), 16, 0, false);
		break;
	case 's':
		put_string(out, &conv, va_arg(*args, const char *));
		break;
	case 'c':
		text[0] = (char)va_arg(*args, int);
		put_string(out, &conv, text);
		break;
	case '%':
		put(out, '%');
		break;
	default:
		return NULL;
	}
	return format + 1;
}

size_t hv_vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct output out = { .buf = buf, .size = size ? size - 1 : 0 };
	va_list list;

	va_copy(list, args);
	while (*format) {
		const char *next = NULL;

		if (*format == '%')
			next = convert(&out, format + 1, &list);
		if (next)
			format = next;
		else
			put(&out, *format++);
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
