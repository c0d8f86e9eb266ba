// SPDX-License-Identifier: GPL-2.0-only
/* VMs and the guests' nested mappings; contracts and the protocol in vm.h. */
#include "hv/vm.h"

#include "hv/cpu.h"
#include "hv/lib/string.h"
#include "hv/panic.h"
#include "hv/phys.h"
#include "hv/vcpu.h"
#include "hv/vendor.h"

struct spinlock memory_lock;
struct vm_slot vm_slots[MULLION_MAX_VMS];

_Static_assert(sizeof(struct vm) <= PAGE_SIZE, "a VM fills one frame");
_Static_assert(MULLION_MAX_VMS <= FRAME_NUMBER_MAX, "the frame table holds VM numbers");

static struct vm_slot *slot_get(uint64_t id)
{
	return id > 0 && id < MULLION_MAX_VMS ? &vm_slots[id] : NULL;
}

struct vm *vm_get(uint64_t id)
{
	struct vm_slot *slot = slot_get(id);

	return slot && slot->vm && !slot->vm->ending ? slot->vm : NULL;
}

bool vm_flushed(const struct vm *vm)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < cpu_count; i++) {
		const struct cpu *cpu = cpus[i];

		if (cpu != this_cpu() &&
		    __atomic_load_n(&cpu->running_vm, __ATOMIC_ACQUIRE) == vm &&
		    __atomic_load_n(&cpu->running_generation, __ATOMIC_ACQUIRE) <
			    vm->tlb_generation)
			return false;
	}
	return true;
}

/* ---- Donation ---- */

static int64_t check_donation(uint64_t pfn, uint64_t count)
{
	if (count == 0 || count > MULLION_MAX_BATCH || pfn >= frame_end())
		return -MULLION_EINVAL;
	return frame_donatable(pfn, count) ? 0 : -MULLION_EPERM;
}

static void take_frames(uint64_t id, uint64_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		frame_donate(pfn + i, (uint16_t)id);
	vm_slots[id].donated += (uint32_t)count;
}

int64_t vm_create(uint64_t pfn, uint64_t count)
{
	static uint64_t last_serial;
	uint64_t id = 1;
	struct vm *vm;
	int64_t error = check_donation(pfn, count);

	if (error)
		return error;
	if (count < MULLION_VM_MIN_PAGES)
		return -MULLION_EINVAL;
	while (id < MULLION_MAX_VMS && vm_slots[id].state != VM_FREE)
		id++;
	if (id == MULLION_MAX_VMS)
		return -MULLION_ENOSPC;
	error = service_unlink(pfn, count);
	if (error)
		return error;

	take_frames(id, pfn, count);
	vm = phys_to_virt(pfn << PAGE_SHIFT);
	memset(vm, 0, PAGE_SIZE);
	for (uint64_t i = 1; i < count; i++)
		pool_put(&vm->pool, hpa((pfn + i) << PAGE_SHIFT));
	vm->id = (uint16_t)id;
	vm->serial = ++last_serial;
	vm->tlb_generation = 1;
	vm->nested = (struct address_space){
		.format = vendor->nested_format,
		.root = pool_get(&vm->pool),
		.largest_leaf = 2,
		.pool = &vm->pool,
	};
	vm_slots[id].state = VM_ALIVE;
	__atomic_store_n(&vm_slots[id].vm, vm, __ATOMIC_RELEASE);
	return (int64_t)id;
}

int64_t vm_donate(uint64_t id, uint64_t pfn, uint64_t count)
{
	struct vm *vm = vm_get(id);
	int64_t error = check_donation(pfn, count);

	if (!vm)
		return -MULLION_ENOENT;
	if (error)
		return error;
	error = service_unlink(pfn, count);
	if (error)
		return error;

	take_frames(id, pfn, count);
	for (uint64_t i = 0; i < count; i++)
		pool_put(&vm->pool, hpa((pfn + i) << PAGE_SHIFT));
	return 0;
}

int64_t vm_reclaim(uint64_t pfn, uint64_t count)
{
	uint64_t done = 0;

	if (count == 0 || count > MULLION_MAX_BATCH)
		return -MULLION_EINVAL;
	for (; done < count; done++) {
		struct vm_slot *slot;

		if (frame_kind(pfn + done) != FRAME_DONATED)
			break;
		slot = &vm_slots[frame_number(pfn + done)];
		if (slot->state != VM_ENDED)
			break;
		memset(phys_to_virt((pfn + done) << PAGE_SHIFT), 0, PAGE_SIZE);
		frame_give_back(pfn + done);
		if (--slot->donated == 0)
			slot->state = VM_FREE;
	}
	if (done == 0)
		return -MULLION_EPERM;
	service_link(pfn, done);
	return (int64_t)done;
}

