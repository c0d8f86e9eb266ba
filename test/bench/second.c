// SPDX-License-Identifier: GPL-2.0-only
/* Starting the second processor; contracts in second.h. */
#include "second.h"

#include "payload.h"

#define START_PAGE 0x6000
#define ICR_ALL_OTHERS (3u << 18)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define SHORT_TICKS 1000000
#define LONG_TICKS 1000000000ull

extern const uint8_t second_code[], second_code_tables[], second_code_end[];
void second_main(void);

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static volatile bool running;
static volatile uint8_t asked; /* by an interrupt of this vector; 0: not */
static struct table_pointer idt_pointer;

static void wait_ticks(uint64_t ticks)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < ticks && !running)
		__asm__ volatile("pause");
}

bool second_start(void)
{
	uint8_t *code = (uint8_t *)START_PAGE;

	if (running)
		return true;
	memcpy(code, second_code, (size_t)(second_code_end - second_code));
	__asm__ volatile(
		"sgdt %0"
		: "=m"(*(struct table_pointer *)(code + (second_code_tables - second_code))));
	__asm__ volatile("sidt %0" : "=m"(idt_pointer));
	apic_write(APIC_ICR_LOW, ICR_ALL_OTHERS | ICR_INIT | APIC_ICR_ASSERT);
	wait_ticks(SHORT_TICKS);
	apic_write(APIC_ICR_LOW, ICR_ALL_OTHERS | ICR_STARTUP | APIC_ICR_ASSERT | START_PAGE >> 12);
	wait_ticks(LONG_TICKS);
	return running;
}

void second_ask(uint8_t vector)
{
	asked = vector;
	apic_write(APIC_ICR_LOW, ICR_ALL_OTHERS | APIC_ICR_ASSERT | vector);
}

/* The second processor, in 64-bit mode on its own stack. */
void second_main(void)
{
	__asm__ volatile("lidt %0" ::"m"(idt_pointer));
	apic_write(APIC_SPURIOUS, 0x1ff);
	apic_write(APIC_TPR, 0);
	running = true;
	for (;;) {
		uint8_t vector;

		__asm__ volatile("sti; hlt; cli" ::: "memory");
		vector = asked;
		asked = 0;
		if (vector)
			apic_write(APIC_ICR_LOW, ICR_ALL_OTHERS | APIC_ICR_ASSERT | vector);
	}
}
