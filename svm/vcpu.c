/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's control block: its beginning, its intercepts, and small changes to it. */
#include "svm/svm.h"

#include "hv/guest_memory.h"
#include "hv/log.h"
#include "hv/vm.h"
#include "hv/x86.h"
#include "svm/translate.h"

/* Instructions of a hypervisor, which neither guests nor the service domain have; the
 * processor insists on the first. */
static const enum vmexit intercepts_all[] = {
	VMEXIT_VMRUN, VMEXIT_VMMCALL, VMEXIT_VMLOAD, VMEXIT_VMSAVE,
	VMEXIT_STGI, VMEXIT_CLGI, VMEXIT_SKINIT, VMEXIT_INVLPGA,
	VMEXIT_CPUID, VMEXIT_MSR, VMEXIT_INIT, VMEXIT_SHUTDOWN,
	VMEXIT_INVD, /* drops other domains' memory from the caches, too */
};

/*
 * #DB and #AC: their delivery can raise them anew without end, with no instruction in
 * between at which an interrupt could get in. #UD: the module may know better. ICEBP: with #DB intercepted the processor
 * does not go past it by itself.
 */
static const enum vmexit intercepts_guest[] = {
	VMEXIT_INTR, VMEXIT_NMI, VMEXIT_IOIO, VMEXIT_HLT, VMEXIT_RDPMC,
	VMEXIT_WBINVD, VMEXIT_XSETBV, VMEXIT_ICEBP,
	VMEXIT_MONITOR, VMEXIT_MWAIT, VMEXIT_MWAIT_CONDITIONAL,
	VMEXIT_EXCP0 + EXC_DB, VMEXIT_EXCP0 + EXC_UD, VMEXIT_EXCP0 + EXC_AC, VMEXIT_EXCP0 + EXC_MC,
};

void svm_vcpu_init(struct vcpu *v)
{
	struct vmcb *b = vmcb_of(v);
	struct vmcb_control *c = &b->control;

	for (size_t i = 0; i < ARRAY_SIZE(intercepts_all); i++)
		vmcb_intercept(b, intercepts_all[i], true);
	if (!v->is_service) {
		for (size_t i = 0; i < ARRAY_SIZE(intercepts_guest); i++)
			vmcb_intercept(b, intercepts_guest[i], true);
		vmcb_intercept(b, VMEXIT_RDPRU, svm_features.rdpru);
		c->vintr = V_INTR_MASKING;
	}
	v->asid_generation = 0;
	c->iopm_base_pa = svm_iopm();
	c->msrpm_base_pa = svm_msrpm(v->is_service);
	c->nested_control = NP_ENABLE;
	c->n_cr3 = v->vm->nested.root.raw;
}

void svm_get_code(struct vcpu *v, struct mullion_run *state)
{
	const struct vmcb_save *s = &vmcb_of(v)->save;

	state->rip = s->rip;
	state->cr0 = s->cr0;
	state->cr3 = s->cr3;
	state->cr4 = s->cr4;
	state->efer = s->efer;
	state->seg[MULLION_CS] = s->cs;
}

bool svm_skip(struct vcpu *v, uint8_t len)
{
	struct vmcb *b = vmcb_of(v);
	struct vmcb_save *s = &b->save;

	s->rip += len;
	if (!is_code64(s->efer, &s->cs))
		s->rip = (uint32_t)s->rip;
	b->control.interrupt_shadow = 0;
	s->rflags &= ~RFLAGS_RF;
	return s->rflags & RFLAGS_TF || v->request & MULLION_REQUEST_SINGLE_STEP;
}

void svm_trap_dr(struct vcpu *v, bool on)
{
	for (enum vmexit code = VMEXIT_DR0_READ; code <= VMEXIT_DR15_WRITE; code++)
		vmcb_intercept(vmcb_of(v), code, on);
}

/* Without FlushByAsid a new ASID has the same effect. */
void svm_tlb_flush(struct vcpu *v)
{
	if (svm_features.flush_by_asid)
		vmcb_of(v)->control.tlb_control = TLB_FLUSH_GUEST;
	else
		v->asid_generation = 0;
}

uint64_t svm_get_efer(struct vcpu *v)
{
	return vmcb_of(v)->save.efer & ~EFER_SVME;
}

/* LMA follows from LME and CR0.PG (APM vol. 2 14.6). */
void svm_set_efer(struct vcpu *v, uint64_t value)
{
	struct vmcb *b = vmcb_of(v);
	uint64_t efer = (value & cpu_features.efer) | EFER_SVME;

	if (efer & EFER_LME && b->save.cr0 & CR0_PG)
		efer |= EFER_LMA;
	if (efer == b->save.efer)
		return;
	b->save.efer = efer;
	vmcb_touch(b, CLEAN_CRX);
	svm_tlb_flush(v);
}

void svm_dump(struct vcpu *v)
{
	const struct vmcb_control *c = &vmcb_of(v)->control;
	const struct vmcb_save *s = &vmcb_of(v)->save;

	pr_warn("VMCB at %lx, ASID %u: exit %lx info %lx %lx, event out %lx in %lx",
		v->control_hpa.raw, c->guest_asid, c->exitcode, c->exitinfo1, c->exitinfo2,
		c->exitintinfo, c->eventinj);
	pr_warn("  intercepts %08x %08x %08x %08x %08x %08x, vintr %lx, shadow %lx, clean %x",
		c->intercepts[0], c->intercepts[1], c->intercepts[2], c->intercepts[3],
		c->intercepts[4], c->intercepts[5], c->vintr, c->interrupt_shadow, c->clean);
	pr_warn("  nested CR3 %lx, TSC offset %lx, next RIP %lx", c->n_cr3, c->tsc_offset, c->nrip);
	pr_warn("  PAT %lx DR6 %lx DR7 %lx CPL %u", s->g_pat, s->dr6, s->dr7, s->cpl);
}
