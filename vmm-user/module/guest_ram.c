// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest RAM as the emulator and the page walk reach it: through the creator's own addresses, in
 * the vCPU's thread. A fault there (memory that user space unmapped) counts as no RAM.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <asm/msr-index.h>

#include "guest_walk.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

#define ATTR_LONG (1u << 9)

/* The slot at gpa, and the user-space address, or NULL. Inside a slots_srcu read section. */
static struct mullion_slot *lookup(struct mullion_space *space, u64 gpa, bool write,
				   unsigned long *hva)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	struct mullion_slot *slot = slot_table_find(memslots(space), gfn);

	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		return NULL;
	*hva = slot_hva(slot, gfn) + offset_in_page(gpa);
	return slot;
}

/* Of page-table entries and most operands: these sizes need no general copy. */
static bool read_user(void *data, unsigned long hva, unsigned int size)
{
	void __user *from = (void __user *)hva;

	switch (size) {
	case 4:
		return !get_user(*(u32 *)data, (u32 __user *)from);
	case 8:
		return !get_user(*(u64 *)data, (u64 __user *)from);
	default:
		return !copy_from_user(data, from, size);
	}
}

/* Within a page. */
static int page_read(struct mullion_space *space, u64 gpa, void *data, unsigned int size)
{
	struct mullion_vm *vm = space->vm;
	int ret = GUEST_MEMORY_DEVICE;
	unsigned long hva;
	int index;

	index = srcu_read_lock(&vm->slots_srcu);
	if (lookup(space, gpa, false, &hva) && read_user(data, hva, size))
		ret = GUEST_MEMORY_OK;
	srcu_read_unlock(&vm->slots_srcu, index);
	return ret;
}

static int page_write(struct mullion_space *space, struct mullion_vcpu *v, u64 gpa,
		      const void *data, unsigned int size)
{
	struct mullion_vm *vm = space->vm;
	int ret = GUEST_MEMORY_DEVICE;
	struct mullion_slot *slot;
	unsigned long hva;
	int index;

	index = srcu_read_lock(&vm->slots_srcu);
	slot = lookup(space, gpa, true, &hva);
	if (slot && !copy_to_user((void __user *)hva, data, size)) {
		memslot_mark_dirty(v, slot, gpa >> PAGE_SHIFT);
		ret = GUEST_MEMORY_OK;
	}
	srcu_read_unlock(&vm->slots_srcu, index);
	return ret;
}

/* Bytes of an access that lie on its first page. */
static unsigned int first_part(u64 gpa, unsigned int size)
{
	return min_t(unsigned int, size, PAGE_SIZE - offset_in_page(gpa));
}

int space_read(struct mullion_space *space, u64 gpa, void *data, unsigned int size)
{
	int ret = GUEST_MEMORY_OK;
	unsigned int part;

	for (; size; gpa += part, data += part, size -= part) {
		part = first_part(gpa, size);
		ret |= page_read(space, gpa, data, part);
	}
	return ret;
}

int space_write(struct mullion_space *space, struct mullion_vcpu *v, u64 gpa, const void *data,
		unsigned int size)
{
	int ret = GUEST_MEMORY_OK;
	unsigned int part;

	for (; size; gpa += part, data += part, size -= part) {
		part = first_part(gpa, size);
		ret |= page_write(space, v, gpa, data, part);
	}
	return ret;
}

int guest_ram_read(void *opaque, u64 gpa, void *data, unsigned int size)
{
	const struct mullion_vcpu *v = opaque;

	return page_read(v->space, gpa, data, size);
}

int guest_ram_write(void *opaque, u64 gpa, const void *data, unsigned int size)
{
	struct mullion_vcpu *v = opaque;

	return page_write(v->space, v, gpa, data, size);
}

