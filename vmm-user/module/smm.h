/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System management mode: SMIs that wait, the way in, and RSM.
 *
 * A vCPU in SMM is in SPACE_SMM. What it was doing is in the map that it has written to SMRAM, which
 * is the guest's memory; here is only what decides which requests it takes.
 */
#ifndef MULLION_SMM_H
#define MULLION_SMM_H

#include <linux/kvm.h>
#include <linux/types.h>

struct mullion_vcpu;

struct vcpu_smm {
	bool active;
	bool pending;    /* one SMI waits: while `active`, or until an event has been delivered */
	bool inside_nmi; /* while `active`: NMIs were blocked before, and stay so after it */
};

/* Whether an SMI is to be taken now, or would be if no event were on its way into the vCPU, which
 * goes first. */
bool smm_is_due(const struct mullion_vcpu *v);
bool smm_is_held_up(const struct mullion_vcpu *v);

/* Takes the SMI that is due. At the boundary of an instruction, before an entry. -> 0 or a negative
 * error. */
int smm_take(struct mullion_vcpu *v);

/* RSM is at RIP. -> EXIT_CONTINUE, a negative error, or EXIT_TO_USER with KVM_EXIT_SHUTDOWN, where
 * the map is not a state that a processor can be in: nothing has changed then. */
int smm_resume(struct mullion_vcpu *v);

/* Parts of struct kvm_vcpu_events. */
void smm_get_events(struct mullion_vcpu *v, struct kvm_vcpu_events *events);
int smm_set_events(struct mullion_vcpu *v, const struct kvm_vcpu_events *events);

#endif
