// SPDX-License-Identifier: GPL-2.0-only
#include "emulate_internal.h"

void emulate_init(struct emulate_context *ctx, const struct emulate_ops *ops, void *opaque)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->ops = ops;
	ctx->opaque = opaque;
	ctx->phys_bits = 40;
}

/* Nothing of an earlier instruction is of use any more. */
static void forget(struct emulate_context *ctx)
{
	ctx->pending.kind = 0;
	ctx->kept_count = 0;
	ctx->kept_used = 0;
	ctx->insn_count = 0;
	ctx->insn_length = 0;
	ctx->translated.known = false;
}

static uint8_t privilege(const struct emulate_context *ctx)
{
	if (!(ctx->cr0 & CR0_PE))
		return 0;
	if (ctx->rflags & FLAG_VM)
		return 3;
	return (ctx->seg[MULLION_SS].attr >> SEG_DPL_SHIFT) & 3;
}

void emulate_load(struct emulate_context *ctx, const struct mullion_run *run)
{
	memcpy(ctx->gpr, run->gpr, sizeof(ctx->gpr));
	ctx->rip = run->rip;
	ctx->rflags = run->rflags;
	ctx->cr0 = run->cr0;
	ctx->cr3 = run->cr3;
	ctx->cr4 = run->cr4;
	ctx->efer = run->efer;
	ctx->xcr0 = run->xcr0;
	memcpy(ctx->seg, run->seg, sizeof(ctx->seg));
	ctx->gdtr = run->gdtr;
	ctx->interruptibility = run->interruptibility;
	ctx->cpl = privilege(ctx);
	ctx->changed = 0;
	ctx->fault.valid = 0;
	ctx->single_step = false;
	ctx->posted_count = 0;
	forget(ctx);
}

void emulate_store(struct emulate_context *ctx, struct mullion_run *run)
{
	if (ctx->changed & MULLION_GROUP_GPR)
		memcpy(run->gpr, ctx->gpr, sizeof(run->gpr));
	if (ctx->changed & MULLION_GROUP_RIP) {
		run->rip = ctx->rip;
		run->rflags = ctx->rflags;
		run->interruptibility = ctx->interruptibility;
	}
	if (ctx->changed & MULLION_GROUP_SEG)
		memcpy(run->seg, ctx->seg, sizeof(run->seg));
	if (ctx->changed & MULLION_GROUP_CR) {
		run->cr0 = ctx->cr0;
		run->cr3 = ctx->cr3;
	}
	if (ctx->fault.valid && ctx->fault.vector == VECTOR_PF) {
		run->cr2 = ctx->fault_address;
		ctx->changed |= MULLION_GROUP_CR;
	}
	run->dirty |= ctx->changed;
	ctx->changed = 0;
}

void emulate_complete(struct emulate_context *ctx)
{
	if (!ctx->pending.kind || ctx->kept_count == EMULATE_KEPT_MAX)
		return;
	ctx->kept[ctx->kept_count++] = ctx->pending;
	ctx->pending.kind = 0;
}

void emulate_abandon(struct emulate_context *ctx)
{
	forget(ctx);
}

int emulate_raise(struct emulation *e, unsigned int vector, uint32_t error)
{
	struct emulate_context *ctx = e->ctx;

	/* Real mode has no error codes (APM vol. 2 8.2). */
	ctx->fault = (struct mullion_event){
		.valid = 1,
		.type = MULLION_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = vector >= VECTOR_TS && e->mode != MODE_REAL,
	};
	if (vector != VECTOR_PF)
		error |= e->external;
	ctx->fault.error = ctx->fault.has_error ? error : 0;
	return EMULATE_FAULT;
}

int emulate_undefined(struct emulation *e)
{
	return emulate_raise(e, VECTOR_UD, 0);
}

