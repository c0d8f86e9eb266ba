// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/kvm_para.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/mtrr.h>
#include <asm/processor-flags.h>

#include "apic.h"
#include "control_regs.h"
#include "msr.h"
#include "vcpu.h"
#include "vm.h"

#define MTRR_CAP_VALUE (MULLION_MTRR_PAIRS | 1u << 8 | 1u << 10) /* pairs, fixed, WC */
#define MTRR_DEF_TYPE_DEFINED 0xcffull
#define HWCR_STATUS_WRITE (1ull << 18) /* McStatusWrEn */
/* FFDIS, TLBCACHEDIS, MonMwaitUserEn and TscFreqSel have no effect here. */
#define HWCR_DEFINED (HWCR_STATUS_WRITE | 1ull << 24 | 1ull << 3 | 1ull << 6 | 1ull << 8)
#define DE_CFG_LFENCE_SERIALIZES (1ull << 1)
#define FEATURE_CONTROL_LOCKED 1ull
#define SPEC_CTRL_DEFINED 7ull /* IBRS, STIBP, SSBD */
#define PV_EOI_DEFINED (~(1ull << 1))
#define ASYNC_PF_DEFINED                                                                           \
	(~0x3cull) /* and two bits of these belong to features that are not offered */

/* -- Time and APIC --------------------------------------------------------- */

static int get_tsc(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = vcpu_get_tsc(v);
	return MSR_OK;
}

static int set_tsc(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	vcpu_set_tsc(v, value, host);
	return MSR_OK;
}

static int set_tsc_adjust(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	/* A guest moves its counter; user space only restores what was done. */
	if (!host)
		vcpu_set_tsc_offset(v, v->tsc_offset + value - v->msrs.tsc_adjust);
	v->msrs.tsc_adjust = value;
	return MSR_OK;
}

static int get_apic_base(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = v->msrs.apic_base;
	return MSR_OK;
}

static int set_apic_base(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	return apic_base_set(v, value, host);
}

static int set_system_time(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	return clock_set_system_time(v, value);
}

static int set_wall_clock(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	return clock_set_wall_clock(v, value);
}

/* -- Memory types ---------------------------------------------------------- */

static bool mtrr_type_valid(u8 type)
{
	return type < 8 && (1u << type & 0x73); /* 0, 1, 4, 5, 6: UC, WC, WT, WP, WB */
}

static int get_mtrr_cap(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = MTRR_CAP_VALUE;
	return MSR_OK;
}

static int set_mtrr_def_type(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	if (!mtrr_type_valid(value & 0xff))
		return MSR_INVALID;
	v->msrs.mtrr_def_type = value;
	return MSR_OK;
}

static u64 *mtrr_fixed(struct mullion_vcpu *v, u32 index)
{
	u32 at = index == MSR_MTRRfix64K_00000 ? 0 :
		 index < MSR_MTRRfix4K_C0000   ? 1 + index - MSR_MTRRfix16K_80000 :
						 3 + index - MSR_MTRRfix4K_C0000;

	return &v->msrs.mtrr_fixed[at];
}

static int get_mtrr_fixed(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = *mtrr_fixed(v, index);
	return MSR_OK;
}

static int set_mtrr_fixed(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		if (!mtrr_type_valid(value >> i))
			return MSR_INVALID;
	*mtrr_fixed(v, index) = value;
	return MSR_OK;
}

static int get_mtrr_variable(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = v->msrs.mtrr_variable[index - MTRRphysBase_MSR(0)];
	return MSR_OK;
}

static int set_mtrr_variable(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	bool mask = index & 1;
	u64 address = ((1ull << v->emulate.phys_bits) - 1) & PAGE_MASK;

	if (value & ~(address | (mask ? 0x800 : 0xff)))
		return MSR_INVALID;
	if (!mask && !mtrr_type_valid(value & 0xff))
		return MSR_INVALID;
	v->msrs.mtrr_variable[index - MTRRphysBase_MSR(0)] = value;
	return MSR_OK;
}

static int set_pat(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	unsigned int i;
	int ret;

	for (i = 0; i < 64; i += 8) {
		u8 type = value >> i;

		if (type != 7 && !mtrr_type_valid(type)) /* 7: UC- */
			return MSR_INVALID;
	}
	ret = vcpu_change(v, MULLION_GROUP_MSR);
	if (ret)
		return ret;
	v->run->msr.pat = value;
	return MSR_OK;
}

/* -- Machine check --------------------------------------------------------- */

static int set_mcg_ctl(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	if (!(v->msrs.mcg_cap & MCG_CTL_P) && (value || !host))
		return MSR_INVALID;
	if (value && value != ~0ull)
		return MSR_INVALID;
	v->msrs.mcg_ctl = value;
	return MSR_OK;
}

