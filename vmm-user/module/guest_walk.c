// SPDX-License-Identifier: GPL-2.0-only
#include "guest_walk.h"

#define CR0_WP (1ull << 16)
#define CR0_PG (1ull << 31)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define CR4_LA57 (1ull << 12)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define RFLAGS_AC (1ull << 18)

#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_WRITE (1ull << 1)
#define ENTRY_USER (1ull << 2)
#define ENTRY_ACCESSED (1ull << 5)
#define ENTRY_DIRTY (1ull << 6)
#define ENTRY_LARGE (1ull << 7)
#define ENTRY_NX (1ull << 63)

#define PAGE_SHIFT_4K 12
#define LEVELS_MAX 5

/* Bits first..last, both included. */
static uint64_t bits(unsigned int first, unsigned int last)
{
	return (~0ull >> (63 - last)) & (~0ull << first);
}

/* How one paging mode lays out its tables. */
struct format {
	uint8_t levels;
	uint8_t entry_size; /* bytes */
	uint8_t index_bits;
	uint8_t large_levels; /* the highest level at which an entry can map a page */
	bool bare_top;        /* the topmost entries hold an address and no rights (PAE) */
	uint64_t root_mask;   /* of CR3 */
	uint64_t address;     /* bits of an 8-byte entry that are an address */
	uint64_t reserved;    /* bits that are so in an 8-byte entry at every level */
};

static struct format paging_format(const struct guest_paging *paging)
{
	struct format format = { .levels = 2, .entry_size = 4, .index_bits = 10 };

	format.address = bits(PAGE_SHIFT_4K, paging->phys_bits - 1);
	format.reserved = paging->phys_bits < 52 ? bits(paging->phys_bits, 51) : 0;
	if (!(paging->efer & EFER_NXE))
		format.reserved |= ENTRY_NX;
	if (paging->efer & EFER_LMA) {
		format.levels = paging->cr4 & CR4_LA57 ? 5 : 4;
		format.entry_size = 8;
		format.index_bits = 9;
		format.large_levels = paging->gib_pages ? 3 : 2;
		format.root_mask = format.address;
	} else if (paging->cr4 & CR4_PAE) {
		format.levels = 3;
		format.entry_size = 8;
		format.index_bits = 9;
		format.large_levels = 2;
		format.bare_top = true;
		format.root_mask = bits(5, 31);
		format.reserved |= bits(52, 62);
	} else {
		format.large_levels = paging->cr4 & CR4_PSE ? 2 : 1;
		format.root_mask = bits(12, 31);
	}
	return format;
}

static unsigned int level_shift(const struct format *format, unsigned int level)
{
	return PAGE_SHIFT_4K + (level - 1) * format->index_bits;
}

/* The bits of a present entry that must be zero (APM vol. 2 5.3, SDM vol. 3A 4.3-4.5). */
static uint64_t reserved_bits(const struct guest_paging *paging, const struct format *format,
			      unsigned int level, bool large)
{
	uint64_t reserved;

	if (format->entry_size == 4) {
		/* PSE-36: bits 13-20 are address bits 32-39 of a 4 MiB page. */
		if (!large)
			return 0;
		return bits(21, 21) |
		       (paging->phys_bits < 40 ? bits(13 + paging->phys_bits - 32, 20) : 0);
	}

	reserved = format->reserved;
	/* QEMU's software processor marks these entries accessed, in bit 5. */
	if (format->bare_top && level == format->levels)
		return reserved | ENTRY_NX | bits(1, 2) | bits(6, 8);
	if (large)
		reserved |= bits(13, level_shift(format, level) - 1);
	else if (level > format->large_levels)
		reserved |= ENTRY_LARGE;
	return reserved;
}

/* Whether the rights gathered on the way permit the access. */
static bool permitted(const struct guest_paging *paging, unsigned int access, bool writable,
		      bool user, bool nx)
{
	bool supervisor = paging->cpl != 3 || (access & GUEST_WALK_IMPLICIT);

	if (access & GUEST_WALK_FETCH) {
		if (nx)
			return false;
		return supervisor ? !(user && (paging->cr4 & CR4_SMEP)) : user;
	}
	if (!supervisor)
		return user && (writable || !(access & GUEST_WALK_WRITE));
	if (user && (paging->cr4 & CR4_SMAP) &&
	    ((access & GUEST_WALK_IMPLICIT) || !(paging->rflags & RFLAGS_AC)))
		return false;
	return writable || !(access & GUEST_WALK_WRITE) || !(paging->cr0 & CR0_WP);
}

static uint32_t error_code(const struct guest_paging *paging, unsigned int access)
{
	uint32_t error = 0;

	if (access & GUEST_WALK_WRITE)
		error |= GUEST_FAULT_WRITE;
	if (paging->cpl == 3 && !(access & GUEST_WALK_IMPLICIT))
		error |= GUEST_FAULT_USER;
	if ((access & GUEST_WALK_FETCH) &&
	    ((paging->cr4 & CR4_SMEP) || ((paging->cr4 & CR4_PAE) && (paging->efer & EFER_NXE))))
		error |= GUEST_FAULT_FETCH;
	return error;
}

