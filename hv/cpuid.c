// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID. A guest sees the table that its device model set; the service domain
 * sees the processor, and Mullion on it. Both see the bits that mirror their
 * own control registers.
 */
#include "hv/cpu.h"
#include "hv/exit.h"
#include "hv/lib/string.h"
#include "hv/vcpu.h"
#include "hv/vendor.h"
#include "hv/x86.h"

#define LEAF_FEATURES 1
#define LEAF_EXTENDED_FEATURES 7
#define LEAF_XSAVE 0xd
#define LEAF_SIZES 0x80000008u
#define SIZES_EBX_INVLPGB BIT(3)
#define FEATURES_ECX_OSXSAVE BIT(27)
#define FEATURES_ECX_HYPERVISOR BIT(31)
#define EXTENDED_ECX_OSPKE BIT(4)

/* The image without extended components: legacy region and header. */
#define XSAVE_MINIMUM 576

static const struct mullion_cpuid *find(const struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < v->cpuid_count; i++) {
		const struct mullion_cpuid *row = &v->cpuid[i];

		if (row->function == leaf &&
		    (!(row->flags & MULLION_CPUID_INDEXED) || row->index == subleaf))
			return row;
	}
	return NULL;
}

/* Size of the XSAVE image for the components now enabled in XCR0. The guest's is still on the
 * processor (and QEMU's software processor lets it be written without an exit). */
static uint32_t xsave_size(const struct vcpu *v)
{
	uint64_t xcr0 = cpu_features.xsave ? xgetbv0() : XCR0_X87;
	uint32_t size = XSAVE_MINIMUM;

	for (uint32_t i = 2; i < 63; i++) {
		const struct mullion_cpuid *row = xcr0 & BIT(i) ? find(v, LEAF_XSAVE, i) : NULL;

		if (row)
			size = max(size, row->eax + row->ebx);
	}
	return size;
}

static COLD struct cpuid_regs service_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = cpuid(leaf, subleaf);

	switch (leaf) {
	case LEAF_FEATURES:
		r.ecx |= FEATURES_ECX_HYPERVISOR;
		break;
	case LEAF_SIZES:
		r.ebx &= (uint32_t)~SIZES_EBX_INVLPGB; /* not enabled in the control block */
		break;
	case MULLION_CPUID_BASE:
		r.eax = MULLION_CPUID_ABI;
		memcpy(&r.ebx, &MULLION_SIGNATURE[0], 4);
		memcpy(&r.ecx, &MULLION_SIGNATURE[4], 4);
		memcpy(&r.edx, &MULLION_SIGNATURE[8], 4);
		break;
	case MULLION_CPUID_ABI:
		r = (struct cpuid_regs){ MULLION_ABI_VERSION, 0, 0, 0 };
		break;
	}
	return r;
}

static void mirror(uint32_t *target, uint64_t bit, bool set)
{
	*target = (uint32_t)(set ? *target | bit : *target & ~bit);
}

/* Leaves of which not all stands in the table. */
static COLD void complete(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	struct mullion_run state;

	if (leaf == LEAF_XSAVE && subleaf == 0)
		r->ebx = xsave_size(v);
	vendor->get_state(v, MULLION_GROUP_CR, &state);
	if (leaf == LEAF_FEATURES)
		mirror(&r->ecx, FEATURES_ECX_OSXSAVE, state.cr4 & CR4_OSXSAVE);
	else if (leaf == LEAF_EXTENDED_FEATURES && subleaf == 0)
		mirror(&r->ecx, EXTENDED_ECX_OSPKE, state.cr4 & CR4_PKE);
}

void cpuid_exit(struct vcpu *v, const struct vm_exit *x)
{
	uint32_t leaf = (uint32_t)v->gpr[MULLION_RAX], subleaf = (uint32_t)v->gpr[MULLION_RCX];
	const struct mullion_cpuid *row = v->is_service ? NULL : find(v, leaf, subleaf);
	struct cpuid_regs r = { 0, 0, 0, 0 };

	if (row)
		r = (struct cpuid_regs){ row->eax, row->ebx, row->ecx, row->edx };
	else if (v->is_service)
		r = service_cpuid(leaf, subleaf);
	if (leaf == LEAF_FEATURES || leaf == LEAF_EXTENDED_FEATURES || (leaf == LEAF_XSAVE && row))
		complete(v, leaf, subleaf, &r);
	v->gpr[MULLION_RAX] = r.eax;
	v->gpr[MULLION_RBX] = r.ebx;
	v->gpr[MULLION_RCX] = r.ecx;
	v->gpr[MULLION_RDX] = r.edx;
	vcpu_skip(v, x->insn_len);
}
