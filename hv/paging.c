// SPDX-License-Identifier: GPL-2.0-only
/* The page-table walker; contracts in paging.h. */
#include "hv/paging.h"

#include "hv/panic.h"
#include "hv/phys.h"

static unsigned int index_of(uint64_t address, int level)
{
	return address >> (PAGE_SHIFT + 9 * (level - 1)) & (PT_ENTRIES - 1);
}

static uint64_t *entry_in(hpa_t table, uint64_t address, int level)
{
	return (uint64_t *)phys_to_virt(table.raw) + index_of(address, level);
}

uint64_t pt_make_leaf(const struct address_space *as, hpa_t frame, int level, uint32_t flags)
{
	const struct pt_format *f = as->format;

	return frame.raw | f->leaf | (level > 1 ? PT_LARGE : 0) |
	       (flags & PT_WRITE ? f->write : 0) | (flags & PT_EXEC ? f->exec : f->no_exec) |
	       (flags & PT_UNCACHED ? f->uncached : f->cached);
}

uint64_t *pt_find(const struct address_space *as, uint64_t address, int *level)
{
	hpa_t table = as->root;

	for (int l = PT_LEVELS;; l--) {
		uint64_t *entry = entry_in(table, address, l);

		if (!pt_present(as, *entry) || pt_is_leaf(*entry, l)) {
			*level = l;
			return entry;
		}
		table = hpa(*entry & PT_ADDRESS);
	}
}

/* Fills a fresh table with the 512 parts of the present or zombie leaf `leaf` at `level`. */
static void split_leaf(uint64_t *parts, uint64_t leaf, int level)
{
	uint64_t part = level == 2 ? leaf & ~PT_LARGE : leaf;

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		parts[i] = part + i * pt_span(level - 1);
}

uint64_t *pt_make(const struct address_space *as, uint64_t address, int level)
{
	hpa_t table = as->root;

	for (int l = PT_LEVELS;; l--) {
		uint64_t *entry = entry_in(table, address, l);

		if (l == level)
			return entry;
		if (!pt_present(as, *entry) || pt_is_leaf(*entry, l)) {
			hpa_t fresh;

			if (as->pool->count == 0)
				return NULL;
			fresh = pool_get(as->pool);
			if (*entry)
				split_leaf(phys_to_virt(fresh.raw), *entry, l);
			pt_write(entry, fresh.raw | as->format->table);
		}
		table = hpa(*entry & PT_ADDRESS);
	}
}

/* The highest level whose leaves fit both addresses and the size. */
static int leaf_level(const struct address_space *as, uint64_t in, uint64_t out, uint64_t size)
{
	int level = as->largest_leaf;

	while (level > 1 && ((in | out) & (pt_span(level) - 1) || size < pt_span(level)))
		level--;
	return level;
}

bool pt_map_range(const struct address_space *as, uint64_t in, hpa_t out, uint64_t size,
		  uint32_t flags)
{
	while (size) {
		int level = leaf_level(as, in, out.raw, size);
		uint64_t *entry = pt_make(as, in, level);

		if (!entry)
			return false;
		ASSERT(*entry == 0);
		pt_write(entry, pt_make_leaf(as, out, level, flags));
		in += pt_span(level);
		out.raw += pt_span(level);
		size -= pt_span(level);
	}
	return true;
}
