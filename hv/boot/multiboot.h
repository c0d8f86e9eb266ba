/* SPDX-License-Identifier: GPL-2.0-only */
/* What the boot loader hands over, by either version of the Multiboot
 * specification, copied out of memory that will be reused. */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include <stddef.h>
#include <stdint.h>

#include "hv/boot/memmap.h"
#include "hv/boot/physmap.h"

#define BOOT_MAX_MODULES 8
#define BOOT_TEXT_SIZE 8192     /* all command lines together */
#define BOOT_EFI_MAP_SIZE 24576 /* 512 descriptors of 48 bytes */
#define BOOT_RSDP_SIZE 36       /* of ACPI 2.0 and later */

struct boot_module {
	uint64_t start, end; /* start <= end */
	const char *cmdline; /* without a file name; see multiboot_parse() */
};

/* A linear framebuffer (Multiboot2 3.6.12). width == 0: there is none. */
struct boot_framebuffer {
	uint64_t address;
	uint32_t pitch, width, height; /* bytes, pixels, pixels */
	uint8_t depth;                 /* bits a pixel */
	uint8_t red_position, red_size;
	uint8_t green_position, green_size;
	uint8_t blue_position, blue_size;
};

/* 64-bit EFI with its boot services ended. system_table == 0: no such. */
struct boot_efi {
	uint64_t system_table;
	uint32_t descriptor_size, descriptor_version;
	uint32_t map_size; /* bytes of `map`, a multiple of descriptor_size */
	_Alignas(8) uint8_t map[BOOT_EFI_MAP_SIZE];
};

/* Not to be copied: its strings lie in `text`. */
struct boot_info {
	const char *loader;  /* the boot loader's name, "" when unknown */
	const char *cmdline; /* the hypervisor's, without a file name */
	uint32_t module_count;
	uint32_t modules_dropped; /* beyond BOOT_MAX_MODULES */
	struct boot_module modules[BOOT_MAX_MODULES];
	struct memmap memmap;
	uint64_t rsdp_pa;   /* 0: not known */
	uint32_t rsdp_size; /* valid bytes of `rsdp`: 0 (none), 20 or 36 */
	uint8_t rsdp[BOOT_RSDP_SIZE];
	struct boot_framebuffer framebuffer;
	struct boot_efi efi;
	uint32_t text_used;
	char text[BOOT_TEXT_SIZE];
};

/*
 * Reads what lies at `pa` as `magic` (the loader's EAX) says. Returns NULL, or
 * what is wrong in words; `info` is then not usable but its strings are.
 *
 * Command lines: GRUB 2 passes what follows the file name. Every other loader
 * (QEMU, GRUB 0.9x, SYSLINUX, iPXE) passes the file name as the first word,
 * which is skipped here. A first word that starts with '/' or '(' is a file
 * name whatever the loader, since people repeat it out of habit.
 */
const char *multiboot_parse(struct boot_info *info, uint32_t magic, uint32_t pa, physmap_fn *map);

#endif
