/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers between the VMCB and the run page. */
#include "svm/svm.h"

#include "hv/lib/string.h"
#include "hv/x86.h"
#include "svm/translate.h"

/* The groups whose registers VMLOAD and VMSAVE move. */
#define GROUPS_SYNCED (MULLION_GROUP_SEG | MULLION_GROUP_MSR)

_Static_assert(MULLION_ES == 0 && MULLION_CS == 1 && MULLION_SS == 2 && MULLION_DS == 3 &&
		       MULLION_FS == 4 && MULLION_GS == 5,
	       "the VMCB's order");

/* SS.DPL stands for the CPL outside the VMCB, which has a field of its own for it. */
static void get_segments(const struct vmcb_save *s, struct mullion_run *run)
{
	memcpy(run->seg, s->seg, sizeof(s->seg));
	run->seg[MULLION_LDTR] = s->ldtr;
	run->seg[MULLION_TR] = s->tr;
	run->seg[MULLION_SS].attr = segment_with_dpl(s->ss.attr, s->cpl);
	run->gdtr = (struct mullion_table){ .base = s->gdtr.base, .limit = s->gdtr.limit };
	run->idtr = (struct mullion_table){ .base = s->idtr.base, .limit = s->idtr.limit };
}

static struct mullion_segment sound_segment(struct mullion_segment segment)
{
	segment.attr &= SEGMENT_ATTR;
	return segment;
}

static void set_segments(struct vmcb *b, const struct mullion_run *run)
{
	struct vmcb_save *s = &b->save;

	for (size_t i = 0; i < ARRAY_SIZE(s->seg); i++)
		s->seg[i] = sound_segment(run->seg[i]);
	s->ldtr = sound_segment(run->seg[MULLION_LDTR]);
	s->tr = sound_segment(run->seg[MULLION_TR]);
	s->cpl = segment_dpl(s->ss.attr);
	s->gdtr.base = run->gdtr.base;
	s->gdtr.limit = run->gdtr.limit;
	s->idtr.base = run->idtr.base;
	s->idtr.limit = run->idtr.limit;
	vmcb_touch(b, CLEAN_SEG | CLEAN_DT);
}

/*
 * The caches stay on: INIT leaves CR0.CD set, and firmware made for virtual machines does
 * not clear it. A guest that sets CD by itself gets what it wants.
 */
static void set_control_registers(struct vcpu *v, const struct mullion_run *run)
{
	struct vmcb *b = vmcb_of(v);
	struct vmcb_save *s = &b->save;

	s->cr0 = (run->cr0 & ~(CR0_CD | CR0_NW)) | CR0_ET;
	s->cr2 = run->cr2;
	s->cr3 = run->cr3;
	s->cr4 = run->cr4;
	svm_set_efer(v, run->efer);
	vmcb_touch(b, CLEAN_CRX | CLEAN_CR2);
	svm_tlb_flush(v);
}

/* MSRs that are in the save area as they are. Without LBR virtualization DBGCTL is only kept
 * there: the processor does not load it. */
#define MSR_FIELD(name, field)                                                                     \
	{                                                                                          \
		offsetof(struct mullion_msrs, name), offsetof(struct vmcb_save, field)             \
	}
static const struct msr_field {
	uint16_t run, save;
} msr_fields[] = {
	MSR_FIELD(star, star),
	MSR_FIELD(lstar, lstar),
	MSR_FIELD(cstar, cstar),
	MSR_FIELD(sfmask, sfmask),
	MSR_FIELD(kernel_gs_base, kernel_gs_base),
	MSR_FIELD(sysenter_cs, sysenter_cs),
	MSR_FIELD(sysenter_esp, sysenter_esp),
	MSR_FIELD(sysenter_eip, sysenter_eip),
	MSR_FIELD(debugctl, dbgctl),
};

static void get_msrs(struct vcpu *v, struct mullion_msrs *msr)
{
	const uint8_t *save = (const uint8_t *)&vmcb_of(v)->save;
	uint8_t *run = (uint8_t *)msr;

	for (size_t i = 0; i < ARRAY_SIZE(msr_fields); i++)
		*(uint64_t *)(run + msr_fields[i].run) =
			*(const uint64_t *)(save + msr_fields[i].save);
	msr->tsc_aux = v->tsc_aux;
	msr->spec_ctrl = v->spec_ctrl;
}

