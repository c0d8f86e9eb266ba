/* SPDX-License-Identifier: GPL-2.0-only */
/* The EFI memory map (UEFI 7.2, GetMemoryMap) that Linux gets: it must say
 * nothing about root mode's memory that the E820 map does not say. */
#ifndef BOOT_EFI_H
#define BOOT_EFI_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/boot/multiboot.h"

#define EFI_DESCRIPTOR_MIN 40 /* bytes that a descriptor has at least */

/* Memory types of UEFI 7.2. */
enum efi_memory_type {
	EFI_RESERVED = 0,
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_SERVICES_CODE = 3,
	EFI_BOOT_SERVICES_DATA = 4,
	EFI_CONVENTIONAL = 7,
};

/* Marks in `memmap` the RAM that boot services used. False: no room. */
bool efi_mark_boot_services(const struct boot_efi *efi, struct memmap *memmap);

/* Gives the part of [start, end), page-aligned, that an operating system might
 * use as RAM the type `type`. False, with the map unusable, when there is no
 * room for the descriptors that this takes. */
bool efi_set_type(struct boot_efi *efi, uint64_t start, uint64_t end, enum efi_memory_type type);

#endif
