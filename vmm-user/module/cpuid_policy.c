// SPDX-License-Identifier: GPL-2.0-only
/* APM vol. 3 appendix E; SDM vol. 2A, CPUID. */
#include "cpuid_policy.h"

#define BIT_(n) (1u << (n))

/* Leaves. */
#define KVM_LEAF 0x40000000u
#define EXTENDED 0x80000000u
#define BASIC_LIMIT 0xdu
#define EXTENDED_LIMIT 0x80000021u

/* State components that features need. */
#define XCR0_YMM (1u << 2)
#define XCR0_AVX512 (7u << 5)

/*
 * Leaf 1, ECX. Not: DTES64 (2), MONITOR (3), DS-CPL (4), VMX (5), SMX (6), EST (7), TM2 (8),
 * CNXT-ID (10), SDBG (11), xTPR (14), PDCM (15), DCA (18): no such hardware below a guest, or
 * root mode's. TSC-deadline (24): comes with an APIC in the kernel, by its own capability. OSXSAVE
 * (27) mirrors CR4, root mode answers it.
 */
#define L1_ECX                                                                                     \
	(BIT_(0) /* SSE3 */ | BIT_(1) /* PCLMULQDQ */ | BIT_(9) /* SSSE3 */ | BIT_(12) /* FMA */ | \
	 BIT_(13) /* CX16 */ | BIT_(17) /* PCID */ | BIT_(19) /* SSE4.1 */ |                       \
	 BIT_(20) /* SSE4.2 */ | BIT_(22) /* MOVBE */ | BIT_(23) /* POPCNT */ |                    \
	 BIT_(25) /* AES */ | BIT_(26) /* XSAVE */ | BIT_(28) /* AVX */ | BIT_(29) /* F16C */ |    \
	 BIT_(30) /* RDRAND */)
#define L1_ECX_HYPERVISOR BIT_(31)
#define L1_ECX_X2APIC BIT_(21) /* the module's own */
#define L1_ECX_AVX (BIT_(12) | BIT_(28) | BIT_(29))

/*
 * Leaf 1, EDX. Not: PSN (18), DS (21), ACPI (22), TM (29), PBE (31): power and debug hardware.
 * HTT (28): topology is the device model's.
 */
#define L1_EDX                                                                                     \
	(0x3ffu /* FPU VME DE PSE TSC MSR PAE MCE CX8 APIC */ | BIT_(11) /* SEP */ |               \
	 0x3f000u /* MTRR PGE MCA CMOV PAT PSE36 */ | BIT_(19) /* CLFSH */ | BIT_(23) /* MMX */ |  \
	 BIT_(24) /* FXSR */ | BIT_(25) /* SSE */ | BIT_(26) /* SSE2 */ | BIT_(27) /* SS */)

/*
 * Leaf 7.0, EBX. Not: SGX (2), HLE (4) and RTM (11): dangerous; PQM (12), PQE (15), PT (25): no
 * such MSRs; MPX (14): gone.
 */
#define L7_EBX                                                                                     \
	(BIT_(0) /* FSGSBASE */ | BIT_(3) /* BMI1 */ | BIT_(5) /* AVX2 */ |                        \
	 BIT_(6) /* FDP_EXCPTN_ONLY */ | BIT_(7) /* SMEP */ | BIT_(8) /* BMI2 */ |                 \
	 BIT_(9) /* ERMS */ | BIT_(10) /* INVPCID */ | BIT_(13) /* no FCS, FDS */ |                \
	 BIT_(18) /* RDSEED */ | BIT_(19) /* ADX */ | BIT_(20) /* SMAP */ |                        \
	 BIT_(23) /* CLFLUSHOPT */ | BIT_(24) /* CLWB */ | BIT_(29) /* SHA */ | L7_EBX_AVX512)
#define L7_EBX_TSC_ADJUST BIT_(1) /* the module's own */
#define L7_EBX_AVX BIT_(5)
#define L7_EBX_AVX512 0xdc230000u /* F DQ IFMA PF ER CD BW VL */

