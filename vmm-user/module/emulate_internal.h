/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the emulator's files share: the decoded instruction, the operands and the
 * emulation under way. Nothing outside emulate*.c includes this.
 *
 * The files, in the order in which an instruction passes through them:
 *	emulate.c          the entry points and the commit
 *	emulate_decode.c   prefixes, opcode, ModRM, immediates -> struct insn
 *	emulate_opcodes.c, emulate_groups.c  the opcode tables
 *	emulate_segment.c  logical -> linear addresses; loading segment registers
 *	emulate_memory.c   linear -> RAM and devices
 *	emulate_operand.c  registers, operands, the stack
 *	emulate_alu.c      arithmetic and its flags
 *	emulate_execute.c, emulate_control.c, emulate_bits.c, emulate_string.c,
 *	emulate_vector.c   the instructions
 *	emulate_task.c     task switches, which are no instruction's alone
 *
 * Functions that can fail return 0 (EMULATE_DONE) or another enum
 * emulate_result, which the caller hands up unchanged.
 */
#ifndef MULLION_EMULATE_INTERNAL_H
#define MULLION_EMULATE_INTERNAL_H

#include "emulate.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#define CR0_PE (1ull << 0)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_PG (1ull << 31)
#define CR4_LA57 (1ull << 12)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXSAVE (1ull << 18)
#define EFER_LMA (1ull << 10)

#define FLAG_CF (1ull << 0)
#define FLAG_PF (1ull << 2)
#define FLAG_AF (1ull << 4)
#define FLAG_ZF (1ull << 6)
#define FLAG_SF (1ull << 7)
#define FLAG_TF (1ull << 8)
#define FLAG_DF (1ull << 10)
#define FLAG_OF (1ull << 11)
#define FLAG_NT (1ull << 14)
#define FLAG_RF (1ull << 16)
#define FLAG_VM (1ull << 17)
#define FLAGS_STATUS (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)
#define FLAG_IOPL_SHIFT 12

#define VECTOR_DE 0
#define VECTOR_UD 6
#define VECTOR_NM 7
#define VECTOR_DF 8
#define VECTOR_TS 10
#define VECTOR_NP 11
#define VECTOR_SS 12
#define VECTOR_GP 13
#define VECTOR_PF 14

/* struct mullion_segment.attr */
#define SEG_TYPE_ACCESSED (1u << 0)
#define SEG_TYPE_WRITABLE (1u << 1) /* data; for code: readable */
#define SEG_TYPE_DOWN (1u << 2)     /* data, expands down; for code: conforming */
#define SEG_TYPE_CODE (1u << 3)
#define SEG_TYPE 0xfu
#define SEG_LDT 2u /* SEG_TYPE of system segments */
#define SEG_S (1u << 4)
#define SEG_DPL_SHIFT 5
#define SEG_PRESENT (1u << 7)
#define SEG_LONG (1u << 9)
#define SEG_BIG (1u << 10)
#define SEG_GRANULAR (1u << 11)

enum emulate_mode { MODE_REAL, MODE_V86, MODE_PROTECTED, MODE_LONG };

struct emulation;

/* Where an operand comes from, in the manner of the opcode maps of APM vol. 3
 * appendix A. */
enum operand_kind {
	O_NONE,
	O_E,   /* ModRM.rm: register or memory */
	O_EB,  /* ... of one byte whatever the operand size */
	O_EW,  /* ... of two bytes */
	O_ED,  /* ... of four bytes */
	O_ES,  /* ... of the operand size as a register, of two bytes in memory */
	O_EX,  /* ... whose address a bit offset in ModRM.reg moves */
	O_M,   /* ModRM.rm, memory only */
	O_G,   /* ModRM.reg: general register */
	O_S,   /* ModRM.reg: segment register */
	O_V,   /* ModRM.reg: XMM register */
	O_W,   /* ModRM.rm: XMM register, or memory of the vector's length */
	O_WD,  /* ... of four bytes */
	O_WQ,  /* ... of eight bytes */
	O_Z,   /* general register in the opcode's low three bits */
	O_A,   /* accumulator */
	O_O,   /* memory at an absolute offset in the instruction */
	O_I,   /* immediate of the operand size, at most 32 bits, sign-extended */
	O_IV,  /* immediate of the full operand size */
	O_IB,  /* immediate byte, sign-extended */
	O_UB,  /* immediate byte, zero-extended */
	O_IW,  /* immediate word */
	O_J,   /* relative displacement of the operand size, at most 32 bits */
	O_FAR, /* offset and selector in the instruction */
	O_ONE, /* the constant */
	O_CL,
	O_DX,
};

