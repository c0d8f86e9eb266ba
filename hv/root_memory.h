/* SPDX-License-Identifier: GPL-2.0-only */
/* Root mode's own memory: how much, where, and how it is mapped. */
#ifndef HV_ROOT_MEMORY_H
#define HV_ROOT_MEMORY_H

#include "hv/boot/multiboot.h"
#include "hv/cpu.h"
#include "hv/types.h"

/*
 * Takes root mode's memory out of the boot memory map (as MEMMAP_ROOT), enters root mode's
 * page tables on the calling processor, and fills the frame table, the pool, cpus[] for
 * `processors` processors, and the service domain's VM.
 *
 * Returns NULL, or what is wrong in words.
 */
const char *root_memory_init(struct boot_info *boot, uint32_t processors);

/* A page below 1 MiB, where processors start in real mode. 0: there is none. */
extern uint64_t root_low_page;

/* Makes the service domain's vCPU of each processor. On a processor that has virtualization
 * switched on already. */
void root_make_vcpus(void);

/* Enters root mode's page tables on the calling processor, once they are made. */
void root_tables_load(void);

/* Maps `size` bytes of device registers uncached at their physical address's place in the
 * physical mapping. Multiples of 4 KiB; boot only. False if it cannot be. */
bool root_map_device(hpa_t start, uint64_t size);

/* Goes on in `function` on the processor's own stack. */
_Noreturn void root_stack_switch(struct cpu *cpu, void (*function)(void));

#endif
