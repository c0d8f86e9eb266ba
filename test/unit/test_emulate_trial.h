/* SPDX-License-Identifier: GPL-2.0-only */
/* Random instructions, and their trial on the processor and in the emulator. */
#ifndef TEST_EMULATE_TRIAL_H
#define TEST_EMULATE_TRIAL_H

#include "test_emulate_native.h"

#define CF 0x001u
#define PF 0x004u
#define AF 0x010u
#define ZF 0x040u
#define SF 0x080u
#define DF 0x400u
#define OF 0x800u
#define STATUS (CF | PF | AF | ZF | SF | OF)

/* What a form may vary. */
#define BYTE (1u << 0)   /* one-byte operands: 66 and REX.W do nothing */
#define MEMORY (1u << 1) /* no register form */
#define LOCKABLE (1u << 2)
#define BITS (1u << 3)     /* ModRM.reg holds a bit offset that moves the address */
#define VECTOR (1u << 4)   /* 66 is no operand size prefix */
#define ALIGNED (1u << 5)  /* 16 bytes must be aligned, or it faults */
#define DIVIDES (1u << 6)  /* wants a small high half, most times */
#define COMPARES (1u << 7) /* wants rAX (and rDX) equal to memory, half the time */
#define JUMPS (1u << 8)    /* the operand is an address to jump to */
#define STACK (1u << 9)    /* uses the stack; 64-bit operands in 64-bit code */
#define NO_66 (1u << 10)
#define ONLY64 (1u << 11)  /* in 64-bit code alone */
#define SHIFTS (1u << 12)  /* OF is defined for a count of one only, CF not beyond the size */
#define DOUBLES (1u << 13) /* the same, and words not beyond 16 */
#define NARROW (1u << 14)  /* no REX.W */
#define VEX (1u << 15)     /* has a VEX form */
#define VEX128 (1u << 16)  /* ... of 128 bits only */

/* A form of an instruction with ModRM. */
struct form {
	const char *name;
	uint8_t prefix; /* mandatory */
	uint8_t map;    /* 0, 1: 0F, 2: 0F 38 */
	uint8_t opcode;
	int8_t digit;      /* ModRM.reg; -1: a register, at random */
	uint8_t immediate; /* bytes; 4: of the operand size */
	uint32_t flags;
	uint32_t undefined; /* status flags that the manual leaves open */
	enum native_feature feature;
};

/* One instruction with its world. */
struct trial {
	enum native_width width;
	const char *name;
	uint8_t bytes[24];
	unsigned int length;
	uint64_t rip;    /* offset in the code segment */
	uint64_t target; /* of a relative jump, likewise; 0: none */
	uint64_t data;   /* offset of the data in its segment */
	struct native_state state;
	uint8_t memory[NATIVE_DATA_SIZE];
	uint32_t undefined;  /* flags not to compare */
	unsigned int pinned; /* registers that an address is made of, as a mask */
};

uint64_t random64(void);
/* 0 to n - 1. */
unsigned int below(unsigned int n);
/* A number of the kind that arithmetic stumbles over, every other time. */
uint64_t random_value(void);

/* A trial with no bytes yet, and everything else at random. */
void trial_start(struct trial *t, enum native_width width, const char *name);
/* Appends the low bytes of `value` to the instruction. */
void trial_emit(struct trial *t, uint64_t value, unsigned int size);
/* An address in the data, as an offset, with room before it and behind. One in
 * eight crosses a page. */
uint64_t trial_place(const struct trial *t, bool aligned);
/* The place in `memory` of an offset in the data segment. */
uint8_t *trial_memory(struct trial *t, uint64_t offset);

/* Makes a random instruction of `form`. False: this one came out unusable. */
bool trial_make(struct trial *t, enum native_width width, const struct form *form);

/* Runs it on both, in the emulator in three ways; fails the test where they differ. */
void trial_run(const struct trial *t);

#endif
