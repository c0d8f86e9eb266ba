// SPDX-License-Identifier: GPL-2.0-only
/* The payload `cpu`: instructions that a hypervisor intercepts or has a hand in. */
#include "cpu.h"

static const struct test tests[] = {
	{ "CPUID: leaves", test_cpuid_leaves },
	{ "CPUID: prefixes", test_cpuid_prefixes },
	{ "CPUID: bits that mirror control registers", test_cpuid_mirrors },
	{ "MSR: those of the processor's own", test_msr_plain },
	{ "MSR: EFER", test_msr_efer },
	{ "MSR: PAT", test_msr_pat },
	{ "MSR: time-stamp counter", test_msr_tsc },
	{ "MSR: unknown ones", test_msr_unknown },
	{ "MSR: prefixes and ring 3", test_msr_prefixes },
	{ "CR0: TS, EM, invalid values", test_cr0 },
	{ "CR3, CR4", test_cr34 },
	{ "CR8", test_cr8 },
	{ "XSETBV", test_xsetbv },
	{ "cache and TLB instructions", test_cache },
	{ "instructions of a hypervisor", test_svm_instructions },
	{ "exceptions: arithmetic, invalid, breakpoint", test_exceptions_plain },
	{ "exceptions: segments", test_exceptions_segments },
	{ "exceptions: page faults", test_exceptions_page },
	{ "exceptions: double fault", test_exceptions_double },
	{ "exceptions: alignment", test_exceptions_alignment },
	{ "exceptions: privileged instructions in ring 3", test_exceptions_privilege },
	{ "SYSCALL and SWAPGS", test_syscall },
	{ "debug registers", test_debug_registers },
	{ "breakpoints", test_breakpoints },
	{ "single step over plain instructions", test_step_plain },
	{ "single step over intercepted instructions", test_step_intercepted },
	{ "single step over I/O and device memory", test_step_devices },
	{ "HLT and the timer", test_hlt },
	{ "interrupts wait for IF", test_interrupt_window },
	{ "interrupts and priority", test_interrupt_priority },
	{ "STI shadow over intercepted instructions", test_shadow },
	{ "NMI", test_nmi },
	{ "I/O: widths", test_io_widths },
	{ "I/O: strings", test_io_strings },
	{ "I/O: permission", test_io_permission },
};

void main(void)
{
	apic_enable();
	tests_run(tests, ARRAY_SIZE(tests));
}
