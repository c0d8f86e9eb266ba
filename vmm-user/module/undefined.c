// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that the processor or root mode refuses, and what is done about them in place of
 * #UD: the other vendor's call of the hypervisor, MONITOR and MWAIT, RSM. What is a quirk of KVM's
 * can be turned off by KVM_CAP_DISABLE_QUIRKS2.
 */
#include <linux/string.h>
#include <asm/processor.h>

#include "hypercall.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

#define EMULATE_GROUPS                                                                             \
	(MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR)

/* The last byte of each; all but RSM, which is 0f aa, begin with 0f 01. */
enum refused {
	INSN_OTHER = 0,
	INSN_RSM = 0xaa,
	INSN_VMCALL = 0xc1,
	INSN_MONITOR = 0xc8,
	INSN_MWAIT = 0xc9,
	INSN_VMMCALL = 0xd9,
};

/* The instruction at RIP; ctx->insn_length is its length, prefixes included. */
static enum refused identify(struct emulate_context *ctx)
{
	const u8 *last;

	if (emulate_length(ctx) != EMULATE_DONE || ctx->insn_length < 2)
		return INSN_OTHER;
	last = ctx->insn + ctx->insn_length - 2;
	if (last[0] == 0x0f && last[1] == INSN_RSM)
		return INSN_RSM;
	if (ctx->insn_length < 3)
		return INSN_OTHER;
	last = ctx->insn + ctx->insn_length - 3;
	if (last[0] != 0x0f || last[1] != 0x01)
		return INSN_OTHER;
	switch (last[2]) {
	case INSN_VMCALL:
	case INSN_VMMCALL:
	case INSN_MONITOR:
	case INSN_MWAIT:
		return last[2];
	}
	return INSN_OTHER;
}

/*
 * Guests are built for one vendor and run on the other's processors: the instruction is replaced
 * by this processor's, which is executed next. Where code cannot be written the call is served all
 * the same.
 */
static int fix_hypercall(struct mullion_vcpu *v)
{
	const struct emulate_context *ctx = &v->emulate;
	u8 insn = mullion_vmcall ? INSN_VMCALL : INSN_VMMCALL;

	if (guest_code_write(v, ctx->rip + ctx->insn_length - 1, insn))
		return EXIT_CONTINUE;
	v->run->exit.insn_len = ctx->insn_length;
	return exit_hypercall(v);
}

int exit_undefined(struct mullion_vcpu *v)
{
	struct emulate_context *ctx = &v->emulate;
	int ret = vcpu_load(v, EMULATE_GROUPS);

	if (ret)
		return ret;
	emulate_load(ctx, v->run);
	ctx->insn_count = 0;
	switch (identify(ctx)) {
	case INSN_VMCALL:
	case INSN_VMMCALL:
		/* This processor's own comes here from CPL 3. */
		if ((ctx->insn[ctx->insn_length - 1] == INSN_VMCALL) == mullion_vmcall)
			return exit_hypercall(v);
		if (vm_has_quirk(v->vm, KVM_X86_QUIRK_FIX_HYPERCALL_INSN))
			return fix_hypercall(v);
		break;
	case INSN_MONITOR:
	case INSN_MWAIT:
		/* No waiting: the guest looks again. */
		if (ctx->cpl || !(vm_has_quirk(v->vm, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) ||
				  vcpu_has_mwait(v)))
			break;
		ret = vcpu_advance(v, ctx->rip + ctx->insn_length);
		return ret ? ret : EXIT_CONTINUE;
	case INSN_RSM:
		if (v->smm.active)
			return smm_resume(v);
		break;
	case INSN_OTHER:
		break;
	}
	vcpu_raise(v, UD_VECTOR, false, 0);
	return EXIT_CONTINUE;
}
