// SPDX-License-Identifier: GPL-2.0-only
/* KVM_RUN: in and out of the guest. */
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "apic.h"
#include "compat.h"
#include "hypercall.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

int exit_internal_error(struct mullion_vcpu *v, u32 suberror, const u64 *data, u32 count)
{
	struct kvm_run *user = v->kvm_run;
	u32 i;

	user->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	user->internal.suberror = suberror;
	user->internal.ndata = count;
	for (i = 0; i < count; i++)
		user->internal.data[i] = data[i];
	return EXIT_TO_USER;
}

/* -- In -------------------------------------------------------------------- */

static bool accepts_nmi(const struct mullion_vcpu *v)
{
	return !v->run->inject.valid &&
	       !(v->run->interruptibility & (MULLION_BLOCK_NMI | MULLION_BLOCK_STI));
}

/* The interrupt that user space has given. -> its vector, or -1; as apic_next_extint(). */
static int user_irq_next(struct mullion_vcpu *v, bool open, bool *window)
{
	int vector = -1;

	if (v->irq_pending && open) {
		vector = v->irq_vector;
		v->irq_pending = false;
	}
	*window = v->irq_pending;
	return vector;
}

/* Whether user space waits for the moment to give an interrupt. */
static bool user_wants_window(const struct mullion_vcpu *v)
{
	if (!READ_ONCE(v->kvm_run->request_interrupt_window))
		return false;
	/* With the APIC in the kernel, only while that lets user space's PIC through. */
	return !v->apic ||
	       (v->vm->irqchip.kind == IRQCHIP_SPLIT && lapic_takes_extint(&v->apic->lapic));
}

/* Chooses what this entry delivers, and asks to be told when what is left can be. */
static void prepare_events(struct mullion_vcpu *v)
{
	struct mullion_run *run = v->run;
	bool blocked = v->debug.control & KVM_GUESTDBG_BLOCKIRQ;
	bool window = false;
	u32 request = v->debug.control ? guest_debug_request(v) : 0;
	int vector = -1;

	if (v->nmi_pending && accepts_nmi(v) && !blocked) {
		run->inject = (struct mullion_event){ .valid = 1,
						      .type = MULLION_EVENT_NMI,
						      .vector = 2 };
		v->nmi_pending--;
	}
	if (!blocked)
		vector = v->apic ? apic_next_extint(v, vcpu_irq_open(v), &window) :
				   user_irq_next(v, vcpu_irq_open(v), &window);
	/* With the page in force root mode delivers what is requested there. */
	run->apic_base = v->apic && !blocked ? v->msrs.apic_base : 0;
	if (vector >= 0)
		run->inject = (struct mullion_event){
			.valid = 1,
			.type = MULLION_EVENT_INTERRUPT,
			.vector = vector,
		};
	if (v->nmi_pending && !blocked)
		request |= MULLION_REQUEST_NMI_WINDOW;
	if (window || user_wants_window(v))
		request |= MULLION_REQUEST_IRQ_WINDOW;
	if (!v->apic) /* user space's must see the TPR fall */
		request |= MULLION_REQUEST_CR8_EXIT;
	if (READ_ONCE(v->vm->msr_exits))
		request |= MULLION_REQUEST_MSR_EXIT;
	run->request = request;
}

/* Runs the guest until its next exit. -> 1, or 0 when something is due here first. */
static int enter(struct mullion_vcpu *v)
{
	struct mullion_run *run = v->run;
	long ret;

	v->has_run = true;
	local_irq_disable();
	WRITE_ONCE(v->cpu, smp_processor_id());
	smp_mb(); /* where this vCPU is before what it is asked to do; apic_kick() pairs */
	if (need_resched() || signal_pending(current) || (v->apic && apic_has_events(v))) {
		WRITE_ONCE(v->cpu, -1);
		local_irq_enable();
		return 0;
	}
	prepare_events(v);
	if (v->apic)
		lapic_publish(&v->apic->lapic);
	/* The turn ends with the event's delivery, and the SMI is taken. Not behind an interrupt (that
	 * the PIC was told of), which root mode may have made a virtual one: the processor's own would
	 * come before it each time, and whatever ends the turn next will do. */
	if (smm_is_held_up(v) && run->inject.type != MULLION_EVENT_INTERRUPT)
		irq_work_queue(&v->kick);
	current->flags |= PF_VCPU; /* ticks that arrive now are the guest's time */
	ret = mullion_hypercall(MULLION_HC_VCPU_RUN, v->space->pool.vm, v->index, 0, 0, 0);
	WRITE_ONCE(v->cpu, -1);
	local_irq_enable(); /* the interrupt that ended the run is taken here */
	current->flags &= ~PF_VCPU;
	if (ret)
		return ret == -ENOENT ? -EIO : ret;
	if (run->exit.pending.valid)
		run->inject = run->exit.pending;
	if (v->debug.control)
		guest_debug_collect(v);
	if (v->apic)
		apic_take_cr8(v);
	return 1;
}

