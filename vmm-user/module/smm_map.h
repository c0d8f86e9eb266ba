/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state-save map of system management mode: what a processor writes to SMRAM with an SMI, and
 * RSM takes from there.
 *
 * There are two layouts, of the processors without and with long mode (AMD64's, APM vol. 2
 * table 10-1; SDM vol. 3C table 32-1, whose reserved parts are filled as KVM fills them). Both are
 * the last 512 bytes of the 64 KiB from SMBASE on. Pure C: the same file builds into mullion.ko and
 * into the tests on the host.
 */
#ifndef MULLION_SMM_MAP_H
#define MULLION_SMM_MAP_H

#include <mullion/abi.h>

#ifndef __KERNEL__
#include <stdbool.h>
#endif

#define SMM_MAP_OFFSET 0xfe00u /* from SMBASE */
#define SMM_MAP_SIZE 512
#define SMM_ENTRY 0x8000u /* from SMBASE: where the handler begins */
#define SMM_BASE_RESET 0x30000u

/* Registers as in struct mullion_run, and what else the map has. */
struct smm_state {
	uint64_t gpr[MULLION_GPRS];
	uint64_t rip, rflags;
	uint64_t cr0, cr3, cr4, efer;
	uint64_t dr6, dr7;
	struct mullion_segment seg[MULLION_SEGS];
	struct mullion_table gdtr, idtr;
	uint32_t smbase;
	bool halted; /* HLT was interrupted, or is to be gone back to */
	bool shadow; /* an interrupt shadow was: a reserved byte, of which hardware says nothing */
};

/* Fills the map (SMM_MAP_SIZE bytes) in AMD64's layout (`wide`), or the other. */
void smm_map_save(uint8_t *map, const struct smm_state *state, bool wide);

/* Takes a state out of a map that a guest may have written as it likes. What the map has no room
 * for is 0. EFER.LMA follows from LME and CR0.PG, and bits of RFLAGS, DR6 and DR7 that are fixed
 * are put right. */
void smm_map_load(struct smm_state *state, const uint8_t *map, bool wide);

/*
 * Whether a processor whose physical addresses have `phys_bits` can be in this state, besides what
 * mode_valid() in control_regs.h checks: where it cannot RSM shuts it down (SDM vol. 3C 32.4.1, and
 * what entries into guests check, 27.3.1).
 */
bool smm_state_sound(const struct smm_state *state, unsigned int phys_bits);

#endif
