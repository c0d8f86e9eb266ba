/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of an application processor from SIPI to C. ap_trampoline is copied
 * to a page below 1 MiB, where the processor starts in real mode at CS:0; it
 * reaches the image, and goes on there with the tables of start.S.
 */
#define CR0_PE 0x00000001
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CS64 0x08
#define CS32 0x10
#define DS 0x18

	.section .rodata
	.globl ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl ap_gdt_pointer - ap_trampoline
	movl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $CS32, $ap_start32
	.balign 4
ap_gdt_pointer:
	.short 4 * 8 - 1
	.long boot_gdt
ap_trampoline_end:

	.text
	.code32
	.type ap_start32, @function
ap_start32:
	movl $DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl $CR0_PG | CR0_WP | CR0_PE, %eax
	movl %eax, %cr0
	ljmp $CS64, $ap_start64
	.size ap_start32, . - ap_start32

	.code64
	.type ap_start64, @function
ap_start64:
	xorl %eax, %eax
	xchgq %rax, ap_stack
	testq %rax, %rax
	jz 1f
	movq %rax, %rsp
	xorl %ebp, %ebp
	call ap_main
1:	cli /* too late: nobody waits for this processor any more */
	hlt
	jmp 1b
	.size ap_start64, . - ap_start64

	.section .note.GNU-stack, "", @progbits
