/* SPDX-License-Identifier: GPL-2.0-only */
/* The notation of the opcode tables, and how a map names a table of its own. */
#ifndef MULLION_EMULATE_OPCODES_H
#define MULLION_EMULATE_OPCODES_H

/* Whether the first operand is read and written, and what else the row says. */
#define ONLY OP_VALID
#define RO (OP_VALID | OP_READ)
#define WO (OP_VALID | OP_WRITE)
#define RW (OP_VALID | OP_READ | OP_WRITE)
#define RWL (RW | OP_LOCK)
#define ADDR (OP_VALID | OP_ADDRESS)
#define SSE (OP_VALID | OP_ADDRESS | OP_FIXED)
#define AVX (SSE | OP_VEX)

/* Rows of instructions whose length alone is known. */
#define PLAIN { NULL, { O_NONE }, ONLY }
#define MODRM { NULL, { O_NONE }, ONLY | OP_MODRM }
#define MODRM_IB { NULL, { O_NONE, O_UB }, ONLY | OP_MODRM }
#define GROUP(n) { NULL, { n }, OP_GROUP | OP_MODRM }
#define PREFIX(n) { NULL, { n }, OP_PREFIX | OP_MODRM }

#define ROW4(first, ...) [(first) ... (first) + 3] = __VA_ARGS__
#define ROW8(first, ...) [(first) ... (first) + 7] = __VA_ARGS__

/* Tables by ModRM.reg. */
enum group {
	GROUP_1_BYTE, /* 80, 82 */
	GROUP_1,      /* 81 */
	GROUP_1_IB,   /* 83 */
	GROUP_1A,     /* 8F */
	GROUP_2_BYTE_IB, GROUP_2_IB, GROUP_2_BYTE_1, GROUP_2_1, GROUP_2_BYTE_CL, GROUP_2_CL,
	GROUP_3_BYTE, GROUP_3,
	GROUP_4, GROUP_5,
	GROUP_8,
	GROUP_9,
	GROUP_11_BYTE, GROUP_11,
	GROUP_15,
	GROUP_16,
	GROUP_COUNT,
};

/* Tables by mandatory prefix. */
enum prefix_table {
	PREFIX_10, PREFIX_11, PREFIX_12, PREFIX_13, PREFIX_16, PREFIX_17,
	PREFIX_28, PREFIX_29, PREFIX_2B, PREFIX_6E, PREFIX_6F, PREFIX_78, PREFIX_7E, PREFIX_7F,
	PREFIX_B8, PREFIX_D6, PREFIX_E7, PREFIX_F0, PREFIX_382A, PREFIX_38F0, PREFIX_38F1,
	PREFIX_COUNT,
};

#endif
