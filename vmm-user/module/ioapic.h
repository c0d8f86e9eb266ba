/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An I/O APIC with 24 inputs (82093AA datasheet), as state without locks. What it sends goes to
 * a callback. Pure C: the same file builds into mullion.ko and into the tests on the host.
 *
 * A level-triggered interrupt ends in two steps, so that whoever drives the line can release it
 * in between: ioapic_ending() says which inputs a vector's EOI concerns, ioapic_end() opens them
 * again, and requests those that are still driven.
 */
#ifndef MULLION_IOAPIC_H
#define MULLION_IOAPIC_H

#include <linux/kvm.h>

#include "apic_message.h"

#define IOAPIC_BASE 0xfec00000u
#define IOAPIC_SIZE 0x100

struct ioapic {
	struct kvm_ioapic_state state;        /* irr: the inputs that are driven */
	uint8_t sources[KVM_IOAPIC_NUM_PINS]; /* a bit for each source that drives the input */

	/* Delivers. -> how many APICs took it, 0 if it had been requested there already, -1 if
	 * none takes it. */
	int (*deliver)(void *opaque, const struct apic_message *m);
	void *opaque;
};

/* Leaves the callback alone. */
void ioapic_reset(struct ioapic *io);

/* Source `source` (0-7) drives or releases an input. -> as deliver(), -1 when it is masked. */
int ioapic_set_input(struct ioapic *io, unsigned int pin, unsigned int source, bool level);

/* Guest accesses, `offset` into its IOAPIC_SIZE bytes; of what is shorter than 32 bits the rest is
 * 0. */
uint32_t ioapic_read(const struct ioapic *io, uint32_t offset);
void ioapic_write(struct ioapic *io, uint32_t offset, uint32_t value);

/* Inputs that wait for the EOI of `vector`, as a mask. */
uint32_t ioapic_ending(const struct ioapic *io, uint8_t vector);

/* The EOI is there for these inputs. */
void ioapic_end(struct ioapic *io, uint32_t pins);

/* Takes the state from user space, and delivers what it requests. */
void ioapic_restore(struct ioapic *io, const struct kvm_ioapic_state *state);

#endif
