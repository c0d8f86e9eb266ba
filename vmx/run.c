/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One entry of a vCPU and the exit that ends it.
 *
 * NMIs. In a guest they exit; virtual NMIs keep count of the guest's own blocking. The service
 * domain takes them as on the bare machine. What arrives in root mode, or with an exit, is
 * latched (trap.c) and injected at the next entry of the service domain. Until then no guest
 * is entered: run() looks first, and vmx_enter() looks again at a point from which on trap.c
 * makes it turn back.
 *
 * Stepping. RFLAGS.TF is ours only while the guest runs: every exit takes it out again.
 */
#include "vmx/vmx.h"

#include "hv/apic.h"
#include "hv/event.h"
#include "hv/guest_memory.h"
#include "hv/phys.h"
#include "hv/trap.h"
#include "hv/vm.h"
#include "hv/x86.h"

#define MSR_FLUSH_CMD 0x10bu
#define INVEPT_SINGLE 1ull

_Static_assert(offsetof(struct vcpu, gpr) == 0 && MULLION_RSP == 4 && MULLION_R15 == 15, "entry.S");

void vmx_load(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();

	if (cpu->loaded == v)
		return;
	__asm__ volatile("vmptrld %0" ::"m"(v->control_hpa) : "cc", "memory");
	vmx_of(v)->active = true;
	cpu->loaded = v;
}

/* VMCLEAR: what the processor has cached of the VMCS goes to memory (25.11.1). */
void vmx_unload(struct vcpu *v)
{
	struct vmx_vcpu *vx = vmx_of(v);

	if (!vx->active)
		return;
	__asm__ volatile("vmclear %0" ::"m"(v->control_hpa) : "cc", "memory");
	vx->active = vx->launched = false;
	if (this_cpu()->loaded == v)
		this_cpu()->loaded = NULL;
}

/*
 * Drops what the processor has cached of v's nested tables. That is not tagged with the VPID
 * but shared by all of the VM's vCPUs: a vCPU that comes from another processor may find
 * leavings here from before it was brought up to date there.
 */
static void flush(struct cpu *cpu, struct vcpu *v)
{
	const struct {
		uint64_t eptp, reserved;
	} operand = { v->vm->nested.root.raw | EPTP_FORMAT, 0 };

	if (v->last_cpu == cpu && !vmx_of(v)->flush)
		return;
	v->last_cpu = cpu;
	vmx_of(v)->flush = false;
	__asm__ volatile("invept %0, %1" ::"m"(operand), "r"(INVEPT_SINGLE) : "cc", "memory");
}

/* With new control registers the processor does not load the four entries that CR3 points to
 * in PAE paging; MOV to CR3 would have (SDM vol. 3A 4.4.1). */
static void reload_pdptes(struct vcpu *v)
{
	uint64_t table = vmread(GUEST_CR3) & 0xffffffe0;

	vmx_of(v)->reload_pdptes = false;
	if (!(vmread(GUEST_CR0) & CR0_PG) || !(vmread(GUEST_CR4) & CR4_PAE))
		return;
	for (unsigned int i = 0; i < 4; i++) {
		hpa_t entry;
		bool found = guest_translate(v->vm, gpa(table + 8 * i), &entry);

		vmwrite(GUEST_PDPTE0 + 2 * i, found ? *(uint64_t *)phys_to_virt(entry.raw) : 0);
	}
}

/* What the controls below follow from, besides MULLION_REQUEST_*. */
#define ARM_TIMER (1u << 31)
#define ARM_X2APIC (1u << 30)

/*
 * Puts v's windows and wanted exceptions into the controls. The service domain's preemption
 * timer, at 0, makes an exit as soon as an event has been delivered, for one that had to wait.
 */
