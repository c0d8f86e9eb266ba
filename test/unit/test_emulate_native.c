// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator against the processor: random instructions of every form, with
 * random registers, flags and memory, run on both, must leave the same behind.
 * Each runs three times in the emulator: on RAM, on a device that answers at
 * once, and on one that answers by turns from user space.
 */
#include "support.h"
#include "test_emulate_machine.h"
#include "test_emulate_native.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CF 0x001u
#define PF 0x004u
#define AF 0x010u
#define ZF 0x040u
#define SF 0x080u
#define DF 0x400u
#define OF 0x800u
#define STATUS (CF | PF | AF | ZF | SF | OF)

/* What a form may vary. */
#define BYTE (1u << 0)      /* one-byte operands: 66 and REX.W do nothing */
#define MEMORY (1u << 1)    /* no register form */
#define LOCKABLE (1u << 2)
#define BITS (1u << 3)      /* ModRM.reg holds a bit offset that moves the address */
#define VECTOR (1u << 4)    /* 66 is no operand size prefix */
#define ALIGNED (1u << 5)   /* 16 bytes must be aligned, or it faults */
#define DIVIDES (1u << 6)   /* wants a small high half, most times */
#define COMPARES (1u << 7)  /* wants rAX (and rDX) equal to memory, half the time */
#define JUMPS (1u << 8)     /* the operand is an address to jump to */
#define STACK (1u << 9)     /* uses the stack; operands of 64 bits */
#define NO_66 (1u << 10)
#define SEGMENT (1u << 11)  /* ModRM.reg is a segment register */
#define SHIFTS (1u << 12)   /* OF is defined for a count of one only, CF not beyond the size */
#define DOUBLES (1u << 13)  /* the same, and words not beyond 16 */
#define NARROW (1u << 14)   /* no REX.W */
#define VEX (1u << 15)      /* has a VEX form */
#define VEX128 (1u << 16)   /* ... of 128 bits only */
#define REGISTER (1u << 17) /* no memory form */

struct form {
	const char *name;
	uint8_t prefix; /* mandatory */
	uint8_t map;    /* 0, 1: 0F, 2: 0F 38 */
	uint8_t opcode;
	int8_t digit; /* ModRM.reg; -1: a register, at random */
	uint8_t immediate; /* bytes; 4: of the operand size */
	uint32_t flags;
	uint32_t undefined; /* status flags that the manual leaves open */
	enum native_feature feature;
};

#define ARITHMETIC(name, first, digit, flags, open)                                \
	{ name, 0, 0, (first) + 0, -1, 0, (flags) | BYTE, open, 0 },              \
	{ name, 0, 0, (first) + 1, -1, 0, flags, open, 0 },                       \
	{ name, 0, 0, (first) + 2, -1, 0, BYTE, open, 0 },                        \
	{ name, 0, 0, (first) + 3, -1, 0, 0, open, 0 },                           \
	{ name, 0, 0, 0x80, digit, 1, (flags) | BYTE, open, 0 },                  \
	{ name, 0, 0, 0x81, digit, 4, flags, open, 0 },                           \
	{ name, 0, 0, 0x83, digit, 1, flags, open, 0 }

#define SHIFT(name, digit)                                                    \
	{ name, 0, 0, 0xc0, digit, 1, BYTE | SHIFTS, 0, 0 },                  \
	{ name, 0, 0, 0xc1, digit, 1, SHIFTS, 0, 0 },                         \
	{ name, 0, 0, 0xd0, digit, 0, BYTE | SHIFTS, 0, 0 },                  \
	{ name, 0, 0, 0xd1, digit, 0, SHIFTS, 0, 0 },                         \
	{ name, 0, 0, 0xd2, digit, 0, BYTE | SHIFTS, 0, 0 },                  \
	{ name, 0, 0, 0xd3, digit, 0, SHIFTS, 0, 0 }

#define UNARY(name, digit, flags, open)                                       \
	{ name, 0, 0, 0xf6, digit, 0, (flags) | BYTE, open, 0 },              \
	{ name, 0, 0, 0xf7, digit, 0, flags, open, 0 }

#define CONDITION(cc)                                                         \
	{ "setcc", 0, 1, 0x90 + (cc), 0, 0, BYTE, 0, 0 },                     \
	{ "cmovcc", 0, 1, 0x40 + (cc), -1, 0, 0, 0, 0 }

