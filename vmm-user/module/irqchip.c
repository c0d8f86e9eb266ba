// SPDX-License-Identifier: GPL-2.0-only
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "apic.h"
#include "irqchip.h"
#include "vcpu.h"
#include "vm.h"

/* -- Life ---------------------------------------------------------------------- */

static int deliver(void *opaque, const struct apic_message *m)
{
	return apic_deliver(opaque, m, NULL);
}

void irqchip_init(struct mullion_vm *vm)
{
	struct irqchip *chip = &vm->irqchip;

	raw_spin_lock_init(&chip->lock);
	INIT_LIST_HEAD(&chip->irqfds);
	pic_reset(&chip->pic);
	chip->ioapic.deliver = deliver;
	chip->ioapic.opaque = vm;
	ioapic_reset(&chip->ioapic);
	irqchip_pit_init(&chip->pit);
}

void irqchip_free(struct mullion_vm *vm)
{
	irqfd_free_all(vm);
	irqchip_pit_free(&vm->irqchip.pit);
	kvfree(rcu_dereference_protected(vm->irqchip.routing, true));
}

bool irqchip_in_kernel(const struct mullion_vm *vm)
{
	return vm->irqchip.kind != IRQCHIP_USER;
}

static int default_routing(struct mullion_vm *vm)
{
	struct kvm_irq_routing_entry *entries;
	int ret;

	entries = kcalloc(IRQ_ROUTES_DEFAULT, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	irq_routing_default(entries);
	ret = irqchip_set_routing(vm, entries, IRQ_ROUTES_DEFAULT);
	kfree(entries);
	return ret;
}

int irqchip_create(struct mullion_vm *vm, enum irqchip_kind kind)
{
	int ret = 0;

	if (irqchip_in_kernel(vm))
		return -EEXIST;
	if (vm->vcpu_count)
		return -EINVAL;
	vm->irqchip.kind = kind;
	if (kind == IRQCHIP_KERNEL)
		ret = default_routing(vm);
	if (ret)
		vm->irqchip.kind = IRQCHIP_USER;
	return ret;
}

int irqchip_set_routing(struct mullion_vm *vm, const struct kvm_irq_routing_entry *entries,
			u32 count)
{
	struct irqchip *chip = &vm->irqchip;
	struct irq_routing *new, *old;
	int ret;

	new = kvzalloc(irq_routing_size(entries, count), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	ret = irq_routing_build(new, entries, count, chip->kind == IRQCHIP_KERNEL, chip->wide_ids);
	if (ret) {
		kvfree(new);
		return ret;
	}
	old = rcu_replace_pointer(chip->routing, new, lockdep_is_held(&vm->lock));
	synchronize_rcu_expedited();
	kvfree(old);
	return 0;
}

/* -- Lines ----------------------------------------------------------------------- */

/* The PIC may have changed: tells the processors when its output rises. Lock held. */
static void pic_update(struct mullion_vm *vm)
{
	struct irqchip *chip = &vm->irqchip;
	bool before = chip->pic_output, after = pic_output(&chip->pic);

	WRITE_ONCE(chip->pic_output, after);
	if (after && !before)
		apic_lint0(vm);
}

static int wire(struct mullion_vm *vm, const struct irq_route *route, enum irqchip_source source,
		bool level)
{
	struct irqchip *chip = &vm->irqchip;
	unsigned long flags;
	int ret;

	raw_spin_lock_irqsave(&chip->lock, flags);
	if (route->chip == KVM_IRQCHIP_IOAPIC) {
		ret = ioapic_set_input(&chip->ioapic, route->pin, source, level);
	} else {
		ret = pic_set_input(&chip->pic, route->chip * IRQ_PIC_PINS + route->pin, source,
				    level);
		pic_update(vm);
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return ret;
}

static int message(struct mullion_vm *vm, u32 address_lo, u32 address_hi, u32 data)
{
	struct irqchip *chip = &vm->irqchip;
	struct apic_message m = apic_message_from_msi(address_lo, address_hi, data, chip->wide_ids);

	/* 0xff stays everyone's unless user space has said that it knows better. */
	if (m.destination == XAPIC_BROADCAST && !chip->no_broadcast)
		m.destination = APIC_BROADCAST;
	return apic_deliver(vm, &m, NULL);
}

int irqchip_line(struct mullion_vm *vm, u32 gsi, enum irqchip_source source, bool level)
{
	const struct irq_routing *table;
	const struct irq_route *route;
	u32 count = 0;
	int taken = -1;

	rcu_read_lock();
	table = rcu_dereference(vm->irqchip.routing);
	if (table && gsi < table->gsis)
		count = irq_routing_find(table, array_index_nospec(gsi, table->gsis), &route);
	for (; count; count--, route++) {
		int ret = -1;

		if (!route->msi)
			ret = wire(vm, route, source, level);
		else if (level)
			ret = message(vm, route->address_lo, route->address_hi, route->data);
		if (ret >= 0)
			taken = max(taken, 0) + ret;
	}
	rcu_read_unlock();
	return taken;
}

int irqchip_msi(struct mullion_vm *vm, const struct kvm_msi *msi)
{
	int taken;

	if (!irqchip_in_kernel(vm) || msi->flags ||
	    !apic_msi_valid(msi->address_hi, vm->irqchip.wide_ids))
		return -EINVAL;
	/* That none of its APICs takes one is up to the guest: no error of the caller's. */
	taken = message(vm, msi->address_lo, msi->address_hi, msi->data);
	return max(taken, 0);
}

/* -- Ends --------------------------------------------------------------------------- */

/* Interrupts of a chip's inputs, a mask, have ended: who drives the lines may release them. */
static void inputs_ended(struct mullion_vm *vm, unsigned int chip, u32 pins)
{
	const struct irq_routing *table;

	if (list_empty(&vm->irqchip.irqfds))
		return;
	for (; pins; pins &= pins - 1) {
		int gsi;

		rcu_read_lock();
		table = rcu_dereference(vm->irqchip.routing);
		gsi = table ? irq_routing_gsi(table, chip, __ffs(pins)) : -1;
		rcu_read_unlock();
		if (gsi >= 0)
			irqfd_resample(vm, gsi);
	}
}

void irqchip_ended(struct mullion_vm *vm, u8 vector)
{
	struct irqchip *chip = &vm->irqchip;
	unsigned long flags;
	u32 pins;

	raw_spin_lock_irqsave(&chip->lock, flags);
	pins = ioapic_ending(&chip->ioapic, vector);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	if (!pins)
		return;
	inputs_ended(vm, KVM_IRQCHIP_IOAPIC, pins);
	raw_spin_lock_irqsave(&chip->lock, flags);
	ioapic_end(&chip->ioapic, pins);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

static void pic_ended(struct mullion_vm *vm, u16 inputs)
{
	if (!inputs)
		return;
	inputs_ended(vm, KVM_IRQCHIP_PIC_MASTER, inputs & 0xff);
	inputs_ended(vm, KVM_IRQCHIP_PIC_SLAVE, inputs >> 8);
}

bool irqchip_pic_output(const struct mullion_vm *vm)
{
	return READ_ONCE(vm->irqchip.pic_output);
}

u8 irqchip_pic_acknowledge(struct mullion_vm *vm)
{
	struct irqchip *chip = &vm->irqchip;
	unsigned long flags;
	u16 ended;
	u8 vector;

	raw_spin_lock_irqsave(&chip->lock, flags);
	vector = pic_acknowledge(&chip->pic, &ended);
	pic_update(vm);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	pic_ended(vm, ended);
	return vector;
}

/* -- Guests' accesses ----------------------------------------------------------------- */

static u8 pic_port_read(struct mullion_vm *vm, u16 port)
{
	struct irqchip *chip = &vm->irqchip;
	bool polled;
	u16 ended;
	u8 value;

	raw_spin_lock_irq(&chip->lock);
	/* Only a poll, which acknowledges, changes anything. */
	polled = chip->pic.chip[0].poll || chip->pic.chip[1].poll;
	value = pic_read(&chip->pic, port, &ended);
	if (polled)
		pic_update(vm);
	raw_spin_unlock_irq(&chip->lock);
	pic_ended(vm, ended);
	return value;
}

static bool port_read(struct mullion_vm *vm, u16 port, u8 *value)
{
	if (!pic_has_port(port))
		return irqchip_pit_read(vm, port, value);
	*value = pic_port_read(vm, port);
	return true;
}

static void pic_port_write(struct mullion_vm *vm, u16 port, u8 value)
{
	struct irqchip *chip = &vm->irqchip;
	u16 ended;

	raw_spin_lock_irq(&chip->lock);
	pic_write(&chip->pic, port, value, &ended);
	pic_update(vm);
	raw_spin_unlock_irq(&chip->lock);
	pic_ended(vm, ended);
}

static bool port_write(struct mullion_vm *vm, u16 port, u8 value)
{
	if (!pic_has_port(port))
		return irqchip_pit_write(vm, port, value);
	pic_port_write(vm, port, value);
	return true;
}

/* These are 8-bit devices: a wider access is one of each of its ports. */
bool irqchip_port_read(struct mullion_vm *vm, u16 port, void *data, unsigned int size)
{
	u8 *bytes = data;
	unsigned int i;

	if (vm->irqchip.kind != IRQCHIP_KERNEL || !port_read(vm, port, bytes))
		return false;
	for (i = 1; i < size; i++)
		if (!port_read(vm, port + i, bytes + i))
			bytes[i] = 0xff;
	return true;
}

bool irqchip_port_write(struct mullion_vm *vm, u16 port, const void *data, unsigned int size)
{
	const u8 *bytes = data;
	unsigned int i;

	if (vm->irqchip.kind != IRQCHIP_KERNEL || !port_write(vm, port, bytes[0]))
		return false;
	for (i = 1; i < size; i++)
		port_write(vm, port + i, bytes[i]);
	return true;
}

static bool is_ioapic(const struct mullion_vm *vm, u64 gpa)
{
	return vm->irqchip.kind == IRQCHIP_KERNEL && gpa - IOAPIC_BASE < IOAPIC_SIZE;
}

bool irqchip_mmio_read(struct mullion_vm *vm, u64 gpa, void *data, unsigned int size)
{
	struct irqchip *chip = &vm->irqchip;
	u32 value;

	if (!is_ioapic(vm, gpa))
		return false;
	raw_spin_lock_irq(&chip->lock);
	value = ioapic_read(&chip->ioapic, gpa - IOAPIC_BASE);
	raw_spin_unlock_irq(&chip->lock);
	memset(data, 0, size);
	memcpy(data, &value, min_t(unsigned int, size, sizeof(value)));
	return true;
}

bool irqchip_mmio_write(struct mullion_vm *vm, u64 gpa, const void *data, unsigned int size)
{
	struct irqchip *chip = &vm->irqchip;
	u32 value = 0;

	if (!is_ioapic(vm, gpa))
		return false;
	memcpy(&value, data, min_t(unsigned int, size, sizeof(value)));
	raw_spin_lock_irq(&chip->lock);
	ioapic_write(&chip->ioapic, gpa - IOAPIC_BASE, value);
	raw_spin_unlock_irq(&chip->lock);
	return true;
}

/* -- User space ----------------------------------------------------------------------- */

int irqchip_get(struct mullion_vm *vm, struct kvm_irqchip *state)
{
	struct irqchip *chip = &vm->irqchip;
	int ret = 0;

	if (chip->kind != IRQCHIP_KERNEL)
		return -ENXIO;
	raw_spin_lock_irq(&chip->lock);
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		state->chip.pic = chip->pic.chip[state->chip_id];
		break;
	case KVM_IRQCHIP_IOAPIC:
		state->chip.ioapic = chip->ioapic.state;
		break;
	default:
		ret = -EINVAL;
	}
	raw_spin_unlock_irq(&chip->lock);
	return ret;
}

int irqchip_set(struct mullion_vm *vm, const struct kvm_irqchip *state)
{
	struct irqchip *chip = &vm->irqchip;
	int ret = 0;

	if (chip->kind != IRQCHIP_KERNEL)
		return -ENXIO;
	raw_spin_lock_irq(&chip->lock);
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_restore(&chip->pic, state->chip_id, &state->chip.pic);
		pic_update(vm);
		break;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_restore(&chip->ioapic, &state->chip.ioapic);
		break;
	default:
		ret = -EINVAL;
	}
	raw_spin_unlock_irq(&chip->lock);
	return ret;
}