/* Flags of an opcode. */
#define OP_BYTE (1u << 0)      /* operand size 1 */
#define OP_READ (1u << 1)      /* the first operand is read ... */
#define OP_WRITE (1u << 2)     /* ... and/or written */
#define OP_LOCK (1u << 3)      /* LOCK is permitted when the first operand is memory */
#define OP_STACK (1u << 4)     /* operand size 64 in 64-bit mode, 16 by prefix */
#define OP_NEAR (1u << 5)      /* operand size 64 in 64-bit mode, always */
#define OP_NO64 (1u << 6)      /* undefined in 64-bit mode */
#define OP_ADDRESS (1u << 7)   /* no operand is loaded: execute uses the address */
#define OP_GROUP (1u << 8)     /* operand[0] names a table by ModRM.reg */
#define OP_PREFIX (1u << 9)    /* operand[0] names a table by 66, F3, F2 */
#define OP_VEX (1u << 10)      /* has a VEX form that execute knows */
#define OP_ALIGNED (1u << 11)  /* a vector in memory must be aligned */
#define OP_VALID (1u << 12)    /* the instruction exists (execute may be NULL) */
#define OP_MODRM (1u << 13)    /* has a ModRM byte whatever its operands say */
#define OP_FIXED (1u << 14)    /* prefix 66 selects the opcode, not the operand size */

struct opcode {
	int (*execute)(struct emulation *e); /* NULL: only the length is known */
	uint8_t operand[3];                  /* enum operand_kind */
	uint16_t flags;                      /* OP_* */
};

#define REG_NONE 0xff
#define PAGE_BYTES 4096u

struct insn {
	const struct opcode *op;
	bool mode64;
	uint8_t map; /* 0: one-byte, 1: 0F, 2: 0F 38, 3: 0F 3A */
	uint8_t opcode;
	uint8_t prefix; /* 0, 0x66, 0xf3, 0xf2: the one that selects an opcode */
	uint8_t rep;    /* 0, 0xf3, 0xf2 */
	uint8_t rex;    /* 0x40-0x4f, 0: none; VEX and EVEX leave their W, R, X, B here */
	bool lock;
	bool operand_prefix, address_prefix;
	bool vex;
	bool evex;
	uint8_t vex_length; /* 16 or 32 */
	uint8_t vex_v;      /* vvvv, not inverted any more: 0 means unused */
	bool modrm;
	uint8_t mod, reg, rm;  /* reg and rm with their REX bits */
	uint8_t segment;       /* of the memory operand: the default, or an override */
	uint8_t override;      /* the segment prefix, REG_NONE: none */
	uint8_t base, index;   /* of the address; REG_NONE: none */
	uint8_t scale;         /* shift of the index */
	bool rip_relative;
	uint8_t operand_size;  /* 1, 2, 4, 8 */
	uint8_t address_size;  /* 2, 4, 8 */
	uint8_t length;        /* bytes decoded so far, in the end all */
	int64_t displacement;
	uint64_t immediate[2]; /* in the order of the operands; FAR: offset, selector */
	uint8_t immediates;
};

/* Translated memory: one piece, or two where it crosses a page. */
struct span {
	uint64_t gpa[2];
	uint8_t size[2];
};

enum operand_place { PLACE_NONE, PLACE_GPR, PLACE_MEMORY, PLACE_CONSTANT, PLACE_SEGMENT,
		     PLACE_XMM };

struct operand {
	uint8_t place; /* enum operand_place */
	uint8_t size;  /* bytes */
	uint8_t reg;
	uint64_t offset; /* memory: within the segment */
	uint64_t value;  /* zero-extended */
};

/* One instruction under way: works on copies, so that a fault leaves nothing. */
struct emulation {
	struct emulate_context *ctx;
	struct insn insn;
	struct operand operand[3];
	struct span span; /* of the operand in memory; no instruction has two */
	uint64_t loaded;  /* what it held, for a locked exchange */
	uint64_t *gpr; /* the context's working copy */
	uint64_t rflags;
	uint64_t next_rip;
	uint8_t mode; /* enum emulate_mode */
	uint8_t code_size; /* default operand and address size: 2, 4 (8: addresses only) */
	uint8_t selector_fault; /* of a selector that will not do: #GP, in a task switch #TS */
	uint8_t external;       /* 1: an event is being delivered, which error codes tell */
	uint32_t shadow;   /* MULLION_BLOCK_STI: the instruction leaves a shadow */
	struct {           /* the last page translated for reading, for writing */
		bool valid;
		uint64_t page, gpa;
	} translation[2];
};

