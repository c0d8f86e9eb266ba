/* SPDX-License-Identifier: GPL-2.0-only */
/* What an exit was, from the VMCS (SDM vol. 3C 29.2 and vol. 3D appendix C). */
#include "vmx/vmx.h"

#include "hv/apic.h"
#include "hv/event.h"
#include "hv/x86.h"

#define DR6_CAUSES (DR6_B | DR6_BD | DR6_BS)

/* Exits of which nothing else is to be said: what they are, and whether an instruction, whose
 * length is known, made them. */
static const struct plain {
	uint8_t kind;
	bool insn;
	bool known;
} plain[REASON_COUNT] = {
	[REASON_INTERRUPT] = { EXIT_INTERRUPT, false, true },
	[REASON_TRIPLE_FAULT] = { EXIT_SHUTDOWN, false, true },
	[REASON_INIT] = { EXIT_INIT, false, true },
	[REASON_INTERRUPT_WINDOW] = { EXIT_IRQ_WINDOW, false, true },
	[REASON_NMI_WINDOW] = { EXIT_NMI_WINDOW, false, true },
	[REASON_CPUID] = { EXIT_CPUID, true, true },
	[REASON_GETSEC] = { EXIT_FORBIDDEN, true, true },
	[REASON_HLT] = { EXIT_HLT, true, true },
	[REASON_INVD] = { EXIT_INVD, true, true },
	[REASON_RDPMC] = { EXIT_PRIVILEGED, true, true },
	[REASON_VMCALL] = { EXIT_HYPERCALL, true, true },
	[REASON_VMCLEAR ... REASON_VMXON] = { EXIT_FORBIDDEN, true, true },
	[REASON_MOV_DR] = { EXIT_DR_ACCESS, true, true },
	[REASON_RDMSR] = { EXIT_RDMSR, true, true },
	[REASON_WRMSR] = { EXIT_WRMSR, true, true },
	[REASON_MWAIT] = { EXIT_FORBIDDEN, true, true },
	[REASON_MONITOR] = { EXIT_FORBIDDEN, true, true },
	[REASON_INVEPT] = { EXIT_FORBIDDEN, true, true },
	[REASON_INVVPID] = { EXIT_FORBIDDEN, true, true },
	[REASON_WBINVD] = { EXIT_WBINVD, true, true },
	[REASON_XSETBV] = { EXIT_XSETBV, true, true },
};

static void decode_io(uint64_t qualification, struct vm_exit *x)
{
	x->kind = EXIT_IO;
	x->io.port = qualification >> 16;
	x->io.size = (qualification & 7) + 1;
	x->io.flags = (qualification & BIT(3) ? MULLION_IO_IN : 0) |
		      (qualification & BIT(4) ? MULLION_IO_STRING : 0) |
		      (qualification & BIT(5) ? MULLION_IO_REP : 0);
	x->insn_len = vmread(EXIT_INSN_LENGTH);
	x->io.next_rip = x->rip + x->insn_len;
}

/* Bits 0-2: read, write, fetch; 3-5: what the tables permit; 7: there is a linear address,
 * and 8: it is its own translation that failed, not that of a page table. */
static void decode_ept_violation(uint64_t qualification, struct vm_exit *x)
{
	x->kind = EXIT_NESTED_FAULT;
	x->memory.gpa = vmread(GUEST_PHYSICAL_ADDRESS);
	x->memory.access = (qualification & BIT(1) ? MULLION_ACCESS_WRITE : 0) |
			   (qualification & BIT(2) ? MULLION_ACCESS_FETCH : 0) |
			   (qualification >> 3 & 7 ? MULLION_ACCESS_PRESENT : 0) |
			   ((qualification >> 7 & 3) == 1 ? MULLION_ACCESS_WALK : 0);
}

/*
 * A write that would change bits of CR0 or CR4 which are not the vCPU's own. If it may, they
 * change in the shadow, and then the instruction executes without an exit, with all that the
 * processor does for the other bits.
 */
static bool change_shadow(struct vcpu *v, unsigned int number, uint64_t value)
{
	enum vmcs_field shadow = number ? CR4_SHADOW : CR0_SHADOW;
	uint64_t mask = number ? vmx_cr4_mask(v) : vmx_cr0_mask(v);
	/* Linux's own KVM survives that VMXON faults, but not that VMXE cannot be set. */
	uint64_t allowed = v->is_service ? CR4_VMXE : CR4_MCE;

	if (number ? value & mask & ~allowed : value & mask & CR0_NW && !(value & CR0_CD))
		return false;
	vmwrite(shadow, (vmread(shadow) & ~mask) | (value & mask));
	return true;
}

/* Bits 3:0: the register; 5:4: 0 for MOV to it; 11:8: the general register. LMSW and CLTS
 * change nothing that exits. */
static void decode_cr_access(struct vcpu *v, uint64_t qualification, struct vm_exit *x)
{
	unsigned int number = qualification & 0xf, gpr = qualification >> 8 & 0xf;

	if (qualification & 0x30)
		return;
	if (number == 8) {
		x->kind = EXIT_CR_WRITE;
		x->cr.gpr = gpr;
		x->insn_len = vmread(EXIT_INSN_LENGTH);
	} else {
		x->kind = change_shadow(v, number, v->gpr[gpr]) ? EXIT_RETRY : EXIT_PRIVILEGED;
	}
}

