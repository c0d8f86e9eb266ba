// SPDX-License-Identifier: GPL-2.0-only
/* MSRs: guests' accesses that root mode does not answer, and user space's. */
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "msr.h"
#include "msr_user.h"
#include "smm_map.h"
#include "vcpu.h"
#include "vm.h"

#define MSR_IOCTL_MAX 256
#define KVM_MSRS 0x100         /* from MSR_KVM_WALL_CLOCK_NEW on */
#define MISC_ENABLE_RESET 1ull /* fast strings */
#define APIC_BASE_RESET (0xfee00000ull | MSR_IA32_APICBASE_ENABLE)
#define PAT_RESET 0x0007040600070406ull

static bool strict_msrs;
module_param(strict_msrs, bool, 0644);
MODULE_PARM_DESC(strict_msrs, "Raise #GP for MSRs that are not known, in place of ignoring them");

/* -- Values ---------------------------------------------------------------- */

const struct msr_row *msr_find(u32 index)
{
	unsigned int i;

	for (i = 0; i < msr_row_count; i++) {
		const struct msr_row *row = &msr_rows[i];

		if (index - row->index < max_t(u32, row->count, 1))
			return row->present && !row->present() ? NULL : row;
	}
	return NULL;
}

static u64 *own_value(struct mullion_vcpu *v, const struct msr_row *row)
{
	return (u64 *)((u8 *)&v->msrs + row->own);
}

static u64 *run_value(struct mullion_vcpu *v, const struct msr_row *row)
{
	return (u64 *)((u8 *)v->run + row->run_offset);
}

/* KVM's own MSRs: those that CPUID does not offer fault, if that is wanted, and unknown ones do
 * so always. */
static bool pv_missing(const struct mullion_vcpu *v, u32 index, const struct msr_row *row)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		break;
	default:
		if (index - MSR_KVM_WALL_CLOCK_NEW >= KVM_MSRS)
			return false;
	}
	return !row || !vcpu_has_pv(v, row->pv_feature);
}

int msr_get(struct mullion_vcpu *v, u32 index, u64 *value, bool host)
{
	const struct msr_row *row = msr_find(index);
	int ret = MSR_OK;

	if (!host && pv_missing(v, index, row))
		return MSR_INVALID;
	if (!host && index == MSR_PLATFORM_INFO && READ_ONCE(v->vm->hide_platform_info))
		return MSR_INVALID;
	if (!row || (row->flags & MSR_HOST && !host))
		return MSR_UNKNOWN;
	if (row->get)
		return row->get(v, index, value);
	if (row->flags & MSR_QUIET) {
		*value = 0;
	} else if (row->group) {
		ret = vcpu_load(v, row->group);
		*value = *run_value(v, row);
	} else {
		*value = *own_value(v, row);
	}
	return ret;
}

/* Of as many bits as the guest's page tables translate. Control registers are loaded. */
static bool is_canonical(const struct mullion_vcpu *v, u64 address)
{
	unsigned int shift = v->run->cr4 & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(address << shift) >> shift) == address;
}

int msr_set(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	const struct msr_row *row = msr_find(index);
	int ret = MSR_OK;

	if (!host && pv_missing(v, index, row))
		return MSR_INVALID;
	if (!row || (row->flags & MSR_HOST && !host))
		return MSR_UNKNOWN;
	if (row->flags & MSR_ADDRESS && !host) {
		ret = vcpu_load(v, MULLION_GROUP_CR);
		if (ret)
			return ret;
		if (!is_canonical(v, value))
			return MSR_INVALID;
	}
	if (row->defined && value & ~row->defined)
		return MSR_INVALID;
	if (row->set)
		return row->set(v, index, value, host);
	if (row->flags & MSR_QUIET)
		return MSR_OK;
	if (row->get) /* read-only; user space may restore what it read */
		return host ? MSR_OK : MSR_INVALID;
	if (row->group) {
		ret = vcpu_change(v, row->group);
		if (!ret)
			*run_value(v, row) = value;
	} else {
		*own_value(v, row) = value;
	}
	return ret;
}

