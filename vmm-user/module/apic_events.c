// SPDX-License-Identifier: GPL-2.0-only
/* What a vCPU's thread takes from its local APIC, and from the PIC through it, and waits for. */
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "apic_internal.h"
#include "irqchip.h"
#include "vcpu.h"
#include "vm.h"

/* Whether the PIC, or user space's, asks for an interrupt through LINT0, which only the vCPU's own
 * thread sets up. */
static bool extint(const struct mullion_vcpu *v)
{
	bool asked = v->vm->irqchip.kind == IRQCHIP_SPLIT ? v->irq_pending :
							    irqchip_pic_output(v->vm);

	return asked && lapic_takes_extint(&v->apic->lapic);
}

static u8 extint_acknowledge(struct mullion_vcpu *v)
{
	if (v->vm->irqchip.kind != IRQCHIP_SPLIT)
		return irqchip_pic_acknowledge(v->vm);
	v->irq_pending = false;
	return v->irq_vector;
}

int apic_next_extint(struct mullion_vcpu *v, bool open, bool *window)
{
	int vector = open && extint(v) ? extint_acknowledge(v) : -1;

	*window = extint(v);
	return vector;
}

static bool init_takes_effect(const struct mullion_vcpu *v)
{
	return READ_ONCE(v->apic->init) && !v->smm.active;
}

bool apic_has_events(const struct mullion_vcpu *v)
{
	const struct mullion_apic *apic = v->apic;

	return init_takes_effect(v) || READ_ONCE(apic->sipi) || READ_ONCE(apic->nmis) ||
	       READ_ONCE(apic->smi);
}

/* Lock held. */
static void take_requests(struct mullion_vcpu *v)
{
	v->nmi_pending = min(v->nmi_pending + v->apic->nmis, NMIS_MAX);
	v->apic->nmis = 0;
	v->smm.pending |= v->apic->smi;
	v->apic->smi = false;
}

void apic_take_requests(struct mullion_vcpu *v)
{
	if (!v->apic)
		return;
	raw_spin_lock_irq(&v->apic->lock);
	take_requests(v);
	raw_spin_unlock_irq(&v->apic->lock);
}

bool apic_return(struct mullion_vcpu *v, u8 vector)
{
	bool returned;

	raw_spin_lock_irq(&v->apic->lock);
	returned = lapic_return(&v->apic->lapic, vector);
	raw_spin_unlock_irq(&v->apic->lock);
	return returned;
}

void apic_latch_init(struct mullion_vcpu *v, bool latched)
{
	raw_spin_lock_irq(&v->apic->lock);
	v->apic->init = latched;
	raw_spin_unlock_irq(&v->apic->lock);
}

int apic_take_events(struct mullion_vcpu *v)
{
	struct mullion_apic *apic = v->apic;
	bool init, sipi;
	u8 vector;
	int ret;

	raw_spin_lock_irq(&apic->lock);
	init = init_takes_effect(v);
	sipi = apic->sipi && !v->smm.active;
	vector = apic->sipi_vector;
	apic->sipi = false;
	take_requests(v);
	if (init) {
		apic->init = false;
		apic_reset_registers(v);
		apic_timer_arm(v);
	}
	raw_spin_unlock_irq(&apic->lock);

	if (init) {
		ret = vcpu_take_init(v);
		if (ret)
			return ret;
		v->mp_state = v->msrs.apic_base & APIC_BASE_BSP ? KVM_MP_STATE_RUNNABLE :
								  KVM_MP_STATE_INIT_RECEIVED;
	}
	if (sipi && v->mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		ret = vcpu_take_sipi(v, vector);
		if (ret)
			return ret;
		v->mp_state = KVM_MP_STATE_RUNNABLE;
	}
	return 0;
}

/* Whether a vCPU that waits has what it waits for. Lock held. */
static bool wait_is_over(const struct mullion_vcpu *v)
{
	const struct mullion_apic *apic = v->apic;

	if (init_takes_effect(v) || apic->sipi)
		return true;
	if (v->mp_state != KVM_MP_STATE_HALTED)
		return false;
	if (apic->smi && !v->smm.active)
		return true;
	if ((v->nmi_pending || apic->nmis) && !(v->run->interruptibility & MULLION_BLOCK_NMI))
		return true;
	return v->run->inject.valid ||
	       (vcpu_irq_open(v) && (extint(v) || lapic_pending(&apic->lapic) >= 0));
}

int apic_wait(struct mullion_vcpu *v)
{
	struct mullion_apic *apic = v->apic;
	bool over, smi;
	int ret = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		raw_spin_lock_irq(&apic->lock);
		over = wait_is_over(v);
		apic->sleeper = over ? NULL : current;
		raw_spin_unlock_irq(&apic->lock);
		if (over)
			break;
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	raw_spin_lock_irq(&apic->lock);
	apic->sleeper = NULL;
	smi = apic->smi && !v->smm.active && !v->run->inject.valid;
	raw_spin_unlock_irq(&apic->lock);
	/* An SMI finds it halted, and its handler says whether it is so afterwards. */
	if (!ret && !smi && v->mp_state == KVM_MP_STATE_HALTED)
		v->mp_state = KVM_MP_STATE_RUNNABLE;
	return ret;
}
