// SPDX-License-Identifier: GPL-2.0-only
/* The module's interrupt routes, and the messages that MSIs are. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "vmm-user/module/apic_message.h"
#include "vmm-user/module/irq_routing.h"

static struct kvm_irq_routing_entry wire(uint32_t gsi, uint32_t chip, uint32_t pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { chip, pin },
	};
}

static struct kvm_irq_routing_entry msi(uint32_t gsi, uint32_t low, uint32_t high, uint32_t data)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = low, .address_hi = high, .data = data },
	};
}

/* Exactly as large as it was said to be, for the address sanitizer. */
static struct irq_routing *build(const struct kvm_irq_routing_entry *entries, uint32_t count,
				 bool wires, bool wide)
{
	struct irq_routing *table = malloc(irq_routing_size(entries, count));

	assert_non_null(table);
	if (irq_routing_build(table, entries, count, wires, wide)) {
		free(table);
		return NULL;
	}
	return table;
}

static void test_default(void **state)
{
	struct kvm_irq_routing_entry entries[IRQ_ROUTES_DEFAULT];
	const struct irq_route *routes;
	struct irq_routing *table;

	(void)state;
	irq_routing_default(entries);
	table = build(entries, IRQ_ROUTES_DEFAULT, true, false);
	assert_non_null(table);
	assert_int_equal(irq_routing_find(table, 9, &routes), 2);
	for (int i = 0; i < 2; i++) {
		if (routes[i].chip == KVM_IRQCHIP_IOAPIC)
			assert_int_equal(routes[i].pin, 9);
		else
			assert_int_equal(routes[i].chip * 8 + routes[i].pin, 9);
	}
	assert_int_equal(irq_routing_find(table, 20, &routes), 1);
	assert_int_equal(irq_routing_find(table, 24, &routes), 0);
	assert_int_equal(irq_routing_find(table, UINT32_MAX, &routes), 0);
	assert_int_equal(irq_routing_gsi(table, KVM_IRQCHIP_PIC_SLAVE, 4), 12);
	assert_int_equal(irq_routing_gsi(table, KVM_IRQCHIP_IOAPIC, 23), 23);
	assert_null(build(entries, IRQ_ROUTES_DEFAULT, false, false));
	free(table);
}

static void test_order(void **state)
{
	struct kvm_irq_routing_entry entries[] = {
		msi(30, 0xfee01000, 0, 0x41),
		wire(0, KVM_IRQCHIP_IOAPIC, 2),
		msi(IRQ_GSI_MAX - 1, 0xfee02000, 0, 0x42),
		wire(0, KVM_IRQCHIP_PIC_MASTER, 0),
	};
	const struct irq_route *routes;
	struct irq_routing *table = build(entries, 4, true, false);

	(void)state;
	assert_non_null(table);
	assert_int_equal(irq_routing_find(table, 30, &routes), 1);
	assert_true(routes->msi);
	assert_int_equal(routes->data, 0x41);
	assert_int_equal(irq_routing_find(table, IRQ_GSI_MAX - 1, &routes), 1);
	assert_int_equal(routes->data, 0x42);
	assert_int_equal(irq_routing_find(table, 0, &routes), 2);
	assert_int_equal(irq_routing_find(table, 1, &routes), 0);
	assert_int_equal(irq_routing_gsi(table, KVM_IRQCHIP_IOAPIC, 2), 0);
	assert_int_equal(irq_routing_gsi(table, KVM_IRQCHIP_IOAPIC, 3), -1);
	free(table);
	table = build(NULL, 0, true, false);
	assert_int_equal(irq_routing_find(table, 0, &routes), 0);
	free(table);
}

static void test_refused(void **state)
{
	struct kvm_irq_routing_entry bad[][2] = {
		{ wire(1, KVM_IRQCHIP_IOAPIC, 24), wire(2, 0, 0) },
		{ wire(1, KVM_IRQCHIP_PIC_SLAVE, 8), wire(2, 0, 0) },
		{ wire(1, 3, 0), wire(2, 0, 0) },
		{ wire(1, 0, 1), wire(1, 0, 2) }, /* two inputs of one chip */
		{ wire(1, 0, 1), msi(1, 0, 0, 0) },
		{ msi(1, 0, 0, 0), msi(1, 0, 0, 0) },
		{ wire(2, 0, 0), wire(IRQ_GSI_MAX, 0, 0) },
		{ wire(2, 0, 0), { .gsi = 1, .type = KVM_IRQ_ROUTING_HV_SINT } },
		{ wire(2, 0, 0), { .gsi = 1, .type = KVM_IRQ_ROUTING_MSI, .flags = 1 } },
	};
	struct kvm_irq_routing_entry many[] = { wire(1, 0, 0), wire(1, 1, 0), wire(1, 2, 0),
						wire(1, 2, 0) };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(build(bad[i], 2, true, false));
	assert_null(build(many, 4, true, false));
	bad[0][0] = msi(1, 0xfee00000, 0x01, 0);
	assert_null(build(bad[0], 1, true, true));
}

static void test_messages(void **state)
{
	struct apic_message m = apic_message_from_msi(0xfee0300c, 0, 0xc131, false);

	(void)state;
	assert_int_equal(m.destination, 3);
	assert_true(m.logical && m.level && m.assert);
	assert_int_equal(m.delivery, APIC_LOWEST);
	assert_int_equal(m.vector, 0x31);
	m = apic_message_from_msi(0xfeeff000, 0x100, 0x31, false);
	assert_int_equal(m.destination, APIC_BROADCAST);
	m = apic_message_from_msi(0xfeeff000, 0, 0x31, true);
	assert_int_equal(m.destination, 0xff);
	m = apic_message_from_msi(0xfee34000, 0x1200, 0x31, true);
	assert_int_equal(m.destination, 0x1234);
	assert_true(apic_msi_valid(0x1, false));
	assert_false(apic_msi_valid(0x1, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
