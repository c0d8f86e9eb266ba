/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads Linux: module 0 is a bzImage, module 1 (if any) its initramfs, module
 * 0's command line is Linux's. Linux is entered by its 32-bit boot protocol
 * (Linux: Documentation/x86/boot.rst): flat protected mode without paging,
 * interrupts off, CS 0x10, DS/ES/SS 0x18, ESI = boot_params, EBP = EDI = EBX = 0.
 */
#ifndef BOOT_LINUX_H
#define BOOT_LINUX_H

#include "hv/boot/multiboot.h"

#define LINUX_CMDLINE_SIZE 2048 /* what Linux on x86 takes at most, the end included */

struct linux_entry {
	uint32_t entry_pa;
	uint32_t boot_params_pa;
};

/*
 * Checks the modules, then places kernel, initramfs and boot_params in RAM of
 * info->memmap, which must have everything reserved (as MEMMAP_ROOT) that Linux
 * must not see, outside the modules. Modules may be overwritten: this works
 * once.
 *
 * Returns NULL, or what is wrong in words; then no memory has been written.
 */
const char *linux_load(struct linux_entry *entry, struct boot_info *info);

/* Enters Linux on the bare processor by its 64-bit boot protocol, with the page tables and
 * the GDT of start.S, which must be in force, as must interrupts be off, SVM and VMX too. */
_Noreturn void linux_start_native(const struct linux_entry *entry);

#endif
