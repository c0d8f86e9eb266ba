/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers between the VMCS and the run page. */
#include "vmx/vmx.h"

#include "hv/x86.h"

/* Bits that exist; the processor refuses the others. */
#define RFLAGS_VALID 0x3f7fd7ull
#define SPEC_CTRL_VALID 7ull /* IBRS, STIBP, SSBD */
#define DEBUGCTL_BTF BIT(1)  /* the records of branches are not switched */
#define CR3_VALID (~BIT(63))

/* Of a descriptor's attributes. */
#define ATTR_ACCESSED BIT(0)
#define ATTR_BUSY BIT(1)
#define ATTR_CODE_OR_DATA BIT(4)
#define ATTR_PRESENT BIT(7)

static void get_segments(struct mullion_run *run)
{
	for (int i = 0; i < MULLION_SEGS; i++) {
		uint64_t access = vmread(SEGMENT_FIELD(GUEST_ES_ACCESS, i));

		run->seg[i] = (struct mullion_segment){
			.selector = vmread(SEGMENT_FIELD(GUEST_ES_SELECTOR, i)),
			.attr = (access & 0xff) | (access >> 4 & 0xf00),
			.limit = vmread(SEGMENT_FIELD(GUEST_ES_LIMIT, i)),
			.base = vmread(SEGMENT_FIELD(GUEST_ES_BASE, i)),
		};
		if (access & ACCESS_UNUSABLE)
			run->seg[i].attr &= ~ATTR_PRESENT;
	}
	run->gdtr.base = vmread(GUEST_GDTR_BASE);
	run->gdtr.limit = vmread(GUEST_GDTR_LIMIT);
	run->idtr.base = vmread(GUEST_IDTR_BASE);
	run->idtr.limit = vmread(GUEST_IDTR_LIMIT);
}

/* The processor insists on what loading the register would have set: accessed, busy. */
static uint64_t access_rights(enum mullion_seg seg, uint16_t attr)
{
	uint64_t access = (attr & 0xff) | (uint64_t)(attr & 0xf00) << 4;

	if (!(attr & ATTR_PRESENT))
		return access | ACCESS_UNUSABLE;
	if (attr & ATTR_CODE_OR_DATA)
		return access | ATTR_ACCESSED;
	return seg == MULLION_TR ? access | ATTR_BUSY : access;
}

static void set_segments(const struct mullion_run *run)
{
	for (int i = 0; i < MULLION_SEGS; i++) {
		struct mullion_segment segment = run->seg[i];

		vmwrite(SEGMENT_FIELD(GUEST_ES_SELECTOR, i), segment.selector);
		vmwrite(SEGMENT_FIELD(GUEST_ES_ACCESS, i), access_rights(i, segment.attr));
		vmwrite(SEGMENT_FIELD(GUEST_ES_LIMIT, i), segment.limit);
		vmwrite(SEGMENT_FIELD(GUEST_ES_BASE, i), segment.base);
	}
	vmwrite(GUEST_GDTR_BASE, run->gdtr.base);
	vmwrite(GUEST_GDTR_LIMIT, run->gdtr.limit);
	vmwrite(GUEST_IDTR_BASE, run->idtr.base);
	vmwrite(GUEST_IDTR_LIMIT, run->idtr.limit);
}

static uint64_t get_shadowed(enum vmcs_field field, enum vmcs_field shadow, uint64_t mask)
{
	return (vmread(field) & ~mask) | (vmread(shadow) & mask);
}

static void get_control_registers(struct vcpu *v, struct mullion_run *run)
{
	run->cr0 = get_shadowed(GUEST_CR0, CR0_SHADOW, vmx_cr0_mask(v));
	run->cr2 = vmx_of(v)->cr2;
	run->cr3 = vmread(GUEST_CR3);
	run->cr4 = get_shadowed(GUEST_CR4, CR4_SHADOW, vmx_cr4_mask(v));
	run->efer = vmread(GUEST_EFER);
}

static void set_control_registers(struct vcpu *v, const struct mullion_run *run)
{
	uint64_t cr0 = run->cr0 | CR0_ET, cr4 = run->cr4;

	vmwrite(CR0_SHADOW, cr0);
	vmwrite(GUEST_CR0, (cr0 & ~(CR0_CD | CR0_NW)) | CR0_NE);
	vmwrite(CR4_SHADOW, cr4 & ~CR4_VMXE);
	vmwrite(GUEST_CR4,
		(cr4 & ~vmx_cr4_mask(v)) | CR4_VMXE | (v->is_service ? 0 : CR4_MCE));
	vmwrite(GUEST_CR3, run->cr3 & CR3_VALID);
	vmx_of(v)->cr2 = run->cr2;
	vmx_set_efer(v, run->efer);
	vmx_of(v)->reload_pdptes = true;
	vmx_tlb_flush(v);
}

/* MSRs in the VMCS, and those that msr.c switches. */
static const struct {
	uint16_t run;
	enum vmcs_field field;
} vmcs_msrs[] = {
	{ offsetof(struct mullion_msrs, sysenter_cs), GUEST_SYSENTER_CS },
	{ offsetof(struct mullion_msrs, sysenter_esp), GUEST_SYSENTER_ESP },
	{ offsetof(struct mullion_msrs, sysenter_eip), GUEST_SYSENTER_EIP },
	{ offsetof(struct mullion_msrs, pat), GUEST_PAT },
	{ offsetof(struct mullion_msrs, debugctl), GUEST_DEBUGCTL },
};