/* The entries that a walk went through, from the top, for their accessed bits. */
struct path {
	uint64_t gpa[LEVELS_MAX];
	uint64_t entry[LEVELS_MAX];
	unsigned int count;
};

/* Sets the bits `wanted` in an entry. Tables in read-only memory keep what they
 * have, as they would on a processor whose write ROM ignores. */
static int set_bits(const struct guest_ram_ops *ram, void *opaque, const struct format *format,
		    uint64_t gpa, uint64_t entry, uint64_t wanted)
{
	int result;

	if ((entry & wanted) == wanted)
		return GUEST_MEMORY_OK;
	result = ram->cmpxchg(opaque, gpa, entry, entry | wanted, format->entry_size);
	return result == GUEST_MEMORY_CHANGED ? GUEST_MEMORY_CHANGED : GUEST_MEMORY_OK;
}

/* Sets accessed on the whole path, and dirty on its last entry for a write.
 * False: another processor changed an entry, so that the walk must be repeated. */
static bool mark_path(const struct guest_ram_ops *ram, void *opaque, const struct format *format,
		      unsigned int access, const struct path *path)
{
	unsigned int i;

	if (access & GUEST_WALK_PROBE)
		return true;
	for (i = format->bare_top ? 1 : 0; i < path->count; i++) {
		uint64_t wanted = ENTRY_ACCESSED;

		if (i == path->count - 1 && (access & GUEST_WALK_WRITE))
			wanted |= ENTRY_DIRTY;
		if (set_bits(ram, opaque, format, path->gpa[i], path->entry[i], wanted))
			return false;
	}
	return true;
}

static uint64_t page_address(const struct format *format, uint64_t entry, unsigned int shift)
{
	if (format->entry_size == 8)
		return entry & format->address & (~0ull << shift);
	if (shift == PAGE_SHIFT_4K)
		return entry & bits(12, 31);
	return (entry & bits(22, 31)) | (entry & bits(13, 20)) << (32 - 13);
}

/* One attempt. GUEST_WALK_RETRY: an entry changed under the walk. */
static enum guest_walk_status walk_once(const struct guest_paging *paging,
					const struct format *format,
					const struct guest_ram_ops *ram, void *opaque,
					uint64_t linear, unsigned int access,
					struct guest_walk *walk)
{
	struct path path = { .count = 0 };
	uint64_t table = paging->cr3 & format->root_mask;
	bool writable = true, user = true, nx = false;
	unsigned int level = format->levels;

	walk->error = error_code(paging, access);
	for (;; level--) {
		unsigned int shift = level_shift(format, level);
		uint64_t index = (linear >> shift) & bits(0, format->index_bits - 1);
		uint64_t gpa = table + index * format->entry_size;
		uint64_t entry = 0;
		bool large;

		if (ram->read(opaque, gpa, &entry, format->entry_size) || !(entry & ENTRY_PRESENT))
			return GUEST_WALK_FAULT;
		large = level > 1 && level <= format->large_levels && (entry & ENTRY_LARGE);
		if (entry & reserved_bits(paging, format, level, large)) {
			walk->error |= GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED;
			return GUEST_WALK_FAULT;
		}
		if (!(format->bare_top && level == format->levels)) {
			writable = writable && (entry & ENTRY_WRITE);
			user = user && (entry & ENTRY_USER);
			nx = nx || (format->entry_size == 8 && (entry & ENTRY_NX));
		}
		path.gpa[path.count] = gpa;
		path.entry[path.count++] = entry;
		if (level > 1 && !large) {
			table = page_address(format, entry, PAGE_SHIFT_4K);
			continue;
		}
		if (!permitted(paging, access, writable, user, nx)) {
			walk->error |= GUEST_FAULT_PRESENT;
			return GUEST_WALK_FAULT;
		}
		if (!mark_path(ram, opaque, format, access, &path))
			return GUEST_WALK_RETRY;
		walk->gpa = page_address(format, entry, shift) |
			    (linear & bits(0, shift - 1));
		walk->page_size = 1ull << shift;
		walk->writable = writable;
		walk->user = user;
		return GUEST_WALK_OK;
	}
}

enum guest_walk_status guest_walk(const struct guest_paging *paging,
				  const struct guest_ram_ops *ram, void *opaque, uint64_t linear,
				  unsigned int access, struct guest_walk *walk)
{
	struct format format = paging_format(paging);
	unsigned int tries;

	*walk = (struct guest_walk){ .page_size = ~0ull };
	if (!(paging->cr0 & CR0_PG)) {
		walk->gpa = linear;
		walk->writable = true;
		walk->user = true;
		return GUEST_WALK_OK;
	}
	for (tries = 0; tries < GUEST_WALK_TRIES; tries++) {
		enum guest_walk_status status =
			walk_once(paging, &format, ram, opaque, linear, access, walk);

		if (status != GUEST_WALK_RETRY)
			return status;
	}
	return GUEST_WALK_RETRY;
}
