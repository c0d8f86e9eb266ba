// SPDX-License-Identifier: GPL-2.0-only
/* The module's filter of MSR accesses. */
#include "support.h"

#include "vmm-user/module/msr_filter.h"

static uint64_t syscall_bits[2] = { 1ull << 2 | 1ull << 63, 1 };
static uint64_t none[1];

static struct msr_filter filter(bool allow)
{
	return (struct msr_filter){
		.allow = allow,
		.count = 3,
		.ranges = {
			{ .base = 0xc0000080, .count = 65, .read = true, .allowed = syscall_bits },
			{ .base = 0xc0000080, .count = 1, .write = true, .allowed = none },
			{ .base = 0xffffffff, .count = 1, .read = true, .write = true,
			  .allowed = none },
		},
	};
}

static void test_ranges(void **state)
{
	struct msr_filter f = filter(true);

	(void)state;
	/* A bit each, to the last one. */
	assert_false(msr_filter_allows(&f, 0xc0000080, false));
	assert_true(msr_filter_allows(&f, 0xc0000082, false));
	assert_false(msr_filter_allows(&f, 0xc0000083, false));
	assert_true(msr_filter_allows(&f, 0xc00000bf, false));
	assert_true(msr_filter_allows(&f, 0xc00000c0, false));
	/* Reads and writes apart; the next range that decides a write counts. */
	assert_false(msr_filter_allows(&f, 0xc0000080, true));
	assert_true(msr_filter_allows(&f, 0xc0000083, true));
	/* At the end of all indices. */
	assert_false(msr_filter_allows(&f, 0xffffffff, false));
	assert_true(msr_filter_allows(&f, 0xfffffffe, false));
	assert_true(msr_filter_allows(&f, 0, false));
}

static void test_default(void **state)
{
	struct msr_filter f = filter(false);

	(void)state;
	assert_false(msr_filter_allows(&f, 0xc000007f, false));
	assert_false(msr_filter_allows(&f, 0xc00000c1, false));
	assert_true(msr_filter_allows(&f, 0xc0000082, false));
	assert_false(msr_filter_allows(&f, 0xc0000082, true));
	/* Interrupts are none of its business. */
	assert_true(msr_filter_allows(&f, 0x800, true));
	assert_true(msr_filter_allows(&f, 0x8ff, false));
	assert_false(msr_filter_allows(&f, 0x7ff, true));
	assert_false(msr_filter_allows(&f, 0x900, false));
}

static void test_no_filter(void **state)
{
	(void)state;
	assert_true(msr_filter_allows(NULL, 0xc0000080, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_no_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
