// SPDX-License-Identifier: GPL-2.0-only
#include "irq_routing.h"

#include "apic_message.h"

static uint32_t gsis_of(const struct kvm_irq_routing_entry *entries, uint32_t count)
{
	uint32_t i, gsis = 0;

	for (i = 0; i < count; i++)
		if (entries[i].gsi < IRQ_GSI_MAX && entries[i].gsi >= gsis)
			gsis = entries[i].gsi + 1;
	return gsis;
}

size_t irq_routing_size(const struct kvm_irq_routing_entry *entries, uint32_t count)
{
	return sizeof(struct irq_routing) + count * sizeof(struct irq_route) +
	       (gsis_of(entries, count) + 1) * sizeof(uint16_t);
}

static int take(struct irq_route *route, const struct kvm_irq_routing_entry *e, bool wires,
		bool wide)
{
	unsigned int pins;

	*route = (struct irq_route){ .gsi = e->gsi };
	if (e->gsi >= IRQ_GSI_MAX || e->flags)
		return -EINVAL;
	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (!wires || e->u.irqchip.irqchip > KVM_IRQCHIP_IOAPIC)
			return -EINVAL;
		pins = e->u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC ? KVM_IOAPIC_NUM_PINS :
								    IRQ_PIC_PINS;
		if (e->u.irqchip.pin >= pins)
			return -EINVAL;
		route->chip = e->u.irqchip.irqchip;
		route->pin = e->u.irqchip.pin;
		return 0;
	case KVM_IRQ_ROUTING_MSI:
		if (!apic_msi_valid(e->u.msi.address_hi, wide))
			return -EINVAL;
		route->msi = true;
		route->address_lo = e->u.msi.address_lo;
		route->address_hi = e->u.msi.address_hi;
		route->data = e->u.msi.data;
		return 0;
	}
	return -EINVAL;
}

/* Whether each GSI is one message, or one input of each of its chips. */
static bool agree(const struct irq_routing *table)
{
	const struct irq_route *a, *b, *end = table->routes + table->count;

	for (a = table->routes; a < end; a++)
		for (b = a + 1; b < end && b->gsi == a->gsi; b++)
			if (a->msi || b->msi || a->chip == b->chip)
				return false;
	return true;
}

/* Sorts by GSI in two passes: count, then place. */
int irq_routing_build(struct irq_routing *to, const struct kvm_irq_routing_entry *entries,
		      uint32_t count, bool wires, bool wide)
{
	uint32_t i, sum = 0;

	if (count > IRQ_ROUTES_MAX)
		return -EINVAL;
	to->count = count;
	to->gsis = gsis_of(entries, count);
	to->first = (uint16_t *)&to->routes[count];
	for (i = 0; i <= to->gsis; i++)
		to->first[i] = 0;
	for (i = 0; i < count; i++) {
		if (entries[i].gsi >= to->gsis || to->first[entries[i].gsi] == KVM_NR_IRQCHIPS)
			return -EINVAL;
		to->first[entries[i].gsi]++;
	}
	/* To the end of each GSI's routes, from where placing counts down to their beginning. */
	for (i = 0; i < to->gsis; i++) {
		sum += to->first[i];
		to->first[i] = sum;
	}
	to->first[to->gsis] = sum;
	for (i = 0; i < count; i++) {
		int ret = take(&to->routes[--to->first[entries[i].gsi]], &entries[i], wires, wide);

		if (ret)
			return ret;
	}
	return agree(to) ? 0 : -EINVAL;
}

uint32_t irq_routing_find(const struct irq_routing *table, uint32_t gsi,
			  const struct irq_route **routes)
{
	if (gsi >= table->gsis)
		return 0;
	*routes = &table->routes[table->first[gsi]];
	return table->first[gsi + 1] - table->first[gsi];
}

int irq_routing_gsi(const struct irq_routing *table, unsigned int chip, unsigned int pin)
{
	uint32_t i;

	for (i = 0; i < table->count; i++) {
		const struct irq_route *route = &table->routes[i];

		if (!route->msi && route->chip == chip && route->pin == pin)
			return route->gsi;
	}
	return -1;
}

static struct kvm_irq_routing_entry wire(uint32_t gsi, uint32_t chip, uint32_t pin)
{
	struct kvm_irq_routing_entry e = {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};

	return e;
}

void irq_routing_default(struct kvm_irq_routing_entry *entries)
{
	uint32_t gsi;

	for (gsi = 0; gsi < 2 * IRQ_PIC_PINS; gsi++)
		*entries++ = wire(gsi, gsi / IRQ_PIC_PINS, gsi % IRQ_PIC_PINS);
	for (gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++)
		*entries++ = wire(gsi, KVM_IRQCHIP_IOAPIC, gsi);
}
