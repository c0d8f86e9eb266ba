// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/memmap.h"

#include "hv/log.h"

static const struct {
	uint32_t e820;
	const char *name;
} types[] = {
	[MEMMAP_RAM] = { 1, "RAM" },
	[MEMMAP_BOOT_SERVICES] = { 1, "RAM, EFI boot services" },
	[MEMMAP_ACPI] = { 3, "ACPI tables" },
	[MEMMAP_NVS] = { 4, "ACPI NVS" },
	[MEMMAP_PERSISTENT] = { 7, "persistent memory" },
	[MEMMAP_RESERVED] = { 2, "reserved" },
	[MEMMAP_UNUSABLE] = { 5, "unusable" },
	[MEMMAP_ROOT] = { 2, "RAM, root mode's" },
};

uint32_t memmap_e820_type(enum memmap_type type)
{
	return types[type].e820;
}

enum memmap_type memmap_from_e820(uint32_t e820_type)
{
	for (enum memmap_type type = MEMMAP_RAM; type < MEMMAP_ROOT; type++)
		if (types[type].e820 == e820_type)
			return type;
	return MEMMAP_RESERVED;
}

/* Puts [start, end) behind all that is in the map. False: no room. */
static bool append(struct memmap *map, uint64_t start, uint64_t end, enum memmap_type type)
{
	struct memmap_entry *next = &map->entry[map->count];

	if (start >= end)
		return true;
	if (map->count && next[-1].end == start && next[-1].type == type) {
		next[-1].end = end;
		return true;
	}
	if (map->count == MEMMAP_MAX)
		return false;
	*next = (struct memmap_entry){ start, end, type };
	map->count++;
	return true;
}

bool memmap_add(struct memmap *map, uint64_t start, uint64_t size, enum memmap_type type)
{
	static struct memmap new;
	uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
	bool fits = true;

	/* The map made anew: of each entry what lies below the range, within and above, and
	 * before it what of the range no entry covers. */
	new.count = 0;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];

		fits = fits && append(&new, start, min(end, e->start), type) &&
		       append(&new, e->start, min(start, e->end), e->type) &&
		       append(&new, max(start, e->start), min(end, e->end), max(type, e->type)) &&
		       append(&new, max(end, e->start), e->end, e->type);
		start = max(start, e->end);
	}
	fits = fits && append(&new, start, end, type);
	if (fits)
		*map = new;
	return fits;
}

uint64_t memmap_find(const struct memmap *map, const struct memmap_request *request)
{
	for (uint32_t i = map->count; i-- > 0;) {
		uint64_t start = max(map->entry[i].start, request->min);
		uint64_t end = min(map->entry[i].end, request->limit);
		uint64_t base = align_down(end - request->size, request->align);

		if (map->entry[i].type == MEMMAP_RAM && start < end &&
		    end - start >= request->size && base >= start)
			return base;
	}
	return 0;
}

bool memmap_is_memory(enum memmap_type type)
{
	return type <= MEMMAP_BOOT_SERVICES || type == MEMMAP_ROOT;
}

uint64_t memmap_ram_bytes(const struct memmap *map)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < map->count; i++)
		if (memmap_is_memory(map->entry[i].type))
			bytes += map->entry[i].end - map->entry[i].start;
	return bytes;
}

uint64_t memmap_ram_end(const struct memmap *map, uint64_t limit)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < map->count && map->entry[i].start < limit; i++)
		if (memmap_is_memory(map->entry[i].type))
			end = min(map->entry[i].end, limit);
	return end;
}

void memmap_log(const struct memmap *map)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];

		pr_info("memory %012lx-%012lx %s", e->start, e->end - 1, types[e->type].name);
	}
}
