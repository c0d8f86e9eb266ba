/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes that need no exit to user space: eventfds and the coalesced ring. */
#ifndef MULLION_DEVICES_H
#define MULLION_DEVICES_H

#include <linux/kvm.h>
#include <linux/types.h>

struct mullion_vm;
struct mullion_vcpu;

/* KVM_IOEVENTFD. -> 0, -EINVAL, -EEXIST, -ENOENT, -EBADF, -ENOMEM. */
int ioeventfd_set(struct mullion_vm *vm, const struct kvm_ioeventfd *args);
void ioeventfd_free_all(struct mullion_vm *vm);

/* A write of `size` bytes at a port or gpa. -> true if an eventfd took it. */
bool ioeventfd_write(struct mullion_vm *vm, bool pio, u64 addr, const void *data,
		     unsigned int size);

/* KVM_REGISTER_COALESCED_MMIO, KVM_UNREGISTER_COALESCED_MMIO. -> 0, -EINVAL, -ENOMEM, -ENOSPC. */
int coalesced_register(struct mullion_vm *vm, const struct kvm_coalesced_mmio_zone *zone);
int coalesced_unregister(struct mullion_vm *vm, const struct kvm_coalesced_mmio_zone *zone);
void coalesced_free_all(struct mullion_vm *vm);

/* -> true if the write is in the ring; false outside the zones or when the ring is full. */
bool coalesced_write(struct mullion_vm *vm, bool pio, u64 addr, const void *data,
		     unsigned int size);

/* Fills kvm_run for KVM_EXIT_IO; `data` (for a write) is size * count bytes, a page at the most.
 * -> EXIT_TO_USER. */
int port_to_user(struct mullion_vcpu *v, bool in, u16 port, const void *data, unsigned int size,
		 unsigned int count);

#endif
