// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include "hv/boot/options.h"
#include "hv/console.h"
#include "hv/log.h"

static enum console_port port;
static uint16_t divisor;
static enum log_level level;

void console_set(enum console_port new_port, uint16_t new_divisor)
{
	/* Before any complaint: it would be lost. */
	assert_false(log_has("ignored"));
	port = new_port;
	divisor = new_divisor;
}

void log_set_level(enum log_level new_level)
{
	assert_false(log_has("ignored"));
	level = new_level;
}

static int setup(void **state)
{
	static struct options defaults;

	(void)state;
	if (!defaults.console)
		defaults = options;
	options = defaults;
	log_forget();
	return 0;
}

static void expect(enum console_port want_port, uint16_t want_divisor, enum log_level want_level,
		   uint32_t want_reboot)
{
	assert_int_equal(options.console, want_port);
	assert_int_equal(port, want_port);
	assert_int_equal(options.divisor, want_divisor);
	assert_int_equal(divisor, want_divisor);
	assert_int_equal(options.loglevel, want_level);
	assert_int_equal(level, want_level);
	assert_int_equal(options.reboot, want_reboot);
}

static void test_defaults(void **state)
{
	(void)state;
	options_take("");
	expect(CONSOLE_COM1, 1, LOG_INFO, OPTIONS_NO_REBOOT);
}

static void test_values(void **state)
{
	(void)state;
	options_take("  console=com2\tbaud=9600\nloglevel=debug  reboot=30 ");
	expect(CONSOLE_COM2, 12, LOG_DEBUG, 30);
	options_take("console=none reboot=5 reboot=0 loglevel=warn loglevel=error");
	expect(CONSOLE_NONE, 12, LOG_ERROR, 0);
	options_take("console=com1 baud=57600 reboot=3600");
	expect(CONSOLE_COM1, 2, LOG_ERROR, 3600);
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
		"console=com",
		"console=com1,9600",
		"Console=com2",
		"console=com2=",
		"baud=",
		"baud=0",
		"baud=9601",
		"baud=1152000",
		"loglevel",
		"loglevel=",
		"loglevel=debugx",
		"loglevel=debu",
		"reboot",
		"reboot=",
		"reboot=-1",
		"reboot=3601",
		"reboot=4294967297",
		"reboot=1s",
		"reboot=99999999999999999999",
		"\xff",
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup(state);
		options_take(bad[i]);
		assert_true(log_has("ignored"));
		assert_true(log_has(bad[i]));
		expect(CONSOLE_COM1, 1, LOG_INFO, OPTIONS_NO_REBOOT);
	}
}

/* The rest of the line counts all the same, and complaints go to the console it names. */
static void test_mixed(void **state)
{
	(void)state;
	options_take("what console=com2 ever reboot=1");
	assert_true(log_has("\"what\" ignored"));
	assert_true(log_has("\"ever\" ignored"));
	assert_false(log_has("\"console=com2"));
	expect(CONSOLE_COM2, 1, LOG_INFO, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults, setup),
		cmocka_unit_test_setup(test_values, setup),
		cmocka_unit_test_setup(test_complaints, setup),
		cmocka_unit_test_setup(test_mixed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
