// SPDX-License-Identifier: GPL-2.0-only
/* The run page's groups, and what follows from completing an instruction. */
#include <linux/preempt.h>
#include <asm/processor-flags.h>

#include "apic.h"
#include "hypercall.h"
#include "vcpu.h"
#include "vm.h"

#define DR6_STEP (1u << 14)

int vcpu_load(struct mullion_vcpu *v, u32 groups)
{
	struct mullion_run *run = v->run;
	u32 have = run->valid | run->dirty;
	u32 missing = groups & ~have;
	long ret;

	if (!missing)
		return 0;
	preempt_disable();
	ret = mullion_hypercall(MULLION_HC_VCPU_STATE, v->space->pool.vm, v->index, missing, 0, 0);
	preempt_enable();
	if (ret)
		return -EIO;
	/* What was here before still is what the vCPU holds. */
	run->valid |= have | missing;
	return 0;
}

int vcpu_change(struct mullion_vcpu *v, u32 groups)
{
	int ret = vcpu_load(v, groups);

	if (!ret)
		v->run->dirty |= groups;
	return ret;
}

void vcpu_raise(struct mullion_vcpu *v, u8 vector, bool has_error, u32 error)
{
	vcpu_put_back_irq(v);
	v->run->inject = (struct mullion_event){
		.valid = 1,
		.type = MULLION_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = has_error,
		.error = has_error ? error : 0,
	};
}

int vcpu_raise_step(struct mullion_vcpu *v)
{
	int ret;

	if (guest_debug_steps(v)) {
		v->debug.step_due = true;
		return 0;
	}
	ret = vcpu_change(v, MULLION_GROUP_DR);
	if (ret)
		return ret;
	guest_debug_registers(v)[6] |= DR6_STEP;
	vcpu_raise(v, DB_VECTOR, false, 0);
	return 0;
}

int vcpu_advance(struct mullion_vcpu *v, u64 rip)
{
	struct mullion_run *run = v->run;
	int ret = vcpu_change(v, MULLION_GROUP_RIP);

	if (ret)
		return ret;
	run->rip = rip;
	run->interruptibility &= ~MULLION_BLOCK_STI;
	return run->rflags & X86_EFLAGS_TF || guest_debug_steps(v) ? vcpu_raise_step(v) : 0;
}

bool vcpu_irq_open(const struct mullion_vcpu *v)
{
	const struct mullion_run *run = v->run;

	return (run->rflags & X86_EFLAGS_IF) && !(run->interruptibility & MULLION_BLOCK_STI) &&
	       !run->inject.valid;
}

bool vcpu_accepts_irq(const struct mullion_vcpu *v)
{
	if (!v->apic)
		return !v->irq_pending && vcpu_irq_open(v);
	return v->vm->irqchip.kind == IRQCHIP_KERNEL ||
	       (!v->irq_pending && vcpu_irq_open(v) && lapic_takes_extint(&v->apic->lapic));
}

void vcpu_queue_irq(struct mullion_vcpu *v, u8 vector)
{
	if (!v->apic) {
		v->irq_pending = true;
		v->irq_vector = vector;
	} else if (!v->run->inject.valid) {
		v->run->inject = (struct mullion_event){
			.valid = 1,
			.type = MULLION_EVENT_INTERRUPT,
			.vector = vector,
		};
	}
}