static const struct form forms[] = {
	ARITHMETIC("add", 0x00, 0, LOCKABLE, 0),
	ARITHMETIC("or", 0x08, 1, LOCKABLE, AF),
	ARITHMETIC("adc", 0x10, 2, LOCKABLE, 0),
	ARITHMETIC("sbb", 0x18, 3, LOCKABLE, 0),
	ARITHMETIC("and", 0x20, 4, LOCKABLE, AF),
	ARITHMETIC("sub", 0x28, 5, LOCKABLE, 0),
	ARITHMETIC("xor", 0x30, 6, LOCKABLE, AF),
	ARITHMETIC("cmp", 0x38, 7, 0, 0),
	{ "test", 0, 0, 0x84, -1, 0, BYTE, AF, 0 },
	{ "test", 0, 0, 0x85, -1, 0, 0, AF, 0 },
	{ "test", 0, 0, 0xf6, 0, 1, BYTE, AF, 0 },
	{ "test", 0, 0, 0xf7, 0, 4, 0, AF, 0 },
	{ "mov", 0, 0, 0x88, -1, 0, BYTE, 0, 0 },
	{ "mov", 0, 0, 0x89, -1, 0, 0, 0, 0 },
	{ "mov", 0, 0, 0x8a, -1, 0, BYTE, 0, 0 },
	{ "mov", 0, 0, 0x8b, -1, 0, 0, 0, 0 },
	{ "mov", 0, 0, 0xc6, 0, 1, BYTE, 0, 0 },
	{ "mov", 0, 0, 0xc7, 0, 4, 0, 0, 0 },
	{ "mov from sreg", 0, 0, 0x8c, 3, 0, 0, 0, 0 },
	{ "lea", 0, 0, 0x8d, -1, 0, MEMORY, 0, 0 },
	{ "xchg", 0, 0, 0x86, -1, 0, BYTE | LOCKABLE, 0, 0 },
	{ "xchg", 0, 0, 0x87, -1, 0, LOCKABLE, 0, 0 },
	{ "movsxd", 0, 0, 0x63, -1, 0, NO_66, 0, 0 },
	{ "imul", 0, 0, 0x69, -1, 4, 0, SF | ZF | AF | PF, 0 },
	{ "imul", 0, 0, 0x6b, -1, 1, 0, SF | ZF | AF | PF, 0 },
	{ "imul", 0, 1, 0xaf, -1, 0, 0, SF | ZF | AF | PF, 0 },
	{ "push", 0, 0, 0xff, 6, 0, STACK, 0, 0 },
	{ "pop", 0, 0, 0x8f, 0, 0, STACK, 0, 0 },
	{ "call", 0, 0, 0xff, 2, 0, STACK | JUMPS | NO_66, 0, 0 },
	{ "jmp", 0, 0, 0xff, 4, 0, JUMPS | NO_66, 0, 0 },
	{ "inc", 0, 0, 0xfe, 0, 0, BYTE | LOCKABLE, 0, 0 },
	{ "inc", 0, 0, 0xff, 0, 0, LOCKABLE, 0, 0 },
	{ "dec", 0, 0, 0xfe, 1, 0, BYTE | LOCKABLE, 0, 0 },
	{ "dec", 0, 0, 0xff, 1, 0, LOCKABLE, 0, 0 },
	UNARY("not", 2, LOCKABLE, 0),
	UNARY("neg", 3, LOCKABLE, 0),
	UNARY("mul", 4, 0, SF | ZF | AF | PF),
	UNARY("imul", 5, 0, SF | ZF | AF | PF),
	UNARY("div", 6, DIVIDES, STATUS),
	UNARY("idiv", 7, DIVIDES, STATUS),
	SHIFT("rol", 0),
	SHIFT("ror", 1),
	SHIFT("rcl", 2),
	SHIFT("rcr", 3),
	SHIFT("shl", 4),
	SHIFT("shr", 5),
	SHIFT("sal", 6),
	SHIFT("sar", 7),
	{ "shld", 0, 1, 0xa4, -1, 1, DOUBLES, 0, 0 },
	{ "shld", 0, 1, 0xa5, -1, 0, DOUBLES, 0, 0 },
	{ "shrd", 0, 1, 0xac, -1, 1, DOUBLES, 0, 0 },
	{ "shrd", 0, 1, 0xad, -1, 0, DOUBLES, 0, 0 },
	{ "bt", 0, 1, 0xa3, -1, 0, BITS, OF | SF | AF | PF, 0 },
	{ "bts", 0, 1, 0xab, -1, 0, BITS | LOCKABLE, OF | SF | AF | PF, 0 },
	{ "btr", 0, 1, 0xb3, -1, 0, BITS | LOCKABLE, OF | SF | AF | PF, 0 },
	{ "btc", 0, 1, 0xbb, -1, 0, BITS | LOCKABLE, OF | SF | AF | PF, 0 },
	{ "bt", 0, 1, 0xba, 4, 1, 0, OF | SF | AF | PF, 0 },
	{ "bts", 0, 1, 0xba, 5, 1, LOCKABLE, OF | SF | AF | PF, 0 },
	{ "btr", 0, 1, 0xba, 6, 1, LOCKABLE, OF | SF | AF | PF, 0 },
	{ "btc", 0, 1, 0xba, 7, 1, LOCKABLE, OF | SF | AF | PF, 0 },
	{ "bsf", 0, 1, 0xbc, -1, 0, 0, STATUS & ~ZF, 0 },
	{ "bsr", 0, 1, 0xbd, -1, 0, 0, STATUS & ~ZF, 0 },
	{ "tzcnt", 0xf3, 1, 0xbc, -1, 0, 0, OF | SF | AF | PF, NATIVE_BMI1 },
	{ "lzcnt", 0xf3, 1, 0xbd, -1, 0, 0, OF | SF | AF | PF, NATIVE_LZCNT },
	{ "popcnt", 0xf3, 1, 0xb8, -1, 0, 0, 0, NATIVE_POPCNT },
	{ "movbe", 0, 2, 0xf0, -1, 0, MEMORY, 0, NATIVE_MOVBE },
	{ "movbe", 0, 2, 0xf1, -1, 0, MEMORY, 0, NATIVE_MOVBE },
	{ "movzx", 0, 1, 0xb6, -1, 0, 0, 0, 0 },
	{ "movzx", 0, 1, 0xb7, -1, 0, 0, 0, 0 },
	{ "movsx", 0, 1, 0xbe, -1, 0, 0, 0, 0 },
	{ "movsx", 0, 1, 0xbf, -1, 0, 0, 0, 0 },
	{ "xadd", 0, 1, 0xc0, -1, 0, BYTE | LOCKABLE, 0, 0 },
	{ "xadd", 0, 1, 0xc1, -1, 0, LOCKABLE, 0, 0 },
	{ "cmpxchg", 0, 1, 0xb0, -1, 0, BYTE | LOCKABLE | COMPARES, 0, 0 },
	{ "cmpxchg", 0, 1, 0xb1, -1, 0, LOCKABLE | COMPARES, 0, 0 },
	{ "cmpxchg8b", 0, 1, 0xc7, 1, 0, MEMORY | LOCKABLE | COMPARES | NARROW, 0, 0 },
	{ "cmpxchg16b", 0, 1, 0xc7, 1, 0, MEMORY | LOCKABLE | COMPARES | ALIGNED, 0, NATIVE_CX16 },
	{ "movnti", 0, 1, 0xc3, -1, 0, MEMORY | NO_66, 0, 0 },
	{ "nop", 0, 1, 0x1f, 0, 0, 0, 0, 0 },
	{ "prefetch", 0, 1, 0x18, 1, 0, MEMORY, 0, 0 },
	{ "clflush", 0, 1, 0xae, 7, 0, MEMORY | NO_66, 0, 0 },
	CONDITION(0), CONDITION(1), CONDITION(2), CONDITION(3), CONDITION(4), CONDITION(5),
	CONDITION(6), CONDITION(7), CONDITION(8), CONDITION(9), CONDITION(10), CONDITION(11),
	CONDITION(12), CONDITION(13), CONDITION(14), CONDITION(15),
	{ "movups", 0, 1, 0x10, -1, 0, VECTOR | VEX, 0, 0 },
	{ "movups", 0, 1, 0x11, -1, 0, VECTOR | VEX, 0, 0 },
	{ "movupd", 0x66, 1, 0x10, -1, 0, VECTOR | VEX, 0, 0 },
	{ "movupd", 0x66, 1, 0x11, -1, 0, VECTOR | VEX, 0, 0 },
	{ "movss", 0xf3, 1, 0x10, -1, 0, VECTOR, 0, 0 },
	{ "movss", 0xf3, 1, 0x11, -1, 0, VECTOR, 0, 0 },
	{ "movss", 0xf3, 1, 0x10, -1, 0, VECTOR | VEX | MEMORY, 0, 0 },
	{ "movss", 0xf3, 1, 0x11, -1, 0, VECTOR | VEX | MEMORY, 0, 0 },
	{ "movsd", 0xf2, 1, 0x10, -1, 0, VECTOR, 0, 0 },
	{ "movsd", 0xf2, 1, 0x11, -1, 0, VECTOR, 0, 0 },
	{ "movlps", 0, 1, 0x12, -1, 0, VECTOR, 0, 0 },
	{ "movlpd", 0x66, 1, 0x12, -1, 0, VECTOR | MEMORY, 0, 0 },
	{ "movlps", 0, 1, 0x13, -1, 0, VECTOR | MEMORY | VEX | VEX128, 0, 0 },
	{ "movhps", 0, 1, 0x16, -1, 0, VECTOR, 0, 0 },
	{ "movhpd", 0x66, 1, 0x16, -1, 0, VECTOR | MEMORY, 0, 0 },
	{ "movhps", 0, 1, 0x17, -1, 0, VECTOR | MEMORY | VEX | VEX128, 0, 0 },
	{ "movaps", 0, 1, 0x28, -1, 0, VECTOR | ALIGNED | VEX, 0, 0 },
	{ "movaps", 0, 1, 0x29, -1, 0, VECTOR | ALIGNED | VEX, 0, 0 },
	{ "movapd", 0x66, 1, 0x28, -1, 0, VECTOR | ALIGNED | VEX, 0, 0 },
	{ "movapd", 0x66, 1, 0x29, -1, 0, VECTOR | ALIGNED | VEX, 0, 0 },
	{ "movntps", 0, 1, 0x2b, -1, 0, VECTOR | ALIGNED | MEMORY | VEX, 0, 0 },
	{ "movntpd", 0x66, 1, 0x2b, -1, 0, VECTOR | ALIGNED | MEMORY, 0, 0 },
	{ "movd", 0x66, 1, 0x6e, -1, 0, VECTOR | VEX | VEX128, 0, 0 },
	{ "movd", 0x66, 1, 0x7e, -1, 0, VECTOR | VEX | VEX128, 0, 0 },
	{ "movq", 0xf3, 1, 0x7e, -1, 0, VECTOR | VEX | VEX128, 0, 0 },
	{ "movq", 0x66, 1, 0xd6, -1, 0, VECTOR | VEX | VEX128, 0, 0 },
	{ "movdqa", 0x66, 1, 0x6f, -1, 0, VECTOR | ALIGNED | VEX, 0, 0 },
	{ "movdqa", 0x66, 1, 0x7f, -1, 0, VECTOR | ALIGNED | VEX, 0, 0 },
	{ "movdqu", 0xf3, 1, 0x6f, -1, 0, VECTOR | VEX, 0, 0 },
	{ "movdqu", 0xf3, 1, 0x7f, -1, 0, VECTOR | VEX, 0, 0 },
	{ "movntdq", 0x66, 1, 0xe7, -1, 0, VECTOR | ALIGNED | MEMORY | VEX, 0, 0 },
	{ "lddqu", 0xf2, 1, 0xf0, -1, 0, VECTOR | MEMORY | VEX, 0, 0 },
	{ "movntdqa", 0x66, 2, 0x2a, -1, 0, VECTOR | ALIGNED | MEMORY, 0, NATIVE_SSE41 },
};

