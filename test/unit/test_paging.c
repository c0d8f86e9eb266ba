// SPDX-License-Identifier: GPL-2.0-only
/* hv/paging.c: against a model that knows each 4 KiB page. */
#include "support.h"

#include <stdlib.h>

#include "hv/frame.h"
#include "hv/paging.h"
#include "hv/panic.h"
#include "hv/phys.h"

/* Two formats that differ in everything: one forbids executing by a bit, one allows it by one. */
static const struct pt_format formats[] = {
	{ .present = BIT(0),
	  .table = BIT(0) | BIT(1) | BIT(2),
	  .leaf = BIT(0) | BIT(2),
	  .write = BIT(1),
	  .no_exec = 1ull << 63,
	  .uncached = BIT(3) | BIT(4) },
	{ .present = BIT(0) | BIT(1) | BIT(2),
	  .table = BIT(0) | BIT(1) | BIT(2),
	  .leaf = BIT(0),
	  .write = BIT(1),
	  .exec = BIT(2),
	  .cached = BIT(3) | BIT(4) },
};

#define TABLES 4200
#define SPACE (4 * GIB) /* that the model covers */
#define PAGES (SPACE >> PAGE_SHIFT)

static struct pool pool;
static struct address_space as;

/* What the model says of a page: the frame and flags plus 1, or 0 for nothing. */
static uint64_t *model;

void panic(const char *format, ...)
{
	(void)format;
	fail_msg("%s", "panic");
	abort();
}

void *phys_to_virt(uint64_t pa)
{
	void *at = phys_map(pa, PAGE_SIZE);

	assert_non_null(at);
	return at;
}

uint64_t virt_to_phys(const void *va)
{
	return (uint64_t)((const uint8_t *)va - memory);
}

static void start(const struct pt_format *format, int largest_leaf, uint64_t tables)
{
	memory_create((TABLES + 1) * PAGE_SIZE);
	model = calloc(PAGES, sizeof(*model));
	assert_non_null(model);
	pool = (struct pool){ 0 };
	for (uint64_t i = 1; i <= tables; i++)
		pool_put(&pool, hpa(i * PAGE_SIZE));
	as = (struct address_space){ .format = format,
				     .largest_leaf = largest_leaf,
				     .pool = &pool };
	as.root = pool_get(&pool);
}

static void end(void)
{
	free(model);
	memory_destroy();
}

static void model_map(uint64_t in, uint64_t out, uint64_t size, uint32_t flags)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		model[(in + at) >> PAGE_SHIFT] = (out + at) | flags | BIT(11);
}

/* What the tables say of a page, in the model's terms. */
static uint64_t lookup(uint64_t address)
{
	int level = 0;
	uint64_t entry = *pt_find(&as, address, &level);
	const struct pt_format *f = as.format;
	uint64_t offset;

	assert_in_range(level, 1, PT_LEVELS);
	if (!pt_present(&as, entry))
		return 0;
	assert_true(pt_is_leaf(entry, level));
	assert_true(level <= as.largest_leaf);
	assert_int_equal(entry & f->leaf, f->leaf);
	assert_int_equal((entry & PT_LARGE) != 0, level > 1);
	offset = address & (pt_span(level) - 1) & PAGE_MASK;
	return ((entry & PT_ADDRESS & ~(pt_span(level) - 1)) + offset) | BIT(11) |
	       (pt_writable(&as, entry) ? PT_WRITE : 0) |
	       ((f->exec ? entry & f->exec : !(entry & f->no_exec)) ? PT_EXEC : 0) |
	       ((f->uncached ? entry & f->uncached : !(entry & f->cached)) ? PT_UNCACHED : 0);
}

static void check_near(uint64_t address)
{
	static const int64_t steps[] = { 0, -1, 1, 511, 512, -512, 0x40000, -0x40000 };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t pfn = (address >> PAGE_SHIFT) + (uint64_t)steps[i];

		if (pfn < PAGES)
			assert_int_equal(lookup(pfn << PAGE_SHIFT), model[pfn]);
	}
}

static bool model_free(uint64_t in, uint64_t size)
{
	for (uint64_t at = in; at < in + size; at += PAGE_SIZE) {
		if (at >= SPACE || model[at >> PAGE_SHIFT])
			return false;
	}
	return true;
}

/* Ranges of all sizes and alignments, none over another. */
static void test_map(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 6; round++) {
		start(&formats[round & 1], 1 + (int)round % 3, TABLES);
		random_seed(round);
		for (unsigned int i = 0; i < 200; i++) {
			uint64_t unit = pt_span(1 + (int)(random_next() % 2));
			uint64_t in = random_next() % (SPACE / unit) * unit;
			uint64_t size = (1 + random_next() % 20) * unit;
			uint64_t out = (uint64_t)random_next() % (1ull << 20) * unit;
			uint32_t flags = random_next() & 7;

			if (!model_free(in, size))
				continue;
			assert_true(pt_map_range(&as, in, hpa(out), size, flags));
			model_map(in, out, size, flags);
			check_near(in);
			check_near(in + size - PAGE_SIZE);
		}
		for (uint64_t pfn = 0; pfn < PAGES; pfn += 1 + random_next() % 64)
			assert_int_equal(lookup(pfn << PAGE_SHIFT), model[pfn]);
		end();
	}
}