int msr_feature(u32 index, u64 *value)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		return rdmsrl_safe(MSR_IA32_UCODE_REV, value) ? MSR_INVALID : MSR_OK;
	case MSR_IA32_PERF_CAPABILITIES:
	case MSR_AMD64_DE_CFG:
		return msr_find(index)->get(NULL, index, value);
	}
	return MSR_UNKNOWN;
}

void msr_reset(struct mullion_vcpu *v)
{
	memset(&v->msrs, 0, sizeof(v->msrs));
	v->msrs.apic_base = APIC_BASE_RESET | (v->id == v->vm->boot_id ? MSR_IA32_APICBASE_BSP : 0);
	v->msrs.misc_enable = MISC_ENABLE_RESET;
	v->msrs.smbase = SMM_BASE_RESET;
}

/* -- Guests ---------------------------------------------------------------- */

static int access_unknown(struct mullion_vcpu *v, u32 index, bool write, u64 *value)
{
	if (strict_msrs)
		return MSR_INVALID;
	if (write) {
		pr_info_ratelimited("mullion: vCPU %u: write of %#llx to MSR %#x ignored\n", v->id,
				    *value, index);
	} else {
		pr_info_ratelimited("mullion: vCPU %u: MSR %#x is not known, reads 0\n", v->id,
				    index);
		*value = 0;
	}
	return MSR_OK;
}

int exit_msr(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;
	u64 value = exit->msr.value;
	int ret;

	if (!vm_allows_msr(v->vm, exit->msr.index, exit->msr.write))
		return msr_refuse(v, KVM_MSR_EXIT_REASON_FILTER);
	if (exit->msr.write)
		ret = msr_set(v, exit->msr.index, value, false);
	else
		ret = msr_get(v, exit->msr.index, &value, false);
	if (ret == MSR_UNKNOWN) {
		if (READ_ONCE(v->vm->user_msr) & KVM_MSR_EXIT_REASON_UNKNOWN)
			return msr_refuse(v, KVM_MSR_EXIT_REASON_UNKNOWN);
		ret = access_unknown(v, exit->msr.index, exit->msr.write, &value);
	}
	if (ret < 0)
		return ret;
	return ret == MSR_INVALID ? msr_refuse(v, KVM_MSR_EXIT_REASON_INVAL) : msr_answer(v, value);
}

int msr_answer(struct mullion_vcpu *v, u64 value)
{
	const struct mullion_exit *exit = &v->run->exit;
	int ret;

	if (!exit->msr.write) {
		ret = vcpu_change(v, MULLION_GROUP_GPR);
		if (ret)
			return ret;
		v->run->gpr[MULLION_RAX] = (u32)value;
		v->run->gpr[MULLION_RDX] = value >> 32;
	}
	ret = vcpu_advance(v, v->run->rip + exit->insn_len);
	return ret ? ret : EXIT_CONTINUE;
}

/* -- User space ------------------------------------------------------------ */

static int host_get(struct mullion_vcpu *v, struct kvm_msr_entry *e)
{
	return v ? msr_get(v, e->index, &e->data, true) : msr_feature(e->index, &e->data);
}

static int host_set(struct mullion_vcpu *v, struct kvm_msr_entry *e)
{
	return msr_set(v, e->index, e->data, true);
}

/* Deals with entries in order until one fails. -> how many were dealt with. */
static long each_entry(struct mullion_vcpu *v, struct kvm_msrs __user *arg,
		       int (*access)(struct mullion_vcpu *v, struct kvm_msr_entry *e), bool back)
{
	struct kvm_msr_entry *entries;
	struct kvm_msrs head;
	size_t size;
	long done;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs > MSR_IOCTL_MAX)
		return -E2BIG;
	size = head.nmsrs * sizeof(*entries);
	entries = memdup_user(arg->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	for (done = 0; done < head.nmsrs; done++) {
		int ret = access(v, &entries[done]);

		if (ret < 0) {
			done = ret;
			break;
		}
		if (ret != MSR_OK)
			break;
	}
	if (back && done > 0 && copy_to_user(arg->entries, entries, size))
		done = -EFAULT;
	kfree(entries);
	return done;
}

