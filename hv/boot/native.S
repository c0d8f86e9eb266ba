/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * linux_start_native(entry_pa, boot_params_pa): out of long mode into Linux's
 * 32-bit boot protocol. Runs at its physical address, so that paging can go.
 */

#define CR0_PG 0x80000000
#define CR4_PAE 0x00000020
#define MSR_EFER 0xc0000080
#define EFER_LME 0x00000100

#define CS32 0x10
#define DS 0x18

	.section .text.boot, "ax"
	.code64
	.globl linux_start_native
	.type linux_start_native, @function
linux_start_native:
	cli
	lgdt boot_gdt_pointer
	/* PCIDE must be off before long mode can be left (SDM vol. 3A 4.10.1). */
	movl $CR4_PAE, %eax
	movq %rax, %cr4
	pushq $CS32
	pushq $1f
	lretq

	.code32
1:	movl $DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	movl %cr0, %eax
	andl $~CR0_PG, %eax
	movl %eax, %cr0
	movl $MSR_EFER, %ecx
	rdmsr
	andl $~EFER_LME, %eax
	wrmsr
	xorl %eax, %eax
	movl %eax, %cr4
	movl %eax, %cr3
	movl %edi, %eax
	xorl %edi, %edi
	xorl %ebp, %ebp
	xorl %ebx, %ebx
	jmp *%eax
	.size linux_start_native, . - linux_start_native

	.section .note.GNU-stack, "", @progbits
