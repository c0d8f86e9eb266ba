// SPDX-License-Identifier: GPL-2.0-only
/* Single bits, byte order, shifts, and what depends on a condition. */
#include "emulate_execute.h"
#include "emulate_alu.h"
#include "emulate_internal.h"

#define DST (e->operand[0].value)
#define SRC (e->operand[1].value)
#define SIZE (e->operand[0].size)

int emulate_shift(struct emulation *e)
{
	DST = alu_shift((enum alu_shift)(e->insn.reg & 7), DST, SRC & 0xff, SIZE, &e->rflags);
	return EMULATE_DONE;
}

int emulate_shift_double(struct emulation *e)
{
	/* A4 and A5 shift left, AC and AD right. */
	DST = alu_shift_double(!(e->insn.opcode & 8), DST, SRC, e->operand[2].value & 0xff, SIZE,
			       &e->rflags);
	return EMULATE_DONE;
}

int emulate_bit_test(struct emulation *e)
{
	uint64_t bit = 1ull << (SRC & (SIZE * 8 - 1));
	/* Group 8 has the operation in ModRM.reg, the others in the opcode. */
	unsigned int operation = e->insn.opcode == 0xba ? e->insn.reg & 3 : e->insn.opcode >> 3 & 3;

	e->rflags = DST & bit ? e->rflags | FLAG_CF : e->rflags & ~FLAG_CF;
	switch (operation) {
	case 1:
		DST |= bit;
		break;
	case 2:
		DST &= ~bit;
		break;
	case 3:
		DST ^= bit;
		break;
	}
	return EMULATE_DONE;
}

/* The number of zero bits below the lowest one; `width` for 0. */
static unsigned int trailing_zeros(uint64_t value, unsigned int width)
{
	return value ? (unsigned int)__builtin_ctzll(value) : width;
}

static unsigned int leading_zeros(uint64_t value, unsigned int width)
{
	return value ? (unsigned int)__builtin_clzll(value) - (64 - width) : width;
}

int emulate_bit_scan(struct emulation *e)
{
	unsigned int width = SIZE * 8;
	bool reverse = e->insn.opcode & 1, counts = e->insn.rep == 0xf3;
	uint64_t source = SRC;

	e->rflags &= ~(FLAG_ZF | (counts ? FLAG_CF : 0));
	if (counts) {
		DST = reverse ? leading_zeros(source, width) : trailing_zeros(source, width);
		if (!DST)
			e->rflags |= FLAG_ZF;
		if (!source)
			e->rflags |= FLAG_CF;
	} else if (source) {
		DST = reverse ? 63u - (unsigned int)__builtin_clzll(source) :
				trailing_zeros(source, width);
	} else {
		/* The destination keeps all its bits. */
		e->rflags |= FLAG_ZF;
		e->operand[0].place = PLACE_NONE;
	}
	return EMULATE_DONE;
}

int emulate_popcnt(struct emulation *e)
{
	uint64_t value = SRC;

	e->rflags &= ~FLAGS_STATUS;
	if (!value)
		e->rflags |= FLAG_ZF;
	/* A bit less each round; no library call, which kernels do not have. */
	for (DST = 0; value; value &= value - 1)
		DST++;
	return EMULATE_DONE;
}

static uint64_t swap_bytes(uint64_t value, unsigned int size)
{
	return __builtin_bswap64(value) >> (64 - size * 8);
}

int emulate_bswap(struct emulation *e)
{
	/* Of a word it is undefined; processors clear it. */
	DST = SIZE == 2 ? 0 : swap_bytes(DST, SIZE);
	return EMULATE_DONE;
}

int emulate_movbe(struct emulation *e)
{
	DST = swap_bytes(SRC, SIZE);
	return EMULATE_DONE;
}

int emulate_setcc(struct emulation *e)
{
	DST = alu_condition(e->insn.opcode & 15, e->rflags);
	return EMULATE_DONE;
}

int emulate_cmov(struct emulation *e)
{
	/* Without the condition the register is written too: 32 bits are zero-extended. */
	if (alu_condition(e->insn.opcode & 15, e->rflags))
		DST = SRC;
	return EMULATE_DONE;
}

int emulate_flag(struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0xf5:
		e->rflags ^= FLAG_CF;
		break;
	case 0xf8:
		e->rflags &= ~FLAG_CF;
		break;
	case 0xf9:
		e->rflags |= FLAG_CF;
		break;
	case 0xfc:
		e->rflags &= ~FLAG_DF;
		break;
	case 0xfd:
		e->rflags |= FLAG_DF;
		break;
	}
	return EMULATE_DONE;
}
