// SPDX-License-Identifier: GPL-2.0-only
/* The end; contracts in panic.h. */
#include "hv/panic.h"

#include <stdarg.h>

#include "hv/boot/image.h"
#include "hv/boot/options.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/phys.h"
#include "hv/system.h"
#include "hv/x86.h"

#define BACKTRACE_MAX 16
#define TICKS_PER_SECOND_AT_LEAST 4000000000ull /* what `reboot=` may last longer by is no harm */

void print_backtrace(uint64_t rbp)
{
	uint64_t stack = align_down(rbp, CPU_STACK_SIZE);

	for (unsigned int i = 0; i < BACKTRACE_MAX; i++) {
		const uint64_t *frame = (const uint64_t *)rbp;

		if (rbp % 8 || align_down(rbp, CPU_STACK_SIZE) != stack || rbp < PAGE_SIZE)
			return;
		if (frame[1] < (uint64_t)text_start || frame[1] >= (uint64_t)text_end)
			return;
		pr_err("  called from %lx", frame[1]);
		if (frame[0] <= rbp)
			return;
		rbp = frame[0];
	}
}

static bool panicking;

static _Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void panic_check(void)
{
	if (__builtin_expect(__atomic_load_n(&panicking, __ATOMIC_RELAXED), 0))
		halt();
}

void machine_reset(void)
{
	static const uint16_t no_idt[5];

	if (system_acpi.reset_port)
		outb(system_acpi.reset_port, system_acpi.reset_value);
	outb(0xcf9, 0x06);
	outb(0x64, 0xfe);
	__asm__ volatile("lidt %0; int3" ::"m"(no_idt));
	__builtin_unreachable();
}

void panic(const char *format, ...)
{
	va_list args;

	if (__atomic_exchange_n(&panicking, true, __ATOMIC_RELAXED))
		machine_reset();
	va_start(args, format);
	log_vprint(LOG_ERROR, format, args);
	va_end(args);
	print_backtrace((uint64_t)__builtin_frame_address(0));
	if (options.reboot == OPTIONS_NO_REBOOT) {
		pr_err("Mullion panicked: the machine is halted; reset it, and boot Linux without "
		       "Mullion from the boot menu to get back");
	} else {
		uint64_t start = rdtsc();

		pr_err("Mullion panicked: the machine is reset in %u s; the boot menu has Linux without "
		       "Mullion", options.reboot);
		while (rdtsc() - start < options.reboot * TICKS_PER_SECOND_AT_LEAST)
			cpu_relax();
		machine_reset();
	}
	halt();
}
