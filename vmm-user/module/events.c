// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts, NMIs and exceptions as user space gives and saves them. */
#include <linux/errno.h>
#include <linux/string.h>

#include "apic.h"
#include "vcpu.h"
#include "vm.h"

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

int vcpu_get_events(struct mullion_vcpu *v, struct kvm_vcpu_events *events)
{
	const struct mullion_event *inject = &v->run->inject;
	int ret = vcpu_load(v, MULLION_GROUP_RIP);

	if (ret)
		return ret;
	apic_take_nmis(v);
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
	events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	return 0;
}

static int events_check(const struct kvm_vcpu_events *events)
{
	if (events->flags & ~(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			      KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM))
		return -EINVAL;
	if ((events->flags & KVM_VCPUEVENT_VALID_SMM) &&
	    (events->smi.smm || events->smi.pending || events->smi.smm_inside_nmi))
		return -EINVAL;
	if (events->exception.injected && (events->exception.nr > 31 || events->exception.nr == 2))
		return -EINVAL;
	return 0;
}

int vcpu_set_events(struct mullion_vcpu *v, const struct kvm_vcpu_events *events)
{
	struct mullion_event inject = {};
	u32 blocked = 0;
	int ret = events_check(events);

	if (!ret)
		ret = vcpu_change(v, MULLION_GROUP_RIP);
	if (ret)
		return ret;

	if (!v->apic)
		v->irq_pending = false;
	if (events->exception.injected) {
		inject = (struct mullion_event){
			.valid = 1,
			.type = MULLION_EVENT_EXCEPTION,
			.vector = events->exception.nr,
			.has_error = !!events->exception.has_error_code,
			.error = events->exception.has_error_code ? events->exception.error_code :
								    0,
		};
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
	if (events->interrupt.injected && !events->interrupt.soft)
		vcpu_queue_irq(v, events->interrupt.nr);
	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		apic_take_nmis(v); /* those are replaced, too */
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
