// SPDX-License-Identifier: GPL-2.0-only
/* Control registers, XCR0, and instructions for caches and hypervisors. */
#include "cpu.h"

#define XSETBV(index, value)                                                                       \
	TRY("xsetbv", ::"c"(index), "a"((uint32_t)(value)),                                        \
	    "d"((uint32_t)((uint64_t)(value) >> 32)))

void test_cr0(void)
{
	uint64_t cr0 = read_cr0();
	uint16_t msw;

	write_cr0(cr0 | CR0_TS);
	CHECK_EQ(read_cr0(), cr0 | CR0_TS);
	TRY("fnop");
	CHECK_TRAP(VEC_NM, 0);
	TRY("movaps %%xmm0, %%xmm1", :);
	CHECK_TRAP(VEC_NM, 0);
	cpuid(0, 0);
	TRY("fnop");
	CHECK_TRAP(VEC_NM, 0);
	__asm__ volatile("clts");
	TRY("fnop");
	CHECK_NO_TRAP();
	CHECK_EQ(read_cr0(), cr0);

	write_cr0(cr0 | CR0_EM);
	TRY("movaps %%xmm0, %%xmm1", :);
	CHECK_TRAP(VEC_UD, 0);
	write_cr0(cr0);

	__asm__ volatile("smsw %0" : "=r"(msw));
	CHECK_EQ(msw, cr0 & 0xffff);
	__asm__ volatile("lmsw %0" ::"r"((uint16_t)(msw | CR0_TS)));
	CHECK_EQ(read_cr0(), cr0 | CR0_TS);
	write_cr0(cr0);

	/* WP decides whether ring 0 may write what is read-only. */
	*window_pte(WINDOW) = (uint64_t)&msw / 4096 * 4096 | PTE_PRESENT;
	invlpg((void *)WINDOW);
	TRY("movb $0, (%0)", ::"r"(WINDOW + ((uint64_t)&msw & 4095)) : "memory");
	CHECK_TRAP(VEC_PF, 3);
	write_cr0(cr0 & ~(uint64_t)CR0_WP);
	TRY("movb $0, (%0)", ::"r"(WINDOW + ((uint64_t)&msw & 4095)) : "memory");
	CHECK_NO_TRAP();
	write_cr0(cr0);
	TRY("movb $0, (%0)", ::"r"(WINDOW + ((uint64_t)&msw & 4095)) : "memory");
	CHECK_TRAP(VEC_PF, 3);
}

void test_cr34(void)
{
	uint64_t cr3 = read_cr3(), cr4 = read_cr4();

	write_cr3(cr3);
	CHECK_EQ(read_cr3(), cr3);
	write_cr2(0x123456789abcdef0);
	cpuid(0, 0);
	outb(0x80, 0);
	CHECK_EQ(read_cr2(), 0x123456789abcdef0);

	write_cr4(cr4 | CR4_DE);
	CHECK_EQ(read_cr4(), cr4 | CR4_DE);
	write_cr4(cr4);
	if (!emulated()) { /* QEMU's software processor leaves its guest, or the rails */
		TRY("mov %0, %%cr4", ::"r"(cr4 | 1ull << 31));
		CHECK_TRAP(VEC_GP, 0);
	}
	CHECK_EQ(read_cr4(), cr4);
	TRY(".byte 0x0f, 0x20, 0xc8", ::: "rax"); /* MOV from CR1 */
	CHECK_TRAP(VEC_UD, 0);
	CHECK_EQ(read_cr4(), cr4);
}

void test_cr8(void)
{
	if (!argument("cr8", 1)) {
		skip("cr8=0: QEMU 7.2's software processor aborts on KVM here");
		return;
	}
	for (uint64_t value = 0; value < 16; value++) {
		write_cr8(value);
		cpuid(0, 0);
		CHECK_EQ(read_cr8(), value);
		CHECK_EQ(apic_read(APIC_TPR), value << 4);
		apic_write(APIC_TPR, (uint32_t)(15 - value) << 4);
		CHECK_EQ(read_cr8(), 15 - value);
	}
	write_cr8(0);
}

