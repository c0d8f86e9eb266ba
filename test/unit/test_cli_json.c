// SPDX-License-Identifier: GPL-2.0-only
#include "cli_support.h"

#include <string.h>

#include "vmm-user/cli/json.h"

static void test_nesting(void **state)
{
	struct printed p;
	struct json j = { .out = print_begin(&p) };

	(void)state;
	json_object(&j, NULL);
	json_number(&j, "n", UINT64_MAX);
	json_array(&j, "a");
	json_end(&j);
	json_array(&j, "b");
	json_number(&j, NULL, 0);
	json_object(&j, NULL);
	json_hex(&j, "h", 0x200000);
	json_end(&j);
	json_string(&j, NULL, "s");
	json_end(&j);
	json_string(&j, "z", "");
	json_end(&j);
	print_check(&p, "{\"n\":18446744073709551615,\"a\":[],"
			"\"b\":[0,{\"h\":\"0x200000\"},\"s\"],\"z\":\"\"}\n");
}

/* One text after the other, each on its own line. */
static void test_lines(void **state)
{
	struct printed p;
	struct json j = { .out = print_begin(&p) };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		json_object(&j, NULL);
		json_number(&j, "i", i);
		json_end(&j);
	}
	print_check(&p, "{\"i\":0}\n{\"i\":1}\n");
}

static void check_text(const char *text, size_t length, const char *expected)
{
	struct printed p;
	struct json j = { .out = print_begin(&p) };
	char *exact = malloc(length + 1);

	assert_non_null(exact);
	/* Nothing behind it, so that reads beyond its end are seen. */
	exact = realloc(exact, length ? length : 1);
	memcpy(exact, text, length);
	json_text(&j, NULL, exact, length);
	free(exact);
	print_check(&p, expected);
}

static void test_escapes(void **state)
{
	(void)state;
	check_text("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
	check_text("\0\n\x1b[2J\x7f", 7, "\"\\u0000\\u000a\\u001b[2J\\u007f\"");
}

static void test_utf8(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "\xc3\xa4", "\"\xc3\xa4\"" },
		{ "\xe2\x82\xac", "\"\xe2\x82\xac\"" },
		{ "\xf0\x9f\x90\xa7.", "\"\xf0\x9f\x90\xa7.\"" },
		{ "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"" },
		/* Bytes that begin nothing, in longer forms than needed, cut off, surrogates,
		 * beyond the last character. */
		{ "\x80", "\"\\ufffd\"" },
		{ "\xff.", "\"\\ufffd.\"" },
		{ "\xc0\x80", "\"\\ufffd\\ufffd\"" },
		{ "\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xf0\x80\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },
		{ "\xe2\x82x", "\"\\ufffd\\ufffdx\"" },
		{ "\xc3", "\"\\ufffd\"" },
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_text(cases[i].text, strlen(cases[i].text), cases[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
