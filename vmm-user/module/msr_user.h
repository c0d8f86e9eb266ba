/* SPDX-License-Identifier: GPL-2.0-only */
/* MSR accesses that user space has a say in. */
#ifndef MULLION_MSR_USER_H
#define MULLION_MSR_USER_H

#include <linux/kvm.h>
#include <linux/types.h>

struct mullion_vm;
struct mullion_vcpu;
struct msr_filter;

/* KVM_X86_SET_MSR_FILTER. -> 0, -EINVAL, -EFAULT, -ENOMEM. */
long msr_filter_set(struct mullion_vm *vm, const struct kvm_msr_filter __user *arg);
void msr_filter_free(struct msr_filter *filter);

/* Whether the VM's filter, which may change at any time, lets an access through. */
bool vm_allows_msr(struct mullion_vm *vm, u32 index, bool write);

/* Takes the access that root mode has stopped at to user space, if that asked for `reason`
 * (KVM_MSR_EXIT_REASON_*), else raises #GP. -> as handle_exit() in run.c. */
int msr_refuse(struct mullion_vcpu *v, u32 reason);

#endif
