// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include "hv/boot/options.h"

static enum console_port port;
static uint32_t baud;
static enum log_level level;

void console_set(enum console_port new_port, uint32_t new_baud)
{
	port = new_port;
	baud = new_baud;
}

void log_set_level(enum log_level new_level)
{
	level = new_level;
}

static struct options parse(const char *cmdline)
{
	struct options options;

	options_parse(&options, cmdline);
	return options;
}

static void test_defaults(void **state)
{
	struct options options = parse("");

	(void)state;
	assert_int_equal(options.console, CONSOLE_COM1);
	assert_int_equal(options.baud, 115200);
	assert_int_equal(options.loglevel, LOG_INFO);
	assert_int_equal(options.reboot, OPTIONS_NO_REBOOT);
	assert_int_equal(options.complaint_count, 0);
}

static void test_values(void **state)
{
	struct options options = parse("  console=com2,9600\tloglevel=debug  reboot=30 ");

	(void)state;
	assert_int_equal(options.console, CONSOLE_COM2);
	assert_int_equal(options.baud, 9600);
	assert_int_equal(options.loglevel, LOG_DEBUG);
	assert_int_equal(options.reboot, 30);
	assert_int_equal(options.complaint_count, 0);
	assert_int_equal(parse("console=none").console, CONSOLE_NONE);
	assert_int_equal(parse("reboot=5 reboot=0").reboot, 0);

	log_forget();
	options_apply(&options);
	assert_int_equal(port, CONSOLE_COM2);
	assert_int_equal(baud, 9600);
	assert_int_equal(level, LOG_DEBUG);
	assert_false(log_has("ignored"));
}

/* Each of these is named in a warning and changes nothing. */
static void test_complaints(void **state)
{
	static const char *const bad[] = {
		"nosuch=1",
		"quiet",
		"=",
		"console",
		"console=",
		"console=com3",
		"loglevel",
		"console=com1,9601",
		"console=com1,0",
		"console=com1,1",
		"console=com1,230400",
		"console=com1,115200,8n1",
		"console=com1,99999999999999999999",
		"loglevel=",
		"loglevel=debugx",
		"loglevel=debu",
		"reboot=",
		"reboot=-1",
		"reboot=3601",
		"reboot=4294967296",
		"reboot=1s",
		"Console=com2",
		"console=com2=",
	};
	const struct options defaults = parse("");

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct options options = parse(bad[i]);

		assert_int_equal(options.complaint_count, 1);
		assert_int_equal(options.console, defaults.console);
		assert_int_equal(options.baud, defaults.baud);
		assert_int_equal(options.loglevel, defaults.loglevel);
		assert_int_equal(options.reboot, defaults.reboot);
		log_forget();
		options_apply(&options);
		assert_true(log_has("ignored"));
		assert_true(log_has(bad[i]));
	}
}

static void test_many_complaints(void **state)
{
	struct options options = parse("a b c d e f g h i j reboot=1");

	(void)state;
	assert_int_equal(options.complaint_count, 10);
	assert_int_equal(options.reboot, 1);
	log_forget();
	options_apply(&options);
	assert_true(log_has("\"h\""));
	assert_false(log_has("\"i\""));
	assert_true(log_has("2 more options ignored"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_many_complaints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
