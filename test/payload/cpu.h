/* SPDX-License-Identifier: GPL-2.0-only */
/* The tests of the payload `cpu`. */
#ifndef PAYLOAD_CPU_H
#define PAYLOAD_CPU_H

#include "payload.h"

void main(void);

/* cpu_id.c */
void test_cpuid_leaves(void);
void test_cpuid_prefixes(void);
void test_cpuid_mirrors(void);

/* cpu_msr.c */
void test_msr_plain(void);
void test_msr_efer(void);
void test_msr_pat(void);
void test_msr_tsc(void);
void test_msr_unknown(void);
void test_msr_prefixes(void);

/* cpu_control.c */
void test_cr0(void);
void test_cr34(void);
void test_cr8(void);
void test_xsetbv(void);
void test_cache(void);
void test_svm_instructions(void);

/* cpu_exceptions.c */
void test_exceptions_plain(void);
void test_exceptions_segments(void);
void test_exceptions_page(void);
void test_exceptions_double(void);
void test_exceptions_alignment(void);
void test_exceptions_privilege(void);
void test_syscall(void);

/* cpu_debug.c */
void test_debug_registers(void);
void test_breakpoints(void);
void test_step_plain(void);
void test_step_intercepted(void);
void test_step_devices(void);

/* cpu_interrupts.c */
void test_hlt(void);
void test_interrupt_window(void);
void test_interrupt_priority(void);
void test_shadow(void);
void test_nmi(void);

/* cpu_io.c */
void test_io_widths(void);
void test_io_strings(void);
void test_io_permission(void);

#endif
