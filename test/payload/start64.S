/* SPDX-License-Identifier: GPL-2.0-only */
/* From Multiboot's 32-bit protected mode to main() in 64-bit mode. */
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3 /* aligned modules, memory information */

	.section .multiboot, "ax"
	.align 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.code32
	.text
	.globl start
start:
	cli
	mov %ebx, multiboot_info
	mov $stack_top, %esp

	/* Four page directories of 2 MiB pages map 4 GiB. */
	mov $0x83, %eax
	mov $directories, %edi
1:	mov %eax, (%edi)
	movl $0, 4(%edi)
	add $8, %edi
	add $0x200000, %eax
	jnc 1b
	movl $directories + 0x0000 + 3, directory_pointers
	movl $directories + 0x1000 + 3, directory_pointers + 8
	movl $directories + 0x2000 + 3, directory_pointers + 16
	movl $directories + 0x3000 + 3, directory_pointers + 24
	movl $directory_pointers + 7, root_table

	mov $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
	mov %eax, %cr4
	mov $root_table, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax /* LME, NXE */
	wrmsr
	mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $0x18, $start64

	.code64
start64:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $stack_top, %rsp
	call tables_init
	call main
1:	cli
	hlt
	jmp 1b

	.data
	.align 8
	.globl gdt, gdt_pointer
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* 08: 32-bit code */
	.quad 0x00cf93000000ffff /* 10: data */
	.quad 0x00af9b000000ffff /* 18: 64-bit code */
	.quad 0x00cffb000000ffff /* 20: ring 3, 32-bit code */
	.quad 0x00cff3000000ffff /* 28: ring 3, data */
	.quad 0x00affb000000ffff /* 30: ring 3, 64-bit code */
	.quad 0, 0		 /* 38: TSS, filled by tables_init() */
	.quad 0x00cf13000000ffff /* 48: data, not present */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.globl multiboot_info
multiboot_info:
	.long 0

	.bss
	.align 4096
	.globl root_table
root_table:
	.skip 4096
directory_pointers:
	.skip 4096
directories:
	.skip 4 * 4096
	.skip 65536
	.globl stack_top
stack_top:
	.section .note.GNU-stack, "", @progbits
