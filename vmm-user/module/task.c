// SPDX-License-Identifier: GPL-2.0-only
/* Task switches, which VT-x leaves to software. */
#include <asm/trapnr.h>

#include "vcpu.h"

#define DR6_BT (1u << 15)
#define DR7_LOCAL 0x155u /* L0 to L3, LE */
#define TASK_GROUPS                                                                                \
	(MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR |            \
	 MULLION_GROUP_DR)

static int unhandled(struct mullion_vcpu *v, const struct emulate_task *task)
{
	u64 data[] = { task->selector, task->source };

	pr_info_ratelimited("mullion: vCPU %u: no task switch to %#x at %#llx: its TSS, or what "
			    "that needs, is not in RAM\n",
			    v->id, task->selector, v->run->rip);
	return exit_internal_error(v, KVM_INTERNAL_ERROR_EMULATION, data, ARRAY_SIZE(data));
}

int exit_task_switch(struct mullion_vcpu *v)
{
	struct mullion_run *run = v->run;
	struct emulate_task task = {
		.selector = run->exit.task.selector,
		.source = run->exit.task.source,
		.insn_len = run->exit.insn_len,
		.event = run->exit.pending,
	};
	enum emulate_result result;
	int ret = vcpu_load(v, TASK_GROUPS);

	if (ret)
		return ret;
	emulate_load(&v->emulate, run);
	result = emulate_task_switch(&v->emulate, &task);
	emulate_store(&v->emulate, run);
	if (task.switched) {
		run->inject.valid = 0; /* it has been delivered */
		guest_debug_registers(v)[7] &= ~(u64)DR7_LOCAL;
		run->dirty |= MULLION_GROUP_DR;
	}
	if (result == EMULATE_UNHANDLED)
		return unhandled(v, &task);
	if (task.shutdown) {
		v->kvm_run->exit_reason = KVM_EXIT_SHUTDOWN;
		return EXIT_TO_USER;
	}
	if (result == EMULATE_FAULT)
		vcpu_raise(v, v->emulate.fault.vector, v->emulate.fault.has_error,
			   v->emulate.fault.error);
	if (task.trap) {
		guest_debug_registers(v)[6] |= DR6_BT;
		vcpu_raise(v, X86_TRAP_DB, false, 0);
	}
	if (result == EMULATE_DONE && guest_debug_steps(v))
		ret = vcpu_raise_step(v);
	return ret ? ret : EXIT_CONTINUE;
}
