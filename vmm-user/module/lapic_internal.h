/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the local APIC share. Sections are of SDM vol. 3A chapter 11; APM vol. 2
 * chapter 16 says the same. */
#ifndef MULLION_LAPIC_INTERNAL_H
#define MULLION_LAPIC_INTERNAL_H

#include "lapic.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#define SPIV_ENABLED (1u << 8)
#define SPIV_DEFINED 0x3ffu
#define SPIV_DIRECTED (1u << 12)

#define LVT_VECTOR 0xffu
#define LVT_DELIVERY (7u << 8)
#define LVT_LINT_BITS (5u << 13) /* polarity and trigger mode; remote IRR is read-only */
#define LVT_MASKED (1u << 16)
#define LVT_TIMER_MODE (3u << 17)
#define LVT_TIMER_PERIODIC (1u << 17)
#define LVT_TIMER_DEADLINE (2u << 17)

/* 11.5.3 */
#define ERROR_SEND_VECTOR (1u << 5)
#define ERROR_RECEIVE_VECTOR (1u << 6)
#define ERROR_REGISTER (1u << 7)

#define VECTOR_MIN 16

static inline uint32_t get(const struct lapic *l, uint32_t offset)
{
	return l->page[offset / 4];
}

static inline void put(struct lapic *l, uint32_t offset, uint32_t value)
{
	l->page[offset / 4] = value;
}

static const uint16_t lvts[] = {
	LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL, LAPIC_LVT_PERFORMANCE,
	LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,   LAPIC_LVT_ERROR,
};

#define LVT_COUNT (sizeof(lvts) / sizeof(lvts[0]))

/* -- lapic.c ------------------------------------------------------------------- */

/* Raises an ERROR_*. */
void lapic_error(struct lapic *l, uint32_t bit);

/* The guest's EOI. */
void lapic_end_of_interrupt(struct lapic *l, struct lapic_effect *effect);

/* The identifier's and the version's registers. */
void lapic_put_id(struct lapic *l);
void lapic_put_version(struct lapic *l);

/* -- lapic_timer.c --------------------------------------------------------------- */

/* The guest's accesses to the timer's registers. */
uint32_t lapic_timer_current(const struct lapic *l, uint64_t now);
void lapic_timer_write_initial(struct lapic *l, uint32_t value, uint64_t now,
			       struct lapic_effect *effect);
void lapic_timer_write_divide(struct lapic *l, uint32_t value, uint64_t now,
			      struct lapic_effect *effect);
void lapic_timer_write_lvt(struct lapic *l, uint32_t value, struct lapic_effect *effect);

/* Goes on from the registers, after they were restored. */
void lapic_timer_restore(struct lapic *l, uint64_t now);

#endif
