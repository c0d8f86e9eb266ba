/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry points of the 32 exceptions. Each is TRAP_STUB_SIZE bytes long. */
#define TRAP_STUB_SIZE 16

	.section .text
	.globl trap_stubs
	.balign TRAP_STUB_SIZE
trap_stubs:
	.set vector, 0
	.rept 32
	.balign TRAP_STUB_SIZE
	/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX push an error code. */
	.if !((0x60227d00 >> vector) & 1)
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

	.type trap_common, @function
trap_common:
	.irp reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	pushq %\reg
	.endr
	cld
	movq %rsp, %rdi
	movq %rsp, %rbx
	andq $-16, %rsp
	call trap_handle
	movq %rbx, %rsp
	.irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	popq %\reg
	.endr
	addq $16, %rsp
	iretq
	.size trap_common, . - trap_common

/*
 * bool rdmsr_safe(uint32_t index, uint64_t *value)
 * bool wrmsr_safe(uint32_t index, uint64_t value)
 */
	.globl rdmsr_safe
	.type rdmsr_safe, @function
rdmsr_safe:
	movl %edi, %ecx
1:	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, (%rsi)
	movl $1, %eax
	ret
	.size rdmsr_safe, . - rdmsr_safe

	.globl wrmsr_safe
	.type wrmsr_safe, @function
wrmsr_safe:
	movl %edi, %ecx
	movl %esi, %eax
	movq %rsi, %rdx
	shrq $32, %rdx
2:	wrmsr
	movl $1, %eax
	ret
	.size wrmsr_safe, . - wrmsr_safe

/* bool xsetbv_safe(uint64_t value), of XCR0 */
	.globl xsetbv_safe
	.type xsetbv_safe, @function
xsetbv_safe:
	xorl %ecx, %ecx
	movl %edi, %eax
	movq %rdi, %rdx
	shrq $32, %rdx
3:	xsetbv
	movl $1, %eax
	ret
4:	xorl %eax, %eax
	ret
	.size xsetbv_safe, . - xsetbv_safe

#define GP (1 << 13)
	/* The exception table: struct fixup of trap.c. */
	.section .extable, "a", @progbits
	.quad 1b, 1b + 1, 4b, GP
	.quad 2b, 2b + 1, 4b, GP
	.quad 3b, 3b + 1, 4b, GP

	.section .note.GNU-stack, "", @progbits
