// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <asm/tsc.h>

#include "apic.h"
#include "compat.h"
#include "control_regs.h"
#include "irqchip.h"
#include "msr.h"
#include "vcpu.h"
#include "vm.h"

#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)

/* -- Waking ------------------------------------------------------------------ */

/* Something has changed for the vCPU; lock held. */
static void kick(struct mullion_vcpu *v)
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

/* -- The timer ---------------------------------------------------------------- */

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

/* Sets the timer to what the registers say. Lock held. */
static void timer_arm(struct mullion_vcpu *v)
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
		timer_arm(v);
		kick(v);
	}
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	return HRTIMER_NORESTART; /* timer_arm() has started it, if at all */
}

/* The registers after power-up or INIT. Firmware wires the PIC to the first processor; device
 * models that load kernels without firmware expect that it has been done. */
static void reset_registers(struct mullion_vcpu *v)
{
	struct lapic *l = &v->apic->lapic;

	lapic_reset(l);
	if (v->msrs.apic_base & APIC_BASE_BSP)
		l->page[LAPIC_LVT_LINT0 / 4] = APIC_EXTINT << 8;
}

/* -- Life ---------------------------------------------------------------------- */

int apic_create(struct mullion_vcpu *v)
{
	struct mullion_apic *apic = kzalloc(sizeof(*apic), GFP_KERNEL_ACCOUNT);

	if (!apic)
		return -ENOMEM;
	apic->lapic.page = v->apic_page;
	raw_spin_lock_init(&apic->lock);
	compat_hrtimer_setup(&apic->timer, timer_fired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	apic->vcpu = v;
	apic->lapic.id = v->id;
	apic->lapic.mode = lapic_mode_of(v->msrs.apic_base);
	apic->lapic.directed = v->vm->irqchip.kind == IRQCHIP_SPLIT;
	v->apic = apic;
	reset_registers(v);
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
		kick(v);
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
			kick(v);
		raw_spin_unlock_irqrestore(&v->apic->lock, flags);
	}
}

/* -- The vCPU's thread ------------------------------------------------------------ */

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
		reset_registers(v);
		timer_arm(v);
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
		timer_arm(v);
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
		timer_arm(v);
	raw_spin_unlock_irq(&apic->lock);
	if (!known)
		return MSR_INVALID;
	finish(v, &effect);
	return MSR_OK;
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
		timer_arm(v);
	raw_spin_unlock_irq(&v->apic->lock);
	return MSR_OK;
}

void apic_tsc_changed(struct mullion_vcpu *v)
{
	if (!v->apic)
		return;
	raw_spin_lock_irq(&v->apic->lock);
	if (lapic_timer_is_deadline(&v->apic->lapic))
		timer_arm(v);
	raw_spin_unlock_irq(&v->apic->lock);
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
		timer_arm(v);
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
	timer_arm(v);
	raw_spin_unlock_irq(&v->apic->lock);
	give_cr8(v);
	return sound ? 0 : -EINVAL;
}
