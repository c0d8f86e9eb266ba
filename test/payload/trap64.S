/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of all interrupt vectors, and the way to ring 3 and back. */
	.text
	.globl trap_entries
	.align 16
trap_entries:
	.set vector, 0
	.rept 256
	.align 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.else
	push $0
	.endif
	push $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	call trap_handle
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

	/* uint64_t user_enter(void *rip, uint64_t rsp, uint64_t rflags) */
	.globl user_enter
user_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	pushfq
	mov %rsp, user_return_rsp
	mov $user_leave, %eax
	mov %rax, trap_resume
	push $0x2b
	push %rsi
	push %rdx
	push $0x33
	push %rdi
	mov %rsi, %rax
	iretq

	/* Here the trap that ends ring 3 resumes, in ring 0. */
user_leave:
	mov user_return_rsp, %rsp
	movq $0, trap_resume
	popfq
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.bss
	.align 8
user_return_rsp:
	.skip 8
	.section .note.GNU-stack, "", @progbits