static void arm(struct vcpu *v)
{
	bool waiting = v->is_service && v->inject.valid && this_cpu()->latched;
	bool x2apic = cpu_features.apicv && APIC_MODE(v) == X2APIC;
	uint32_t armed = v->request | (waiting ? ARM_TIMER : 0) | (x2apic ? ARM_X2APIC : 0);

	if (armed == vmx_of(v)->armed)
		return;
	vmx_of(v)->armed = armed;
	vmcs_switch(CPU_CONTROLS, CPU_INTERRUPT_WINDOW, armed & MULLION_REQUEST_IRQ_WINDOW);
	vmcs_switch(CPU_CONTROLS, CPU_NMI_WINDOW, armed & MULLION_REQUEST_NMI_WINDOW);
	vmcs_switch(CPU_CONTROLS, CPU_CR8_LOAD, armed & MULLION_REQUEST_CR8_EXIT);
	vmcs_switch(CPU_CONTROLS, CPU_USE_MSR_BITMAP, !(armed & MULLION_REQUEST_MSR_EXIT));
	vmcs_switch(EXCEPTION_BITMAP, BIT(EXC_BP), armed & MULLION_REQUEST_DEBUG);
	if (v->is_service) {
		vmcs_switch(PIN_CONTROLS, PIN_TIMER, armed & ARM_TIMER);
	} else if (cpu_features.apicv) {
		vmcs_switch(CPU_CONTROLS2, CPU2_X2APIC, x2apic);
		vmwrite(MSR_BITMAP, vmx_msr_bitmap(x2apic ? BITMAP_X2APIC : BITMAP_GUEST));
	}
}

/* The service domain's next event from those that root mode latched for it. An NMI that has not
 * been delivered yet is one with the next: nested in its handler that would be lost. */
static void take_latched(struct cpu *cpu, struct vcpu *v)
{
	uint8_t vector = !v->inject.valid && cpu->latched & BIT(EXC_MC) ? EXC_MC : EXC_NMI;

	if (!v->is_service || !(cpu->latched & BIT(vector)) ||
	    (v->inject.valid && v->inject.type != MULLION_EVENT_NMI))
		return;
	__atomic_fetch_and(&cpu->latched, ~(uint32_t)BIT(vector), __ATOMIC_RELAXED);
	v->inject = (struct mullion_event){
		.valid = 1,
		.type = vector == EXC_NMI ? MULLION_EVENT_NMI : MULLION_EVENT_EXCEPTION,
		.vector = vector,
	};
}

/* Bytes of the instruction that raises `event` and that RIP has passed; 0: none does. */
static uint8_t software_length(const struct mullion_event *event)
{
	if (!event->valid || !event_is_software(event))
		return 0;
	return event->type == MULLION_EVENT_SOFT_INTERRUPT ? 2 : 1;
}

static void inject(struct vcpu *v, const struct mullion_event *event)
{
	uint64_t info;
	uint8_t length = software_length(event);

	if (!event->valid)
		return;
	info = event_pack(event, vmread(GUEST_CR0) & CR0_PE ? vmx_features.with_error : 0);
	/* The return address is RIP plus this length. */
	if (length) {
		if (event->type == MULLION_EVENT_EXCEPTION)
			info ^= (MULLION_EVENT_EXCEPTION ^ EVENT_SOFTWARE_EXCEPTION)
				<< EVENT_TYPE_SHIFT;
		vmwrite(ENTRY_INSN_LENGTH, length);
		vmwrite(GUEST_RIP, vmread(GUEST_RIP) - length);
	}
	vmwrite(ENTRY_ERROR_CODE, info >> EVENT_ERROR_SHIFT & 0xffff);
	/* The processor does this where it raises #DB itself. */
	if (event->type == MULLION_EVENT_EXCEPTION && event->vector == EXC_DB)
		vmcs_switch(GUEST_DR7, DR7_GD, false);
	vmwrite(ENTRY_INTERRUPTION, (uint32_t)info);
	v->inject.valid = 0;
}

/* Takes back what has not been entered with. */
static void uninject(struct vcpu *v, const struct mullion_event *event)
{
	if (!event->valid)
		return;
	vmwrite(ENTRY_INTERRUPTION, 0);
	vmwrite(GUEST_RIP, vmread(GUEST_RIP) + software_length(event));
	v->inject = *event;
}

/*
 * An event whose delivery the exit interrupted must be injected again. But if the guest's
 * own instruction raised it, RIP is on that instruction still, and it will raise it again;
 * only for what was `injected` there is no such instruction. (For a task switch RIP stands
 * as if there were.)
 */
