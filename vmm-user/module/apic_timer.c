// SPDX-License-Identifier: GPL-2.0-only
/* The timer of a local APIC: lapic_timer.c's counts and deadlines as one of Linux's timers. */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <asm/tsc.h>

#include "apic_internal.h"
#include "compat.h"
#include "irqchip.h"
#include "msr.h"
#include "vcpu.h"

/* When the guest's TSC comes to `tsc`, but at most 35 years from now: the processor's division
 * faults where its quotient does not fit, as it would for guests' numbers on a slow TSC. */
static u64 deadline_ns(const struct mullion_vcpu *v, u64 tsc)
{
	u64 now = ktime_get_ns(), guest = rdtsc_ordered() + READ_ONCE(v->tsc_offset);
	u64 ticks;

	if (tsc <= guest || !tsc_khz)
		return now;
	ticks = min(tsc - guest, (u64)tsc_khz << 40);
	return now + mul_u64_u64_div_u64(ticks, NSEC_PER_MSEC, tsc_khz) + 1;
}

void apic_timer_arm(struct mullion_vcpu *v)
{
	struct mullion_apic *apic = v->apic;
	const struct lapic *l = &apic->lapic;

	if (!lapic_timer_is_deadline(l))
		apic->due = lapic_timer_due(l);
	else
		apic->due = lapic_deadline(l) ? deadline_ns(v, lapic_deadline(l)) : 0;
	timer_set(&apic->timer, apic->due);
}

static enum hrtimer_restart timer_fired(struct hrtimer *timer)
{
	struct mullion_apic *apic = container_of(timer, struct mullion_apic, timer);
	struct mullion_vcpu *v = apic->vcpu;
	unsigned long flags;
	u64 now;

	raw_spin_lock_irqsave(&apic->lock, flags);
	now = ktime_get_ns();
	if (apic->due && apic->due <= now) {
		lapic_timer_expire(&apic->lapic, now);
		if (apic->lapic.expires && apic->lapic.expires < now + TIMER_PERIOD_MIN)
			apic->lapic.expires = now + TIMER_PERIOD_MIN;
		apic_timer_arm(v);
		apic_kick(v);
	}
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	return HRTIMER_NORESTART; /* apic_timer_arm() has started it, if at all */
}

void apic_timer_init(struct mullion_apic *apic)
{
	compat_hrtimer_setup(&apic->timer, timer_fired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
}

int apic_deadline_get(struct mullion_vcpu *v, u32 index, u64 *value)
{
	*value = 0;
	if (v->apic) {
		raw_spin_lock_irq(&v->apic->lock);
		*value = lapic_deadline(&v->apic->lapic);
		raw_spin_unlock_irq(&v->apic->lock);
	}
	return MSR_OK;
}

int apic_deadline_set(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	struct lapic_effect effect = {};

	if (!v->apic)
		return MSR_OK;
	raw_spin_lock_irq(&v->apic->lock);
	lapic_set_deadline(&v->apic->lapic, value, &effect);
	if (effect.timer)
		apic_timer_arm(v);
	raw_spin_unlock_irq(&v->apic->lock);
	return MSR_OK;
}

void apic_tsc_changed(struct mullion_vcpu *v)
{
	if (!v->apic)
		return;
	raw_spin_lock_irq(&v->apic->lock);
	if (lapic_timer_is_deadline(&v->apic->lapic))
		apic_timer_arm(v);
	raw_spin_unlock_irq(&v->apic->lock);
}
