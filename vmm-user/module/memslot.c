// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memory.h"
#include "vm.h"

#define SLOT_PAGES_MAX INT_MAX /* as the interface has it: 8 TiB */

struct slot_table *memslots(struct mullion_vm *vm)
{
	return srcu_dereference_check(vm->slots, &vm->slots_srcu, lockdep_is_held(&vm->slots_lock));
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

int memslots_init(struct mullion_vm *vm)
{
	struct slot_table *table = kvzalloc(slot_table_size(0), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!table)
		return -ENOMEM;
	ret = init_srcu_struct(&vm->slots_srcu);
	if (ret) {
		kvfree(table);
		return ret;
	}
	RCU_INIT_POINTER(vm->slots, table);
	return 0;
}

void memslots_free(struct mullion_vm *vm)
{
	struct slot_table *table = rcu_dereference_protected(vm->slots, true);
	u32 i;

	for (i = 0; i < table->count; i++)
		slot_free(table->slots[i]);
	kvfree(table);
	cleanup_srcu_struct(&vm->slots_srcu);
}

/* Every check that needs only the request itself. */
static int region_check(const struct kvm_userspace_memory_region *r)
{
	if (r->slot >= MULLION_SLOTS_MAX)
		return -EINVAL;
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

static struct mullion_slot *slot_make(const struct kvm_userspace_memory_region *r)
{
	struct mullion_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->id = r->slot;
	slot->flags = r->flags;
	slot->gfn = r->guest_phys_addr >> PAGE_SHIFT;
	slot->pages = r->memory_size >> PAGE_SHIFT;
	slot->hva = r->userspace_addr;
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		slot->dirty = kvzalloc(dirty_bytes(slot->pages), GFP_KERNEL_ACCOUNT);
		if (!slot->dirty) {
			kfree(slot);
			return NULL;
		}
	}
	return slot;
}

/* A slot may change its place or its logging, but not its size, memory or read-only flag. */
static bool may_become(const struct mullion_slot *old, const struct mullion_slot *new)
{
	return old->pages == new->pages && old->hva == new->hva &&
	       !((old->flags ^ new->flags) & KVM_MEM_READONLY);
}

static int slot_install(struct mullion_vm *vm, struct mullion_slot *slot, bool remove)
{
	struct slot_table *old_table = memslots(vm);
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
	rcu_assign_pointer(vm->slots, table);
	/* Faults that saw the old table have mapped what they will when this returns... */
	synchronize_srcu_expedited(&vm->slots_srcu);
	/* ...so what is unmapped now stays so. A change of logging unmaps too: logging wants small
	 * pages, and large ones may return afterwards. */
	if (old)
		memory_unmap(vm, old->gfn, old->pages);
	slot_free(old);
	kvfree(old_table);
	return 0;
}

int memslot_set(struct mullion_vm *vm, const struct kvm_userspace_memory_region *region)
{
	struct mullion_slot gone = { .id = region->slot };
	struct mullion_slot *slot;
	int ret = region_check(region);

	if (ret)
		return ret;
	if (!region->memory_size) {
		mutex_lock(&vm->slots_lock);
		if (slot_table_by_id(memslots(vm), region->slot))
			ret = slot_install(vm, &gone, true);
		else
			ret = -EINVAL;
		mutex_unlock(&vm->slots_lock);
		return ret;
	}
	slot = slot_make(region);
	if (!slot)
		return -ENOMEM;
	mutex_lock(&vm->slots_lock);
	ret = slot_install(vm, slot, false);
	mutex_unlock(&vm->slots_lock);
	if (ret)
		slot_free(slot);
	return ret < 0 ? ret : 0;
}

void memslot_mark_dirty(struct mullion_slot *slot, u64 gfn)
{
	if (slot->dirty)
		set_bit(gfn - slot->gfn, slot->dirty);
}

/* Moves the bitmap to `out` and protects every page that it names. */
static void harvest(struct mullion_vm *vm, struct mullion_slot *slot, unsigned long *out)
{
	unsigned long word, words = BITS_TO_LONGS(slot->pages);
	unsigned long first, next;

	/* A fault maps first and sets the bit then: whatever is written after the bit was taken
	 * here is either reported by it, or its page is protected below and faults again. */
	for (word = 0; word < words; word++)
		out[word] = READ_ONCE(slot->dirty[word]) ? xchg(&slot->dirty[word], 0) : 0;
	for (first = find_first_bit(out, slot->pages); first < slot->pages;
	     first = find_next_bit(out, slot->pages, next)) {
		next = find_next_zero_bit(out, slot->pages, first);
		memory_protect(vm, slot->gfn + first, next - first);
		cond_resched();
	}
}

int memslot_get_dirty_log(struct mullion_vm *vm, const struct kvm_dirty_log *log)
{
	struct mullion_slot *slot;
	unsigned long *out;
	int ret = 0;

	mutex_lock(&vm->slots_lock);
	slot = slot_table_by_id(memslots(vm), log->slot);
	if (!slot || !slot->dirty) {
		ret = -ENOENT;
		goto unlock;
	}
	out = kvmalloc(dirty_bytes(slot->pages), GFP_KERNEL_ACCOUNT);
	if (!out) {
		ret = -ENOMEM;
		goto unlock;
	}
	harvest(vm, slot, out);
	if (copy_to_user(log->dirty_bitmap, out, dirty_bytes(slot->pages)))
		ret = -EFAULT;
	kvfree(out);
unlock:
	mutex_unlock(&vm->slots_lock);
	return ret;
}