/* Large leaves are used where they fit, and only there. */
static void test_levels(void **state)
{
	static const struct {
		uint64_t in, out, size;
		int largest, level;
		uint64_t at;
	} rows[] = {
		{ 0, 0, GIB, 3, 3, 0 },
		{ 0, 0, GIB, 2, 2, 0 },
		{ 0, 0, GIB, 1, 1, 512 * PAGE_SIZE },
		{ 0, 2 * MIB, GIB, 3, 2, GIB - PAGE_SIZE },
		{ 0, PAGE_SIZE, 4 * MIB, 3, 1, MIB },
		{ 2 * MIB, 6 * MIB, 2 * MIB, 3, 2, 3 * MIB },
		{ 2 * MIB - PAGE_SIZE, 4 * MIB - PAGE_SIZE, 2 * MIB + 2 * PAGE_SIZE, 3, 2,
		  2 * MIB },
		{ 2 * MIB - PAGE_SIZE, 4 * MIB - PAGE_SIZE, 2 * MIB, 3, 1, 3 * MIB },
		{ GIB - 2 * MIB, 0, 2 * MIB, 3, 2, GIB - 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int level;

		start(&formats[0], rows[i].largest, TABLES);
		assert_true(
			pt_map_range(&as, rows[i].in, hpa(rows[i].out), rows[i].size, PT_WRITE));
		pt_find(&as, rows[i].at, &level);
		assert_int_equal(level, rows[i].level);
		end();
	}
}

/* Splitting a leaf changes nothing that can be seen, present or zombie. */
static void test_split(void **state)
{
	int level;

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(formats); f++) {
		start(&formats[f], 3, TABLES);
		assert_true(pt_map_range(&as, 0, hpa(7 * GIB), 2 * GIB, PT_WRITE | PT_EXEC));
		model_map(0, 7 * GIB, 2 * GIB, PT_WRITE | PT_EXEC);
		assert_non_null(pt_make(&as, 5 * MIB, 2));
		check_near(5 * MIB);
		pt_find(&as, 5 * MIB, &level);
		assert_int_equal(level, 2);
		assert_non_null(pt_make(&as, 5 * MIB + 3 * PAGE_SIZE, 1));
		pt_find(&as, 5 * MIB, &level);
		assert_int_equal(level, 1);
		pt_find(&as, GIB, &level);
		assert_int_equal(level, 3);
		for (uint64_t pfn = 0; pfn < 2 * GIB >> PAGE_SHIFT; pfn++)
			assert_int_equal(lookup(pfn << PAGE_SHIFT), model[pfn]);

		/* A 2 MiB zombie becomes 512 zombies that name their frames. */
		pt_write(pt_make(&as, 8 * MIB, 2), (7 * GIB + 8 * MIB) | PT_LARGE | PT_ZOMBIE);
		for (uint64_t at = 8 * MIB; at < 10 * MIB; at += PAGE_SIZE) {
			uint64_t *entry = pt_make(&as, at, 1);

			assert_int_equal(*entry, (7 * GIB + at) | PT_ZOMBIE);
			assert_false(pt_present(&as, *entry));
		}
		end();
	}
}

/* Without a frame for a table nothing changes, however far it got. */
static void test_no_memory(void **state)
{
	(void)state;
	for (uint64_t tables = 1; tables < 8; tables++) {
		uint64_t *entry;

		start(&formats[0], 3, tables);
		entry = pt_make(&as, 3 * GIB, 3);
		if (tables == 1) {
			assert_null(entry);
			assert_int_equal(lookup(3 * GIB), 0);
			end();
			continue;
		}
		pt_write(entry, pt_make_leaf(&as, hpa(9 * GIB), 3, PT_WRITE));
		model_map(3 * GIB, 9 * GIB, GIB, PT_WRITE);
		entry = pt_make(&as, 3 * GIB + 5 * MIB, 1);
		assert_int_equal(entry != NULL, tables >= 4);
		check_near(3 * GIB + 5 * MIB);
		check_near(3 * GIB);
		check_near(SPACE - PAGE_SIZE);
		assert_int_equal(pt_map_range(&as, GIB, hpa(0), PAGE_SIZE, 0), tables >= 6);
		end();
	}
	/* What PT_MAKE_TABLES promises. */
	start(&formats[0], 3, 1 + PT_MAKE_TABLES);
	assert_non_null(pt_make(&as, 0x123456789000, 1));
	assert_int_equal(pool.count, 0);
	end();
}

static void test_addresses(void **state)
{
	(void)state;
	/* Far ends of the space that four levels reach, apart from each other. */
	start(&formats[1], 2, TABLES);
	assert_true(pt_map_range(&as, 0, hpa(0x11000), PAGE_SIZE, PT_WRITE));
	assert_true(
		pt_map_range(&as, (1ull << 48) - PAGE_SIZE, hpa(0xffffffffff000), PAGE_SIZE, 0));
	assert_true(pt_map_range(&as, 1ull << 47, hpa(0x22000), PAGE_SIZE, PT_EXEC));
	assert_int_equal(lookup(0) & PAGE_MASK, 0x11000);
	assert_int_equal(lookup((1ull << 48) - PAGE_SIZE) & PAGE_MASK, 0xffffffffff000);
	assert_int_equal(lookup(1ull << 47) & PAGE_MASK, 0x22000);
	assert_int_equal(lookup(1ull << 39), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),       cmocka_unit_test(test_levels),
		cmocka_unit_test(test_split),     cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
