// SPDX-License-Identifier: GPL-2.0-only
/* KVM_X86_SET_MSR_FILTER, and accesses that user space answers. */
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/msr-index.h>

#include "hypercall.h"
#include "msr_filter.h"
#include "msr_user.h"
#include "vcpu.h"
#include "vm.h"

#define DIRECTIONS (KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

void msr_filter_free(struct msr_filter *filter)
{
	unsigned int i;

	if (!filter)
		return;
	for (i = 0; i < filter->count; i++)
		kvfree(filter->ranges[i].allowed);
	kfree(filter);
}

static int take_range(struct msr_filter *filter, const struct kvm_msr_filter_range *range)
{
	size_t size = DIV_ROUND_UP((u64)range->nmsrs, 64) * sizeof(u64);
	u64 *allowed;

	if (!range->nmsrs)
		return 0;
	if (!range->flags || range->flags & ~DIRECTIONS || size > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	allowed = vmemdup_user((const void __user *)range->bitmap, size);
	if (IS_ERR(allowed))
		return PTR_ERR(allowed);
	filter->ranges[filter->count++] = (struct msr_range){
		.base = range->base,
		.count = range->nmsrs,
		.read = range->flags & KVM_MSR_FILTER_READ,
		.write = range->flags & KVM_MSR_FILTER_WRITE,
		.allowed = allowed,
	};
	return 0;
}

/* -> a filter, or an error. */
static struct msr_filter *make(const struct kvm_msr_filter *from)
{
	struct msr_filter *filter = kzalloc(sizeof(*filter), GFP_KERNEL_ACCOUNT);
	int ret = 0;
	u32 i;

	if (!filter)
		return ERR_PTR(-ENOMEM);
	filter->allow = !(from->flags & KVM_MSR_FILTER_DEFAULT_DENY);
	for (i = 0; i < ARRAY_SIZE(from->ranges) && !ret; i++)
		ret = take_range(filter, &from->ranges[i]);
	/* To deny everything would be a mistake. */
	if (!ret && !filter->count && !filter->allow)
		ret = -EINVAL;
	if (!ret)
		return filter;
	msr_filter_free(filter);
	return ERR_PTR(ret);
}

/* Whether an access is refused that would not come here: MSRs that guests use directly or that
 * root mode answers, unless every access exits. */
static bool hides_from_root_mode(const struct msr_filter *filter)
{
	static const u32 answered[] = {
		MSR_EFER, MSR_IA32_CR_PAT, MSR_IA32_TSC, MSR_IA32_PRED_CMD,
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_TSC_AUX, MSR_IA32_SPEC_CTRL,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(answered); i++)
		if (!msr_filter_allows(filter, answered[i], false) ||
		    !msr_filter_allows(filter, answered[i], true))
			return true;
	return false;
}

long msr_filter_set(struct mullion_vm *vm, const struct kvm_msr_filter __user *arg)
{
	struct msr_filter *filter, *old;
	struct kvm_msr_filter from;

	if (copy_from_user(&from, arg, sizeof(from)))
		return -EFAULT;
	if (from.flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	filter = make(&from);
	if (IS_ERR(filter))
		return PTR_ERR(filter);
	mutex_lock(&vm->lock);
	WRITE_ONCE(vm->msr_exits, hides_from_root_mode(filter));
	old = rcu_replace_pointer(vm->msr_filter, filter, lockdep_is_held(&vm->lock));
	mutex_unlock(&vm->lock);
	/* Running vCPUs find it with their next entry. */
	mullion_poke_all();
	synchronize_rcu();
	msr_filter_free(old);
	return 0;
}

bool vm_allows_msr(struct mullion_vm *vm, u32 index, bool write)
{
	bool allowed;

	rcu_read_lock();
	allowed = msr_filter_allows(rcu_dereference(vm->msr_filter), index, write);
	rcu_read_unlock();
	return allowed;
}

/* -- To user space and back ------------------------------------------------ */

static int complete_msr(struct mullion_vcpu *v)
{
	const struct kvm_run *user = v->kvm_run;

	if (READ_ONCE(user->msr.error)) {
		vcpu_raise(v, GP_VECTOR, true, 0);
		return EXIT_CONTINUE;
	}
	return msr_answer(v, READ_ONCE(user->msr.data));
}

int msr_refuse(struct mullion_vcpu *v, u32 reason)
{
	const struct mullion_exit *exit = &v->run->exit;
	struct kvm_run *user = v->kvm_run;

	if (!(READ_ONCE(v->vm->user_msr) & reason)) {
		vcpu_raise(v, GP_VECTOR, true, 0);
		return EXIT_CONTINUE;
	}
	user->exit_reason = exit->msr.write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	user->msr.error = 0;
	memset(user->msr.pad, 0, sizeof(user->msr.pad));
	user->msr.reason = reason;
	user->msr.index = exit->msr.index;
	user->msr.data = exit->msr.write ? exit->msr.value : 0;
	v->complete = complete_msr;
	return EXIT_TO_USER;
}
