/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls into root mode: see <mullion/abi.h> for numbers, arguments and errors. */
#ifndef MULLION_HYPERCALL_H
#define MULLION_HYPERCALL_H

#include <linux/types.h>
#include <mullion/abi.h>

/* True where VMCALL calls root mode (VT-x), false where VMMCALL does (AMD-V). Set once,
 * before the first call. */
extern bool mullion_vmcall;

/* -> the value >= 0 that the call returns, or a negative error. The numbers of the errors are
 * Linux's own, so they pass on unchanged. */
static inline long mullion_hypercall(enum mullion_hypercall number, u64 a1, u64 a2, u64 a3, u64 a4,
				     u64 a5)
{
	register u64 r8 asm("r8") = a5;
	long ret;

	if (mullion_vmcall)
		asm volatile("vmcall"
			     : "=a"(ret)
			     : "a"(number), "D"(a1), "S"(a2), "d"(a3), "c"(a4), "r"(r8)
			     : "memory", "cc");
	else
		asm volatile("vmmcall"
			     : "=a"(ret)
			     : "a"(number), "D"(a1), "S"(a2), "d"(a3), "c"(a4), "r"(r8)
			     : "memory", "cc");
	return ret;
}

/* Makes `cpu`, or every processor, pass through root mode once; returns when it has. For calls
 * that answered -EAGAIN. Interrupts enabled. */
void mullion_poke(int cpu);
void mullion_poke_all(void);

#endif
