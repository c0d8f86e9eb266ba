// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payload `leak`: fills every register that the machine switches between it and others
 * with values of its own, exits in various ways, and looks whether they are still its own.
 * A probe outside does the same with other values; whose values are found here says where
 * they came from. Argument: turns=N.
 *
 * Values begin with 0x67 ('g', for guest), for the probe with 0x70 ('p').
 */
#include "payload.h"

#define VECTOR 0x60
#define TIMER_TICKS 20000u

void main(void);

static uint64_t turns;

static uint64_t value_of(uint32_t turn, uint32_t reg)
{
	return 0x6700000000000000 | (uint64_t)turn << 16 | reg << 8 | 0x67;
}

/* ---- Exits ---- */

/* With all registers as they are; what an exit answers in them is put back. */
static void leave(uint32_t turn)
{
	switch (turn % 5) {
	case 0:
		outb(0x80, 0);
		break;
	case 1:
		cpuid(0, 0);
		break;
	case 2:
		apic_read(APIC_VERSION);
		break;
	case 3:
		wrmsr(0x277, rdmsr(0x277));
		break;
	case 4: /* out of this processor's sight for a while */
		apic_timer(VECTOR, TIMER_TICKS);
		__asm__ volatile("sti; hlt; cli");
		break;
	}
}

/* ---- General registers ---- */

/*
 * Loads all of `set` but RSP, executes an instruction that exits and changes RAX alone, and
 * stores all in `got`.
 */
