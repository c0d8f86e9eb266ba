// SPDX-License-Identifier: GPL-2.0-only
/* hv/frame.c: owners, shares, pools. */
#include "support.h"

#include <string.h>

#include "hv/frame.h"
#include "hv/panic.h"
#include "hv/phys.h"

#define FRAMES 100

static uint16_t table[PAGE_SIZE / sizeof(uint16_t)];
static jmp_buf panicked;
static bool panic_expected;

void panic(const char *format, ...)
{
	(void)format;
	if (!panic_expected)
		fail_msg("%s", "panic");
	longjmp(panicked, 1);
}

/* `call` must end in a failed assertion. */
#define ASSERT_PANICS(call)                                                                        \
	do {                                                                                       \
		panic_expected = true;                                                             \
		if (!setjmp(panicked)) {                                                           \
			call;                                                                      \
			fail_msg("%s", #call " did not panic");                                    \
		}                                                                                  \
		panic_expected = false;                                                            \
	} while (0)

void *phys_to_virt(uint64_t pa)
{
	return phys_map(pa, PAGE_SIZE);
}

uint64_t virt_to_phys(const void *va)
{
	return (uint64_t)((const uint8_t *)va - memory);
}

static int setup(void **state)
{
	(void)state;
	memset(&frame_totals, 0, sizeof(frame_totals));
	frame_init(table, FRAMES, FRAMES);
	frame_mark(hpa(10 * PAGE_SIZE), hpa(60 * PAGE_SIZE), FRAME_SERVICE);
	return 0;
}

static void test_hole(void **state)
{
	enum { LOW = 40, HIGH = 2040 };
	/* 2080 entries need two pages. */
	static uint16_t parts[2 * PAGE_SIZE / sizeof(uint16_t)];
	const uint64_t end = FRAME_HIGH + HIGH;

	(void)state;
	memset(&frame_totals, 0, sizeof(frame_totals));
	memset(parts, 0xff, sizeof(parts));
	assert_int_equal(frame_table_size(LOW, end), sizeof(parts));
	frame_init(parts, LOW, end);
	assert_true(frame_uniform(0, end + 1000));
	frame_mark(hpa(0), hpa(LOW * PAGE_SIZE), FRAME_SERVICE);
	frame_mark(hpa(4 * GIB), hpa((end + 7) * PAGE_SIZE), FRAME_SERVICE);
	assert_int_equal(frame_totals.ram, LOW + HIGH);
	for (uint64_t pfn = 0; pfn < end + 10; pfn++) {
		bool ram = pfn < LOW || (pfn >= FRAME_HIGH && pfn < end);

		assert_int_equal(frame_kind(pfn), ram ? FRAME_SERVICE : FRAME_ABSENT);
		assert_int_equal(frame_donatable(pfn, 1), ram);
		assert_int_equal(frame_number(pfn), 0);
	}
	assert_int_equal(frame_end(), end);
	assert_int_equal(frame_kind(UINT64_MAX), FRAME_ABSENT);

	/* Frames on both sides of the hole and at the end are not each other's. */
	frame_donate(LOW - 1, 3);
	frame_share(FRAME_HIGH);
	frame_donate(end - 1, 5);
	assert_int_equal(frame_number(LOW - 1), 3);
	assert_int_equal(frame_kind(FRAME_HIGH), FRAME_SERVICE);
	assert_int_equal(frame_number(FRAME_HIGH), 1);
	assert_int_equal(frame_number(FRAME_HIGH + 1), 0);
	assert_int_equal(frame_number(end - 1), 5);
	assert_int_equal(frame_kind(end - 2), FRAME_SERVICE);
	assert_false(frame_visible(LOW - 1, 20));
	assert_true(frame_visible(LOW, FRAME_HIGH - LOW + 1));
	assert_true(frame_uniform(LOW, FRAME_HIGH - LOW));
	assert_false(frame_uniform(LOW, FRAME_HIGH - LOW + 1));
	assert_false(frame_shareable(FRAME_HIGH - 1, 2));
	assert_true(frame_shareable(FRAME_HIGH, 20));
	ASSERT_PANICS(frame_share(LOW));
	ASSERT_PANICS(frame_donate(FRAME_HIGH - 1, 1));
}

static void test_mark(void **state)
{
	(void)state;
	assert_int_equal(frame_table_size(1, 1), PAGE_SIZE);
	assert_int_equal(frame_table_size(2049, 2049), 2 * PAGE_SIZE);
	assert_int_equal(frame_table_size(2047, FRAME_HIGH + 1), PAGE_SIZE);
	assert_int_equal(frame_table_size(2047, FRAME_HIGH + 2), 2 * PAGE_SIZE);
	assert_int_equal(frame_end(), FRAMES);
	assert_int_equal(frame_kind(9), FRAME_ABSENT);
	assert_int_equal(frame_kind(10), FRAME_SERVICE);
	assert_int_equal(frame_kind(59), FRAME_SERVICE);
	assert_int_equal(frame_kind(60), FRAME_ABSENT);
	assert_int_equal(frame_totals.ram, 50);

	/* Only whole frames, only those in the table, and RAM counts once. */
	frame_mark(hpa(60 * PAGE_SIZE + 1), hpa(63 * PAGE_SIZE - 1), FRAME_SERVICE);
	assert_int_equal(frame_kind(60), FRAME_ABSENT);
	assert_int_equal(frame_kind(61), FRAME_SERVICE);
	assert_int_equal(frame_kind(62), FRAME_ABSENT);
	frame_mark(hpa(20 * PAGE_SIZE), hpa(25 * PAGE_SIZE), FRAME_ROOT);
	assert_int_equal(frame_totals.ram, 51);
	assert_int_equal(frame_totals.root, 5);
	frame_mark(hpa(98 * PAGE_SIZE), hpa(1000 * PAGE_SIZE), FRAME_SERVICE);
	assert_int_equal(frame_totals.ram, 53);
	assert_int_equal(frame_kind(FRAMES), FRAME_ABSENT);
	assert_int_equal(frame_kind(UINT64_MAX), FRAME_ABSENT);
	assert_int_equal(frame_number(UINT64_MAX), 0);
}

static void test_share(void **state)
{
	(void)state;
	assert_true(frame_shareable(10, 50));
	assert_false(frame_shareable(9, 2));
	assert_false(frame_shareable(59, 2));
	assert_false(frame_shareable(FRAMES - 1, 2));
	assert_false(frame_shareable(UINT64_MAX, 2));
	for (uint32_t i = 0; i < FRAME_NUMBER_MAX; i++) {
		assert_true(frame_shareable(30, 1));
		frame_share(30);
		assert_int_equal(frame_kind(30), FRAME_SERVICE);
		assert_int_equal(frame_number(30), i + 1);
	}
	/* One more would run into the kind. */
	assert_false(frame_shareable(30, 1));
	assert_false(frame_shareable(29, 3));
	ASSERT_PANICS(frame_share(30));
	assert_int_equal(frame_kind(30), FRAME_SERVICE);
	assert_int_equal(frame_totals.shares, FRAME_NUMBER_MAX);
	assert_false(frame_donatable(30, 1));
	for (uint32_t i = 0; i < FRAME_NUMBER_MAX; i++)
		frame_unshare(30);
	ASSERT_PANICS(frame_unshare(30));
	assert_int_equal(frame_totals.shares, 0);
	assert_true(frame_donatable(30, 1));
	ASSERT_PANICS(frame_share(5));
}

static void test_donate(void **state)
{
	(void)state;
	assert_true(frame_donatable(10, 50));
	assert_false(frame_donatable(59, 2));
	assert_false(frame_donatable(UINT64_MAX - 1, 3));
	frame_donate(12, 1023);
	assert_int_equal(frame_kind(12), FRAME_DONATED);
	assert_int_equal(frame_number(12), 1023);
	assert_int_equal(frame_totals.donated, 1);
	assert_false(frame_donatable(10, 5));
	assert_false(frame_shareable(10, 5));
	assert_true(frame_donatable(13, 1));
	ASSERT_PANICS(frame_donate(12, 1));
	ASSERT_PANICS(frame_share(12));
	frame_share(13);
	ASSERT_PANICS(frame_donate(13, 1));
	ASSERT_PANICS(frame_give_back(13));
	frame_give_back(12);
	assert_int_equal(frame_kind(12), FRAME_SERVICE);
	assert_int_equal(frame_number(12), 0);
	assert_int_equal(frame_totals.donated, 0);
	ASSERT_PANICS(frame_give_back(12));
	ASSERT_PANICS(frame_donate(5, 1));
}

static void test_visible(void **state)
{
	(void)state;
	assert_true(frame_visible(0, FRAMES));
	assert_true(frame_visible(FRAMES - 1, 512)); /* beyond RAM: devices */
	assert_true(frame_visible(1ull << 40, 512));
	frame_donate(40, 1);
	assert_false(frame_visible(40, 1));
	assert_false(frame_visible(0, 512));
	assert_true(frame_visible(0, 40));
	assert_true(frame_visible(41, 59));
	frame_give_back(40);
	assert_true(frame_visible(0, 512));
	frame_mark(hpa(99 * PAGE_SIZE), hpa(100 * PAGE_SIZE), FRAME_ROOT);
	assert_false(frame_visible(99, 1));
	assert_false(frame_visible(64, 512));
}

static void test_uniform(void **state)
{
	(void)state;
	assert_true(frame_uniform(10, 50));
	assert_true(frame_uniform(60, 40));
	assert_false(frame_uniform(9, 2));
	assert_false(frame_uniform(59, 2));
	frame_donate(30, 7);
	assert_true(frame_uniform(30, 1));
	assert_false(frame_uniform(29, 2));
}

static void test_pool(void **state)
{
	struct pool pool = { 0 };

	(void)state;
	memory_create(16 * PAGE_SIZE);
	ASSERT_PANICS(pool_get(&pool));
	for (uint64_t i = 1; i < 16; i++) {
		memset(memory + i * PAGE_SIZE, 0xaa, PAGE_SIZE);
		pool_put(&pool, hpa(i * PAGE_SIZE));
		assert_int_equal(pool.count, i);
	}
	for (uint64_t seen = 0, left = 15; left; left--) {
		hpa_t frame = pool_get(&pool);

		assert_int_equal(pool.count, left - 1);
		assert_int_equal(frame.raw % PAGE_SIZE, 0);
		assert_true(frame.raw && frame.raw < 16 * PAGE_SIZE);
		assert_false(seen >> (frame.raw / PAGE_SIZE) & 1);
		seen |= 1ull << (frame.raw / PAGE_SIZE);
		for (size_t i = 0; i < PAGE_SIZE; i++)
			assert_int_equal(memory[frame.raw + i], 0);
	}
	ASSERT_PANICS(pool_get(&pool));
	memory_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mark, setup),
		cmocka_unit_test_setup(test_hole, setup),
		cmocka_unit_test_setup(test_share, setup),
		cmocka_unit_test_setup(test_donate, setup),
		cmocka_unit_test_setup(test_visible, setup),
		cmocka_unit_test_setup(test_uniform, setup),
		cmocka_unit_test_setup(test_pool, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
