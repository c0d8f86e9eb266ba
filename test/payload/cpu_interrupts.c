// SPDX-License-Identifier: GPL-2.0-only
/* HLT, interrupts, windows, shadows, NMI. */
#include "cpu.h"

#define VECTOR 0x60
#define VECTOR_HIGH 0x90
#define TIMER_TICKS 100000u

void test_hlt(void)
{
	uint64_t at;

	interrupt_count(VECTOR);
	for (uint32_t i = 0; i < 50; i++) {
		apic_timer(VECTOR, TIMER_TICKS);
		__asm__ volatile("sti; hlt; cpu_behind_hlt: cli");
		__asm__ volatile("mov $cpu_behind_hlt, %0" : "=r"(at));
		CHECK_EQ(interrupts, i + 1);
		CHECK_EQ(interrupt_rip, at);
	}
	/* One that is pending already ends it at once. */
	apic_self_ipi(VECTOR);
	__asm__ volatile("sti; hlt; cli");
	CHECK_EQ(interrupts, 51);
	/* Without HLT: the timer ends an endless loop. */
	apic_timer(VECTOR, TIMER_TICKS);
	__asm__ volatile("sti" ::: "memory");
	while (interrupts == 51)
		;
	__asm__ volatile("cli");
	CHECK_EQ(interrupts, 52);
	trap_hook = NULL;
}

void test_interrupt_window(void)
{
	uint64_t at;

	interrupt_count(VECTOR);
	for (uint32_t i = 0; i < 20; i++) {
		apic_self_ipi(VECTOR);
		cpuid(0, 0);
		outb(0x80, 0);
		CHECK_EQ(interrupts, i);
		__asm__ volatile("sti; nop; cpu_behind_nop: nop; cli");
		CHECK_EQ(interrupts, i + 1);
		__asm__ volatile("mov $cpu_behind_nop, %0" : "=r"(at));
		CHECK_EQ(interrupt_rip, at);
	}
	/* IF by POPF has no shadow. */
	apic_self_ipi(VECTOR);
	__asm__ volatile("pushfq; pushfq; orl $0x200, (%%rsp); popfq; cpu_behind_popf: popfq" ::
				 : "memory");
	CHECK_EQ(interrupts, 21);
	__asm__ volatile("mov $cpu_behind_popf, %0" : "=r"(at));
	CHECK_EQ(interrupt_rip, at);
	trap_hook = NULL;
}

static volatile uint32_t order;

static bool order_hook(struct trap_frame *frame)
{
	if (frame->vector != VECTOR && frame->vector != VECTOR_HIGH)
		return false;
	order = order << 8 | (uint32_t)frame->vector;
	apic_write(APIC_EOI, 0);
	return true;
}

void test_interrupt_priority(void)
{
	trap_hook = order_hook;
	order = 0;
	apic_self_ipi(VECTOR);
	apic_self_ipi(VECTOR_HIGH);
	__asm__ volatile("sti; nop; nop; cli");
	CHECK_EQ(order, VECTOR_HIGH << 8 | VECTOR);

	if (!argument("cr8", 1)) {
		trap_hook = NULL;
		return;
	}
	/* CR8 holds back what is not above it; lowering it lets it in. */
	order = 0;
	write_cr8(8);
	apic_self_ipi(VECTOR);
	apic_self_ipi(VECTOR_HIGH);
	__asm__ volatile("sti; nop; nop; cli");
	CHECK_EQ(order, VECTOR_HIGH);
	write_cr8(9);
	apic_self_ipi(VECTOR_HIGH);
	__asm__ volatile("sti; nop; nop; cli");
	CHECK_EQ(order, VECTOR_HIGH);
	__asm__ volatile("sti" ::: "memory");
	write_cr8(5);
	__asm__ volatile("nop; nop; cli" ::: "memory");
	CHECK_EQ(order, ((uint32_t)VECTOR_HIGH << 8 | VECTOR_HIGH) << 8 | VECTOR);
	write_cr8(0);
	trap_hook = NULL;
}

/* STI with an interrupt pending: it comes behind the next instruction, whatever that is. */
#define SHADOW(name, code, ...)                                                                    \
	do {                                                                                       \
		uint64_t at_;                                                                      \
		uint32_t before_ = interrupts;                                                     \
		apic_self_ipi(VECTOR);                                                             \
		__asm__ volatile("sti\n\t" code "\n\tshadow_" #name ": nop; cli" __VA_ARGS__);     \
		__asm__ volatile("mov $shadow_" #name ", %0" : "=r"(at_));                         \
		CHECK_EQ(interrupts, before_ + 1);                                                 \
		CHECK_EQ(interrupt_rip, at_);                                                      \
	} while (0)

void test_shadow(void)
{
	interrupt_count(VECTOR);
	SHADOW(nop, "nop", :);
	SHADOW(cpuid, "cpuid", : : "a"(0), "c"(0) : "rbx", "rdx");
	SHADOW(rdmsr, "rdmsr", : : "c"(MSR_EFER) : "rax", "rdx");
	SHADOW(in, "inb $0x21, %%al", : : : "rax");
	SHADOW(out, "outb %%al, $0x80", : : "a"(0));
	SHADOW(mmio, "movl (%0), %%eax", : : "r"(APIC_BASE + APIC_VERSION) : "rax");
	SHADOW(wbinvd, "wbinvd", :);
	SHADOW(dr, "mov %%dr7, %%rax", : : : "rax");
	trap_hook = NULL;
}

/* ---- NMI ---- */

static volatile uint32_t nmis, nmi_depth, nmi_deepest;
static volatile bool nmi_again;

static bool nmi_hook(struct trap_frame *frame)
{
	if (frame->vector != VEC_NMI)
		return false;
	nmis++;
	nmi_depth++;
	if (nmi_depth > nmi_deepest)
		nmi_deepest = nmi_depth;
	if (nmi_again) {
		nmi_again = false;
		apic_self_nmi();
		cpuid(0, 0);
		outb(0x80, 0);
	}
	nmi_depth--;
	return true;
}

void test_nmi(void)
{
	trap_hook = nmi_hook;
	nmis = nmi_depth = nmi_deepest = 0;
	for (uint32_t i = 0; i < 20; i++) {
		apic_self_nmi();
		__asm__ volatile("nop; nop; nop");
		CHECK_EQ(nmis, i + 1);
	}
	/* One that comes while one is handled waits for IRET. */
	nmi_again = true;
	apic_self_nmi();
	__asm__ volatile("nop; nop; nop");
	cpuid(0, 0);
	CHECK_EQ(nmis, 22);
	CHECK_EQ(nmi_deepest, 1);
	/* And they are open again. */
	apic_self_nmi();
	__asm__ volatile("nop; nop; nop");
	CHECK_EQ(nmis, 23);
	trap_hook = NULL;
}
