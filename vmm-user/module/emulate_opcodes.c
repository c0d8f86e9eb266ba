// SPDX-License-Identifier: GPL-2.0-only
/*
 * The opcode maps (APM vol. 3 appendix A; SDM vol. 2D appendix A). Every
 * instruction that has a place in them has its row, so that lengths are right;
 * those without a function are for the processor, not for an emulator of device
 * accesses.
 */
#include "emulate_execute.h"
#include "emulate_internal.h"
#include "emulate_opcodes.h"

/* The six forms that ADD and its kin share. */
#define ARITHMETIC(first, fn, access)                                     \
	[(first) + 0] = { fn, { O_E, O_G }, (access) | OP_BYTE },            \
	[(first) + 1] = { fn, { O_E, O_G }, (access) },                      \
	[(first) + 2] = { fn, { O_G, O_E }, ((access) & ~OP_LOCK) | OP_BYTE }, \
	[(first) + 3] = { fn, { O_G, O_E }, (access) & ~OP_LOCK },           \
	[(first) + 4] = { fn, { O_A, O_I }, ((access) & ~OP_LOCK) | OP_BYTE }, \
	[(first) + 5] = { fn, { O_A, O_I }, (access) & ~OP_LOCK }

static const struct opcode one_byte[256] = {
	ARITHMETIC(0x00, emulate_add, RWL),
	[0x06] = { emulate_push_segment, { O_NONE }, ONLY | OP_STACK | OP_NO64 },
	[0x07] = { emulate_pop_segment, { O_NONE }, ONLY | OP_STACK | OP_NO64 },
	ARITHMETIC(0x08, emulate_or, RWL),
	[0x0e] = { emulate_push_segment, { O_NONE }, ONLY | OP_STACK | OP_NO64 },
	ARITHMETIC(0x10, emulate_adc, RWL),
	[0x16] = { emulate_push_segment, { O_NONE }, ONLY | OP_STACK | OP_NO64 },
	[0x17] = { emulate_pop_segment, { O_NONE }, ONLY | OP_STACK | OP_NO64 },
	ARITHMETIC(0x18, emulate_sbb, RWL),
	[0x1e] = { emulate_push_segment, { O_NONE }, ONLY | OP_STACK | OP_NO64 },
	[0x1f] = { emulate_pop_segment, { O_NONE }, ONLY | OP_STACK | OP_NO64 },
	ARITHMETIC(0x20, emulate_and, RWL),
	[0x27] = { NULL, { O_NONE }, ONLY | OP_NO64 },
	ARITHMETIC(0x28, emulate_sub, RWL),
	[0x2f] = { NULL, { O_NONE }, ONLY | OP_NO64 },
	ARITHMETIC(0x30, emulate_xor, RWL),
	[0x37] = { NULL, { O_NONE }, ONLY | OP_NO64 },
	ARITHMETIC(0x38, emulate_cmp, RO),
	[0x3f] = { NULL, { O_NONE }, ONLY | OP_NO64 },
	ROW8(0x40, { emulate_inc, { O_Z }, RW }),
	ROW8(0x48, { emulate_dec, { O_Z }, RW }),
	ROW8(0x50, { emulate_push_operand, { O_Z }, RO | OP_STACK }),
	ROW8(0x58, { emulate_pop_register, { O_Z }, WO | OP_STACK }),
	[0x60] = { NULL, { O_NONE }, ONLY | OP_NO64 },
	[0x61] = { NULL, { O_NONE }, ONLY | OP_NO64 },
	[0x62] = { NULL, { O_M }, ONLY | OP_NO64 },
	[0x63] = { emulate_movsx, { O_G, O_ED }, WO }, /* outside 64-bit mode: ARPL, below */
	[0x68] = { emulate_push_operand, { O_I }, RO | OP_STACK },
	[0x69] = { emulate_imul, { O_G, O_E, O_I }, WO },
	[0x6a] = { emulate_push_operand, { O_IB }, RO | OP_STACK },
	[0x6b] = { emulate_imul, { O_G, O_E, O_IB }, WO },
	[0x6c] = { emulate_ins, { O_NONE }, ONLY | OP_BYTE },
	[0x6d] = { emulate_ins, { O_NONE }, ONLY },
	[0x6e] = { emulate_outs, { O_NONE }, ONLY | OP_BYTE },
	[0x6f] = { emulate_outs, { O_NONE }, ONLY },
	ROW8(0x70, { emulate_jcc, { O_IB }, RO | OP_NEAR }),
	ROW8(0x78, { emulate_jcc, { O_IB }, RO | OP_NEAR }),
	[0x80] = GROUP(GROUP_1_BYTE),
	[0x81] = GROUP(GROUP_1),
	[0x82] = { NULL, { GROUP_1_BYTE }, OP_GROUP | OP_MODRM | OP_NO64 },
	[0x83] = GROUP(GROUP_1_IB),
	[0x84] = { emulate_test, { O_E, O_G }, RO | OP_BYTE },
	[0x85] = { emulate_test, { O_E, O_G }, RO },
	[0x86] = { emulate_xchg, { O_E, O_G }, RWL | OP_BYTE },
	[0x87] = { emulate_xchg, { O_E, O_G }, RWL },
	[0x88] = { emulate_mov, { O_E, O_G }, WO | OP_BYTE },
	[0x89] = { emulate_mov, { O_E, O_G }, WO },
	[0x8a] = { emulate_mov, { O_G, O_E }, WO | OP_BYTE },
	[0x8b] = { emulate_mov, { O_G, O_E }, WO },
	[0x8c] = { emulate_mov, { O_ES, O_S }, WO },
	[0x8d] = { emulate_lea, { O_G, O_M }, WO | OP_ADDRESS },
	[0x8e] = { emulate_mov_to_segment, { O_S, O_EW }, ONLY },
	[0x8f] = GROUP(GROUP_1A),
	[0x90] = { emulate_nop, { O_NONE }, ONLY }, /* with REX.B: XCHG, below */
	[0x91 ... 0x97] = { emulate_xchg, { O_A, O_Z }, RW },
	[0x98] = { emulate_extend_accumulator, { O_NONE }, ONLY },
	[0x99] = { emulate_extend_data, { O_NONE }, ONLY },
	[0x9a] = { NULL, { O_FAR }, ONLY | OP_NO64 },
	[0x9b] = PLAIN,
	[0x9c] = { NULL, { O_NONE }, ONLY | OP_STACK },
	[0x9d] = { NULL, { O_NONE }, ONLY | OP_STACK },
	[0x9e] = PLAIN,
	[0x9f] = PLAIN,
	[0xa0] = { emulate_mov, { O_A, O_O }, WO | OP_BYTE },
	[0xa1] = { emulate_mov, { O_A, O_O }, WO },
	[0xa2] = { emulate_mov, { O_O, O_A }, WO | OP_BYTE },
	[0xa3] = { emulate_mov, { O_O, O_A }, WO },
	[0xa4] = { emulate_movs, { O_NONE }, ONLY | OP_BYTE },
	[0xa5] = { emulate_movs, { O_NONE }, ONLY },
	[0xa6] = { emulate_cmps, { O_NONE }, ONLY | OP_BYTE },
	[0xa7] = { emulate_cmps, { O_NONE }, ONLY },
	[0xa8] = { emulate_test, { O_A, O_I }, RO | OP_BYTE },
	[0xa9] = { emulate_test, { O_A, O_I }, RO },
	[0xaa] = { emulate_stos, { O_NONE }, ONLY | OP_BYTE },
	[0xab] = { emulate_stos, { O_NONE }, ONLY },
	[0xac] = { emulate_lods, { O_NONE }, ONLY | OP_BYTE },
	[0xad] = { emulate_lods, { O_NONE }, ONLY },
	[0xae] = { emulate_scas, { O_NONE }, ONLY | OP_BYTE },
	[0xaf] = { emulate_scas, { O_NONE }, ONLY },
	ROW8(0xb0, { emulate_mov, { O_Z, O_I }, WO | OP_BYTE }),
	ROW8(0xb8, { emulate_mov, { O_Z, O_IV }, WO }),
	[0xc0] = GROUP(GROUP_2_BYTE_IB),
	[0xc1] = GROUP(GROUP_2_IB),
	[0xc2] = { emulate_ret, { O_IW }, RO | OP_NEAR },
	[0xc3] = { emulate_ret, { O_NONE }, ONLY | OP_NEAR },
	[0xc4] = { emulate_load_far, { O_G, O_M }, WO | OP_ADDRESS | OP_NO64 },
	[0xc5] = { emulate_load_far, { O_G, O_M }, WO | OP_ADDRESS | OP_NO64 },
	[0xc6] = GROUP(GROUP_11_BYTE),
	[0xc7] = GROUP(GROUP_11),
	[0xc8] = { NULL, { O_IW, O_UB }, ONLY | OP_STACK },
	[0xc9] = { emulate_leave, { O_NONE }, ONLY | OP_STACK },
	[0xca] = { NULL, { O_IW }, ONLY },
	[0xcb] = PLAIN,
	[0xcc] = PLAIN,
	[0xcd] = { NULL, { O_UB }, ONLY },
	[0xce] = { NULL, { O_NONE }, ONLY | OP_NO64 },
	[0xcf] = PLAIN,
	[0xd0] = GROUP(GROUP_2_BYTE_1),
	[0xd1] = GROUP(GROUP_2_1),
	[0xd2] = GROUP(GROUP_2_BYTE_CL),
	[0xd3] = GROUP(GROUP_2_CL),
	[0xd4] = { NULL, { O_UB }, ONLY | OP_NO64 },
	[0xd5] = { NULL, { O_UB }, ONLY | OP_NO64 },
	[0xd7] = { emulate_xlat, { O_NONE }, ONLY | OP_BYTE },
	ROW8(0xd8, MODRM), /* x87 */
	ROW4(0xe0, { emulate_loop, { O_IB }, RO | OP_NEAR }),
	[0xe4] = { emulate_in, { O_A, O_UB }, WO | OP_BYTE },
	[0xe5] = { emulate_in, { O_A, O_UB }, WO },
	[0xe6] = { emulate_out, { O_UB, O_A }, RO | OP_BYTE },
	[0xe7] = { emulate_out, { O_UB, O_A }, RO },
	[0xe8] = { emulate_call, { O_J }, RO | OP_NEAR },
	[0xe9] = { emulate_jmp, { O_J }, RO | OP_NEAR },
	[0xea] = { NULL, { O_FAR }, ONLY | OP_NO64 },
	[0xeb] = { emulate_jmp, { O_IB }, RO | OP_NEAR },
	[0xec] = { emulate_in, { O_A, O_DX }, WO | OP_BYTE },
	[0xed] = { emulate_in, { O_A, O_DX }, WO },
	[0xee] = { emulate_out, { O_DX, O_A }, RO | OP_BYTE },
	[0xef] = { emulate_out, { O_DX, O_A }, RO },
	[0xf1] = PLAIN,
	[0xf4] = PLAIN,
	[0xf5] = { emulate_flag, { O_NONE }, ONLY },
	[0xf6] = GROUP(GROUP_3_BYTE),
	[0xf7] = GROUP(GROUP_3),
	[0xf8] = { emulate_flag, { O_NONE }, ONLY },
	[0xf9] = { emulate_flag, { O_NONE }, ONLY },
	[0xfa] = PLAIN,
	[0xfb] = PLAIN,
	[0xfc] = { emulate_flag, { O_NONE }, ONLY },
	[0xfd] = { emulate_flag, { O_NONE }, ONLY },
	[0xfe] = GROUP(GROUP_4),
	[0xff] = GROUP(GROUP_5),
};

