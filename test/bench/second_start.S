/* SPDX-License-Identifier: GPL-2.0-only */
/* From the startup IPI to second_main(): real mode, then 64-bit mode at once. */
	.text
	.globl second_code, second_code_tables, second_code_end

	/* Copied to a page below 1 MiB, where CS:IP points to its beginning. */
	.code16
second_code:
	cli
	lgdtl %cs:second_code_tables - second_code
	mov $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT: as on the first processor */
	mov %eax, %cr4
	mov $root_table, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax /* LME, NXE */
	wrmsr
	mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	ljmpl $0x18, $second_start64
second_code_tables: /* the GDT's limit and base, filled in the copy */
	.skip 10
second_code_end:

	.code64
second_start64:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $second_stack_top, %rsp
	call second_main

	.bss
	.align 16
	.skip 16384
second_stack_top:
	.section .note.GNU-stack, "", @progbits
