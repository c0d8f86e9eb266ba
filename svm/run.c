/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One entry of a vCPU and the exit that ends it.
 *
 * NMIs. The processor masks NMIs for a guest only where it delivers them itself, so the
 * masking is kept here: v->nmi_blocked from the injection of an NMI to the guest's next
 * IRET. IRET exits before it executes; then (v->nmi_stepping) it is stepped over with
 * RFLAGS.TF, and NMIs are open when it has been executed.
 *
 * Stepping. RFLAGS.TF is ours only while the guest runs: every exit takes it out again,
 * and if the instruction has not been executed by then, the next entry begins anew.
 */
#include "svm/svm.h"

#include "hv/x86.h"
#include "svm/translate.h"

_Static_assert(offsetof(struct vcpu, gpr) == 0 && MULLION_RSP == 4 && MULLION_R15 == 15, "entry.S");

static void vmload(const struct vcpu *v)
{
	__asm__ volatile("vmload %%rax" ::"a"(v->control_hpa.raw) : "memory");
}

static void vmsave(const struct vcpu *v)
{
	__asm__ volatile("vmsave %%rax" ::"a"(v->control_hpa.raw) : "memory");
}

void svm_sync(struct vcpu *v)
{
	if (this_cpu()->loaded == v)
		vmsave(v);
}

void svm_unload(struct vcpu *v)
{
	svm_sync(v);
	if (this_cpu()->loaded == v)
		this_cpu()->loaded = NULL;
}

static void load(struct cpu *cpu, struct vcpu *v)
{
	if (cpu->loaded == v)
		return;
	if (cpu->loaded)
		vmsave(cpu->loaded);
	vmload(v);
	cpu->loaded = v;
}

/*
 * Gives v an ASID that no other vCPU has used on this processor since it last flushed
 * everything. A processor's copy of the VMCB, and its translations, are good only if v has
 * not run elsewhere meanwhile (15.15.4, 15.16.1).
 */
static void assign_asid(struct cpu *cpu, struct vcpu *v)
{
	struct vmcb *b = vmcb_of(v);

	if (v->last_cpu != cpu) {
		v->last_cpu = cpu;
		v->asid_generation = 0;
		b->control.clean = 0;
	}
	if (v->asid_generation && v->asid_generation == cpu->asid_generation)
		return;
	if (cpu->next_asid >= svm_features.asid_end) {
		cpu->next_asid = 1;
		cpu->asid_generation++;
		b->control.tlb_control = TLB_FLUSH_ALL;
	}
	v->asid_generation = cpu->asid_generation;
	b->control.guest_asid = cpu->next_asid++;
	vmcb_touch(b, CLEAN_ASID);
}

/* Whether a window that the module waits for is open already. */
static bool window_open(const struct vcpu *v, enum exit_kind *kind)
{
	const struct vmcb *b = vmcb_of(v);

	if (v->inject.valid || b->control.interrupt_shadow & INTERRUPT_SHADOW)
		return false;
	if (v->request & MULLION_REQUEST_NMI_WINDOW && !v->nmi_blocked) {
		*kind = EXIT_NMI_WINDOW;
		return true;
	}
	if (v->request & MULLION_REQUEST_IRQ_WINDOW && b->save.rflags & RFLAGS_IF) {
		*kind = EXIT_IRQ_WINDOW;
		return true;
	}
	return false;
}

/*
 * Whether to execute one instruction only. Not together with an event, whose handler would
 * find our TF in the flags that the processor pushes. An interrupt shadow lasts for one
 * instruction, so a window behind it is stepped to: this also holds on QEMU's software CPU,
 * which does not load the shadow.
 */
static bool wants_step(const struct vcpu *v)
{
	const uint32_t windows = MULLION_REQUEST_IRQ_WINDOW | MULLION_REQUEST_NMI_WINDOW;

	if (v->inject.valid)
		return false;
	return v->nmi_stepping || v->request & MULLION_REQUEST_SINGLE_STEP ||
	       (v->request & windows && vmcb_of(v)->control.interrupt_shadow & INTERRUPT_SHADOW);
}

static void step_begin(struct vcpu *v)
{
	struct vmcb *b = vmcb_of(v);

	b->control.stepping = true;
	b->control.step_rip = b->save.rip;
	b->control.step_guest_tf = b->save.rflags & RFLAGS_TF ? 1 : 0;
	b->save.rflags |= RFLAGS_TF;
}

