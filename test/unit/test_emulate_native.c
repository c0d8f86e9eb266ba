// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator against the processor: random instructions of every form, with
 * random registers, flags and memory, run on both, in 64-, 32- and 16-bit code,
 * must leave the same behind. Each runs three times in the emulator: on RAM, on
 * a device that answers at once, and on one that answers by turns from user
 * space.
 */
#include "support.h"
#include "test_emulate_trial.h"

#include <stdlib.h>
#include <string.h>

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
	{ "movsxd", 0, 0, 0x63, -1, 0, NO_66 | ONLY64, 0, 0 },
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
	{ "cmpxchg16b", 0, 1, 0xc7, 1, 0, MEMORY | LOCKABLE | COMPARES | ALIGNED | ONLY64, 0,
	  NATIVE_CX16 },
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

/* How often each form is tried; EMULATE_TRIALS in the environment asks for more. */
static unsigned int trials(void)
{
	const char *wanted = getenv("EMULATE_TRIALS");

	return wanted ? (unsigned int)strtoul(wanted, NULL, 0) : 60;
}

/* What the tests are run for: the width of the code. */
static enum native_width begin(void **state, uint64_t seed)
{
	enum native_width width = (enum native_width)(uintptr_t)*state;

	if (!native_has_mode(width))
		skip();
	native_catch_signals();
	random_seed(seed);
	return width;
}

static void test_modrm_forms(void **state)
{
	enum native_width width = begin(state, 1);
	static struct trial t;

	for (unsigned int i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		unsigned int done = 0;

		if (!native_cpu_has(forms[i].feature) ||
		    (forms[i].flags & ONLY64 && width != NATIVE_64))
			continue;
		for (unsigned int n = 0; n < trials(); n++) {
			if (!trial_make(&t, width, &forms[i]))
				continue;
			trial_run(&t);
			done++;
		}
		assert_true(done > trials() / 2);
	}
}

/* An instruction without ModRM: prefixes at random, then opcode and immediate. */
static void run_plain(enum native_width width, uint8_t opcode, uint8_t map, unsigned int immediate,
		      uint32_t flags, uint32_t undefined)
{
	static struct trial t;
	uint8_t rex = width == NATIVE_64 && below(2) ? 0x40 | below(16) : 0;
	bool word = !(flags & (NO_66 | JUMPS)) && below(3) == 0;
	bool wide = width != NATIVE_16;

	trial_start(&t, width, "plain");
	t.undefined = undefined;
	if (opcode == 0xc9)
		t.state.gpr[5] = t.data + 2048 + below(3000);
	if (word)
		trial_emit(&t, 0x66, 1);
	if (rex)
		trial_emit(&t, rex, 1);
	if (map)
		trial_emit(&t, 0x0f, 1);
	trial_emit(&t, opcode, 1);
	if (flags & JUMPS && immediate) {
		/* Forwards by enough to leave room for the way out. */
		if (immediate == 4 && !wide)
			immediate = 2;
		t.target = t.rip + t.length + immediate + 64;
		trial_emit(&t, 64, immediate);
	} else if (immediate == 4) {
		trial_emit(&t, random_value(), (opcode & 0xf8) == 0xb8 && rex & 8 ? 8
			: (wide != word) || rex & 8 ? 4 : 2);
	} else if (opcode >= 0xa0 && opcode <= 0xa3 && !map) {
		trial_emit(&t, trial_place(&t, false), width == NATIVE_64 ? 8 : wide ? 4 : 2);
	} else {
		trial_emit(&t, random_value(), immediate);
	}
	/* What a segment push does to the bytes above the selector is the maker's choice. */
	if (flags & STACK && (opcode & 0xe7) == 0x06)
		memset(trial_memory(&t, t.state.gpr[4]) - 4, 0, 4);
	if (opcode == 0xc3 || opcode == 0xc2) {
		uint64_t target = native_taken_address(width);

		memcpy(trial_memory(&t, t.state.gpr[4]), &target, 8);
	}
	trial_run(&t);
}