/* The processor has ended an interrupt, and WRMSR is done. That is taken back: it comes as a WRMSR
 * that is still to be done, of no length. */
static void decode_eoi(struct vcpu *v, uint8_t vector, struct vm_exit *x)
{
	APIC_WORD(v, APIC_ISR, vector) |= VECTOR_BIT(vector);
	vmwrite(GUEST_PENDING_DEBUG, 0); /* that of a step is raised when it is done */
	x->kind = EXIT_WRMSR;
}

/* Bits 15:0: the selector; 31:30: what switches. */
static void decode_task_switch(uint64_t qualification, struct vm_exit *x)
{
	x->kind = EXIT_TASK_SWITCH;
	x->task.selector = (uint16_t)qualification;
	x->task.source = qualification >> 30 & 3;
	if (x->task.source != MULLION_TASK_GATE ||
	    (vmread(IDT_VECTORING) >> EVENT_TYPE_SHIFT & 7) >= MULLION_EVENT_SOFT_INTERRUPT)
		x->insn_len = vmread(EXIT_INSN_LENGTH);
}

/* A #DB that exits leaves DR6 alone; what it would have set is in the qualification. */
static void take_debug_causes(struct vcpu *v, uint64_t qualification)
{
	vmx_set_dr6(v, (vmx_get_dr6(v) & ~DR6_B) | (qualification & DR6_CAUSES));
}

static void decode_exception(struct vcpu *v, uint64_t qualification, struct vm_exit *x)
{
	uint64_t info = vmread(EXIT_INTERRUPTION);
	uint8_t type = info >> EVENT_TYPE_SHIFT & 7, vector = (uint8_t)info;

	if (type == MULLION_EVENT_NMI) {
		__atomic_fetch_or(&this_cpu()->latched, BIT(EXC_NMI), __ATOMIC_RELAXED);
		x->kind = EXIT_NMI;
		return;
	}
	x->kind = EXIT_EXCEPTION;
	x->exception.vector = vector;
	x->exception.error = info & EVENT_ERROR_VALID ? vmread(EXIT_ERROR_CODE) : 0;
	if (type >= EVENT_PRIVILEGED_SOFTWARE)
		x->insn_len = vmread(EXIT_INSN_LENGTH);
	if (type == EVENT_PRIVILEGED_SOFTWARE) {
		/* INT1 is past its one byte when it raises #DB. */
		vmx_skip(v, x->insn_len);
		x->rip += x->insn_len;
	} else if (vector == EXC_DB) {
		take_debug_causes(v, qualification);
	}
}

void vmx_exit_decode(struct vcpu *v, struct vm_exit *x)
{
	uint64_t reason = vmread(EXIT_REASON), qualification = vmread(EXIT_QUALIFICATION);
	uint16_t basic = (uint16_t)reason;

	*x = (struct vm_exit){
		.kind = EXIT_UNKNOWN,
		.code = reason,
		.info = { qualification },
		.rip = vmread(GUEST_RIP),
	};
	if (reason & REASON_ENTRY_FAILED) {
		x->kind = EXIT_REFUSED;
		return;
	}
	if (basic < REASON_COUNT && plain[basic].known) {
		x->kind = plain[basic].kind;
		x->insn_len = plain[basic].insn ? vmread(EXIT_INSN_LENGTH) : 0;
	}
	switch (basic) {
	case REASON_EXCEPTION_OR_NMI:
		decode_exception(v, qualification, x);
		break;
	case REASON_VMCALL:
	case REASON_XSETBV: /* on Bochs before the check of CPL, which SS.DPL is */
		if (vmread(GUEST_SS_ACCESS) >> 5 & 3)
			x->kind = basic == REASON_VMCALL ? EXIT_FORBIDDEN : EXIT_PRIVILEGED;
		break;
	case REASON_TASK_SWITCH:
		decode_task_switch(qualification, x);
		break;
	case REASON_TIMER:
		x->kind = v->is_service ? EXIT_RETRY : EXIT_INTERRUPT;
		break;
	case REASON_CR_ACCESS:
		decode_cr_access(v, qualification, x);
		break;
	case REASON_IO:
		decode_io(qualification, x);
		break;
	case REASON_EOI:
		decode_eoi(v, (uint8_t)qualification, x);
		break;
	case REASON_EPT_VIOLATION:
		decode_ept_violation(qualification, x);
		break;
	}
	/* An IRET that faulted had opened NMIs already (29.2.2, 29.2.3); it will again. */
	if ((x->kind == EXIT_EXCEPTION ? vmread(EXIT_INTERRUPTION) : qualification) &
		    EVENT_NMI_UNBLOCKED &&
	    (x->kind == EXIT_EXCEPTION || x->kind == EXIT_NESTED_FAULT) &&
	    !(vmread(IDT_VECTORING) & EVENT_VALID))
		vmcs_switch(GUEST_INTERRUPTIBILITY, BLOCKED_BY_NMI, true);
}
