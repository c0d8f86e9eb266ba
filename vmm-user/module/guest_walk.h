/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's own page tables, walked in software.
 *
 * Serves every paging mode: none, 32-bit, PAE, 4-level and 5-level (APM vol. 2
 * chapter 5, SDM vol. 3A chapter 4). The walk allocates nothing, keeps nothing
 * between calls, and reads at most five entries (one more for each lost race
 * with another processor, GUEST_WALK_TRIES in all). Protection keys and shadow
 * stacks are not modelled: a guest must not be offered CR4.PKE, PKS or CET.
 *
 * Pure C: the same file builds into mullion.ko and into the tests on the host.
 */
#ifndef MULLION_GUEST_WALK_H
#define MULLION_GUEST_WALK_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

/* What a callback that touches guest memory, a device or a port answers. */
enum guest_memory_result {
	GUEST_MEMORY_OK = 0,
	GUEST_MEMORY_CHANGED, /* compare-exchange: the expected value was not there */
	GUEST_MEMORY_DEVICE,  /* no RAM at that gpa, or none that permits this */
	GUEST_MEMORY_PENDING, /* only user space can answer */
};

/*
 * Guest RAM, by guest-physical address. A call never crosses a 4 KiB page.
 * These are the callbacks through which walk and emulator reach RAM; `opaque` is
 * the caller's own. They must not sleep on the guest's behalf without bound.
 */
struct guest_ram_ops {
	/* Copies `size` bytes (1-64) out of RAM. -> OK or DEVICE. */
	int (*read)(void *opaque, uint64_t gpa, void *data, unsigned int size);

	/* Copies `size` bytes (1-64) into RAM and marks the page dirty for the
	 * dirty log. -> OK, or DEVICE also where the memory is read-only. */
	int (*write)(void *opaque, uint64_t gpa, const void *data, unsigned int size);

	/* Replaces `size` bytes (1, 2, 4 or 8; any alignment) that equal `expected`
	 * by `desired`, atomically as other vCPUs see it, and marks the page dirty.
	 * -> OK, CHANGED or DEVICE. */
	int (*cmpxchg)(void *opaque, uint64_t gpa, uint64_t expected, uint64_t desired,
		       unsigned int size);
};

/* The registers that govern translation. */
struct guest_paging {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t rflags;   /* for AC, under SMAP */
	uint8_t cpl;       /* 0-3 */
	uint8_t phys_bits; /* MAXPHYADDR of the guest's CPUID, 32-52 */
	bool gib_pages;    /* the guest's CPUID offers 1 GiB pages */
};

/* What the access is: a set of these bits; no bit is a data read. */
#define GUEST_WALK_WRITE (1u << 0)
#define GUEST_WALK_FETCH (1u << 1)    /* not together with WRITE */
#define GUEST_WALK_IMPLICIT (1u << 2) /* of a system structure: supervisor at any CPL */
#define GUEST_WALK_PROBE (1u << 3)    /* leave accessed and dirty bits alone */

enum guest_walk_status {
	GUEST_WALK_OK = 0,
	GUEST_WALK_FAULT, /* #PF with walk.error */
	GUEST_WALK_RETRY, /* the tables kept changing: run the guest, come back */
};

#define GUEST_WALK_TRIES 16

/* Bits of the page-fault error code. */
#define GUEST_FAULT_PRESENT (1u << 0)
#define GUEST_FAULT_WRITE (1u << 1)
#define GUEST_FAULT_USER (1u << 2)
#define GUEST_FAULT_RESERVED (1u << 3)
#define GUEST_FAULT_FETCH (1u << 4)

struct guest_walk {
	uint64_t gpa;       /* with OK: of the byte at the linear address */
	uint64_t page_size; /* with OK: of the mapping; 2^64 - 1 without paging */
	bool writable;      /* with OK: R/W is set on every level (KVM_TRANSLATE) */
	bool user;          /* with OK: U/S is set on every level */
	uint32_t error;     /* with FAULT: the error code */
};

/*
 * Translates `linear` for `access` (GUEST_WALK_*). Checks presence, reserved
 * bits, R/W with CR0.WP, U/S, NX, SMEP and SMAP as the processor does, then sets
 * accessed and dirty bits. The caller has made its segment and canonical checks;
 * outside 64-bit mode it passes an address below 2^32. A table that lies outside
 * RAM reads as not present. Only `*walk` is written, besides the guest's tables.
 */
enum guest_walk_status guest_walk(const struct guest_paging *paging,
				  const struct guest_ram_ops *ram, void *opaque, uint64_t linear,
				  unsigned int access, struct guest_walk *walk);

#endif
