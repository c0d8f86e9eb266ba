// SPDX-License-Identifier: GPL-2.0-only
/* Instruction lengths, of everything that the opcode maps hold. */
#include "support.h"
#include "test_emulate_machine.h"

#include <stdio.h>
#include <string.h>

#define CODE 0x1000

static struct machine m;
static uint8_t ram[0x2000];

/* The bytes of one instruction, and its length in 16-, 32- and 64-bit code; 0 where
 * it does not exist. */
struct sample {
	const char *bytes;
	uint8_t length[3];
};

static const struct sample samples[] = {
	{ "\x00\x00", { 2, 2, 2 } },                    /* add [bx+si], al */
	{ "\x05\1\2\3\4", { 3, 5, 5 } },                /* add eax, imm */
	{ "\x06", { 1, 1, 0 } },                        /* push es */
	{ "\x27", { 1, 1, 0 } },                        /* daa */
	{ "\x40\x90", { 1, 1, 2 } },                    /* inc eax, or REX */
	{ "\x48\xb8\1\2\3\4\5\6\7\x08", { 1, 1, 10 } }, /* mov rax, imm64 */
	{ "\x62\x00", { 2, 2, 0 } },                    /* bound */
	{ "\x63\x00", { 2, 2, 2 } },                    /* arpl, movsxd */
	{ "\x68\1\2\3\4", { 3, 5, 5 } },                /* push imm */
	{ "\x66\x68\1\2\3\4", { 6, 4, 4 } },
	{ "\x69\x06\1\2\3\4\5\6", { 6, 6, 6 } }, /* imul r, [disp16] or [rsi] */
	{ "\x70\1", { 2, 2, 2 } },
	{ "\x80\x3e\1\2\3", { 5, 3, 3 } },               /* cmp byte [disp16] or [rsi] */
	{ "\x81\x05\1\2\3\4\5\6\7\x08", { 4, 10, 10 } }, /* [di], [disp32], [rip+disp32] */
	{ "\x8b\x44\x24\x08", { 3, 4, 4 } },             /* mov r, [esp+8] */
	{ "\x8b\x04\x25\1\2\3\4", { 2, 7, 7 } },         /* mov r, [disp32] by SIB */
	{ "\x67\x8b\x84\x24\1\2\3\4", { 8, 5, 8 } },     /* 67 swaps 16 and 32 */
	{ "\x8f\x00", { 2, 2, 2 } },
	{ "\x9a\1\2\3\4\5\6", { 5, 7, 0 } },       /* call far */
	{ "\xa1\1\2\3\4\5\6\7\x08", { 3, 5, 9 } }, /* mov eax, moffs */
	{ "\x67\xa1\1\2\3\4\5\6\7\x08", { 6, 4, 6 } },
	{ "\xb8\1\2\3\4", { 3, 5, 5 } },
	{ "\xc0\x20\1", { 3, 3, 3 } },
	{ "\xc2\1\2", { 3, 3, 3 } },
	{ "\xc4\x00", { 2, 2, 0 } },                         /* les */
	{ "\xc5\xf8\x77", { 0, 3, 3 } },                     /* vzeroupper */
	{ "\xc5\xfe\x6f\x40\x20", { 0, 5, 5 } },             /* vmovdqu */
	{ "\xc4\xe3\x7d\x18\x40\x10\1", { 0, 7, 7 } },       /* vinsertf128 */
	{ "\xc4\xe2\x7d\x58\x40\x10", { 0, 6, 6 } },         /* vpbroadcastd */
	{ "\x62\xf1\x7c\x48\x10\x40\x02", { 0, 7, 7 } },     /* EVEX vmovups zmm, disp8 */
	{ "\x62\xf3\x7d\x48\x25\x40\x02\xff", { 0, 8, 8 } }, /* EVEX vpternlogd */
	{ "\xc6\x00\1", { 3, 3, 3 } },
	{ "\xc7\xf8\1\2\3\4", { 4, 6, 6 } }, /* xbegin */
	{ "\xc8\1\2\3", { 4, 4, 4 } },       /* enter */
	{ "\xcd\1", { 2, 2, 2 } },
	{ "\xd4\1", { 2, 2, 0 } },           /* aam */
	{ "\xd9\x6c\x24\x02", { 3, 4, 4 } }, /* fldcw */
	{ "\xe3\1", { 2, 2, 2 } },
	{ "\xe8\1\2\3\4", { 3, 5, 5 } },
	{ "\xea\1\2\3\4\5\6", { 5, 7, 0 } },
	{ "\xf3\xa4", { 2, 2, 2 } },
	{ "\xf4", { 1, 1, 1 } },
	{ "\xf6\x00\1", { 3, 3, 3 } }, /* test byte, imm */
	{ "\xf6\x10", { 2, 2, 2 } },   /* not byte */
	{ "\xf7\x00\1\2\3\4", { 4, 6, 6 } },
	{ "\xf7\x18", { 2, 2, 2 } },
	{ "\x0f\x01\xd9", { 3, 3, 3 } }, /* vmmcall */
	{ "\x0f\x05", { 2, 2, 2 } },
	{ "\x0f\x0b", { 2, 2, 2 } },
	{ "\x0f\x0f\xc0\xb4", { 4, 4, 4 } }, /* pfmul */
	{ "\x0f\x20\x00", { 3, 3, 3 } },     /* mov eax, cr0 whatever mod says */
	{ "\x0f\x22\x04", { 3, 3, 3 } },
	{ "\x0f\x30", { 2, 2, 2 } },
	{ "\x0f\x38\x00\xc0", { 4, 4, 4 } },
	{ "\x66\x0f\x3a\x0f\xc0\1", { 6, 6, 6 } },
	{ "\x0f\x70\xc0\1", { 4, 4, 4 } },
	{ "\x0f\x84\1\2\3\4", { 4, 6, 6 } },
	{ "\x0f\xa2", { 2, 2, 2 } },
	{ "\x0f\xa4\xc0\1", { 4, 4, 4 } },
	{ "\x0f\xae\xf0", { 3, 3, 3 } }, /* mfence */
	{ "\x0f\xba\xe0\1", { 4, 4, 4 } },
	{ "\x0f\xc2\xc0\1", { 4, 4, 4 } },
	{ "\x0f\xc7\x08", { 3, 3, 3 } },
	{ "\x0f\xc8", { 2, 2, 2 } },
	{ "\xf2\x0f\x38\xf1\xc0", { 5, 5, 5 } }, /* crc32 */
};

