// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's registers, as the guest's page, MSRs and CR8, and user space, access them. */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "apic_internal.h"
#include "control_regs.h"
#include "irqchip.h"
#include "msr.h"
#include "vcpu.h"
#include "vm.h"

#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)

/* -- The task priority ---------------------------------------------------------- */

void apic_take_cr8(struct mullion_vcpu *v)
{
	u32 *tpr = &v->apic->lapic.page[LAPIC_TPR / 4];

	/* CR8 has no bits for the subclass. */
	if (*tpr >> 4 != v->run->cr8)
		WRITE_ONCE(*tpr, v->run->cr8 << 4);
}

/* The page's TPR was written: the guest's CR8 follows. */
static void give_cr8(struct mullion_vcpu *v)
{
	u64 cr8 = v->apic->lapic.page[LAPIC_TPR / 4] >> 4 & 0xf;

	if (cr8 == v->run->cr8)
		return;
	v->run->cr8 = cr8;
	v->run->dirty |= MULLION_GROUP_CR8;
}

void apic_cr8_changed(struct mullion_vcpu *v)
{
	if (v->apic)
		apic_take_cr8(v);
}

/* -- Accesses ----------------------------------------------------------------------- */

/* Does what an access asks for, without the lock. */
static void finish(struct mullion_vcpu *v, const struct lapic_effect *effect)
{
	give_cr8(v);
	if (effect->ended) {
		if (v->vm->irqchip.kind == IRQCHIP_SPLIT) {
			v->apic->eoi_vector = effect->vector;
			v->apic->eoi_due = true;
		} else {
			irqchip_ended(v->vm, effect->vector);
		}
	}
	if (effect->send)
		apic_deliver(v->vm, &effect->message, v);
}

static bool in_page(const struct mullion_vcpu *v, u64 gpa)
{
	return v->apic && v->apic->lapic.mode == LAPIC_XAPIC &&
	       ((gpa ^ v->msrs.apic_base) & PAGE_MASK) == 0;
}

bool apic_mmio_read(struct mullion_vcpu *v, u64 gpa, void *data, unsigned int size)
{
	struct mullion_apic *apic = v->apic;
	u32 value;

	if (!in_page(v, gpa))
		return false;
	raw_spin_lock_irq(&apic->lock);
	value = lapic_read(&apic->lapic, offset_in_page(gpa), min(size, 4u), ktime_get_ns());
	raw_spin_unlock_irq(&apic->lock);
	memset(data, 0, size);
	memcpy(data, &value, min(size, 4u));
	return true;
}

bool apic_mmio_write(struct mullion_vcpu *v, u64 gpa, const void *data, unsigned int size)
{
	struct mullion_apic *apic = v->apic;
	struct lapic_effect effect = {};
	u32 value = 0;

	if (!in_page(v, gpa))
		return false;
	memcpy(&value, data, min(size, 4u));
	raw_spin_lock_irq(&apic->lock);
	lapic_write(&apic->lapic, offset_in_page(gpa), size, value, ktime_get_ns(), &effect);
	if (effect.timer)
		apic_timer_arm(v);
	raw_spin_unlock_irq(&apic->lock);
	finish(v, &effect);
	return true;
}

int apic_msr_get(struct mullion_vcpu *v, u32 index, u64 *value)
{
	struct mullion_apic *apic = v->apic;
	bool known;

	if (!apic)
		return MSR_INVALID;
	raw_spin_lock_irq(&apic->lock);
	known = lapic_msr_read(&apic->lapic, index, value, ktime_get_ns());
	raw_spin_unlock_irq(&apic->lock);
	return known ? MSR_OK : MSR_INVALID;
}

int apic_msr_set(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	struct mullion_apic *apic = v->apic;
	struct lapic_effect effect = {};
	bool known;

	if (!apic)
		return MSR_INVALID;
	raw_spin_lock_irq(&apic->lock);
	known = lapic_msr_write(&apic->lapic, index, value, ktime_get_ns(), &effect);
	if (effect.timer)
		apic_timer_arm(v);
	raw_spin_unlock_irq(&apic->lock);
	if (!known)
		return MSR_INVALID;
	finish(v, &effect);
	return MSR_OK;
}

int apic_base_set(struct mullion_vcpu *v, u64 value, bool host)
{
	struct mullion_apic *apic = v->apic;

	if (!apic_base_valid(v, value))
		return MSR_INVALID;
	if (apic && !host &&
	    !lapic_mode_change_valid(lapic_mode_of(v->msrs.apic_base), lapic_mode_of(value)))
		return MSR_INVALID;
	v->msrs.apic_base = value;
	if (apic) {
		raw_spin_lock_irq(&apic->lock);
		lapic_set_mode(&apic->lapic, lapic_mode_of(value));
		apic_timer_arm(v);
		raw_spin_unlock_irq(&apic->lock);
	}
	return MSR_OK;
}

void apic_cpuid_changed(struct mullion_vcpu *v)
{
	const struct kvm_cpuid_entry2 *features = vcpu_cpuid(v, 1, 0);

	if (!v->apic)
		return;
	raw_spin_lock_irq(&v->apic->lock);
	v->apic->lapic.deadline_allowed = features && features->ecx & CPUID_1_ECX_TSC_DEADLINE;
	raw_spin_unlock_irq(&v->apic->lock);
}

/* -- User space ----------------------------------------------------------------------- */

static_assert(sizeof(struct kvm_lapic_state) == LAPIC_STATE_SIZE);

int vcpu_get_lapic(struct mullion_vcpu *v, struct kvm_lapic_state *state)
{
	if (!v->apic)
		return -EINVAL;
	raw_spin_lock_irq(&v->apic->lock);
	lapic_save(&v->apic->lapic, state->regs, ktime_get_ns(), v->vm->irqchip.wide_ids);
	raw_spin_unlock_irq(&v->apic->lock);
	return 0;
}

int vcpu_set_lapic(struct mullion_vcpu *v, const struct kvm_lapic_state *state)
{
	bool sound;

	if (!v->apic)
		return -EINVAL;
	raw_spin_lock_irq(&v->apic->lock);
	sound = lapic_restore(&v->apic->lapic, state->regs, ktime_get_ns(),
			      v->vm->irqchip.wide_ids);
	apic_timer_arm(v);
	raw_spin_unlock_irq(&v->apic->lock);
	give_cr8(v);
	return sound ? 0 : -EINVAL;
}
