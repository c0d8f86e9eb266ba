// SPDX-License-Identifier: GPL-2.0-only
/* CPUID. */
#include "cpu.h"

void test_cpuid_leaves(void)
{
	struct cpuid_regs basic = cpuid(0, 0), features = cpuid(1, 0);
	uint64_t rax = 0xffffffff00000000, rbx = ~0ull, rcx = ~0ull, rdx = ~0ull;

	CHECK(basic.eax >= 1 && basic.eax < 0x100);
	CHECK(features.edx & 1u << 0); /* FPU */
	CHECK(features.edx & 1u << 5); /* MSR */
	CHECK(features.edx & 1u << 9); /* APIC */
	CHECK_EQ(features.ebx >> 24, apic_read(APIC_ID) >> 24);
	CHECK(cpuid(0x80000001, 0).edx & 1u << 29); /* long mode */

	/* All four registers are written whole. */
	__asm__ volatile("cpuid" : "+a"(rax), "+b"(rbx), "+c"(rcx), "+d"(rdx));
	CHECK_EQ(rax, basic.eax);
	CHECK_EQ(rbx, basic.ebx);
	CHECK_EQ(rcx, basic.ecx);
	CHECK_EQ(rdx, basic.edx);

	/* The same answer each time, and the upper half of RAX is ignored. */
	for (unsigned int i = 0; i < 200; i++) {
		struct cpuid_regs again = cpuid(1, 0);

		CHECK(again.eax == features.eax && again.edx == features.edx);
	}
}

/* CPUID behind these bytes, leaf 0: EBX is its result and the next instruction follows. */
#define CPUID_BEHIND(...)                                                                          \
	do {                                                                                       \
		uint32_t a_ = 0, b_ = 0, c_ = 0, d_ = 0;                                           \
		TRY(".byte " #__VA_ARGS__ ", 0x0f, 0xa2",                                          \
		    : "+a"(a_), "+b"(b_), "+c"(c_), "+d"(d_));                                     \
		CHECK_NO_TRAP();                                                                   \
		CHECK_EQ(b_, cpuid(0, 0).ebx);                                                     \
	} while (0)

void test_cpuid_prefixes(void)
{
	CPUID_BEHIND(0x66);
	CPUID_BEHIND(0x67);
	CPUID_BEHIND(0xf2);
	CPUID_BEHIND(0xf3);
	CPUID_BEHIND(0x2e);
	CPUID_BEHIND(0x65);
	CPUID_BEHIND(0x48);
	CPUID_BEHIND(0x4f);
	CPUID_BEHIND(0x66, 0x67, 0x2e, 0x48);
	CPUID_BEHIND(0x48, 0x66); /* a REX that does not count */
	CPUID_BEHIND(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66);

	/* Longer than 15 bytes. */
	TRY(".fill 14, 1, 0x66; .byte 0x0f, 0xa2", ::: "rax", "rbx", "rcx", "rdx");
	CHECK_TRAP(VEC_GP, 0);
}

void test_cpuid_mirrors(void)
{
	uint64_t cr4 = read_cr4();

	if (!(cpuid(1, 0).ecx & 1u << 26)) {
		skip("no XSAVE");
		return;
	}
	for (unsigned int i = 0; i < 3; i++) {
		write_cr4(cr4 & ~(uint64_t)CR4_OSXSAVE);
		CHECK_EQ(cpuid(1, 0).ecx >> 27 & 1, 0);
		write_cr4(cr4 | CR4_OSXSAVE);
		CHECK_EQ(cpuid(1, 0).ecx >> 27 & 1, 1);
	}
	/* The XSAVE area's size follows XCR0. */
	__asm__ volatile("xsetbv" ::"c"(0), "a"(1), "d"(0));
	CHECK_EQ(cpuid(0xd, 0).ebx, 576);
	if (cpuid(0xd, 0).eax & 4) {
		__asm__ volatile("xsetbv" ::"c"(0), "a"(7), "d"(0));
		CHECK_EQ(cpuid(0xd, 0).ebx, cpuid(0xd, 2).ebx + cpuid(0xd, 2).eax);
		__asm__ volatile("xsetbv" ::"c"(0), "a"(1), "d"(0));
		CHECK_EQ(cpuid(0xd, 0).ebx, 576);
	}
	write_cr4(cr4);
}