static void set_mode(unsigned int mode)
{
	machine_init(&m);
	machine_add(&m, REGION_RAM, 0, ram, sizeof(ram));
	if (mode == 2)
		machine_set_long(&m);
	else
		machine_set_protected(&m, mode == 1);
	m.ctx.rip = CODE;
}

static void test_samples(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		for (unsigned int mode = 0; mode < 3; mode++) {
			uint8_t wanted = samples[i].length[mode];
			enum emulate_result result;

			/* Zero bytes end a string; behind it there are more of them. */
			memset(ram + CODE, 0, 32);
			strcpy((char *)ram + CODE, samples[i].bytes);
			set_mode(mode);
			/* VEX in 16-bit code is protected mode's alone; this is real mode. */
			if (mode == 0)
				m.ctx.cr0 &= ~1ull;
			result = emulate_length(&m.ctx);
			if ((wanted && result != EMULATE_DONE) || m.ctx.insn_length != wanted)
				fprintf(stderr, "sample %u, mode %u: length %u, result %u\n", i,
					mode, m.ctx.insn_length, result);
			assert_int_equal(result == EMULATE_DONE, wanted != 0);
			assert_int_equal(m.ctx.insn_length, wanted);
			assert_int_equal(m.ctx.rip, CODE);
		}
	}
}

/* Any bytes at all: a length of at most 15, or a reason, and never bytes beyond. */
static void test_any_bytes(void **state)
{
	(void)state;
	random_seed(5);
	for (unsigned int n = 0; n < 200000; n++) {
		enum emulate_result result;

		set_mode(n % 3);
		for (unsigned int i = 0; i < 16; i += 4) {
			uint32_t word = random_next();

			memcpy(ram + 0x2000 - 16 + i, &word, 4);
		}
		m.ctx.rip = 0x2000 - 16;
		result = emulate_length(&m.ctx);
		assert_true(result != EMULATE_AGAIN && result != EMULATE_PENDING);
		if (result == EMULATE_DONE)
			assert_in_range(m.ctx.insn_length, 1, 15);
		if (result == EMULATE_FAULT)
			assert_true(m.ctx.fault.vector == 6 || m.ctx.fault.vector == 13);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
