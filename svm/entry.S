/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * void svm_enter(uint64_t *gpr, uint64_t vmcb)
 *
 * VMRUN switches RAX, RSP, RIP, RFLAGS and everything that is not a general register
 * (APM vol. 2 15.5.1); offsets are those of enum mullion_gpr.
 */
	.text
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	mov %rsi, %rax

	mov 1 * 8(%rdi), %rcx
	mov 2 * 8(%rdi), %rdx
	mov 3 * 8(%rdi), %rbx
	mov 5 * 8(%rdi), %rbp
	mov 6 * 8(%rdi), %rsi
	mov 8 * 8(%rdi), %r8
	mov 9 * 8(%rdi), %r9
	mov 10 * 8(%rdi), %r10
	mov 11 * 8(%rdi), %r11
	mov 12 * 8(%rdi), %r12
	mov 13 * 8(%rdi), %r13
	mov 14 * 8(%rdi), %r14
	mov 15 * 8(%rdi), %r15
	mov 7 * 8(%rdi), %rdi

	vmrun %rax

	/* RAX is root mode's again: the VMCB's address, of no use here. */
	pop %rax
	mov %rcx, 1 * 8(%rax)
	mov %rdx, 2 * 8(%rax)
	mov %rbx, 3 * 8(%rax)
	mov %rbp, 5 * 8(%rax)
	mov %rsi, 6 * 8(%rax)
	mov %rdi, 7 * 8(%rax)
	mov %r8, 8 * 8(%rax)
	mov %r9, 9 * 8(%rax)
	mov %r10, 10 * 8(%rax)
	mov %r11, 11 * 8(%rax)
	mov %r12, 12 * 8(%rax)
	mov %r13, 13 * 8(%rax)
	mov %r14, 14 * 8(%rax)
	mov %r15, 15 * 8(%rax)

	/* No value of the guest's stays where root mode might speculate with it. */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d

	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
