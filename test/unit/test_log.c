// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "hv/console.h"
#include "hv/log.h"

static char console[4096];

void console_write(const char *text, size_t len)
{
	strncat(console, text, len);
}

static char text[2 * LOG_SIZE];

static size_t read_all(uint64_t position, uint64_t *first)
{
	size_t length = log_read(position, text, sizeof(text) - 1, first);

	text[length] = '\0';
	return length;
}

static void test_levels(void **state)
{
	uint64_t first;

	(void)state;
	log_set_level(LOG_WARN);
	pr_err("bad %u", 1u);
	pr_warn("odd");
	pr_info("told");
	pr_debug("detail");
	assert_string_equal(console, "mullion: error: bad 1\nmullion: warning: odd\n");
	read_all(0, &first);
	assert_int_equal(first, 0);
	assert_string_equal(text, "mullion: error: bad 1\nmullion: warning: odd\nmullion: told\n");
	log_set_level(LOG_DEBUG);
	pr_debug("detail");
	assert_non_null(strstr(console, "mullion: debug: detail\n"));
}

static void test_long_line_is_cut(void **state)
{
	uint64_t end, first;
	size_t length;

	(void)state;
	log_read(UINT64_MAX, text, sizeof(text), &end);
	pr_info("%1000s", "x");
	length = read_all(end, &first);
	assert_int_equal(first, end);
	assert_int_equal(length, LOG_LINE_MAX);
	assert_int_equal(text[length - 1], '\n');
}

/* Reading on from `next` gives every byte once, across the ring's end too. */
static void test_read_in_pieces(void **state)
{
	uint64_t position, first;
	unsigned int next = 0;
	char line[64];

	(void)state;
	log_set_level(LOG_ERROR);
	log_read(UINT64_MAX, text, 0, &position);
	for (unsigned int i = 0; i < 20000; i++) {
		pr_info("%08u", i);
		if (i % 7)
			continue;
		for (size_t length; (length = log_read(position, line, 18, &first)) != 0;) {
			assert_int_equal(first, position);
			assert_int_equal(length, 18);
			position += length;
			line[length] = '\0';
			assert_int_equal(strtoul(line + 9, NULL, 10), next);
			next++;
		}
	}
	assert_int_equal(next, 19999 - 19999 % 7 + 1);
}

static void test_oldest(void **state)
{
	uint64_t first, end;
	size_t length;

	(void)state;
	log_read(UINT64_MAX, text, sizeof(text), &end);
	length = read_all(0, &first);
	assert_int_equal(length, LOG_SIZE);
	assert_int_equal(first, end - LOG_SIZE);
	assert_int_equal(read_all(end, &first), 0);
	assert_int_equal(first, end);
	assert_int_equal(read_all(end + 1000, &first), 0);
	assert_int_equal(first, end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_long_line_is_cut),
		cmocka_unit_test(test_read_in_pieces),
		cmocka_unit_test(test_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
