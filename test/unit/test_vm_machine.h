/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of test_vm.c: RAM with a hole and root mode's block in it, and processors with
 * ASIDs and TLBs, which also remember tables (as the processor's caches of upper levels do).
 */
#ifndef TEST_VM_MACHINE_H
#define TEST_VM_MACHINE_H

#include "support.h"

#undef skip /* is a member of struct vendor */
#define this_cpu cpu_of_root_mode
#include "hv/cpu.h"
#undef this_cpu
#include "hv/phys.h"
#include "hv/vcpu.h"
#include "hv/vm.h"

#define RAM_FRAMES (6 * PT_ENTRIES - 13)
#define PROCESSORS 3
#define TLB_SIZE 24
#define WALKS 4

/* Frames next to a change of kind. */
#define HOLE_START 0xa0
#define HOLE_END 0x100
#define ROOT_START PT_ENTRIES
#define ROOT_END (ROOT_START + 120)

struct translation {
	uint32_t asid; /* 0: none */
	uint64_t gfn, pfn;
	bool write;
};

struct processor {
	struct cpu cpu;
	bool inside; /* runs cpu.current; otherwise it is in root mode */
	struct translation tlb[TLB_SIZE];
	/* Level-1 tables that it remembers: gfn is the first one's, pfn the table's. */
	struct translation tables[WALKS];
};

extern struct processor processors[PROCESSORS];
extern struct processor *here; /* whose root-mode code runs */

extern struct pool root_pool;
extern uint64_t root_tables; /* frames that are for the service domain's tables */
extern const struct pt_format nested_format;

static inline uint32_t *asid_of(struct vcpu *v)
{
	return v->control;
}

static inline uint64_t below(uint64_t n)
{
	return random_next() % n;
}

static inline bool one_in(uint32_t n)
{
	return below(n) == 0;
}

/* What a frame is after boot. */
enum frame_kind boot_kind(uint64_t pfn);

/* Everything anew, with all processors in root mode, about to enter the service domain. */
void machine_create(void);

/* The processor goes on with its current vCPU. */
void processor_enter(struct processor *p);

/* As a processor inside translates: through the TLB, a remembered table, or from the root. */
bool processor_translate(struct processor *p, uint64_t gfn, struct translation *out);

/* Every processor comes to an exit and back into the service domain. */
void kick_all(void);

#endif
