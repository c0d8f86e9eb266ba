// SPDX-License-Identifier: GPL-2.0-only
/* The module's 8254. */
#include <stdlib.h>

#include "support.h"

#include "vmm-user/module/pit.h"

#define SECOND 1000000000ll

static struct pit p;

/* `count` ticks after 0, in nanoseconds, in the middle of a tick. */
static int64_t at(int64_t count)
{
	return (count * SECOND + SECOND / 2) / PIT_HZ;
}

static bool program(unsigned int channel, uint8_t control, uint16_t count)
{
	pit_write(&p, 3, (uint8_t)(channel << 6 | control), 0);
	pit_write(&p, channel, count & 0xff, 0);
	return pit_write(&p, channel, (uint8_t)(count >> 8), 0);
}

static uint16_t latched(unsigned int channel, int64_t now)
{
	uint8_t low;

	pit_write(&p, 3, (uint8_t)(channel << 6), now);
	low = pit_read(&p, channel, now + SECOND);
	return (uint16_t)(low | pit_read(&p, channel, now + SECOND) << 8);
}

static void test_rate(void **state)
{
	bool repeats;

	(void)state;
	pit_reset(&p, 0);
	assert_int_equal(pit_period(&p, &repeats), 0);
	assert_true(program(0, 0x34, 1193)); /* mode 2 */
	assert_int_equal(pit_period(&p, &repeats), 1193 * SECOND / PIT_HZ);
	assert_true(repeats);
	assert_int_equal(latched(0, at(0)), 1193);
	assert_int_equal(latched(0, at(193)), 1000);
	assert_int_equal(latched(0, at(1193 + 1)), 1192);
	program(0, 0x36, 0); /* mode 3, 65536 */
	assert_int_equal(pit_period(&p, &repeats), 65536 * SECOND / PIT_HZ);
	assert_int_equal(latched(0, at(100)), (65536 - 200) & 0xffff);
	assert_int_equal(latched(0, at(32768)), 0);
	assert_false(program(2, 0x36, 100));
}

static void test_once(void **state)
{
	bool repeats;

	(void)state;
	pit_reset(&p, 0);
	program(0, 0x30, 5000); /* mode 0 */
	assert_int_equal(pit_period(&p, &repeats), 5000 * SECOND / PIT_HZ);
	assert_false(repeats);
	assert_int_equal(latched(0, at(4999)), 1);
	assert_int_equal(latched(0, at(5002)), 0xfffe);
	program(0, 0x32, 5000); /* mode 1 waits for its gate */
	assert_int_equal(pit_period(&p, &repeats), 0);
}

static void test_bcd(void **state)
{
	bool repeats;

	(void)state;
	pit_reset(&p, 0);
	program(0, 0x35, 0x1234);
	assert_int_equal(pit_period(&p, &repeats), 1234 * SECOND / PIT_HZ);
	assert_int_equal(latched(0, at(34)), 0x1200);
	program(0, 0x31, 0);
	assert_int_equal(pit_period(&p, &repeats), 10000 * SECOND / PIT_HZ);
	assert_int_equal(latched(0, at(1)), 0x9999);
}

static void test_access(void **state)
{
	(void)state;
	pit_reset(&p, 0);
	pit_write(&p, 3, 0x14, 0); /* low byte only */
	assert_true(pit_write(&p, 0, 0x80, 0));
	assert_int_equal(p.state.channels[0].count, 0x80);
	assert_int_equal(pit_read(&p, 0, 0), 0x80);
	pit_write(&p, 3, 0x24, 0); /* high byte only */
	assert_true(pit_write(&p, 0, 0x12, 0));
	assert_int_equal(p.state.channels[0].count, 0x1200);
	assert_int_equal(pit_read(&p, 0, 0), 0x12);
	program(0, 0x34, 0xabcd);
	assert_int_equal(pit_read(&p, 0, 0), 0xcd);
	assert_int_equal(pit_read(&p, 0, 0), 0xab);
	assert_int_equal(pit_read(&p, 3, 0), 0);
	/* Read-back: status, then the count. */
	pit_write(&p, 3, 0xc2, at(1));
	assert_int_equal(pit_read(&p, 0, at(9)), 0x80 | 0x34);
	assert_int_equal(pit_read(&p, 0, at(9)), 0xcc);
	assert_int_equal(pit_read(&p, 0, at(9)), 0xab);
	/* A second latch does not replace the first. */
	pit_write(&p, 3, 0, at(2));
	pit_write(&p, 3, 0, at(5));
	assert_int_equal(pit_read(&p, 0, at(9)), 0xcb);
}

static void test_speaker(void **state)
{
	(void)state;
	pit_reset(&p, 0);
	program(2, 0x30, 1000);
	assert_int_equal(pit_speaker_read(&p, at(10)) & 0x23, 0);
	pit_speaker_write(&p, 3, at(10));
	assert_int_equal(pit_speaker_read(&p, at(999)) & 0x23, 3);
	assert_int_equal(pit_speaker_read(&p, at(1001)) & 0x23, 0x23);
	/* Mode 3 begins anew when its gate opens. */
	program(2, 0x36, 1000);
	pit_speaker_write(&p, 0, 0);
	pit_speaker_write(&p, 1, at(600));
	assert_int_equal(pit_speaker_read(&p, at(600 + 499)) & 0x20, 0x20);
	assert_int_equal(pit_speaker_read(&p, at(600 + 501)) & 0x20, 0);
	assert_int_not_equal(pit_speaker_read(&p, 0) & 0x10, pit_speaker_read(&p, 15085) & 0x10);
}

static void test_restore(void **state)
{
	struct kvm_pit_state2 s;
	bool repeats;

	(void)state;
	random_seed(8254);
	for (unsigned int i = 0; i < 20000; i++) {
		for (unsigned int j = 0; j < sizeof(s); j++)
			((uint8_t *)&s)[j] = (uint8_t)random_next();
		pit_restore(&p, &s, 1000);
		for (unsigned int j = 0; j < 8; j++) {
			uint8_t value = (uint8_t)random_next();
			int64_t now = (int64_t)((uint64_t)random_next() << 31 | random_next());

			if (value & 1)
				pit_write(&p, random_next() % 4, value, now);
			else
				pit_read(&p, random_next() % 4, now);
			pit_speaker_write(&p, value, now);
			pit_speaker_read(&p, now);
			assert_true(pit_period(&p, &repeats) >= 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),    cmocka_unit_test(test_once),
		cmocka_unit_test(test_bcd),     cmocka_unit_test(test_access),
		cmocka_unit_test(test_speaker), cmocka_unit_test(test_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
