// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memory.h"
#include "vcpu.h"
#include "vm.h"

#define SLOT_PAGES_MAX INT_MAX /* as the interface has it: 8 TiB */

struct slot_table *memslots(struct mullion_space *space)
{
	struct mullion_vm *vm = space->vm;

	return srcu_dereference_check(space->slots, &vm->slots_srcu,
				      lockdep_is_held(&vm->slots_lock));
}

static size_t dirty_bytes(u64 pages)
{
	return BITS_TO_LONGS(pages) * sizeof(long);
}

static void slot_free(struct mullion_slot *slot)
{
	if (!slot)
		return;
	kvfree(slot->dirty);
	kfree(slot);
}

static void table_free(struct slot_table *table)
{
	u32 i;

	for (i = 0; table && i < table->count; i++)
		slot_free(table->slots[i]);
	kvfree(table);
}

int memslots_init(struct mullion_vm *vm)
{
	unsigned int i;
	int ret = init_srcu_struct(&vm->slots_srcu);

	if (ret)
		return ret;
	for (i = 0; i < MULLION_SPACES; i++) {
		struct slot_table *table = kvzalloc(slot_table_size(0), GFP_KERNEL_ACCOUNT);

		if (!table) {
			memslots_free(vm);
			return -ENOMEM;
		}
		RCU_INIT_POINTER(vm->spaces[i].slots, table);
	}
	return 0;
}

void memslots_free(struct mullion_vm *vm)
{
	unsigned int i;

	for (i = 0; i < MULLION_SPACES; i++)
		table_free(rcu_dereference_protected(vm->spaces[i].slots, true));
	cleanup_srcu_struct(&vm->slots_srcu);
}