long vcpu_get_msrs(struct mullion_vcpu *v, struct kvm_msrs __user *arg)
{
	return each_entry(v, arg, host_get, true);
}

long vcpu_set_msrs(struct mullion_vcpu *v, struct kvm_msrs __user *arg)
{
	return each_entry(v, arg, host_set, false);
}

long msr_get_features(struct kvm_msrs __user *arg)
{
	return each_entry(NULL, arg, host_get, true);
}

long msr_list(struct kvm_msr_list __user *arg, bool features)
{
	u8 flag = features ? MSR_FEATURE : MSR_LISTED;
	u32 room, count = 0;
	unsigned int i, j;

	if (get_user(room, &arg->nmsrs))
		return -EFAULT;
	for (i = 0; i < msr_row_count; i++) {
		const struct msr_row *row = &msr_rows[i];

		if (!(row->flags & flag) || (row->present && !row->present()))
			continue;
		for (j = 0; j < max_t(u32, row->count, 1); j++, count++) {
			if (count < room && put_user(row->index + j, &arg->indices[count]))
				return -EFAULT;
		}
	}
	if (put_user(count, &arg->nmsrs))
		return -EFAULT;
	return count > room ? -E2BIG : 0;
}

/* -- Machine checks -------------------------------------------------------- */

u64 mce_capabilities(void)
{
	return MCG_CTL_P | MCG_SER_P | MULLION_MCE_BANKS;
}

int vcpu_setup_mce(struct mullion_vcpu *v, u64 mcg_cap)
{
	u32 banks = mcg_cap & MCG_BANKCNT_MASK, bank;

	if (!banks || banks > MULLION_MCE_BANKS ||
	    mcg_cap & ~(mce_capabilities() | MCG_BANKCNT_MASK))
		return -EINVAL;
	v->msrs.mcg_cap = mcg_cap;
	if (mcg_cap & MCG_CTL_P)
		v->msrs.mcg_ctl = ~0ull;
	for (bank = 0; bank < banks; bank++)
		v->msrs.mce_banks[4 * bank] = ~0ull;
	return 0;
}

int vcpu_inject_mce(struct mullion_vcpu *v, const struct kvm_x86_mce *mce)
{
	u64 *bank;
	int ret;

	if (mce->bank >= (v->msrs.mcg_cap & MCG_BANKCNT_MASK) || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = &v->msrs.mce_banks[4 * mce->bank];
	/* Turned off by the guest, or an uncorrected error on top of another. */
	if ((v->msrs.mcg_cap & MCG_CTL_P && v->msrs.mcg_ctl != ~0ull) || bank[0] != ~0ull)
		return 0;
	if (mce->status & MCI_STATUS_UC) {
		ret = vcpu_load(v, MULLION_GROUP_CR);
		if (ret)
			return ret;
		if (v->msrs.mcg_status & MCG_STATUS_MCIP || !(v->run->cr4 & X86_CR4_MCE)) {
			/* A second one, or none expected: the processor shuts down. */
			v->shutdown_due = true;
			return 0;
		}
		bank[1] = mce->status;
		v->msrs.mcg_status = mce->mcg_status;
		vcpu_raise(v, MC_VECTOR, false, 0);
	} else if (bank[1] & MCI_STATUS_VAL) {
		bank[1] |= MCI_STATUS_OVER;
		return 0;
	} else {
		bank[1] = mce->status;
	}
	bank[2] = mce->addr;
	bank[3] = mce->misc;
	return 0;
}
