/* SPDX-License-Identifier: GPL-2.0-only */
/* The VM's clock; the vCPU's side is in vcpu.h. */
#ifndef MULLION_CLOCK_H
#define MULLION_CLOCK_H

#include <linux/kvm.h>
#include <linux/types.h>

struct mullion_vm;
struct mullion_vcpu;

/* What KVM_GET_CLOCK tells, and KVM_SET_CLOCK takes. */
#define CLOCK_FLAGS (KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)

/* Whether guests are offered the paravirtual clock. */
bool clock_available(void);

/* Starts the VM's clock at 0. */
void clock_init(struct mullion_vm *vm);

/* KVM_GET_CLOCK, KVM_SET_CLOCK. */
int vm_get_clock(struct mullion_vm *vm, struct kvm_clock_data *data);
int vm_set_clock(struct mullion_vm *vm, const struct kvm_clock_data *data);

/* KVM_KVMCLOCK_CTRL: the guest is to know that it was stopped. -> 0, -EINVAL without a clock. */
int vcpu_clock_stopped(struct mullion_vcpu *v);

#endif
