// SPDX-License-Identifier: GPL-2.0-only
/* RDMSR and WRMSR. */
#include "cpu.h"

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_MISC_FEATURES 0x140
#define MSR_PAT 0x277
#define MSR_GS_BASE 0xc0000101

#define TRY_RDMSR(index, value)                                                                    \
	do {                                                                                       \
		uint64_t low_ = 0, high_ = 0;                                                      \
		TRY("rdmsr", : "+a"(low_), "+d"(high_) : "c"(index));                              \
		(value) = high_ << 32 | low_;                                                      \
	} while (0)

#define TRY_WRMSR(index, value)                                                                    \
	TRY("wrmsr", ::"c"(index), "a"((uint32_t)(value)),                                         \
	    "d"((uint32_t)((uint64_t)(value) >> 32))                                               \
	    : "memory")

void test_msr_plain(void)
{
	for (unsigned int i = 0; i < direct_msr_count(); i++) {
		uint64_t before = rdmsr(direct_msrs[i].index), value;

		for (unsigned int turn = 0; turn < 3; turn++) {
			const uint64_t patterns[] = { 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0 };

			value = patterns[turn] & direct_msrs[i].bits;
			wrmsr(direct_msrs[i].index, value);
			cpuid(0, 0); /* exits, and what was written must survive that */
			CHECK_EQ(rdmsr(direct_msrs[i].index), value);
		}
		wrmsr(direct_msrs[i].index, before);
	}
	if (cpuid(0x80000001, 0).edx & 1u << 27) { /* RDTSCP: TSC_AUX */
		uint32_t aux;

		wrmsr(0xc0000103, 0x12345678);
		__asm__ volatile("rdtscp" : "=c"(aux)::"rax", "rdx");
		CHECK_EQ(aux, 0x12345678);
		CHECK_EQ(rdmsr(0xc0000103), 0x12345678);
	}
	CHECK_EQ(rdmsr(MSR_APIC_BASE) & 0xfffff000, APIC_BASE);
	CHECK_EQ(rdmsr(MSR_APIC_BASE) & 0x900, 0x900); /* on, and the boot processor */
}

void test_msr_efer(void)
{
	uint64_t efer = rdmsr(MSR_EFER);

	CHECK_EQ(efer & (EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME),
		 EFER_LME | EFER_LMA | EFER_NXE);
	wrmsr(MSR_EFER, efer | EFER_SCE);
	CHECK_EQ(rdmsr(MSR_EFER), efer | EFER_SCE);
	wrmsr(MSR_EFER, efer & ~(uint64_t)EFER_SCE);
	CHECK_EQ(rdmsr(MSR_EFER), efer & ~(uint64_t)EFER_SCE);
	wrmsr(MSR_EFER, (efer ^ EFER_LMA) & ~(uint64_t)EFER_SCE); /* LMA is not software's */
	CHECK(rdmsr(MSR_EFER) & EFER_LMA);
	TRY_WRMSR(MSR_EFER, efer & ~(uint64_t)EFER_LME); /* while paging is on */
	if (!on_tcg())
		CHECK_TRAP(VEC_GP, 0);
	wrmsr(MSR_EFER, efer);

	/* NXE works: with it bit 63 forbids fetching, without it is reserved. */
	*window_pte(WINDOW) = 0x100000 | PTE_PRESENT | PTE_NX;
	invlpg((void *)WINDOW);
	CHECK_EQ(*(volatile uint32_t *)WINDOW, *(volatile uint32_t *)0x100000);
	wrmsr(MSR_EFER, efer & ~(uint64_t)EFER_NXE);
	invlpg((void *)WINDOW);
	TRY("mov (%0), %%eax", ::"r"(WINDOW) : "rax");
	CHECK_TRAP(VEC_PF, emulated() ? 8 : 9);
	wrmsr(MSR_EFER, efer);
	invlpg((void *)WINDOW);
	TRY("mov (%0), %%eax", ::"r"(WINDOW) : "rax");
	CHECK_NO_TRAP();
	*window_pte(WINDOW) = 0;
	invlpg((void *)WINDOW);
}