/* One instruction with its world. */
struct trial {
	const struct form *form;
	uint8_t bytes[24];
	unsigned int length;
	uint64_t rip;
	uint64_t target; /* of a relative jump; 0: none */
	struct native_state state;
	uint8_t data[NATIVE_DATA_SIZE];
	uint32_t undefined;
	unsigned int pinned; /* registers that an address is made of, as a mask */
};

static uint64_t random64(void)
{
	return (uint64_t)random_next() << 32 | random_next();
}

static unsigned int below(unsigned int n)
{
	return random_next() % n;
}

/* A number of the kind that arithmetic stumbles over, every other time. */
static uint64_t random_value(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull,
	};

	switch (below(4)) {
	case 0:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return random64() >> below(64);
	default:
		return random64();
	}
}

static void randomize(struct trial *t)
{
	memset(t, 0, sizeof(*t));
	for (unsigned int i = 0; i < 16; i++)
		t->state.gpr[i] = random_value();
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j < 32; j += 8) {
			uint64_t value = native_avx() || j < 16 ? random64() : 0;

			memcpy(&t->state.vector[i][j], &value, 8);
		}
	for (unsigned int i = 0; i < sizeof(t->data); i += 8) {
		uint64_t value = random_value();

		memcpy(t->data + i, &value, 8);
	}
	t->state.rflags = 0x202 | (random_next() & STATUS);
	t->rip = NATIVE_CODE + below(64);
}