static void test_plain_forms(void **state)
{
	enum native_width width = begin(state, 2);

	for (unsigned int n = 0; n < trials(); n++) {
		for (unsigned int i = 0; i < 8; i++) {
			uint32_t open = i == 1 || i == 4 || i == 6 ? AF : 0;

			run_plain(width, i * 8 + 4, 0, 1, 0, open);
			run_plain(width, i * 8 + 5, 0, 4, 0, open);
			run_plain(width, 0x50 + i, 0, 0, STACK, 0);
			run_plain(width, 0x58 + i, 0, 0, STACK, 0);
			run_plain(width, 0x90 + i, 0, 0, 0, 0);
			run_plain(width, 0xb0 + i, 0, 1, 0, 0);
			run_plain(width, 0xb8 + i, 0, 4, 0, 0);
			/* BSWAP of a word is undefined. */
			if (width != NATIVE_16)
				run_plain(width, 0xc8 + i, 1, 0, NO_66, 0);
			if (width == NATIVE_64)
				continue;
			run_plain(width, 0x40 + i, 0, 0, 0, 0);
			run_plain(width, 0x48 + i, 0, 0, 0, 0);
			if (i < 4) /* PUSH of ES, CS, SS, DS */
				run_plain(width, 0x06 + i * 8, 0, 0, STACK, 0);
		}
		run_plain(width, 0x68, 0, 4, STACK, 0);
		run_plain(width, 0x6a, 0, 1, STACK, 0);
		run_plain(width, 0x98, 0, 0, 0, 0);
		run_plain(width, 0x99, 0, 0, 0, 0);
		run_plain(width, 0xa8, 0, 1, 0, AF);
		run_plain(width, 0xa9, 0, 4, 0, AF);
		for (unsigned int i = 0xa0; i < 0xa4; i++)
			run_plain(width, i, 0, 0, 0, 0);
		run_plain(width, 0xc2, 0, 2, STACK | NO_66, 0);
		run_plain(width, 0xc3, 0, 0, STACK | NO_66, 0);
		run_plain(width, 0xc9, 0, 0, STACK, 0);
		run_plain(width, 0xf5, 0, 0, 0, 0);
		run_plain(width, 0xf8, 0, 0, 0, 0);
		run_plain(width, 0xf9, 0, 0, 0, 0);
		run_plain(width, 0xfc, 0, 0, 0, 0);
		run_plain(width, 0xfd, 0, 0, 0, 0);
	}
}

static void test_relative_jumps(void **state)
{
	enum native_width width = begin(state, 3);

	for (unsigned int n = 0; n < trials(); n++) {
		for (unsigned int i = 0; i < 16; i++) {
			run_plain(width, 0x70 + i, 0, 1, JUMPS, 0);
			run_plain(width, 0x80 + i, 1, 4, JUMPS, 0);
		}
		for (unsigned int i = 0xe0; i < 0xe4; i++)
			run_plain(width, i, 0, 1, JUMPS, 0);
		run_plain(width, 0xe8, 0, 4, JUMPS | STACK, 0);
		run_plain(width, 0xe9, 0, 4, JUMPS, 0);
		run_plain(width, 0xeb, 0, 1, JUMPS, 0);
	}
}

/* MOVS, CMPS, STOS, LODS, SCAS and XLAT with every prefix that matters. */
static void run_string(enum native_width width, uint8_t opcode)
{
	static struct trial t;
	uint8_t rex = width == NATIVE_64 && below(2) ? 0x40 | below(16) : 0;
	bool other_address = width != NATIVE_32 && below(4) == 0;
	unsigned int repeat = below(3);
	uint64_t *gpr = t.state.gpr;
	uint64_t above = 0; /* bits of pointers and count that do not count */

	trial_start(&t, width, "string");
	if (width == NATIVE_64 && other_address)
		above = random64() << 32;
	if (width == NATIVE_16 && !other_address)
		above = random_next() & 0xffff0000;
	/* Runs of the same byte, for comparisons to go on. */
	if (below(2))
		memset(t.memory + 1000, 0x55, 6000);
	if (below(2))
		memset(&gpr[0], 0x55, width == NATIVE_64 ? 8 : 4);
	if (below(2))
		t.state.rflags |= DF;
	gpr[6] = (t.data + 4096 + below(1024)) | above;
	gpr[7] = (t.data + 4096 + below(1024)) | above;
	gpr[3] = (t.data + 4096) | above;
	gpr[1] = below(8) ? below(40) : below(300);
	/* With a count of zero makers differ about the upper halves. */
	if (gpr[1])
		gpr[1] |= above;
	else
		for (unsigned int i = 1; i < 8; i++)
			gpr[i] &= width == NATIVE_64 && other_address ? 0xffffffff : ~0ull;
	if (other_address)
		trial_emit(&t, 0x67, 1);
	if (below(3) == 0)
		trial_emit(&t, 0x66, 1);
	if (repeat)
		trial_emit(&t, repeat == 1 ? 0xf3 : 0xf2, 1);
	if (rex)
		trial_emit(&t, rex, 1);
	trial_emit(&t, opcode, 1);
	trial_run(&t);
}

static void test_strings(void **state)
{
	static const uint8_t opcodes[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab,
					   0xac, 0xad, 0xae, 0xaf, 0xd7 };
	enum native_width width = begin(state, 4);

	for (unsigned int n = 0; n < trials(); n++)
		for (unsigned int i = 0; i < sizeof(opcodes); i++)
			run_string(width, opcodes[i]);
}

static int set_up(void **state)
{
	(void)state;
	native_init();
	return 0;
}

#define TEST(function, bits)                                                             \
	{ #function "_" #bits, function, NULL, NULL, (void *)(uintptr_t)NATIVE_##bits }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_modrm_forms, 64),    TEST(test_plain_forms, 64),
		TEST(test_relative_jumps, 64), TEST(test_strings, 64),
		TEST(test_modrm_forms, 32),    TEST(test_plain_forms, 32),
		TEST(test_relative_jumps, 32), TEST(test_strings, 32),
		TEST(test_modrm_forms, 16),    TEST(test_plain_forms, 16),
		TEST(test_relative_jumps, 16), TEST(test_strings, 16),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
