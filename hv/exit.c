// SPDX-License-Identifier: GPL-2.0-only
/* Exit policy; contracts in exit.h. */
#include "hv/exit.h"

#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/fpu.h"
#include "hv/hypercall.h"
#include "hv/lib/string.h"
#include "hv/log.h"
#include "hv/msr.h"
#include "hv/panic.h"
#include "hv/report.h"
#include "hv/smp.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "hv/x86.h"

/*
 * Exits that root mode answers before the guest's turn ends all the same. Exceptions that
 * raise each other in their delivery come before interrupts: without a bound a guest could
 * keep the processor for ever.
 */
#define TURN_EXITS_MAX 1024

static void xsetbv(struct vcpu *v, const struct vm_exit *x)
{
	uint64_t value = v->gpr[MULLION_RDX] << 32 | (uint32_t)v->gpr[MULLION_RAX];

	/* The service domain may use components that root mode does not switch for guests. */
	if ((uint32_t)v->gpr[MULLION_RCX] != 0 || !(v->is_service || fpu_xcr0_valid(value)) ||
	    !xsetbv_safe(value)) {
		vcpu_inject_exception(v, EXC_GP, 0);
		return;
	}
	v->xcr0 = value;
	vcpu_skip(v, x->insn_len);
}

void exit_leave(struct vcpu *v, const struct vm_exit *x, enum mullion_exit_reason reason,
		uint32_t groups)
{
	struct mullion_exit *e = &v->run->exit;

	e->reason = reason;
	e->insn_len = x->insn_len;
	e->insn_count = x->insn_count;
	memcpy(e->insn, x->insn, min(x->insn_count, sizeof(x->insn)));
	v->stat.last_exit_code = x->code;
	v->stat.last_rip = x->rip;
	vcpu_leave(v, groups);
}

#define GROUPS_EMULATION                                                                           \
	(MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR)

static void guest_exception(struct vcpu *v, const struct vm_exit *x)
{
	uint8_t vector = x->exception.vector;

	if (vector == EXC_MC) {
		/* The machine's trouble, not the guest's: the service domain takes it. */
		exit_leave(v, x, MULLION_EXIT_INTERRUPT, 0);
		vcpu_inject_exception(this_cpu()->service, EXC_MC, 0);
		return;
	}
	if (vector == EXC_UD && !v->inject.valid)
		exit_leave(v, x, MULLION_EXIT_UNDEFINED, GROUPS_EMULATION);
	else
		vcpu_inject_exception(v, vector, x->exception.error);
}

/* Whether the exception about to be injected is one that a debugger outside waits for. */
static bool is_wanted_by_debugger(const struct vcpu *v)
{
	return v->request & MULLION_REQUEST_DEBUG && v->inject.valid &&
	       v->inject.type == MULLION_EVENT_EXCEPTION &&
	       (v->inject.vector == EXC_DB || v->inject.vector == EXC_BP);
}

static void guest_debug(struct vcpu *v, const struct vm_exit *x)
{
	struct mullion_run state;

	vendor->get_state(v, MULLION_GROUP_DR, &state);
	v->run->exit.debug.vector = v->inject.vector;
	v->run->exit.debug.dr6 = state.dr[6];
	v->inject.valid = 0;
	exit_leave(v, x, MULLION_EXIT_DEBUG, GROUPS_EMULATION | MULLION_GROUP_DR);
}

/* The only control-register write that exits is MOV to CR8. */
static void guest_cr_write(struct vcpu *v, const struct vm_exit *x)
{
	struct mullion_run state;
	uint64_t old, value = v->gpr[x->cr.gpr];

	if (value > 15) {
		vcpu_inject_exception(v, EXC_GP, 0);
		return;
	}
	vendor->get_state(v, MULLION_GROUP_CR8, &state);
	old = state.cr8;
	state.cr8 = value;
	vendor->set_state(v, MULLION_GROUP_CR8, &state);
	vcpu_skip(v, x->insn_len);
	v->apic_changed = true;
	if (v->asked & MULLION_REQUEST_CR8_EXIT && value < old)
		exit_leave(v, x, MULLION_EXIT_CR8, 0);
}

static void guest_refused(struct vcpu *v, const struct vm_exit *x)
{
	struct mullion_exit *e = &v->run->exit;

	if (log_budget()) {
		report_shutdown(v, "the processor refused its state");
		vendor->dump(v);
	}
	/* The exit may have stored anything in the control block (QEMU's software processor
	 * stores root mode's registers), so only new state makes this vCPU run again. */
	vcpu_renew(v);
	v->shutdown = true;
	e->fail.code = x->code;
	e->fail.info[0] = x->info[0];
	e->fail.info[1] = x->info[1];
	exit_leave(v, x, MULLION_EXIT_FAIL_ENTRY, 0);
}

static void guest_shutdown(struct vcpu *v, const struct vm_exit *x)
{
	if (log_budget())
		report_shutdown(v, "triple fault");
	v->shutdown = true;
	exit_leave(v, x, MULLION_EXIT_SHUTDOWN, 0);
}

