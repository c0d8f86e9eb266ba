// SPDX-License-Identifier: GPL-2.0-only
/* Debug registers, breakpoints, single step. */
#include "cpu.h"

#define DR6_B0 (1u << 0)
#define DR6_B1 (1u << 1)
#define DR6_BD (1u << 13)
#define DR6_BS (1u << 14)
#define DR7_L0 (1u << 0)
#define DR7_G1 (1u << 3)
#define DR7_GD (1u << 13)
#define DR7_WRITE_0 (1u << 16)
#define DR7_WRITE_1 (1u << 20)
#define DR7_4_0 (3u << 18)
#define DR7_RESET 0x400u

void test_debug_registers(void)
{
	uint64_t cr4 = read_cr4(), value;

	for (unsigned int i = 0; i < 3; i++) {
		write_dr0(0x1000 + i);
		write_dr1(0x2000 + i);
		write_dr2(0x7fffffff0000 + i);
		write_dr3(0x4000 + i);
		cpuid(0, 0);
		outb(0x80, 0);
		CHECK_EQ(read_dr0(), 0x1000 + i);
		CHECK_EQ(read_dr1(), 0x2000 + i);
		CHECK_EQ(read_dr2(), 0x7fffffff0000 + i);
		CHECK_EQ(read_dr3(), 0x4000 + i);
	}
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	write_dr6(0);
	CHECK_EQ(read_dr6() & 0xe00f, 0);
	CHECK_EQ(read_dr6() & 0xff0, 0xff0); /* ones that cannot be cleared */
	write_dr7(DR7_RESET);
	CHECK_EQ(read_dr7(), DR7_RESET);

	/* DR4 and DR5 are DR6 and DR7, or with CR4.DE nothing. */
	TRY(".byte 0x0f, 0x21, 0xe8", : "=a"(value)); /* MOV RAX, DR5 */
	CHECK_NO_TRAP();
	CHECK_EQ(value, DR7_RESET);
	write_cr4(cr4 | CR4_DE);
	TRY(".byte 0x0f, 0x21, 0xe8", ::: "rax");
	CHECK_TRAP(VEC_UD, 0);
	write_cr4(cr4);

	if (emulated()) /* has no general detect */
		return;
	/* General detect: the next access traps, and the handler may touch them. */
	write_dr7(DR7_RESET | DR7_GD);
	TRY("mov %%dr0, %%rax", ::: "rax");
	CHECK_TRAP(VEC_DB, 0);
	CHECK(trap.dr6 & DR6_BD);
	CHECK_EQ(read_dr7() & DR7_GD, 0);
	write_dr6(0);
	write_dr7(DR7_RESET);
}

static volatile uint32_t watched;

void test_breakpoints(void)
{
	uint64_t at;

	/* An instruction: a fault on it. */
	write_dr6(0);
	__asm__ volatile("mov $bp_here, %0" : "=r"(at));
	write_dr0(at);
	write_dr7(DR7_RESET | DR7_L0);
	TRY("nop; bp_here: nop; nop");
	write_dr7(DR7_RESET);
	CHECK_TRAP(VEC_DB, 0);
	CHECK_EQ(trap.rip, at);
	CHECK_EQ(trap.dr6 & 0xe00f, DR6_B0);

	/* The same on an instruction that exits. */
	write_dr6(0);
	__asm__ volatile("mov $bp_cpuid, %0" : "=r"(at));
	write_dr0(at);
	write_dr7(DR7_RESET | DR7_L0);
	TRY("xor %%eax, %%eax; bp_cpuid: cpuid", ::: "rax", "rbx", "rcx", "rdx");
	write_dr7(DR7_RESET);
	CHECK_TRAP(VEC_DB, 0);
	CHECK_EQ(trap.rip, at);

	/* A write: a trap behind it. */
	write_dr6(0);
	write_dr1((uint64_t)&watched);
	write_dr7(DR7_RESET | DR7_G1 | DR7_WRITE_1 | DR7_4_0 << 4);
	TRY("movl $7, %0; bp_behind: nop; nop", : "=m"(watched));
	write_dr7(DR7_RESET);
	__asm__ volatile("mov $bp_behind, %0" : "=r"(at));
	CHECK_TRAP(VEC_DB, 0);
	CHECK_EQ(trap.rip, at);
	CHECK_EQ(trap.dr6 & 0xe00f, DR6_B1);
	CHECK_EQ(watched, 7);
	write_dr6(0);
	write_dr0(0);
	write_dr1(0);
}

/* ---- Single step ---- */