static uint64_t user_xsetbv(void)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"(1), "d"(0));
	return 0;
}

static uint64_t xgetbv(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

void test_xsetbv(void)
{
	uint64_t cr4 = read_cr4(), all;

	if (!(cpuid(1, 0).ecx & 1u << 26)) {
		TRY("xsetbv", ::"a"(1), "c"(0), "d"(0));
		CHECK_TRAP(VEC_UD, 0);
		return;
	}
	write_cr4(cr4 & ~(uint64_t)CR4_OSXSAVE);
	XSETBV(0, 1);
	CHECK_TRAP(VEC_UD, 0);
	write_cr4(cr4 | CR4_OSXSAVE);
	CHECK_EQ(xgetbv() & 1, 1);
	all = cpuid(0xd, 0).eax | (uint64_t)cpuid(0xd, 0).edx << 32;

	XSETBV(0, 3);
	CHECK_NO_TRAP();
	CHECK_EQ(xgetbv(), 3);
	cpuid(0, 0);
	outb(0x80, 0);
	CHECK_EQ(xgetbv(), 3);
	if (all & 4) {
		XSETBV(0, 7);
		CHECK_NO_TRAP();
		CHECK_EQ(xgetbv(), 7);
		XSETBV(0, 5); /* AVX without SSE */
		CHECK_TRAP(VEC_GP, 0);
		CHECK_EQ(xgetbv(), 7);
	}
	XSETBV(0, 2); /* without x87 */
	CHECK_TRAP(VEC_GP, 0);
	XSETBV(0, 1ull << 62 | 1);
	CHECK_TRAP(VEC_GP, 0);
	XSETBV(1, 1);
	CHECK_TRAP(VEC_GP, 0);
	user_call(user_xsetbv, 2);
	CHECK_TRAP(VEC_GP, 0);
	XSETBV(0, 1);
	CHECK_EQ(xgetbv(), 1);
	write_cr4(cr4);
}

void test_cache(void)
{
	volatile uint64_t value = 0x1122334455667788;

	TRY("wbinvd");
	CHECK_NO_TRAP();
	TRY("invd"); /* nothing of ours is lost: others' data is in the caches too */
	CHECK_NO_TRAP();
	TRY(".byte 0x66, 0x48; wbinvd");
	CHECK_NO_TRAP();
	CHECK_EQ(value, 0x1122334455667788);
	TRY("invlpg (%0)", ::"r"(WINDOW));
	CHECK_NO_TRAP();
	TRY("clflush (%0)", ::"r"(&value));
	CHECK_NO_TRAP();
	TRY("rdpmc", ::"c"(~0u) : "rax", "rdx"); /* no such counter */
	CHECK_TRAP(on_tcg() ? VEC_UD : VEC_GP, 0);
}

/* Whoever has no EFER.SVME has none of these. */
void test_svm_instructions(void)
{
	TRY(".byte 0x0f, 0x01, 0xd8", ::"a"(0)); /* VMRUN */
	CHECK_TRAP(VEC_UD, 0);
	TRY(".byte 0x0f, 0x01, 0xda", ::"a"(0)); /* VMLOAD */
	CHECK_TRAP(VEC_UD, 0);
	TRY(".byte 0x0f, 0x01, 0xdb", ::"a"(0)); /* VMSAVE */
	CHECK_TRAP(VEC_UD, 0);
	TRY(".byte 0x0f, 0x01, 0xdd"); /* CLGI */
	CHECK_TRAP(VEC_UD, 0);
	TRY(".byte 0x0f, 0x01, 0xdf", ::"a"(0), "c"(0)); /* INVLPGA */
	CHECK_TRAP(VEC_UD, 0);
}
