// SPDX-License-Identifier: GPL-2.0-only
/* The module's table of memory slots. */
#include <stdlib.h>

#include "support.h"

#include "vmm-user/module/slot_table.h"

#define ROOM 8

static struct slot_table *table_make(struct mullion_slot *const *slots, uint32_t count)
{
	struct slot_table *table = calloc(1, slot_table_size(ROOM));

	assert_non_null(table);
	table->count = count;
	for (uint32_t i = 0; i < count; i++)
		table->slots[i] = slots[i];
	return table;
}

static struct mullion_slot low = { .id = 0, .gfn = 0, .pages = 0xa0, .hva = 0x10000000 };
static struct mullion_slot rom = { .id = 5, .gfn = 0xc0, .pages = 1, .hva = 0x20000000 };
static struct mullion_slot high = { .id = 2, .gfn = 0x100000, .pages = 0x1000, .hva = 0x30000000 };

static struct slot_table *three(void)
{
	struct mullion_slot *slots[] = { &low, &rom, &high };

	return table_make(slots, 3);
}

static void test_find(void **state)
{
	struct slot_table *table = three();
	struct slot_table *empty = table_make(NULL, 0);

	(void)state;
	assert_ptr_equal(slot_table_find(table, 0), &low);
	assert_ptr_equal(slot_table_find(table, 0x9f), &low);
	assert_null(slot_table_find(table, 0xa0));
	assert_null(slot_table_find(table, 0xbf));
	assert_ptr_equal(slot_table_find(table, 0xc0), &rom);
	assert_null(slot_table_find(table, 0xc1));
	assert_null(slot_table_find(table, 0xfffff));
	assert_ptr_equal(slot_table_find(table, 0x100fff), &high);
	assert_ptr_equal(slot_table_find(table, 0x100000), &high);
	assert_ptr_equal(slot_table_find(table, 0), &low);
	assert_null(slot_table_find(table, 0x101000));
	assert_null(slot_table_find(table, UINT64_MAX));
	assert_null(slot_table_find(empty, 0));
	assert_ptr_equal(slot_table_by_id(table, 5), &rom);
	assert_null(slot_table_by_id(table, 1));
	free(table);
	free(empty);
}

static void test_replace(void **state)
{
	struct slot_table *from = three(), *to = table_make(NULL, 0);
	struct mullion_slot new = { .id = 7, .gfn = 0xa0, .pages = 0x20 };

	(void)state;
	assert_int_equal(slot_table_replace(to, from, &new, false), 0);
	assert_int_equal(to->count, 4);
	assert_ptr_equal(to->slots[1], &new);
	assert_ptr_equal(to->slots[2], &rom);

	/* One page too many, one too early, and around everything. */
	new.pages = 0x21;
	assert_int_equal(slot_table_replace(to, from, &new, false), -EEXIST);
	new = (struct mullion_slot){ .id = 7, .gfn = 0x9f, .pages = 1 };
	assert_int_equal(slot_table_replace(to, from, &new, false), -EEXIST);
	new = (struct mullion_slot){ .id = 7, .gfn = 0xb0, .pages = 0x200000 };
	assert_int_equal(slot_table_replace(to, from, &new, false), -EEXIST);

	/* A slot may overlap its own former place. */
	new = (struct mullion_slot){ .id = 0, .gfn = 0x10, .pages = 0xa0 };
	assert_int_equal(slot_table_replace(to, from, &new, false), 0);
	assert_int_equal(to->count, 3);
	assert_ptr_equal(to->slots[0], &new);

	/* To the very end, behind all others. */
	new = (struct mullion_slot){ .id = 0, .gfn = 0x200000, .pages = 1 };
	assert_int_equal(slot_table_replace(to, from, &new, false), 0);
	assert_int_equal(to->count, 3);
	assert_ptr_equal(to->slots[0], &rom);
	assert_ptr_equal(to->slots[2], &new);

	new = (struct mullion_slot){ .id = 5 };
	assert_int_equal(slot_table_replace(to, from, &new, true), 0);
	assert_int_equal(to->count, 2);
	assert_ptr_equal(to->slots[0], &low);
	assert_ptr_equal(to->slots[1], &high);
	free(from);
	free(to);
}

static void test_hva_range(void **state)
{
	uint64_t gfn;

	(void)state;
	assert_int_equal(slot_hva(&high, 0x100001), 0x30001000);
	assert_int_equal(slot_hva_range(&high, 0, UINT64_MAX, &gfn), 0x1000);
	assert_int_equal(gfn, 0x100000);
	assert_int_equal(slot_hva_range(&high, 0x30001000, 0x30003000, &gfn), 2);
	assert_int_equal(gfn, 0x100001);
	/* Parts of pages count as pages. */
	assert_int_equal(slot_hva_range(&high, 0x30001fff, 0x30002001, &gfn), 2);
	assert_int_equal(slot_hva_range(&high, 0x31000000, 0x32000000, &gfn), 0);
	assert_int_equal(slot_hva_range(&high, 0x2fff0000, 0x30000000, &gfn), 0);
	assert_int_equal(slot_hva_range(&high, 0x30fff000, 0x40000000, &gfn), 1);
	assert_int_equal(gfn, 0x100fff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_hva_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
