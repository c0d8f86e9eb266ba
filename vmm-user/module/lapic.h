/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC: registers, priorities, and its timer's arithmetic.
 *
 * The registers are one 4 KiB page in the architectural layout (SDM vol. 3A table 11-1), which
 * is shared with root mode (mullion/abi.h says who changes what); what has no register stands
 * beside it. Nothing here waits, allocates or locks: the caller serialises calls for one APIC, and
 * does what the calls ask for in struct lapic_effect. Pure C: the same file builds into mullion.ko and into
 * the tests on the host.
 *
 * Time is in nanoseconds of a clock that only goes forward. The timer counts a bus clock of
 * 1 GHz, so that a count, times the divider, is nanoseconds.
 */
#ifndef MULLION_LAPIC_H
#define MULLION_LAPIC_H

#include "apic_message.h"

#define LAPIC_PAGE_SIZE 4096
#define LAPIC_STATE_SIZE 0x400 /* bytes of the page that hold registers */
#define LAPIC_WORDS 8          /* of a set of 256 vectors */

/* Offsets of registers; x2APIC's MSR is 0x800 + offset / 16 (SDM vol. 3A 11.12.1.2). */
enum lapic_register {
	LAPIC_ID = 0x20,
	LAPIC_VERSION = 0x30,
	LAPIC_TPR = 0x80,
	LAPIC_APR = 0x90,
	LAPIC_PPR = 0xa0,
	LAPIC_EOI = 0xb0,
	LAPIC_RRD = 0xc0,
	LAPIC_LDR = 0xd0,
	LAPIC_DFR = 0xe0,
	LAPIC_SPIV = 0xf0,
	LAPIC_ISR = 0x100,
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERFORMANCE = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

enum lapic_mode { LAPIC_DISABLED, LAPIC_XAPIC, LAPIC_X2APIC };

/* Bits of IA32_APIC_BASE (SDM vol. 3A 11.4.4, 11.12.1). */
#define APIC_BASE_BSP (1ull << 8)
#define APIC_BASE_X2APIC (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)

struct lapic {
	uint32_t *page;        /* LAPIC_PAGE_SIZE bytes, the owner's */
	uint32_t id;           /* the processor's; x2APIC mode's identifier */
	uint8_t mode;          /* enum lapic_mode */
	bool directed;         /* there are IOAPICs that take directed EOIs: SPIV bit 12 exists */
	bool deadline_allowed; /* CPUID offers TSC-deadline mode */
	uint32_t errors;       /* raised since ESR was last written */

	/* Requests on their way to IRR, and in which words there are some: lapic_publish(). */
	uint32_t requested[LAPIC_WORDS];
	uint8_t requested_words;