static void emit(struct trial *t, uint64_t value, unsigned int size)
{
	memcpy(t->bytes + t->length, &value, size);
	t->length += size;
}

/* An address in the data, with room before it and behind. One in eight crosses a page. */
static uint64_t random_place(bool aligned)
{
	uint64_t at = below(8) ? NATIVE_DATA + 1024 + below(NATIVE_DATA_SIZE - 2048)
			       : NATIVE_DATA + 4096 - below(32);

	return aligned && below(16) ? at & ~31ull : at;
}

/* Emits ModRM and the rest of an address that leads to `at`, by setting registers.
 * `avoid` keeps its value. -> the place of a RIP-relative displacement, or 0. */
static unsigned int emit_address(struct trial *t, unsigned int reg, uint8_t rex, bool short_address,
				 uint64_t at, int avoid)
{
	uint64_t *gpr = t->state.gpr;
	unsigned int b = rex & 1 ? 8 : 0, x = rex & 2 ? 8 : 0;
	unsigned int mod = below(3), rm = below(8), base = rm + b, index = 4, scale = 0;
	int64_t displacement = mod == 1 ? (int8_t)random_next()
			       : mod == 2 ? (int16_t)random_next() : 0;
	uint64_t wanted;

	if (mod == 0 && rm == 5) { /* RIP-relative; its displacement comes later */
		emit(t, (reg & 7) << 3 | 5, 1);
		emit(t, at, 4);
		return t->length - 4;
	}
	if (rm == 4) {
		base = below(8) + b;
		index = below(8) + x;
		scale = below(4);
	}
	if ((int)base == avoid)
		base = (base & 8) | ((base + 1) & 7);
	/* Only with SIB can the base be any; else ModRM.rm names it. */
	if (rm != 4) {
		rm = base & 7;
		if (rm == 4 || (rm == 5 && mod == 0)) {
			rm = 4;
			if (mod == 0)
				mod = 2;
		}
	}
	/* The index is another register; number 4 means none, but R12 is one. */
	if (rm == 4 && x && index == 4)
		index = 12;
	while (index != 4 && (index == base || (int)index == avoid))
		index = (index & 8) | ((index + 1) & 7);
	if ((base & 7) == 5 && mod == 0 && rm == 4) {
		/* No base: a displacement of 32 bits, and perhaps an index. */
		emit(t, (reg & 7) << 3 | 4, 1);
		emit(t, scale << 6 | (index & 7) << 3 | 5, 1);
		if (index != 4) {
			gpr[index] = below(256);
			t->pinned = 1u << index;
		}
		emit(t, at - (index != 4 ? gpr[index] << scale : 0), 4);
		return 0;
	}
	if (index != 4)
		gpr[index] = random_value();
	t->pinned = 1u << base | (index != 4 ? 1u << index : 0);
	wanted = at - (uint64_t)displacement - (index != 4 ? gpr[index] << scale : 0);
	gpr[base] = short_address ? (wanted & 0xffffffff) | random64() << 32 : wanted;
	emit(t, mod << 6 | (reg & 7) << 3 | rm, 1);
	if (rm == 4)
		emit(t, scale << 6 | (index & 7) << 3 | (base & 7), 1);
	emit(t, (uint64_t)displacement, mod == 1 ? 1 : mod == 2 ? 4 : 0);
	return 0;
}

