// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include <string.h>

#include "hv/boot/memmap.h"

static struct memmap map;

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	return 0;
}

/* What must hold whatever was added. */
static void check_order(void)
{
	assert_true(map.count <= MEMMAP_MAX);
	for (uint32_t i = 0; i < map.count; i++) {
		const struct memmap_entry *e = &map.entry[i];

		assert_true(e->start < e->end);
		if (i)
			assert_true(e[-1].end < e->start ||
				    (e[-1].end == e->start && e[-1].type != e->type));
	}
}

static void expect(const struct memmap_entry *entries, uint32_t count)
{
	check_order();
	assert_int_equal(map.count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(map.entry[i].start, entries[i].start);
		assert_int_equal(map.entry[i].end, entries[i].end);
		assert_int_equal(map.entry[i].type, entries[i].type);
	}
}

#define EXPECT(...)                                                                                \
	do {                                                                                       \
		const struct memmap_entry entries[] = { __VA_ARGS__ };                             \
                                                                                                   \
		expect(entries, sizeof(entries) / sizeof(entries[0]));                             \
	} while (0)

static void test_sorts_and_unites(void **state)
{
	(void)state;
	assert_true(memmap_add(&map, 0x3000, 0x1000, MEMMAP_RAM));
	assert_true(memmap_add(&map, 0x1000, 0x1000, MEMMAP_RAM));
	assert_true(memmap_add(&map, 0x8000, 0x1000, MEMMAP_NVS));
	EXPECT({ 0x1000, 0x2000, MEMMAP_RAM }, { 0x3000, 0x4000, MEMMAP_RAM },
	       { 0x8000, 0x9000, MEMMAP_NVS });
	assert_true(memmap_add(&map, 0x2000, 0x1000, MEMMAP_RAM));
	EXPECT({ 0x1000, 0x4000, MEMMAP_RAM }, { 0x8000, 0x9000, MEMMAP_NVS });
}

static void test_restrictive_type_wins(void **state)
{
	(void)state;
	memmap_add(&map, 0x1000, 0x3000, MEMMAP_RESERVED);
	memmap_add(&map, 0, 0x10000, MEMMAP_RAM);
	EXPECT({ 0, 0x1000, MEMMAP_RAM }, { 0x1000, 0x4000, MEMMAP_RESERVED },
	       { 0x4000, 0x10000, MEMMAP_RAM });
	memmap_add(&map, 0x3000, 0x3000, MEMMAP_ACPI);
	EXPECT({ 0, 0x1000, MEMMAP_RAM }, { 0x1000, 0x4000, MEMMAP_RESERVED },
	       { 0x4000, 0x6000, MEMMAP_ACPI }, { 0x6000, 0x10000, MEMMAP_RAM });
	memmap_add(&map, 0x800, 0xa000, MEMMAP_UNUSABLE);
	EXPECT({ 0, 0x800, MEMMAP_RAM }, { 0x800, 0xa800, MEMMAP_UNUSABLE },
	       { 0xa800, 0x10000, MEMMAP_RAM });
}

static void test_odd_ranges(void **state)
{
	(void)state;
	assert_true(memmap_add(&map, 0x1000, 0, MEMMAP_RAM));
	EXPECT();
	assert_true(memmap_add(&map, UINT64_MAX - 0xfff, 0x5000, MEMMAP_RESERVED));
	EXPECT({ UINT64_MAX - 0xfff, UINT64_MAX, MEMMAP_RESERVED });
	assert_true(memmap_add(&map, UINT64_MAX, UINT64_MAX, MEMMAP_RESERVED));
	assert_true(memmap_add(&map, 0, UINT64_MAX, MEMMAP_RAM));
	EXPECT({ 0, UINT64_MAX - 0xfff, MEMMAP_RAM },
	       { UINT64_MAX - 0xfff, UINT64_MAX, MEMMAP_RESERVED });
}

static void test_full(void **state)
{
	struct memmap before;

	(void)state;
	for (uint64_t i = 0; memmap_add(&map, i * 0x2000, 0x1000, MEMMAP_RAM); i++)
		assert_true(i < MEMMAP_MAX);
	assert_int_equal(map.count, MEMMAP_MAX);
	before = map;
	assert_false(memmap_add(&map, 0x10000000, 0x1000, MEMMAP_RAM));
	assert_memory_equal(&map, &before, sizeof(map));
	/* Splitting an entry takes two more. */
	assert_false(memmap_add(&map, 0x2400, 0x100, MEMMAP_RESERVED));
	assert_memory_equal(&map, &before, sizeof(map));
	/* What makes it shorter, or no longer, is welcome. */
	assert_true(memmap_add(&map, 0x1000, 0x1000, MEMMAP_RAM));
	assert_int_equal(map.count, MEMMAP_MAX - 1);
	assert_true(memmap_add(&map, 0, 0x10000000, MEMMAP_RESERVED));
	EXPECT({ 0, 0x10000000, MEMMAP_RESERVED });
}

