// SPDX-License-Identifier: GPL-2.0-only
/* The registers of the local APIC, as guests access them and user space saves them. */
#include "lapic_internal.h"

#define ICR_DEFINED 0xcdfffu /* with the delivery status, which software may write back */
#define ICR_DELIVERY_PENDING (1u << 12)
#define ICR_ASSERT (1u << 14)
#define ICR_LEVEL (1u << 15)
#define ICR_LOGICAL (1u << 11)

/* -- Writes ------------------------------------------------------------------ */

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
		lapic_timer_write_lvt(l, value, effect);
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
		lapic_error(l, ERROR_SEND_VECTOR);
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

	put(l, LAPIC_ICR, low & ~ICR_DELIVERY_PENDING);
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
		lapic_end_of_interrupt(l, effect);
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
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		write_lvt(l, offset, value, effect);
		break;
	case LAPIC_TIMER_INITIAL:
		lapic_timer_write_initial(l, value, now, effect);
		break;
	case LAPIC_TIMER_DIVIDE:
		lapic_timer_write_divide(l, value, now, effect);
		break;
	case LAPIC_SELF_IPI: /* of x2APIC mode, where this is reached from */
		send(l, (APIC_SELF << 18) | (value & 0xff), 0, effect);
		break;
	default:
		lapic_error(l, ERROR_REGISTER);
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
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
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
		return lapic_timer_current(l, now);
	}
	return get(l, offset);
}

uint32_t lapic_read(struct lapic *l, uint32_t offset, unsigned int size, uint64_t now)
{
	uint32_t at = offset & ~0xfu, within = offset & 0xf;
	uint32_t value;

	if (within + size > 4)
		return 0;
	lapic_publish(l);
	if (!readable(at)) {
		lapic_error(l, ERROR_REGISTER);
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
	lapic_publish(l);
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
		*allowed = ICR_DEFINED;
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

void lapic_save(struct lapic *l, void *state, uint64_t now, bool wide)
{
	uint32_t *out = state;

	lapic_publish(l);
	memcpy(out, l->page, LAPIC_STATE_SIZE);
	out[LAPIC_PPR / 4] = lapic_priority(l);
	out[LAPIC_TIMER_CURRENT / 4] = lapic_timer_current(l, now);
	if (l->mode == LAPIC_X2APIC && !wide)
		out[LAPIC_ID / 4] = l->id << 24;
}

bool lapic_restore(struct lapic *l, const void *state, uint64_t now, bool wide)
{
	const uint32_t *in = state;
	uint32_t id = wide ? in[LAPIC_ID / 4] : in[LAPIC_ID / 4] >> 24, offset;

	if (l->mode == LAPIC_X2APIC && id != l->id)
		return false;
	/* Only registers: their neighbours would be the upper halves of MSRs. */
	for (offset = 0; offset < LAPIC_STATE_SIZE; offset += 16)
		put(l, offset, in[offset / 4]);
	memset(l->requested, 0, sizeof(l->requested));
	lapic_put_version(l);
	if (l->mode == LAPIC_X2APIC)
		lapic_put_id(l);
	l->errors = 0;
	lapic_timer_restore(l, now);
	return true;
}