/* The count of a shift, as the processor masks it. */
static unsigned int shift_count(const struct trial *t, unsigned int size)
{
	unsigned int count = t->form->immediate ? t->bytes[t->length - 1]
			     : (t->form->opcode & 0xfe) == 0xd0 && !t->form->map ? 1
			     : (unsigned int)t->state.gpr[1] & 0xff;

	return count & (size == 8 ? 63 : 31);
}

static uint32_t undefined_flags(const struct trial *t, unsigned int size)
{
	const struct form *form = t->form;
	uint32_t open = form->undefined;

	if (form->flags & (SHIFTS | DOUBLES)) {
		unsigned int count = shift_count(t, size);

		if (count > 1)
			open |= OF;
		if (count && (form->digit >= 4 || form->flags & DOUBLES))
			open |= AF;
		if (count >= size * 8 && form->digit >= 4)
			open |= CF;
	}
	return open;
}

static void set_immediate(struct trial *t, unsigned int size)
{
	const struct form *form = t->form;

	if (form->immediate == 4)
		emit(t, random_value(), size > 4 ? 4 : size);
	else
		emit(t, below(3) ? random_value() : below(33), form->immediate);
}

/* Puts into registers and memory what makes a form go its interesting ways. */
static void suit(struct trial *t, unsigned int size, uint64_t at, bool in_memory, unsigned int rm)
{
	const struct form *form = t->form;
	uint64_t *gpr = t->state.gpr;
	bool free = !(t->pinned & 5); /* rAX and rDX may be set */

	if (form->flags & DIVIDES && free && below(8)) {
		gpr[2] = below(2) ? 0 : gpr[0] >> 63 ? ~0ull : 0;
		if (size == 1)
			gpr[0] = (gpr[0] & ~0xff00ull) | (below(2) ? 0 : 0x100);
	}
	if (form->flags & COMPARES && in_memory && free && below(2)) {
		memcpy(&gpr[0], t->data + (at - NATIVE_DATA), 8);
		memcpy(&gpr[2], t->data + (at - NATIVE_DATA) + (size == 8 ? 8 : 4), 8);
	}
	if (form->flags & JUMPS) {
		uint64_t target = (uint64_t)native_exit_taken;

		if (in_memory)
			memcpy(t->data + (at - NATIVE_DATA), &target, 8);
		else
			gpr[rm] = target;
	}
}

