/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's interrupt controllers in the kernel: the PIC, IOAPIC and PIT, the table that says which
 * line goes where, and the eventfds that drive lines.
 *
 * Locks, outermost first: vm->lock (changes of what there is); pit's; the irqchip's; an APIC's.
 * The last three are taken in any context.
 */
#ifndef MULLION_IRQCHIP_H
#define MULLION_IRQCHIP_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "ioapic.h"
#include "irq_routing.h"
#include "pic.h"
#include "pit.h"

struct mullion_vcpu;
struct mullion_vm;

/* A guest whose timer fires more often would leave the processor to nobody. */
#define TIMER_PERIOD_MIN (200 * NSEC_PER_USEC)

/* Lets `timer` fire when the monotonic clock shows `due`, or never if that is 0. A handler that
 * runs meanwhile must look for itself that nothing is due. */
static inline void timer_set(struct hrtimer *timer, u64 due)
{
	if (due)
		hrtimer_start(timer, ns_to_ktime(due), HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(timer);
}

/* Where the controllers are. The local APICs are in the kernel with both of the last. */
enum irqchip_kind {
	IRQCHIP_USER = 0,
	IRQCHIP_SPLIT = 1, /* PIC, IOAPIC and PIT in user space */
	IRQCHIP_KERNEL = 2,
};

/* Who drives a line; it is high while one of them does. */
enum irqchip_source {
	IRQCHIP_SOURCE_USER = 0,
	IRQCHIP_SOURCE_RESAMPLE = 1,
	IRQCHIP_SOURCE_PIT = 2,
};

struct irqchip_pit {
	raw_spinlock_t lock;
	struct pit pit;
	struct hrtimer timer;
	bool present, speaker, reinject;
	u64 due, period; /* of channel 0's next edge, and between further ones; 0: none */
	u32 owed;        /* edges that the guest has not had yet */
};

struct irqchip {
	u8 kind;           /* enum irqchip_kind; set once, before there are vCPUs */
	bool wide_ids;     /* KVM_CAP_X2APIC_API: identifiers have 32 bits */
	bool no_broadcast; /* and 0xff is one, in messages for x2APIC mode */

	raw_spinlock_t lock; /* pic, ioapic */
	struct pic pic;
	struct ioapic ioapic;
	bool pic_output;

	u32 arbitrated; /* the vCPU that took the last lowest-priority interrupt */
	struct irqchip_pit pit;
	struct irq_routing __rcu *routing; /* NULL: no routes */
	struct list_head irqfds;           /* see irqfd.c */
};

void irqchip_init(struct mullion_vm *vm);
void irqchip_free(struct mullion_vm *vm);

/* Whether the local APICs are in the kernel. */
bool irqchip_in_kernel(const struct mullion_vm *vm);

/* KVM_CREATE_IRQCHIP, KVM_CAP_SPLIT_IRQCHIP. vm->lock held. */
int irqchip_create(struct mullion_vm *vm, enum irqchip_kind kind);

/* KVM_GET_IRQCHIP, KVM_SET_IRQCHIP. */
int irqchip_get(struct mullion_vm *vm, struct kvm_irqchip *chip);
int irqchip_set(struct mullion_vm *vm, const struct kvm_irqchip *chip);

/* KVM_SET_GSI_ROUTING. vm->lock held. -> 0, -EINVAL, -ENOMEM. */
int irqchip_set_routing(struct mullion_vm *vm, const struct kvm_irq_routing_entry *entries,
			u32 count);

/* -- irqchip_ioctl.c ----------------------------------------------------------- */

/* An ioctl of the VM. -> -ENOTTY if it is none of the interrupt controllers'. */
long irqchip_ioctl(struct mullion_vm *vm, unsigned int cmd, void __user *arg);

/* -- Lines; any context ------------------------------------------------------ */

/* `source` drives or releases a GSI. A message is sent when it is driven. -> as apic_deliver(), for
 * all that the GSI goes to. */
int irqchip_line(struct mullion_vm *vm, u32 gsi, enum irqchip_source source, bool level);

/* KVM_SIGNAL_MSI. -> how many APICs took it; 0 if they had been asked already, or none takes it;
 * -EINVAL. */
int irqchip_msi(struct mullion_vm *vm, const struct kvm_msi *msi);

/* An APIC was told of the end of a level-triggered interrupt. */
void irqchip_ended(struct mullion_vm *vm, u8 vector);

/* Whether the PIC asserts INTR, and the acknowledgement of it. */
bool irqchip_pic_output(const struct mullion_vm *vm);
u8 irqchip_pic_acknowledge(struct mullion_vm *vm);

/* -- Guests' accesses --------------------------------------------------------- */

/* -> whether a controller has the address. */
bool irqchip_port_read(struct mullion_vm *vm, u16 port, void *data, unsigned int size);
bool irqchip_port_write(struct mullion_vm *vm, u16 port, const void *data, unsigned int size);
bool irqchip_mmio_read(struct mullion_vm *vm, u64 gpa, void *data, unsigned int size);
bool irqchip_mmio_write(struct mullion_vm *vm, u64 gpa, const void *data, unsigned int size);

/* -- irqchip_pit.c ------------------------------------------------------------- */

/* KVM_CREATE_PIT2 (vm->lock held); KVM_GET_PIT2, KVM_SET_PIT2; KVM_REINJECT_CONTROL. */
int irqchip_pit_create(struct mullion_vm *vm, const struct kvm_pit_config *config);
int irqchip_pit_get(struct mullion_vm *vm, struct kvm_pit_state2 *state);
int irqchip_pit_set(struct mullion_vm *vm, const struct kvm_pit_state2 *state);
int irqchip_pit_reinject(struct mullion_vm *vm, const struct kvm_reinject_control *control);

void irqchip_pit_init(struct irqchip_pit *pit);
void irqchip_pit_free(struct irqchip_pit *pit);
bool irqchip_pit_read(struct mullion_vm *vm, u16 port, u8 *value);
bool irqchip_pit_write(struct mullion_vm *vm, u16 port, u8 value);

/* -- irqfd.c -------------------------------------------------------------------- */

/* KVM_IRQFD. -> 0, -EINVAL, -EBUSY, -EBADF, -ENOSPC, -ENOMEM. */
int irqfd_set(struct mullion_vm *vm, const struct kvm_irqfd *args);
void irqfd_free_all(struct mullion_vm *vm);

/* The interrupt of a GSI has ended: those that resample it hear of it, and its line falls. */
void irqfd_resample(struct mullion_vm *vm, u32 gsi);

#endif
