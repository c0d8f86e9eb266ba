/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of exit policy share: a vCPU, and what was done with it. */
#ifndef UNIT_POLICY_H
#define UNIT_POLICY_H

#include "hv/types.h"

#undef skip /* of support.h; it is a member of struct vendor */
#include "hv/cpu.h"
#include "hv/exit.h"
#include "hv/vcpu.h"
#include "hv/vendor.h"
#include "hv/x86.h"

extern struct vcpu policy_vcpu;
extern struct mullion_run policy_run;
extern uint64_t policy_cr0, policy_cr4, policy_efer, policy_pat;

/* What became of the last exit. */
extern struct policy_outcome {
	bool skipped; /* past insn_length bytes */
	uint8_t skipped_length;
	bool faulted; /* #GP(0) */
	bool left;    /* to the module */
	enum mullion_exit_reason reason;
	uint32_t groups;
} policy_outcome;

/* An MSR of the APIC that root mode answers, and what it reads as. */
#define POLICY_APIC_MSR 0x808
#define POLICY_APIC_VALUE 0x1234567890ull

/* What the exits tested say of the instruction. */
#define POLICY_INSN_LENGTH 5

/* Forgets the outcome; the vCPU is a guest's, or the service domain's. */
void policy_start(bool service);

#endif
