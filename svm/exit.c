/* SPDX-License-Identifier: GPL-2.0-only */
/* What an exit was, from the VMCB (APM vol. 2 15.8 to 15.14 and appendix C). */
#include "svm/svm.h"

#include "hv/insn.h"
#include "hv/lib/string.h"
#include "hv/x86.h"
#include "svm/translate.h"

#define VMMCALL_LENGTH 3

/* Exits by an instruction at RIP, for which the processor saves the next RIP (15.7.1). */
static bool is_instruction(uint64_t code)
{
	return code < VMEXIT_EXCP0 ||
	       (code >= VMEXIT_CR0_SEL_WRITE && code < VMEXIT_NPF && code != VMEXIT_SHUTDOWN &&
		code != VMEXIT_FERR_FREEZE);
}

/* Exits of which nothing else is to be said, as what they are short of EXIT_UNKNOWN. */
#define IS(kind) (EXIT_UNKNOWN - (kind))
static const uint8_t plain[] = {
	[VMEXIT_DR0_READ ... VMEXIT_DR15_WRITE] = IS(EXIT_DR_ACCESS),
	[VMEXIT_INTR] = IS(EXIT_INTERRUPT),
	[VMEXIT_NMI] = IS(EXIT_NMI),
	[VMEXIT_INIT] = IS(EXIT_INIT),
	[VMEXIT_VINTR] = IS(EXIT_IRQ_WINDOW),
	[VMEXIT_RDPMC] = IS(EXIT_PRIVILEGED),
	[VMEXIT_CPUID] = IS(EXIT_CPUID),
	[VMEXIT_INVD] = IS(EXIT_INVD),
	[VMEXIT_HLT] = IS(EXIT_HLT),
	[VMEXIT_INVLPGA] = IS(EXIT_FORBIDDEN),
	[VMEXIT_SHUTDOWN] = IS(EXIT_SHUTDOWN),
	[VMEXIT_VMRUN] = IS(EXIT_FORBIDDEN),
	[VMEXIT_VMLOAD ... VMEXIT_SKINIT] = IS(EXIT_FORBIDDEN),
	[VMEXIT_WBINVD] = IS(EXIT_WBINVD),
	[VMEXIT_MONITOR ... VMEXIT_MWAIT_CONDITIONAL] = IS(EXIT_FORBIDDEN),
	[VMEXIT_RDPRU] = IS(EXIT_FORBIDDEN),
};

static void decode_io(const struct vmcb_control *c, struct vm_exit *x)
{
	uint64_t info = c->exitinfo1;

	x->kind = EXIT_IO;
	x->io = (struct mullion_exit_io){
		.port = (uint16_t)(info >> IOIO_PORT_SHIFT),
		.size = info >> IOIO_SIZE_SHIFT & 7,
		.flags = (info & IOIO_IN ? MULLION_IO_IN : 0) |
			 (info & IOIO_STRING ? MULLION_IO_STRING : 0) |
			 (info & IOIO_REP ? MULLION_IO_REP : 0),
		.next_rip = c->exitinfo2,
	};
	x->insn_len = (uint8_t)(c->exitinfo2 - x->rip);
}

static void decode_nested_fault(const struct vmcb_control *c, struct vm_exit *x)
{
	uint64_t info = c->exitinfo1;

	x->kind = EXIT_NESTED_FAULT;
	x->memory = (struct mullion_exit_memory){
		.gpa = c->exitinfo2,
		.access = (info & NPF_WRITE ? MULLION_ACCESS_WRITE : 0) |
			  (info & NPF_FETCH ? MULLION_ACCESS_FETCH : 0) |
			  (info & NPF_PRESENT ? MULLION_ACCESS_PRESENT : 0) |
			  (info & NPF_WALK ? MULLION_ACCESS_WALK : 0),
	};
	if (!svm_features.decode_assists)
		return;
	x->insn_count = c->bytes_fetched & 0xf;
	memcpy(x->insn, c->guest_instruction, sizeof(x->insn));
}

static void decode_exception(const struct vmcb_control *c, struct vm_exit *x)
{
	x->kind = EXIT_EXCEPTION;
	x->exception.vector = c->exitcode - VMEXIT_EXCP0;
	x->exception.error = EXC_WITH_ERROR >> x->exception.vector & 1 ? c->exitinfo1 : 0;
}

static void decode_cr_write(const struct vmcb_control *c, struct vm_exit *x)
{
	x->kind = EXIT_CR_WRITE;
	x->cr.gpr = c->exitinfo1 & CR_GPR;
	/* Without decode assists the register is found with the length. */
	if (!(svm_features.decode_assists && c->exitinfo1 & CR_IS_MOV))
		x->insn_len = 0;
}

void exit_decode(const struct vcpu *v, struct vm_exit *x)
{
	const struct vmcb_control *c = &vmcb_of(v)->control;
	const struct vmcb_save *s = &vmcb_of(v)->save;

	x->kind = EXIT_UNKNOWN;
	x->code = c->exitcode;
	x->info[0] = c->exitinfo1;
	x->info[1] = c->exitinfo2;
	x->rip = s->rip;
	x->insn_len = x->insn_count = 0;
	if (svm_features.next_rip && is_instruction(c->exitcode) &&
	    c->nrip - s->rip <= INSN_MAX_LENGTH)
		x->insn_len = c->nrip - s->rip;

	if (c->exitcode < ARRAY_SIZE(plain))
		x->kind = EXIT_UNKNOWN - plain[c->exitcode];
	switch (c->exitcode) {
	case VMEXIT_CR8_WRITE:
		decode_cr_write(c, x);
		break;
	case VMEXIT_EXCP0 ... VMEXIT_EXCP31:
		decode_exception(c, x);
		break;
	case VMEXIT_IOIO:
		decode_io(c, x);
		break;
	case VMEXIT_MSR:
		x->kind = c->exitinfo1 & 1 ? EXIT_WRMSR : EXIT_RDMSR;
		break;
	case VMEXIT_VMMCALL:
		x->kind = s->cpl == 0 ? EXIT_HYPERCALL : EXIT_FORBIDDEN;
		if (v->is_service) /* without prefixes, says the interface */
			x->insn_len = VMMCALL_LENGTH;
		break;
	case VMEXIT_XSETBV: /* comes before the check of CPL */
		x->kind = s->cpl == 0 ? EXIT_XSETBV : EXIT_PRIVILEGED;
		break;
	case VMEXIT_NPF:
		decode_nested_fault(c, x);
		break;
	default:
		if ((uint32_t)c->exitcode == VMEXIT_INVALID)
			x->kind = EXIT_REFUSED;
	}
}