/* 90 with REX.B exchanges with R8. */
static const struct opcode xchg_r8 = { emulate_xchg, { O_A, O_Z }, RW };
static const struct opcode arpl = MODRM;

static const struct opcode two_byte[256] = {
	[0x00] = MODRM,
	[0x01] = MODRM,
	[0x02] = MODRM,
	[0x03] = MODRM,
	[0x05 ... 0x09] = PLAIN,
	[0x0b] = PLAIN,
	[0x0d] = { emulate_nop, { O_E }, ADDR }, /* PREFETCH */
	[0x0e] = PLAIN,
	[0x0f] = MODRM_IB, /* 3DNow! */
	[0x10] = PREFIX(PREFIX_10),
	[0x11] = PREFIX(PREFIX_11),
	[0x12] = PREFIX(PREFIX_12),
	[0x13] = PREFIX(PREFIX_13),
	[0x14] = MODRM,
	[0x15] = MODRM,
	[0x16] = PREFIX(PREFIX_16),
	[0x17] = PREFIX(PREFIX_17),
	[0x18] = GROUP(GROUP_16),
	[0x19 ... 0x1f] = { emulate_nop, { O_E }, ADDR },
	[0x20 ... 0x23] = MODRM,
	[0x28] = PREFIX(PREFIX_28),
	[0x29] = PREFIX(PREFIX_29),
	[0x2a] = MODRM,
	[0x2b] = PREFIX(PREFIX_2B),
	[0x2c ... 0x2f] = MODRM,
	[0x30 ... 0x35] = PLAIN,
	[0x37] = PLAIN,
	[0x40 ... 0x4f] = { emulate_cmov, { O_G, O_E }, RW },
	[0x50 ... 0x6d] = MODRM,
	[0x6e] = PREFIX(PREFIX_6E),
	[0x6f] = PREFIX(PREFIX_6F),
	[0x70 ... 0x73] = MODRM_IB,
	[0x74 ... 0x76] = MODRM,
	[0x77] = PLAIN,
	[0x78] = PREFIX(PREFIX_78),
	[0x79 ... 0x7d] = MODRM,
	[0x7e] = PREFIX(PREFIX_7E),
	[0x7f] = PREFIX(PREFIX_7F),
	[0x80 ... 0x8f] = { emulate_jcc, { O_J }, RO | OP_NEAR },
	[0x90 ... 0x9f] = { emulate_setcc, { O_E }, WO | OP_BYTE },
	[0xa0] = { emulate_push_segment, { O_NONE }, ONLY | OP_STACK },
	[0xa1] = { emulate_pop_segment, { O_NONE }, ONLY | OP_STACK },
	[0xa2] = PLAIN,
	[0xa3] = { emulate_bit_test, { O_EX, O_G }, RO },
	[0xa4] = { emulate_shift_double, { O_E, O_G, O_UB }, RW },
	[0xa5] = { emulate_shift_double, { O_E, O_G, O_CL }, RW },
	[0xa8] = { emulate_push_segment, { O_NONE }, ONLY | OP_STACK },
	[0xa9] = { emulate_pop_segment, { O_NONE }, ONLY | OP_STACK },
	[0xaa] = PLAIN,
	[0xab] = { emulate_bit_test, { O_EX, O_G }, RWL },
	[0xac] = { emulate_shift_double, { O_E, O_G, O_UB }, RW },
	[0xad] = { emulate_shift_double, { O_E, O_G, O_CL }, RW },
	[0xae] = GROUP(GROUP_15),
	[0xaf] = { emulate_imul, { O_G, O_G, O_E }, WO },
	[0xb0] = { emulate_cmpxchg, { O_E, O_G }, RWL | OP_BYTE },
	[0xb1] = { emulate_cmpxchg, { O_E, O_G }, RWL },
	[0xb2] = { emulate_load_far, { O_G, O_M }, WO | OP_ADDRESS },
	[0xb3] = { emulate_bit_test, { O_EX, O_G }, RWL },
	[0xb4] = { emulate_load_far, { O_G, O_M }, WO | OP_ADDRESS },
	[0xb5] = { emulate_load_far, { O_G, O_M }, WO | OP_ADDRESS },
	[0xb6] = { emulate_mov, { O_G, O_EB }, WO },
	[0xb7] = { emulate_mov, { O_G, O_EW }, WO },
	[0xb8] = PREFIX(PREFIX_B8),
	[0xb9] = MODRM,
	[0xba] = GROUP(GROUP_8),
	[0xbb] = { emulate_bit_test, { O_EX, O_G }, RWL },
	[0xbc] = { emulate_bit_scan, { O_G, O_E }, RW },
	[0xbd] = { emulate_bit_scan, { O_G, O_E }, RW },
	[0xbe] = { emulate_movsx, { O_G, O_EB }, WO },
	[0xbf] = { emulate_movsx, { O_G, O_EW }, WO },
	[0xc0] = { emulate_xadd, { O_E, O_G }, RWL | OP_BYTE },
	[0xc1] = { emulate_xadd, { O_E, O_G }, RWL },
	[0xc2] = MODRM_IB,
	[0xc3] = { emulate_mov, { O_M, O_G }, WO | OP_FIXED }, /* MOVNTI */
	[0xc4 ... 0xc6] = MODRM_IB,
	[0xc7] = GROUP(GROUP_9),
	ROW8(0xc8, { emulate_bswap, { O_Z }, RW }),
	[0xd0 ... 0xd5] = MODRM,
	[0xd6] = PREFIX(PREFIX_D6),
	[0xd7 ... 0xe6] = MODRM,
	[0xe7] = PREFIX(PREFIX_E7),
	[0xe8 ... 0xef] = MODRM,
	[0xf0] = PREFIX(PREFIX_F0),
	[0xf1 ... 0xff] = MODRM,
};

/* 0F 38: every instruction has ModRM and no immediate, 0F 3A: ModRM and a byte. */
static const struct opcode map_38 = MODRM;
static const struct opcode map_38_2a = PREFIX(PREFIX_382A);
static const struct opcode map_38_f0 = PREFIX(PREFIX_38F0);
static const struct opcode map_38_f1 = PREFIX(PREFIX_38F1);
static const struct opcode map_3a = MODRM_IB;

const struct opcode *emulate_opcode(const struct insn *insn)
{
	switch (insn->map) {
	case 0:
		if (insn->opcode == 0x90 && (insn->rex & 1) && insn->rep != 0xf3)
			return &xchg_r8;
		if (insn->opcode == 0x63 && !insn->mode64)
			return &arpl;
		return &one_byte[insn->opcode];
	case 1:
		return &two_byte[insn->opcode];
	case 2:
		if (insn->opcode == 0x2a)
			return &map_38_2a;
		if (insn->opcode == 0xf0 && !insn->vex)
			return &map_38_f0;
		if (insn->opcode == 0xf1 && !insn->vex)
			return &map_38_f1;
		return &map_38;
	default:
		return &map_3a;
	}
}
