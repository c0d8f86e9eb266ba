// SPDX-License-Identifier: GPL-2.0-only
/* Sections are of SDM vol. 3A chapter 11; APM vol. 2 chapter 16 says the same. */
#include "lapic.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#define VERSION 0x14u
#define VERSION_LVTS (5u << 16) /* the highest entry's number: 6 of them */
#define VERSION_DIRECTED (1u << 24)

#define SPIV_ENABLED (1u << 8)
#define SPIV_DEFINED 0x3ffu
#define SPIV_DIRECTED (1u << 12)

#define LVT_VECTOR 0xffu
#define LVT_DELIVERY (7u << 8)
#define LVT_LINT_BITS (5u << 13) /* polarity and trigger mode; remote IRR is read-only */
#define LVT_MASKED (1u << 16)
#define LVT_TIMER_MODE (3u << 17)
#define LVT_TIMER_ONESHOT (0u << 17)
#define LVT_TIMER_PERIODIC (1u << 17)
#define LVT_TIMER_DEADLINE (2u << 17)

#define ICR_DELIVERY_PENDING (1u << 12)
#define ICR_DEFINED 0xccfffu /* vector to destination mode, level, trigger, shorthand */
#define ICR_ASSERT (1u << 14)
#define ICR_LEVEL (1u << 15)
#define ICR_LOGICAL (1u << 11)

/* 11.5.3 */
#define ERROR_SEND_VECTOR (1u << 5)
#define ERROR_RECEIVE_VECTOR (1u << 6)
#define ERROR_REGISTER (1u << 7)

#define DFR_FLAT 0xffffffffu
#define VECTOR_MIN 16
#define WORDS 8 /* of 32 vectors */
#define XAPIC_BROADCAST 0xffu

static uint32_t get(const struct lapic *l, uint32_t offset)
{
	return l->page[offset / 4];
}

static void put(struct lapic *l, uint32_t offset, uint32_t value)
{
	l->page[offset / 4] = value;
}

/* -- Vectors: bit n of ISR, TMR and IRR is bit n % 32 of their register n / 32. ------------- */

static uint32_t word_of(uint32_t set, unsigned int word)
{
	return set + 0x10 * word;
}

static bool vector_test(const struct lapic *l, uint32_t set, uint8_t vector)
{
	return get(l, word_of(set, vector / 32)) >> vector % 32 & 1;
}

static void vector_put(struct lapic *l, uint32_t set, uint8_t vector, bool value)
{
	uint32_t at = word_of(set, vector / 32), bit = 1u << vector % 32;

	put(l, at, value ? get(l, at) | bit : get(l, at) & ~bit);
}

static int vector_highest(const struct lapic *l, uint32_t set)
{
	int word;

	for (word = WORDS - 1; word >= 0; word--) {
		uint32_t bits = get(l, word_of(set, word));

		if (bits)
			return 32 * word + 31 - __builtin_clz(bits);
	}
	return -1;
}

/* -- State ----------------------------------------------------------------- */

static void put_id(struct lapic *l)
{
	if (l->mode == LAPIC_X2APIC) {
		put(l, LAPIC_ID, l->id);
		/* 11.12.10.2: the cluster, and this member's bit. */
		put(l, LAPIC_LDR, (l->id >> 4) << 16 | 1u << (l->id & 0xf));
	} else {
		put(l, LAPIC_ID, l->id << 24);
	}
}

static void put_version(struct lapic *l)
{
	put(l, LAPIC_VERSION, VERSION | VERSION_LVTS | (l->directed ? VERSION_DIRECTED : 0));
}

static const uint16_t lvts[] = {
	LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL, LAPIC_LVT_PERFORMANCE,
	LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,   LAPIC_LVT_ERROR,
};

#define LVT_COUNT (sizeof(lvts) / sizeof(lvts[0]))

void lapic_reset(struct lapic *l)
{
	unsigned int i;

	memset(l->page, 0, LAPIC_PAGE_SIZE);
	put_id(l);
	put_version(l);
	for (i = 0; i < LVT_COUNT; i++)
		put(l, lvts[i], LVT_MASKED);
	if (l->mode != LAPIC_X2APIC)
		put(l, LAPIC_DFR, DFR_FLAT);
	put(l, LAPIC_SPIV, 0xff);
	l->errors = 0;
	l->deadline = 0;
	l->expires = 0;
}

enum lapic_mode lapic_mode_of(uint64_t base)
{
	if (!(base & APIC_BASE_ENABLE))
		return LAPIC_DISABLED;
	return base & APIC_BASE_X2APIC ? LAPIC_X2APIC : LAPIC_XAPIC;
}

