// SPDX-License-Identifier: GPL-2.0-only
/* The interval timer with what makes it tick, and GSI 0 that it drives. */
#include <linux/ktime.h>
#include <linux/math64.h>

#include "compat.h"
#include "irqchip.h"
#include "vm.h"

#define GSI 0

/* Edges kept for a guest that does not take them: some seconds. */
#define OWED_MAX 4096

/* An edge. -> whether it was not one too many: the last one's interrupt is still requested. */
static bool pulse(struct mullion_vm *vm)
{
	int taken = irqchip_line(vm, GSI, IRQCHIP_SOURCE_PIT, true);

	irqchip_line(vm, GSI, IRQCHIP_SOURCE_PIT, false);
	return taken != 0;
}

/*
 * A guest that was away gets the edges that it missed at four times the rate, as long as it takes them:
 * nobody has to hear when it ends their interrupts, of which IOAPICs tell nothing for edges.
 */
static enum hrtimer_restart fired(struct hrtimer *timer)
{
	struct mullion_vm *vm = container_of(timer, struct mullion_vm, irqchip.pit.timer);
	struct irqchip_pit *pit = &vm->irqchip.pit;
	u64 now, next;

	raw_spin_lock(&pit->lock);
	now = ktime_get_ns();
	if (pit->due && pit->due <= now) {
		u64 edges = pit->period ? (now - pit->due) / pit->period + 1 : 1;

		pit->owed = min_t(u64, pit->owed + edges, OWED_MAX);
		pit->due = pit->period ? pit->due + edges * pit->period : 0;
	}
	next = pit->due;
	if (pit->owed) {
		bool taken = pulse(vm);

		pit->owed = pit->reinject && pit->period ? pit->owed - taken : 0;
		if (taken && pit->owed)
			next = min(next, now + max_t(u64, pit->period / 4, TIMER_PERIOD_MIN));
	}
	timer_set(&pit->timer, next);
	raw_spin_unlock(&pit->lock);
	return HRTIMER_NORESTART; /* timer_set() has started it, if at all */
}

/* Channel 0 counts anew. Lock held. */
static void start(struct irqchip_pit *pit, u64 now)
{
	bool repeats;
	u64 period = pit_period(&pit->pit, &repeats);

	/* With a HPET in its place it is connected to nothing. */
	if (pit->pit.state.flags & KVM_PIT_FLAGS_HPET_LEGACY)
		period = 0;
	pit->owed = 0;
	pit->due = period ? now + period : 0;
	pit->period = repeats && period ? max_t(u64, period, TIMER_PERIOD_MIN) : 0;
	timer_set(&pit->timer, pit->due);
}

/* -- Life ------------------------------------------------------------------------ */

void irqchip_pit_init(struct irqchip_pit *pit)
{
	raw_spin_lock_init(&pit->lock);
	compat_hrtimer_setup(&pit->timer, fired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
}

void irqchip_pit_free(struct irqchip_pit *pit)
{
	hrtimer_cancel(&pit->timer);
}

int irqchip_pit_create(struct mullion_vm *vm, const struct kvm_pit_config *config)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;

	if (config->flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	if (vm->irqchip.kind != IRQCHIP_KERNEL)
		return -ENOENT;
	if (pit->present)
		return -EEXIST;
	pit_reset(&pit->pit, ktime_get_ns());
	pit->reinject = true;
	pit->speaker = config->flags & KVM_PIT_SPEAKER_DUMMY;
	WRITE_ONCE(pit->present, true);
	return 0;
}

/* -- Guests' accesses --------------------------------------------------------------- */

static bool has_port(const struct irqchip_pit *pit, u16 port)
{
	return READ_ONCE(pit->present) && ((port >= PIT_PORT && port < PIT_PORT + PIT_PORTS) ||
					   (port == PIT_SPEAKER_PORT && pit->speaker));
}

bool irqchip_pit_read(struct mullion_vm *vm, u16 port, u8 *value)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;

	if (!has_port(pit, port))
		return false;
	raw_spin_lock_irq(&pit->lock);
	if (port == PIT_SPEAKER_PORT)
		*value = pit_speaker_read(&pit->pit, ktime_get_ns());
	else
		*value = pit_read(&pit->pit, port - PIT_PORT, ktime_get_ns());
	raw_spin_unlock_irq(&pit->lock);
	return true;
}

bool irqchip_pit_write(struct mullion_vm *vm, u16 port, u8 value)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;
	u64 now;

	if (!has_port(pit, port))
		return false;
	raw_spin_lock_irq(&pit->lock);
	now = ktime_get_ns();
	if (port == PIT_SPEAKER_PORT)
		pit_speaker_write(&pit->pit, value, now);
	else if (pit_write(&pit->pit, port - PIT_PORT, value, now))
		start(pit, now);
	raw_spin_unlock_irq(&pit->lock);
	return true;
}

/* -- User space ----------------------------------------------------------------------- */

int irqchip_pit_get(struct mullion_vm *vm, struct kvm_pit_state2 *state)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;

	if (!READ_ONCE(pit->present))
		return -ENXIO;
	raw_spin_lock_irq(&pit->lock);
	*state = pit->pit.state;
	raw_spin_unlock_irq(&pit->lock);
	return 0;
}

int irqchip_pit_set(struct mullion_vm *vm, const struct kvm_pit_state2 *state)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;
	u64 now;

	if (!READ_ONCE(pit->present))
		return -ENXIO;
	raw_spin_lock_irq(&pit->lock);
	now = ktime_get_ns();
	pit_restore(&pit->pit, state, now);
	start(pit, now);
	raw_spin_unlock_irq(&pit->lock);
	return 0;
}

int irqchip_pit_reinject(struct mullion_vm *vm, const struct kvm_reinject_control *control)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;

	if (!READ_ONCE(pit->present))
		return -ENXIO;
	raw_spin_lock_irq(&pit->lock);
	pit->reinject = control->pit_reinject;
	pit->owed = 0;
	raw_spin_unlock_irq(&pit->lock);
	return 0;
}