#define KEPT_MSR(name, valid) { offsetof(struct mullion_msrs, name), offsetof(struct vcpu, name), valid }
static const struct {
	uint16_t run, vcpu;
	uint64_t valid;
} kept_msrs[] = {
	KEPT_MSR(star, ~0ull),
	KEPT_MSR(lstar, ~0ull),
	KEPT_MSR(cstar, ~0ull),
	KEPT_MSR(sfmask, ~0ull),
	KEPT_MSR(kernel_gs_base, ~0ull),
	KEPT_MSR(tsc_aux, UINT32_MAX),
	KEPT_MSR(spec_ctrl, SPEC_CTRL_VALID),
};

static uint64_t *at(const void *base, uint16_t offset)
{
	return (uint64_t *)((uintptr_t)base + offset);
}

static void get_msrs(struct vcpu *v, struct mullion_msrs *msr)
{
	for (size_t i = 0; i < ARRAY_SIZE(vmcs_msrs); i++)
		*at(msr, vmcs_msrs[i].run) = vmread(vmcs_msrs[i].field);
	for (size_t i = 0; i < ARRAY_SIZE(kept_msrs); i++)
		*at(msr, kept_msrs[i].run) = *at(v, kept_msrs[i].vcpu);
}

static void set_msrs(struct vcpu *v, const struct mullion_msrs *msr)
{
	for (size_t i = 0; i < ARRAY_SIZE(vmcs_msrs); i++)
		vmwrite(vmcs_msrs[i].field, *at(msr, vmcs_msrs[i].run));
	vmwrite(GUEST_DEBUGCTL, msr->debugctl & DEBUGCTL_BTF);
	for (size_t i = 0; i < ARRAY_SIZE(kept_msrs); i++)
		*at(v, kept_msrs[i].vcpu) = *at(msr, kept_msrs[i].run) & kept_msrs[i].valid;
}

static uint32_t get_interruptibility(void)
{
	uint64_t blocked = vmread(GUEST_INTERRUPTIBILITY);

	return (blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS) ? MULLION_BLOCK_STI : 0) |
	       (blocked & BLOCKED_BY_NMI ? MULLION_BLOCK_NMI : 0);
}

/* STI leaves no shadow behind with IF clear, and the processor knows (28.3.1.5). */
static void set_interruptibility(uint32_t blocked, uint64_t rflags)
{
	uint64_t shadow = rflags & RFLAGS_IF ? BLOCKED_BY_STI : BLOCKED_BY_MOV_SS;

	vmwrite(GUEST_INTERRUPTIBILITY, (blocked & MULLION_BLOCK_STI ? shadow : 0) |
						(blocked & MULLION_BLOCK_NMI ? BLOCKED_BY_NMI : 0));
	vmwrite(GUEST_PENDING_DEBUG,
		blocked & MULLION_BLOCK_STI && rflags & RFLAGS_TF ? PENDING_BS : 0);
}

void vmx_get_state(struct vcpu *v, uint32_t groups, struct mullion_run *run)
{
	vmx_load(v);
	if (groups & MULLION_GROUP_GPR) {
		for (int i = 0; i < MULLION_GPRS; i++)
			run->gpr[i] = v->gpr[i];
	}
	if (groups & MULLION_GROUP_RIP) {
		run->rip = vmread(GUEST_RIP);
		run->rflags = vmread(GUEST_RFLAGS);
		run->interruptibility = get_interruptibility();
	}
	if (groups & MULLION_GROUP_SEG)
		get_segments(run);
	if (groups & MULLION_GROUP_CR)
		get_control_registers(v, run);
	if (groups & MULLION_GROUP_CR8)
		run->cr8 = v->vtpr >> 4 & 0xf;
	if (groups & MULLION_GROUP_DR) {
		for (int i = 0; i < 4; i++)
			run->dr[i] = v->dr[i];
		run->dr[6] = vmx_get_dr6(v);
		run->dr[7] = vmread(GUEST_DR7);
	}
	if (groups & MULLION_GROUP_MSR)
		get_msrs(v, &run->msr);
	if (groups & MULLION_GROUP_TSC)
		run->msr.tsc_offset = v->tsc_offset;
}

void vmx_set_state(struct vcpu *v, uint32_t groups, const struct mullion_run *run)
{
	vmx_load(v);
	if (groups & MULLION_GROUP_GPR) {
		for (int i = 0; i < MULLION_GPRS; i++)
			v->gpr[i] = run->gpr[i];
	}
	if (groups & MULLION_GROUP_RIP) {
		uint64_t rflags = (run->rflags & RFLAGS_VALID) | RFLAGS_FIXED;

		vmwrite(GUEST_RIP, run->rip);
		vmwrite(GUEST_RFLAGS, rflags);
		set_interruptibility(run->interruptibility, rflags);
	}
	if (groups & MULLION_GROUP_SEG)
		set_segments(run);
	if (groups & MULLION_GROUP_CR)
		set_control_registers(v, run);
	if (groups & MULLION_GROUP_CR8)
		v->vtpr = (run->cr8 & 0xf) << 4;
	if (groups & MULLION_GROUP_DR) {
		for (int i = 0; i < 4; i++)
			v->dr[i] = run->dr[i];
		vmx_set_dr6(v, (uint32_t)run->dr[6]);
		vmwrite(GUEST_DR7, (uint32_t)run->dr[7]);
	}
	if (groups & MULLION_GROUP_MSR)
		set_msrs(v, &run->msr);
	if (groups & MULLION_GROUP_TSC) {
		v->tsc_offset = run->msr.tsc_offset;
		vmwrite(TSC_OFFSET, v->tsc_offset);
	}
}
