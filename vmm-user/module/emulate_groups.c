// SPDX-License-Identifier: GPL-2.0-only
/* Opcodes that ModRM.reg or a mandatory prefix tells apart (APM vol. 3 A.1, A.2). */
#include "emulate_execute.h"
#include "emulate_internal.h"
#include "emulate_opcodes.h"

#define IMMEDIATE_GROUP(imm, extra)                                                          \
	{                                                                                    \
		{ emulate_add, { O_E, imm }, RWL | (extra) },                                \
		{ emulate_or, { O_E, imm }, RWL | (extra) },                                 \
		{ emulate_adc, { O_E, imm }, RWL | (extra) },                                \
		{ emulate_sbb, { O_E, imm }, RWL | (extra) },                                \
		{ emulate_and, { O_E, imm }, RWL | (extra) },                                \
		{ emulate_sub, { O_E, imm }, RWL | (extra) },                                \
		{ emulate_xor, { O_E, imm }, RWL | (extra) },                                \
		{ emulate_cmp, { O_E, imm }, RO | (extra) },                                 \
	}

#define SHIFT_GROUP(count, extra)                                                            \
	{                                                                                    \
		ROW8(0, { emulate_shift, { O_E, count }, RW | (extra) })                     \
	}

#define UNARY_GROUP(extra)                                                                   \
	{                                                                                    \
		{ emulate_test, { O_E, O_I }, RO | (extra) },                                \
		{ emulate_test, { O_E, O_I }, RO | (extra) },                                \
		{ emulate_not, { O_E }, RWL | (extra) },                                     \
		{ emulate_neg, { O_E }, RWL | (extra) },                                     \
		{ emulate_mul, { O_E }, RO | (extra) },                                      \
		{ emulate_imul_accumulator, { O_E }, RO | (extra) },                         \
		{ emulate_div, { O_E }, RO | (extra) },                                      \
		{ emulate_idiv, { O_E }, RO | (extra) },                                     \
	}

static const struct opcode groups[GROUP_COUNT][8] = {
	[GROUP_1_BYTE] = IMMEDIATE_GROUP(O_I, OP_BYTE),
	[GROUP_1] = IMMEDIATE_GROUP(O_I, 0),
	[GROUP_1_IB] = IMMEDIATE_GROUP(O_IB, 0),
	[GROUP_1A] = { { emulate_pop_memory, { O_E }, ADDR | OP_STACK } },
	[GROUP_2_BYTE_IB] = SHIFT_GROUP(O_UB, OP_BYTE),
	[GROUP_2_IB] = SHIFT_GROUP(O_UB, 0),
	[GROUP_2_BYTE_1] = SHIFT_GROUP(O_ONE, OP_BYTE),
	[GROUP_2_1] = SHIFT_GROUP(O_ONE, 0),
	[GROUP_2_BYTE_CL] = SHIFT_GROUP(O_CL, OP_BYTE),
	[GROUP_2_CL] = SHIFT_GROUP(O_CL, 0),
	[GROUP_3_BYTE] = UNARY_GROUP(OP_BYTE),
	[GROUP_3] = UNARY_GROUP(0),
	[GROUP_4] = {
		{ emulate_inc, { O_E }, RWL | OP_BYTE },
		{ emulate_dec, { O_E }, RWL | OP_BYTE },
	},
	[GROUP_5] = {
		{ emulate_inc, { O_E }, RWL },
		{ emulate_dec, { O_E }, RWL },
		{ emulate_call, { O_E }, RO | OP_NEAR },
		{ emulate_far_memory, { O_M }, ADDR },
		{ emulate_jmp, { O_E }, RO | OP_NEAR },
		{ emulate_far_memory, { O_M }, ADDR },
		{ emulate_push_operand, { O_E }, RO | OP_STACK },
	},
	[GROUP_8] = {
		[4] = { emulate_bit_test, { O_E, O_UB }, RO },
		[5] = { emulate_bit_test, { O_E, O_UB }, RWL },
		[6] = { emulate_bit_test, { O_E, O_UB }, RWL },
		[7] = { emulate_bit_test, { O_E, O_UB }, RWL },
	},
	[GROUP_9] = {
		[0] = MODRM,
		[1] = { emulate_cmpxchg_wide, { O_M }, ADDR | OP_LOCK },
		[2 ... 7] = MODRM,
	},
	[GROUP_11_BYTE] = {
		[0] = { emulate_mov, { O_E, O_I }, WO | OP_BYTE },
		[7] = { NULL, { O_UB }, ONLY },
	},
	[GROUP_11] = {
		[0] = { emulate_mov, { O_E, O_I }, WO },
		[7] = { NULL, { O_J }, ONLY },
	},
	/* CLFLUSH and CLFLUSHOPT of a device do nothing; the fences never come here. */
	[GROUP_15] = {
		[0 ... 6] = MODRM,
		[7] = { emulate_nop, { O_E }, ADDR | OP_BYTE },
	},
	[GROUP_16] = { ROW8(0, { emulate_nop, { O_E }, ADDR }) },
};

enum { NP, P66, PF3, PF2 };

