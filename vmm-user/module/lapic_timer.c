// SPDX-License-Identifier: GPL-2.0-only
/* The timer of the local APIC (11.5.4). */
#include "lapic_internal.h"

static uint32_t timer_mode(const struct lapic *l)
{
	return get(l, LAPIC_LVT_TIMER) & LVT_TIMER_MODE;
}

bool lapic_timer_is_deadline(const struct lapic *l)
{
	return timer_mode(l) == LVT_TIMER_DEADLINE;
}

/* Bits 0, 1 and 3: 000 divides by 2, 001 by 4, ... 110 by 128, 111 by 1. */
static unsigned int divide_shift(const struct lapic *l)
{
	uint32_t divide = get(l, LAPIC_TIMER_DIVIDE);

	return ((divide & 3) + (divide >> 1 & 4) + 1) & 7;
}

static uint64_t timer_period(const struct lapic *l)
{
	return (uint64_t)get(l, LAPIC_TIMER_INITIAL) << divide_shift(l);
}

uint32_t lapic_timer_current(const struct lapic *l, uint64_t now)
{
	if (!l->expires || l->expires <= now)
		return 0;
	return (l->expires - now) >> divide_shift(l);
}

void lapic_timer_write_initial(struct lapic *l, uint32_t value, uint64_t now,
			       struct lapic_effect *effect)
{
	uint64_t period;

	if (lapic_timer_is_deadline(l))
		return;
	put(l, LAPIC_TIMER_INITIAL, value);
	period = timer_period(l);
	l->expires = period ? now + period : 0;
	effect->timer = true;
}

void lapic_timer_write_divide(struct lapic *l, uint32_t value, uint64_t now,
			      struct lapic_effect *effect)
{
	uint32_t left = lapic_timer_current(l, now);

	put(l, LAPIC_TIMER_DIVIDE, value & 0xb);
	if (!l->expires)
		return;
	l->expires = now + ((uint64_t)left << divide_shift(l));
	effect->timer = true;
}

uint64_t lapic_deadline(const struct lapic *l)
{
	return lapic_timer_is_deadline(l) ? l->deadline : 0;
}

void lapic_set_deadline(struct lapic *l, uint64_t tsc, struct lapic_effect *effect)
{
	if (!lapic_timer_is_deadline(l) || l->mode == LAPIC_DISABLED)
		return;
	l->deadline = tsc;
	effect->timer = true;
}

uint64_t lapic_timer_due(const struct lapic *l)
{
	return l->expires;
}

void lapic_timer_expire(struct lapic *l, uint64_t now)
{
	uint64_t period = timer_period(l);

	l->deadline = 0;
	if (timer_mode(l) == LVT_TIMER_PERIODIC && period) {
		/* Whole periods that nobody saw pass count as one. */
		if (now - l->expires >= period && now >= l->expires)
			l->expires = now;
		l->expires += period;
	} else {
		l->expires = 0;
	}
	lapic_local(l, LAPIC_LVT_TIMER);
}

/* The mode changes the meaning of what runs: 11.5.4.1, between deadline and the others it
 * disarms the timer. */
void lapic_timer_write_lvt(struct lapic *l, uint32_t value, struct lapic_effect *effect)
{
	uint32_t before = timer_mode(l), after;

	if (!l->deadline_allowed)
		value &= ~LVT_TIMER_DEADLINE;
	put(l, LAPIC_LVT_TIMER, value & (LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE));
	after = timer_mode(l);
	if (before != after && (before == LVT_TIMER_DEADLINE || after == LVT_TIMER_DEADLINE)) {
		l->deadline = l->expires = 0;
		put(l, LAPIC_TIMER_INITIAL, 0);
		effect->timer = true;
	}
}

void lapic_timer_restore(struct lapic *l, uint64_t now)
{
	uint64_t left;

	l->expires = 0;
	if (lapic_timer_is_deadline(l))
		return;
	l->deadline = 0;
	left = (uint64_t)get(l, LAPIC_TIMER_CURRENT) << divide_shift(l);
	if (!left && timer_mode(l) == LVT_TIMER_PERIODIC)
		left = timer_period(l);
	if (left && get(l, LAPIC_TIMER_INITIAL))
		l->expires = now + left;
}
