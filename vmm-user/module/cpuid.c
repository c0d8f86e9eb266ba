// SPDX-License-Identifier: GPL-2.0-only
/* CPUID: what is offered to user space, and what it sets for a vCPU. */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpuid.h>
#include <asm/fpu/xstate.h>
#include <asm/processor.h>

#include "clock.h"
#include "cpuid_policy.h"
#include "hypercall.h"
#include "root.h"
#include "vcpu.h"
#include "vm.h"

#define OFFERED_MAX 256 /* entries of KVM_GET_SUPPORTED_CPUID */
#define GPA_BITS (ilog2(MULLION_MAX_GPA))
#define CPUID_1_ECX_MWAIT (1u << 3)
#define CPUID_1_ECX_OSXSAVE (1u << 27)

static struct cpuid_values __init native(u32 leaf, u32 subleaf)
{
	struct cpuid_values v;

	cpuid_count(leaf, subleaf, &v.eax, &v.ebx, &v.ecx, &v.edx);
	return v;
}

u64 cpuid_xcr0_mask(void)
{
	return root_info.xcr0_mask;
}

struct list {
	struct kvm_cpuid_entry2 *entries;
	u32 count, room;
};

/* -> false when the leaf has nothing. */
static bool __init list_add_leaf(struct list *list, const struct cpuid_policy *policy, u32 leaf,
				 u32 subleaf)
{
	struct cpuid_values v = cpuid_policy_values(policy, leaf, subleaf);

	if (!(v.eax | v.ebx | v.ecx | v.edx))
		return false;
	if (list->count < list->room)
		list->entries[list->count] = (struct kvm_cpuid_entry2){
			.function = leaf,
			.index = subleaf,
			.flags = cpuid_policy_indexed(leaf) ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = v.eax,
			.ebx = v.ebx,
			.ecx = v.ecx,
			.edx = v.edx,
		};
	list->count++;
	return true;
}

static void __init list_add_range(struct list *list, const struct cpuid_policy *policy, u32 base)
{
	u32 leaf, subleaf, limit = cpuid_policy_limit(policy, base);

	for (leaf = base; leaf <= limit; leaf++) {
		list_add_leaf(list, policy, leaf, 0);
		if (!cpuid_policy_indexed(leaf))
			continue;
		for (subleaf = 1; subleaf < CPUID_POLICY_SUBLEAVES; subleaf++) {
			/* XSAVE's components are sparse, the others end at the first gap. */
			if (!list_add_leaf(list, policy, leaf, subleaf) && leaf != 0xd)
				break;
		}
	}
}

/* What guests are offered does not change, and every CPUID here is an exit: listed once. */
static struct list offered = { .room = OFFERED_MAX };

int __init cpuid_init(void)
{
	const struct cpuid_policy policy = {
		.xcr0 = cpuid_xcr0_mask(),
		.phys_bits = GPA_BITS,
		.kvmclock = clock_available(),
		.steal_time = steal_available(),
		.native = native,
	};

	offered.entries = kvcalloc(OFFERED_MAX, sizeof(*offered.entries), GFP_KERNEL);
	if (!offered.entries)
		return -ENOMEM;
	list_add_range(&offered, &policy, 0);
	list_add_range(&offered, &policy, KVM_CPUID_SIGNATURE);
	list_add_range(&offered, &policy, 0x80000000);
	if (WARN_ON(offered.count > OFFERED_MAX))
		offered.count = OFFERED_MAX;
	return 0;
}

void cpuid_exit(void)
{
	kvfree(offered.entries);
}

long cpuid_get_supported(struct kvm_cpuid2 __user *arg)
{
	u32 room;

	if (get_user(room, &arg->nent))
		return -EFAULT;
	if (room < offered.count)
		return -E2BIG;
	if (put_user(offered.count, &arg->nent) ||
	    copy_to_user(arg->entries, offered.entries, offered.count * sizeof(*offered.entries)))
		return -EFAULT;
	return 0;
}

/* -- A vCPU's -------------------------------------------------------------- */