/*
 * Leaf 7.0, ECX. Not: PKU (3, OSPKE 4), CET_SS (7): the emulator's page walk does not know them;
 * WAITPKG (5), TME (13), BUS_LOCK_DETECT (24), ENQCMD (29), SGX_LC (30), PKS (31): no such MSRs.
 */
#define L7_ECX                                                                                     \
	(BIT_(0) /* PREFETCHWT1 */ | BIT_(2) /* UMIP */ | BIT_(8) /* GFNI */ |                     \
	 BIT_(9) /* VAES */ | BIT_(10) /* VPCLMULQDQ */ | BIT_(16) /* LA57 */ |                    \
	 BIT_(22) /* RDPID */ | BIT_(25) /* CLDEMOTE */ | BIT_(27) /* MOVDIRI */ |                 \
	 BIT_(28) /* MOVDIR64B */ | L7_ECX_AVX512)
#define L7_ECX_AVX (BIT_(9) | BIT_(10))
#define L7_ECX_AVX512                                                                              \
	(BIT_(1) /* VBMI */ | BIT_(6) /* VBMI2 */ | BIT_(11) /* VNNI */ | BIT_(12) /* BITALG */ |  \
	 BIT_(14) /* VPOPCNTDQ */)

/*
 * Leaf 7.0, EDX. Not: TSXLDTRK (16), PCONFIG (18), ARCH_LBR (19), IBT (20), AMX (22, 24, 25): no
 * such state; L1D_FLUSH (28), ARCH_CAPABILITIES (29), CORE_CAPABILITIES (30): no such MSRs yet.
 */
#define L7_EDX                                                                                     \
	(BIT_(4) /* FSRM */ | BIT_(10) /* MD_CLEAR */ | BIT_(14) /* SERIALIZE */ |                 \
	 BIT_(26) /* IBRS, IBPB */ | BIT_(27) /* STIBP */ | BIT_(31) /* SSBD */ | L7_EDX_AVX512)
#define L7_EDX_AVX512                                                                              \
	(BIT_(2) /* 4VNNIW */ | BIT_(3) /* 4FMAPS */ | BIT_(8) /* VP2INTERSECT */ |                \
	 BIT_(23) /* FP16 */)

/* Leaf 7.1, EAX: arithmetic and string operations without state of their own. */
#define L7_1_EAX                                                                                   \
	(BIT_(4) /* AVX_VNNI */ | BIT_(5) /* AVX512_BF16 */ | BIT_(10) /* FZRM */ |                \
	 BIT_(11) /* FSRS */ | BIT_(12) /* FSRC */)

/*
 * Leaf 0xd.1, EAX. Not: XSAVEC (1): the size in EBX would have to follow XCR0 there; XSAVES (3),
 * XFD (4): no such MSRs.
 */
#define LD_1_EAX (BIT_(0) /* XSAVEOPT */ | BIT_(2) /* XGETBV(1) */)

/*
 * Leaf 0x80000001, ECX. Not: SVM (2), SKINIT (12): root mode's; ExtApic (3), OSVW (9), IBS (10),
 * WDT (13), LWP (15), TCE (17), NodeId (19), PerfCtr* (23, 24, 28), DBX (26), MONITORX (29): no
 * such hardware below a guest.
 */
#define X1_ECX                                                                                     \
	(BIT_(0) /* LAHF */ | BIT_(1) /* CmpLegacy */ | BIT_(4) /* AltMovCr8 */ |                  \
	 BIT_(5) /* ABM */ | BIT_(6) /* SSE4A */ | BIT_(7) /* MisAlignSse */ |                     \
	 BIT_(8) /* 3DNowPrefetch */ | BIT_(11) /* XOP */ | BIT_(16) /* FMA4 */ |                  \
	 BIT_(21) /* TBM */ | BIT_(22) /* TopologyExtensions */)
#define X1_ECX_AVX (BIT_(11) | BIT_(16))

/* Leaf 0x80000001, EDX. AMD repeats leaf 1 in its low half. Not: MP (19). */
#define X1_EDX                                                                                     \
	(0x3ffu | BIT_(11) /* SYSCALL */ | 0x3f000u | BIT_(20) /* NX */ | BIT_(22) /* MmxExt */ |  \
	 BIT_(23) /* MMX */ | BIT_(24) /* FXSR */ | BIT_(25) /* FFXSR */ |                         \
	 BIT_(26) /* 1 GiB pages */ | BIT_(27) /* RDTSCP */ | BIT_(29) /* LM */ |                  \
	 BIT_(30) /* 3DNowExt */ | BIT_(31) /* 3DNow */)