/* Makes a random instruction of `form`. False: this one came out unusable. */
static bool make_trial(struct trial *t, const struct form *form)
{
	uint32_t flags = form->flags;
	bool in_memory, word, short_address = below(8) == 0, vex, wide;
	uint8_t rex = below(3) ? 0x40 | below(16) : 0;
	unsigned int reg, rm, size, rip_relative = 0;
	uint64_t at = random_place(flags & ALIGNED);
	uint64_t protect[16];

	randomize(t);
	t->form = form;
	in_memory = flags & MEMORY || below(4);
	vex = flags & VEX && native_avx() && below(2);
	word = !(flags & (VECTOR | NO_66)) && below(3) == 0;
	if (vex) {
		if (form->map != 1)
			vex = false;
		else
			rex |= 0x40;
	}
	if (flags & NARROW)
		rex &= ~8;
	if (!strcmp(form->name, "cmpxchg16b"))
		rex |= 0x48;
	reg = form->digit >= 0 ? (unsigned int)form->digit : below(8) + (rex & 4 ? 8 : 0);
	if (form->digit >= 0)
		rex &= ~4;
	wide = rex & 8;
	if (flags & STACK)
		t->state.gpr[4] = NATIVE_DATA + 2048 + below(1024);
	size = flags & BYTE ? 1 : wide || (flags & STACK && !word) || flags & JUMPS ? 8
		: word ? 2 : 4;
	memcpy(protect, t->state.gpr, sizeof(protect));

	if (short_address)
		emit(t, 0x67, 1);
	if (word)
		emit(t, 0x66, 1);
	if (flags & LOCKABLE && in_memory && below(3) == 0)
		emit(t, 0xf0, 1);
	if (vex) {
		unsigned int pp = form->prefix == 0x66 ? 1 : form->prefix == 0xf3 ? 2
				  : form->prefix ? 3 : 0;
		unsigned int l = !(flags & VEX128) && below(2) ? 4 : 0;

		emit(t, 0xc4, 1);
		emit(t, (~rex & 7) << 5 | 1, 1);
		emit(t, (wide ? 0x80 : 0) | 0x78 | l | pp, 1);
	} else {
		if (form->prefix)
			emit(t, form->prefix, 1);
		if (rex)
			emit(t, rex, 1);
		if (form->map)
			emit(t, 0x0f, 1);
		if (form->map == 2)
			emit(t, 0x38, 1);
	}
	emit(t, form->opcode, 1);

	rm = below(8) + (rex & 1 ? 8 : 0);
	if (flags & BITS && in_memory)
		t->state.gpr[reg] = (uint64_t)(int64_t)((int)below(8000) - 4000);
	if (in_memory)
		rip_relative = emit_address(t, reg, rex, short_address, at,
					    flags & BITS ? (int)reg : -1);
	else
		emit(t, 0xc0 | (reg & 7) << 3 | (rm & 7), 1);
	suit(t, size, at, in_memory, rm);
	/* Neither may the stack be anywhere, nor the address have been spoilt. */
	if (flags & STACK && t->state.gpr[4] != protect[4] && (t->state.gpr[4] < NATIVE_DATA + 64 ||
	    t->state.gpr[4] > NATIVE_DATA + NATIVE_DATA_SIZE - 64))
		return false;
	set_immediate(t, size);
	if (rip_relative) {
		int32_t displacement = (int32_t)(at - (t->rip + t->length));

		memcpy(t->bytes + rip_relative, &displacement, 4);
	}
	t->undefined = undefined_flags(t, size);
	/* The result for words shifted by more than their size is undefined. */
	if (flags & DOUBLES && size == 2 && shift_count(t, size) > 16)
		return false;
	return t->length <= 15;
}

static void describe(const struct trial *t, const char *what)
{
	fprintf(stderr, "%s: %s:", t->form ? t->form->name : "raw", what);
	for (unsigned int i = 0; i < t->length; i++)
		fprintf(stderr, " %02x", t->bytes[i]);
	fprintf(stderr, "\n");
}

/* The machine in the state that the processor starts from. */
static void load_machine(struct machine *m, const struct trial *t, enum region_kind kind,
			 enum answer answer, uint8_t *data)
{
	uint64_t present = 7;

	machine_init(m);
	machine_set_long(m);
	machine_set_cpl(m, 3);
	m->answer = answer;
	memcpy(data, t->data, NATIVE_DATA_SIZE);
	machine_add(m, kind, NATIVE_DATA, data, NATIVE_DATA_SIZE);
	machine_add(m, REGION_RAM, NATIVE_CODE, (void *)NATIVE_CODE, NATIVE_CODE_SIZE);
	memcpy(m->ctx.gpr, t->state.gpr, sizeof(m->ctx.gpr));
	m->ctx.rflags = t->state.rflags;
	m->ctx.rip = t->rip;
	memcpy(m->xsave + 512, &present, 8);
	for (unsigned int i = 0; i < 16; i++) {
		memcpy(m->xsave + 160 + i * 16, t->state.vector[i], 16);
		memcpy(m->xsave + 576 + i * 16, t->state.vector[i] + 16, 16);
	}
}

static unsigned int signal_vector(int number)
{
	return number == SIGFPE ? 0 : number == SIGILL ? 6 : 13;
}

/* Compares what both have come to. */
static bool same(const struct machine *m, const struct trial *t, const struct native_state *native,
		 const uint8_t *data, uint64_t rip)
{
	bool equal = true;
	uint64_t differ = (m->ctx.rflags ^ native->rflags) & (STATUS | DF) & ~t->undefined;

	for (unsigned int i = 0; i < 16; i++) {
		if (m->ctx.gpr[i] == native->gpr[i])
			continue;
		fprintf(stderr, "  gpr %u: %#lx, the processor %#lx, before %#lx\n", i,
			m->ctx.gpr[i], native->gpr[i], t->state.gpr[i]);
		equal = false;
	}
	for (unsigned int i = 0; i < 16; i++) {
		if (!memcmp(m->xsave + 160 + i * 16, native->vector[i], 16) &&
		    !memcmp(m->xsave + 576 + i * 16, native->vector[i] + 16, 16))
			continue;
		fprintf(stderr, "  vector %u differs\n", i);
		equal = false;
	}
	if (differ) {
		fprintf(stderr, "  flags %#lx, the processor %#lx, before %#lx\n", m->ctx.rflags,
			native->rflags, t->state.rflags);
		equal = false;
	}
	for (unsigned int i = 0; memcmp(data, (void *)NATIVE_DATA, NATIVE_DATA_SIZE); i++) {
		if (data[i] == ((uint8_t *)NATIVE_DATA)[i])
			continue;
		fprintf(stderr, "  byte %#x: %02x, the processor %02x, before %02x\n", i, data[i],
			((uint8_t *)NATIVE_DATA)[i], t->data[i]);
		equal = false;
		break;
	}
	if (m->ctx.rip != rip) {
		fprintf(stderr, "  rip %#lx, expected %#lx\n", m->ctx.rip, rip);
		equal = false;
	}
	return equal;
}

