/* SPDX-License-Identifier: GPL-2.0-only */
/* Code of 16-bit protected mode, real mode and V86 mode. It is copied to low memory, so it
 * refers to itself by its distance from its start. Results go to RESULTS. */
#define RESULTS 0x5000
#define REAL_MODE_AT 0x7000
#define CR0_PE 1

	.code16
	.section .rodata

/* Instructions that exit, in 16-bit code: the same for all three modes. DS is 0-based. */
.macro exits
	xor %eax, %eax
	cpuid
	mov %ebx, RESULTS + 0
	mov $0x5a, %al
	out %al, $0x21
	xor %eax, %eax
	in $0x21, %al
	mov %eax, RESULTS + 4
	mov $0x80000000, %eax
	mov $0xcf8, %dx
	outl %eax, %dx
	mov $0xcfc, %dx
	xor %eax, %eax
	in %dx, %ax
	mov %eax, RESULTS + 8
	inl %dx, %eax
	mov %eax, RESULTS + 12
	/* Strings, with 16-bit and 32-bit addresses. */
	cld
	mov $RESULTS + 0x100, %edi
	mov $4, %ecx
	rep insw
	mov %edi, RESULTS + 16
	mov $RESULTS + 0x120, %edi
	mov $3, %ecx
	addr32 rep insl
	mov %edi, RESULTS + 20
	mov $RESULTS + 0x100, %esi
	mov $0x21, %dx
	mov $5, %ecx
	rep outsb
	mov %esi, RESULTS + 24
	xor %eax, %eax
	in %dx, %al
	mov %eax, RESULTS + 28
	mov $0xff, %al
	out %al, %dx
.endm

	/* ---- 16-bit protected mode ---- */
	.globl protected16_code, protected16_code_end
protected16_code:
	exits
	mov $0xc0000080, %ecx
	rdmsr
	mov %eax, RESULTS + 32
	lretl
protected16_code_end:

	/* ---- Real mode; comes here in 16-bit protected mode ---- */
	.globl real_code, real_code_end
real_code:
	mov %cr0, %eax
	and $~CR0_PE, %eax
	mov %eax, %cr0
	ljmp $0, $REAL_MODE_AT + (1f - real_code)
1:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x6ff0, %sp
	exits
	mov $0xc0000080, %ecx
	rdmsr
	mov %eax, RESULTS + 32

	/* The text screen, by a segment of its own. */
	mov $0xb800, %ax
	mov %ax, %es
	movl $0x12345678, %es:0x100
	incb %es:0x100
	mov %es:0x100, %eax
	mov %eax, RESULTS + 36
	mov $RESULTS + 0x100, %si
	mov $0x200, %di
	mov $8, %cx
	rep movsb
	mov %es:0x204, %eax
	mov %eax, RESULTS + 40
	xor %ax, %ax
	mov %ax, %es

	/* An interrupt by the table at 0. */
	movw $REAL_MODE_AT + (2f - real_code), 0x60 * 4
	movw $0, 0x60 * 4 + 2
	movl $0, RESULTS + 44
	int $0x60
	int $0x60
	/* #UD and #DE, by the same; both handlers skip two bytes. */
	movw $REAL_MODE_AT + (3f - real_code), 6 * 4
	movw $0, 6 * 4 + 2
	movw $REAL_MODE_AT + (3f - real_code), 0
	movw $0, 2
	ud2
	xor %cx, %cx
	div %cx
	/* HLT is left by the interrupt that IF lets in. The timer's vector is 0x62. */
	movw $REAL_MODE_AT + (2f - real_code), 0x62 * 4
	movw $0, 0x62 * 4 + 2
	sti
	hlt
	cli
	jmp 4f
2:	incl RESULTS + 44
	iret
3:	push %bp
	mov %sp, %bp
	addw $2, 2(%bp)
	pop %bp
	incl RESULTS + 48
	iret
4:	mov %cr0, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $0x08, $real_return
real_code_end:

	/* ---- V86 mode; ends by INT3 ---- */
	.globl v86_code, v86_code_end
v86_code:
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	exits
	pushf
	pop %ax
	mov %ax, RESULTS + 32
	int3
v86_code_end:

	/* One instruction that V86 mode has not at IOPL 0. */
	.globl v86_cli, v86_cli_end, v86_in, v86_in_end, v86_hlt, v86_hlt_end
v86_cli:
	cli
	int3
v86_cli_end:
v86_in:
	in $0x21, %al
	int3
v86_in_end:
v86_hlt:
	hlt
	int3
v86_hlt_end:
	.section .note.GNU-stack, "", @progbits
