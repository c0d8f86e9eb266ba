// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_SYNC_REGS: registers that travel in kvm_run, in place of ioctls around KVM_RUN. User
 * space may write there any time: each part is copied once, then checked as the ioctl does. */
#include <linux/string.h>

#include "vcpu.h"

static int take_regs(struct mullion_vcpu *v)
{
	struct kvm_regs regs;

	memcpy(&regs, &v->kvm_run->s.regs.regs, sizeof(regs));
	return vcpu_set_regs(v, &regs);
}

static int take_sregs(struct mullion_vcpu *v)
{
	struct kvm_sregs sregs;

	memcpy(&sregs, &v->kvm_run->s.regs.sregs, sizeof(sregs));
	return vcpu_set_sregs(v, &sregs);
}

static int take_events(struct mullion_vcpu *v)
{
	struct kvm_vcpu_events events;

	memcpy(&events, &v->kvm_run->s.regs.events, sizeof(events));
	return vcpu_set_events(v, &events);
}

int sync_regs_in(struct mullion_vcpu *v)
{
	u64 valid = READ_ONCE(v->kvm_run->kvm_valid_regs);
	u64 dirty = READ_ONCE(v->kvm_run->kvm_dirty_regs);
	int ret = 0;

	if ((valid | dirty) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	if (likely(!dirty))
		return 0;
	if (dirty & KVM_SYNC_X86_REGS)
		ret = take_regs(v);
	if (!ret && dirty & KVM_SYNC_X86_SREGS)
		ret = take_sregs(v);
	if (!ret && dirty & KVM_SYNC_X86_EVENTS)
		ret = take_events(v);
	if (!ret)
		v->kvm_run->kvm_dirty_regs = 0;
	return ret;
}

int sync_regs_out(struct mullion_vcpu *v)
{
	u64 valid = READ_ONCE(v->kvm_run->kvm_valid_regs);
	struct kvm_sync_regs *regs = &v->kvm_run->s.regs;
	int ret = 0;

	if (likely(!valid))
		return 0;
	if (valid & KVM_SYNC_X86_REGS)
		ret = vcpu_get_regs(v, &regs->regs);
	if (!ret && valid & KVM_SYNC_X86_SREGS)
		ret = vcpu_get_sregs(v, &regs->sregs);
	if (!ret && valid & KVM_SYNC_X86_EVENTS)
		ret = vcpu_get_events(v, &regs->events);
	return ret;
}
