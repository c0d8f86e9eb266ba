// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "hv/print.h"

/* The C library says what is right. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[200], theirs[200];                                                       \
		size_t length = hv_snprintf(ours, sizeof(ours), __VA_ARGS__);                      \
                                                                                                   \
		assert_int_equal(length, snprintf(theirs, sizeof(theirs), __VA_ARGS__));           \
		assert_string_equal(ours, theirs);                                                 \
	} while (0)

static void test_numbers(void **state)
{
	(void)state;
	SAME("%d %i %d %d", 0, 42, -42, INT32_MIN);
	SAME("%u %u", 0u, UINT32_MAX);
	SAME("%x %X %#x", 0xdeadbeefu, 0xdeadbeefu, 0xdeadbeefu);
	SAME("%lx %llx %lu %ld", UINT64_MAX, 1ull << 63, UINT64_MAX, INT64_MIN);
	SAME("%zu %zx %hx %hhx", (size_t)-1, (size_t)7, (unsigned short)9, (unsigned char)3);
	SAME("[%8d] [%-8d] [%08d] [%3d]", -12, -12, -12, 123456);
	SAME("[%8x] [%-8x] [%08x] [%016lx]", 0xabcu, 0xabcu, 0xabcu, 0x1234ul);
	SAME("[%#10x] [%#010x] [%-#10x]", 0xabcu, 0xabcu, 0xabcu);
	SAME("[%*d] [%-*d] [%*d]", 6, 1, 6, 2, -6, 3);
}

static void test_text(void **state)
{
	(void)state;
	SAME("%s|%10s|%-10s|%.3s|%.*s", "one", "two", "three", "four", 2, "five");
	SAME("%c|%3c|%-3c|", 'a', 'b', 'c');
	SAME("100%%");
}

static void test_pointer(void **state)
{
	char text[40];

	(void)state;
	hv_snprintf(text, sizeof(text), "%p", (void *)0x200000);
	assert_string_equal(text, "0x0000000000200000");
}

/* A precision means that no NUL is looked for behind it. */
static void test_precision_bounds_the_read(void **state)
{
	char bare[3] = { 'a', 'b', 'c' };
	char text[10];

	(void)state;
	hv_snprintf(text, sizeof(text), "%.3s", bare);
	assert_string_equal(text, "abc");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-security"
static void test_odd_formats(void **state)
{
	const char *volatile nothing = NULL;
	char text[40];

	(void)state;
	hv_snprintf(text, sizeof(text), "%s", nothing);
	assert_string_equal(text, "(null)");
	hv_snprintf(text, sizeof(text), "a %k b");
	assert_string_equal(text, "a %k b");
	hv_snprintf(text, sizeof(text), "end %");
	assert_string_equal(text, "end %");
	hv_snprintf(text, sizeof(text), "end %08l");
	assert_string_equal(text, "end %08l");
}
#pragma GCC diagnostic pop

static void test_cut(void **state)
{
	char text[8];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(hv_snprintf(text, 4, "%s", "abcdef"), 3);
	assert_string_equal(text, "abc");
	assert_int_equal(text[4], 'x');
	assert_int_equal(hv_snprintf(text, 1, "%d", 12345), 0);
	assert_string_equal(text, "");
	text[0] = 'y';
	assert_int_equal(hv_snprintf(text, 0, "abc"), 0);
	assert_int_equal(text[0], 'y');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_precision_bounds_the_read),
		cmocka_unit_test(test_odd_formats),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
