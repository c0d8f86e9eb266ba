/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two address spaces of a guest (KVM_CAP_MULTI_ADDRESS_SPACE): what it sees in system management
 * mode, and what it sees otherwise.
 *
 * Each has memory slots of its own and is a VM of its own in root mode, with nested tables, and with
 * a vCPU for each of the guest's that has been there. A vCPU's two have the same run page and the
 * same APIC page, and it is in one space at a time. When it goes to the other one its registers are
 * all brought into the run page from here and count as changed there, so neither root mode nor
 * anybody who deals with registers has to know.
 */
#ifndef MULLION_SPACE_H
#define MULLION_SPACE_H

#include "donate.h"
#include "slot_table.h"

struct mullion_vcpu;
struct mullion_vm;

/* Bits 16 and up of user space's numbers of slots. */
enum space_index {
	SPACE_NORMAL = 0,
	SPACE_SMM = 1,
	MULLION_SPACES,
};

struct mullion_space {
	struct mullion_vm *vm;
	u8 index; /* enum space_index */
	/* Its VM is founded under vm->lock, once: see space_founded(). */
	struct mullion_pool pool;
	struct slot_table __rcu *slots; /* see memory.h */
};

static inline u32 space_bit(const struct mullion_space *space)
{
	return 1u << space->index;
}

void spaces_init(struct mullion_vm *vm);

/* Founds the VM in root mode, unless that has been done: SPACE_NORMAL's with the guest, SPACE_SMM's
 * when a vCPU first goes there. vm->lock held, or vm not shared yet. -> as pool_found(). */
int space_found(struct mullion_space *space);

/* Whether there is a VM in root mode, without a lock. If not, nothing is mapped. */
static inline bool space_founded(const struct mullion_space *space)
{
	return smp_load_acquire(&space->pool.vm);
}

/* Ends the VMs in root mode; takes their frames back. As pool_end() and pool_reclaim(). */
void spaces_end(struct mullion_vm *vm);
void spaces_reclaim(struct mullion_vm *vm);

/* The space of the slot that user space numbers `id`, or NULL. */
struct mullion_space *space_of_slot(struct mullion_vm *vm, u32 id);

/* Makes v's vCPU in the space, whose VM it founds if need be. vm->lock held. -> 0 or a negative
 * error. */
int space_admit(struct mullion_space *space, struct mullion_vcpu *v);

/* Moves v with all of its state. -> 0, or a negative error: then v is where it was. May sleep. */
int vcpu_go(struct mullion_vcpu *v, enum space_index index);

#endif
