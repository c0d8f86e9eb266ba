/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers between the VMCS and the run page. */
#include "vmx/vmx.h"

#include "hv/apic.h"
#include "hv/lib/string.h"
#include "hv/x86.h"

/* Bits that may be set; the processor refuses others. */
#define DEBUGCTL_BTF BIT(1) /* the records of branches are not switched */
#define CR3_VALID (~BIT(63))
#define ALL (~0ull)

/* Of a descriptor's attributes. */
#define ATTR_ACCESSED BIT(0)
#define ATTR_BUSY BIT(1)
#define ATTR_CODE_OR_DATA BIT(4)
#define ATTR_PRESENT BIT(7)

#define RUN_MEMBER(member)                                                                         \
	offsetof(struct mullion_run, member), sizeof(((struct mullion_run *)NULL)->member)

/* Registers that are fields of the VMCS, and the bits of them that may be set. */
#define IN_VMCS(group, member, field, valid)                                                       \
	{ MULLION_GROUP_##group, RUN_MEMBER(member), field, valid }
#define SEGMENT(name)                                                                              \
	IN_VMCS(SEG, seg[MULLION_##name].selector, GUEST_##name##_SELECTOR, ALL),                  \
	IN_VMCS(SEG, seg[MULLION_##name].limit, GUEST_##name##_LIMIT, ALL),                        \
	IN_VMCS(SEG, seg[MULLION_##name].base, GUEST_##name##_BASE, ALL)
static const struct {
	uint32_t group;
	uint16_t offset, size;
	enum vmcs_field field;
	uint64_t valid;
} in_vmcs[] = {
	IN_VMCS(RIP, rip, GUEST_RIP, ALL),
	IN_VMCS(RIP, rflags, GUEST_RFLAGS, RFLAGS_VALID),
	IN_VMCS(CR, cr3, GUEST_CR3, CR3_VALID),
	IN_VMCS(DR, dr[7], GUEST_DR7, UINT32_MAX),
	IN_VMCS(SEG, gdtr.base, GUEST_GDTR_BASE, ALL),
	IN_VMCS(SEG, gdtr.limit, GUEST_GDTR_LIMIT, ALL),
	IN_VMCS(SEG, idtr.base, GUEST_IDTR_BASE, ALL),
	IN_VMCS(SEG, idtr.limit, GUEST_IDTR_LIMIT, ALL),
	SEGMENT(ES), SEGMENT(CS), SEGMENT(SS), SEGMENT(DS),
	SEGMENT(FS), SEGMENT(GS), SEGMENT(LDTR), SEGMENT(TR),
	IN_VMCS(MSR, msr.sysenter_cs, GUEST_SYSENTER_CS, UINT32_MAX),
	IN_VMCS(MSR, msr.sysenter_esp, GUEST_SYSENTER_ESP, ALL),
	IN_VMCS(MSR, msr.sysenter_eip, GUEST_SYSENTER_EIP, ALL),
	{ MULLION_GROUP_MSR | GROUP_PAT, RUN_MEMBER(msr.pat), GUEST_PAT, ALL },
	IN_VMCS(MSR, msr.debugctl, GUEST_DEBUGCTL, DEBUGCTL_BTF),
	IN_VMCS(TSC, msr.tsc_offset, TSC_OFFSET, ALL),
};

/* Registers that struct vcpu holds, of 8 bytes each. */
#define IN_VCPU(group, member, vcpu_member, valid)                                                 \
	{ MULLION_GROUP_##group, RUN_MEMBER(member), offsetof(struct vcpu, vcpu_member), valid }
static const struct {
	uint32_t group;
	uint16_t offset, size, vcpu;
	uint64_t valid;
} in_vcpu[] = {
	IN_VCPU(GPR, gpr, gpr, ALL),
	IN_VCPU(DR, dr[0], dr[0], ALL),
	IN_VCPU(DR, dr[1], dr[1], ALL),
	IN_VCPU(DR, dr[2], dr[2], ALL),
	IN_VCPU(DR, dr[3], dr[3], ALL),
	IN_VCPU(MSR, msr.star, star, ALL),
	IN_VCPU(MSR, msr.lstar, lstar, ALL),
	IN_VCPU(MSR, msr.cstar, cstar, ALL),
	IN_VCPU(MSR, msr.sfmask, sfmask, ALL),
	IN_VCPU(MSR, msr.kernel_gs_base, kernel_gs_base, ALL),
	IN_VCPU(MSR, msr.tsc_aux, tsc_aux, UINT32_MAX),
	IN_VCPU(MSR, msr.spec_ctrl, spec_ctrl, SPEC_CTRL_VALID),
	IN_VCPU(TSC, msr.tsc_offset, tsc_offset, ALL),
};

static uint16_t attributes(uint64_t access)
{
	uint16_t attr = (access & 0xff) | (access >> 4 & 0xf00);

	return access & ACCESS_UNUSABLE ? attr & ~ATTR_PRESENT : attr;
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

static uint64_t get_shadowed(enum vmcs_field field, enum vmcs_field shadow, uint64_t mask)
{
	return (vmread(field) & ~mask) | (vmread(shadow) & mask);
}

static void set_control_registers(struct vcpu *v, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	vmwrite(CR0_SHADOW, cr0 | CR0_ET);
	vmwrite(GUEST_CR0, (cr0 & ~(CR0_CD | CR0_NW)) | CR0_ET | CR0_NE);
	vmwrite(CR4_SHADOW, cr4 & ~CR4_VMXE);
	vmwrite(GUEST_CR4,
		(cr4 & ~vmx_cr4_mask(v)) | CR4_VMXE | (v->is_service ? 0 : CR4_MCE));
	vmx_set_efer(v, efer);
	vmx_of(v)->reload_pdptes = true;
	vmx_tlb_flush(v);
}

static uint32_t get_interruptibility(void)
{
	uint64_t blocked = vmread(GUEST_INTERRUPTIBILITY);

	return (blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS) ? MULLION_BLOCK_STI : 0) |
	       (blocked & BLOCKED_BY_NMI ? MULLION_BLOCK_NMI : 0);
}

/* STI leaves no shadow behind with IF clear, and the processor knows (28.3.1.5). */
static void set_interruptibility(uint32_t blocked)
{
	uint64_t rflags = vmread(GUEST_RFLAGS);
	uint64_t shadow = rflags & RFLAGS_IF ? BLOCKED_BY_STI : BLOCKED_BY_MOV_SS;

	vmwrite(GUEST_RFLAGS, rflags | RFLAGS_FIXED);
	vmwrite(GUEST_INTERRUPTIBILITY, (blocked & MULLION_BLOCK_STI ? shadow : 0) |
						(blocked & MULLION_BLOCK_NMI ? BLOCKED_BY_NMI : 0));
	vmwrite(GUEST_ACTIVITY, 0); /* active: HLT exits, and new state ends a shutdown */
	vmwrite(GUEST_PENDING_DEBUG,
		blocked & MULLION_BLOCK_STI && rflags & RFLAGS_TF ? PENDING_BS : 0);
}

void vmx_get_state(struct vcpu *v, uint32_t groups, struct mullion_run *run)
{
	uint8_t *page = (uint8_t *)run;

	vmx_load(v);
	for (size_t i = 0; i < ARRAY_SIZE(in_vmcs); i++) {
		if (groups & in_vmcs[i].group) {
			uint64_t value = vmread(in_vmcs[i].field);

			memcpy(page + in_vmcs[i].offset, &value, in_vmcs[i].size);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(in_vcpu); i++) {
		if (groups & in_vcpu[i].group)
			memcpy(page + in_vcpu[i].offset, (uint8_t *)v + in_vcpu[i].vcpu,
			       in_vcpu[i].size);
	}
	if (groups & MULLION_GROUP_RIP)
		run->interruptibility = get_interruptibility();
	if (groups & MULLION_GROUP_SEG) {
		for (int i = 0; i < MULLION_SEGS; i++)
			run->seg[i].attr = attributes(vmread(SEGMENT_FIELD(GUEST_ES_ACCESS, i)));
	}
	if (groups & MULLION_GROUP_CR) {
		run->cr0 = get_shadowed(GUEST_CR0, CR0_SHADOW, vmx_cr0_mask(v));
		run->cr2 = vmx_of(v)->cr2;
		run->cr4 = get_shadowed(GUEST_CR4, CR4_SHADOW, vmx_cr4_mask(v));
		run->efer = vmread(GUEST_EFER);
	}
	if (groups & MULLION_GROUP_CR8)
		run->cr8 = v->apic[APIC_TPR / 4] >> 4 & 0xf;
	if (groups & MULLION_GROUP_DR)
		run->dr[6] = vmx_get_dr6(v);
}

void vmx_get_code(struct vcpu *v, struct mullion_run *state)
{
	vmx_load(v);
	state->rip = vmread(GUEST_RIP);
	state->cr0 = vmread(GUEST_CR0);
	state->cr3 = vmread(GUEST_CR3);
	state->cr4 = vmread(GUEST_CR4);
	state->efer = vmread(GUEST_EFER);
	state->seg[MULLION_CS].base = vmread(GUEST_CS_BASE);
	state->seg[MULLION_CS].attr = attributes(vmread(GUEST_CS_ACCESS));
}

void vmx_set_state(struct vcpu *v, uint32_t groups, const struct mullion_run *run)
{
	const uint8_t *page = (const uint8_t *)run;

	vmx_load(v);
	for (size_t i = 0; i < ARRAY_SIZE(in_vmcs); i++) {
		if (groups & in_vmcs[i].group) {
			uint64_t value = 0;

			memcpy(&value, page + in_vmcs[i].offset, in_vmcs[i].size);
			vmwrite(in_vmcs[i].field, value & in_vmcs[i].valid);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(in_vcpu); i++) {
		uint64_t *values = (uint64_t *)((uint8_t *)v + in_vcpu[i].vcpu);

		if (groups & in_vcpu[i].group) {
			memcpy(values, page + in_vcpu[i].offset, in_vcpu[i].size);
			values[0] &= in_vcpu[i].valid;
		}
	}
	if (groups & MULLION_GROUP_RIP)
		set_interruptibility(run->interruptibility);
	if (groups & MULLION_GROUP_SEG) {
		for (int i = 0; i < MULLION_SEGS; i++)
			vmwrite(SEGMENT_FIELD(GUEST_ES_ACCESS, i),
				access_rights(i, run->seg[i].attr));
	}
	if (groups & MULLION_GROUP_CR) {
		vmx_of(v)->cr2 = run->cr2;
		set_control_registers(v, run->cr0, run->cr4, run->efer);
	}
	if (groups & MULLION_GROUP_CR8 && v->apic[APIC_TPR / 4] >> 4 != (run->cr8 & 0xf))
		v->apic[APIC_TPR / 4] = (run->cr8 & 0xf) << 4;
	if (groups & MULLION_GROUP_DR)
		vmx_set_dr6(v, (uint32_t)run->dr[6]);
}