/* emulate.c */
/* A new emulation, of whatever the context's registers say. */
void emulate_begin(struct emulation *e, struct emulate_context *ctx);
/* The registers are as the frame of the context's fault wants them. */
void emulate_finish_fault(struct emulate_context *ctx);
int emulate_raise(struct emulation *e, unsigned int vector, uint32_t error);
int emulate_undefined(struct emulation *e);
/* Makes the working registers the guest's, and a new start for device reads.
 * RIP moves to next_rip when `finished`. */
void emulate_commit(struct emulation *e, bool finished);

/* emulate_decode.c: fetches and decodes at RIP into e->insn. */
int emulate_decode(struct emulation *e);

/* emulate_opcodes.c: never NULL; an entry without OP_VALID is no instruction. */
const struct opcode *emulate_opcode(const struct insn *insn);
/* emulate_groups.c: resolves groups and mandatory prefixes once ModRM is known. */
const struct opcode *emulate_opcode_resolve(const struct opcode *op, const struct insn *insn);

/* emulate_segment.c */
/* The linear address of `size` bytes at `offset` in a segment, checked for
 * `access` (GUEST_WALK_WRITE, _FETCH or 0) against limit, type and canonical form. */
int emulate_linear(struct emulation *e, unsigned int segment, uint64_t offset, unsigned int size,
		   unsigned int access, uint64_t *linear);
/* The same question without a fault. */
bool emulate_permits(const struct emulation *e, unsigned int segment, uint64_t offset,
		     unsigned int size, unsigned int access);
bool emulate_canonical(const struct emulation *e, uint64_t address);
/* Loads a data segment register as MOV and POP do; in a task switch, where the new CPL is
 * known already, also CS and LDTR. */
int emulate_load_segment(struct emulation *e, unsigned int segment, uint16_t selector);
void emulate_unpack_descriptor(struct mullion_segment *seg, uint16_t selector, uint64_t descriptor);

/* emulate_memory.c: all sizes at most 64 bytes. */
int emulate_map(struct emulation *e, uint64_t linear, unsigned int size, unsigned int access,
		struct span *span);
int emulate_span_read(struct emulation *e, const struct span *span, void *data);
int emulate_span_write(struct emulation *e, const struct span *span, const void *data);
/* Writes `desired` if memory holds `expected` (AGAIN if not); not split by pages
 * as seen by others where a page boundary is not crossed. */
int emulate_span_exchange(struct emulation *e, const struct span *span, uint64_t expected,
			  uint64_t desired);
int emulate_read(struct emulation *e, unsigned int segment, uint64_t offset, void *data,
		 unsigned int size);
int emulate_write(struct emulation *e, unsigned int segment, uint64_t offset, const void *data,
		  unsigned int size);
/* A read by the processor itself, of a system structure at a linear address. */
int emulate_read_system(struct emulation *e, uint64_t linear, void *data, unsigned int size);
int emulate_port_in(struct emulation *e, uint16_t port, unsigned int size, unsigned int count);
int emulate_port_out(struct emulation *e, uint16_t port, unsigned int size, unsigned int count);

/* emulate_operand.c */
uint64_t emulate_mask(unsigned int size);
uint64_t emulate_sign_extend(uint64_t value, unsigned int size);
uint64_t emulate_gpr(const struct emulation *e, unsigned int reg, unsigned int size);
void emulate_set_gpr(struct emulation *e, unsigned int reg, unsigned int size, uint64_t value);
/* The offset that ModRM and SIB name, masked to the address size. */
uint64_t emulate_address(const struct emulation *e);
/* Adds `delta` bytes to a register that counts or points, in `size` bits. */
void emulate_step_gpr(struct emulation *e, unsigned int reg, unsigned int size, int64_t delta);
int emulate_operands_load(struct emulation *e);
int emulate_operand_store(struct emulation *e, struct operand *operand);
int emulate_push(struct emulation *e, uint64_t value, unsigned int size);
int emulate_pop(struct emulation *e, uint64_t *value, unsigned int size);
/* Pops from `pointer` in place of rSP. */
int emulate_pop_at(struct emulation *e, uint64_t pointer, uint64_t *value, unsigned int size);
/* Moves the stack pointer up. */
void emulate_release_stack(struct emulation *e, unsigned int bytes);

#endif
