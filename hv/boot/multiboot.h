/* SPDX-License-Identifier: GPL-2.0-only */
/* What the boot loader hands over, by either version of the Multiboot
 * specification, copied out of memory that will be reused. */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include "hv/acpi.h"
#include "hv/boot/efi.h"
#include "hv/boot/memmap.h"

#define BOOT_MAX_MODULES 3u /* one more than there is a use for */
#define BOOT_TEXT_SIZE 8192 /* all command lines together */

struct boot_module {
	uint64_t start, end; /* start <= end */
	const char *cmdline; /* without a file name; see multiboot_parse() */
};

/* A linear framebuffer (Multiboot2 3.6.12). width == 0: there is none. */
struct boot_framebuffer {
	uint64_t address;
	uint32_t pitch, width, height; /* bytes, pixels, pixels */
	uint8_t depth;                 /* bits a pixel */
	uint8_t type;
	uint16_t reserved;
	uint8_t red_position, red_size;
	uint8_t green_position, green_size;
	uint8_t blue_position, blue_size;
} __attribute__((packed));

/* Not to be copied: its strings lie in `text`. */
struct boot_info {
	const char *error;   /* the first thing that is wrong, or NULL */
	const char *loader;  /* the boot loader's name, "" when unknown */
	const char *cmdline; /* the hypervisor's, without a file name */
	uint32_t module_count;
	struct boot_module modules[BOOT_MAX_MODULES]; /* the first ones; more are left out */
	struct memmap memmap;
	uint8_t rsdp[ACPI_RSDP_SIZE]; /* the loader's copy; zeroes if it gave none */
	struct boot_framebuffer framebuffer;
	struct efi efi;
	uint32_t text_used;
	char text[BOOT_TEXT_SIZE];
};

/*
 * Fills `info` from what lies at `pa`, as `magic` (the loader's EAX) says. Returns NULL, or
 * what is wrong in words.
 *
 * Command lines: GRUB 2 passes what follows the file name. Every other loader
 * (QEMU, GRUB 0.9x, SYSLINUX, iPXE) passes the file name as the first word,
 * which is skipped here. A first word that starts with '/' or '(' is a file
 * name whatever the loader, since people repeat it out of habit.
 */
const char *multiboot_parse(struct boot_info *info, uint32_t magic, uint32_t pa);

#endif
