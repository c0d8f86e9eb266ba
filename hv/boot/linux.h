/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads Linux: module 0 is a bzImage, module 1 (if any) its initramfs, module
 * 0's command line is Linux's. Linux is entered by its 32-bit boot protocol
 * (Linux: Documentation/x86/boot.rst): flat protected mode without paging,
 * interrupts off, CS 0x10, DS/ES/SS 0x18, ESI = boot_params, EBP = EDI = EBX = 0.
 */
#ifndef BOOT_LINUX_H
#define BOOT_LINUX_H

#include <stdint.h>

#include "hv/boot/multiboot.h"
#include "hv/boot/physmap.h"

struct linux_entry {
	uint32_t entry_pa;
	uint32_t boot_params_pa;
};

/*
 * Checks the modules, then places kernel, initramfs and boot_params in RAM of
 * info->memmap, which must have everything reserved (as MEMMAP_ROOT) that Linux
 * must not see, outside the modules. Modules may be overwritten: this works
 * once. `map` must reach all RAM below 4 GiB and all modules.
 *
 * Returns NULL, or what is wrong in words; then no memory has been written.
 */
const char *linux_load(struct linux_entry *entry, struct boot_info *info, physmap_fn *map);

/* Leaves long mode and enters Linux on the bare processor; interrupts must be
 * off, SVM and VMX too. This file's code must be mapped at its physical address. */
_Noreturn void linux_start_native(uint32_t entry_pa, uint32_t boot_params_pa);

#endif
