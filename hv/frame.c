// SPDX-License-Identifier: GPL-2.0-only
/* The frame table and pools; contracts in frame.h. */
#include "hv/frame.h"

#include "hv/lib/string.h"
#include "hv/panic.h"
#include "hv/phys.h"

#define KIND_SHIFT 14

static uint16_t *table;
static uint64_t low_end, table_end;
struct frame_totals frame_totals;

void frame_init(uint16_t *memory, uint64_t low, uint64_t end)
{
	table = memory;
	low_end = low;
	table_end = end;
	memset(table, 0, frame_table_size(low, end));
}

/* NULL: it has none, and is ABSENT. */
static uint16_t *entry(uint64_t pfn)
{
	if (pfn < FRAME_HIGH)
		return pfn < low_end ? &table[pfn] : NULL;
	return pfn < table_end ? &table[low_end + pfn - FRAME_HIGH] : NULL;
}

static void set(uint64_t pfn, enum frame_kind kind, uint16_t number)
{
	*entry(pfn) = (uint16_t)(kind << KIND_SHIFT | number);
}

void frame_mark(hpa_t start, hpa_t end, enum frame_kind kind)
{
	uint64_t first = align_up(start.raw, PAGE_SIZE) >> PAGE_SHIFT;
	uint64_t last = min(end.raw >> PAGE_SHIFT, table_end);

	for (uint64_t pfn = first; pfn < last; pfn++) {
		frame_totals.ram += frame_kind(pfn) == FRAME_ABSENT;
		frame_totals.root += kind == FRAME_ROOT;
		set(pfn, kind, 0);
	}
}

uint64_t frame_end(void)
{
	return table_end;
}

enum frame_kind frame_kind(uint64_t pfn)
{
	return entry(pfn) ? (enum frame_kind)(*entry(pfn) >> KIND_SHIFT) : FRAME_ABSENT;
}

uint16_t frame_number(uint64_t pfn)
{
	return entry(pfn) ? *entry(pfn) & FRAME_NUMBER_MAX : 0;
}

bool frame_shareable(uint64_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (frame_kind(pfn + i) != FRAME_SERVICE ||
		    frame_number(pfn + i) == FRAME_NUMBER_MAX)
			return false;
	}
	return true;
}

void frame_share(uint64_t pfn)
{
	ASSERT(frame_kind(pfn) == FRAME_SERVICE && frame_number(pfn) < FRAME_NUMBER_MAX);
	++*entry(pfn);
	frame_totals.shares++;
}

void frame_unshare(uint64_t pfn)
{
	ASSERT(frame_kind(pfn) == FRAME_SERVICE && frame_number(pfn) > 0);
	--*entry(pfn);
	frame_totals.shares--;
}

bool frame_donatable(uint64_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (frame_kind(pfn + i) != FRAME_SERVICE || frame_number(pfn + i))
			return false;
	}
	return true;
}

void frame_donate(uint64_t pfn, uint16_t vm)
{
	ASSERT(frame_kind(pfn) == FRAME_SERVICE && frame_number(pfn) == 0);
	set(pfn, FRAME_DONATED, vm);
	frame_totals.donated++;
}

void frame_give_back(uint64_t pfn)
{
	ASSERT(frame_kind(pfn) == FRAME_DONATED);
	set(pfn, FRAME_SERVICE, 0);
	frame_totals.donated--;
}

bool frame_visible(uint64_t pfn, uint64_t count)
{
	uint64_t end = min(pfn + count, table_end);

	for (; pfn < end; pfn++) {
		if (frame_kind(pfn) >= FRAME_ROOT)
			return false;
	}
	return true;
}

bool frame_uniform(uint64_t pfn, uint64_t count)
{
	enum frame_kind kind = frame_kind(pfn);
	uint64_t end = min(pfn + count, table_end + 1); /* behind the table all are alike */

	while (pfn < end && frame_kind(pfn) == kind)
		pfn++;
	return pfn >= end;
}

void pool_put(struct pool *pool, hpa_t frame)
{
	*(uint64_t *)phys_to_virt(frame.raw) = pool->first;
	pool->first = frame.raw;
	pool->count++;
}

hpa_t pool_get(struct pool *pool)
{
	hpa_t frame = hpa(pool->first);
	uint64_t *page;

	ASSERT(pool->count > 0);
	page = phys_to_virt(frame.raw);
	pool->first = page[0];
	pool->count--;
	memset(page, 0, PAGE_SIZE);
	return frame;
}