const struct kvm_cpuid_entry2 *vcpu_cpuid(const struct mullion_vcpu *v, u32 function, u32 index)
{
	u32 i;

	for (i = 0; i < v->cpuid_count; i++) {
		const struct kvm_cpuid_entry2 *e = &v->cpuid[i];

		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

/* Bytes of the XSAVE image for the components that are enabled now. */
static u32 xsave_size(const struct mullion_vcpu *v)
{
	u32 size = XSAVE_HDR_OFFSET + XSAVE_HDR_SIZE, i;

	for (i = 2; i < 63; i++) {
		const struct kvm_cpuid_entry2 *e = NULL;

		if (v->run->xcr0 >> i & 1)
			e = vcpu_cpuid(v, 0xd, i);
		if (e)
			size = max(size, e->eax + e->ebx);
	}
	return size;
}

/* The entry as the guest sees it: some of CPUID mirrors control registers, and root mode answers
 * so, too. */
static struct kvm_cpuid_entry2 as_seen(const struct mullion_vcpu *v,
				       const struct kvm_cpuid_entry2 *entry)
{
	struct kvm_cpuid_entry2 e = *entry;

	switch (e.function) {
	case 1:
		e.ecx &= ~CPUID_1_ECX_OSXSAVE;
		if (v->run->cr4 & X86_CR4_OSXSAVE)
			e.ecx |= CPUID_1_ECX_OSXSAVE;
		if (vm_has_quirk(v->vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT))
			break;
		e.ecx &= ~CPUID_1_ECX_MWAIT;
		if (v->msrs.misc_enable & MSR_IA32_MISC_ENABLE_MWAIT)
			e.ecx |= CPUID_1_ECX_MWAIT;
		break;
	case 0xd:
		if (!e.index)
			e.ebx = xsave_size(v);
		break;
	}
	return e;
}

/* Gives root mode the table from which it answers the guest in `space`. Control registers are
 * loaded. */
static int send(struct mullion_vcpu *v, const struct mullion_space *space,
		const struct kvm_cpuid_entry2 *entries, u32 count)
{
	struct mullion_cpuid *rows = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	long ret;
	u32 i;

	if (!rows)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct kvm_cpuid_entry2 e = as_seen(v, &entries[i]);
		bool indexed = e.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;

		rows[i] = (struct mullion_cpuid){
			.function = e.function,
			.index = indexed ? e.index : 0,
			.flags = indexed ? MULLION_CPUID_INDEXED : 0,
			.eax = e.eax,
			.ebx = e.ebx,
			.ecx = e.ecx,
			.edx = e.edx,
		};
	}
	ret = mullion_hypercall(MULLION_HC_VCPU_CPUID, space->pool.vm, v->index, virt_to_phys(rows),
				count, 0);
	free_page((unsigned long)rows);
	return ret;
}

/* A guest that has run has seen its CPUID: only the same is taken again. */
static bool may_set(const struct mullion_vcpu *v, const struct kvm_cpuid_entry2 *entries, u32 count)
{
	u32 i;

	if (!v->has_run)
		return true;
	if (count != v->cpuid_count)
		return false;
	for (i = 0; i < count; i++) {
		struct kvm_cpuid_entry2 now = as_seen(v, &v->cpuid[i]);
		struct kvm_cpuid_entry2 then = as_seen(v, &entries[i]);

		if (memcmp(&now, &then, offsetof(struct kvm_cpuid_entry2, padding)))
			return false;
	}
	return true;
}

long vcpu_set_cpuid(struct mullion_vcpu *v, struct kvm_cpuid2 __user *arg)
{
	struct kvm_cpuid_entry2 *entries;
	struct kvm_cpuid2 head;
	long ret;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.nent > MULLION_CPUID_MAX)
		return -E2BIG;
	entries = vmemdup_user(arg->entries, array_size(head.nent, sizeof(*entries)));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	ret = vcpu_load(v, MULLION_GROUP_CR);
	if (!ret)
		ret = may_set(v, entries, head.nent) ? send(v, v->space, entries, head.nent) :
						       -EINVAL;
	if (ret) {
		kvfree(entries);
		return ret;
	}
	kvfree(v->cpuid);
	v->cpuid = entries;
	v->cpuid_count = head.nent;
	v->cpuid_told = space_bit(v->space);
	mmio_cpuid_changed(v);
	return 0;
}

int vcpu_refresh_cpuid(struct mullion_vcpu *v)
{
	int ret = vcpu_load(v, MULLION_GROUP_CR);

	v->cpuid_told = 0;
	return ret ? ret : vcpu_tell_cpuid(v, v->space);
}

int vcpu_tell_cpuid(struct mullion_vcpu *v, const struct mullion_space *space)
{
	int ret = 0;

	if (!(v->cpuid_told & space_bit(space)))
		ret = send(v, space, v->cpuid, v->cpuid_count);
	if (!ret)
		v->cpuid_told |= space_bit(space);
	return ret;
}

bool vcpu_has_mwait(const struct mullion_vcpu *v)
{
	const struct kvm_cpuid_entry2 *e = vcpu_cpuid(v, 1, 0);

	return e && as_seen(v, e).ecx & CPUID_1_ECX_MWAIT;
}

bool vcpu_has_pv(const struct mullion_vcpu *v, u32 mask)
{
	const struct kvm_cpuid_entry2 *e;

	if (!v->enforce_pv)
		return true;
	e = vcpu_cpuid(v, KVM_CPUID_FEATURES, 0);
	return e && (e->eax & mask) == mask;
}

const struct kvm_cpuid_entry2 *cpuid_offered(u32 function)
{
	u32 i;

	for (i = 0; i < offered.count; i++)
		if (offered.entries[i].function == function && !offered.entries[i].index)
			return &offered.entries[i];
	return NULL;
}

long vcpu_get_cpuid(struct mullion_vcpu *v, struct kvm_cpuid2 __user *arg)
{
	u32 room, i;
	int ret;

	if (get_user(room, &arg->nent))
		return -EFAULT;
	if (put_user(v->cpuid_count, &arg->nent))
		return -EFAULT;
	if (room < v->cpuid_count)
		return -E2BIG;
	ret = vcpu_load(v, MULLION_GROUP_CR);
	if (ret)
		return ret;
	for (i = 0; i < v->cpuid_count; i++) {
		struct kvm_cpuid_entry2 e = as_seen(v, &v->cpuid[i]);

		if (copy_to_user(&arg->entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return 0;
}