static void collect_event(struct vcpu *v, const struct mullion_event *injected, bool task_switch)
{
	uint64_t info = vmread(IDT_VECTORING);
	struct mullion_event event;

	if (!(info & EVENT_VALID))
		return;
	event = event_unpack(vmread(IDT_VECTORING_ERROR_CODE) << EVENT_ERROR_SHIFT | info);
	if (event.type >= MULLION_EVENT_SOFT_INTERRUPT) {
		if (software_length(injected) && injected->vector == event.vector && !task_switch)
			uninject(v, injected);
		return;
	}
	if (event.type == MULLION_EVENT_NMI)
		vmcs_switch(GUEST_INTERRUPTIBILITY, BLOCKED_BY_NMI, false);
	v->inject = event;
}

/* Not together with an event, whose handler would find our TF in the flags that the processor
 * pushes. -> whether TF is ours. */
static bool step_begin(struct vcpu *v)
{
	uint64_t rflags;

	if (!(v->request & MULLION_REQUEST_SINGLE_STEP) || v->inject.valid)
		return false;
	rflags = vmread(GUEST_RFLAGS);
	vmwrite(GUEST_RFLAGS, rflags | RFLAGS_TF);
	/* With a shadow the processor would insist on a #DB that is due before this instruction. */
	vmcs_switch(GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI | BLOCKED_BY_MOV_SS, false);
	return !(rflags & RFLAGS_TF);
}

static enum entry_result enter(struct cpu *cpu, struct vcpu *v)
{
	struct vmx_vcpu *vx = vmx_of(v);
	enum entry_result result;

	if (vx->rsp != v->gpr[MULLION_RSP])
		vmwrite(GUEST_RSP, v->gpr[MULLION_RSP]);
	if (read_cr2() != vx->cr2)
		write_cr2(vx->cr2);
	if (vmx_features.clear_buffers && !v->is_service)
		__asm__ volatile("verw %0" ::"m"((const uint16_t){ ROOT_DS }) : "cc");

	/* With the timer armed the next exit looks at what is latched; nothing else would. */
	result = vmx_enter(v->gpr, vx->launched,
			   vx->armed & ARM_TIMER ? &(const uint32_t){ 0 } : &cpu->latched);

	vx->launched |= result == ENTRY_DONE;
	vx->cr2 = read_cr2();
	vx->rsp = v->gpr[MULLION_RSP] = vmread(GUEST_RSP);
	return result;
}

void vmx_run(struct vcpu *v, struct vm_exit *x)
{
	struct cpu *cpu = this_cpu();
	struct mullion_event event;
	bool stepping;

	*x = (struct vm_exit){ .kind = EXIT_NMI };
	if (cpu->latched && !v->is_service)
		return;
	if (vmx_features.flush_l1d && !v->is_service && v->turn_exits == 0)
		wrmsr(MSR_FLUSH_CMD, 1);
	vmx_load(v);
	flush(cpu, v);
	if (vmx_of(v)->reload_pdptes)
		reload_pdptes(v);
	take_latched(cpu, v);
	arm(v);
	stepping = step_begin(v);
	event = v->inject;
	inject(v, &event);

	switch (enter(cpu, v)) {
	case ENTRY_DONE:
		vmx_exit_decode(v, x);
		if (x->kind != EXIT_REFUSED)
			collect_event(v, &event, x->kind == EXIT_TASK_SWITCH);
		break;
	case ENTRY_FAILED:
		*x = (struct vm_exit){ .kind = EXIT_REFUSED, .code = REASON_ENTRY_FAILED,
				       .info = { vmread(INSTRUCTION_ERROR) } };
		break;
	case ENTRY_ABORTED:
		uninject(v, &event);
		x->kind = EXIT_RETRY;
		break;
	}
	if (stepping) {
		vmcs_switch(GUEST_RFLAGS, RFLAGS_TF, false);
		vmwrite(GUEST_PENDING_DEBUG, 0); /* ours, if an instruction exited on Bochs */
	}
}
