/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Root mode's view of physical memory: all RAM stands at PHYS_OFFSET, writable
 * and never executable. The boot page tables map the low 4 GiB there, paging.c
 * then all of RAM. The image itself runs where it is loaded, at virtual
 * addresses equal to its physical ones; nothing else is mapped low, so a null
 * pointer faults.
 *
 * Device registers are not part of it but for what paging_map_device() adds.
 */
#ifndef HV_PHYS_H
#define HV_PHYS_H

#include "hv/types.h"

/*
 * Boot only: returns where the `len` bytes at `pa` can be read and written, or NULL when not
 * all of them can, be it that they are beyond what is mapped. Stands any value, such as a
 * firmware table's. The place stays valid.
 */
void *phys_map(uint64_t pa, size_t len);

#ifdef HV_HOST_TEST
/* Unit tests on the host supply physical memory of their own. */
void *phys_to_virt(uint64_t pa);
uint64_t virt_to_phys(const void *va);
#else
#define PHYS_OFFSET 0xffff800000000000ull

static inline void *phys_to_virt(uint64_t pa)
{
	return (void *)(PHYS_OFFSET + pa);
}

/* For pointers into the mapping above and, equally, into the image. */
static inline uint64_t virt_to_phys(const void *va)
{
	uint64_t address = (uint64_t)va;

	return address >= PHYS_OFFSET ? address - PHYS_OFFSET : address;
}
#endif

#endif
