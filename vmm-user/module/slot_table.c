// SPDX-License-Identifier: GPL-2.0-only
#include "slot_table.h"

size_t slot_table_size(uint32_t count)
{
	return sizeof(struct slot_table) + (size_t)count * sizeof(struct mullion_slot *);
}

static bool covers(const struct mullion_slot *slot, uint64_t gfn)
{
	return gfn - slot->gfn < slot->pages;
}

struct mullion_slot *slot_table_find(struct slot_table *table, uint64_t gfn)
{
	uint32_t low = 0, high = table->count;
	uint32_t last = __atomic_load_n(&table->last, __ATOMIC_RELAXED);

	if (last < high && covers(table->slots[last], gfn))
		return table->slots[last];

	/* The first slot that begins above gfn; the one before it is the only candidate. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table->slots[middle]->gfn <= gfn)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || !covers(table->slots[low - 1], gfn))
		return NULL;
	__atomic_store_n(&table->last, low - 1, __ATOMIC_RELAXED);
	return table->slots[low - 1];
}

struct mullion_slot *slot_table_by_id(const struct slot_table *table, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < table->count; i++)
		if (table->slots[i]->id == id)
			return table->slots[i];
	return NULL;
}

int slot_table_replace(struct slot_table *to, const struct slot_table *from,
		       struct mullion_slot *slot, bool remove)
{
	bool placed = remove;
	uint32_t i;

	to->count = 0;
	to->last = 0;
	for (i = 0; i < from->count; i++) {
		struct mullion_slot *other = from->slots[i];

		if (other->id == slot->id)
			continue;
		if (!remove && other->gfn < slot->gfn + slot->pages &&
		    slot->gfn < other->gfn + other->pages)
			return -EEXIST;
		if (!placed && slot->gfn < other->gfn) {
			to->slots[to->count++] = slot;
			placed = true;
		}
		to->slots[to->count++] = other;
	}
	if (!placed)
		to->slots[to->count++] = slot;
	return 0;
}

uint64_t slot_hva_range(const struct mullion_slot *slot, uint64_t start, uint64_t end,
			uint64_t *gfn)
{
	uint64_t slot_end = slot->hva + (slot->pages << SLOT_PAGE_SHIFT);
	uint64_t mask = ((uint64_t)1 << SLOT_PAGE_SHIFT) - 1;

	if (start < slot->hva)
		start = slot->hva;
	if (end > slot_end)
		end = slot_end;
	if (start >= end)
		return 0;
	start &= ~mask;
	end = (end + mask) & ~mask;
	*gfn = slot->gfn + ((start - slot->hva) >> SLOT_PAGE_SHIFT);
	return (end - start) >> SLOT_PAGE_SHIFT;
}