bool lapic_mode_change_valid(enum lapic_mode from, enum lapic_mode to)
{
	return from == to || to == LAPIC_DISABLED ||
	       (from == LAPIC_DISABLED && to == LAPIC_XAPIC) ||
	       (from == LAPIC_XAPIC && to == LAPIC_X2APIC);
}

void lapic_set_mode(struct lapic *l, enum lapic_mode mode)
{
	bool identify = mode != l->mode && (mode == LAPIC_X2APIC || l->mode == LAPIC_X2APIC);

	l->mode = mode;
	if (mode == LAPIC_DISABLED)
		l->expires = l->deadline = 0;
	if (identify)
		put_id(l);
	if (identify && mode != LAPIC_X2APIC)
		put(l, LAPIC_LDR, 0);
}

bool lapic_enabled(const struct lapic *l)
{
	return l->mode != LAPIC_DISABLED && get(l, LAPIC_SPIV) & SPIV_ENABLED;
}

/* -- Priorities (11.8.3) ---------------------------------------------------- */

#define CLASS(priority) ((priority)&0xf0)

uint8_t lapic_priority(const struct lapic *l)
{
	int in_service = vector_highest(l, LAPIC_ISR);
	uint8_t tpr = get(l, LAPIC_TPR) & 0xff;

	if (in_service >= 0 && CLASS(in_service) > CLASS(tpr))
		return CLASS(in_service);
	return tpr;
}

int lapic_pending(const struct lapic *l)
{
	int vector;

	if (l->mode == LAPIC_DISABLED)
		return -1;
	vector = vector_highest(l, LAPIC_IRR);
	return vector >= 0 && CLASS(vector) > CLASS(lapic_priority(l)) ? vector : -1;
}

bool lapic_waits_for_tpr(const struct lapic *l)
{
	int requested, in_service;

	if (l->mode == LAPIC_DISABLED)
		return false;
	requested = vector_highest(l, LAPIC_IRR);
	in_service = vector_highest(l, LAPIC_ISR);
	return requested >= 0 && CLASS(requested) <= CLASS(get(l, LAPIC_TPR)) &&
	       (in_service < 0 || CLASS(requested) > CLASS(in_service));
}

void lapic_acknowledge(struct lapic *l, uint8_t vector)
{
	vector_put(l, LAPIC_IRR, vector, false);
	vector_put(l, LAPIC_ISR, vector, true);
}

/* -- Requests --------------------------------------------------------------- */

static enum lapic_accepted request(struct lapic *l, uint8_t vector, bool level)
{
	bool before = vector_test(l, LAPIC_IRR, vector);

	vector_put(l, LAPIC_TMR, vector, level);
	vector_put(l, LAPIC_IRR, vector, true);
	return before ? LAPIC_COALESCED : LAPIC_ACCEPTED;
}

static void error(struct lapic *l, uint32_t bit)
{
	uint32_t lvt = get(l, LAPIC_LVT_ERROR);

	l->errors |= bit;
	/* Its own vector may be the invalid one: it is asked for as it is, once. */
	if (!(lvt & LVT_MASKED) && (lvt & LVT_VECTOR) >= VECTOR_MIN)
		request(l, lvt & LVT_VECTOR, false);
}

enum lapic_accepted lapic_accept(struct lapic *l, uint8_t vector, bool level)
{
	if (!lapic_enabled(l))
		return LAPIC_REFUSED;
	if (vector < VECTOR_MIN) {
		error(l, ERROR_RECEIVE_VECTOR);
		return LAPIC_REFUSED;
	}
	return request(l, vector, level);
}

enum apic_delivery lapic_local(struct lapic *l, enum lapic_register lvt)
{
	uint32_t value = get(l, lvt);
	uint32_t delivery = (value & LVT_DELIVERY) >> 8;

	if (l->mode == LAPIC_DISABLED || value & LVT_MASKED)
		return APIC_FIXED;
	/* The timer's and the error's entries have no delivery mode. */
	if (lvt == LAPIC_LVT_TIMER || lvt == LAPIC_LVT_ERROR)
		delivery = APIC_FIXED;
	switch (delivery) {
	case APIC_FIXED:
		lapic_accept(l, value & LVT_VECTOR, false);
		return APIC_FIXED;
	case APIC_NMI:
	case APIC_EXTINT:
	case APIC_SMI:
		return delivery;
	}
	return APIC_FIXED;
}

