// SPDX-License-Identifier: GPL-2.0-only
/* Local APICs and what reaches them: messages, the PIC's output, and the waking that both end in. */
#include <linux/sched.h>
#include <linux/slab.h>

#include "apic_internal.h"
#include "vcpu.h"
#include "vm.h"

/* -- Waking ------------------------------------------------------------------ */

void apic_kick(struct mullion_vcpu *v)
{
	struct task_struct *task;

	if (v->apic->sleeper) {
		wake_up_process(v->apic->sleeper);
		return;
	}
	smp_mb(); /* what has changed before where it is; enter() in run.c reads the other way round */
	if (READ_ONCE(v->cpu) < 0)
		return;
	rcu_read_lock();
	task = READ_ONCE(v->task);
	if (task)
		kick_process(task);
	rcu_read_unlock();
}

/* -- Life ---------------------------------------------------------------------- */

void apic_reset_registers(struct mullion_vcpu *v)
{
	struct lapic *l = &v->apic->lapic;

	lapic_reset(l);
	if (v->msrs.apic_base & APIC_BASE_BSP)
		l->page[LAPIC_LVT_LINT0 / 4] = APIC_EXTINT << 8;
}

int apic_create(struct mullion_vcpu *v)
{
	struct mullion_apic *apic = kzalloc(sizeof(*apic), GFP_KERNEL_ACCOUNT);

	if (!apic)
		return -ENOMEM;
	apic->lapic.page = v->apic_page;
	raw_spin_lock_init(&apic->lock);
	apic_timer_init(apic);
	apic->vcpu = v;
	apic->lapic.id = v->id;
	apic->lapic.mode = lapic_mode_of(v->msrs.apic_base);
	apic->lapic.directed = v->vm->irqchip.kind == IRQCHIP_SPLIT;
	v->apic = apic;
	apic_reset_registers(v);
	return 0;
}

void apic_free(struct mullion_vcpu *v)
{
	if (!v->apic)
		return;
	hrtimer_cancel(&v->apic->timer);
	kfree(v->apic);
}

/* -- Delivery -------------------------------------------------------------------- */

/* NMI and SMI, by a message or from LINT0. -> false if it is neither. Lock held. */
static bool ask_for(struct mullion_apic *apic, enum apic_delivery delivery)
{
	if (delivery == APIC_NMI)
		apic->nmis = min(apic->nmis + 1, NMIS_MAX);
	else if (delivery == APIC_SMI)
		apic->smi = true;
	else
		return false;
	return true;
}

static int deliver_one(struct mullion_vcpu *v, const struct apic_message *m)
{
	struct mullion_apic *apic = v->apic;
	unsigned long flags;
	int taken = 1;

	raw_spin_lock_irqsave(&apic->lock, flags);
	switch (m->delivery) {
	case APIC_FIXED:
	case APIC_LOWEST:
		taken = (int)lapic_accept(&apic->lapic, m->vector, m->level) - LAPIC_COALESCED;
		break;
	case APIC_INIT:
		apic->init = true;
		apic->sipi = false;
		break;
	case APIC_STARTUP:
		apic->sipi = true;
		apic->sipi_vector = m->vector;
		break;
	default: /* ExtINT: the PIC's comes through LINT0. */
		if (!ask_for(apic, m->delivery))
			taken = -1;
	}
	/* Refused, it may have raised the APIC's error interrupt. */
	if (taken)
		apic_kick(v);
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	return taken;
}

/* Of those that match, the one with the lowest priority; from one to the next where they are
 * alike (SDM vol. 3A 11.6.2.4). */
static struct mullion_vcpu *arbitrate(struct mullion_vm *vm, const struct apic_message *m,
				      struct mullion_vcpu *sender, u32 count)
{
	struct mullion_vcpu *best = NULL;
	u32 start = READ_ONCE(vm->irqchip.arbitrated), i;
	u8 lowest = 0;

	for (i = 0; i < count; i++) {
		struct mullion_vcpu *v = vm->vcpus[(start + 1 + i) % count];
		const struct lapic *l = &v->apic->lapic;

		if (!lapic_matches(l, m, v == sender) || !lapic_enabled(l))
			continue;
		if (best && lapic_priority(l) >= lowest)
			continue;
		best = v;
		lowest = lapic_priority(l);
	}
	if (best)
		WRITE_ONCE(vm->irqchip.arbitrated, best->index);
	return best;
}

int apic_deliver(struct mullion_vm *vm, const struct apic_message *m, struct mullion_vcpu *sender)
{
	u32 i, count = smp_load_acquire(&vm->vcpu_count);
	int taken = -1;

	/* Registers are looked at without their lock: a guest that changes them meanwhile may have
	 * meant before or after. */
	if (m->delivery == APIC_LOWEST) {
		struct mullion_vcpu *v = count ? arbitrate(vm, m, sender, count) : NULL;

		return v ? deliver_one(v, m) : -1;
	}
	for (i = 0; i < count; i++) {
		struct mullion_vcpu *v = vm->vcpus[i];
		int ret;

		if (!lapic_matches(&v->apic->lapic, m, v == sender))
			continue;
		ret = deliver_one(v, m);
		if (ret >= 0)
			taken = max(taken, 0) + ret;
	}
	return taken;
}

void apic_lint0(struct mullion_vm *vm)
{
	u32 i, count = smp_load_acquire(&vm->vcpu_count);

	for (i = 0; i < count; i++) {
		struct mullion_vcpu *v = vm->vcpus[i];
		unsigned long flags;

		raw_spin_lock_irqsave(&v->apic->lock, flags);
		ask_for(v->apic, lapic_local(&v->apic->lapic, LAPIC_LVT_LINT0));
		if (lapic_listens(&v->apic->lapic, LAPIC_LVT_LINT0))
			apic_kick(v);
		raw_spin_unlock_irqrestore(&v->apic->lock, flags);
	}
}
