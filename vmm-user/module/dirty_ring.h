/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_CAP_DIRTY_LOG_RING: each vCPU tells which pages it writes in a ring shared with user space,
 * in place of the slots' bitmaps.
 *
 * An entry is empty, or filled by the vCPU's thread (flags DIRTY, written last), or done with by
 * user space (flags RESET): then KVM_RESET_DIRTY_RINGS protects its page and empties it.
 * `filled` is the vCPU's and under its mutex, `emptied` under the VM's slots_lock; both only grow,
 * and are at most the ring's size apart. Entries come back from user space, so they are checked.
 */
#ifndef MULLION_DIRTY_RING_H
#define MULLION_DIRTY_RING_H

#include <linux/kvm.h>
#include <linux/types.h>

struct mullion_slot;
struct mullion_vcpu;
struct mullion_vm;
struct page;

#define DIRTY_RING_BYTES_MAX (65536u * sizeof(struct kvm_dirty_gfn))

struct dirty_ring {
	struct kvm_dirty_gfn *entries; /* vmalloc; NULL: bitmaps */
	u32 size;                      /* in entries, a power of two */
	u32 filled, emptied;
};

/* The ioctl: VM-wide and before there are vCPUs. vm->lock held. -> 0, -EINVAL, -E2BIG. */
long dirty_ring_enable(struct mullion_vm *vm, u64 bytes);

/* A vCPU's ring, if the VM has them. -> 0 or -ENOMEM. */
int dirty_ring_make(struct mullion_vcpu *v);
void dirty_ring_free(struct mullion_vcpu *v);

/* Page `index` of the mapping of v's ring, or NULL. */
struct page *dirty_ring_page(const struct mullion_vcpu *v, unsigned long index);

/* Tells that v wrote page `offset` of `slot`. */
void dirty_ring_push(struct mullion_vcpu *v, const struct mullion_slot *slot, u64 offset);

/* Whether the guest must wait until user space has emptied some of it. */
bool dirty_ring_full(const struct mullion_vcpu *v);

/* KVM_RESET_DIRTY_RINGS. -> entries emptied, or -EINVAL. */
long dirty_rings_reset(struct mullion_vm *vm);

#endif