bool lapic_takes_extint(const struct lapic *l)
{
	uint32_t lint0 = get(l, LAPIC_LVT_LINT0);

	/* 11.4.3: disabled, LINT0 and LINT1 are the processor's INTR and NMI. */
	return l->mode == LAPIC_DISABLED ||
	       (!(lint0 & LVT_MASKED) && (lint0 & LVT_DELIVERY) == APIC_EXTINT << 8);
}

/* -- Destinations (11.6.2, 11.12.10) ----------------------------------------- */

static bool matches_logical(const struct lapic *l, uint32_t destination)
{
	uint32_t ldr = get(l, LAPIC_LDR);

	if (l->mode == LAPIC_X2APIC)
		return destination >> 16 == ldr >> 16 && destination & ldr & 0xffff;
	ldr >>= 24;
	if (destination > 0xff)
		return false;
	if (get(l, LAPIC_DFR) >> 28 == 0xf)
		return destination & ldr;
	/* Clusters: the high half is the cluster's number, 15 all of them. */
	return (destination >> 4 == ldr >> 4 || destination >> 4 == 0xf) && destination & ldr & 0xf;
}

bool lapic_matches(const struct lapic *l, const struct apic_message *m, bool self)
{
	if (l->mode == LAPIC_DISABLED)
		return false;
	switch (m->shorthand) {
	case APIC_SELF:
		return self;
	case APIC_ALL:
		return true;
	case APIC_OTHERS:
		return !self;
	}
	if (m->destination == APIC_BROADCAST ||
	    (m->destination == XAPIC_BROADCAST && l->mode == LAPIC_XAPIC))
		return true;
	if (m->logical)
		return matches_logical(l, m->destination);
	if (l->mode == LAPIC_X2APIC)
		return m->destination == l->id;
	return m->destination == get(l, LAPIC_ID) >> 24;
}

/* -- The timer (11.5.4) ------------------------------------------------------ */

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

static uint32_t timer_current(const struct lapic *l, uint64_t now)
{
	if (!l->expires || l->expires <= now)
		return 0;
	return (l->expires - now) >> divide_shift(l);
}

