// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/kvm.h>

#include "compat.h"
#include "hypercall.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

#define LARGE_PAGES (PMD_SIZE >> PAGE_SHIFT)

/* -- Taking away ----------------------------------------------------------- */

/* Sends every processor that is in one of the VM's vCPUs through root mode. */
static void kick_running(struct mullion_vm *vm)
{
	u32 i, count = smp_load_acquire(&vm->vcpu_count);

	for (i = 0; i < count; i++) {
		int cpu = READ_ONCE(vm->vcpus[i]->cpu);

		if (cpu >= 0)
			mullion_poke(cpu);
	}
}

/* One bounded call over [gfn, end). -> the frame from which to go on. */
static u64 take_step(struct mullion_space *space, enum mullion_hypercall call, u64 gfn, u64 end)
{
	struct mullion_vm *vm = space->vm;
	long ret = mullion_hypercall(call, space->pool.vm, gfn << PAGE_SHIFT, end - gfn, 0, 0);

	if (ret == -ENOMEM) {
		/* A large page cannot be split without a frame for the table, and donating may
		 * need the very memory that is being freed. All of it goes instead: it comes back
		 * on the next fault. */
		u64 start = round_down(gfn, LARGE_PAGES);

		ret = mullion_hypercall(MULLION_HC_VM_UNMAP, space->pool.vm, start << PAGE_SHIFT,
					LARGE_PAGES, 0, 0);
		if (ret > 0)
			return start + ret > gfn ? start + ret : gfn;
	}
	if (ret > 0)
		return gfn + ret;
	if (ret == -EAGAIN) {
		kick_running(vm);
		return gfn;
	}
	if (WARN_ONCE(ret != -ENOENT, "mullion: unmapping guest frame %#llx failed: error %ld\n",
		      gfn, -ret))
		return end;
	/* The VM is being ended, and everything mapped with it. */
	while (!smp_load_acquire(&vm->gone))
		cond_resched();
	return end;
}

static void take(struct mullion_space *space, enum mullion_hypercall call, u64 gfn, u64 pages)
{
	u64 end = min_t(u64, gfn + pages, MULLION_GFN_MAX);

	/* Where nobody has been nothing is mapped; whoever comes from now on will find what the
	 * caller has changed before. */
	if (!space_founded(space))
		return;
	while (gfn < end)
		gfn = take_step(space, call, gfn, end);
}

void memory_unmap(struct mullion_space *space, u64 gfn, u64 pages)
{
	take(space, MULLION_HC_VM_UNMAP, gfn, pages);
}

void memory_protect(struct mullion_space *space, u64 gfn, u64 pages)
{
	take(space, MULLION_HC_VM_PROTECT, gfn, pages);
}

/* -- Following the creator's page tables ----------------------------------- */

static struct mullion_vm *notifier_vm(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct mullion_vm, notifier);
}

/* Takes the creator's addresses [start, end) out of the space. Inside a slots_srcu read section. */
static void unmap_hva(struct mullion_space *space, u64 start, u64 end)
{
	struct slot_table *table = memslots(space);
	u64 gfn, pages;
	u32 i;

	for (i = 0; i < table->count; i++) {
		pages = slot_hva_range(table->slots[i], start, end, &gfn);
		if (pages)
			memory_unmap(space, gfn, pages);
	}
}

static int invalidate_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct mullion_vm *vm = notifier_vm(notifier);
	unsigned int i;
	int index;

	spin_lock(&vm->mmu_lock);
	if (!vm->invalidating++) {
		vm->invalidate_start = range->start;
		vm->invalidate_end = range->end;
	} else {
		vm->invalidate_start = min_t(u64, vm->invalidate_start, range->start);
		vm->invalidate_end = max_t(u64, vm->invalidate_end, range->end);
	}
	spin_unlock(&vm->mmu_lock);

	/* No fault maps anything in the range from here on: no lock is needed to clear it. */
	index = srcu_read_lock(&vm->slots_srcu);
	for (i = 0; i < MULLION_SPACES; i++)
		unmap_hva(&vm->spaces[i], range->start, range->end);
	srcu_read_unlock(&vm->slots_srcu, index);
	return 0;
}

static void invalidate_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct mullion_vm *vm = notifier_vm(notifier);

	spin_lock(&vm->mmu_lock);
	vm->invalidate_seq++;
	vm->invalidating--;
	spin_unlock(&vm->mmu_lock);
}

/* The address space goes: before its page tables do, so must the guest's. */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	vm_end(notifier_vm(notifier));
}

const struct mmu_notifier_ops memory_notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.release = release,
};

/* Whether what was looked up for `hva` since `seq` may be out of date. mmu_lock held. */
static bool invalidated(const struct mullion_vm *vm, unsigned long seq, u64 hva)
{
	if (vm->invalidating && hva >= vm->invalidate_start && hva < vm->invalidate_end)
		return true;
	return vm->invalidate_seq != seq;
}

/* -- Mapping --------------------------------------------------------------- */

/*
 * Whether the creator's tables map `hva` with a large page, writable if `write`. mmu_lock is
 * held and no invalidation is under way: the entry cannot be taken away meanwhile. Interrupts
 * off keep the tables themselves from being freed.
 */
