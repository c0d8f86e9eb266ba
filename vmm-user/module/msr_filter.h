/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_X86_SET_MSR_FILTER: which MSRs a guest may access, as user space decided. */
#ifndef MULLION_MSR_FILTER_H
#define MULLION_MSR_FILTER_H

#include <linux/kvm.h>
#include <linux/types.h>

struct mullion_vm;
struct mullion_vcpu;

struct msr_range {
	u32 base, count;
	bool read, write; /* which accesses it decides */
	u64 *allowed;     /* a bit each */
};

/* Immutable once a VM has it. */
struct msr_filter {
	bool allow; /* what no range decides */
	unsigned int count;
	struct msr_range ranges[KVM_MSR_FILTER_MAX_RANGES];
};

/* Whether `filter`, which may be NULL, lets an access through. The x2APIC's MSRs always pass. */
bool msr_filter_allows(const struct msr_filter *filter, u32 index, bool write);

/* The ioctl. -> 0, -EINVAL, -EFAULT, -ENOMEM. */
long msr_filter_set(struct mullion_vm *vm, const struct kvm_msr_filter __user *arg);
void msr_filter_free(struct msr_filter *filter);

/* The same of the VM's filter, whatever else changes it. */
bool vm_allows_msr(struct mullion_vm *vm, u32 index, bool write);

/* Takes the access that root mode has stopped at to user space, if that asked for `reason`
 * (KVM_MSR_EXIT_REASON_*), else raises #GP. -> as handle_exit() in run.c. */
int msr_refuse(struct mullion_vcpu *v, u32 reason);

#endif
