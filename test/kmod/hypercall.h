/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls, and memory accesses that may fault, for test modules in the service domain. */
#ifndef TEST_HYPERCALL_H
#define TEST_HYPERCALL_H

#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/asm.h>
#include <asm/processor.h>
#include <mullion/abi.h>

/* Whether this kernel runs on a Mullion that speaks our version of the interface. */
static inline bool mullion_present(void)
{
	u32 eax, signature[3];

	cpuid(MULLION_CPUID_BASE, &eax, &signature[0], &signature[1], &signature[2]);
	return !memcmp(signature, MULLION_SIGNATURE, sizeof(signature)) &&
	       cpuid_eax(MULLION_CPUID_ABI) == MULLION_ABI_VERSION;
}

/*
 * A hypercall with any number and arguments. The registers that have no part in it are
 * filled with a pattern; *changed is set if one of them came back different, and left alone
 * otherwise.
 */
static inline long raw_hypercall(u64 number, const u64 arg[5], bool *changed)
{
	bool vmcall = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;
	register u64 r8 asm("r8") = arg[4];
	register u64 r9 asm("r9") = 0x9999999999999999;
	register u64 r10 asm("r10") = 0xaaaaaaaaaaaaaaaa;
	register u64 r11 asm("r11") = 0xbbbbbbbbbbbbbbbb;
	register u64 r12 asm("r12") = 0xcccccccccccccccc;
	register u64 r13 asm("r13") = 0xdddddddddddddddd;
	register u64 r14 asm("r14") = 0xeeeeeeeeeeeeeeee;
	register u64 r15 asm("r15") = 0xffffffffffffffff;
	u64 rax = number, rbx = 0x3333333333333333, rcx = arg[3], rdx = arg[2], rsi = arg[1],
	    rdi = arg[0];

	asm volatile("cmpb $0, %[vmcall]\n\t"
		     "jnz 1f\n\t"
		     "vmmcall\n\t"
		     "jmp 2f\n\t"
		     "1: vmcall\n\t"
		     "2:"
		     : "+a"(rax), "+b"(rbx), "+c"(rcx), "+d"(rdx), "+S"(rsi), "+D"(rdi), "+r"(r8),
		       "+r"(r9), "+r"(r10), "+r"(r11), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
		     : [vmcall] "m"(vmcall)
		     : "memory", "cc");
	if (rbx != 0x3333333333333333 || rcx != arg[3] || rdx != arg[2] || rsi != arg[1] ||
	    rdi != arg[0] || r8 != arg[4] || r9 != 0x9999999999999999 ||
	    r10 != 0xaaaaaaaaaaaaaaaa || r11 != 0xbbbbbbbbbbbbbbbb || r12 != 0xcccccccccccccccc ||
	    r13 != 0xdddddddddddddddd || r14 != 0xeeeeeeeeeeeeeeee || r15 != 0xffffffffffffffff)
		*changed = true;
	return rax;
}

static inline void pass_root_mode(void *unused)
{
	const u64 arg[5] = { 0 };
	bool changed;

	raw_hypercall(MULLION_HC_VERSION, arg, &changed);
}

/* The same, and while the answer is "not yet", sends all processors through root mode and
 * calls again. Interrupts enabled. */
static inline long patient_hypercall(u64 number, const u64 arg[5], bool *changed)
{
	long ret = -MULLION_EAGAIN;

	for (unsigned int tries = 0; tries < 100000 && ret == -MULLION_EAGAIN; tries++) {
		if (tries)
			on_each_cpu(pass_root_mode, NULL, 1);
		ret = raw_hypercall(number, arg, changed);
		cond_resched();
	}
	return ret;
}

/* Reads or writes eight bytes; false if that faulted. */
static inline bool try_read(const void *at, u64 *value)
{
	u64 read = 0;
	u8 done = 0;

	asm volatile("1: mov (%[at]), %[read]\n\t"
		     "movb $1, %[done]\n\t"
		     "2:" _ASM_EXTABLE(1b, 2b)
		     : [read] "+r"(read), [done] "+q"(done)
		     : [at] "r"(at)
		     : "memory");
	*value = read;
	return done;
}

static inline bool try_write(void *at, u64 value)
{
	u8 done = 0;

	asm volatile("1: mov %[value], (%[at])\n\t"
		     "movb $1, %[done]\n\t"
		     "2:" _ASM_EXTABLE(1b, 2b)
		     : [done] "+q"(done)
		     : [at] "r"(at), [value] "r"(value)
		     : "memory");
	return done;
}

#endif