	uint64_t deadline; /* IA32_TSC_DEADLINE, 0: not armed */
	uint64_t expires;  /* when the count comes to 0; 0: it does not run */
};

/* What is to be done after a call; the caller clears it before. */
struct lapic_effect {
	bool timer; /* the timer's setting has changed: lapic_timer_due() */
	bool ended; /* a level-triggered interrupt, `vector`, has ended */
	bool send;  /* `message` is to be delivered */
	uint8_t vector;
	struct apic_message message;
};

/* -- State ----------------------------------------------------------------- */

/* Power-up or INIT: both leave the same, but for the identifier and the mode, which are the
 * caller's to set (lapic_set_mode()). The timer stops. */
void lapic_reset(struct lapic *l);

/* What an IA32_APIC_BASE means. */
enum lapic_mode lapic_mode_of(uint64_t base);

/* Whether software may go from one mode to the other by one write (SDM vol. 3A 11.12.5). */
bool lapic_mode_change_valid(enum lapic_mode from, enum lapic_mode to);

/* Changes the mode. On a change to x2APIC mode, LDR follows from the identifier. */
void lapic_set_mode(struct lapic *l, enum lapic_mode mode);

/* The registers as user space saves and restores them: LAPIC_STATE_SIZE bytes in the page's
 * layout, with the timer's count as it is now. `wide`: in x2APIC mode the identifier is all of
 * its register, else bits 24-31. lapic_restore() answers false, and changes nothing, when the
 * identifier does not fit. */
void lapic_save(struct lapic *l, void *state, uint64_t now, bool wide);
bool lapic_restore(struct lapic *l, const void *state, uint64_t now, bool wide);

/* -- The guest's accesses -------------------------------------------------- */

/* xAPIC: `size` bytes at `offset` of the page. Reads of what is no register are 0. Writes that
 * are not 32 bits wide and 16-byte aligned are ignored (SDM vol. 3A 11.4.1). */
uint32_t lapic_read(struct lapic *l, uint32_t offset, unsigned int size, uint64_t now);
void lapic_write(struct lapic *l, uint32_t offset, unsigned int size, uint32_t value, uint64_t now,
		 struct lapic_effect *effect);

/* x2APIC: the MSR 0x800-0x8ff. -> false where the access is a #GP. */
bool lapic_msr_read(struct lapic *l, uint32_t index, uint64_t *value, uint64_t now);
bool lapic_msr_write(struct lapic *l, uint32_t index, uint64_t value, uint64_t now,
		     struct lapic_effect *effect);

/* -- Interrupts ------------------------------------------------------------ */

enum lapic_accepted {
	LAPIC_REFUSED = 0,   /* disabled, or not a vector */
	LAPIC_COALESCED = 1, /* was requested already */
	LAPIC_ACCEPTED = 2,
};

/* Whether the message is for this APIC; `self` if it is the sender. */
bool lapic_matches(const struct lapic *l, const struct apic_message *m, bool self);

/* Requests a vector. */
enum lapic_accepted lapic_accept(struct lapic *l, uint8_t vector, bool level);

/* Whether fixed interrupts are taken at all. */
bool lapic_enabled(const struct lapic *l);

/* Puts what has been requested into IRR, which in a turn is root mode's and the processor's: by the
 * vCPU's thread, before each turn and before IRR is read. Takes no lock, and whoever makes a request
 * later finds that the vCPU is to be interrupted. */
void lapic_publish(struct lapic *l);

/* The vector that the processor should take now, or -1. Whoever takes it clears its bit in IRR and
 * sets that in ISR: root mode. */
int lapic_pending(const struct lapic *l);

/* The interrupt in service, `vector`, has not reached the processor's handler: it is requested
 * again. -> false, and nothing has changed, if another one is in service, or none. */
bool lapic_return(struct lapic *l, uint8_t vector);

/* The processor's priority class and below (PPR), for arbitration. */
uint8_t lapic_priority(const struct lapic *l);

/* Whether a local source, a LAPIC_LVT_*, gets through to the processor. 11.4.3: past a disabled
 * APIC, LINT0 and LINT1 are the processor's INTR and NMI. */
bool lapic_listens(const struct lapic *l, enum lapic_register lvt);

/* A local source fires: a LAPIC_LVT_*. -> what the processor is to be told besides what
 * lapic_pending() says: APIC_NMI, APIC_EXTINT, APIC_SMI, or APIC_FIXED for nothing. */
enum apic_delivery lapic_local(struct lapic *l, enum lapic_register lvt);

/* Whether the PIC's output reaches the processor through LINT0 as an ExtINT. */
bool lapic_takes_extint(const struct lapic *l);

/* -- The timer ------------------------------------------------------------- */

/* IA32_TSC_DEADLINE: 0, and no effect, outside of that mode (SDM vol. 3A 11.5.4.1). */
uint64_t lapic_deadline(const struct lapic *l);
void lapic_set_deadline(struct lapic *l, uint64_t tsc, struct lapic_effect *effect);

bool lapic_timer_is_deadline(const struct lapic *l);

/* When the count comes to 0, or 0 if it does not run. */
uint64_t lapic_timer_due(const struct lapic *l);

/* The count has come to 0, or the deadline has passed: requests the interrupt and, in periodic
 * mode, starts the count anew from the time it was due, but not behind `now`. */
void lapic_timer_expire(struct lapic *l, uint64_t now);

#endif