static const struct opcode prefixes[PREFIX_COUNT][4] = {
	[PREFIX_10] = {
		[NP] = { emulate_vector_move, { O_V, O_W }, AVX },
		[P66] = { emulate_vector_move, { O_V, O_W }, AVX },
		[PF3] = { emulate_vector_scalar, { O_V, O_WD }, AVX },
		[PF2] = { emulate_vector_scalar, { O_V, O_WQ }, AVX },
	},
	[PREFIX_11] = {
		[NP] = { emulate_vector_move, { O_W, O_V }, AVX },
		[P66] = { emulate_vector_move, { O_W, O_V }, AVX },
		[PF3] = { emulate_vector_scalar, { O_WD, O_V }, AVX },
		[PF2] = { emulate_vector_scalar, { O_WQ, O_V }, AVX },
	},
	[PREFIX_12] = {
		[NP] = { emulate_vector_half, { O_V, O_WQ }, SSE },
		[P66] = { emulate_vector_half, { O_V, O_WQ }, SSE },
		[PF3] = MODRM,
		[PF2] = MODRM,
	},
	[PREFIX_13] = {
		[NP] = { emulate_vector_half, { O_WQ, O_V }, AVX },
		[P66] = { emulate_vector_half, { O_WQ, O_V }, AVX },
	},
	[PREFIX_16] = {
		[NP] = { emulate_vector_half, { O_V, O_WQ }, SSE },
		[P66] = { emulate_vector_half, { O_V, O_WQ }, SSE },
		[PF3] = MODRM,
	},
	[PREFIX_17] = {
		[NP] = { emulate_vector_half, { O_WQ, O_V }, AVX },
		[P66] = { emulate_vector_half, { O_WQ, O_V }, AVX },
	},
	[PREFIX_28] = {
		[NP] = { emulate_vector_move, { O_V, O_W }, AVX | OP_ALIGNED },
		[P66] = { emulate_vector_move, { O_V, O_W }, AVX | OP_ALIGNED },
	},
	[PREFIX_29] = {
		[NP] = { emulate_vector_move, { O_W, O_V }, AVX | OP_ALIGNED },
		[P66] = { emulate_vector_move, { O_W, O_V }, AVX | OP_ALIGNED },
	},
	[PREFIX_2B] = {
		[NP] = { emulate_vector_move, { O_W, O_V }, AVX | OP_ALIGNED },
		[P66] = { emulate_vector_move, { O_W, O_V }, AVX | OP_ALIGNED },
		[PF3] = MODRM, /* MOVNTSS, MOVNTSD: AMD's SSE4A */
		[PF2] = MODRM,
	},
	[PREFIX_6E] = {
		[NP] = MODRM, /* MMX */
		[P66] = { emulate_vector_integer, { O_V, O_E }, AVX },
	},
	[PREFIX_6F] = {
		[NP] = MODRM,
		[P66] = { emulate_vector_move, { O_V, O_W }, AVX | OP_ALIGNED },
		[PF3] = { emulate_vector_move, { O_V, O_W }, AVX },
	},
	[PREFIX_78] = {
		[NP] = MODRM,
		[P66] = { NULL, { O_NONE, O_UB, O_UB }, ONLY | OP_MODRM }, /* EXTRQ */
		[PF2] = { NULL, { O_NONE, O_UB, O_UB }, ONLY | OP_MODRM }, /* INSERTQ */
	},
	[PREFIX_7E] = {
		[NP] = MODRM,
		[P66] = { emulate_vector_integer, { O_E, O_V }, AVX },
		[PF3] = { emulate_vector_move, { O_V, O_WQ }, AVX },
	},
	[PREFIX_7F] = {
		[NP] = MODRM,
		[P66] = { emulate_vector_move, { O_W, O_V }, AVX | OP_ALIGNED },
		[PF3] = { emulate_vector_move, { O_W, O_V }, AVX },
	},
	[PREFIX_B8] = {
		[PF3] = { emulate_popcnt, { O_G, O_E }, WO },
	},
	[PREFIX_D6] = {
		[P66] = { emulate_vector_move, { O_WQ, O_V }, AVX },
		[PF3] = MODRM,
		[PF2] = MODRM,
	},
	[PREFIX_E7] = {
		[NP] = MODRM,
		[P66] = { emulate_vector_move, { O_W, O_V }, AVX | OP_ALIGNED },
	},
	[PREFIX_F0] = {
		[PF2] = { emulate_vector_move, { O_V, O_W }, AVX },
	},
	[PREFIX_382A] = {
		[NP] = MODRM,
		[P66] = { emulate_vector_move, { O_V, O_W }, AVX | OP_ALIGNED },
	},
	[PREFIX_38F0] = {
		[NP] = { emulate_movbe, { O_G, O_M }, WO },
		[P66] = { emulate_movbe, { O_G, O_M }, WO },
		[PF2] = { NULL, { O_EB }, ONLY },
	},
	[PREFIX_38F1] = {
		[NP] = { emulate_movbe, { O_M, O_G }, WO },
		[P66] = { emulate_movbe, { O_M, O_G }, WO },
		[PF2] = { NULL, { O_E }, ONLY },
	},
};

const struct opcode *emulate_opcode_resolve(const struct opcode *op, const struct insn *insn)
{
	if (op->flags & OP_GROUP)
		return &groups[op->operand[0]][insn->reg & 7];
	if (!(op->flags & OP_PREFIX))
		return op;
	switch (insn->prefix) {
	case 0x66:
		return &prefixes[op->operand[0]][P66];
	case 0xf3:
		return &prefixes[op->operand[0]][PF3];
	case 0xf2:
		return &prefixes[op->operand[0]][PF2];
	default:
		return &prefixes[op->operand[0]][NP];
	}
}
