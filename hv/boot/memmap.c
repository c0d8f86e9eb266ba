// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/memmap.h"

#include "hv/lib/string.h"
#include "hv/log.h"

/* How restrictive a type is: the higher rank wins where two claim a range. */
static int rank(uint32_t type)
{
	switch (type) {
	case MEMMAP_RAM:
		return 0;
	case MEMMAP_BOOT_SERVICES:
		return 1;
	case MEMMAP_ACPI:
		return 2;
	case MEMMAP_NVS:
		return 3;
	default: /* reserved, persistent memory, what is yet to be invented */
		return 4;
	case MEMMAP_UNUSABLE:
		return 5;
	case MEMMAP_ROOT:
		return 6;
	}
}

static void insert(struct memmap *map, uint32_t at, uint64_t start, uint64_t end, uint32_t type)
{
	memmove(&map->entry[at + 1], &map->entry[at],
		(map->count - at) * sizeof(struct memmap_entry));
	map->entry[at] = (struct memmap_entry){ start, end, type };
	map->count++;
}

/* Makes `address` a boundary if it lies within an entry. */
static void split(struct memmap *map, uint64_t address)
{
	for (uint32_t i = 0; i < map->count; i++) {
		struct memmap_entry *e = &map->entry[i];

		if (e->start < address && address < e->end) {
			insert(map, i, e->start, address, e->type);
			map->entry[i + 1].start = address;
			return;
		}
	}
}

/* Unites neighbours of the same type that touch. */
static void unite(struct memmap *map)
{
	uint32_t last = 0;

	if (!map->count)
		return;
	for (uint32_t i = 1; i < map->count; i++) {
		struct memmap_entry *e = &map->entry[last];

		if (map->entry[i].start == e->end && map->entry[i].type == e->type)
			e->end = map->entry[i].end;
		else
			map->entry[++last] = map->entry[i];
	}
	map->count = last + 1;
}

/* Counts the parts of [start, end) that no entry covers. */
static uint32_t holes(const struct memmap *map, uint64_t start, uint64_t end)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < map->count && start < end; i++) {
		const struct memmap_entry *e = &map->entry[i];

		if (e->end <= start)
			continue;
		if (e->start > start)
			count++;
		start = e->start < end ? e->end : end;
	}
	return count + (start < end);
}

bool memmap_add(struct memmap *map, uint64_t start, uint64_t size, uint32_t type)
{
	uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
	uint32_t i = 0;

	if (start >= end)
		return true;
	if (map->count + 2 + holes(map, start, end) > MEMMAP_MAX)
		return false; /* 2: each end may split an entry */

	split(map, start);
	split(map, end);
	for (i = 0; i < map->count && map->entry[i].end <= start;)
		i++;
	while (start < end) {
		uint64_t hole_end = end;

		if (i < map->count && map->entry[i].start < end)
			hole_end = map->entry[i].start;
		if (start < hole_end) {
			insert(map, i, start, hole_end, type);
		} else if (rank(type) > rank(map->entry[i].type)) {
			map->entry[i].type = type;
		}
		start = map->entry[i++].end;
	}
	unite(map);
	return true;
}

/* The highest block for the request in [start, end), a range of RAM; or 0. Each
 * range to avoid can only push the block down, so the loop ends. */
static uint64_t find_in(const struct memmap_request *request, uint64_t start, uint64_t end)
{
	for (;;) {
		const struct memrange *hit = NULL;
		uint64_t base;

		if (end < start || end - start < request->size)
			return 0;
		base = (end - request->size) & ~(request->align - 1);
		if (base < start)
			return 0;
		for (uint32_t i = 0; i < request->avoid_count && !hit; i++) {
			const struct memrange *avoid = &request->avoid[i];

			if (avoid->start < avoid->end && avoid->start < base + request->size &&
			    avoid->end > base)
				hit = avoid;
		}
		if (!hit)
			return base;
		end = hit->start;
	}
}

uint64_t memmap_find(const struct memmap *map, const struct memmap_request *request)
{
	for (uint32_t i = map->count; i-- > 0;) {
		uint64_t start = map->entry[i].start, end = map->entry[i].end;
		uint64_t base;

		if (map->entry[i].type != MEMMAP_RAM)
			continue;
		if (start < request->min)
			start = request->min;
		if (end > request->limit)
			end = request->limit;
		base = find_in(request, start, end);
		if (base)
			return base;
	}
	return 0;
}

bool memmap_is_ram(const struct memmap *map, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];

		if (e->type == MEMMAP_RAM && e->start <= start && end <= e->end)
			return start < end;
	}
	return false;
}

static bool in_ram(const struct memmap_entry *e)
{
	return e->type == MEMMAP_RAM || e->type == MEMMAP_BOOT_SERVICES || e->type == MEMMAP_ROOT;
}

uint64_t memmap_ram_bytes(const struct memmap *map)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < map->count; i++)
		if (in_ram(&map->entry[i]))
			bytes += map->entry[i].end - map->entry[i].start;
	return bytes;
}

uint64_t memmap_ram_end(const struct memmap *map)
{
	for (uint32_t i = map->count; i-- > 0;)
		if (in_ram(&map->entry[i]))
			return map->entry[i].end;
	return 0;
}

uint32_t memmap_e820_type(uint32_t type)
{
	switch (type) {
	case MEMMAP_BOOT_SERVICES:
		return MEMMAP_RAM;
	case MEMMAP_ROOT:
		return MEMMAP_RESERVED;
	default:
		return type;
	}
}

static const char *type_name(uint32_t type)
{
	switch (type) {
	case MEMMAP_RAM:
		return "RAM";
	case MEMMAP_RESERVED:
		return "reserved";
	case MEMMAP_ACPI:
		return "ACPI tables";
	case MEMMAP_NVS:
		return "ACPI NVS";
	case MEMMAP_UNUSABLE:
		return "unusable";
	case MEMMAP_BOOT_SERVICES:
		return "RAM, EFI boot services";
	case MEMMAP_ROOT:
		return "RAM, root mode's";
	default:
		return "other";
	}
}

void memmap_log(const struct memmap *map)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];

		pr_info("memory %012lx-%012lx %s", e->start, e->end - 1, type_name(e->type));
	}
}
