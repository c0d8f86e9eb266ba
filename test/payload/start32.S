/* SPDX-License-Identifier: GPL-2.0-only */
/* The payload `modes`: from Multiboot's protected mode to main() in the same; trap entries;
 * and the ways into other modes and back. */
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3
#define REAL_MODE_AT 0x7000 /* where code of real and V86 mode is copied to */

	.section .multiboot, "ax"
	.align 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.globl start
start:
	cli
	mov %ebx, multiboot_info
	mov $stack_top, %esp
	lgdt gdt_pointer
	ljmp $0x08, $1f
1:	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov %eax, %gs
	call tables_init
	call main
1:	hlt
	jmp 1b

	/* ---- Traps ---- */
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
	pusha
	push %ds
	push %es
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	cld
	push %esp
	call trap_handle
	add $4, %esp
	pop %es
	pop %ds
	popa
	add $8, %esp
	iret

	/* ---- 16-bit protected mode: void protected16_call(uint32_t (*code)(void)) ---- */
	/* The code stands below 64 KiB and ends in a 32-bit far return. */
	.globl protected16_call
protected16_call:
	push %ebx
	push %esi
	push %edi
	push %ebp
	mov 20(%esp), %eax
	mov %eax, far_pointer
	mov %esp, saved_esp
	mov $0x20, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x6ff0, %esp
	lcall *%cs:far_pointer
	mov $0x10, %edx
	mov %edx, %ds
	mov %edx, %es
	mov %edx, %ss
	mov saved_esp, %esp
	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	ret

	/* ---- Real mode: uint32_t real_call(void), of the code at REAL_MODE_AT ---- */
	.globl real_call
real_call:
	push %ebx
	push %esi
	push %edi
	push %ebp
	mov %esp, saved_esp
	lidt real_idt
	/* Real mode keeps limits and sizes: those of 16 bits, so that the stack goes by SP. */
	mov $0x20, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	ljmp $0x18, $REAL_MODE_AT

	/* Where it comes back: 32-bit code, flat. */
	.globl real_return
real_return:
	mov $0x10, %edx
	mov %edx, %ds
	mov %edx, %es
	mov %edx, %ss
	mov %edx, %fs
	mov %edx, %gs
	mov saved_esp, %esp
	lidt idt_pointer
	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	ret

	/* ---- V86 mode: void v86_enter(uint32_t eflags), of the code at REAL_MODE_AT ---- */
	/* It ends when a trap in it resumes at v86_leave. */
	.globl v86_enter, v86_leave
v86_enter:
	push %ebx
	push %esi
	push %edi
	push %ebp
	mov 20(%esp), %eax
	mov %esp, saved_esp
	push $0
	push $0
	push $0
	push $0
	push $0 /* SS */
	push $0x6ff0
	push %eax
	push $0 /* CS */
	push $REAL_MODE_AT
	iret
v86_leave:
	mov $0x10, %edx
	mov %edx, %ds
	mov %edx, %es
	mov %edx, %fs
	mov %edx, %gs
	mov saved_esp, %esp
	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	ret

	.data
	.align 8
	.globl gdt, gdt_pointer, idt_pointer
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* 08: 32-bit code */
	.quad 0x00cf93000000ffff /* 10: data */
	.quad 0x00009b000000ffff /* 18: 16-bit code */
	.quad 0x000093000000ffff /* 20: 16-bit data */
	.quad 0			 /* 28: TSS, filled by tables_init() */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
idt_pointer:
	.word 256 * 8 - 1
	.long idt
real_idt:
	.word 0x3ff
	.long 0
far_pointer:
	.long 0
	.word 0x18
	.globl multiboot_info
multiboot_info:
	.long 0

	.bss
	.align 16
saved_esp:
	.skip 4
	.skip 16384
	.globl stack_top
stack_top:
	.section .note.GNU-stack, "", @progbits