void emulate_commit(struct emulation *e, bool finished)
{
	struct emulate_context *ctx = e->ctx;

	/* TF as the instruction found it; after a load of SS the trap waits. */
	ctx->single_step = ctx->rflags & FLAG_TF && !e->shadow;
	memcpy(ctx->gpr, e->gpr, sizeof(ctx->gpr));
	ctx->rflags = e->rflags;
	ctx->changed |= MULLION_GROUP_GPR | MULLION_GROUP_RIP;
	if (finished) {
		ctx->rip = e->next_rip;
		ctx->rflags &= ~FLAG_RF;
		ctx->interruptibility = (ctx->interruptibility & ~MULLION_BLOCK_STI) | e->shadow;
	}
	ctx->kept_count = 0;
	ctx->kept_used = 0;
}

/* The mode decides how everything else is read. */
void emulate_begin(struct emulation *e, struct emulate_context *ctx)
{
	uint32_t cs = ctx->seg[MULLION_CS].attr;

	memset(e, 0, sizeof(*e));
	e->ctx = ctx;
	e->gpr = ctx->work;
	memcpy(e->gpr, ctx->gpr, sizeof(ctx->gpr));
	e->rflags = ctx->rflags;
	if (!(ctx->cr0 & CR0_PE))
		e->mode = MODE_REAL;
	else if (ctx->rflags & FLAG_VM)
		e->mode = MODE_V86;
	else if (ctx->efer & EFER_LMA && cs & SEG_LONG)
		e->mode = MODE_LONG;
	else
		e->mode = MODE_PROTECTED;
	e->selector_fault = VECTOR_GP;
	e->code_size = e->mode != MODE_V86 && cs & SEG_BIG ? 4 : 2;
	ctx->fault.valid = 0;
	ctx->single_step = false;
	ctx->pending.kind = 0;
	ctx->kept_used = 0;
	ctx->insn_length = 0;
	if (ctx->insn_count > EMULATE_INSN_MAX)
		ctx->insn_count = EMULATE_INSN_MAX;
}

static int execute(struct emulation *e)
{
	const struct opcode *op = e->insn.op;
	int status;

	if (!op->execute || e->insn.evex || (e->insn.vex && !(op->flags & OP_VEX)))
		return EMULATE_UNHANDLED;
	status = emulate_operands_load(e);
	if (!status)
		status = op->execute(e);
	if (!status && op->flags & OP_WRITE && !(op->flags & OP_ADDRESS))
		status = emulate_operand_store(e, &e->operand[0]);
	return status;
}

static int decode(struct emulation *e)
{
	struct emulate_context *ctx = e->ctx;
	int status = emulate_decode(e);

	if (status)
		return status;
	ctx->insn_length = e->insn.length;
	e->next_rip = ctx->rip + e->insn.length;
	if (e->mode != MODE_LONG)
		e->next_rip &= 0xffffffff;
	return EMULATE_DONE;
}

/* The frame of a fault has RF set, so that an instruction breakpoint does not hit
 * again on return (APM vol. 2 13.1.1). */
void emulate_finish_fault(struct emulate_context *ctx)
{
	ctx->rflags |= FLAG_RF;
	ctx->changed |= MULLION_GROUP_RIP;
	ctx->kept_count = 0;
	ctx->insn_count = 0;
}

enum emulate_result emulate_insn(struct emulate_context *ctx)
{
	struct emulation e;
	int status;

	emulate_begin(&e, ctx);
	status = decode(&e);
	if (!status)
		status = execute(&e);
	if (status == EMULATE_DONE) {
		emulate_commit(&e, true);
		ctx->insn_count = 0;
	} else if (status == EMULATE_FAULT) {
		emulate_finish_fault(ctx);
	}
	return status;
}

enum emulate_result emulate_length(struct emulate_context *ctx)
{
	struct emulation e;
	int status;

	emulate_begin(&e, ctx);
	status = decode(&e);
	if (status == EMULATE_FAULT)
		emulate_finish_fault(ctx);
	return status;
}