#define X7_EDX BIT_(8) /* invariant TSC */

/* Leaf 0x80000008, EBX. Not: what root mode does not switch (RDPRU, MCOMMIT, INT_WBINVD). */
#define X8_EBX                                                                                     \
	(BIT_(0) /* CLZERO */ | BIT_(2) /* XSAVEERPTR */ | BIT_(9) /* WBNOINVD */ |                \
	 BIT_(12) /* IBPB */ | BIT_(14) /* IBRS */ | BIT_(15) /* STIBP */ | BIT_(24) /* SSBD */)

#define X21_EAX (BIT_(2) /* LFENCE serializes */ | BIT_(6) /* null selectors clear the base */)

/* KVM's features: NOP_IO_DELAY, ASYNC_PF and PV_EOI (which QEMU's models of processors have), and
 * with a clock CLOCKSOURCE, CLOCKSOURCE2 and its stable bit. */
#define KVM_EAX (BIT_(1) | BIT_(4) | BIT_(6))
#define KVM_EAX_STEAL BIT_(5)
#define KVM_EAX_CLOCK (BIT_(0) | BIT_(3) | BIT_(24))

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t cpuid_policy_limit(const struct cpuid_policy *policy, uint32_t base)
{
	switch (base) {
	case 0:
		return min_u32(policy->native(0, 0).eax, BASIC_LIMIT);
	case KVM_LEAF:
		return KVM_LEAF + 1;
	case EXTENDED:
		return min_u32(policy->native(EXTENDED, 0).eax, EXTENDED_LIMIT);
	}
	return 0;
}

bool cpuid_policy_indexed(uint32_t leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xd || leaf == 0x8000001d;
}

/* Bytes of the standard XSAVE image with every component of `xcr0`. */
static uint32_t xsave_size(const struct cpuid_policy *policy, uint64_t xcr0)
{
	uint32_t size = 576, i;

	for (i = 2; i < 63; i++) {
		struct cpuid_values v;

		if (!(xcr0 >> i & 1))
			continue;
		v = policy->native(0xd, i);
		if (v.eax + v.ebx > size)
			size = v.eax + v.ebx;
	}
	return size;
}

static struct cpuid_values xsave_values(const struct cpuid_policy *policy, uint32_t subleaf,
					struct cpuid_values v)
{
	struct cpuid_values none = { 0, 0, 0, 0 };

	if (!policy->xcr0)
		return none;
	switch (subleaf) {
	case 0:
		v.eax = (uint32_t)policy->xcr0;
		v.edx = (uint32_t)(policy->xcr0 >> 32);
		v.ebx = v.ecx = xsave_size(policy, policy->xcr0);
		return v;
	case 1:
		none.eax = v.eax & LD_1_EAX;
		return none;
	default:
		if (subleaf >= 63 || !(policy->xcr0 >> subleaf & 1))
			return none;
		none.eax = v.eax;
		none.ebx = v.ebx;
		return none;
	}
}

static struct cpuid_values features(const struct cpuid_policy *policy, struct cpuid_values v)
{
	v.ebx &= 0x0000ff00u; /* CLFLUSH size; counts and the APIC identifier are per vCPU */
	v.ecx &= L1_ECX;
	if (!policy->xcr0)
		v.ecx &= ~BIT_(26);
	if (!(policy->xcr0 & XCR0_YMM))
		v.ecx &= ~L1_ECX_AVX;
	v.ecx |= L1_ECX_HYPERVISOR | L1_ECX_X2APIC;
	v.edx &= L1_EDX;
	return v;
}

static struct cpuid_values structured_features(const struct cpuid_policy *policy, uint32_t subleaf,
					       struct cpuid_values v)
{
	struct cpuid_values none = { 0, 0, 0, 0 };