void test_msr_pat(void)
{
	uint64_t pat = rdmsr(MSR_PAT), value;

	wrmsr(MSR_PAT, 0x0001040506070106);
	CHECK_EQ(rdmsr(MSR_PAT), 0x0001040506070106);
	wrmsr(MSR_PAT, pat);
	CHECK_EQ(rdmsr(MSR_PAT), pat);
	TRY_RDMSR(MSR_PAT, value);
	CHECK_NO_TRAP();
	CHECK_EQ(value, pat);
}

void test_msr_tsc(void)
{
	uint64_t last = rdtsc();

	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t now = rdtsc();

		CHECK(now >= last);
		last = now;
		if (i % 50 == 0)
			cpuid(0, 0);
	}
	if (on_tcg())
		return;
	/* Written, it goes on from there: within what a slow machine does in a while. */
	wrmsr(MSR_TSC, 1ull << 50);
	last = rdtsc();
	CHECK(last >= 1ull << 50 && last < (1ull << 50) + (1ull << 40));
}

void test_msr_unknown(void)
{
	static const uint32_t unknown[] = { 0x3ff,      0x1234,     0x40000200, 0xc0000200,
					    0xc0011fff, 0xdeadbeef, 0xffffffff };

	/* May fault or read as anything, but nothing else. */
	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++) {
		uint64_t value;

		TRY_RDMSR(unknown[i], value);
		CHECK(trap.vector == VEC_NONE || (trap.vector == VEC_GP && trap.error == 0));
		TRY_WRMSR(unknown[i], value);
		CHECK(trap.vector == VEC_NONE || (trap.vector == VEC_GP && trap.error == 0));
	}
	if (on_tcg())
		return;
	/* Linux clears it on each Intel processor; MWAIT in ring 3, for one, no guest is offered. */
	wrmsr(MSR_MISC_FEATURES, 0);
	TRY_WRMSR(MSR_MISC_FEATURES, 1ull << 1);
	CHECK_TRAP(VEC_GP, 0);
	CHECK_EQ(rdmsr(MSR_MISC_FEATURES), 0);
}

static uint64_t user_rdmsr(void)
{
	return rdmsr(0xc0000082);
}

static uint64_t user_wrmsr(void)
{
	wrmsr(0xc0000082, 0);
	return 0;
}

static uint64_t user_rdtsc(void)
{
	return rdtsc() != 0;
}

void test_msr_prefixes(void)
{
	uint64_t low = ~0ull, high = ~0ull;

	wrmsr(MSR_GS_BASE, 0x123456789abc);
	TRY(".byte 0x66, 0xf3, 0x48; rdmsr", : "+a"(low), "+d"(high) : "c"(MSR_GS_BASE));
	CHECK_NO_TRAP();
	CHECK_EQ(low, 0x56789abc); /* both registers are written whole */
	CHECK_EQ(high, 0x1234);
	TRY(".byte 0x67, 0x2e, 0x4c; rdmsr", : "+a"(low), "+d"(high) : "c"(MSR_EFER));
	CHECK_NO_TRAP();
	CHECK_EQ(low, rdmsr(MSR_EFER));
	wrmsr(MSR_GS_BASE, 0);

	user_call(user_rdmsr, 2);
	CHECK_TRAP(VEC_GP, 0);
	user_call(user_wrmsr, 2);
	CHECK_TRAP(VEC_GP, 0);
	CHECK_EQ(user_call(user_rdtsc, 2), 1);
	write_cr4(read_cr4() | CR4_TSD);
	user_call(user_rdtsc, 2);
	CHECK_TRAP(VEC_GP, 0);
	CHECK(rdtsc());
	write_cr4(read_cr4() & ~(uint64_t)CR4_TSD);
}