/* ---- Mapping ---- */

static void share_leaf(struct vm *vm, uint64_t frame, int level)
{
	uint64_t count = pt_span(level) >> PAGE_SHIFT;

	for (uint64_t i = 0; i < count; i++)
		frame_share((frame >> PAGE_SHIFT) + i);
	vm->shared += count;
}

static void unshare_leaf(struct vm *vm, uint64_t frame, int level)
{
	uint64_t count = pt_span(level) >> PAGE_SHIFT;

	for (uint64_t i = 0; i < count; i++)
		frame_unshare((frame >> PAGE_SHIFT) + i);
	vm->shared -= count;
}

/* Maps one page at `gpa`, a 2 MiB page if everything allows. -> frames mapped, or an error. */
static int64_t map_one(struct vm *vm, uint64_t gpa, uint64_t hpa_raw, uint64_t left, uint32_t flags)
{
	const struct address_space *as = &vm->nested;
	uint64_t *entry, leaf, offset;
	int level, want = 1;

	if (((gpa | hpa_raw) & (pt_span(2) - 1)) == 0 && left >= PT_ENTRIES)
		want = 2;
	entry = pt_find(as, gpa, &level);
	if (*entry == 0) {
		if (level < want)
			want = level;
		entry = pt_make(as, gpa, want);
		if (!entry)
			return -MULLION_ENOMEM;
		pt_write(entry, pt_make_leaf(as, hpa(hpa_raw), want, flags));
		share_leaf(vm, hpa_raw, want);
		return (int64_t)(pt_span(want) >> PAGE_SHIFT);
	}
	if (!pt_present(as, *entry))
		return -MULLION_EAGAIN; /* a zombie: an unmapping is under way */

	offset = gpa & (pt_span(level) - 1);
	if ((*entry & PT_ADDRESS) + offset != hpa_raw)
		return -MULLION_EEXIST;
	leaf = pt_make_leaf(as, hpa(hpa_raw - offset), level, flags);
	if ((leaf & ~*entry & (as->format->write | as->format->exec)) ||
	    (*entry & ~leaf & as->format->no_exec)) {
		/* More permissions, for no more than was asked for. */
		if (level > want) {
			entry = pt_make(as, gpa, want);
			if (!entry)
				return -MULLION_ENOMEM;
			level = want;
		}
		pt_write(entry, (*entry | (leaf & (as->format->write | as->format->exec))) &
					~(leaf & as->format->no_exec ? 0 : as->format->no_exec));
	}
	return (int64_t)(pt_span(min(level, want)) >> PAGE_SHIFT);
}

static bool range_valid(uint64_t gpa, uint64_t count)
{
	return (gpa & ~PAGE_MASK) == 0 && gpa < MULLION_MAX_GPA && count > 0 &&
	       count <= (MULLION_MAX_GPA - gpa) >> PAGE_SHIFT;
}

int64_t vm_map(uint64_t id, uint64_t gpa, uint64_t hpa_raw, uint64_t count, uint64_t flags)
{
	struct vm *vm = vm_get(id);
	uint64_t done = 0;

	if (!vm)
		return -MULLION_ENOENT;
	if (!range_valid(gpa, count) || count > MULLION_MAX_BATCH || hpa_raw & ~PAGE_MASK ||
	    flags & ~(uint64_t)(MULLION_MAP_WRITE | MULLION_MAP_EXEC))
		return -MULLION_EINVAL;
	if (!frame_shareable(hpa_raw >> PAGE_SHIFT, count))
		return -MULLION_EPERM;

	while (done < count) {
		int64_t mapped = map_one(vm, gpa + (done << PAGE_SHIFT),
					 hpa_raw + (done << PAGE_SHIFT), count - done,
					 (flags & MULLION_MAP_WRITE ? PT_WRITE : 0) |
						 (flags & MULLION_MAP_EXEC ? PT_EXEC : 0));

		if (mapped < 0)
			return done ? (int64_t)done : mapped;
		done += (uint64_t)mapped;
	}
	return (int64_t)done;
}

/* ---- Unmapping ---- */

enum leaf_action { LEAF_UNLINK, LEAF_RELEASE, LEAF_PROTECT };

/*
 * Applies `action` to every leaf in `count` frames from `gpa`, splitting leaves that reach
 * beyond, for at most MULLION_MAX_BATCH entries. -> frames dealt with, holes included; 0 if
 * the pool lacks a frame for the first split. Sets *changed when a translation became weaker.
 */
