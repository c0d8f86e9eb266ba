// SPDX-License-Identifier: GPL-2.0-only
/* Stand-ins for what exit policy calls; contracts in policy.h and the hypervisor's headers. */
#include "support.h"

#include "policy.h"

#include "hv/apic.h"

#include <string.h>

struct cpu_features cpu_features;
struct vcpu policy_vcpu;
struct mullion_run policy_run;
struct policy_outcome policy_outcome;
uint64_t policy_cr0, policy_cr4, policy_efer, policy_pat;

void policy_start(bool service)
{
	memset(&policy_outcome, 0, sizeof(policy_outcome));
	policy_vcpu.is_service = service;
	policy_vcpu.run = service ? NULL : &policy_run;
}

void vcpu_skip(struct vcpu *v, uint8_t length)
{
	assert_ptr_equal(v, &policy_vcpu);
	assert_false(policy_outcome.skipped);
	policy_outcome.skipped = true;
	policy_outcome.skipped_length = length;
}

void vcpu_inject_exception(struct vcpu *v, uint8_t vector, uint32_t error)
{
	assert_ptr_equal(v, &policy_vcpu);
	assert_int_equal(vector, EXC_GP);
	assert_int_equal(error, 0);
	policy_outcome.faulted = true;
}

void exit_leave(struct vcpu *v, const struct vm_exit *x, enum mullion_exit_reason reason,
		uint32_t groups)
{
	assert_ptr_equal(v, &policy_vcpu);
	assert_false(v->is_service);
	assert_int_equal(x->insn_len, POLICY_INSN_LENGTH);
	policy_outcome.left = true;
	policy_outcome.reason = reason;
	policy_outcome.groups = groups;
}

/* test_apic.c has its own. */
bool apic_msr(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	assert_ptr_equal(v, &policy_vcpu);
	if (index != POLICY_APIC_MSR)
		return false;
	if (!write)
		*value = POLICY_APIC_VALUE;
	return true;
}

static void get_state(struct vcpu *v, uint32_t groups, struct mullion_run *run)
{
	(void)v;
	if (groups == GROUP_PAT) {
		run->msr.pat = policy_pat;
		return;
	}
	assert_int_equal(groups, MULLION_GROUP_CR);
	run->cr0 = policy_cr0;
	run->cr4 = policy_cr4;
}

static void set_state(struct vcpu *v, uint32_t groups, const struct mullion_run *run)
{
	(void)v;
	assert_int_equal(groups, GROUP_PAT);
	policy_pat = run->msr.pat;
}

static uint64_t get_efer(struct vcpu *v)
{
	(void)v;
	return policy_efer;
}

static void set_efer(struct vcpu *v, uint64_t value)
{
	(void)v;
	policy_efer = value;
}

static const struct vendor stub = {
	.name = "a stub",
	.get_state = get_state,
	.get_efer = get_efer,
	.set_efer = set_efer,
	.set_state = set_state,
};
const struct vendor *vendor = &stub;
