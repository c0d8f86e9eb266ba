// SPDX-License-Identifier: GPL-2.0-only
/* MSR policy; contracts in msr.h. */
#include "hv/msr.h"

#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/exit.h"
#include "hv/log.h"
#include "hv/smp.h"
#include "hv/vendor.h"
#include "hv/x86.h"

/*
 * Guests use directly what a control block or root mode switches with them, and
 * nothing else. Everything that is not listed exits and is the module's.
 */
static const uint32_t guest_passes[] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,    MSR_LSTAR,
	MSR_CSTAR,       MSR_SFMASK,       MSR_FS_BASE,      MSR_GS_BASE, MSR_KERNEL_GS_BASE,
};

/*
 * The service domain owns the machine and uses its MSRs directly, but for
 * those with which root mode could be changed or read.
 */
enum service_rule {
	RULE_EFER,   /* as a guest's: SVME is not seen */
	RULE_APIC,   /* the register page must stay where it is */
	RULE_ICR,    /* INIT and SIPI are smp.c's */
	RULE_LOCKED, /* reads as the value given; writes fault */
	RULE_HIDDEN, /* reads as the value given; writes change nothing */
	RULE_IGNORE, /* reads as it is; writes change nothing */
};

static const struct service_trap {
	uint32_t first, last;
	enum service_rule rule;
	uint64_t value;
} service_traps[] = {
	{ MSR_EFER, MSR_EFER, RULE_EFER, 0 },
	/* Moved over RAM it would shadow what root mode reads there. */
	{ MSR_APIC_BASE, MSR_APIC_BASE, RULE_APIC, 0 },
	{ 0x830, 0x830, RULE_ICR, 0 },
	/* IA32_FEATURE_CONTROL: locked, VMX outside SMX on, or Linux hides the flag that tools of
	 * virtualization look for. VMXON faults, and Linux's own KVM survives that. */
	{ 0x3a, 0x3a, RULE_LOCKED, 0x5 },
	/* IA32_BIOS_UPDT_TRIG, PATCH_LOADER: microcode is loaded before the hypervisor. */
	{ 0x79, 0x79, RULE_IGNORE, 0 },
	{ 0xc0010020, 0xc0010020, RULE_IGNORE, 0 },
	/* VMX capabilities: there is no nesting below the service domain. */
	{ 0x480, 0x493, RULE_IGNORE, 0 },
	/* SYSCFG, HWCR; IORR, TOP_MEM, TOP_MEM2: where RAM is and what is encrypted. */
	{ 0xc0010010, 0xc0010010, RULE_IGNORE, 0 },
	{ 0xc0010015, 0xc001001a, RULE_IGNORE, 0 },
	{ 0xc001001d, 0xc001001d, RULE_IGNORE, 0 },
	/* MMIO configuration base: moved over RAM it would shadow it. */
	{ 0xc0010058, 0xc0010058, RULE_IGNORE, 0 },
	/* SMBASE, SMM_ADDR, SMM_MASK: system management mode sees all memory. */
	{ 0xc0010111, 0xc0010113, RULE_IGNORE, 0 },
	/* VM_CR: locked, SVM off, for Linux's own KVM would not survive that EFER.SVME cannot be
	 * set; IGNNE, SMM_CTL; VM_HSAVE_PA: root mode's; SVM_KEY, SMM_KEY. */
	{ 0xc0010114, 0xc0010114, RULE_LOCKED, 0x18 },
	{ 0xc0010115, 0xc0010116, RULE_IGNORE, 0 },
	{ 0xc0010117, 0xc0010117, RULE_HIDDEN, 0 }, /* Linux clears it before it reboots */
	{ 0xc0010118, 0xc001011a, RULE_IGNORE, 0 },
};

static const struct service_trap *find_trap(uint32_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(service_traps); i++) {
		if (index >= service_traps[i].first && index <= service_traps[i].last)
			return &service_traps[i];
	}
	return NULL;
}

void msr_for_each_exception(bool service,
			    void (*visit)(void *map, uint32_t index, bool read, bool write),
			    void *map)
{
	if (service) {
		for (size_t i = 0; i < ARRAY_SIZE(service_traps); i++) {
			const struct service_trap *trap = &service_traps[i];

			for (uint32_t index = trap->first; index <= trap->last; index++)
				visit(map, index, trap->rule == RULE_IGNORE, false);
		}
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(guest_passes); i++)
		visit(map, guest_passes[i], true, true);
	visit(map, MSR_TSC_AUX, cpu_features.rdtscp, cpu_features.rdtscp);
	visit(map, MSR_SPEC_CTRL, cpu_features.spec_ctrl, cpu_features.spec_ctrl);
}

enum answer { ANSWERED, FAULT, NOT_HERE };

static enum answer access_efer(struct vcpu *v, bool write, uint64_t *value)
{
	struct mullion_run state;
	uint64_t old = vendor->get_efer(v);

	if (!write) {
		*value = old;
		return ANSWERED;
	}
	vendor->get_state(v, MULLION_GROUP_CR, &state);
	if (*value & ~(cpu_features.efer | EFER_LMA) ||
	    ((*value ^ old) & EFER_LME && state.cr0 & CR0_PG))
		return FAULT;
	vendor->set_efer(v, (*value & cpu_features.efer) | (old & EFER_LMA));
	return ANSWERED;
}

