/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of memory slots: which guest frames are backed by what user-space memory.
 *
 * A table is never changed once readers can see it; a change makes a new one. Pure C: the same
 * file builds into mullion.ko and into the tests on the host.
 */
#ifndef MULLION_SLOT_TABLE_H
#define MULLION_SLOT_TABLE_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#define SLOT_PAGE_SHIFT 12

struct mullion_slot {
	uint32_t id;          /* user space's number */
	uint32_t flags;       /* KVM_MEM_* */
	uint64_t gfn;         /* first guest frame */
	uint64_t pages;       /* >= 1 */
	uint64_t hva;         /* of the first byte, page-aligned */
	unsigned long *dirty; /* with KVM_MEM_LOG_DIRTY_PAGES: a bit per page; else NULL */
};

struct slot_table {
	uint32_t count;
	uint32_t last; /* where slot_table_find found its slot; any value is right */
	struct mullion_slot *slots[]; /* by ascending gfn, without overlap */
};

/* Bytes of a table with room for `count` slots. */
size_t slot_table_size(uint32_t count);

/* The slot that holds guest frame `gfn`, or NULL. */
struct mullion_slot *slot_table_find(struct slot_table *table, uint64_t gfn);

/* The slot numbered `id`, or NULL. */
struct mullion_slot *slot_table_by_id(const struct slot_table *table, uint32_t id);

/*
 * Fills `to` (room for from->count + 1 slots) with the slots of `from`, where `slot` takes the
 * place of the one with its number, or is added; with `remove`, the one with that number is left
 * out. -> 0, or -EEXIST if `slot` would overlap another: then `to` holds nothing of use.
 */
int slot_table_replace(struct slot_table *to, const struct slot_table *from,
		       struct mullion_slot *slot, bool remove);

/* User-space address of guest frame `gfn`, which the slot holds. */
static inline uint64_t slot_hva(const struct mullion_slot *slot, uint64_t gfn)
{
	return slot->hva + ((gfn - slot->gfn) << SLOT_PAGE_SHIFT);
}

/*
 * The guest frames of `slot` whose user-space addresses lie in [start, end), whole pages: the
 * first in *gfn. -> their number, 0 if there are none.
 */
uint64_t slot_hva_range(const struct mullion_slot *slot, uint64_t start, uint64_t end,
			uint64_t *gfn);

#endif
