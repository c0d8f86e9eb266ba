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
	SAME("%u %u %u", 0u, 42u, UINT32_MAX);
	SAME("%x %x", 0u, 0xdeadbeefu);
	SAME("%lx %lx %lu", UINT64_MAX, 1ul << 63, UINT64_MAX);
	SAME("[%8u] [%-8u] [%08u] [%3u]", 12u, 12u, 12u, 123456u);
	SAME("[%8x] [%-8x] [%08x] [%016lx]", 0xabcu, 0xabcu, 0xabcu, 0x1234ul);
	SAME("[%1u] [%02x] [%10lu] [%100u]", 1u, 1u, 1ul, 1u);
}

static void test_text(void **state)
{
	(void)state;
	SAME("%s|%10s|%-10s|%.*s|%.*s|%s|", "one", "two", "three", 2, "five", 9, "six", "");
	SAME("100%% [%-4s] [%4s]", "longer", "longer");
}

/* A precision means that no NUL is looked for behind it. */
static void test_precision_bounds_the_read(void **state)
{
	char bare[3] = { 'a', 'b', 'c' };
	char text[10];

	(void)state;
	hv_snprintf(text, sizeof(text), "%.*s", 3, bare);
	assert_string_equal(text, "abc");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-security"
static void test_odd_formats(void **state)
{
	char text[40];

	(void)state;
	hv_snprintf(text, sizeof(text), "a %k b");
	assert_string_equal(text, "a %k b");
	hv_snprintf(text, sizeof(text), "end %");
	assert_string_equal(text, "end %");
	hv_snprintf(text, sizeof(text), "end %08l");
	assert_string_equal(text, "end %08l");
	hv_snprintf(text, sizeof(text), "%d%%", 1);
	assert_string_equal(text, "%d%");
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
	assert_int_equal(hv_snprintf(text, 1, "%u", 12345u), 0);
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
		cmocka_unit_test(test_precision_bounds_the_read),
		cmocka_unit_test(test_odd_formats),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