/* Every byte one of the memory types UC, WC, WT, WP, WB, UC- (APM vol. 2 7.8.1). */
static bool pat_valid(uint64_t value)
{
	for (unsigned int i = 0; i < 64; i += 8) {
		uint8_t type = (uint8_t)(value >> i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static enum answer service_access(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	const struct service_trap *trap = find_trap(index);

	if (trap && trap->rule == RULE_EFER)
		return access_efer(v, write, value);
	if (trap && (trap->rule == RULE_LOCKED || trap->rule == RULE_HIDDEN)) {
		if (write)
			return trap->rule == RULE_LOCKED ? FAULT : ANSWERED;
		*value = trap->value;
		return ANSWERED;
	}
	if (!write)
		return rdmsr_safe(index, value) ? ANSWERED : FAULT;
	if (!trap)
		return wrmsr_safe(index, *value) ? ANSWERED : FAULT;
	if (trap->rule == RULE_ICR)
		return smp_icr_write(*value) ? ANSWERED : FAULT;
	if (trap->rule == RULE_APIC && !((rdmsr(index) ^ *value) & PT_ADDRESS))
		return wrmsr_safe(index, *value) ? ANSWERED : FAULT;
	if (log_budget())
		pr_warn("service domain: write of %lx to MSR %x ignored", *value, index);
	return ANSWERED;
}

static enum answer guest_access(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	struct mullion_run state;

	if (v->request & MULLION_REQUEST_MSR_EXIT)
		return NOT_HERE;
	switch (index) {
	case MSR_EFER:
		return access_efer(v, write, value);
	case MSR_PAT:
		if (write) {
			if (!pat_valid(*value))
				return FAULT;
			state.msr.pat = *value;
			vendor->set_state(v, GROUP_PAT, &state);
		} else {
			vendor->get_state(v, GROUP_PAT, &state);
			*value = state.msr.pat;
		}
		return ANSWERED;
	case MSR_TSC:
		if (write)
			return NOT_HERE;
		*value = rdtsc() + v->tsc_offset;
		return ANSWERED;
	case MSR_PRED_CMD:
		if (!write || !cpu_features.ibpb || *value & ~1ull)
			return NOT_HERE;
		wrmsr(MSR_PRED_CMD, *value);
		return ANSWERED;
	default:
		return apic_msr(v, index, write, value) ? ANSWERED : NOT_HERE;
	}
}

void msr_exit(struct vcpu *v, const struct vm_exit *x)
{
	bool write = x->kind == EXIT_WRMSR;
	uint32_t index = (uint32_t)v->gpr[MULLION_RCX];
	uint64_t value = v->gpr[MULLION_RDX] << 32 | (uint32_t)v->gpr[MULLION_RAX];
	struct mullion_exit *e;

	switch (v->is_service ? service_access(v, index, write, &value) :
				guest_access(v, index, write, &value)) {
	case ANSWERED:
		if (!write) {
			v->gpr[MULLION_RAX] = (uint32_t)value;
			v->gpr[MULLION_RDX] = value >> 32;
		}
		vcpu_skip(v, x->insn_len);
		break;
	case FAULT:
		vcpu_inject_exception(v, EXC_GP, 0);
		break;
	case NOT_HERE:
		e = &v->run->exit;
		e->msr.index = index;
		e->msr.write = write;
		e->msr.value = value;
		exit_leave(v, x, MULLION_EXIT_MSR, MULLION_GROUP_GPR);
		break;
	}
}

/* The module may have chosen a bit that this processor lacks. */
static void switch_msr(uint32_t index, uint64_t *old, uint64_t new)
{
	*old = rdmsr(index);
	if (*old != new)
		wrmsr_safe(index, new);
}

/* MSRs that change hands on every turn. */
static void switch_msrs(struct vcpu *from, const struct vcpu *to)
{
	const struct cpu_features *f = &cpu_features;

	if (f->rdtscp)
		switch_msr(MSR_TSC_AUX, &from->tsc_aux, to->tsc_aux);
	if (f->spec_ctrl)
		switch_msr(MSR_SPEC_CTRL, &from->spec_ctrl, to->spec_ctrl);
	/* A guest's is 0, or XSAVES would show it the service domain's components. */
	if (f->xsaves)
		switch_msr(MSR_XSS, &from->xss, to->xss);
	if (!f->syscall_msrs)
		return;
	switch_msr(MSR_STAR, &from->star, to->star);
	switch_msr(MSR_LSTAR, &from->lstar, to->lstar);
	switch_msr(MSR_CSTAR, &from->cstar, to->cstar);
	switch_msr(MSR_SFMASK, &from->sfmask, to->sfmask);
	switch_msr(MSR_KERNEL_GS_BASE, &from->kernel_gs_base, to->kernel_gs_base);
}

STOP void msr_load_guest(struct vcpu *v)
{
	switch_msrs(this_cpu()->service, v);
}

void msr_save_guest(struct vcpu *v)
{
	switch_msrs(v, this_cpu()->service);
}