static void set_msrs(struct vcpu *v, const struct mullion_msrs *msr)
{
	uint8_t *save = (uint8_t *)&vmcb_of(v)->save;
	const uint8_t *run = (const uint8_t *)msr;

	for (size_t i = 0; i < ARRAY_SIZE(msr_fields); i++)
		*(uint64_t *)(save + msr_fields[i].save) =
			*(const uint64_t *)(run + msr_fields[i].run);
	v->tsc_aux = (uint32_t)msr->tsc_aux;
	v->spec_ctrl = msr->spec_ctrl & SPEC_CTRL_VALID;
}

void svm_get_state(struct vcpu *v, uint32_t groups, struct mullion_run *run)
{
	struct vmcb *b = vmcb_of(v);
	struct vmcb_save *s = &b->save;

	if (groups & GROUPS_SYNCED)
		svm_sync(v);
	if (groups & MULLION_GROUP_GPR)
		memcpy(run->gpr, v->gpr, sizeof(v->gpr));
	if (groups & MULLION_GROUP_RIP) {
		run->rip = s->rip;
		run->rflags = s->rflags;
		run->interruptibility =
			(b->control.interrupt_shadow & INTERRUPT_SHADOW ? MULLION_BLOCK_STI : 0) |
			(v->nmi_blocked ? MULLION_BLOCK_NMI : 0);
	}
	if (groups & MULLION_GROUP_SEG)
		get_segments(s, run);
	if (groups & MULLION_GROUP_CR) {
		run->cr0 = s->cr0;
		run->cr2 = s->cr2;
		run->cr3 = s->cr3;
		run->cr4 = s->cr4;
		run->efer = svm_get_efer(v);
	}
	if (groups & MULLION_GROUP_CR8)
		run->cr8 = b->control.vintr & V_TPR_CR8;
	if (groups & MULLION_GROUP_DR) {
		memcpy(run->dr, v->dr, sizeof(v->dr));
		run->dr[6] = s->dr6;
		run->dr[7] = s->dr7;
	}
	if (groups & MULLION_GROUP_MSR)
		get_msrs(v, &run->msr);
	if (groups & (MULLION_GROUP_MSR | GROUP_PAT))
		run->msr.pat = s->g_pat;
	if (groups & MULLION_GROUP_TSC)
		run->msr.tsc_offset = v->tsc_offset;
}

void svm_set_state(struct vcpu *v, uint32_t groups, const struct mullion_run *run)
{
	struct vmcb *b = vmcb_of(v);
	struct vmcb_save *s = &b->save;

	if (groups & GROUPS_SYNCED)
		svm_unload(v);
	if (groups & MULLION_GROUP_GPR)
		memcpy(v->gpr, run->gpr, sizeof(v->gpr));
	if (groups & MULLION_GROUP_RIP) {
		uint32_t blocked = run->interruptibility;

		s->rip = run->rip;
		s->rflags = (run->rflags & RFLAGS_VALID) | RFLAGS_FIXED;
		b->control.interrupt_shadow = blocked & MULLION_BLOCK_STI ? INTERRUPT_SHADOW : 0;
		v->nmi_blocked = blocked & MULLION_BLOCK_NMI;
		v->nmi_stepping = false;
	}
	if (groups & MULLION_GROUP_SEG)
		set_segments(b, run);
	if (groups & MULLION_GROUP_CR)
		set_control_registers(v, run);
	if (groups & MULLION_GROUP_CR8) {
		b->control.vintr = (b->control.vintr & ~V_TPR) | (run->cr8 & V_TPR_CR8);
		vmcb_touch(b, CLEAN_TPR);
	}
	if (groups & MULLION_GROUP_DR) {
		memcpy(v->dr, run->dr, sizeof(v->dr));
		s->dr6 = (uint32_t)run->dr[6];
		s->dr7 = (uint32_t)run->dr[7];
		vmcb_touch(b, CLEAN_DRX);
	}
	if (groups & MULLION_GROUP_MSR)
		set_msrs(v, &run->msr);
	if (groups & (MULLION_GROUP_MSR | GROUP_PAT)) {
		s->g_pat = run->msr.pat;
		vmcb_touch(b, CLEAN_NP);
	}
	if (groups & MULLION_GROUP_TSC) {
		v->tsc_offset = run->msr.tsc_offset;
		b->control.tsc_offset = v->tsc_offset;
		vmcb_touch(b, CLEAN_I);
	}
}
