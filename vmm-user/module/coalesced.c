// SPDX-License-Identifier: GPL-2.0-only
/* Writes collected in a ring that user space empties when it comes by. */
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "devices.h"
#include "vm.h"

#define ZONES_MAX 100

struct coalesced_zone {
	struct list_head list;
	u64 addr;
	u32 size;
	bool pio;
};

static bool contains(const struct coalesced_zone *zone, bool pio, u64 addr, u64 size)
{
	return zone->pio == pio && addr >= zone->addr && size <= zone->size &&
	       addr - zone->addr <= zone->size - size;
}

int coalesced_register(struct mullion_vm *vm, const struct kvm_coalesced_mmio_zone *args)
{
	struct coalesced_zone *zone, *other;
	u32 count = 0;

	if (args->pio > 1 || !args->size)
		return -EINVAL;
	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	zone->addr = args->addr;
	zone->size = args->size;
	zone->pio = args->pio;

	spin_lock(&vm->coalesced_lock);
	list_for_each_entry(other, &vm->coalesced_zones, list)
		count++;
	if (count < ZONES_MAX)
		list_add_tail(&zone->list, &vm->coalesced_zones);
	spin_unlock(&vm->coalesced_lock);
	if (count < ZONES_MAX)
		return 0;
	kfree(zone);
	return -ENOSPC;
}

int coalesced_unregister(struct mullion_vm *vm, const struct kvm_coalesced_mmio_zone *args)
{
	struct coalesced_zone *zone, *next;
	LIST_HEAD(gone);

	if (args->pio > 1)
		return -EINVAL;
	spin_lock(&vm->coalesced_lock);
	list_for_each_entry_safe(zone, next, &vm->coalesced_zones, list) {
		if (contains(zone, args->pio, args->addr, args->size))
			list_move(&zone->list, &gone);
	}
	spin_unlock(&vm->coalesced_lock);
	list_for_each_entry_safe(zone, next, &gone, list)
		kfree(zone);
	return 0;
}

void coalesced_free_all(struct mullion_vm *vm)
{
	struct coalesced_zone *zone, *next;

	list_for_each_entry_safe(zone, next, &vm->coalesced_zones, list)
		kfree(zone);
	INIT_LIST_HEAD(&vm->coalesced_zones);
}

/* Both ends of the ring are user space's to write: nothing read from it is used unchecked. */
static bool ring_add(struct kvm_coalesced_mmio_ring *ring, bool pio, u64 addr, const void *data,
		     unsigned int size)
{
	struct kvm_coalesced_mmio *entry;
	u32 last = READ_ONCE(ring->last);
	u32 next = (last + 1) % KVM_COALESCED_MMIO_MAX;

	if (last >= KVM_COALESCED_MMIO_MAX || next == READ_ONCE(ring->first))
		return false;
	entry = &ring->coalesced_mmio[last];
	entry->phys_addr = addr;
	entry->len = size;
	entry->pio = pio;
	memcpy(entry->data, data, size);
	smp_store_release(&ring->last, next);
	return true;
}

bool coalesced_write(struct mullion_vm *vm, bool pio, u64 addr, const void *data, unsigned int size)
{
	struct coalesced_zone *zone;
	bool taken = false;

	if (list_empty(&vm->coalesced_zones) ||
	    size > sizeof_field(struct kvm_coalesced_mmio, data))
		return false;
	spin_lock(&vm->coalesced_lock);
	list_for_each_entry(zone, &vm->coalesced_zones, list) {
		if (contains(zone, pio, addr, size)) {
			taken = ring_add(vm->coalesced_ring, pio, addr, data, size);
			break;
		}
	}
	spin_unlock(&vm->coalesced_lock);
	return taken;
}
