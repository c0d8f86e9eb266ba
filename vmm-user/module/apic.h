/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC in the kernel: lapic.h with its lock, its timer, and whom it wakes.
 *	apic.c         the APIC itself, and what reaches it
 *	apic_events.c  what the vCPU's thread takes from it, and waits for
 *	apic_access.c  its registers, by the guest's accesses and user space's
 *	apic_timer.c   its timer
 */
#ifndef MULLION_APIC_H
#define MULLION_APIC_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/spinlock.h>

#include "lapic.h"

struct mullion_vcpu;
struct mullion_vm;

/*
 * Who wants something of a vCPU changes the state under `lock` and then wakes it, if it sleeps
 * in KVM_RUN, or sends it out of the guest. The vCPU says where it is (vcpu->cpu, `sleeper`)
 * before it looks at the state for the last time, so that one of both sees the other.
 */
struct mullion_apic {
	raw_spinlock_t lock; /* all that follows; any context, interrupts off */
	struct lapic lapic;
	struct mullion_vcpu *vcpu;
	struct hrtimer timer;
	u64 due; /* what the timer is set to, 0: nothing */

	u8 nmis;  /* to be taken over into vcpu->nmi_pending, */
	bool smi; /* and into vcpu->smm.pending */
	bool init, sipi;
	u8 sipi_vector;

	struct task_struct *sleeper; /* the vCPU's thread while it waits here */

	/* Split: the vCPU's own from here on. */
	bool eoi_due; /* user space's IOAPIC must hear of the end of eoi_vector */
	u8 eoi_vector;
};

/* Gives a new vCPU its APIC. -> 0 or -ENOMEM. */
int apic_create(struct mullion_vcpu *v);
void apic_free(struct mullion_vcpu *v);

/* -- From anywhere ---------------------------------------------------------- */

/* Delivers a message to the APICs that it is for; `sender` is NULL where no vCPU sends it.
 * -> how many took it, 0 if they had been asked already, -1 if none takes it. */
int apic_deliver(struct mullion_vm *vm, const struct apic_message *m, struct mullion_vcpu *sender);

/* The PIC's output rises: LINT0 of every APIC. */
void apic_lint0(struct mullion_vm *vm);

/* -- Events, by the vCPU's thread --------------------------------------------- */

/* Before an entry, interrupts off, with vcpu->cpu set: the PIC's vector to deliver if the guest is
 * `open`, or -1. It counts as taken. *window: one (more) waits until the guest is open. What is
 * requested of the APIC is root mode's to deliver. */
int apic_next_extint(struct mullion_vcpu *v, bool open, bool *window);

/* Whether apic_take_events() has something to do. */
bool apic_has_events(const struct mullion_vcpu *v);

/* INIT, SIPI, NMIs and SMI that have arrived change the vCPU. In SMM, INIT waits for its end and
 * SIPI is lost. -> 0 or a negative error. */
int apic_take_events(struct mullion_vcpu *v);

/* Only the NMIs and the SMI: they are in vcpu->nmi_pending and vcpu->smm then. */
void apic_take_requests(struct mullion_vcpu *v);

/* An interrupt that is on its way into the vCPU is requested again. -> false if it was not the
 * APIC's. */
bool apic_return(struct mullion_vcpu *v, u8 vector);

/* Sets or forgets an INIT that waits. */
void apic_latch_init(struct mullion_vcpu *v, bool latched);

/* Waits until the vCPU can run: HALTED for an interrupt, before SIPI for that. -> 0, or -EINTR
 * for a signal. */
int apic_wait(struct mullion_vcpu *v);

/* -- Accesses, by the vCPU's thread ------------------------------------------- */

/* After an exit: the task priority that the guest has set in CR8. */
void apic_take_cr8(struct mullion_vcpu *v);

/* Guest's and emulator's accesses. -> whether the address is the APIC's. */
bool apic_mmio_read(struct mullion_vcpu *v, u64 gpa, void *data, unsigned int size);
bool apic_mmio_write(struct mullion_vcpu *v, u64 gpa, const void *data, unsigned int size);

/* MSRs of x2APIC mode. -> enum msr_result. */
int apic_msr_get(struct mullion_vcpu *v, u32 index, u64 *value);
int apic_msr_set(struct mullion_vcpu *v, u32 index, u64 value, bool host);

/* IA32_APIC_BASE. `host`: user space goes from any mode to any other. -> enum msr_result. */
int apic_base_set(struct mullion_vcpu *v, u64 value, bool host);

/* CR8 or what CPUID offers was set from outside. */
void apic_cr8_changed(struct mullion_vcpu *v);
void apic_cpuid_changed(struct mullion_vcpu *v);

/* KVM_GET_LAPIC, KVM_SET_LAPIC. -> 0, or -EINVAL without an APIC or for an identifier that is not
 * its own. */
int vcpu_get_lapic(struct mullion_vcpu *v, struct kvm_lapic_state *state);
int vcpu_set_lapic(struct mullion_vcpu *v, const struct kvm_lapic_state *state);

/* -- The timer, by the vCPU's thread ------------------------------------------ */

/* IA32_TSC_DEADLINE; without an APIC 0, and no effect. -> MSR_OK. */
int apic_deadline_get(struct mullion_vcpu *v, u32 index, u64 *value);
int apic_deadline_set(struct mullion_vcpu *v, u32 index, u64 value, bool host);

/* The guest's TSC was moved: its deadline comes earlier or later. */
void apic_tsc_changed(struct mullion_vcpu *v);

#endif