static void general_turn(const uint64_t set[15], uint64_t got[15], bool halt)
{
	static uint64_t stack;

	__asm__ volatile(
		"push %%rbp; push %%rbx; push %%r12; push %%r13; push %%r14; push %%r15\n"
		"push %1; mov %%rsp, %3\n"
		"mov %0, %%rsp; test %2, %2\n"
		"pop %%rax; pop %%rbx; pop %%rcx; pop %%rdx; pop %%rsi; pop %%rdi; pop %%rbp\n"
		"pop %%r8; pop %%r9; pop %%r10; pop %%r11; pop %%r12; pop %%r13; pop %%r14\n"
		"pop %%r15\n"
		"mov %3, %%rsp\n"
		"jnz 1f; out %%al, $0x80; jmp 2f\n"
		"1: sti; hlt; cli\n"
		"2: push %%r15; mov 8(%%rsp), %%r15\n"
		"mov %%rax, (%%r15); mov %%rbx, 8(%%r15); mov %%rcx, 16(%%r15)\n"
		"mov %%rdx, 24(%%r15); mov %%rsi, 32(%%r15); mov %%rdi, 40(%%r15)\n"
		"mov %%rbp, 48(%%r15); mov %%r8, 56(%%r15); mov %%r9, 64(%%r15)\n"
		"mov %%r10, 72(%%r15); mov %%r11, 80(%%r15); mov %%r12, 88(%%r15)\n"
		"mov %%r13, 96(%%r15); mov %%r14, 104(%%r15); pop %%rax\n"
		"mov %%rax, 112(%%r15); add $8, %%rsp\n"
		"pop %%r15; pop %%r14; pop %%r13; pop %%r12; pop %%rbx; pop %%rbp"
		:
		: "r"(set), "r"(got), "r"((uint64_t)halt), "m"(stack)
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void test_general(void)
{
	uint64_t set[15], got[15];

	interrupt_count(VECTOR);
	for (uint32_t turn = 0; turn < turns; turn++) {
		bool halt = turn % 8 == 0;

		for (uint32_t i = 0; i < 15; i++)
			set[i] = value_of(turn, i);
		if (halt)
			apic_timer(VECTOR, TIMER_TICKS);
		general_turn(set, got, halt);
		for (uint32_t i = 0; i < 15; i++)
			CHECK_EQ(got[i], set[i]);
	}
	trap_hook = NULL;
}

/* ---- x87, SSE, AVX ---- */

/* An XSAVE image of all that XCR0 enables. */
static uint8_t image_set[4096] __attribute__((aligned(64)));
static uint8_t image_got[4096] __attribute__((aligned(64)));

/* Where values of our choice may stand in the image: x87 registers, XMM, upper YMM. */
static const struct {
	uint32_t offset, size, stride, count;
} places[] = { { 32, 8, 16, 8 }, { 160, 16, 16, 16 }, { 576, 16, 16, 16 } };

static void test_extended(void)
{
	uint32_t xcr0 = cpuid(0xd, 0).eax & 7;
	uint32_t parts = xcr0 & 4 ? 3 : 2;

	if (!(cpuid(1, 0).ecx & 1u << 26)) {
		skip("no XSAVE");
		return;
	}
	interrupt_count(VECTOR);
	write_cr4(read_cr4() | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" ::"c"(0), "a"(xcr0), "d"(0));
	for (uint32_t turn = 0; turn < turns; turn++) {
		memset(image_set, 0, sizeof(image_set));
		memset(image_got, 0, sizeof(image_got));
		*(uint16_t *)image_set = 0x37f;
		image_set[4] = 0xff; /* all x87 registers in use */
		*(uint32_t *)(image_set + 24) = 0x1f80 | (turn & 0x3f);
		*(uint64_t *)(image_set + 512) = xcr0;
		for (uint32_t p = 0; p < parts; p++) {
			for (uint32_t i = 0; i < places[p].count; i++) {
				uint64_t *at = (uint64_t *)(image_set + places[p].offset +
							    i * places[p].stride);

				at[0] = value_of(turn, 0x20 + 0x20 * p + i);
				if (places[p].size == 16)
					at[1] = ~at[0] ^ 0x8989000000000000;
				else /* a number, so that the register is in use */
					image_set[places[p].offset + i * places[p].stride + 9] =
						0x40;
			}
		}
		__asm__ volatile("xrstor (%0)" ::"r"(image_set), "a"(~0u), "d"(~0u) : "memory");
		leave(turn);
		__asm__ volatile("xsave (%0)" ::"r"(image_got), "a"(~0u), "d"(~0u) : "memory");
		for (uint32_t p = 0; p < parts; p++) {
			for (uint32_t i = 0; i < places[p].count; i++) {
				uint32_t offset = places[p].offset + i * places[p].stride;

				CHECK_EQ(*(uint64_t *)(image_got + offset),
					 *(uint64_t *)(image_set + offset));
				if (places[p].size == 16)
					CHECK_EQ(*(uint64_t *)(image_got + offset + 8),
						 *(uint64_t *)(image_set + offset + 8));
			}
		}
		CHECK_EQ(*(uint16_t *)image_got, 0x37f);
		CHECK_EQ(*(uint32_t *)(image_got + 24), *(uint32_t *)(image_set + 24));
		CHECK_EQ(cpuid(1, 0).ecx >> 27 & 1, 1);
	}
	trap_hook = NULL;
}

/* ---- Debug and control registers ---- */

static void test_debug(void)
{
	interrupt_count(VECTOR);
	for (uint32_t turn = 0; turn < turns; turn++) {
		uint64_t at = value_of(turn, 0x80) & 0x00007fffffffffff;
		/* Half of the turns with breakpoints armed, where nothing ever is. */
		uint64_t dr7 = turn & 1 ? 0x400 : 0x400 | 0x55 | 0x11110000;

		write_dr0(at);
		write_dr1(at + 8);
		write_dr2(at + 16);
		write_dr3(at + 24);
		write_dr6(0xffff0ff0 | (turn & 15));
		write_dr7(dr7);
		write_cr2(value_of(turn, 0x90));
		leave(turn);
		CHECK_EQ(read_dr0(), at);
		CHECK_EQ(read_dr1(), at + 8);
		CHECK_EQ(read_dr2(), at + 16);
		CHECK_EQ(read_dr3(), at + 24);
		CHECK_EQ(read_dr6() & 0xf, turn & 15);
		CHECK_EQ(read_dr7(), dr7);
		CHECK_EQ(read_cr2(), value_of(turn, 0x90));
	}
	write_dr7(0x400);
	write_dr6(0xffff0ff0);
	trap_hook = NULL;
}

/* ---- MSRs and segments ---- */

static void test_msrs(void)
{
	/* Memory types in any order that keeps 0, ours, write-back. */
	static const uint64_t pats[] = { 0x0007040600070406, 0x0406000700070406,
					 0x0501040600070406 };
	uint32_t count = direct_msr_count();

	interrupt_count(VECTOR);
	for (uint32_t turn = 0; turn < turns; turn++) {
		for (uint32_t i = 0; i < count; i++)
			wrmsr(direct_msrs[i].index,
			      value_of(turn, 0xa0 + i) * 0x10001 & direct_msrs[i].bits);
		wrmsr(0x277, pats[turn % 3]);
		leave(turn);
		for (uint32_t i = 0; i < count; i++)
			CHECK_EQ(rdmsr(direct_msrs[i].index),
				 value_of(turn, 0xa0 + i) * 0x10001 & direct_msrs[i].bits);
		CHECK_EQ(rdmsr(0x277), pats[turn % 3]);
	}
	trap_hook = NULL;
}

static void test_segments(void)
{
	uint16_t ds, es, fs, gs, tr;

	interrupt_count(VECTOR);
	for (uint32_t turn = 0; turn < turns / 4; turn++) {
		uint16_t want = turn & 1 ? SEL_DATA : 0;

		__asm__ volatile("mov %0, %%fs; mov %0, %%gs; mov %0, %%es" ::"r"((uint32_t)want));
		leave(turn);
		__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3; str %4"
				 : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs), "=r"(tr));
		CHECK_EQ(ds, SEL_DATA);
		CHECK_EQ(es, want);
		CHECK_EQ(fs, want);
		CHECK_EQ(gs, want);
		CHECK_EQ(tr, SEL_TSS);
	}
	__asm__ volatile("mov %0, %%es" ::"r"(SEL_DATA));
	trap_hook = NULL;
}

static const struct test tests[] = {
	{ "general registers", test_general },     { "x87, SSE and AVX registers", test_extended },
	{ "debug registers and CR2", test_debug }, { "MSRs", test_msrs },
	{ "segment registers", test_segments },
};

void main(void)
{
	apic_enable();
	turns = argument("turns", 1000);
	tests_run(tests, ARRAY_SIZE(tests));
}
