// SPDX-License-Identifier: GPL-2.0-only
/* Data movement and integer arithmetic. */
#include "emulate_execute.h"
#include "emulate_alu.h"
#include "emulate_internal.h"

/* e->operand[0] is the destination, [1] the source. */
#define DST (e->operand[0].value)
#define SRC (e->operand[1].value)
#define SIZE (e->operand[0].size)

int emulate_add(struct emulation *e)
{
	DST = alu_add(DST, SRC & emulate_mask(SIZE), false, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_adc(struct emulation *e)
{
	DST = alu_add(DST, SRC & emulate_mask(SIZE), e->rflags & FLAG_CF, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_sub(struct emulation *e)
{
	DST = alu_sub(DST, SRC & emulate_mask(SIZE), false, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_sbb(struct emulation *e)
{
	DST = alu_sub(DST, SRC & emulate_mask(SIZE), e->rflags & FLAG_CF, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_cmp(struct emulation *e)
{
	alu_sub(DST, SRC & emulate_mask(SIZE), false, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_and(struct emulation *e)
{
	DST = alu_logic(DST & SRC, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_or(struct emulation *e)
{
	DST = alu_logic((DST | SRC) & emulate_mask(SIZE), SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_xor(struct emulation *e)
{
	DST = alu_logic((DST ^ SRC) & emulate_mask(SIZE), SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_test(struct emulation *e)
{
	alu_logic(DST & SRC, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_not(struct emulation *e)
{
	DST = ~DST & emulate_mask(SIZE);
	return EMULATE_DONE;
}

int emulate_neg(struct emulation *e)
{
	DST = alu_sub(0, DST, false, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_inc(struct emulation *e)
{
	DST = alu_inc(DST, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_dec(struct emulation *e)
{
	DST = alu_dec(DST, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_mov(struct emulation *e)
{
	DST = SRC;
	return EMULATE_DONE;
}

int emulate_movsx(struct emulation *e)
{
	DST = emulate_sign_extend(SRC, e->operand[1].size);
	return EMULATE_DONE;
}

int emulate_lea(struct emulation *e)
{
	DST = e->operand[1].offset;
	return emulate_operand_store(e, &e->operand[0]);
}

int emulate_nop(struct emulation *e)
{
	(void)e;
	return EMULATE_DONE;
}

int emulate_xchg(struct emulation *e)
{
	uint64_t old = DST;

	/* With memory it is locked, prefix or not. */
	e->insn.lock = true;
	DST = SRC;
	SRC = old;
	return emulate_operand_store(e, &e->operand[1]);
}

int emulate_xadd(struct emulation *e)
{
	uint64_t old = DST;

	DST = alu_add(DST, SRC, false, SIZE, &e->rflags);
	SRC = old;
	return emulate_operand_store(e, &e->operand[1]);
}

int emulate_cmpxchg(struct emulation *e)
{
	uint64_t accumulator = emulate_gpr(e, MULLION_RAX, SIZE);

	alu_sub(accumulator, DST, false, SIZE, &e->rflags);
	if (e->rflags & FLAG_ZF) {
		DST = SRC;
		return EMULATE_DONE;
	}
	emulate_set_gpr(e, MULLION_RAX, SIZE, DST);
	/* Memory is written in any case, with what it held; a register keeps its
	 * upper half. */
	if (e->operand[0].place == PLACE_GPR)
		e->operand[0].place = PLACE_NONE;
	return EMULATE_DONE;
}

int emulate_cmpxchg_wide(struct emulation *e)
{
	unsigned int half = e->insn.operand_size == 8 ? 8 : 4;
	uint64_t linear = 0, low, high;
	uint64_t old[2] = { 0, 0 };
	struct span span;
	int status;

	status = emulate_linear(e, e->insn.segment, e->operand[0].offset, half * 2,
				GUEST_WALK_WRITE, &linear);
	if (!status && half == 8 && linear & 15)
		status = emulate_raise(e, VECTOR_GP, 0);
	if (!status)
		status = emulate_map(e, linear, half * 2, GUEST_WALK_WRITE, &span);
	if (!status)
		status = emulate_span_read(e, &span, old);
	if (status)
		return status;

	low = half == 8 ? old[0] : old[0] & 0xffffffff;
	high = half == 8 ? old[1] : old[0] >> 32;
	if (low == emulate_gpr(e, MULLION_RAX, half) && high == emulate_gpr(e, MULLION_RDX, half)) {
		low = emulate_gpr(e, MULLION_RBX, half);
		high = emulate_gpr(e, MULLION_RCX, half);
		e->rflags |= FLAG_ZF;
	} else {
		emulate_set_gpr(e, MULLION_RAX, half, low);
		emulate_set_gpr(e, MULLION_RDX, half, high);
		e->rflags &= ~FLAG_ZF;
	}
	if (half == 4)
		return emulate_span_exchange(e, &span, old[0], low | high << 32);
	old[0] = low;
	old[1] = high;
	return emulate_span_write(e, &span, old);
}

/* rDX:rAX, or AX for bytes, from a double-width value. */
static void set_double(struct emulation *e, unsigned int size, uint64_t low, uint64_t high)
{
	if (size == 1) {
		emulate_set_gpr(e, MULLION_RAX, 2, low | high << 8);
		return;
	}
	emulate_set_gpr(e, MULLION_RAX, size, low);
	emulate_set_gpr(e, MULLION_RDX, size, high);
}

int emulate_mul(struct emulation *e)
{
	uint64_t high, low;

	low = alu_mul(emulate_gpr(e, MULLION_RAX, SIZE), DST, SIZE, &high, &e->rflags);
	set_double(e, SIZE, low, high);
	return EMULATE_DONE;
}

int emulate_imul_accumulator(struct emulation *e)
{
	uint64_t high, low;

	low = alu_imul(emulate_gpr(e, MULLION_RAX, SIZE), DST, SIZE, &high, &e->rflags);
	set_double(e, SIZE, low, high);
	return EMULATE_DONE;
}

int emulate_imul(struct emulation *e)
{
	uint64_t high;

	DST = alu_imul(SRC, e->operand[2].value & emulate_mask(SIZE), SIZE, &high, &e->rflags);
	return EMULATE_DONE;
}

typedef bool divide(uint64_t high, uint64_t low, uint64_t divisor, unsigned int size,
		    uint64_t *quotient, uint64_t *remainder);

static int divide_accumulator(struct emulation *e, divide *operation)
{
	uint64_t low = emulate_gpr(e, MULLION_RAX, SIZE), high, quotient, remainder;

	high = SIZE == 1 ? (e->gpr[MULLION_RAX] >> 8) & 0xff : emulate_gpr(e, MULLION_RDX, SIZE);
	if (!operation(high, low, DST, SIZE, &quotient, &remainder))
		return emulate_raise(e, VECTOR_DE, 0);
	set_double(e, SIZE, quotient, remainder);
	return EMULATE_DONE;
}

int emulate_div(struct emulation *e)
{
	return divide_accumulator(e, alu_div);
}

int emulate_idiv(struct emulation *e)
{
	return divide_accumulator(e, alu_idiv);
}

int emulate_extend_accumulator(struct emulation *e)
{
	unsigned int size = e->insn.operand_size;

	emulate_set_gpr(
		e, MULLION_RAX, size,
		emulate_sign_extend(e->gpr[MULLION_RAX] & emulate_mask(size / 2), size / 2));
	return EMULATE_DONE;
}

int emulate_extend_data(struct emulation *e)
{
	unsigned int size = e->insn.operand_size;
	uint64_t value = emulate_sign_extend(emulate_gpr(e, MULLION_RAX, size), size);

	emulate_set_gpr(e, MULLION_RDX, size, (int64_t)value < 0 ? ~0ull : 0);
	return EMULATE_DONE;
}
