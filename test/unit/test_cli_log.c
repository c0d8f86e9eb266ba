// SPDX-License-Identifier: GPL-2.0-only
#include "cli_support.h"

#include <string.h>

#include "vmm-user/cli/dmesg.h"

/* Everything that reached the sink, as text: "POSITION:LINE|" and "lost N|". */
static char seen[8192];

static void note_line(void *context, uint64_t position, const char *text, size_t length)
{
	size_t used = strlen(seen);

	(void)context;
	snprintf(seen + used, sizeof(seen) - used, "%u:%.*s|", (unsigned int)position, (int)length,
		 text);
}

static void note_lost(void *context, uint64_t bytes)
{
	size_t used = strlen(seen);

	(void)context;
	snprintf(seen + used, sizeof(seen) - used, "lost %u|", (unsigned int)bytes);
}

static const struct log_sink sink = { note_line, note_lost, NULL };

static int forget(void **state)
{
	(void)state;
	seen[0] = '\0';
	return 0;
}

static void feed(struct log_lines *lines, uint64_t position, const char *text)
{
	log_lines_feed(lines, position, text, strlen(text), &sink);
}

/* However the log is cut, the lines are the same. */
static void test_pieces(void **state)
{
	static const char log[] = "one\n\nthree\nfour";
	const size_t length = sizeof(log) - 1;

	(void)state;
	for (size_t a = 0; a <= length; a++) {
		for (size_t b = a; b <= length; b++) {
			struct log_lines lines = { .started = false };

			forget(NULL);
			log_lines_feed(&lines, 0, log, a, &sink);
			log_lines_feed(&lines, a, log + a, b - a, &sink);
			log_lines_feed(&lines, b, log + b, length - b, &sink);
			assert_string_equal(seen, "0:one|4:|5:three|");
			log_lines_flush(&lines, &sink);
			log_lines_flush(&lines, &sink);
			assert_string_equal(seen, "0:one|4:|5:three|11:four|");
		}
	}
}

/* A log whose beginning is overwritten begins with its first whole line. */
static void test_begins_in_a_line(void **state)
{
	struct log_lines lines = { .started = false };

	(void)state;
	feed(&lines, 100, "rest\nwhole\n");
	assert_string_equal(seen, "105:whole|");
}

static void test_lost(void **state)
{
	struct log_lines lines = { .started = false };

	(void)state;
	feed(&lines, 0, "one\ntw");
	feed(&lines, 50, "of");
	feed(&lines, 52, " it\nnext\n");
	assert_string_equal(seen, "0:one|4:tw|lost 44|56:next|");
}

/* A hypervisor that was started anew counts from 0 again: not a loss of 2^64 bytes. */
static void test_backwards(void **state)
{
	struct log_lines lines = { .started = false };

	(void)state;
	feed(&lines, 0, "one\ntwo\n");
	feed(&lines, 0, "cut\nnew\n");
	assert_string_equal(seen, "0:one|4:two|4:new|");
}

static void test_long_line(void **state)
{
	struct log_lines lines = { .started = false };
	char text[2 * LOG_LINE_MAX + 3];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	log_lines_feed(&lines, 0, text, sizeof(text), &sink);
	assert_int_equal(strlen(seen), strlen("0:|1024:|2048:|") + sizeof(text) - 1);
	assert_string_equal(strstr(seen, "2048:"), "2048:xx|");
}

static void check_level(const char *text, const char *level, const char *rest)
{
	size_t skip;

	assert_string_equal(log_line_level(text, strlen(text), &skip), level);
	assert_string_equal(text + skip, rest);
}

static void test_levels(void **state)
{
	(void)state;
	check_level("mullion: error: bad", "error", "bad");
	check_level("mullion: warning: odd", "warning", "odd");
	check_level("mullion: debug: x", "debug", "x");
	check_level("mullion: x", "info", "x");
	check_level("mullion:", "info", "mullion:");
	check_level("", "info", "");
}

static void test_output(void **state)
{
	static const char log[] =
		"mullion: warning: \"a\"\x1b[31m called from 204560\nmullion: b\n";
	struct log_lines lines = { .started = false }, again = { .started = false };
	struct printed p;
	struct dmesg_output output = { .out = print_begin(&p) };
	struct log_sink to_output = { dmesg_line, note_lost, &output };

	(void)state;
	log_lines_feed(&lines, 0, log, sizeof(log) - 1, &to_output);
	print_check(&p, "mullion: warning: \"a\"\\x1b[31m called from 204560\nmullion: b\n");

	output.out = output.json.out = print_begin(&p);
	to_output.line = dmesg_line_json;
	json_array(&output.json, NULL);
	log_lines_feed(&again, 0, log, sizeof(log) - 1, &to_output);
	json_end(&output.json);
	print_check(&p, "[{\"position\":0,\"level\":\"warning\","
			"\"text\":\"\\\"a\\\"\\u001b[31m called from 204560\"},"
			"{\"position\":46,\"level\":\"info\",\"text\":\"b\"}]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pieces, forget),
		cmocka_unit_test_setup(test_begins_in_a_line, forget),
		cmocka_unit_test_setup(test_lost, forget),
		cmocka_unit_test_setup(test_backwards, forget),
		cmocka_unit_test_setup(test_long_line, forget),
		cmocka_unit_test(test_levels),
		cmocka_unit_test_setup(test_output, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
