/* SPDX-License-Identifier: GPL-2.0-only */
/* The EFI memory map (UEFI 7.2, GetMemoryMap) that Linux gets: it must say
 * nothing about root mode's memory that the E820 map does not say. */
#ifndef BOOT_EFI_H
#define BOOT_EFI_H

#include "hv/boot/memmap.h"

#define EFI_MAP_SIZE 32768

/* 64-bit EFI with its boot services ended. system_table == 0: no such. */
struct efi {
	uint64_t system_table;
	uint32_t descriptor_size, descriptor_version;
	uint32_t map_size; /* bytes of `map`, a multiple of descriptor_size */
	uint8_t map[EFI_MAP_SIZE];
};

/* Memory types of UEFI 7.2. */
enum efi_memory_type {
	EFI_RESERVED = 0,
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_SERVICES_CODE = 3,
	EFI_BOOT_SERVICES_DATA = 4,
	EFI_CONVENTIONAL = 7,
};

/* Takes in the firmware's map, `size` bytes at `map`. False: it is damaged or too large. */
bool efi_keep_map(struct efi *efi, const void *map, uint32_t size, uint32_t descriptor_size,
		  uint32_t descriptor_version);

/* Marks in `memmap` the RAM that boot services used. False: no room. */
bool efi_mark_boot_services(const struct efi *efi, struct memmap *memmap);

/* Gives the part of [start, end), page-aligned, that an operating system might
 * use as RAM the type `type`. False, with nothing changed, when there is no
 * room for the descriptors that this takes. */
bool efi_set_type(struct efi *efi, uint64_t start, uint64_t end, enum efi_memory_type type);

#endif
