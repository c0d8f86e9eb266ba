/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_GET_STATS_FD: counters of a VM or a vCPU in a file that describes itself. */
#ifndef MULLION_STATS_H
#define MULLION_STATS_H

struct mullion_vcpu;
struct mullion_vm;

/* -> a file descriptor or a negative error. */
int vm_stats_fd(struct mullion_vm *vm);
int vcpu_stats_fd(struct mullion_vcpu *v);

#endif