static int get_mcg_cap(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = v->msrs.mcg_cap;
	return MSR_OK;
}

static u64 *mce_bank(struct mullion_vcpu *v, u32 index)
{
	u32 at = index - MSR_IA32_MC0_CTL;

	return at < 4 * (v->msrs.mcg_cap & MCG_BANKCNT_MASK) ? &v->msrs.mce_banks[at] : NULL;
}

static int get_mce_bank(struct mullion_vcpu *v, u32 index, u64 *value)
{
	const u64 *bank = mce_bank(v, index);

	if (!bank)
		return MSR_INVALID;
	*value = *bank;
	return MSR_OK;
}

static int set_mce_bank(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	u64 *bank = mce_bank(v, index);

	if (!bank)
		return MSR_INVALID;
	if (!host) {
		/* CTL: all or nothing, but for single bits that Linux leaves out on old
		 * processors (10 of AMD's bank 4, 0 of Intel's bank 0). STATUS: only cleared,
		 * unless HWCR allows more. */
		switch (index % 4) {
		case 0:
			if (value && (value | 1u << 10 | 1) != ~0ull)
				return MSR_INVALID;
			break;
		case 1:
			if (value && !(v->msrs.hwcr & HWCR_STATUS_WRITE))
				return MSR_INVALID;
			break;
		}
	}
	*bank = value;
	return MSR_OK;
}

/* -- Processor registers --------------------------------------------------- */

static int get_zero(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = 0;
	return MSR_OK;
}

static int set_ignored(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	return MSR_OK;
}

/* Neither MWAIT in ring 3 nor a fault by CPUID is offered, and no bit that would switch it on. */
static int set_zero(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	return value ? MSR_INVALID : MSR_OK;
}

static int get_de_cfg(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = DE_CFG_LFENCE_SERIALIZES;
	return MSR_OK;
}

static int set_host_only(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	if (!host)
		return MSR_INVALID;
	*(u64 *)((u8 *)&v->msrs + msr_find(index)->own) = value;
	return MSR_OK;
}

static int set_ucode_rev(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	/* Guests write 0 before they read it (SDM vol. 3A 9.11.7). */
	if (host)
		v->msrs.ucode_rev = value;
	return MSR_OK;
}

static int get_feature_control(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = FEATURE_CONTROL_LOCKED;
	return MSR_OK;
}

static int set_misc_enable(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	u64 changed = v->msrs.misc_enable ^ value;

	v->msrs.misc_enable = value;
	if (!(changed & MSR_IA32_MISC_ENABLE_MWAIT) ||
	    vm_has_quirk(v->vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT))
		return MSR_OK;
	return vcpu_refresh_cpuid(v);
}

static int get_segment_base(struct mullion_vcpu *v, u32 index, u64 *value)
{
	int ret = vcpu_load(v, MULLION_GROUP_SEG);

	if (!ret)
		*value = v->run->seg[index == MSR_FS_BASE ? MULLION_FS : MULLION_GS].base;
	return ret;
}

static int set_segment_base(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	int ret = vcpu_change(v, MULLION_GROUP_SEG);

	if (!ret)
		v->run->seg[index == MSR_FS_BASE ? MULLION_FS : MULLION_GS].base = value;
	return ret;
}

/* EFER and IBPB: root mode answers them unless all MSRs are the module's (msr_filter.c). */
static int get_efer(struct mullion_vcpu *v, u32 index, u64 *value)
{
	int ret = vcpu_load(v, MULLION_GROUP_CR);

	*value = v->run->efer;
	return ret;
}

static int set_efer(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	struct mullion_run *run = v->run;
	int ret = vcpu_change(v, MULLION_GROUP_CR);

	if (ret)
		return ret;
	if (!efer_valid(v, value) || ((value ^ run->efer) & EFER_LME && run->cr0 & X86_CR0_PG))
		return MSR_INVALID;
	run->efer = (value & ~(u64)EFER_LMA) | (run->efer & EFER_LMA);
	return MSR_OK;
}

static int get_write_only(struct mullion_vcpu *v, u32 index, u64 *value)
{
	return MSR_INVALID;
}

static int set_pred_cmd(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	if (value && !host)
		wrmsrl(MSR_IA32_PRED_CMD, value);
	return MSR_OK;
}

static bool has_ibpb(void)
{
	return boot_cpu_has(X86_FEATURE_IBPB);
}

static bool has_rdtscp(void)
{
	return boot_cpu_has(X86_FEATURE_RDTSCP);
}

