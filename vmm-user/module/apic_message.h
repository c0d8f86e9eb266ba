/* SPDX-License-Identifier: GPL-2.0-only */
/* What travels between interrupt controllers: IPIs, MSIs, and what an IOAPIC sends. */
#ifndef MULLION_APIC_MESSAGE_H
#define MULLION_APIC_MESSAGE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

/* SDM vol. 3A 11.6.1, the ICR's delivery modes; 7 in an IOAPIC or MSI only. */
enum apic_delivery {
	APIC_FIXED = 0,
	APIC_LOWEST = 1,
	APIC_SMI = 2,
	APIC_NMI = 4,
	APIC_INIT = 5,
	APIC_STARTUP = 6,
	APIC_EXTINT = 7,
};

enum apic_shorthand {
	APIC_NO_SHORTHAND = 0,
	APIC_SELF = 1,
	APIC_ALL = 2,
	APIC_OTHERS = 3, /* all but self */
};

#define APIC_BROADCAST 0xffffffffu
#define XAPIC_BROADCAST 0xffu /* where destinations have 8 bits */

struct apic_message {
	uint32_t destination; /* APIC_BROADCAST, or as `logical` and the receiver's mode say */
	uint8_t delivery;     /* enum apic_delivery */
	uint8_t vector;
	uint8_t shorthand; /* enum apic_shorthand; of IPIs */
	bool logical;
	bool level;  /* level-triggered */
	bool assert; /* of INIT: not the de-assertion, which modern processors ignore */
};

/* An MSI as a device writes it (SDM vol. 3A 11.11). `wide`: address_hi holds bits 8-31 of the
 * destination, and 0xff is an identifier, not everyone. */
struct apic_message apic_message_from_msi(uint32_t address_lo, uint32_t address_hi, uint32_t data,
					  bool wide);

/* Whether an MSI's address and data are what `wide` allows. */
bool apic_msi_valid(uint32_t address_hi, bool wide);

#endif
