/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of interrupt routes: where each interrupt line of user space (GSI) goes.
 *
 * A table is never changed once readers can see it; a change makes a new one. Pure C: the same
 * file builds into mullion.ko and into the tests on the host.
 */
#ifndef MULLION_IRQ_ROUTING_H
#define MULLION_IRQ_ROUTING_H

#include <linux/kvm.h>

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#define IRQ_ROUTES_MAX 4096
#define IRQ_GSI_MAX 4096 /* GSIs are below */

/* Chips are KVM_IRQCHIP_*. */
#define IRQ_PIC_PINS 8

struct irq_route {
	uint32_t gsi;
	bool msi;
	uint8_t chip, pin;                     /* of a wire */
	uint32_t address_lo, address_hi, data; /* of a message */
};

struct irq_routing {
	uint32_t count;
	uint32_t gsis;   /* those below have entries in `first` */
	uint16_t *first; /* by GSI, gsis + 1 of them: its routes are [first[g], first[g + 1]) */
	struct irq_route routes[]; /* by ascending gsi; `first` lies behind */
};

/* Bytes of a table for those entries. */
size_t irq_routing_size(const struct kvm_irq_routing_entry *entries, uint32_t count);

/*
 * Fills `to` (irq_routing_size() bytes) from `count` (up to IRQ_ROUTES_MAX) entries. A GSI can go
 * to one input of each chip, or be one message; `wires`: there are chips. `wide`: as in
 * apic_message_from_msi(). -> 0, or -EINVAL: then `to` holds nothing of use.
 */
int irq_routing_build(struct irq_routing *to, const struct kvm_irq_routing_entry *entries,
		      uint32_t count, bool wires, bool wide);

/* The routes of a GSI. -> their number, 0 if it has none. */
uint32_t irq_routing_find(const struct irq_routing *table, uint32_t gsi,
			  const struct irq_route **routes);

/* The GSI that goes to an input, or -1. */
int irq_routing_gsi(const struct irq_routing *table, unsigned int chip, unsigned int pin);

/* What a VM with all chips starts with: GSIs 0-23 to the IOAPIC's inputs and 0-15 to the PIC's.
 * `entries` has room for IRQ_ROUTES_DEFAULT. */
#define IRQ_ROUTES_DEFAULT (KVM_IOAPIC_NUM_PINS + 2 * IRQ_PIC_PINS)
void irq_routing_default(struct kvm_irq_routing_entry *entries);

#endif