static void timer_start(struct lapic *l, uint64_t now, struct lapic_effect *effect)
{
	uint64_t period = timer_period(l);

	l->expires = period && !lapic_timer_is_deadline(l) ? now + period : 0;
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
static void write_lvt_timer(struct lapic *l, uint32_t value, struct lapic_effect *effect)
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

/* -- Writes ------------------------------------------------------------------ */

static void end_of_interrupt(struct lapic *l, struct lapic_effect *effect)
{
	int vector = vector_highest(l, LAPIC_ISR);

	if (vector < 0)
		return;
	vector_put(l, LAPIC_ISR, vector, false);
	if (!vector_test(l, LAPIC_TMR, vector))
		return;
	/* 11.8.5: software that asked for it tells the IOAPIC itself. */
	if (l->directed && get(l, LAPIC_SPIV) & SPIV_DIRECTED)
		return;
	effect->ended = true;
	effect->vector = vector;
}

static void write_spiv(struct lapic *l, uint32_t value)
{
	unsigned int i;

	put(l, LAPIC_SPIV, value & (SPIV_DEFINED | (l->directed ? SPIV_DIRECTED : 0)));
	if (value & SPIV_ENABLED)
		return;
	/* 11.4.7.2 */
	for (i = 0; i < LVT_COUNT; i++)
		put(l, lvts[i], get(l, lvts[i]) | LVT_MASKED);
}

static void write_lvt(struct lapic *l, uint32_t offset, uint32_t value, struct lapic_effect *effect)
{
	if (!(get(l, LAPIC_SPIV) & SPIV_ENABLED))
		value |= LVT_MASKED;
	switch (offset) {
	case LAPIC_LVT_TIMER:
		write_lvt_timer(l, value, effect);
		return;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		value &= LVT_VECTOR | LVT_DELIVERY | LVT_LINT_BITS | LVT_MASKED;
		break;
	case LAPIC_LVT_ERROR:
		value &= LVT_VECTOR | LVT_MASKED;
		break;
	default:
		value &= LVT_VECTOR | LVT_DELIVERY | LVT_MASKED;
	}
	put(l, offset, value);
}

static void send(struct lapic *l, uint32_t low, uint32_t destination, struct lapic_effect *effect)
{
	struct apic_message *m = &effect->message;

	*m = (struct apic_message){
		.destination = destination,
		.delivery = low >> 8 & 7,
		.vector = low & 0xff,
		.shorthand = low >> 18 & 3,
		.logical = !!(low & ICR_LOGICAL),
		.level = !!(low & ICR_LEVEL),
		.assert = !!(low & ICR_ASSERT),
	};
	if ((m->delivery == APIC_FIXED || m->delivery == APIC_LOWEST) && m->vector < VECTOR_MIN) {
		error(l, ERROR_SEND_VECTOR);
		return;
	}
	/* 11.6.1: IPIs are edge-triggered, but for the de-assertion of INIT. */
	if (m->delivery != APIC_INIT)
		m->level = false;
	if (m->delivery == APIC_INIT && m->level && !m->assert)
		return;
	effect->send = true;
}

static void write_icr(struct lapic *l, uint32_t low, struct lapic_effect *effect)
{
	uint32_t high = get(l, LAPIC_ICR_HIGH);

	put(l, LAPIC_ICR, low & ICR_DEFINED & ~ICR_DELIVERY_PENDING);
	if (l->mode != LAPIC_X2APIC) {
		high >>= 24;
		if (high == XAPIC_BROADCAST)
			high = APIC_BROADCAST;
	}
	send(l, low, high, effect);
}

static void write_register(struct lapic *l, uint32_t offset, uint32_t value, uint64_t now,
			   struct lapic_effect *effect)
{
	switch (offset) {
	case LAPIC_ID:
		put(l, offset, value & 0xff000000);
		break;
	case LAPIC_TPR:
		put(l, offset, value & 0xff);
		break;
	case LAPIC_EOI:
		end_of_interrupt(l, effect);
		break;
	case LAPIC_LDR:
		put(l, offset, value & 0xff000000);
		break;
	case LAPIC_DFR:
		put(l, offset, value | 0x0fffffff);
		break;
	case LAPIC_SPIV:
		write_spiv(l, value);
		break;
	case LAPIC_ESR: /* 11.5.3: a write shows what was raised since the last one */
		put(l, offset, l->errors);
		l->errors = 0;
		break;
	case LAPIC_ICR:
		write_icr(l, value, effect);
		break;
	case LAPIC_ICR_HIGH:
		put(l, offset, value & 0xff000000);
		break;
	case LAPIC_LVT_TIMER:
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERFORMANCE:
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
	case LAPIC_LVT_ERROR:
		write_lvt(l, offset, value, effect);
		break;
	case LAPIC_TIMER_INITIAL:
		if (lapic_timer_is_deadline(l))
			break;
		put(l, offset, value);
		timer_start(l, now, effect);
		break;
	case LAPIC_TIMER_DIVIDE: {
		uint32_t left = timer_current(l, now);

		put(l, offset, value & 0xb);
		if (l->expires) {
			l->expires = now + ((uint64_t)left << divide_shift(l));
			effect->timer = true;
		}
		break;
	}
	case LAPIC_SELF_IPI: /* of x2APIC mode, where this is reached from */
		send(l, (APIC_SELF << 18) | (value & 0xff), 0, effect);
		break;
	default:
		error(l, ERROR_REGISTER);
	}
}

void lapic_write(struct lapic *l, uint32_t offset, unsigned int size, uint32_t value, uint64_t now,
		 struct lapic_effect *effect)
{
	if (size != 4 || offset & 0xf || offset >= LAPIC_SELF_IPI)
		return;
	write_register(l, offset, value, now, effect);
}

/* -- Reads ------------------------------------------------------------------- */

static bool readable(uint32_t offset)
{
	switch (offset) {
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_TPR:
	case LAPIC_APR:
	case LAPIC_PPR:
	case LAPIC_RRD:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_SPIV:
	case LAPIC_ESR:
	case LAPIC_ICR:
	case LAPIC_ICR_HIGH:
	case LAPIC_LVT_TIMER:
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERFORMANCE:
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
	case LAPIC_LVT_ERROR:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_CURRENT:
	case LAPIC_TIMER_DIVIDE:
		return true;
	}
	return offset >= LAPIC_ISR && offset < LAPIC_ESR;
}

static uint32_t read_register(const struct lapic *l, uint32_t offset, uint64_t now)
{
	switch (offset) {
	case LAPIC_PPR:
		return lapic_priority(l);
	case LAPIC_TIMER_CURRENT:
		return timer_current(l, now);
	}
	return get(l, offset);
}

uint32_t lapic_read(struct lapic *l, uint32_t offset, unsigned int size, uint64_t now)
{
	uint32_t at = offset & ~0xfu, within = offset & 0xf;
	uint32_t value;

	if (within + size > 4)
		return 0;
	if (!readable(at)) {
		error(l, ERROR_REGISTER);
		return 0;
	}
	value = read_register(l, at, now) >> 8 * within;
	return size < 4 ? value & ((1u << 8 * size) - 1) : value;
}

/* -- x2APIC (11.12.1.2 and 11.12.1.3) ---------------------------------------- */

#define MSR_FIRST 0x800

bool lapic_msr_read(struct lapic *l, uint32_t index, uint64_t *value, uint64_t now)
{
	uint32_t offset = (index - MSR_FIRST) * 16;

	if (l->mode != LAPIC_X2APIC || !readable(offset))
		return false;
	switch (offset) {
	case LAPIC_APR:
	case LAPIC_RRD:
	case LAPIC_DFR:
	case LAPIC_ICR_HIGH:
		return false;
	}
	*value = read_register(l, offset, now);
	if (offset == LAPIC_ICR)
		*value |= (uint64_t)get(l, LAPIC_ICR_HIGH) << 32;
	return true;
}

/* Bits that software may set. -> false: not a register that is written. */
static bool msr_writable(const struct lapic *l, uint32_t offset, uint32_t *allowed)
{
	switch (offset) {
	case LAPIC_TPR:
	case LAPIC_SELF_IPI:
		*allowed = 0xff;
		return true;
	case LAPIC_EOI:
	case LAPIC_ESR:
		*allowed = 0;
		return true;
	case LAPIC_SPIV:
		*allowed = SPIV_DEFINED | (l->directed ? SPIV_DIRECTED : 0);
		return true;
	case LAPIC_ICR:
		*allowed = ICR_DEFINED | ICR_DELIVERY_PENDING;
		return true;
	case LAPIC_LVT_TIMER:
		*allowed = LVT_VECTOR | LVT_MASKED | 1u << 12 | LVT_TIMER_PERIODIC |
			   (l->deadline_allowed ? LVT_TIMER_DEADLINE : 0);
		return true;
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERFORMANCE:
		*allowed = LVT_VECTOR | LVT_DELIVERY | LVT_MASKED | 1u << 12;
		return true;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		*allowed = LVT_VECTOR | LVT_DELIVERY | LVT_LINT_BITS | LVT_MASKED | 3u << 12 |
			   1u << 14;
		return true;
	case LAPIC_LVT_ERROR:
		*allowed = LVT_VECTOR | LVT_MASKED | 1u << 12;
		return true;
	case LAPIC_TIMER_INITIAL:
		*allowed = ~0u;
		return true;
	case LAPIC_TIMER_DIVIDE:
		*allowed = 0xb;
		return true;
	}
	return false;
}

bool lapic_msr_write(struct lapic *l, uint32_t index, uint64_t value, uint64_t now,
		     struct lapic_effect *effect)
{
	uint32_t offset = (index - MSR_FIRST) * 16, allowed;

	if (l->mode != LAPIC_X2APIC || !msr_writable(l, offset, &allowed))
		return false;
	if ((uint32_t)value & ~allowed)
		return false;
	if (offset == LAPIC_ICR)
		put(l, LAPIC_ICR_HIGH, value >> 32);
	else if (value >> 32)
		return false;
	write_register(l, offset, value, now, effect);
	return true;
}

/* -- Saving ------------------------------------------------------------------ */

void lapic_save(const struct lapic *l, void *state, uint64_t now, bool wide)
{
	uint32_t *out = state;

	memcpy(out, l->page, LAPIC_STATE_SIZE);
	out[LAPIC_PPR / 4] = lapic_priority(l);
	out[LAPIC_TIMER_CURRENT / 4] = timer_current(l, now);
	if (l->mode == LAPIC_X2APIC && !wide)
		out[LAPIC_ID / 4] = l->id << 24;
}

bool lapic_restore(struct lapic *l, const void *state, uint64_t now, bool wide)
{
	const uint32_t *in = state;
	uint32_t id = wide ? in[LAPIC_ID / 4] : in[LAPIC_ID / 4] >> 24;
	uint64_t left;

	if (l->mode == LAPIC_X2APIC && id != l->id)
		return false;
	memcpy(l->page, in, LAPIC_STATE_SIZE);
	put_version(l);
	if (l->mode == LAPIC_X2APIC)
		put_id(l);
	l->errors = 0;
	l->expires = 0;
	if (lapic_timer_is_deadline(l))
		return true;
	l->deadline = 0;
	left = (uint64_t)get(l, LAPIC_TIMER_CURRENT) << divide_shift(l);
	if (!left && timer_mode(l) == LVT_TIMER_PERIODIC)
		left = timer_period(l);
	if (left && get(l, LAPIC_TIMER_INITIAL))
		l->expires = now + left;
	return true;
}