static volatile uint64_t step_rips[16];
static volatile uint32_t steps;

static bool step_hook(struct trap_frame *frame)
{
	if (frame->vector != VEC_DB)
		return false;
	if (steps < ARRAY_SIZE(step_rips))
		step_rips[steps] = frame->rip;
	steps++;
	if (!(read_dr6() & DR6_BS))
		frame->rflags &= ~(uint64_t)FLAG_TF;
	write_dr6(0);
	return true;
}

/*
 * Steps through `code`, which stands between the labels step_NAME_start and step_NAME_end: TF is
 * set by POPF, so that the first #DB comes behind the first instruction of `code`.
 */
#define STEP(name, code, ...)                                                                      \
	do {                                                                                       \
		steps = 0;                                                                         \
		trap_hook = step_hook;                                                             \
		write_dr6(0);                                                                      \
		__asm__ volatile("pushfq; pushfq; orl $0x100, (%%rsp); popfq\n"                    \
				 "step_" #name "_start:\n\t" code "\n\t"                           \
				 "step_" #name "_end: popfq" __VA_ARGS__);                         \
		trap_hook = NULL;                                                                  \
	} while (0)

/* The address of a label of the code above. */
#define LABEL(name)                                                                                \
	({                                                                                         \
		uint64_t at_;                                                                      \
		__asm__ volatile("mov $" #name ", %0" : "=r"(at_));                                \
		at_;                                                                               \
	})

/* `code` must be one instruction: there is one #DB behind it, and one behind the POPF. */
#define STEP_ONE(name, code, ...)                                                                  \
	do {                                                                                       \
		STEP(name, code, __VA_ARGS__);                                                     \
		CHECK_EQ(step_rips[0], LABEL(step_##name##_end));                                  \
		CHECK_EQ(steps, 2);                                                                \
	} while (0)

void test_step_plain(void)
{
	STEP(nops, "nop; nop; step_third: nop", :);
	CHECK_EQ(steps, 4);
	CHECK_EQ(step_rips[0], LABEL(step_nops_start) + 1);
	CHECK_EQ(step_rips[1], LABEL(step_third));
	CHECK_EQ(step_rips[2], LABEL(step_nops_end));
	STEP_ONE(movsb, "movsb", : : "S"(&watched), "D"(&watched) : "memory");
}

void test_step_intercepted(void)
{
	STEP_ONE(cpuid, "cpuid", : : "a"(0), "c"(0) : "rbx", "rdx");
	STEP_ONE(cpuid_prefixed, ".byte 0x66, 0x48; cpuid", : : "a"(0), "c"(0) : "rbx", "rdx");
	STEP_ONE(rdmsr_efer, "rdmsr", : : "c"(MSR_EFER) : "rax", "rdx");
	STEP_ONE(rdmsr_apic, "rdmsr", : : "c"(0x1b) : "rax", "rdx");
	STEP_ONE(rdmsr_star, "rdmsr", : : "c"(0xc0000081) : "rax", "rdx");
	STEP_ONE(wrmsr_pat, "wrmsr", : : "c"(0x277), "a"(0x00070406), "d"(0x00070406));
	STEP_ONE(wbinvd, "wbinvd", : : : "memory");
	STEP_ONE(cr0, "mov %0, %%cr0", : : "r"(read_cr0()));
	STEP_ONE(cr8, "mov %0, %%cr8", : : "r"(0ull));
	STEP_ONE(dr0, "mov %0, %%dr0", : : "r"(0ull));
	STEP_ONE(invlpg, "invlpg (%0)", : : "r"(WINDOW));
	if (cpuid(1, 0).ecx & 1u << 26) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		STEP_ONE(xsetbv, "xsetbv", : : "c"(0), "a"(1), "d"(0));
		write_cr4(read_cr4() & ~(uint64_t)CR4_OSXSAVE);
	}
}

void test_step_devices(void)
{
	STEP_ONE(out, "outb %%al, $0x80", : : "a"(0));
	STEP_ONE(in, "inb $0x21, %%al", : : : "rax");
	STEP_ONE(in_dx, "inl %%dx, %%eax", : : "d"(0xcf8) : "rax");
	STEP_ONE(mmio_read, "movl (%0), %%eax", : : "r"(APIC_BASE + APIC_VERSION) : "rax");
	STEP_ONE(mmio_write, "movl %%eax, (%0)", : : "r"(APIC_BASE + APIC_TPR), "a"(0) : "memory");
	STEP_ONE(mmio_test, "testl $1, (%0)", : : "r"(APIC_BASE + APIC_ID));
}
