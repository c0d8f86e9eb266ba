// SPDX-License-Identifier: GPL-2.0-only
/* Modes, priorities, requests and destinations; lapic_access.c has the registers as guests see them,
 * lapic_timer.c the timer. */
#include "lapic_internal.h"

#define VERSION 0x14u
#define VERSION_LVTS (5u << 16) /* the highest entry's number: 6 of them */
#define VERSION_DIRECTED (1u << 24)

#define DFR_FLAT 0xffffffffu

/* -- Vectors: bit n of ISR, TMR and IRR is bit n % 32 of their register n / 32. TMR changes by
 * atomic instructions: somebody else may have hold of another bit. ------------------------- */

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
	uint32_t *word = &l->page[word_of(set, vector / 32) / 4], bit = 1u << vector % 32;

	if (value)
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
}

static int vector_highest(const struct lapic *l, uint32_t set)
{
	int word;

	for (word = LAPIC_WORDS - 1; word >= 0; word--) {
		uint32_t bits = 0;

		/* First, for lapic_publish() moves them in this direction. */
		if (set == LAPIC_IRR)
			bits = __atomic_load_n(&l->requested[word], __ATOMIC_ACQUIRE);
		bits |= get(l, word_of(set, word));
		if (bits)
			return 32 * word + 31 - __builtin_clz(bits);
	}
	return -1;
}

/* -- State ----------------------------------------------------------------- */

void lapic_put_id(struct lapic *l)
{
	if (l->mode == LAPIC_X2APIC) {
		put(l, LAPIC_ID, l->id);
		/* 11.12.10.2: the cluster, and this member's bit. */
		put(l, LAPIC_LDR, (l->id >> 4) << 16 | 1u << (l->id & 0xf));
	} else {
		put(l, LAPIC_ID, l->id << 24);
	}
}

void lapic_put_version(struct lapic *l)
{
	put(l, LAPIC_VERSION, VERSION | VERSION_LVTS | (l->directed ? VERSION_DIRECTED : 0));
}

void lapic_reset(struct lapic *l)
{
	unsigned int i;

	memset(l->page, 0, LAPIC_PAGE_SIZE);
	lapic_put_id(l);
	lapic_put_version(l);
	for (i = 0; i < LVT_COUNT; i++)
		put(l, lvts[i], LVT_MASKED);
	put(l, LAPIC_DFR, DFR_FLAT);
	put(l, LAPIC_SPIV, 0xff);
	memset(l->requested, 0, sizeof(l->requested));
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
		lapic_put_id(l);
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

bool lapic_return(struct lapic *l, uint8_t vector)
{
	if (vector_highest(l, LAPIC_ISR) != vector)
		return false;
	vector_put(l, LAPIC_ISR, vector, false);
	vector_put(l, LAPIC_IRR, vector, true);
	return true;
}

void lapic_end_of_interrupt(struct lapic *l, struct lapic_effect *effect)
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

/* -- Requests --------------------------------------------------------------- */

static enum lapic_accepted request(struct lapic *l, uint8_t vector, bool level)
{
	uint32_t word = vector / 32, bit = 1u << vector % 32;

	/* Before the request, with which its taker finds it. */
	vector_put(l, LAPIC_TMR, vector, level);
	if (vector_test(l, LAPIC_IRR, vector) ||
	    __atomic_fetch_or(&l->requested[word], bit, __ATOMIC_SEQ_CST) & bit)
		return LAPIC_COALESCED;
	__atomic_fetch_or(&l->requested_words, (uint8_t)(1u << word), __ATOMIC_SEQ_CST);
	return LAPIC_ACCEPTED;
}

void lapic_publish(struct lapic *l)
{
	unsigned int words, word;

	if (!__atomic_load_n(&l->requested_words, __ATOMIC_RELAXED))
		return;
	words = __atomic_exchange_n(&l->requested_words, 0, __ATOMIC_SEQ_CST);
	for (; words; words &= words - 1) {
		uint32_t bits;

		word = __builtin_ctz(words);
		bits = __atomic_load_n(&l->requested[word], __ATOMIC_RELAXED);
		/* In this order, for lapic_accept() looks in both. */
		l->page[word_of(LAPIC_IRR, word) / 4] |= bits;
		__atomic_fetch_and(&l->requested[word], ~bits, __ATOMIC_SEQ_CST);
	}
}

void lapic_error(struct lapic *l, uint32_t bit)
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
		lapic_error(l, ERROR_RECEIVE_VECTOR);
		return LAPIC_REFUSED;
	}
	return request(l, vector, level);
}

bool lapic_listens(const struct lapic *l, enum lapic_register lvt)
{
	return l->mode == LAPIC_DISABLED || !(get(l, lvt) & LVT_MASKED);
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
