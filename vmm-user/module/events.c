// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts, NMIs and exceptions as user space gives and saves them. */
#include <linux/errno.h>
#include <linux/string.h>
#include <uapi/asm/debugreg.h>

#include "apic.h"
#include "vcpu.h"
#include "vm.h"

#define DR_BD (1u << 13)

static bool injecting(const struct mullion_vcpu *v, enum mullion_event_type type)
{
	return v->run->inject.valid && v->run->inject.type == type;
}

int vcpu_interrupt(struct mullion_vcpu *v, u32 vector)
{
	if (vector >= KVM_NR_INTERRUPTS)
		return -EINVAL;
	if (v->vm->irqchip.kind == IRQCHIP_KERNEL)
		return -ENXIO;
	if (v->irq_pending)
		return -EEXIST;
	v->irq_pending = true;
	v->irq_vector = vector;
	return 0;
}

int vcpu_nmi(struct mullion_vcpu *v)
{
	if (v->nmi_pending < NMIS_MAX)
		v->nmi_pending++;
	return 0;
}

void vcpu_put_back_irq(struct mullion_vcpu *v)
{
	struct mullion_event *inject = &v->run->inject;

	if (!injecting(v, MULLION_EVENT_INTERRUPT))
		return;
	if (v->apic && apic_return(v, inject->vector)) {
		inject->valid = 0;
	} else if (v->vm->irqchip.kind != IRQCHIP_KERNEL && !v->irq_pending) {
		v->irq_pending = true;
		v->irq_vector = inject->vector;
		inject->valid = 0;
	}
}

/* The parts of the structure that user space has asked for. */
static u32 extensions(const struct mullion_vm *vm)
{
	return (READ_ONCE(vm->exception_payload) ? KVM_VCPUEVENT_VALID_PAYLOAD : 0) |
	       (READ_ONCE(vm->triple_fault_event) ? KVM_VCPUEVENT_VALID_TRIPLE_FAULT : 0);
}

int vcpu_get_events(struct mullion_vcpu *v, struct kvm_vcpu_events *events)
{
	const struct mullion_event *inject = &v->run->inject;
	int ret = vcpu_load(v, MULLION_GROUP_RIP);

	if (ret)
		return ret;
	apic_take_requests(v);
	memset(events, 0, sizeof(*events));
	if (injecting(v, MULLION_EVENT_EXCEPTION)) {
		events->exception.injected = 1;
		events->exception.nr = inject->vector;
		events->exception.has_error_code = inject->has_error;
		events->exception.error_code = inject->error;
	}
	if (injecting(v, MULLION_EVENT_INTERRUPT) || injecting(v, MULLION_EVENT_SOFT_INTERRUPT)) {
		events->interrupt.injected = 1;
		events->interrupt.nr = inject->vector;
		events->interrupt.soft = inject->type == MULLION_EVENT_SOFT_INTERRUPT;
	} else if (v->irq_pending && !v->apic) {
		events->interrupt.injected = 1;
		events->interrupt.nr = v->irq_vector;
	}
	if (v->run->interruptibility & MULLION_BLOCK_STI)
		events->interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	events->nmi.injected = injecting(v, MULLION_EVENT_NMI);
	events->nmi.pending = v->nmi_pending;
	events->nmi.masked = !!(v->run->interruptibility & MULLION_BLOCK_NMI);
	events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
			extensions(v->vm);
	smm_get_events(v, events);
	if (events->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		events->triple_fault.pending = v->shutdown_due;
	return 0;
}

/* An exception that is yet to be raised, in place of one whose delivery is to go on. */
static bool is_pending(const struct kvm_vcpu_events *events)
{
	return events->flags & KVM_VCPUEVENT_VALID_PAYLOAD && events->exception.pending;
}

/* What comes with an exception reaches its register when it is raised. */
static int take_payload(struct mullion_vcpu *v, const struct kvm_vcpu_events *events)
{
	u64 *dr6, payload = events->exception_payload;
	int ret = 0;

	if (!is_pending(events) || !events->exception_has_payload)
		return 0;
	switch (events->exception.nr) {
	case DB_VECTOR:
		ret = vcpu_change(v, MULLION_GROUP_DR);
		if (ret)
			break;
		dr6 = &guest_debug_registers(v)[6];
		*dr6 = (*dr6 & ~(u64)DR_TRAP_BITS) | (payload & (DR_TRAP_BITS | DR_STEP | DR_BD));
		break;
	case PF_VECTOR:
		ret = vcpu_change(v, MULLION_GROUP_CR);
		if (!ret)
			v->run->cr2 = payload;
		break;
	}
	return ret;
}

static int events_check(const struct mullion_vcpu *v, const struct kvm_vcpu_events *events)
{
	if (events->flags & ~(extensions(v->vm) | KVM_VCPUEVENT_VALID_NMI_PENDING |
			      KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW |
			      KVM_VCPUEVENT_VALID_SMM))
		return -EINVAL;
	if ((events->exception.injected || is_pending(events)) &&
	    (events->exception.nr > 31 || events->exception.nr == 2))
		return -EINVAL;
	return 0;
}

int vcpu_set_events(struct mullion_vcpu *v, const struct kvm_vcpu_events *events)
{
	struct mullion_event inject = {};
	u32 blocked = 0;
	int ret = events_check(v, events);

	if (!ret)
		ret = smm_set_events(v, events);
	if (!ret)
		ret = vcpu_change(v, MULLION_GROUP_RIP);
	if (!ret)
		ret = take_payload(v, events);
	if (ret)
		return ret;

	if (!v->apic)
		v->irq_pending = false;
	if (events->exception.injected || is_pending(events)) {
		inject = (struct mullion_event){
			.valid = 1,
			.type = MULLION_EVENT_EXCEPTION,
			.vector = events->exception.nr,
			.has_error = !!events->exception.has_error_code,
			.error = events->exception.has_error_code ? events->exception.error_code :
								    0,
		};
		if (inject.vector == BP_VECTOR)
			guest_debug_pass_int3(v);
	} else if (events->nmi.injected) {
		inject = (struct mullion_event){ .valid = 1,
						 .type = MULLION_EVENT_NMI,
						 .vector = 2 };
	} else if (events->interrupt.injected && events->interrupt.soft) {
		inject = (struct mullion_event){
			.valid = 1,
			.type = MULLION_EVENT_SOFT_INTERRUPT,
			.vector = events->interrupt.nr,
		};
	}
	v->run->inject = inject;
	if (events->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		v->shutdown_due = events->triple_fault.pending;
	if (events->interrupt.injected && !events->interrupt.soft)
		vcpu_queue_irq(v, events->interrupt.nr);
	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		apic_take_requests(v); /* those are replaced, too */
		v->nmi_pending = min_t(u8, events->nmi.pending, NMIS_MAX);
	}

	if (events->nmi.masked)
		blocked |= MULLION_BLOCK_NMI;
	if (!(events->flags & KVM_VCPUEVENT_VALID_SHADOW))
		blocked |= v->run->interruptibility & MULLION_BLOCK_STI;
	else if (events->interrupt.shadow)
		blocked |= MULLION_BLOCK_STI;
	v->run->interruptibility = blocked;
	return 0;
}