static uint64_t for_leaves(struct vm *vm, uint64_t gpa, uint64_t count, enum leaf_action action,
			   bool *changed)
{
	const struct address_space *as = &vm->nested;
	uint64_t at = gpa, end = gpa + (count << PAGE_SHIFT);

	for (unsigned int visited = 0; at < end && visited < MULLION_MAX_BATCH; visited++) {
		int level;
		uint64_t *entry = pt_find(as, at, &level);

		while (*entry && (at & (pt_span(level) - 1) || end - at < pt_span(level))) {
			entry = pt_make(as, at, --level);
			if (!entry)
				return (at - gpa) >> PAGE_SHIFT;
		}
		if (pt_present(as, *entry) && action == LEAF_UNLINK) {
			pt_write(entry, (*entry & (PT_ADDRESS | PT_LARGE)) | PT_ZOMBIE);
			*changed = true;
		} else if (pt_present(as, *entry) && action == LEAF_PROTECT) {
			*changed |= pt_writable(as, *entry);
			pt_write(entry, *entry & ~as->format->write);
		} else if (*entry & PT_ZOMBIE && action == LEAF_RELEASE) {
			unshare_leaf(vm, *entry & PT_ADDRESS, level);
			pt_write(entry, 0);
		}
		at = align_down(at, pt_span(level)) + pt_span(level);
	}
	return (min(at, end) - gpa) >> PAGE_SHIFT;
}

/* Weakens translations, and when that is seen everywhere releases what was unlinked. */
static int64_t weaken(struct vm *vm, uint64_t gpa, uint64_t count, enum leaf_action action)
{
	bool changed = false;
	uint64_t done = for_leaves(vm, gpa, count, action, &changed);

	if (done == 0)
		return -MULLION_ENOMEM;
	if (changed)
		__atomic_add_fetch(&vm->tlb_generation, 1, __ATOMIC_SEQ_CST);
	if (!vm_flushed(vm))
		return -MULLION_EAGAIN;
	if (action == LEAF_UNLINK)
		for_leaves(vm, gpa, done, LEAF_RELEASE, &changed);
	return (int64_t)done;
}

static int64_t weaken_by_id(uint64_t id, uint64_t gpa, uint64_t count, enum leaf_action action)
{
	struct vm *vm = vm_get(id);

	if (!vm)
		return -MULLION_ENOENT;
	if (!range_valid(gpa, count))
		return -MULLION_EINVAL;
	return weaken(vm, gpa, count, action);
}

int64_t vm_unmap(uint64_t id, uint64_t gpa, uint64_t count)
{
	return weaken_by_id(id, gpa, count, LEAF_UNLINK);
}

int64_t vm_protect(uint64_t id, uint64_t gpa, uint64_t count)
{
	return weaken_by_id(id, gpa, count, LEAF_PROTECT);
}

/* ---- The end ---- */

static bool vm_held(const struct vm *vm)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (__atomic_load_n(&cpus[i]->holds, __ATOMIC_ACQUIRE) == vm)
			return true;
	}
	return false;
}

int64_t vm_destroy(uint64_t id)
{
	struct vm_slot *slot = slot_get(id);
	struct vm *vm = slot ? slot->vm : NULL;
	int64_t done;

	if (!vm)
		return -MULLION_ENOENT;
	/* From here on vcpu_get() refuses; those that came before are waited for. */
	__atomic_store_n(&vm->ending, true, __ATOMIC_SEQ_CST);
	if (vm_held(vm))
		return -MULLION_EBUSY;

	done = weaken(vm, vm->teardown_next, (MULLION_MAX_GPA - vm->teardown_next) >> PAGE_SHIFT,
		      LEAF_UNLINK);
	if (done < 0)
		return done;
	vm->teardown_next += (uint64_t)done << PAGE_SHIFT;
	if (vm->teardown_next < MULLION_MAX_GPA)
		return -MULLION_EAGAIN;

	ASSERT(vm->shared == 0);
	for (unsigned int i = 0; i < MULLION_MAX_VCPUS; i++) {
		if (!vm->vcpus[i])
			continue;
		frame_unshare(virt_to_phys(vm->vcpus[i]->run) >> PAGE_SHIFT);
		frame_unshare(virt_to_phys((const void *)vm->vcpus[i]->apic) >> PAGE_SHIFT);
	}
	slot->vm = NULL;
	slot->state = VM_ENDED;
	return 0;
}
