/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two ways into root mode, up to C in long mode: from the boot loader, in
 * 32-bit protected mode without paging as both versions of Multiboot leave it,
 * and of every other processor from a SIPI, in real mode.
 */

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00000003 /* modules page-aligned, memory information wanted */

#define MB2_MAGIC 0xe85250d6
#define MB2_I386 0
#define MB2_END 0
#define MB2_FRAMEBUFFER 5
#define MB2_MODULE_ALIGN 6
#define MB2_OPTIONAL 1

#define CR0_PE 0x00000001
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000
#define CR4_PAE 0x00000020
#define MSR_EFER 0xc0000080
#define EFER_LME 0x00000100
#define CPUID_EXTENDED 0x80000000
#define CPUID_LONG_MODE (1 << 29) /* of leaf CPUID_EXTENDED + 1, EDX */

#define PTE_PRESENT_WRITE 0x003
#define PTE_LARGE 0x080
#define LARGE_PAGE 0x200000
#define PAGE 4096

#define CS32 0x08
#define CS64 0x10
#define DS 0x18

#define COM1 0x3f8
#define COM1_LSR 0x3fd
#define LSR_TRANSMITTER_EMPTY 0x20
#define VGA_TEXT 0xb8000
#define VGA_WHITE_ON_RED 0x4f

	/* The loader looks for these in the first 8 KiB (version 2: 32 KiB) of the
	 * file, where hv.lds puts them. Without an entry point of its own in the
	 * version 2 header, and without the tag that keeps EFI's boot services
	 * alive, GRUB enters at the ELF entry point in 32-bit mode on EFI too. */
	.section .multiboot, "a"
	.balign 8
mb1_header:
	.long MB1_MAGIC
	.long MB1_FLAGS
	.long -(MB1_MAGIC + MB1_FLAGS)

	.balign 8
mb2_header:
	.long MB2_MAGIC
	.long MB2_I386
	.long mb2_header_end - mb2_header
	.long -(MB2_MAGIC + MB2_I386 + (mb2_header_end - mb2_header))

	.short MB2_MODULE_ALIGN, 0
	.long 8

	.short MB2_FRAMEBUFFER, MB2_OPTIONAL /* a text screen will do, too */
	.long 20
	.long 0, 0, 0 /* any width, height and depth */
	.balign 8

	.short MB2_END, 0
	.long 8
mb2_header_end:

	/* EAX: the loader's magic, EBX: where its information lies. */
	.section .text.boot, "ax"
	.code32
	.globl start
	.type start, @function
start:
	cli
	cld
	movl %eax, %edi /* hv_main()'s arguments */
	movl %ebx, %esi
	rdtsc
	movl %eax, boot_tsc
	movl %edx, boot_tsc + 4

	movl $CPUID_EXTENDED, %eax
	cpuid
	cmpl $CPUID_EXTENDED + 1, %eax
	jb no_long_mode
	movl $CPUID_EXTENDED + 1, %eax
	cpuid
	testl $CPUID_LONG_MODE, %edx
	jz no_long_mode
	lgdt boot_gdt_pointer
	movl $start64, %ebx

	/* Goes on in long mode, at EBX. */
enter_long_mode:
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PG | CR0_WP | CR0_PE, %eax
	movl %eax, %cr0
	ljmp $CS64, $1f

	.code64
1:	movl $DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	xorl %ebp, %ebp
	movl %ebx, %ebx /* its upper half is undefined */
	jmp *%rbx
	.size start, . - start

	.type start64, @function
start64:
	movl $boot_stack_top, %esp
	call hv_main
	jmp halt

ap_start64:
	xorl %eax, %eax
	xchgq %rax, ap_stack
	testq %rax, %rax
	jz halt /* too late: nobody waits for this processor any more */
	movq %rax, %rsp
	call ap_main
halt:
	cli
	hlt
	jmp halt
	.size start64, . - start64

	/* Says so on COM1, as the firmware left it, and on the VGA text screen. */
	.code32
no_long_mode:
	movl $no_long_mode_text, %esi
	movl $VGA_TEXT, %edi
1:	movb (%esi), %bl
	testb %bl, %bl
	jz 3f
	movl $100000, %ecx /* reads of the line status, at about 1 us each */
	movw $COM1_LSR, %dx
2:	inb %dx, %al
	testb $LSR_TRANSMITTER_EMPTY, %al
	loopz 2b
	movw $COM1, %dx
	movb %bl, %al
	outb %al, %dx
	movb $VGA_WHITE_ON_RED, %ah
	movw %ax, (%edi)
	addl $2, %edi
	incl %esi
	jmp 1b
3:	hlt
	jmp 3b

ap_start32:
	movl $ap_start64, %ebx
	jmp enter_long_mode

	/* Is copied to a page below 1 MiB, where the processor starts at CS:0. */
	.section .rodata
	.globl ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl boot_gdt_pointer - ap_trampoline
	movl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $CS32, $ap_start32
	.balign 4
boot_gdt_pointer:
	.short boot_gdt_end - boot_gdt - 1
	.long boot_gdt
ap_trampoline_end:

no_long_mode_text:
	.asciz "mullion: error: this processor has no 64-bit mode; nothing can be started\r\n"

	/* The selectors are those of Linux's boot protocol. Descriptors are marked
	 * accessed: the processor need not write here. */
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* CS32 */
	.quad 0x00af9b000000ffff /* CS64 */
	.quad 0x00cf93000000ffff /* DS */
boot_gdt_end:

	.section .data
	.globl boot_tsc
	.balign 8
boot_tsc:
	.quad 0

	/* The low 4 GiB at 0 and at PHYS_OFFSET, in 2 MiB pages. */
	.balign PAGE
boot_pml4:
	.quad boot_pdpt + PTE_PRESENT_WRITE
	.fill 255, 8, 0
	.quad boot_pdpt + PTE_PRESENT_WRITE
	.fill 255, 8, 0
boot_pdpt:
	.irp gib, 0, 1, 2, 3
	.quad boot_pd + \gib * PAGE + PTE_PRESENT_WRITE
	.endr
	.fill 508, 8, 0
boot_pd:
	.set address, 0
	.rept 4 * 512
	.quad address + PTE_PRESENT_WRITE + PTE_LARGE
	.set address, address + LARGE_PAGE
	.endr

	.section .bss
	.balign 16384 /* CPU_STACK_SIZE, and aligned to that */
	.skip 16384
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