static void guest_exit(struct vcpu *v, const struct vm_exit *x)
{
	switch (x->kind) {
	case EXIT_INTERRUPT:
	case EXIT_NMI:
	case EXIT_INIT:
		exit_leave(v, x, MULLION_EXIT_INTERRUPT, 0);
		break;
	case EXIT_EXCEPTION:
		guest_exception(v, x);
		break;
	case EXIT_FORBIDDEN:
		exit_leave(v, x, MULLION_EXIT_UNDEFINED, GROUPS_EMULATION);
		break;
	case EXIT_IO:
		v->run->exit.io = x->io;
		exit_leave(v, x, MULLION_EXIT_IO,
			   x->io.flags & MULLION_IO_STRING ? GROUPS_EMULATION : MULLION_GROUP_GPR);
		break;
	case EXIT_HLT:
		vcpu_skip(v, x->insn_len);
		exit_leave(v, x, MULLION_EXIT_HLT, 0);
		break;
	case EXIT_HYPERCALL:
		exit_leave(v, x, MULLION_EXIT_HYPERCALL, MULLION_GROUP_GPR | MULLION_GROUP_SEG);
		break;
	case EXIT_NESTED_FAULT:
		if (apic_fault(v, x))
			break;
		v->run->exit.memory = x->memory;
		exit_leave(v, x, MULLION_EXIT_MEMORY, GROUPS_EMULATION);
		break;
	case EXIT_CR_WRITE:
		guest_cr_write(v, x);
		break;
	case EXIT_DR_ACCESS:
		vcpu_use_debug_registers(v);
		break;
	case EXIT_INVD:
	case EXIT_WBINVD:
		/* No device that bypasses the caches is a guest's. */
		vcpu_skip(v, x->insn_len);
		break;
	case EXIT_TASK_SWITCH:
		v->run->exit.task = x->task;
		exit_leave(v, x, MULLION_EXIT_TASK_SWITCH, GROUPS_EMULATION | MULLION_GROUP_DR);
		break;
	case EXIT_IRQ_WINDOW:
		v->apic_changed = true;
		if (v->asked & MULLION_REQUEST_IRQ_WINDOW)
			exit_leave(v, x, MULLION_EXIT_IRQ_WINDOW, 0);
		break;
	case EXIT_NMI_WINDOW:
		exit_leave(v, x, MULLION_EXIT_NMI_WINDOW, 0);
		break;
	case EXIT_SHUTDOWN:
		guest_shutdown(v, x);
		break;
	case EXIT_REFUSED:
		guest_refused(v, x);
		break;
	default:
		if (log_budget())
			pr_warn("vm %u vcpu %u: unexpected exit, info %lx %lx rip %lx", v->vm->id,
				v->index, x->info[0], x->info[1], x->rip);
		guest_refused(v, x);
	}
}

/* What the service domain does with memory that is not its own costs it #GP, and only that. */
static void service_nested_fault(struct vcpu *v, const struct vm_exit *x)
{
	if (smp_apic_write(v, x) ||
	    service_fault(gpa(x->memory.gpa), x->memory.access & MULLION_ACCESS_WRITE))
		return;
	if (log_budget())
		pr_warn("service domain: access to %lx, which is not its own, at rip %lx",
			x->memory.gpa, x->rip);
	vcpu_inject_exception(v, EXC_GP, 0);
}

/* Without the service domain there is nobody left to serve. */
static _Noreturn void service_end(struct vcpu *v, const char *why)
{
	report_shutdown(v, why);
	pr_err("The service domain has ended; the machine is reset");
	machine_reset();
}

static void service_exit(struct vcpu *v, const struct vm_exit *x)
{
	switch (x->kind) {
	case EXIT_HYPERCALL:
		vcpu_skip(v, x->insn_len);
		hypercall(v);
		break;
	case EXIT_NESTED_FAULT:
		service_nested_fault(v, x);
		break;
	case EXIT_INTERRUPT:
	case EXIT_NMI:
		break; /* stays pending and is taken natively */
	case EXIT_EXCEPTION:
		vcpu_inject_exception(v, x->exception.vector, x->exception.error);
		break;
	case EXIT_FORBIDDEN:
		vcpu_inject_exception(v, EXC_UD, 0);
		break;
	case EXIT_INVD: /* would drop others' memory from the caches, too */
		__asm__ volatile("wbinvd" ::: "memory");
		vcpu_skip(v, x->insn_len);
		break;
	case EXIT_SHUTDOWN:
		service_end(v, "triple fault");
	case EXIT_INIT:
		if (this_cpu() != cpus[0])
			smp_retire();
		service_end(v, "INIT");
	case EXIT_REFUSED:
		vendor->dump(v);
		service_end(v, "the processor refused its state");
	default:
		if (log_budget())
			pr_warn("service domain: unexpected exit, code %lx info %lx %lx rip %lx",
				x->code, x->info[0], x->info[1], x->rip);
		vcpu_inject_exception(v, EXC_UD, 0);
	}
}

void exit_handle(struct vcpu *v, const struct vm_exit *x)
{
	v->stat.count[MULLION_STAT_EXITS]++;
	v->stat.count[x->kind]++;

	/* What guests and the service domain have in common; the rest differs. */
	switch (x->kind) {
	case EXIT_RETRY:
		break;
	case EXIT_CPUID:
		cpuid_exit(v, x);
		break;
	case EXIT_RDMSR:
	case EXIT_WRMSR:
		msr_exit(v, x);
		break;
	case EXIT_XSETBV:
		xsetbv(v, x);
		break;
	case EXIT_PRIVILEGED:
		vcpu_inject_exception(v, EXC_GP, 0);
		break;
	default:
		(v->is_service ? service_exit : guest_exit)(v, x);
	}
	if (v != this_cpu()->current)
		return;
	if (v->shutdown && v->is_service)
		service_end(v, "triple fault");
	else if (v->shutdown)
		guest_shutdown(v, x);
	else if (is_wanted_by_debugger(v))
		guest_debug(v, x);
	else if (!v->is_service && ++v->turn_exits == TURN_EXITS_MAX)
		exit_leave(v, x, MULLION_EXIT_INTERRUPT, 0);
	else if (v->apic_changed)
		apic_evaluate(v);
}
