/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's memory map: ranges in ascending order which neither overlap
 * nor touch a neighbour of the same type. What firmware reports goes in in any
 * order and any quality; where reports contradict each other the more
 * restrictive type wins.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types 1 to 5, and any other below 0x100, are those of the E820 interface
 * (ACPI 15.1). Types from 0x100 are ours and have an E820 type to the outside. */
enum memmap_type {
	MEMMAP_RAM = 1,
	MEMMAP_RESERVED = 2,
	MEMMAP_ACPI = 3, /* reclaimable */
	MEMMAP_NVS = 4,
	MEMMAP_UNUSABLE = 5,
	MEMMAP_BOOT_SERVICES = 0x100, /* RAM to Linux, but nothing of ours goes there: some
				       * firmware uses it until SetVirtualAddressMap() */
	MEMMAP_ROOT = 0x101,          /* root mode's own: reserved to Linux */
};

struct memrange {
	uint64_t start, end; /* [start, end) */
};

struct memmap_entry {
	uint64_t start, end; /* [start, end), not empty */
	uint32_t type;
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
 * Returns false, with nothing changed, when the map might get too long.
 */
bool memmap_add(struct memmap *map, uint64_t start, uint64_t size, uint32_t type);

struct memmap_request {
	uint64_t size;                /* > 0 */
	uint64_t align;               /* a power of two */
	uint64_t min, limit;          /* the block lies in [min, limit) */
	const struct memrange *avoid; /* and touches none of these */
	uint32_t avoid_count;
};

/* Returns the start of the highest block of MEMMAP_RAM that satisfies the
 * request, or 0 when there is none (block 0 is never returned). */
uint64_t memmap_find(const struct memmap *map, const struct memmap_request *request);

/* True when all of [start, end) is MEMMAP_RAM; of an empty range: false. */
bool memmap_is_ram(const struct memmap *map, uint64_t start, uint64_t end);

/* Bytes of RAM in the machine, root mode's share included. */
uint64_t memmap_ram_bytes(const struct memmap *map);

/* The end of the highest RAM (root mode's included, but not what is only
 * reserved), 0 without any. */
uint64_t memmap_ram_end(const struct memmap *map);

/* The type that Linux is told for an entry of type `type`. */
uint32_t memmap_e820_type(uint32_t type);

/* Logs the map, one line an entry, at level info. */
void memmap_log(const struct memmap *map);

#endif