/* Every check that needs only the request itself. */
static int region_check(const struct kvm_userspace_memory_region *r)
{
	if (r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if ((r->memory_size | r->guest_phys_addr | r->userspace_addr) & ~PAGE_MASK)
		return -EINVAL;
	if (r->guest_phys_addr > MULLION_MAX_GPA ||
	    r->memory_size > MULLION_MAX_GPA - r->guest_phys_addr)
		return -EINVAL;
	if (r->memory_size >> PAGE_SHIFT > SLOT_PAGES_MAX)
		return -EINVAL;
	if (r->memory_size &&
	    !access_ok((void __user *)(unsigned long)r->userspace_addr, r->memory_size))
		return -EINVAL;
	return 0;
}

static struct mullion_slot *slot_make(const struct mullion_vm *vm,
				      const struct kvm_userspace_memory_region *r)
{
	struct mullion_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->id = r->slot;
	slot->flags = r->flags;
	slot->gfn = r->guest_phys_addr >> PAGE_SHIFT;
	slot->pages = r->memory_size >> PAGE_SHIFT;
	slot->hva = r->userspace_addr;
	if (slot_is_logged(slot) && !READ_ONCE(vm->dirty_ring_bytes)) {
		slot->dirty = kvzalloc(dirty_bytes(slot->pages), GFP_KERNEL_ACCOUNT);
		if (!slot->dirty) {
			kfree(slot);
			return NULL;
		}
		if (READ_ONCE(vm->log_starts_full))
			bitmap_set(slot->dirty, 0, slot->pages);
	}
	return slot;
}

/* A slot may change its place or its logging, but not its size, memory or read-only flag. */
static bool may_become(const struct mullion_slot *old, const struct mullion_slot *new)
{
	return old->pages == new->pages && old->hva == new->hva &&
	       !((old->flags ^ new->flags) & KVM_MEM_READONLY);
}

static int slot_install(struct mullion_space *space, struct mullion_slot *slot, bool remove)
{
	struct slot_table *old_table = memslots(space);
	struct mullion_slot *old = slot_table_by_id(old_table, slot->id);
	struct slot_table *table;
	int ret;

	if (old && !remove) {
		if (!may_become(old, slot))
			return -EINVAL;
		if (old->gfn == slot->gfn && old->flags == slot->flags)
			return 1; /* nothing to do */
	}
	table = kvmalloc(slot_table_size(old_table->count + 1), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	ret = slot_table_replace(table, old_table, slot, remove);
	if (ret) {
		kvfree(table);
		return ret;
	}
	if (old && old->dirty && slot->dirty) {
		/* What was written where the slot was before is as dirty where it is now. */
		kvfree(slot->dirty);
		slot->dirty = old->dirty;
	}
	rcu_assign_pointer(space->slots, table);
	/* Faults that saw the old table have mapped what they will when this returns... */
	synchronize_srcu_expedited(&space->vm->slots_srcu);
	/* ...so what is unmapped now stays so. A change of logging unmaps too: logging wants small
	 * pages, and large ones may return afterwards. */
	if (old)
		memory_unmap(space, old->gfn, old->pages);
	if (old && old->dirty == slot->dirty)
		old->dirty = NULL;
	slot_free(old);
	kvfree(old_table);
	return 0;
}

int memslot_set(struct mullion_vm *vm, const struct kvm_userspace_memory_region *region)
{
	struct mullion_space *space = space_of_slot(vm, region->slot);
	struct mullion_slot gone = { .id = region->slot };
	struct mullion_slot *slot;
	int ret = region_check(region);

	if (!space)
		return -EINVAL;
	if (ret)
		return ret;
	if (!region->memory_size) {
		mutex_lock(&vm->slots_lock);
		if (slot_table_by_id(memslots(space), region->slot))
			ret = slot_install(space, &gone, true);
		else
			ret = -EINVAL;
		mutex_unlock(&vm->slots_lock);
		return ret;
	}
	slot = slot_make(vm, region);
	if (!slot)
		return -ENOMEM;
	mutex_lock(&vm->slots_lock);
	ret = slot_install(space, slot, false);
	mutex_unlock(&vm->slots_lock);
	if (ret)
		slot_free(slot);
	return ret < 0 ? ret : 0;
}

void memslot_mark_dirty(struct mullion_vcpu *v, struct mullion_slot *slot, u64 gfn)
{
	if (v->ring.entries && slot_is_logged(slot))
		dirty_ring_push(v, slot, gfn - slot->gfn);
	else if (slot->dirty)
		set_bit(gfn - slot->gfn, slot->dirty);
}

/*
 * Takes the bits that `wanted` names (as it is at `first`, a multiple of a word's bits) out of the
 * slot's bitmap, leaves those of them that were set in `wanted`, and protects their pages. A fault
 * maps first and sets the bit then: whatever is written after the bit was taken here is either
 * reported by it, or its page is protected below and faults again. So may those in small gaps
 * between them, for whom that is harmless, and which would make a call each.
 */
static void harvest(struct mullion_space *space, struct mullion_slot *slot, u64 first, u64 pages,
		    unsigned long *wanted)
{
	unsigned long *dirty = slot->dirty + first / BITS_PER_LONG;
	unsigned long word, from, to, next;

	for (word = 0; word < BITS_TO_LONGS(pages); word++) {
		if (wanted[word] && READ_ONCE(dirty[word]))
			wanted[word] &= atomic_long_fetch_andnot(wanted[word],
								 (atomic_long_t *)&dirty[word]);
		else
			wanted[word] = 0;
	}
	for (from = find_first_bit(wanted, pages); from < pages; from = next) {
		next = from;
		do {
			to = find_next_zero_bit(wanted, pages, next);
			next = find_next_bit(wanted, pages, to);
		} while (next < pages && next - to < BITS_PER_LONG);
		memory_protect(space, slot->gfn + first + from, to - from);
		cond_resched();
	}
}

/* The slot, if a bitmap logs writes to it, and its space, with slots_lock taken; or an error. */
static struct mullion_slot *lock_logged_slot(struct mullion_vm *vm, u32 id,
					     struct mullion_space **space)
{
	struct mullion_slot *slot;

	*space = space_of_slot(vm, id);
	if (!*space)
		return ERR_PTR(-EINVAL);
	mutex_lock(&vm->slots_lock);
	slot = slot_table_by_id(memslots(*space), id);
	if (READ_ONCE(vm->dirty_ring_bytes))
		slot = ERR_PTR(-ENXIO);
	else if (!slot || !slot->dirty)
		slot = ERR_PTR(-ENOENT);
	if (IS_ERR(slot))
		mutex_unlock(&vm->slots_lock);
	return slot;
}

int memslot_get_dirty_log(struct mullion_vm *vm, const struct kvm_dirty_log *log)
{
	struct mullion_space *space;
	struct mullion_slot *slot = lock_logged_slot(vm, log->slot, &space);
	unsigned long *out;
	int ret = 0;

	if (IS_ERR(slot))
		return PTR_ERR(slot);
	if (vm->manual_protect) {
		/* KVM_CLEAR_DIRTY_LOG does the rest. */
		if (copy_to_user(log->dirty_bitmap, slot->dirty, dirty_bytes(slot->pages)))
			ret = -EFAULT;
		goto unlock;
	}
	out = kvmalloc(dirty_bytes(slot->pages), GFP_KERNEL_ACCOUNT);
	if (!out) {
		ret = -ENOMEM;
		goto unlock;
	}
	memset(out, 0xff, dirty_bytes(slot->pages));
	harvest(space, slot, 0, slot->pages, out);
	if (copy_to_user(log->dirty_bitmap, out, dirty_bytes(slot->pages)))
		ret = -EFAULT;
	kvfree(out);
unlock:
	mutex_unlock(&vm->slots_lock);
	return ret;
}

/* Every check of the range; `pages` is the slot's. */
static bool clear_valid(const struct kvm_clear_dirty_log *log, u64 pages)
{
	if (log->first_page % BITS_PER_LONG || log->first_page > pages ||
	    log->num_pages > pages - log->first_page)
		return false;
	return log->num_pages % BITS_PER_LONG == 0 || log->first_page + log->num_pages == pages;
}

int memslot_clear_dirty_log(struct mullion_vm *vm, const struct kvm_clear_dirty_log *log)
{
	struct mullion_space *space;
	struct mullion_slot *slot = lock_logged_slot(vm, log->slot, &space);
	unsigned long *wanted;
	int ret = 0;

	if (IS_ERR(slot))
		return PTR_ERR(slot);
	if (!clear_valid(log, slot->pages)) {
		ret = -EINVAL;
		goto unlock;
	}
	wanted = vmemdup_user(log->dirty_bitmap, dirty_bytes(log->num_pages));
	if (IS_ERR(wanted)) {
		ret = PTR_ERR(wanted);
		goto unlock;
	}
	harvest(space, slot, log->first_page, log->num_pages, wanted);
	kvfree(wanted);
unlock:
	mutex_unlock(&vm->slots_lock);
	return ret;
}