/* -- Out ------------------------------------------------------------------- */

static int exit_hlt(struct mullion_vcpu *v)
{
	if (v->apic) {
		v->mp_state = KVM_MP_STATE_HALTED;
		return EXIT_CONTINUE;
	}
	if (v->nmi_pending || v->irq_pending || smm_is_due(v))
		return EXIT_CONTINUE;
	v->kvm_run->exit_reason = KVM_EXIT_HLT;
	return EXIT_TO_USER;
}

static int exit_fail_entry(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;

	v->kvm_run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	v->kvm_run->fail_entry.hardware_entry_failure_reason = exit->fail.code;
	v->kvm_run->fail_entry.cpu = raw_smp_processor_id();
	vcpu_set_tsc_offset(v, v->tsc_offset); /* root mode has reset the vCPU */
	return EXIT_TO_USER;
}

static int exit_simple(struct mullion_vcpu *v, u32 reason)
{
	v->kvm_run->exit_reason = reason;
	return EXIT_TO_USER;
}

static int handle_exit(struct mullion_vcpu *v)
{
	u64 reason = v->run->exit.reason;

	switch (reason) {
	case MULLION_EXIT_INTERRUPT:
	case MULLION_EXIT_IRQ_WINDOW:
	case MULLION_EXIT_NMI_WINDOW:
		return EXIT_CONTINUE;
	case MULLION_EXIT_IO:
		return exit_io(v);
	case MULLION_EXIT_MEMORY:
		return exit_memory(v);
	case MULLION_EXIT_UNDEFINED:
		return exit_undefined(v);
	case MULLION_EXIT_TASK_SWITCH:
		return exit_task_switch(v);
	case MULLION_EXIT_MSR:
		return exit_msr(v);
	case MULLION_EXIT_HLT:
		return exit_hlt(v);
	case MULLION_EXIT_DEBUG:
		return exit_debug(v);
	case MULLION_EXIT_SHUTDOWN:
		return exit_simple(v, KVM_EXIT_SHUTDOWN);
	case MULLION_EXIT_HYPERCALL:
		return exit_hypercall(v);
	case MULLION_EXIT_FAIL_ENTRY:
		return exit_fail_entry(v);
	case MULLION_EXIT_CR8:
		return exit_simple(v, KVM_EXIT_SET_TPR);
	}
	return exit_internal_error(v, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, &reason, 1);
}

