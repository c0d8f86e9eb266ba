// SPDX-License-Identifier: GPL-2.0-only
/* Running tests and reporting, without a library. */
#include "payload.h"

#include <stdarg.h>

#define SERIAL 0x3f8
#define SERIAL_STATUS (SERIAL + 5)
#define SERIAL_EMPTY 0x20
#define DEBUG_EXIT 0xf4

extern uint32_t multiboot_info;

/* ---- Output ---- */

static void put(char c)
{
	if (c == '\n')
		put('\r');
	for (unsigned int i = 0; i < 100000 && !(inb(SERIAL_STATUS) & SERIAL_EMPTY); i++)
		;
	outb(SERIAL, (uint8_t)c);
}

static void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_hex(uint64_t value)
{
	int shift = 60;

	while (shift > 0 && !(value >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static void put_decimal(uint32_t value)
{
	char digits[10];
	int count = 0;

	do
		digits[count++] = (char)('0' + value % 10);
	while (value /= 10);
	while (count)
		put(digits[--count]);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	for (; *format; format++) {
		bool wide = false;

		if (*format != '%') {
			put(*format);
			continue;
		}
		format++;
		if (*format == 'l') {
			wide = true;
			format++;
		}
		switch (*format) {
		case 's':
			put_string(va_arg(args, const char *));
			break;
		case 'c':
			put((char)va_arg(args, int));
			break;
		case 'd':
		case 'u':
			put_decimal(wide ? (uint32_t)va_arg(args, unsigned long) :
					   va_arg(args, uint32_t));
			break;
		case 'x':
			put_hex(wide ? va_arg(args, unsigned long) : va_arg(args, uint32_t));
			break;
		default:
			put(*format);
		}
	}
	va_end(args);
}

/* ---- Tests ---- */

static unsigned int failures;
static const char *skipped;

void fail(const char *file, int line, const char *what, uint64_t got, uint64_t wanted)
{
	const char *name = file;

	for (; *file; file++) {
		if (*file == '/')
			name = file + 1;
	}
	if (failures++ >= 10)
		return;
	print("# %s:%d: %s is ", name, line, what);
	put_hex(got);
	put_string(", not ");
	put_hex(wanted);
	put('\n');
}

void skip(const char *why)
{
	skipped = why;
}

void tests_run(const struct test *tests, unsigned int count)
{
	unsigned int failed = 0;

	print("1..%u\n", count);
	for (unsigned int i = 0; i < count; i++) {
		failures = 0;
		skipped = NULL;
		tests[i].run();
		failed += failures != 0;
		print("%s %u - %s", failures ? "not ok" : "ok", i + 1, tests[i].name);
		if (skipped)
			print(" # skip %s", skipped);
		put('\n');
	}
	print("# %u of %u failed\n", failed, count);
	outb(DEBUG_EXIT, failed ? 1 : 0);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* ---- Memory and strings ---- */

void *memset(void *at, int value, size_t size)
{
	void *to = at;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
	return at;
}

void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size)::"memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;

	for (; size; x++, y++, size--) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

/* ---- What the boot loader says (Multiboot 3.3) ---- */

#define INFO_MEM_UPPER 8 /* KiB from 1 MiB */
#define INFO_COMMAND_LINE 16

static uint32_t info_word(uint32_t offset)
{
	return *(const uint32_t *)(uintptr_t)(multiboot_info + offset);
}

uint64_t ram_size(void)
{
	return (uint64_t)info_word(INFO_MEM_UPPER) << 10;
}

uint64_t argument(const char *name, uint64_t otherwise)
{
	const char *line = (const char *)(uintptr_t)info_word(INFO_COMMAND_LINE);
	size_t length = 0;

	while (name[length])
		length++;
	for (; *line; line++) {
		if (memcmp(line, name, length) == 0 && line[length] == '=') {
			otherwise = 0;
			for (line += length + 1; *line >= '0' && *line <= '9'; line++)
				otherwise = otherwise * 10 + (uint64_t)(*line - '0');
			break;
		}
	}
	return otherwise;
}

bool emulated(void)
{
	return argument("emulated", 0);
}

#define CPUID_HYPERVISOR 0x40000000
#define SIGNATURE_TCG 0x54474354 /* "TCGT" */

bool on_tcg(void)
{
	return cpuid(CPUID_HYPERVISOR, 0).ebx == SIGNATURE_TCG;
}
