// SPDX-License-Identifier: GPL-2.0-only
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "dirty_ring.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

#define RESERVED 64 /* entries for what one exit may still write */

long dirty_ring_enable(struct mullion_vm *vm, u64 bytes)
{
	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE || vm->vcpu_count || vm->dirty_ring_bytes)
		return -EINVAL;
	if (bytes > DIRTY_RING_BYTES_MAX)
		return -E2BIG;
	WRITE_ONCE(vm->dirty_ring_bytes, bytes);
	return 0;
}

int dirty_ring_make(struct mullion_vcpu *v)
{
	u32 bytes = v->vm->dirty_ring_bytes;

	if (!bytes)
		return 0;
	v->ring.entries = __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!v->ring.entries)
		return -ENOMEM;
	v->ring.size = bytes / sizeof(*v->ring.entries);
	return 0;
}

void dirty_ring_free(struct mullion_vcpu *v)
{
	vfree(v->ring.entries);
}

struct page *dirty_ring_page(const struct mullion_vcpu *v, unsigned long index)
{
	const struct dirty_ring *ring = &v->ring;

	if (!ring->entries || index >= ring->size * sizeof(*ring->entries) >> PAGE_SHIFT)
		return NULL;
	return vmalloc_to_page((u8 *)ring->entries + (index << PAGE_SHIFT));
}

static u32 used(const struct dirty_ring *ring)
{
	return ring->filled - READ_ONCE(ring->emptied);
}

/* Whether the last entry tells of the page and has not been taken yet: who takes it will then see
 * what was written before this. */
static bool told_of(const struct dirty_ring *ring, u32 slot, u64 offset)
{
	const struct kvm_dirty_gfn *last = &ring->entries[(ring->filled - 1) & (ring->size - 1)];

	smp_mb();
	return used(ring) && READ_ONCE(last->slot) == slot && READ_ONCE(last->offset) == offset &&
	       READ_ONCE(last->flags) == KVM_DIRTY_GFN_F_DIRTY;
}

/*
 * A string instruction comes here with each of its elements. It fills no more than RESERVED pages
 * in one exit; but by ioctls between runs user space can have more written than its ring holds.
 */
void dirty_ring_push(struct mullion_vcpu *v, const struct mullion_slot *slot, u64 offset)
{
	struct dirty_ring *ring = &v->ring;
	struct kvm_dirty_gfn *entry;

	if (used(ring) == ring->size || told_of(ring, slot->id, offset))
		return;
	entry = &ring->entries[ring->filled & (ring->size - 1)];
	WRITE_ONCE(entry->slot, slot->id);
	WRITE_ONCE(entry->offset, offset);
	/* In this order: user space that has seen the entry has it reset, too. */
	WRITE_ONCE(ring->filled, ring->filled + 1);
	smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_DIRTY);
}

bool dirty_ring_full(const struct mullion_vcpu *v)
{
	return v->ring.entries && used(&v->ring) >= v->ring.size - RESERVED;
}

static void protect(struct mullion_vm *vm, u32 id, u64 offset)
{
	struct mullion_space *space = space_of_slot(vm, id);
	const struct mullion_slot *slot = space ? slot_table_by_id(memslots(space), id) : NULL;

	/* A slot that has gone meanwhile was unmapped. */
	if (slot && offset < slot->pages)
		memory_protect(space, slot->gfn + offset, 1);
}

/*
 * Empties what user space has done with, in order. A write after an entry was emptied and before
 * its page is protected is not told of; user space, which reads the page when all of this is over,
 * sees it.
 */
static u32 reset_ring(struct mullion_vm *vm, struct dirty_ring *ring)
{
	u32 count = 0;

	while (count < ring->size && ring->emptied != READ_ONCE(ring->filled)) {
		struct kvm_dirty_gfn *entry = &ring->entries[ring->emptied & (ring->size - 1)];
		u64 offset;
		u32 id;

		if (!(smp_load_acquire(&entry->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		id = READ_ONCE(entry->slot);
		offset = READ_ONCE(entry->offset);
		WRITE_ONCE(entry->flags, 0);
		/* Only then may the vCPU fill it anew. */
		smp_store_release(&ring->emptied, ring->emptied + 1);
		protect(vm, id, offset);
		count++;
		cond_resched();
	}
	return count;
}

long dirty_rings_reset(struct mullion_vm *vm)
{
	u32 i, vcpus = smp_load_acquire(&vm->vcpu_count);
	long count = 0;

	if (!READ_ONCE(vm->dirty_ring_bytes))
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	for (i = 0; i < vcpus; i++)
		count += reset_ring(vm, &vm->vcpus[i]->ring);
	mutex_unlock(&vm->slots_lock);
	return count;
}
