// SPDX-License-Identifier: GPL-2.0-only
/* The interval timer with what makes it tick, and GSI 0 that it drives. */
#include <linux/ktime.h>
#include <linux/math64.h>

#include "compat.h"
#include "irqchip.h"
#include "vm.h"

#define GSI 0

/* Ticks kept for a guest that does not take them: some seconds. */
#define LOST_MAX 4096

/* An edge. */
static void pulse(struct mullion_vm *vm)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;
	int taken = irqchip_line(vm, GSI, IRQCHIP_SOURCE_PIT, true);
	unsigned long flags;

	irqchip_line(vm, GSI, IRQCHIP_SOURCE_PIT, false);
	raw_spin_lock_irqsave(&pit->lock, flags);
	if (taken == 0 && pit->reinject && pit->lost < LOST_MAX)
		pit->lost++;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

void irqchip_pit_served(struct mullion_vm *vm)
{
	struct irqchip_pit *pit = &vm->irqchip.pit;
	unsigned long flags;
	bool again;

	raw_spin_lock_irqsave(&pit->lock, flags);
	again = pit->lost;
	if (again)
		pit->lost--;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	if (again)
		pulse(vm);
}

static enum hrtimer_restart fired(struct hrtimer *timer)
{
	struct mullion_vm *vm = container_of(timer, struct mullion_vm, irqchip.pit.timer);
	struct irqchip_pit *pit = &vm->irqchip.pit;
	bool edge = false;
	u64 now;

	raw_spin_lock(&pit->lock);
	now = ktime_get_ns();
	if (pit->due && pit->due <= now) {
		edge = true;
		if (pit->period) {
			u64 passed = (now - pit->due) / pit->period;

			if (pit->reinject)
				pit->lost = min_t(u64, pit->lost + passed, LOST_MAX);
			pit->due += (passed + 1) * pit->period;
		} else {
			pit->due = 0;
		}
		timer_set(&pit->timer, pit->due);
	}
	raw_spin_unlock(&pit->lock);
	if (edge)
		pulse(vm);
	return HRTIMER_NORESTART; /* arm() has started it, if at all */
}

/* Channel 0 counts anew. Lock held. */
static void start(struct irqchip_pit *pit, u64 now)
{
	bool repeats;
	u64 period = pit_period(&pit->pit, &repeats);

	/* With a HPET in its place it is connected to nothing. */
	if (pit->pit.state.flags & KVM_PIT_FLAGS_HPET_LEGACY)
		period = 0;
	pit->lost = 0;
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
	pit->lost = 0;
	raw_spin_unlock_irq(&pit->lock);
	return 0;
}
