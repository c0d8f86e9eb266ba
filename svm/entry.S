/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * void svm_enter(uint64_t *gpr, uint64_t vmcb)
 *
 * VMRUN switches RAX, RSP, RIP, RFLAGS and everything that is not a general register
 * (APM vol. 2 15.5.1).
 */
#include "hv/gpr.inc"

	.text
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	push_root
	mov %rsi, %rax
	load_guest
	vmrun %rax
	/* RAX is root mode's again: the VMCB's address, of no use here. */
	pop %rax
	store_guest
	return_root
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
