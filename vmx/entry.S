/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * enum entry_result vmx_enter(uint64_t *gpr, bool launched, const uint32_t *latched)
 *
 * The processor switches RSP, RIP, RFLAGS and everything that is not a general register
 * (SDM vol. 3C 27.3, 28.5); offsets are those of enum mullion_gpr.
 */
#define HOST_RSP 0x6c14
#define ENTRY_DONE 0
#define ENTRY_FAILED 1
#define ENTRY_ABORTED 2
#define NMI_OR_MC (1 << 2 | 1 << 18)

	.text
	.globl vmx_enter, vmx_exit
	.type vmx_enter, @function
vmx_enter:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	mov $HOST_RSP, %eax
	vmwrite %rsp, %rax

	/* An NMI or machine check that comes in root mode from here on sends us to `abort`. */
begin:	cmpl $0, (%rdx)
	jne abort
	test %sil, %sil
	mov 0 * 8(%rdi), %rax
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
	jz launch
	vmresume
	jmp failed
launch:	vmlaunch
failed:	/* the end of that range */
	mov $ENTRY_FAILED, %eax
	jmp out
abort:	mov $ENTRY_ABORTED, %eax
out:	add $8, %rsp
	jmp restore

vmx_exit:
	push %rdi
	mov 8(%rsp), %rdi
	mov %rax, 0 * 8(%rdi)
	mov %rcx, 1 * 8(%rdi)
	mov %rdx, 2 * 8(%rdi)
	mov %rbx, 3 * 8(%rdi)
	mov %rbp, 5 * 8(%rdi)
	mov %rsi, 6 * 8(%rdi)
	mov %r8, 8 * 8(%rdi)
	mov %r9, 9 * 8(%rdi)
	mov %r10, 10 * 8(%rdi)
	mov %r11, 11 * 8(%rdi)
	mov %r12, 12 * 8(%rdi)
	mov %r13, 13 * 8(%rdi)
	mov %r14, 14 * 8(%rdi)
	mov %r15, 15 * 8(%rdi)
	pop 7 * 8(%rdi)
	add $8, %rsp
	mov $ENTRY_DONE, %eax

restore:
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
	.size vmx_enter, . - vmx_enter

	.section .extable, "a", @progbits
	.quad begin, failed, abort, NMI_OR_MC
	.section .note.GNU-stack, "", @progbits
