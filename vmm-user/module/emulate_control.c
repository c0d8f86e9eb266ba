// SPDX-License-Identifier: GPL-2.0-only
/* The stack, branches and segment registers. */
#include "emulate_execute.h"
#include "emulate_alu.h"
#include "emulate_internal.h"

/* The segment register that PUSH, POP, LDS and their kin have in bits 3-5 of the
 * opcode, or for the 0F row in its low bits. */
static unsigned int opcode_segment(const struct insn *insn)
{
	return (insn->opcode >> 3) & 7;
}

/* A near branch to `target`, as wide as the operand size. */
static int branch(struct emulation *e, uint64_t target)
{
	target &= emulate_mask(e->insn.operand_size);
	if (e->mode == MODE_LONG ? !emulate_canonical(e, target) :
				   target > e->ctx->seg[MULLION_CS].limit)
		return emulate_raise(e, VECTOR_GP, 0);
	e->next_rip = target;
	return EMULATE_DONE;
}

/* Where a CALL or JMP with a relative or an absolute operand goes. */
static uint64_t branch_target(const struct emulation *e)
{
	uint64_t value = e->operand[0].value;

	return e->insn.op->operand[0] == O_E ? value : e->next_rip + value;
}

int emulate_jmp(struct emulation *e)
{
	return branch(e, branch_target(e));
}

int emulate_call(struct emulation *e)
{
	uint64_t back = e->next_rip;
	int status = branch(e, branch_target(e));

	return status ? status : emulate_push(e, back, e->insn.operand_size);
}

int emulate_jcc(struct emulation *e)
{
	if (!alu_condition(e->insn.opcode & 15, e->rflags))
		return EMULATE_DONE;
	return branch(e, e->next_rip + e->operand[0].value);
}

int emulate_loop(struct emulation *e)
{
	unsigned int size = e->insn.address_size;
	bool zero = e->rflags & FLAG_ZF, taken;

	if (e->insn.opcode == 0xe3) {
		taken = !emulate_gpr(e, MULLION_RCX, size);
	} else {
		emulate_step_gpr(e, MULLION_RCX, size, -1);
		taken = emulate_gpr(e, MULLION_RCX, size);
		if (e->insn.opcode != 0xe2)
			taken = taken && zero == (e->insn.opcode == 0xe1);
	}
	return taken ? branch(e, e->next_rip + e->operand[0].value) : EMULATE_DONE;
}

int emulate_ret(struct emulation *e)
{
	uint64_t target;
	int status = emulate_pop(e, &target, e->insn.operand_size);

	if (!status)
		status = branch(e, target);
	if (!status && e->insn.op->operand[0] == O_IW)
		emulate_release_stack(e, e->operand[0].value);
	return status;
}

/* Reads offset and selector at the memory operand. */
static int read_far(struct emulation *e, uint64_t offset, uint64_t *target, uint16_t *selector)
{
	unsigned int size = e->insn.operand_size;
	uint8_t pointer[10] = { 0 };
	int status = emulate_read(e, e->insn.segment, offset, pointer, size + 2);

	if (status)
		return status;
	*target = 0;
	memcpy(target, pointer, size);
	memcpy(selector, pointer + size, 2);
	return EMULATE_DONE;
}

int emulate_far_memory(struct emulation *e)
{
	struct emulate_context *ctx = e->ctx;
	struct mullion_segment *cs = &ctx->seg[MULLION_CS];
	uint64_t back = e->next_rip, target = 0;
	uint16_t selector = 0;
	int status;

	/* In protected mode it may be a gate or change the privilege level. */
	if (e->mode != MODE_REAL && e->mode != MODE_V86)
		return EMULATE_UNHANDLED;
	status = read_far(e, e->operand[0].offset, &target, &selector);
	if (!status)
		status = branch(e, target);
	if (!status && (e->insn.reg & 7) == 3) {
		status = emulate_push(e, cs->selector, e->insn.operand_size);
		if (!status)
			status = emulate_push(e, back, e->insn.operand_size);
	}
	if (status)
		return status;
	cs->selector = selector;
	cs->base = (uint64_t)selector << 4;
	ctx->changed |= MULLION_GROUP_SEG;
	return EMULATE_DONE;
}

int emulate_load_far(struct emulation *e)
{
	unsigned int segment = e->insn.map            ? e->insn.opcode & 7 :
			       e->insn.opcode == 0xc4 ? MULLION_ES :
							MULLION_DS;
	uint64_t target = 0;
	uint16_t selector = 0;
	int status = read_far(e, e->operand[1].offset, &target, &selector);

	if (status)
		return status;
	emulate_set_gpr(e, e->operand[0].reg, e->operand[0].size, target);
	return emulate_load_segment(e, segment, selector);
}

int emulate_mov_to_segment(struct emulation *e)
{
	unsigned int segment = e->operand[0].reg;

	if (segment == MULLION_CS || segment > MULLION_GS)
		return emulate_undefined(e);
	if (segment == MULLION_SS)
		e->shadow = MULLION_BLOCK_STI;
	return emulate_load_segment(e, segment, (uint16_t)e->operand[1].value);
}

int emulate_push_segment(struct emulation *e)
{
	/* Zero-extended; some processors leave the upper bytes in memory as they were. */
	return emulate_push(e, e->ctx->seg[opcode_segment(&e->insn)].selector,
			    e->insn.operand_size);
}

int emulate_pop_segment(struct emulation *e)
{
	unsigned int segment = opcode_segment(&e->insn);
	uint64_t selector;
	int status = emulate_pop(e, &selector, e->insn.operand_size);

	if (status)
		return status;
	if (segment == MULLION_SS)
		e->shadow = MULLION_BLOCK_STI;
	return emulate_load_segment(e, segment, (uint16_t)selector);
}

int emulate_push_operand(struct emulation *e)
{
	return emulate_push(e, e->operand[0].value, e->insn.operand_size);
}

int emulate_pop_register(struct emulation *e)
{
	return emulate_pop(e, &e->operand[0].value, e->insn.operand_size);
}

int emulate_pop_memory(struct emulation *e)
{
	struct operand *to = &e->operand[0];
	uint64_t value;
	int status = emulate_pop(e, &value, e->insn.operand_size);

	if (status)
		return status;
	if (to->place == PLACE_GPR) {
		emulate_set_gpr(e, to->reg, to->size, value);
		return EMULATE_DONE;
	}
	/* An address on rSP is that after the pop. */
	return emulate_write(e, e->insn.segment, emulate_address(e), &value, to->size);
}

int emulate_leave(struct emulation *e)
{
	uint64_t frame;
	int status = emulate_pop_at(e, e->gpr[MULLION_RBP], &frame, e->insn.operand_size);

	if (!status)
		emulate_set_gpr(e, MULLION_RBP, e->insn.operand_size, frame);
	return status;
}