	if (subleaf == 1) {
		none.eax = v.eax & L7_1_EAX;
		if (!(policy->xcr0 & XCR0_YMM))
			none.eax &= ~BIT_(4);
		if ((policy->xcr0 & XCR0_AVX512) != XCR0_AVX512)
			none.eax &= ~BIT_(5);
		return none;
	}
	if (subleaf)
		return none;
	v.eax = min_u32(v.eax, 1);
	v.ebx = (v.ebx & L7_EBX) | L7_EBX_TSC_ADJUST;
	v.ecx &= L7_ECX;
	v.edx &= L7_EDX;
	if (!(policy->xcr0 & XCR0_YMM)) {
		v.ebx &= ~L7_EBX_AVX;
		v.ecx &= ~L7_ECX_AVX;
	}
	if ((policy->xcr0 & XCR0_AVX512) != XCR0_AVX512) {
		v.ebx &= ~L7_EBX_AVX512;
		v.ecx &= ~L7_ECX_AVX512;
		v.edx &= ~L7_EDX_AVX512;
	}
	return v;
}

static struct cpuid_values kvm_values(const struct cpuid_policy *policy, uint32_t leaf)
{
	if (leaf == KVM_LEAF) /* "KVMKVMKVM\0\0\0" */
		return (struct cpuid_values){ KVM_LEAF + 1, 0x4b4d564bu, 0x564b4d56u, 0x4du };
	return (struct cpuid_values){ KVM_EAX | (policy->kvmclock ? KVM_EAX_CLOCK : 0) |
					      (policy->steal_time ? KVM_EAX_STEAL : 0),
				      0, 0, 0 };
}

struct cpuid_values cpuid_policy_values(const struct cpuid_policy *policy, uint32_t leaf,
					uint32_t subleaf)
{
	const struct cpuid_values none = { 0, 0, 0, 0 };
	struct cpuid_values v;

	if (leaf == KVM_LEAF || leaf == KVM_LEAF + 1)
		return kvm_values(policy, leaf);
	if (leaf > cpuid_policy_limit(policy, leaf & EXTENDED))
		return none;
	v = policy->native(leaf, subleaf);
	switch (leaf) {
	case 0:
		v.eax = cpuid_policy_limit(policy, 0);
		return v;
	case 1:
		return features(policy, v);
	case 2: /* Intel: caches and TLBs */
		return v;
	case 4: /* Intel: caches, without the counts of sharing processors */
		v.eax &= v.eax & 0x1f ? 0x3fffu : 0;
		return v.eax ? v : none;
	case 6: /* power: only that the APIC timer always runs */
		return (struct cpuid_values){ v.eax & BIT_(2), 0, 0, 0 };
	case 7:
		return structured_features(policy, subleaf, v);
	case 0xd:
		return xsave_values(policy, subleaf, v);
	case EXTENDED:
		v.eax = cpuid_policy_limit(policy, EXTENDED);
		return v;
	case 0x80000001u:
		v.ecx &= X1_ECX;
		if (!(policy->xcr0 & XCR0_YMM))
			v.ecx &= ~X1_ECX_AVX;
		v.edx &= X1_EDX;
		v.ebx = 0;
		return v;
	case 0x80000002u: /* the processor's name */
	case 0x80000003u:
	case 0x80000004u:
	case 0x80000005u: /* AMD: caches and TLBs */
	case 0x80000006u:
	case 0x80000019u:
	case 0x8000001au: /* AMD: performance hints */
		return v;
	case 0x80000007u:
		return (struct cpuid_values){ 0, 0, 0, v.edx & X7_EDX };
	case 0x80000008u:
		v.eax = min_u32(v.eax & 0xff, policy->phys_bits) | (v.eax & 0xff00u);
		return (struct cpuid_values){ v.eax, v.ebx & X8_EBX, 0, 0 };
	case 0x8000001du: /* AMD: caches, without the counts of sharing processors */
		v.eax &= v.eax & 0x1f ? 0x3fffu : 0;
		return v.eax ? v : none;
	case 0x80000021u:
		return (struct cpuid_values){ v.eax & X21_EAX, 0, 0, 0 };
	}
	return none; /* not offered: MONITOR (5), PMU (0xa), topology (0xb), PT, SGX, SVM, SEV... */
}
