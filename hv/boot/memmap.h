/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's memory map: ranges in ascending order which neither overlap
 * nor touch a neighbour of the same type. What firmware reports goes in in any
 * order and any quality; where reports contradict each other the more
 * restrictive type wins.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include "hv/types.h"

/* From the least restrictive to the most. */
enum memmap_type {
	MEMMAP_RAM,
	MEMMAP_BOOT_SERVICES, /* RAM to Linux, but nothing of ours goes there: some firmware
			       * uses it until SetVirtualAddressMap() */
	MEMMAP_ACPI,          /* reclaimable */
	MEMMAP_NVS,
	MEMMAP_PERSISTENT,
	MEMMAP_RESERVED,
	MEMMAP_UNUSABLE,
	MEMMAP_ROOT, /* root mode's own RAM: reserved to Linux */
};

struct memmap_entry {
	uint64_t start, end; /* [start, end), not empty */
	enum memmap_type type;
};

#define MEMMAP_MAX 256

struct memmap {
	uint32_t count;
	struct memmap_entry entry[MEMMAP_MAX];
};

/*
 * Gives [start, start + size) the type `type` wherever the map says nothing or
 * something less restrictive: this both enters what firmware reports and
 * reserves. An empty range changes nothing; one that passes 2^64 ends there.
 * Returns false, with nothing changed, when the map would get too long.
 */
bool memmap_add(struct memmap *map, uint64_t start, uint64_t size, enum memmap_type type);

struct memmap_request {
	uint64_t size;       /* > 0 */
	uint64_t align;      /* a power of two */
	uint64_t min, limit; /* the block lies in [min, limit) */
};

/* Returns the start of the highest block of MEMMAP_RAM that satisfies the
 * request, or 0 when there is none (block 0 is never returned). */
uint64_t memmap_find(const struct memmap *map, const struct memmap_request *request);

/* True of RAM, root mode's share included. */
bool memmap_is_memory(enum memmap_type type);

/* Bytes of such RAM in the machine, and the end of what lies below `limit`. */
uint64_t memmap_ram_bytes(const struct memmap *map);
uint64_t memmap_ram_end(const struct memmap *map, uint64_t limit);

/* To and from the types of the E820 interface (ACPI 15.1); of those that are
 * not known there MEMMAP_RESERVED is made. */
uint32_t memmap_e820_type(enum memmap_type type);
enum memmap_type memmap_from_e820(uint32_t e820_type);

/* Logs the map, one line an entry, at level info. */
void memmap_log(const struct memmap *map);

#endif
