/* SPDX-License-Identifier: GPL-2.0-only */
/* What test_vm.c knows from the ABI alone about who owns and sees which memory, and checks of
 * root mode's tables and the processors' TLBs against it. */
#ifndef TEST_VM_MODEL_H
#define TEST_VM_MODEL_H

#include "test_vm_machine.h"

/* Where guests have memory: around the borders of tables of every level. */
struct window {
	uint64_t first, count; /* guest frames */
};
#define WINDOWS 4
extern const struct window windows[WINDOWS];
#define GUEST_FRAMES (6 * PT_ENTRIES + 80)
#define VMS 8 /* more are not created */

struct page {
	enum { NOTHING, MAPPED, ZOMBIE } state;
	uint64_t pfn;
	bool write, exec; /* mapped so */
	bool may_write;   /* translations that say so may be in use still */
};

struct guest {
	enum { NONE, ALIVE, ENDING, ENDED } state;
	uint32_t donated;
	uint64_t has_vcpu; /* bit mask */
	uint64_t run_pfn[MULLION_MAX_VCPUS], apic_pfn[MULLION_MAX_VCPUS];
	struct page pages[GUEST_FRAMES];
};
extern struct guest guests[VMS + 1]; /* by VM; 0 is none */

extern uint8_t owner[RAM_FRAMES];  /* of donated frames: the VM; otherwise 0 */
extern bool scribbled[RAM_FRAMES]; /* root mode was told to write here */

/* With every frame the service domain's, and its pattern in it. */
void model_create(void);

enum frame_kind kind_of(uint64_t pfn);

/* NULL outside of the windows. */
struct page *page_of(struct guest *g, uint64_t gfn);

/* NULL: the service domain's. */
static inline struct guest *guest_of(const struct vcpu *v)
{
	return v->is_service ? NULL : &guests[v->vm->id];
}

/* The service domain writes something of its own. */
void fill_frame(uint64_t pfn);

void check_translation(struct guest *g, const struct translation *t);

/* What processors may use without another entry must be right at any time. */
void check_processors(void);

/* Nor may the pool have tables that a processor still walks. */
void check_pool(void);

/* All that root mode keeps. -> tables of the service domain that wait until processors have
 * forgotten them. */
uint64_t check_all(void);

/* Root mode has written to no frame of the service domain's but where it was told to. */
void check_contents(void);

#endif