static int exit_signal(struct mullion_vcpu *v)
{
	v->kvm_run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

/* What the APIC in the kernel wants before an entry. */
static int prepare_apic(struct mullion_vcpu *v)
{
	int ret;

	if (v->apic->eoi_due) {
		v->apic->eoi_due = false;
		v->kvm_run->eoi.vector = v->apic->eoi_vector;
		return exit_simple(v, KVM_EXIT_IOAPIC_EOI);
	}
	for (;;) {
		if (apic_has_events(v)) {
			ret = apic_take_events(v);
			if (ret)
				return ret;
		}
		if (v->mp_state == KVM_MP_STATE_RUNNABLE || smm_is_due(v))
			return EXIT_CONTINUE;
		ret = apic_wait(v);
		if (ret)
			return exit_signal(v);
	}
}

/*
 * Where the processor keeps PAE paging's four entries, root mode loads them when it enters with new
 * control registers, if the nested tables map them by then (SDM vol. 3A 4.4.1).
 */
static void map_pdptes(struct mullion_vcpu *v)
{
	const struct mullion_run *run = v->run;

	if (run->cr0 & X86_CR0_PG && run->cr4 & X86_CR4_PAE && !(run->efer & EFER_LMA))
		memory_fault(v, run->cr3 & 0xffffffe0, 0);
}

static int run_loop(struct mullion_vcpu *v)
{
	int ret;

	for (;;) {
		if (signal_pending(current))
			return exit_signal(v);
		cond_resched();
		if (dirty_ring_full(v))
			return exit_simple(v, KVM_EXIT_DIRTY_RING_FULL);
		if (v->debug.step_due)
			return guest_debug_stepped(v);
		/* Before it may wait: for a vCPU that has halted the window is open, too. */
		if (user_wants_window(v) && vcpu_accepts_irq(v))
			return exit_simple(v, KVM_EXIT_IRQ_WINDOW_OPEN);
		if (v->apic) {
			ret = prepare_apic(v);
			if (ret != EXIT_CONTINUE)
				return ret;
		}
		/* What the last turn did not deliver: another one, or an SMI, may come first by now. */
		vcpu_put_back_irq(v);
		if (smm_is_due(v)) {
			ret = smm_take(v);
			if (ret)
				return ret;
		}
		clock_update(v);
		steal_update(v);
		if (v->run->dirty & MULLION_GROUP_CR)
			map_pdptes(v);
		ret = enter(v);
		if (ret == 0)
			continue;
		if (ret > 0)
			ret = handle_exit(v);
		if (ret != EXIT_CONTINUE)
			return ret;
	}
}

/* User space's APIC moved the TPR. */
static int take_cr8(struct mullion_vcpu *v)
{
	u64 cr8 = READ_ONCE(v->kvm_run->cr8);

	if (cr8 > 15)
		return -EINVAL;
	if (cr8 == v->run->cr8)
		return 0;
	v->run->cr8 = cr8;
	v->run->dirty |= MULLION_GROUP_CR8;
	return 0;
}

static void tell_user(struct mullion_vcpu *v)
{
	struct kvm_run *user = v->kvm_run;

	user->if_flag = !!(v->run->rflags & X86_EFLAGS_IF);
	user->flags = v->smm.active ? KVM_RUN_X86_SMM : 0;
	user->cr8 = v->run->cr8;
	user->apic_base = v->msrs.apic_base;
	user->ready_for_interrupt_injection = vcpu_accepts_irq(v);
}

static int run_checked(struct mullion_vcpu *v)
{
	int ret = vcpu_load(v, MULLION_GROUPS_ALWAYS);

	if (!ret)
		ret = sync_regs_in(v);
	if (!ret && !v->apic)
		ret = take_cr8(v);
	if (ret)
		return ret;
	if (dirty_ring_full(v)) {
		ret = exit_simple(v, KVM_EXIT_DIRTY_RING_FULL);
		goto out;
	}
	if (v->complete) {
		int (*complete)(struct mullion_vcpu * v) = v->complete;

		v->complete = NULL;
		ret = complete(v);
		if (ret != EXIT_CONTINUE)
			goto out;
	}
	if (v->shutdown_due) {
		v->shutdown_due = false;
		ret = exit_simple(v, KVM_EXIT_SHUTDOWN);
	} else if (compat_immediate_exit(v->kvm_run)) {
		ret = -EINTR;
	} else {
		ret = run_loop(v);
	}
out:
	tell_user(v);
	if (ret >= 0 || ret == -EINTR) {
		int stored = sync_regs_out(v);

		ret = stored ? stored : ret;
	}
	return ret;
}

int vcpu_run(struct mullion_vcpu *v)
{
	int ret;

	/* What the thread blocks otherwise is in real_blocked meanwhile: so a signal that user space
	 * lets in only here, to end the run, does not end the process. */
	if (v->sigmask_set)
		sigprocmask(SIG_SETMASK, &v->sigmask, &current->real_blocked);
	WRITE_ONCE(v->task, current);
	ret = run_checked(v);
	WRITE_ONCE(v->task, NULL);
	if (v->sigmask_set) {
		sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
		sigemptyset(&current->real_blocked);
	}
	return ret;
}
