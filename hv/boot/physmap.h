/* SPDX-License-Identifier: GPL-2.0-only */
/* How the boot code reaches physical memory. */
#ifndef BOOT_PHYSMAP_H
#define BOOT_PHYSMAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Returns where the `len` bytes at physical address `pa` can be read and
 * written, or NULL when not all of them can (beyond what is mapped, or wrapping
 * around). The place stays valid. A firmware table's pa and len are passed
 * unchecked: the function must stand any value.
 *
 * The tables that start.S makes map the low 4 GiB, at 0 and again at
 * 0xffff800000000000.
 */
typedef void *physmap_fn(uint64_t pa, size_t len);

#endif