static void run_trial(const struct trial *t)
{
	static const struct {
		enum region_kind kind;
		enum answer answer;
	} worlds[] = {
		{ REGION_RAM, ANSWER_AT_ONCE },
		{ REGION_DEVICE, ANSWER_AT_ONCE },
		{ REGION_DEVICE, ANSWER_IN_TURNS },
	};
	static struct machine m;
	static uint8_t data[NATIVE_DATA_SIZE];
	struct native_state native = t->state;
	uint64_t rip = t->rip + t->length;
	int number;

	native_place(t->rip, t->bytes, t->length, t->target);
	memcpy((void *)NATIVE_DATA, t->data, NATIVE_DATA_SIZE);
	number = native_execute(&native);
	if (native.taken)
		rip = t->target ? t->target : (uint64_t)native_exit_taken;
	for (unsigned int i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
		enum emulate_result result;

		load_machine(&m, t, worlds[i].kind, worlds[i].answer, data);
		result = machine_run(&m);
		if (number) {
			if (result == EMULATE_FAULT && m.ctx.fault.vector == signal_vector(number))
				continue;
			describe(t, "the processor faults, the emulator does not");
			fail_msg("signal %d, result %d, vector %u", number, result,
				 m.ctx.fault.vector);
		}
		if (result != EMULATE_DONE) {
			describe(t, "the emulator does not do it");
			fail_msg("result %d, vector %u", result, m.ctx.fault.vector);
		}
		if (!same(&m, t, &native, data, rip)) {
			describe(t, "differs");
			fail_msg("world %u", i);
		}
	}
}

/* How often each form is tried; EMULATE_TRIALS in the environment asks for more. */
static unsigned int trials(void)
{
	const char *wanted = getenv("EMULATE_TRIALS");

	return wanted ? (unsigned int)strtoul(wanted, NULL, 0) : 200;
}

static void test_modrm_forms(void **state)
{
	static struct trial t;

	(void)state;
	native_catch_signals();
	random_seed(0x6d756c6c696f6eull);
	for (unsigned int i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		unsigned int done = 0;

		if (!native_cpu_has(forms[i].feature))
			continue;
		for (unsigned int n = 0; n < trials(); n++) {
			if (!make_trial(&t, &forms[i]))
				continue;
			run_trial(&t);
			done++;
		}
		assert_true(done > trials() / 2);
	}
}

/* Instructions without ModRM: prefixes at random, then opcode and immediate. */
static void run_raw(uint8_t opcode, uint8_t map, unsigned int immediate, uint32_t flags,
		    uint32_t undefined)
{
	static struct trial t;
	struct form form = {
		.name = "raw", .opcode = opcode, .map = map, .flags = flags,
		.undefined = undefined,
	};
	uint8_t rex = below(2) ? 0x40 | below(16) : 0;
	bool word;

	randomize(&t);
	t.form = &form;
	t.undefined = undefined;
	word = !(flags & (NO_66 | JUMPS)) && below(3) == 0;
	if (flags & STACK)
		t.state.gpr[4] = NATIVE_DATA + 2048 + below(3000);
	if (opcode == 0xc9)
		t.state.gpr[5] = NATIVE_DATA + 2048 + below(3000);
	if (word)
		emit(&t, 0x66, 1);
	if (rex)
		emit(&t, rex, 1);
	if (map)
		emit(&t, 0x0f, 1);
	emit(&t, opcode, 1);
	if (flags & JUMPS && immediate) {
		/* A jump forwards by enough to leave room for the way out. */
		t.target = t.rip + t.length + immediate + 64;
		emit(&t, 64, immediate);
	} else if (immediate == 4) {
		emit(&t, random_value(), (opcode & 0xf8) == 0xb8 && rex & 8 ? 8
			: word && !(rex & 8) ? 2 : 4);
	} else if (opcode >= 0xa0 && opcode <= 0xa3) {
		emit(&t, random_place(false), 8);
	} else {
		emit(&t, random_value(), immediate);
	}
	if (opcode == 0xc3 || opcode == 0xc2) {
		uint64_t target = (uint64_t)native_exit_taken;

		memcpy(t.data + (t.state.gpr[4] - NATIVE_DATA), &target, 8);
	}
	run_trial(&t);
}

