/* SPDX-License-Identifier: GPL-2.0-only */
/* The "zero page": what a boot loader tells Linux (Linux:
 * Documentation/x86/zero-page.rst), and what it points to. */
#ifndef BOOT_ZEROPAGE_H
#define BOOT_ZEROPAGE_H

#include <asm/bootparam.h>

#include "hv/boot/multiboot.h"

#define SETUP_HEADER_OFFSET offsetof(struct boot_params, hdr)
#define SETUP_MAGIC 0x53726448u /* "HdrS" */

/* One block of RAM, page-aligned, which Linux may reuse once it has taken it in. */
struct zeropage {
	struct boot_params params;
	struct { /* struct setup_data with its data */
		uint64_t next;
		uint32_t type, len; /* SETUP_E820_EXT; bytes of entries */
		struct boot_e820_entry entries[MEMMAP_MAX - E820_MAX_ENTRIES_ZEROPAGE];
	} more_e820;
	char cmdline[BOOT_TEXT_SIZE];
	_Alignas(4096) uint8_t efi_map[EFI_MAP_SIZE];
};

/* Completes the EFI memory map in `info`: a zero page will be at `pa`. Returns
 * NULL, or what is wrong in words. */
const char *zeropage_prepare(struct boot_info *info, uint64_t pa);

/* Writes the zero page at `pa`, from a kernel's setup header with code and ramdisk addresses
 * set, and from what `info` has. */
void zeropage_write(uint32_t pa, const struct setup_header *header, const struct boot_info *info);

#endif
