// SPDX-License-Identifier: GPL-2.0-only
/* Root mode's string functions, under other names so that they do not replace
 * the host's. */
#include "support.h"

#include <string.h>

#define memcpy hv_memcpy
#define memmove hv_memmove
#define memset hv_memset
#define memcmp hv_memcmp
#define strlen hv_strlen
#define strnlen hv_strnlen
#define strncmp hv_strncmp
#include "hv/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strncmp

#define SIZE 64

static void fill(uint8_t *a)
{
	for (int i = 0; i < SIZE; i++)
		a[i] = (uint8_t)(i + 1);
}

/* Every pair of places and every length. */
static void test_memmove(void **state)
{
	uint8_t ours[SIZE], theirs[SIZE];

	(void)state;
	for (size_t to = 0; to < SIZE; to++)
		for (size_t from = 0; from < SIZE; from++)
			for (size_t n = 0; n <= SIZE - (to > from ? to : from); n++) {
				fill(ours);
				fill(theirs);
				assert_ptr_equal(hv_memmove(ours + to, ours + from, n), ours + to);
				memmove(theirs + to, theirs + from, n);
				assert_memory_equal(ours, theirs, SIZE);
			}
}

static void test_memcpy_and_memset(void **state)
{
	uint8_t from[SIZE], ours[SIZE], theirs[SIZE];

	(void)state;
	fill(from);
	for (size_t at = 0; at < 16; at++)
		for (size_t n = 0; n <= SIZE - 16; n++) {
			fill(ours);
			fill(theirs);
			assert_ptr_equal(hv_memset(ours + at, 0x1a5, n), ours + at);
			memset(theirs + at, 0xa5, n);
			assert_memory_equal(ours, theirs, SIZE);
			assert_ptr_equal(hv_memcpy(ours + at, from + 3, n), ours + at);
			memcpy(theirs + at, from + 3, n);
			assert_memory_equal(ours, theirs, SIZE);
		}
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void test_compare(void **state)
{
	static const char *const words[] = { "", "a", "ab", "abc", "abd", "b", "\xff" };
	const unsigned int count = sizeof(words) / sizeof(words[0]);

	(void)state;
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(hv_strlen(words[i]), strlen(words[i]));
		for (unsigned int j = 0; j < count; j++) {
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(hv_strncmp(words[i], words[j], n)),
						 sign(strncmp(words[i], words[j], n)));
		}
	}
	assert_int_equal(hv_strnlen("abcdef", 3), 3);
	assert_int_equal(sign(hv_memcmp("ab\xff", "ab\x01", 3)), 1);
	assert_int_equal(hv_memcmp("abc", "abd", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memmove),
		cmocka_unit_test(test_memcpy_and_memset),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
