// SPDX-License-Identifier: GPL-2.0-only
/* KVM's hypercalls (Documentation/virt/kvm/x86/hypercalls.rst). */
#include <linux/kvm_para.h>
#include <linux/sched.h>

#include "vcpu.h"
#include "vm.h"

#define INSN_LENGTH 3 /* of VMCALL and VMMCALL, unless the processor says more */
#define ATTR_LONG (1u << 9)
#define ATTR_DPL (3u << 5)

static bool offers(const struct mullion_vcpu *v, unsigned int feature)
{
	return vcpu_has_pv(v, 1u << feature);
}

/* A guest's processor waits for another one, which has APIC identifier `id`, and knows that it
 * does not run. */
static void yield_to_vcpu(const struct mullion_vcpu *v, u32 id)
{
	struct mullion_vm *vm = v->vm;
	u32 i, count = smp_load_acquire(&vm->vcpu_count);

	for (i = 0; i < count; i++) {
		const struct mullion_vcpu *other = vm->vcpus[i];

		if (other->id != id)
			continue;
		if (other != v && READ_ONCE(other->cpu) < 0)
			yield();
		return;
	}
}

static long serve(const struct mullion_vcpu *v, u64 number, u64 argument)
{
	switch (number) {
	case KVM_HC_VAPIC_POLL_IRQ:
		return 0; /* to have exited was all */
	case KVM_HC_SCHED_YIELD:
		if (!offers(v, KVM_FEATURE_PV_SCHED_YIELD))
			break;
		yield_to_vcpu(v, argument);
		return 0;
	}
	return -KVM_ENOSYS;
}

int exit_hypercall(struct mullion_vcpu *v)
{
	struct mullion_run *run = v->run;
	int ret = vcpu_load(v, MULLION_GROUP_SEG);
	u64 mask = U32_MAX;
	long result;

	if (!ret)
		ret = vcpu_change(v, MULLION_GROUP_GPR);
	if (ret)
		return ret;
	if (run->seg[MULLION_CS].attr & ATTR_LONG)
		mask = U64_MAX;
	result = run->seg[MULLION_SS].attr & ATTR_DPL ?
			 -KVM_EPERM :
			 serve(v, run->gpr[MULLION_RAX] & mask, run->gpr[MULLION_RBX] & mask);
	run->gpr[MULLION_RAX] = result & mask;
	ret = vcpu_advance(v, run->rip + (run->exit.insn_len ?: INSN_LENGTH));
	return ret ? ret : EXIT_CONTINUE;
}