/* Takes our TF out, and the #DB that it made unless it was asked for. */
static void step_end(struct vcpu *v, struct vm_exit *x)
{
	struct vmcb *b = vmcb_of(v);
	struct vmcb_save *s = &b->save;
	bool trapped = x->kind == EXIT_EXCEPTION && x->exception.vector == EXC_DB &&
		       s->dr6 & DR6_BS;
	bool executed = trapped || s->rip != b->control.step_rip;
	bool iret = v->nmi_stepping && executed;

	b->control.stepping = false;
	if (iret)
		v->nmi_stepping = v->nmi_blocked = false;
	if (b->control.step_guest_tf)
		return;
	if (!iret) /* IRET has loaded its own */
		s->rflags &= ~RFLAGS_TF;
	if (!trapped || v->request & MULLION_REQUEST_SINGLE_STEP)
		return;
	s->dr6 &= ~DR6_BS;
	vmcb_touch(b, CLEAN_DRX);
	if (!(s->dr6 & (DR6_B | DR6_BD)))
		x->kind = EXIT_RETRY;
}

/* What the intercepts below follow from, besides MULLION_REQUEST_*. */
#define ARM_STEP (1u << 31)
#define ARM_IRET (1u << 30)

/* Puts v's windows, steps and wanted exceptions into the intercepts. */
static void arm(struct vcpu *v)
{
	struct vmcb *b = vmcb_of(v);
	bool step = wants_step(v);
	bool nmi = v->inject.valid && v->inject.type == MULLION_EVENT_NMI && !v->is_service;
	uint32_t armed = v->request | (step ? ARM_STEP : 0) |
			 ((v->nmi_blocked || nmi) && !(step && v->nmi_stepping) ? ARM_IRET : 0);
	bool irq_window = v->request & MULLION_REQUEST_IRQ_WINDOW && !step;

	if (step)
		step_begin(v);
	if (armed == b->control.armed)
		return;
	b->control.armed = armed;

	/* A virtual interrupt that is never delivered: its intercept comes first. */
	b->control.vintr &= ~(V_IRQ | V_IGN_TPR);
	if (irq_window)
		b->control.vintr |= V_IRQ | V_IGN_TPR;
	vmcb_touch(b, CLEAN_TPR);
	vmcb_intercept(b, VMEXIT_VINTR, irq_window);
	/* QEMU 7.2's software CPU aborts at a write to CR8 while V_IRQ is set. */
	vmcb_intercept(b, VMEXIT_CR8_WRITE, irq_window || v->request & MULLION_REQUEST_CR8_EXIT);
	vmcb_intercept(b, VMEXIT_EXCP0 + EXC_BP, v->request & MULLION_REQUEST_DEBUG);
	vmcb_intercept(b, VMEXIT_IRET, armed & ARM_IRET);
	/* In the map of ports every bit is set. */
	b->control.msrpm_base_pa = armed & MULLION_REQUEST_MSR_EXIT ? svm_iopm() :
								      svm_msrpm(v->is_service);
	vmcb_touch(b, CLEAN_IOPM);
}

/*
 * With several processors an interrupt for which the guest is open becomes the virtual one: QEMU
 * 7.2's software processor may deliver that of EVENTINJ twice, if another one kicks it in between.
 * (Bochs 2.7 does not look for a virtual one before IF changes.) Any other v->inject, or one beside
 * a window, goes into EVENTINJ. For an event that an instruction raises, RIP stands after that
 * instruction; processors with next-RIP saving take the return address from there (15.20).
 */
static void inject(struct vcpu *v)
{
	struct vmcb *b = vmcb_of(v);
	const struct mullion_event *event = &v->inject;

	if (!event->valid)
		return;
	v->inject.valid = 0;
	/* RIP is not on the IRET any more, which will exit again. */
	v->nmi_stepping = false;
	if (cpu_count > 1 && event->type == MULLION_EVENT_INTERRUPT && event->vector &&
	    !(b->control.vintr & V_IRQ) && b->save.rflags & RFLAGS_IF &&
	    !(b->control.interrupt_shadow & INTERRUPT_SHADOW)) {
		b->control.vintr |= V_IRQ | V_IGN_TPR | V_VECTOR(event->vector);
		vmcb_touch(b, CLEAN_TPR);
		return;
	}
	b->control.eventinj = event_pack(event, b->save.cr0 & CR0_PE ? EXC_WITH_ERROR : 0);
	if (event_is_software(event))
		b->control.nrip = b->save.rip;
	/* The service domain's NMIs are the processor's to mask. */
	if (event->type == MULLION_EVENT_NMI && !v->is_service)
		v->nmi_blocked = true;
	/* The processor does this where it raises #DB itself. */
	if (event->type == MULLION_EVENT_EXCEPTION && event->vector == EXC_DB) {
		b->save.dr7 &= ~DR7_GD;
		vmcb_touch(b, CLEAN_DRX);
	}
}