static bool has_spec_ctrl(void)
{
	return boot_cpu_has(X86_FEATURE_SPEC_CTRL) || boot_cpu_has(X86_FEATURE_AMD_IBRS) ||
	       boot_cpu_has(X86_FEATURE_AMD_STIBP) || boot_cpu_has(X86_FEATURE_AMD_SSBD);
}

#define PV(feature) (1u << (feature))
#define OWN(field) .own = offsetof(struct vcpu_msrs, field)
#define RUN_MSR(field)                                                                             \
	.group = MULLION_GROUP_MSR, .run_offset = offsetof(struct mullion_run, msr.field)

const struct msr_row msr_rows[] = {
	{ MSR_IA32_TSC, .flags = MSR_LISTED, .get = get_tsc, .set = set_tsc },
	{ MSR_KVM_WALL_CLOCK, OWN(kvm_wall_clock), .flags = MSR_LISTED,
	  .pv_feature = PV(KVM_FEATURE_CLOCKSOURCE), .set = set_wall_clock },
	{ MSR_KVM_SYSTEM_TIME, OWN(kvm_system_time), .flags = MSR_LISTED,
	  .pv_feature = PV(KVM_FEATURE_CLOCKSOURCE), .set = set_system_time },
	{ MSR_KVM_WALL_CLOCK_NEW, OWN(kvm_wall_clock), .flags = MSR_LISTED,
	  .pv_feature = PV(KVM_FEATURE_CLOCKSOURCE2), .set = set_wall_clock },
	{ MSR_KVM_SYSTEM_TIME_NEW, OWN(kvm_system_time), .flags = MSR_LISTED,
	  .pv_feature = PV(KVM_FEATURE_CLOCKSOURCE2), .set = set_system_time },
	{ MSR_KVM_STEAL_TIME, OWN(kvm_steal_time), .flags = MSR_LISTED,
	  .pv_feature = PV(KVM_FEATURE_STEAL_TIME), .set = steal_set },
	/* Two of KVM's offers that a host need not make use of. The flag that lets a guest leave out an
	 * EOI stays clear: root mode answers EOIs. And a guest is not told that a page of its is being
	 * fetched, as KVM does not tell those that would hear of it by #PF. */
	{ MSR_KVM_PV_EOI_EN, OWN(kvm_pv_eoi), .flags = MSR_LISTED, .defined = PV_EOI_DEFINED,
	  .pv_feature = PV(KVM_FEATURE_PV_EOI) },
	{ MSR_KVM_ASYNC_PF_EN, OWN(kvm_async_pf), .flags = MSR_LISTED, .defined = ASYNC_PF_DEFINED,
	  .pv_feature = PV(KVM_FEATURE_ASYNC_PF) },
	{ MSR_IA32_PLATFORM_ID, .flags = MSR_QUIET },
	{ MSR_IA32_APICBASE, .get = get_apic_base, .set = set_apic_base },
	{ MSR_IA32_FEAT_CTL, .get = get_feature_control, .flags = 0 },
	{ MSR_IA32_TSC_ADJUST, OWN(tsc_adjust), .flags = MSR_LISTED, .set = set_tsc_adjust },
	{ MSR_IA32_SPEC_CTRL, RUN_MSR(spec_ctrl), .flags = MSR_LISTED, .present = has_spec_ctrl,
	  .defined = SPEC_CTRL_DEFINED },
	{ MSR_IA32_UCODE_WRITE, .get = get_zero, .set = set_ignored },
	{ MSR_IA32_UCODE_REV, OWN(ucode_rev), .flags = MSR_LISTED | MSR_FEATURE,
	  .set = set_ucode_rev },
	{ MSR_IA32_PRED_CMD, .present = has_ibpb, .defined = PRED_CMD_IBPB, .get = get_write_only,
	  .set = set_pred_cmd },
	{ MSR_PLATFORM_INFO, OWN(platform_info), .flags = MSR_LISTED, .set = set_host_only },
	{ MSR_SMI_COUNT, OWN(smi_count), .flags = MSR_LISTED, .set = set_host_only },
	{ MSR_IA32_SMBASE, OWN(smbase), .flags = MSR_LISTED | MSR_HOST, .defined = U32_MAX },
	{ MSR_MTRRcap, .get = get_mtrr_cap },
	{ MSR_MISC_FEATURES_ENABLES, .get = get_zero, .set = set_zero },
	{ MSR_IA32_SYSENTER_CS, RUN_MSR(sysenter_cs), .flags = MSR_LISTED },
	{ MSR_IA32_SYSENTER_ESP, RUN_MSR(sysenter_esp), .flags = MSR_LISTED | MSR_ADDRESS },
	{ MSR_IA32_SYSENTER_EIP, RUN_MSR(sysenter_eip), .flags = MSR_LISTED | MSR_ADDRESS },
	{ MSR_IA32_MCG_CAP, .get = get_mcg_cap },
	{ MSR_IA32_MCG_STATUS, OWN(mcg_status), .flags = MSR_LISTED },
	{ MSR_IA32_MCG_CTL, OWN(mcg_ctl), .flags = MSR_LISTED, .set = set_mcg_ctl },
	{ MSR_IA32_MISC_ENABLE, OWN(misc_enable), .flags = MSR_LISTED, .set = set_misc_enable },
	{ MSR_IA32_DEBUGCTLMSR, RUN_MSR(debugctl), .flags = MSR_HOST },
	{ MSR_IA32_POWER_CTL, OWN(power_ctl), .flags = MSR_LISTED },
	{ MTRRphysBase_MSR(0), 2 * MULLION_MTRR_PAIRS, .flags = MSR_LISTED,
	  .get = get_mtrr_variable, .set = set_mtrr_variable },
	{ MSR_MTRRfix64K_00000, .flags = MSR_LISTED, .get = get_mtrr_fixed, .set = set_mtrr_fixed },
	{ MSR_MTRRfix16K_80000, 2, .flags = MSR_LISTED, .get = get_mtrr_fixed,
	  .set = set_mtrr_fixed },
	{ MSR_MTRRfix4K_C0000, 8, .flags = MSR_LISTED, .get = get_mtrr_fixed,
	  .set = set_mtrr_fixed },
	{ MSR_IA32_CR_PAT, RUN_MSR(pat), .flags = MSR_LISTED, .set = set_pat },
	{ MSR_IA32_TSC_DEADLINE, .flags = MSR_LISTED, .get = apic_deadline_get,
	  .set = apic_deadline_set },
	{ APIC_BASE_MSR, 256, .get = apic_msr_get, .set = apic_msr_set },
	{ MSR_MTRRdefType, OWN(mtrr_def_type), .flags = MSR_LISTED,
	  .defined = MTRR_DEF_TYPE_DEFINED, .set = set_mtrr_def_type },
	{ MSR_IA32_PERF_CAPABILITIES, .flags = MSR_FEATURE, .get = get_zero }, /* no counters */
	{ MSR_IA32_MC0_CTL, 4 * MULLION_MCE_BANKS, .get = get_mce_bank, .set = set_mce_bank },
	{ MSR_EFER, .get = get_efer, .set = set_efer },
	{ MSR_STAR, RUN_MSR(star), .flags = MSR_LISTED },
	{ MSR_LSTAR, RUN_MSR(lstar), .flags = MSR_LISTED | MSR_ADDRESS },
	{ MSR_CSTAR, RUN_MSR(cstar), .flags = MSR_LISTED | MSR_ADDRESS },
	{ MSR_SYSCALL_MASK, RUN_MSR(sfmask), .flags = MSR_LISTED },
	{ MSR_FS_BASE, 2, .flags = MSR_ADDRESS, .get = get_segment_base, .set = set_segment_base },
	{ MSR_KERNEL_GS_BASE, RUN_MSR(kernel_gs_base), .flags = MSR_LISTED | MSR_ADDRESS },
	{ MSR_TSC_AUX, RUN_MSR(tsc_aux), .flags = MSR_LISTED, .present = has_rdtscp },
	{ MSR_K7_EVNTSEL0, 4, .flags = MSR_QUIET }, /* no counters below a guest */
	{ MSR_K7_PERFCTR0, 4, .flags = MSR_QUIET },
	{ MSR_AMD64_SYSCFG, .flags = MSR_QUIET },
	{ MSR_K7_HWCR, OWN(hwcr), .flags = MSR_LISTED, .defined = HWCR_DEFINED },
	{ MSR_AMD64_NB_CFG, .flags = MSR_QUIET },
	{ MSR_AMD64_PATCH_LOADER, .flags = MSR_QUIET },
	{ MSR_K8_INT_PENDING_MSG, .flags = MSR_QUIET },
	{ MSR_FAM10H_MMIO_CONF_BASE, .flags = MSR_QUIET },
	{ MSR_VM_HSAVE_PA, .flags = MSR_QUIET },
	{ MSR_AMD64_BU_CFG2, .flags = MSR_QUIET },
	{ MSR_AMD64_OSVW_ID_LENGTH, 2, .flags = MSR_QUIET },
	{ MSR_AMD64_DC_CFG, .flags = MSR_QUIET },
	{ MSR_AMD64_DE_CFG, .flags = MSR_FEATURE, .get = get_de_cfg, .set = set_ignored },
};

const unsigned int msr_row_count = ARRAY_SIZE(msr_rows);
