/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns each 4 KiB frame of RAM, and pools of free frames.
 *
 * The frame table has one 16-bit entry for every frame up to the end of RAM,
 * without those of the hole that a PC has below 4 GiB: a kind in the top two
 * bits and, below it, a number whose meaning the kind gives. Every frame has
 * one owner at any time:
 *
 *   ABSENT   no RAM, or firmware's: the service domain sees it, but it can be
 *            neither shared nor donated.
 *   SERVICE  the service domain's; number = mappings into guests (shares).
 *   ROOT     root mode's own; the service domain cannot see it.
 *   DONATED  root mode's on behalf of the VM that `number` names.
 *
 * SERVICE <-> DONATED is the only change after boot, and only at 0 shares.
 * All of it is serialised by memory_lock.
 */
#ifndef HV_FRAME_H
#define HV_FRAME_H

#include "hv/types.h"

enum frame_kind {
	FRAME_ABSENT = 0,
	FRAME_SERVICE = 1,
	FRAME_ROOT = 2,
	FRAME_DONATED = 3,
};

#define FRAME_NUMBER_MAX 0x3fffu

#define FRAME_HIGH (4 * GIB >> PAGE_SHIFT)

/* Bytes that a table takes for the frames below `low`, at most FRAME_HIGH, and for those from
 * FRAME_HIGH to before `end`, if that is higher. */
static inline uint64_t frame_table_size(uint64_t low, uint64_t end)
{
	return align_up((low + max(end, FRAME_HIGH) - FRAME_HIGH) * sizeof(uint16_t), PAGE_SIZE);
}

/* Starts with a table for those frames, of that size, at `table`: all ABSENT. */
void frame_init(uint16_t *table, uint64_t low, uint64_t end);

/* Marks the frames that lie wholly in [start, end), at boot, which is RAM. Frames beyond the
 * table are left out. */
void frame_mark(hpa_t start, hpa_t end, enum frame_kind kind);

/* One past the last frame number in the table. */
uint64_t frame_end(void);

/* Frames beyond the table are ABSENT. */
enum frame_kind frame_kind(uint64_t pfn);

/* Shares of a SERVICE frame, or the VM of a DONATED one. */
uint16_t frame_number(uint64_t pfn);

/* True if the `count` frames from `pfn` are all SERVICE with less than the greatest number
 * of shares (so that each can be shared once more). */
bool frame_shareable(uint64_t pfn, uint64_t count);

/* Adds or drops one share of a SERVICE frame. Asserts that there is room or one to drop. */
void frame_share(uint64_t pfn);
void frame_unshare(uint64_t pfn);

/* True if the `count` frames from `pfn` are all SERVICE without a share. */
bool frame_donatable(uint64_t pfn, uint64_t count);

/* SERVICE without a share -> DONATED to `vm`, and back. */
void frame_donate(uint64_t pfn, uint16_t vm);
void frame_give_back(uint64_t pfn);

/* True if no frame in [pfn, pfn + count) is ROOT or DONATED. */
bool frame_visible(uint64_t pfn, uint64_t count);

/* True if all frames in [pfn, pfn + count) are of the same kind. */
bool frame_uniform(uint64_t pfn, uint64_t count);

/* Frames of RAM, of root mode, donated, and shares, for mullion_info. */
struct frame_totals {
	uint64_t ram, root, donated, shares;
};
extern struct frame_totals frame_totals;

/*
 * A pool of free frames, linked through their first eight bytes. What a pool
 * hands out is zeroed.
 */
struct pool {
	uint64_t first; /* hpa of the first, 0: empty */
	uint64_t count;
};

void pool_put(struct pool *pool, hpa_t frame);
/* Asserts that the pool is not empty: callers check `count` first. */
hpa_t pool_get(struct pool *pool);

#endif