static bool host_maps_large(struct mm_struct *mm, unsigned long hva, bool write)
{
	unsigned long flags;
	bool large = false;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud, pud_value;
	pmd_t pmd_value;

	local_irq_save(flags);
	pgd = pgd_offset(mm, hva);
	if (pgd_none(READ_ONCE(*pgd)))
		goto out;
	p4d = p4d_offset(pgd, hva);
	if (p4d_none(READ_ONCE(*p4d)) || !p4d_present(*p4d))
		goto out;
	pud = pud_offset(p4d, hva);
	pud_value = READ_ONCE(*pud);
	if (pud_none(pud_value) || !pud_present(pud_value))
		goto out;
	if (compat_pud_leaf(pud_value)) {
		large = !write || pud_write(pud_value);
		goto out;
	}
	pmd_value = READ_ONCE(*pmd_offset(pud, hva));
	if (pmd_none(pmd_value) || !pmd_present(pmd_value) || !compat_pmd_leaf(pmd_value))
		goto out;
	large = !write || pmd_write(pmd_value);
out:
	local_irq_restore(flags);
	return large;
}

/* Whether 2 MiB around `gfn` can be mapped at once: all in the slot, the same distance into a
 * large page on both sides, and no page-wise log. */
static bool slot_allows_large(const struct mullion_slot *slot, u64 gfn)
{
	u64 first = round_down(gfn, LARGE_PAGES);

	return !slot_is_logged(slot) && first >= slot->gfn &&
	       first + LARGE_PAGES <= slot->gfn + slot->pages &&
	       !((slot->hva ^ (slot->gfn << PAGE_SHIFT)) & (PMD_SIZE - 1));
}

/* The page at `hva`, with a reference. `*writable` in: write access is needed; out: had. */
static int page_get(u64 hva, bool may_write, bool *writable, struct page **page)
{
	long ret;

	/* Write access at once, where that costs nothing, saves the second fault. */
	if (!*writable && may_write && get_user_pages_fast_only(hva, 1, FOLL_WRITE, page) == 1) {
		*writable = true;
		return 0;
	}
	ret = get_user_pages_fast(hva, 1, *writable ? FOLL_WRITE : 0, page);
	if (ret == 1)
		return 0;
	return ret < 0 ? ret : -EFAULT;
}

/* Maps and reports what the VM_MAP call said. mmu_lock held. */
static long map_locked(struct mullion_space *space, const struct mullion_slot *slot, u64 gfn,
		       u64 hva, unsigned long pfn, bool writable)
{
	u32 flags = MULLION_MAP_EXEC | (writable ? MULLION_MAP_WRITE : 0);
	u64 count = 1;

	if (slot_allows_large(slot, gfn) && host_maps_large(space->vm->mm, hva, writable)) {
		gfn = round_down(gfn, LARGE_PAGES);
		pfn = round_down(pfn, LARGE_PAGES);
		count = LARGE_PAGES;
	}
	return mullion_hypercall(MULLION_HC_VM_MAP, space->pool.vm, gfn << PAGE_SHIFT,
				 (u64)pfn << PAGE_SHIFT, count, flags);
}

static int map_page(struct mullion_vcpu *v, struct mullion_slot *slot, u64 gfn, bool write)
{
	struct mullion_vm *vm = v->vm;
	bool may_write = !(slot->flags & KVM_MEM_READONLY) && !(slot_is_logged(slot) && !write);
	u64 hva = slot_hva(slot, gfn);
	unsigned long seq = READ_ONCE(vm->invalidate_seq);
	bool writable = write;
	struct page *page;
	long ret;
	int err;

	smp_rmb(); /* seq before the page tables; invalidate_end has the lock between them */
	err = page_get(hva, may_write, &writable, &page);
	if (err)
		return err;
	if (writable && !PageDirty(compound_head(page)))
		set_page_dirty_lock(page);

	spin_lock(&vm->mmu_lock);
	if (invalidated(vm, seq, hva))
		ret = 1; /* fault again */
	else
		ret = map_locked(v->space, slot, gfn, hva, page_to_pfn(page), writable);
	spin_unlock(&vm->mmu_lock);

	if (ret > 0 && writable)
		memslot_mark_dirty(v, slot, gfn);
	/* Not pinned: the notifier takes the mapping away before the page goes. */
	put_page(page);
	return ret > 0 || ret == -EAGAIN ? FAULT_MAPPED : ret;
}

/* As the fault's answer, or -ENOMEM or -EEXIST from root mode. */
static int fault_once(struct mullion_vcpu *v, u64 gfn, bool write)
{
	struct mullion_vm *vm = v->vm;
	struct mullion_slot *slot;
	int index, ret;

	index = srcu_read_lock(&vm->slots_srcu);
	slot = slot_table_find(memslots(v->space), gfn);
	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		ret = FAULT_DEVICE;
	else
		ret = map_page(v, slot, gfn, write);
	srcu_read_unlock(&vm->slots_srcu, index);
	return ret;
}

int memory_fault(struct mullion_vcpu *v, u64 gpa, u32 access)
{
	struct mullion_space *space = v->space;
	bool write = access & MULLION_ACCESS_WRITE;
	u64 gfn = gpa >> PAGE_SHIFT;
	unsigned int tries;
	int ret;

	for (tries = 0; tries < MULLION_DONATE_TRIES; tries++) {
		ret = fault_once(v, gfn, write);
		if (ret == -ENOMEM) {
			if (pool_grow(&space->pool))
				break;
		} else if (ret == -EEXIST) {
			/* What was mapped there is out of date or of another size. */
			memory_unmap(space, round_down(gfn, LARGE_PAGES), LARGE_PAGES);
		} else {
			break;
		}
	}
	/* If others keep changing the same place, the guest faults again, should it want to. */
	return ret == -EEXIST ? FAULT_MAPPED : ret;
}
