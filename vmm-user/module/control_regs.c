// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/mm_types.h>
#include <asm/apicdef.h>
#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "control_regs.h"
#include "vcpu.h"

#define CR0_DEFINED                                                                                \
	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE |             \
	 X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

/* CR4 bits that every guest may set. Not VMXE and SMXE (no nesting), PKE, PKS and CET (the
 * emulator's page walk does not know them), LA57 without its feature. */
#define CR4_ALWAYS                                                                                 \
	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE |        \
	 X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

enum cpuid_reg { EBX, ECX, EDX };

/* CR4 bits that come with a CPUID feature. */
static const struct {
	u64 cr4;
	u32 function;
	enum cpuid_reg reg;
	u32 bit;
} cr4_features[] = {
	{ X86_CR4_OSXSAVE, 1, ECX, 26 }, { X86_CR4_PCIDE, 1, ECX, 17 },
	{ X86_CR4_SMEP, 7, EBX, 7 },     { X86_CR4_SMAP, 7, EBX, 20 },
	{ X86_CR4_FSGSBASE, 7, EBX, 0 }, { X86_CR4_UMIP, 7, ECX, 2 },
	{ X86_CR4_LA57, 7, ECX, 16 },
};

static bool has_feature(const struct mullion_vcpu *v, u32 function, enum cpuid_reg reg, u32 bit)
{
	/* Before KVM_SET_CPUID2 the guest may have whatever is offered. */
	const struct kvm_cpuid_entry2 *e = v->cpuid_count ? vcpu_cpuid(v, function, 0) :
							    cpuid_offered(function);

	if (!e)
		return false;
	return (reg == EBX ? e->ebx : reg == ECX ? e->ecx : e->edx) >> bit & 1;
}

static u64 cr4_allowed(const struct mullion_vcpu *v)
{
	u64 allowed = CR4_ALWAYS;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cr4_features); i++)
		if (has_feature(v, cr4_features[i].function, cr4_features[i].reg,
				cr4_features[i].bit))
			allowed |= cr4_features[i].cr4;
	return allowed;
}

bool guest_has_long_mode(const struct mullion_vcpu *v)
{
	return has_feature(v, 0x80000001, EDX, 29);
}

static u64 efer_allowed(const struct mullion_vcpu *v)
{
	u64 allowed = 0;

	if (has_feature(v, 0x80000001, EDX, 11))
		allowed |= EFER_SCE;
	if (guest_has_long_mode(v))
		allowed |= EFER_LME | EFER_LMA;
	if (has_feature(v, 0x80000001, EDX, 20))
		allowed |= EFER_NX;
	if (has_feature(v, 0x80000001, EDX, 25))
		allowed |= EFER_FFXSR;
	return allowed;
}

bool efer_valid(const struct mullion_vcpu *v, u64 value)
{
	return !(value & ~(efer_allowed(v) | EFER_LMA));
}

bool mode_valid(const struct mullion_vcpu *v, u64 cr0, u64 cr4, u64 efer, bool cs_long)
{
	if (cr0 & ~(u64)CR0_DEFINED)
		return false;
	if ((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE))
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	if (cr4 & ~cr4_allowed(v) || efer & ~efer_allowed(v))
		return false;
	if ((efer & EFER_LME) && (cr0 & X86_CR0_PG))
		return (cr4 & X86_CR4_PAE) && (efer & EFER_LMA);
	/* Not in long mode: neither says that it is. */
	return !(efer & EFER_LMA) && !cs_long;
}

bool apic_base_valid(const struct mullion_vcpu *v, u64 value)
{
	u64 defined = MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE;

	defined |= ((1ull << v->emulate.phys_bits) - 1) & PAGE_MASK;
	/* x2APIC mode comes with an APIC in the kernel. */
	if (v->apic && has_feature(v, 1, ECX, 21) && value & MSR_IA32_APICBASE_ENABLE)
		defined |= X2APIC_ENABLE;
	return !(value & ~defined);
}

bool control_regs_valid(const struct mullion_vcpu *v, const struct kvm_sregs2 *s)
{
	return s->cr8 <= 15 && apic_base_valid(v, s->apic_base) &&
	       mode_valid(v, s->cr0, s->cr4, s->efer, s->cs.l);
}

#define XCR0_AVX512 (XFEATURE_MASK_OPMASK | XFEATURE_MASK_ZMM_Hi256 | XFEATURE_MASK_Hi16_ZMM)

bool xcr0_valid(u64 value)
{
	if (!(value & XFEATURE_MASK_FP) || value & ~cpuid_xcr0_mask())
		return false;
	if ((value & XFEATURE_MASK_YMM) && !(value & XFEATURE_MASK_SSE))
		return false;
	if (value & XCR0_AVX512)
		return (value & XCR0_AVX512) == XCR0_AVX512 && (value & XFEATURE_MASK_YMM);
	return true;
}
