/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One walker for every page-table format: root mode's own tables, NPT, EPT.
 *
 * A format says which bits mean what; an address space is a root table in such
 * a format with the pool that its tables come from. Tables have 512 entries of
 * 8 bytes, levels count from 1 (4 KiB leaves) up.
 *
 * An unmapped leaf of a guest goes through the state ZOMBIE: not present to the
 * processor, but still naming its frame, until every processor has dropped its
 * old translations (see vm.h). Only then is the entry cleared.
 */
#ifndef HV_PAGING_H
#define HV_PAGING_H

#include "hv/frame.h"
#include "hv/types.h"

#define PT_WRITE BIT(0)
#define PT_EXEC BIT(1)
#define PT_UNCACHED BIT(2)

#define PT_LEVELS 4
#define PT_ENTRIES 512u

struct pt_format {
	uint64_t present;  /* an entry is present if any of these bits is set */
	uint64_t table;    /* bits of an entry that refers to a table */
	uint64_t leaf;     /* bits of every leaf */
	uint64_t write;    /* leaf bits that give write permission */
	uint64_t exec;     /* leaf bits that give execute permission... */
	uint64_t no_exec;  /* ...and those that take it away */
	uint64_t uncached; /* leaf bits instead of `cached` for device memory */
	uint64_t cached;   /* leaf bits for ordinary memory */
	bool typed;        /* the leaf's memory type stands in place of the MTRRs' */
	int largest_leaf;  /* of a nested format: the highest level that may hold leaves */
};

/* Bits that all formats share: page size, and two that every format ignores in
 * a non-present entry. */
#define PT_LARGE BIT(7)
#define PT_ZOMBIE BIT(9)
#define PT_ADDRESS 0x000ffffffffff000ull

struct address_space {
	const struct pt_format *format;
	hpa_t root;        /* the level-4 table */
	int largest_leaf;  /* the highest level that may hold leaves: 1, 2 or 3 */
	struct pool *pool; /* where new tables come from */
};

/* Bytes that a leaf or a table entry at `level` covers. */
static inline uint64_t pt_span(int level)
{
	return 1ul << (PAGE_SHIFT + 9 * (level - 1));
}

static inline bool pt_present(const struct address_space *as, uint64_t entry)
{
	return entry & as->format->present;
}

/* Whether `entry`, present or zombie, at `level` is a leaf. */
static inline bool pt_is_leaf(uint64_t entry, int level)
{
	return level == 1 || entry & PT_LARGE;
}

uint64_t pt_make_leaf(const struct address_space *as, hpa_t frame, int level, uint32_t flags);

/* Write permission of a present leaf. */
static inline bool pt_writable(const struct address_space *as, uint64_t entry)
{
	return (entry & as->format->write) == as->format->write;
}

/*
 * The entry that decides about `address`: the leaf or empty entry where the
 * walk ends, never a table entry. *level is its level. Never NULL.
 */
uint64_t *pt_find(const struct address_space *as, uint64_t address, int *level);

/*
 * The entry for `address` at exactly `level`, making tables on the way and splitting larger
 * leaves (each part keeps frame and permissions). NULL if the pool lacks a frame; what was
 * made until then stays and maps the same as before. The entry may itself refer to a table.
 */
uint64_t *pt_make(const struct address_space *as, uint64_t address, int level);

/* Tables that pt_make() may need at the most for one entry at level 1. */
#define PT_MAKE_TABLES 3

/*
 * Boot-time mapping of [in, in + size) to `out`, in leaves as large as alignment allows.
 * Addresses and size in multiples of 4 KiB. False if the pool runs out.
 */
bool pt_map_range(const struct address_space *as, uint64_t in, hpa_t out, uint64_t size,
		  uint32_t flags);

/* Writes one entry so that a walker on any processor sees the old or the new value whole. */
static inline void pt_write(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

#endif
