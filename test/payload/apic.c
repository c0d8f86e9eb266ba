// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC, as far as the payloads need it. */
#include "payload.h"

#define ICR_NMI (4u << 8)
#define ICR_PENDING (1u << 12)
#define ICR_SELF (1u << 18)

volatile uint32_t interrupts;
volatile uintptr_t interrupt_rip;
static uint8_t counted;

void apic_enable(void)
{
	/* The two old interrupt controllers are silent. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(APIC_SPURIOUS, 0x1ff);
	apic_write(APIC_TPR, 0);
}

static void wait_sent(void)
{
	while (apic_read(APIC_ICR_LOW) & ICR_PENDING)
		__asm__ volatile("pause");
}

void apic_self_ipi(uint8_t vector)
{
	apic_write(APIC_ICR_LOW, ICR_SELF | APIC_ICR_ASSERT | vector);
	wait_sent();
}

void apic_self_nmi(void)
{
	apic_write(APIC_ICR_HIGH, apic_read(APIC_ID) & 0xff000000);
	apic_write(APIC_ICR_LOW, ICR_NMI | APIC_ICR_ASSERT);
	wait_sent();
}

void apic_timer(uint8_t vector, uint32_t ticks)
{
	apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
	apic_write(APIC_LVT_TIMER, vector);
	apic_write(APIC_TIMER_INITIAL, ticks);
}

static bool count_hook(struct trap_frame *frame)
{
	if (frame->vector != counted)
		return false;
	interrupts++;
	interrupt_rip = frame->rip;
	apic_write(APIC_EOI, 0);
	return true;
}

void interrupt_count(uint8_t vector)
{
	counted = vector;
	interrupts = 0;
	trap_hook = count_hook;
}
