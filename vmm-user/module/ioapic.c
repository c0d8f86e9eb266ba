// SPDX-License-Identifier: GPL-2.0-only
#include "ioapic.h"

#define REG_SELECT 0x00
#define REG_WINDOW 0x10

#define INDEX_ID 0
#define INDEX_VERSION 1
#define INDEX_ARBITRATION 2
#define INDEX_TABLE 0x10

#define VERSION (0x11u | (KVM_IOAPIC_NUM_PINS - 1) << 16)
#define ID_MASK 0x0f000000u

/* Of a redirection table entry: what software cannot write. */
#define ENTRY_DELIVERY_STATUS (1ull << 12)
#define ENTRY_REMOTE_IRR (1ull << 14)
#define ENTRY_LEVEL (1ull << 15)
#define ENTRY_MASKED (1ull << 16)
#define ENTRY_READ_ONLY (ENTRY_DELIVERY_STATUS | ENTRY_REMOTE_IRR)

void ioapic_reset(struct ioapic *io)
{
	unsigned int pin;

	io->state = (struct kvm_ioapic_state){ .base_address = IOAPIC_BASE };
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		io->state.redirtbl[pin].bits = ENTRY_MASKED;
		io->sources[pin] = 0;
	}
}

static bool driven(const struct ioapic *io, unsigned int pin)
{
	return io->state.irr >> pin & 1;
}

static int deliver(struct ioapic *io, unsigned int pin)
{
	__u64 *entry = &io->state.redirtbl[pin].bits;
	struct apic_message m = {
		.destination = *entry >> 56,
		.delivery = *entry >> 8 & 7,
		.vector = *entry & 0xff,
		.logical = *entry >> 11 & 1,
		.level = !!(*entry & ENTRY_LEVEL),
		.assert = true,
	};
	int taken;

	if (m.destination == XAPIC_BROADCAST)
		m.destination = APIC_BROADCAST;
	taken = io->deliver(io->opaque, &m);
	if (m.level && taken >= 0)
		*entry |= ENTRY_REMOTE_IRR;
	return taken;
}

/* Requests a level-triggered input's interrupt if nothing stands against it. */
static void deliver_level(struct ioapic *io, unsigned int pin)
{
	uint64_t entry = io->state.redirtbl[pin].bits;

	if (driven(io, pin) && entry & ENTRY_LEVEL && !(entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)))
		deliver(io, pin);
}

int ioapic_set_input(struct ioapic *io, unsigned int pin, unsigned int source, bool level)
{
	uint64_t entry = io->state.redirtbl[pin].bits;
	bool before = driven(io, pin);

	if (level)
		io->sources[pin] |= 1u << source;
	else
		io->sources[pin] &= ~(1u << source);
	level = io->sources[pin];
	if (level)
		io->state.irr |= 1u << pin;
	else
		io->state.irr &= ~(1u << pin);
	if (!level)
		return 1;
	/* An edge on a masked input is lost; a level is not. */
	if (entry & ENTRY_MASKED)
		return -1;
	if (entry & ENTRY_LEVEL ? !!(entry & ENTRY_REMOTE_IRR) : before)
		return 0;
	return deliver(io, pin);
}

/* -- The guest's accesses ----------------------------------------------------- */

static uint32_t read_index(const struct ioapic *io, uint32_t index)
{
	uint32_t pin = (index - INDEX_TABLE) / 2;

	switch (index) {
	case INDEX_ID:
	case INDEX_ARBITRATION:
		return io->state.id & ID_MASK;
	case INDEX_VERSION:
		return VERSION;
	}
	if (index < INDEX_TABLE || pin >= KVM_IOAPIC_NUM_PINS)
		return 0xffffffff;
	return io->state.redirtbl[pin].bits >> (index & 1 ? 32 : 0);
}

static void write_index(struct ioapic *io, uint32_t index, uint32_t value)
{
	uint32_t pin = (index - INDEX_TABLE) / 2;
	__u64 *entry, kept;

	if (index == INDEX_ID) {
		io->state.id = value & ID_MASK;
		return;
	}
	if (index < INDEX_TABLE || pin >= KVM_IOAPIC_NUM_PINS)
		return;
	entry = &io->state.redirtbl[pin].bits;
	if (index & 1) {
		*entry = (uint32_t)*entry | (uint64_t)value << 32;
		return;
	}
	kept = *entry & (ENTRY_READ_ONLY | 0xffffffff00000000ull);
	*entry = kept | (value & 0x1ffff & ~ENTRY_READ_ONLY);
	/* Edge-triggered, there is nothing to wait for; software clears a stuck input so. */
	if (!(*entry & ENTRY_LEVEL))
		*entry &= ~ENTRY_REMOTE_IRR;
	deliver_level(io, pin);
}

uint32_t ioapic_read(const struct ioapic *io, uint32_t offset)
{
	switch (offset & ~0xfu) {
	case REG_SELECT:
		return io->state.ioregsel;
	case REG_WINDOW:
		return read_index(io, io->state.ioregsel);
	}
	return 0;
}

void ioapic_write(struct ioapic *io, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case REG_SELECT:
		io->state.ioregsel = value & 0xff;
		break;
	case REG_WINDOW:
		write_index(io, io->state.ioregsel, value);
		break;
	}
}

/* -- Ends --------------------------------------------------------------------- */

uint32_t ioapic_ending(const struct ioapic *io, uint8_t vector)
{
	uint32_t pin, pins = 0;

	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		uint64_t entry = io->state.redirtbl[pin].bits;

		if ((entry & 0xff) == vector && entry & ENTRY_REMOTE_IRR)
			pins |= 1u << pin;
	}
	return pins;
}

void ioapic_end(struct ioapic *io, uint32_t pins)
{
	uint32_t pin;

	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		if (!(pins >> pin & 1))
			continue;
		io->state.redirtbl[pin].bits &= ~ENTRY_REMOTE_IRR;
		deliver_level(io, pin);
	}
}

void ioapic_restore(struct ioapic *io, const struct kvm_ioapic_state *state)
{
	uint32_t pin;

	io->state = *state;
	io->state.base_address = IOAPIC_BASE;
	io->state.ioregsel &= 0xff;
	io->state.irr &= (1u << KVM_IOAPIC_NUM_PINS) - 1;
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		__u64 *entry = &io->state.redirtbl[pin].bits;

		*entry &= ~ENTRY_DELIVERY_STATUS;
		if (!(*entry & ENTRY_LEVEL))
			*entry &= ~ENTRY_REMOTE_IRR;
		/* Who drove it is not saved: it is user space's from now on. */
		io->sources[pin] = driven(io, pin);
		deliver_level(io, pin);
	}
}
