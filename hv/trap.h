/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions in root mode. There are none in sound code, but for the accesses
 * in the exception table. NMIs and machine checks come from outside, on VT-x
 * alone (AMD-V's global interrupt flag keeps them off): they are latched for
 * the service domain, and a processor on its way into a vCPU turns back. Root
 * mode's stack is sound at any instruction, so they need no stack of their own.
 */
#ifndef HV_TRAP_H
#define HV_TRAP_H

#include "hv/types.h"

#define ROOT_CS 0x08
#define ROOT_DS 0x10
#define TRAP_VECTORS 32

/* An interrupt gate in 64-bit mode (APM vol. 2 4.8.4). */
struct idt_gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

/* What trap.S pushes; the last five are the processor's. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* The IDT, shared by all processors; filled on the first call. */
struct idt_gate *trap_idt(void);

/* Called by trap.S. Returns only when execution goes on. */
void trap_handle(struct trap_frame *frame);

#endif