/* Compares and exchanges at a kernel address. -> whether the expected value was there. */
static bool exchange(void *at, u64 expected, u64 desired, unsigned int size)
{
	u64 old = 0;

	/* An access across cache lines would lock the bus, and may be forbidden to the kernel;
	 * guests lose the atomicity of what no sane guest does to a device's page tables. */
	if (((unsigned long)at & (L1_CACHE_BYTES - 1)) + size > L1_CACHE_BYTES) {
		memcpy(&old, at, size);
		if (old == expected)
			memcpy(at, &desired, size);
		return old == expected;
	}
	switch (size) {
	case 1:
		return cmpxchg((u8 *)at, (u8)expected, (u8)desired) == (u8)expected;
	case 2:
		return cmpxchg((u16 *)at, (u16)expected, (u16)desired) == (u16)expected;
	case 4:
		return cmpxchg((u32 *)at, (u32)expected, (u32)desired) == (u32)expected;
	default:
		return cmpxchg((u64 *)at, expected, desired) == expected;
	}
}

int guest_ram_cmpxchg(void *opaque, u64 gpa, u64 expected, u64 desired, unsigned int size)
{
	struct mullion_vcpu *v = opaque;
	struct mullion_vm *vm = v->vm;
	int ret = GUEST_MEMORY_DEVICE;
	struct mullion_slot *slot;
	struct page *page;
	unsigned long hva;
	int index;
	void *at;

	index = srcu_read_lock(&vm->slots_srcu);
	slot = lookup(v->space, gpa, true, &hva);
	if (slot && get_user_pages_fast(hva, 1, FOLL_WRITE, &page) == 1) {
		at = kmap_local_page(page);
		ret = exchange(at + offset_in_page(hva), expected, desired, size) ?
			      GUEST_MEMORY_OK :
			      GUEST_MEMORY_CHANGED;
		kunmap_local(at);
		set_page_dirty_lock(page);
		put_page(page);
		if (ret == GUEST_MEMORY_OK)
			memslot_mark_dirty(v, slot, gpa >> PAGE_SHIFT);
	}
	srcu_read_unlock(&vm->slots_srcu, index);
	return ret;
}

static const struct guest_ram_ops ram = {
	.read = guest_ram_read,
	.write = guest_ram_write,
	.cmpxchg = guest_ram_cmpxchg,
};

bool guest_code_write(struct mullion_vcpu *v, u64 offset, u8 byte)
{
	const struct emulate_context *ctx = &v->emulate;
	const struct mullion_segment *cs = &ctx->seg[MULLION_CS];
	const struct guest_paging paging = emulate_paging(ctx);
	bool wide = ctx->efer & EFER_LMA && cs->attr & ATTR_LONG;
	u64 linear = wide ? offset : (u32)(cs->base + offset);
	struct guest_walk walk;

	return guest_walk(&paging, &ram, v, linear, GUEST_WALK_WRITE, &walk) == GUEST_WALK_OK &&
	       guest_ram_write(v, walk.gpa, &byte, 1) == GUEST_MEMORY_OK;
}

int vcpu_translate(struct mullion_vcpu *v, struct kvm_translation *t)
{
	const struct mullion_run *run = v->run;
	struct guest_paging paging;
	struct guest_walk walk;
	int ret = vcpu_load(v, MULLION_GROUP_CR | MULLION_GROUP_RIP);

	if (ret)
		return ret;
	paging = (struct guest_paging){
		.cr0 = run->cr0,
		.cr3 = run->cr3,
		.cr4 = run->cr4,
		.efer = run->efer,
		.rflags = run->rflags,
		.phys_bits = v->emulate.phys_bits,
		.gib_pages = v->emulate.gib_pages,
	};
	t->valid = guest_walk(&paging, &ram, v, t->linear_address,
			      GUEST_WALK_IMPLICIT | GUEST_WALK_PROBE, &walk) == GUEST_WALK_OK;
	t->physical_address = t->valid ? walk.gpa : ~0ull;
	t->writeable = t->valid && walk.writable;
	t->usermode = t->valid && walk.user;
	return 0;
}
