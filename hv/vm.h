/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs: the service domain (number 0) and the guests, their nested page tables,
 * and the protocol by which memory changes hands.
 *
 * Translations and their end. A VM's tlb_generation advances when something was
 * taken out of its nested tables. A processor that is about to enter one of its
 * vCPUs publishes (VM, generation) in its struct cpu, reading the generation
 * after a fence behind the VM, and flushes if the vCPU last ran under an older
 * one. What it has published stands until its next entry, so that root mode too
 * may read the VM's memory meanwhile. A frame that was unlinked at generation G
 * changes hands only when no other processor stands with the VM and a generation
 * below G: unlink -> flush seen everywhere -> free.
 * There are no IPIs and no waiting here; the caller is told -EAGAIN and brings
 * the other processors to an exit.
 */
#ifndef HV_VM_H
#define HV_VM_H

#include <mullion/abi.h>

#include "hv/paging.h"
#include "hv/spinlock.h"
#include "hv/types.h"

struct vcpu;

enum vm_state {
	VM_FREE, /* the slot is unused */
	VM_ALIVE,
	VM_ENDED, /* nothing mapped, nothing runs; frames wait to be reclaimed */
};

/* A VM's root-mode state; for guests it fills the first donated frame. */
struct vm {
	uint16_t id;
	uint16_t vcpu_count;
	bool ending;     /* VM_DESTROY has begun: no vCPU is entered again */
	uint64_t serial; /* never used again, as the identifier is */
	uint64_t tlb_generation;
	uint64_t teardown_next; /* gpa from which VM_DESTROY goes on */
	uint64_t shared;        /* 4 KiB frames mapped */
	struct address_space nested;
	struct pool pool; /* donated frames not in use */
	struct vcpu *vcpus[MULLION_MAX_VCPUS];
};

/* What remains when the VM's own frames go: the slot. */
struct vm_slot {
	struct vm *vm; /* NULL unless ALIVE */
	enum vm_state state;
	uint32_t donated; /* frames */
};

/* Serialises every change to frames, nested tables and VM slots. Never held
 * while a guest runs, never taken on the way in or out of a guest. */
extern struct spinlock memory_lock;

extern struct vm_slot vm_slots[MULLION_MAX_VMS];
extern struct vm service_vm;

/* The live VM `id`, or NULL; memory_lock held. The service domain is not among them. */
struct vm *vm_get(uint64_t id);

/* The hypercalls of the same names, arguments unchecked, memory_lock held. */
int64_t vm_create(uint64_t pfn, uint64_t count);
int64_t vm_donate(uint64_t id, uint64_t pfn, uint64_t count);
int64_t vm_destroy(uint64_t id);
int64_t vm_reclaim(uint64_t pfn, uint64_t count);
int64_t vm_map(uint64_t id, uint64_t gpa, uint64_t hpa, uint64_t count, uint64_t flags);
int64_t vm_unmap(uint64_t id, uint64_t gpa, uint64_t count);
int64_t vm_protect(uint64_t id, uint64_t gpa, uint64_t count);

/*
 * Makes [start, start + count frames) invisible to the service domain. All frames SERVICE and
 * without shares. -> 0 when no processor can reach them any more, -MULLION_EAGAIN before,
 * -MULLION_ENOMEM when root mode's pool lacks tables. Nothing is undone on -EAGAIN: a frame
 * that stays SERVICE comes back when the service domain touches it.
 */
int64_t service_unlink(uint64_t pfn, uint64_t count);

/* Makes frames that are SERVICE again visible, and joins tables that became whole. */
void service_link(uint64_t pfn, uint64_t count);

/* Frames for tables that are free, or will be once every processor has forgotten them. */
uint64_t service_free_tables(void);

/* A nested fault of the service domain: maps what is its own, in pages as large as possible.
 * False if `gpa` is none of its, or may not be written. Takes memory_lock. */
bool service_fault(gpa_t gpa, bool write);

/* True once no processor can hold translations of `vm` from before its present
 * tlb_generation (the calling one flushes before it enters anything again). */
bool vm_flushed(const struct vm *vm);

#endif