static void test_plain_forms(void **state)
{
	(void)state;
	native_catch_signals();
	random_seed(2);
	for (unsigned int n = 0; n < trials() / 8; n++) {
		for (unsigned int i = 0; i < 8; i++) {
			if (i != 4) /* PUSH rSP and POP rSP have their own lines below */
				run_raw(0x50 + i, 0, 0, STACK, 0);
			run_raw(0x58 + i, 0, 0, STACK, 0);
			run_raw(0xb0 + i, 0, 1, 0, 0);
			run_raw(0xb8 + i, 0, 4, 0, 0);
			run_raw(0x90 + i, 0, 0, 0, 0);
			run_raw(0xc8 + i, 1, 0, NO_66, 0);
			run_raw(i * 8 + 4, 0, 1, 0, i == 1 || i == 4 || i == 6 ? AF : 0);
			run_raw(i * 8 + 5, 0, 4, 0, i == 1 || i == 4 || i == 6 ? AF : 0);
		}
		run_raw(0x54, 0, 0, STACK, 0);
		run_raw(0x68, 0, 4, STACK, 0);
		run_raw(0x6a, 0, 1, STACK, 0);
		run_raw(0x98, 0, 0, 0, 0);
		run_raw(0x99, 0, 0, 0, 0);
		run_raw(0xa8, 0, 1, 0, AF);
		run_raw(0xa9, 0, 4, 0, AF);
		for (unsigned int i = 0xa0; i < 0xa4; i++)
			run_raw(i, 0, 0, 0, 0);
		run_raw(0xc2, 0, 2, STACK | NO_66, 0);
		run_raw(0xc3, 0, 0, STACK | NO_66, 0);
		run_raw(0xc9, 0, 0, STACK, 0);
		run_raw(0xf5, 0, 0, 0, 0);
		run_raw(0xf8, 0, 0, 0, 0);
		run_raw(0xf9, 0, 0, 0, 0);
		run_raw(0xfc, 0, 0, 0, 0);
		run_raw(0xfd, 0, 0, 0, 0);
	}
}

static void test_relative_jumps(void **state)
{
	(void)state;
	native_catch_signals();
	random_seed(3);
	for (unsigned int n = 0; n < trials() / 8; n++) {
		for (unsigned int i = 0; i < 16; i++) {
			run_raw(0x70 + i, 0, 1, JUMPS, 0);
			run_raw(0x80 + i, 1, 4, JUMPS, 0);
		}
		for (unsigned int i = 0xe0; i < 0xe4; i++)
			run_raw(i, 0, 1, JUMPS, 0);
		run_raw(0xe8, 0, 4, JUMPS | STACK, 0);
		run_raw(0xe9, 0, 4, JUMPS, 0);
		run_raw(0xeb, 0, 1, JUMPS, 0);
	}
}

/* MOVS, CMPS, STOS, LODS and SCAS with every prefix that matters. */
static void run_string(uint8_t opcode)
{
	static struct trial t;
	static const struct form form = { .name = "string" };
	uint8_t rex = below(2) ? 0x40 | below(16) : 0;
	bool short_address = below(4) == 0;
	uint64_t high = short_address ? random64() << 32 : 0;
	unsigned int repeat = below(3);

	randomize(&t);
	t.form = &form;
	/* Runs of the same byte, for comparisons to go on. */
	if (below(2))
		memset(t.data + 1000, 0x55, 6000);
	if (below(2))
		memset(&t.state.gpr[0], 0x55, 8);
	if (below(2))
		t.state.rflags |= DF;
	t.state.gpr[6] = (NATIVE_DATA + 4096 + below(1024)) | high;
	t.state.gpr[7] = (NATIVE_DATA + 4096 + below(1024)) | high;
	t.state.gpr[1] = below(8) ? below(40) : below(300);
	/* A count of zero in 32 bits: whether the upper half goes differs by maker. */
	if (short_address && t.state.gpr[1])
		t.state.gpr[1] |= high;
	if (short_address && !(t.state.gpr[1] & 0xffffffff)) {
		t.state.gpr[6] &= 0xffffffff;
		t.state.gpr[7] &= 0xffffffff;
	}
	if (short_address)
		emit(&t, 0x67, 1);
	if (below(3) == 0)
		emit(&t, 0x66, 1);
	if (repeat)
		emit(&t, repeat == 1 ? 0xf3 : 0xf2, 1);
	if (rex)
		emit(&t, rex, 1);
	emit(&t, opcode, 1);
	run_trial(&t);
}

static void test_strings(void **state)
{
	static const uint8_t opcodes[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae,
					   0xaf };

	(void)state;
	native_catch_signals();
	random_seed(4);
	for (unsigned int n = 0; n < trials() / 4; n++)
		for (unsigned int i = 0; i < sizeof(opcodes); i++)
			run_string(opcodes[i]);
}

static int set_up(void **state)
{
	(void)state;
	native_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modrm_forms),
		cmocka_unit_test(test_plain_forms),
		cmocka_unit_test(test_relative_jumps),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
