/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * enum entry_result vmx_enter(uint64_t *gpr, bool launched, const uint32_t *latched)
 *
 * The processor switches RSP, RIP, RFLAGS and everything that is not a general register
 * (SDM vol. 3C 28.3, 29.5).
 */
#include "hv/gpr.inc"

#define HOST_RSP 0x6c14
#define ENTRY_DONE 0
#define ENTRY_FAILED 1
#define ENTRY_ABORTED 2
#define NMI_OR_MC (1 << 2 | 1 << 18)

	.text
	.globl vmx_enter, vmx_exit
	.type vmx_enter, @function
vmx_enter:
	push_root
	mov $HOST_RSP, %eax
	vmwrite %rsp, %rax

	/* An NMI or machine check in root mode sends us from here to `aborted`... */
entering:
	cmpl $0, (%rdx)
	jne aborted
	test %sil, %sil
	mov (%rdi), %rax
	load_guest
	jz 1f
	vmresume
	jmp entered
1:	vmlaunch
entered: /* ...until here */
	mov $ENTRY_FAILED, %eax
	jmp 2f
aborted:
	mov $ENTRY_ABORTED, %eax
2:	add $8, %rsp
	return_root

vmx_exit:
	push %rax
	mov 8(%rsp), %rax
	store_guest
	pop (%rax)
	mov $ENTRY_DONE, %eax
	jmp 2b
	.size vmx_enter, . - vmx_enter

	.section .extable, "a", @progbits
	.quad entering, entered, aborted, NMI_OR_MC
	.section .note.GNU-stack, "", @progbits