/* Against one type a page, kept in an array. */
static void test_random(void **state)
{
	static const enum memmap_type types[] = { MEMMAP_RAM, MEMMAP_BOOT_SERVICES, MEMMAP_ACPI,
						  MEMMAP_NVS, MEMMAP_RESERVED,      MEMMAP_UNUSABLE,
						  MEMMAP_ROOT };
	int model[300]; /* an index into types, -1: nothing */

	(void)state;
	random_seed(1);
	for (int round = 0; round < 500; round++) {
		memset(&map, 0, sizeof(map));
		memset(model, 0xff, sizeof(model));
		for (int step = 0; step < 40; step++) {
			uint32_t start = random_next() % 280, size = random_next() % 20;
			int type = (int)(random_next() % (sizeof(types) / sizeof(types[0])));

			assert_true(memmap_add(&map, start * 4096ull, size * 4096ull, types[type]));
			for (uint32_t i = start; i < start + size; i++)
				if (model[i] < type)
					model[i] = type;
			check_order();
		}
		for (uint64_t i = 0; i < 300; i++) {
			int found = -1;

			for (uint32_t j = 0; j < map.count; j++)
				if (map.entry[j].start <= i * 4096 && i * 4096 < map.entry[j].end)
					for (int t = 0; t < 7; t++)
						if (types[t] == map.entry[j].type)
							found = t;
			assert_int_equal(found, model[i]);
		}
	}
}

static uint64_t find(uint64_t size, uint64_t align, uint64_t min, uint64_t limit)
{
	return memmap_find(&map,
			   &(struct memmap_request){
				   .size = size, .align = align, .min = min, .limit = limit });
}

static void test_find(void **state)
{
	(void)state;
	memmap_add(&map, 0, 0xa0000, MEMMAP_RAM);
	memmap_add(&map, 0x100000, 0x700000, MEMMAP_RAM);
	memmap_add(&map, 0x700000, 0x1000, MEMMAP_BOOT_SERVICES);

	assert_int_equal(find(0x1000, 0x1000, 0, UINT64_MAX), 0x7ff000);
	assert_int_equal(find(0x100000, 0x1000, 0, UINT64_MAX), 0x600000);
	assert_int_equal(find(0x80000, 0x200000, 0, UINT64_MAX), 0x600000);
	assert_int_equal(find(0x1000, 0x1000, 0, 0x700800), 0x6ff000);
	assert_int_equal(find(0x10000, 0x1000, 0x1000, 0x100000), 0x90000);
	assert_int_equal(find(0x123, 0x1000, 0x400123, 0x401123), 0x401000);
	assert_int_equal(find(0x124, 0x1000, 0x400123, 0x401123), 0);
	assert_int_equal(find(0x600001, 0x1000, 0, UINT64_MAX), 0);
	assert_int_equal(find(0x1000, 0x1000, 0x800000, UINT64_MAX), 0);
	assert_int_equal(find(0x1000, 0x1000, 0x700000, 0x600000), 0);
	assert_int_equal(find(UINT64_MAX, 0x1000, 0, UINT64_MAX), 0);
	/* A block at 0 could not be told from none. */
	assert_int_equal(find(0xa0000, 0x1000, 0, 0x100000), 0);
}

static void test_sums(void **state)
{
	(void)state;
	assert_int_equal(memmap_ram_end(&map, UINT64_MAX), 0);
	memmap_add(&map, 0x100000, 0x100000, MEMMAP_RAM);
	memmap_add(&map, 0x300000, 0x100000, MEMMAP_RAM);
	memmap_add(&map, 0x3f0000, 0x10000, MEMMAP_ROOT);
	memmap_add(&map, 0x400000, 0x100000, MEMMAP_RESERVED);
	assert_int_equal(memmap_ram_bytes(&map), 0x200000);
	assert_int_equal(memmap_ram_end(&map, UINT64_MAX), 0x400000);
	assert_int_equal(memmap_ram_end(&map, 0x380000), 0x380000);
	assert_int_equal(memmap_ram_end(&map, 0x300000), 0x200000);
	assert_int_equal(memmap_ram_end(&map, 0x100000), 0);
	assert_false(memmap_is_memory(MEMMAP_ACPI));
}

static void test_e820(void **state)
{
	static const uint32_t odd[] = { 0, 6, 8, 0x101, UINT32_MAX };

	(void)state;
	for (uint32_t type = 1; type <= 7; type++)
		if (type != 6)
			assert_int_equal(memmap_e820_type(memmap_from_e820(type)), type);
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(memmap_from_e820(odd[i]), MEMMAP_RESERVED);
	assert_int_equal(memmap_from_e820(1), MEMMAP_RAM);
	assert_int_equal(memmap_e820_type(MEMMAP_ROOT), 2);
	assert_int_equal(memmap_e820_type(MEMMAP_BOOT_SERVICES), 1);
}

static void test_log(void **state)
{
	(void)state;
	memmap_add(&map, 0x100000, 0x100000, MEMMAP_RAM);
	memmap_add(&map, 0x200000, 0x1000, MEMMAP_ROOT);
	log_forget();
	memmap_log(&map);
	assert_true(log_has("000000100000-0000001fffff RAM"));
	assert_true(log_has("000000200000-000000200fff RAM, root mode's"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sorts_and_unites, setup),
		cmocka_unit_test_setup(test_restrictive_type_wins, setup),
		cmocka_unit_test_setup(test_odd_ranges, setup),
		cmocka_unit_test_setup(test_full, setup),
		cmocka_unit_test_setup(test_random, setup),
		cmocka_unit_test_setup(test_find, setup),
		cmocka_unit_test_setup(test_sums, setup),
		cmocka_unit_test_setup(test_e820, setup),
		cmocka_unit_test_setup(test_log, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