/*
 * An event whose delivery the exit interrupted must be injected again. But if the guest's
 * own instruction raised it, RIP is on that instruction still, and it will raise it again;
 * only what was `injected` at `rip` has no such instruction.
 */
static void collect_event(struct vcpu *v, uint64_t injected, uint64_t rip)
{
	const struct vmcb *b = vmcb_of(v);
	struct mullion_event event = event_unpack(b->control.exitintinfo);

	if (!event.valid)
		return;
	if (event_is_software(&event) &&
	    !((uint32_t)b->control.exitintinfo == (uint32_t)injected && b->save.rip == rip))
		return;
	if (event.type == MULLION_EVENT_NMI)
		v->nmi_blocked = false;
	v->inject = event;
}

/* INT1 is past its one byte when it raises #DB. */
static void icebp(struct vcpu *v, struct vm_exit *x)
{
	svm_skip(v, x->insn_len ? x->insn_len : 1);
	x->kind = EXIT_EXCEPTION;
	x->exception.vector = EXC_DB;
	x->exception.error = 0;
	x->rip = vmcb_of(v)->save.rip;
}

/* Whether this entry is more than an entry: an event, a window, a step, or the end of one. */
static bool has_business(const struct vcpu *v)
{
	const uint32_t busy = MULLION_REQUEST_IRQ_WINDOW | MULLION_REQUEST_NMI_WINDOW |
			      MULLION_REQUEST_SINGLE_STEP;

	return v->inject.valid || v->nmi_blocked || v->request & busy ||
	       v->request != vmcb_of(v)->control.armed;
}

/* -> false if there is an exit already. */
static COLD bool prepare(struct vcpu *v, struct vm_exit *x)
{
	enum exit_kind kind;

	if (window_open(v, &kind)) {
		*x = (struct vm_exit){ .kind = kind, .rip = vmcb_of(v)->save.rip };
		return false;
	}
	arm(v);
	inject(v);
	return true;
}

/* What an exit leaves to be done, other than to be answered. */
static COLD void finish(struct vcpu *v, struct vm_exit *x, uint64_t injected, uint64_t rip)
{
	struct vmcb *b = vmcb_of(v);

	if (x->kind == EXIT_REFUSED) /* and a flush that was asked for is still to be done */
		this_cpu()->next_asid = svm_features.asid_end;
	else
		collect_event(v, injected, rip);
	if (b->control.vintr & V_VECTOR(0xff)) {
		/* Not delivered, or not to its end: by a fault of the delivery that does not exit
		 * QEMU's processor comes here, too, behind whatever the handler did. */
		if (b->control.vintr & V_IRQ && x->kind != EXIT_REFUSED)
			v->inject = event_unpack(EVENT_VALID | (uint8_t)(b->control.vintr >> 32));
		b->control.vintr &= ~(V_IRQ | V_IGN_TPR | V_VECTOR(0xff));
		vmcb_touch(b, CLEAN_TPR);
	}
	if (b->control.stepping)
		step_end(v, x);
	if (x->code == VMEXIT_IRET) {
		v->nmi_stepping = true;
		x->kind = EXIT_RETRY;
	} else if (x->code == VMEXIT_ICEBP) {
		icebp(v, x);
	}
}

void svm_run(struct vcpu *v, struct vm_exit *x)
{
	struct vmcb *b = vmcb_of(v);
	struct cpu *cpu = this_cpu();
	uint64_t injected, rip = b->save.rip;

	if (has_business(v) && !prepare(v, x))
		return;
	load(cpu, v);
	assign_asid(cpu, v);
	injected = b->control.eventinj;
	b->save.rax = v->gpr[MULLION_RAX];
	b->save.rsp = v->gpr[MULLION_RSP];

	svm_enter(v->gpr, v->control_hpa.raw);

	v->gpr[MULLION_RAX] = b->save.rax;
	v->gpr[MULLION_RSP] = b->save.rsp;
	b->control.eventinj = 0;
	b->control.tlb_control = 0;
	b->control.clean = svm_features.clean_bits;

	exit_decode(v, x);
	/* IRET and ICEBP are unknown so far. */
	if (b->control.exitintinfo & EVENT_VALID || b->control.vintr & V_VECTOR(0xff) ||
	    b->control.stepping || x->kind == EXIT_REFUSED || x->kind == EXIT_UNKNOWN)
		finish(v, x, injected, rip);
	if (x->kind <= EXIT_BY_INSN && !x->insn_len)
		svm_find_length(v, x);
	else
		svm_of(v)->lengthless = 0;
}
