/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: slots, mappings made on faults, mappings taken away when the creator's page
 * tables change, dirty logs, and access from the kernel.
 */
#ifndef MULLION_MEMORY_H
#define MULLION_MEMORY_H

#include <linux/kvm.h>
#include <linux/types.h>

#include "slot_table.h"

struct mullion_space;
struct mullion_vcpu;
struct mullion_vm;

/* -- memslot.c ------------------------------------------------------------- */

/* Prepares and releases empty sets of slots, for all of the VM's spaces. */
int memslots_init(struct mullion_vm *vm);
void memslots_free(struct mullion_vm *vm);

/* KVM_SET_USER_MEMORY_REGION. -> 0, -EINVAL, -EEXIST (overlap), -ENOMEM. */
int memslot_set(struct mullion_vm *vm, const struct kvm_userspace_memory_region *region);

/* KVM_GET_DIRTY_LOG: hands out and, unless vm->manual_protect, clears the slot's bitmap. -> 0, -ENOENT (no such slot, or it
 * is not logged), -EFAULT, -ENOMEM. */
int memslot_get_dirty_log(struct mullion_vm *vm, const struct kvm_dirty_log *log);

/* KVM_CLEAR_DIRTY_LOG. -> as KVM_GET_DIRTY_LOG, or -EINVAL for a range that is not the slot's. */
int memslot_clear_dirty_log(struct mullion_vm *vm, const struct kvm_clear_dirty_log *log);

/* The present table; only inside a slots_srcu read section, or with slots_lock held. */
struct slot_table *memslots(struct mullion_space *space);

/* Whether writes to the slot are logged, in whatever way. */
static inline bool slot_is_logged(const struct mullion_slot *slot)
{
	return slot->flags & KVM_MEM_LOG_DIRTY_PAGES;
}

/* Records that v wrote guest frame `gfn` of `slot`. */
void memslot_mark_dirty(struct mullion_vcpu *v, struct mullion_slot *slot, u64 gfn);

/* -- memory.c -------------------------------------------------------------- */

enum fault_result {
	FAULT_MAPPED = 0, /* run the guest again */
	FAULT_DEVICE = 1, /* no memory there, or read-only and written to */
};

/* Answers v's nested fault at `gpa` (MULLION_ACCESS_*) of its space. -> enum fault_result, or a
 * negative error when user space's memory cannot be had (-EFAULT, -EHWPOISON, -ENOMEM). May
 * sleep. */
int memory_fault(struct mullion_vcpu *v, u64 gpa, u32 access);

/* Takes guest frames out of the space; returns when no processor uses them any more. May be called
 * where sleeping is not allowed, but with interrupts on. */
void memory_unmap(struct mullion_space *space, u64 gfn, u64 pages);

/* Takes write permission from guest frames, likewise. */
void memory_protect(struct mullion_space *space, u64 gfn, u64 pages);

extern const struct mmu_notifier_ops memory_notifier_ops;

/* -- guest_ram.c ----------------------------------------------------------- */

/* Copies between RAM in `space` and `data`. Pages that are not RAM are left out, and the answer is
 * GUEST_MEMORY_DEVICE then, else GUEST_MEMORY_OK. The write counts as v's in dirty logs. In a
 * thread of the creator's. */
int space_read(struct mullion_space *space, u64 gpa, void *data, unsigned int size);
int space_write(struct mullion_space *space, struct mullion_vcpu *v, u64 gpa, const void *data,
		unsigned int size);

/* Guest RAM for the emulator, in the space that the vCPU is in: `opaque` is the struct
 * mullion_vcpu. See guest_walk.h. */
int guest_ram_read(void *opaque, u64 gpa, void *data, unsigned int size);
int guest_ram_write(void *opaque, u64 gpa, const void *data, unsigned int size);
int guest_ram_cmpxchg(void *opaque, u64 gpa, u64 expected, u64 desired, unsigned int size);

/* Replaces the byte at `offset` in the code segment as the vCPU itself could; v->emulate holds its
 * registers. -> whether it could. */
bool guest_code_write(struct mullion_vcpu *v, u64 offset, u8 byte);

#endif
