// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-blk driver (virtio 1.0: 2.4 virtqueues, 4.1 over PCI, 5.2 block); contracts in
 * virtio.h. */
#include "virtio.h"

#include "payload.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY_MASTER 6
#define PCI_BAR 0x10
#define PCI_BAR_64 4
#define PCI_CAPABILITIES 0x34
#define PCI_CAP_VENDOR 9
#define PCI_CAP_MSIX 0x11
#define MSIX_ENABLE (1u << 31)
#define VIRTIO_BLK 0x10011af4u /* device and vendor; 1.0 only: */
#define VIRTIO_BLK_MODERN 0x10421af4u
#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8
#define VERSION_1 1 /* of the second word of features */
#define QUEUE_SIZE 8
#define DESC_NEXT 1
#define DESC_WRITE 2
#define SECTOR 512

/* 4.1.4.3 */
struct common {
	uint32_t device_feature_select, device_feature;
	uint32_t driver_feature_select, driver_feature;
	uint16_t msix_config, num_queues;
	uint8_t device_status, config_generation;
	uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
	uint64_t queue_desc, queue_driver, queue_device;
};

static struct {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
} descriptors[QUEUE_SIZE] __attribute__((aligned(16)));

static volatile struct {
	uint16_t flags, index, ring[QUEUE_SIZE];
} available __attribute__((aligned(2)));

static volatile struct {
	uint16_t flags, index;
	struct {
		uint32_t id, length;
	} ring[QUEUE_SIZE];
} used __attribute__((aligned(4)));

static struct {
	uint32_t type, reserved;
	uint64_t sector;
} request; /* all 0: a read of sector 0 */
static uint8_t data[SECTOR], status;

static volatile uint16_t *notify;
static volatile uint32_t *kept;

static uint32_t pci_read(unsigned int device, unsigned int reg)
{
	outl(PCI_ADDRESS, 0x80000000 | device << 11 | (reg & 0xfc));
	return inl(PCI_DATA);
}

static void pci_write(unsigned int device, unsigned int reg, uint32_t value)
{
	outl(PCI_ADDRESS, 0x80000000 | device << 11 | (reg & 0xfc));
	outl(PCI_DATA, value);
}

/* Where a BAR's memory lies; 0 if that is above 4 GiB. */
static uint64_t bar_address(unsigned int device, unsigned int bar)
{
	uint32_t low = pci_read(device, PCI_BAR + 4 * bar);

	if ((low & PCI_BAR_64) && pci_read(device, PCI_BAR + 4 * bar + 4))
		return 0;
	return low & ~0xfu;
}

struct parts {
	volatile struct common *common;
	uint64_t notify;
	uint32_t notify_multiplier;
	volatile uint32_t *msix_entry;
	unsigned int msix_capability;
};

static struct parts find_parts(unsigned int device)
{
	struct parts parts = { .common = NULL };

	for (unsigned int at = pci_read(device, PCI_CAPABILITIES) & 0xfc; at;) {
		uint32_t head = pci_read(device, at);

		if ((head & 0xff) == PCI_CAP_VENDOR) {
			uint64_t bar = bar_address(device, pci_read(device, at + 4) & 7);
			uint64_t address = bar ? bar + pci_read(device, at + 8) : 0;

			if (head >> 24 == CAP_COMMON)
				parts.common = (volatile struct common *)address;
			if (head >> 24 == CAP_NOTIFY) {
				parts.notify = address;
				parts.notify_multiplier = pci_read(device, at + 16);
			}
		} else if ((head & 0xff) == PCI_CAP_MSIX) {
			uint32_t table = pci_read(device, at + 4);
			uint64_t bar = bar_address(device, table & 7);

			parts.msix_capability = at;
			parts.msix_entry = (volatile uint32_t *)(bar ? bar + (table & ~7u) : 0);
		}
		at = head >> 8 & 0xfc;
	}
	return parts;
}

static void make_queue(volatile struct common *common)
{
	memset(descriptors, 0, sizeof(descriptors));
	descriptors[0].address = (uint64_t)&request;
	descriptors[0].length = sizeof(request);
	descriptors[0].flags = DESC_NEXT;
	descriptors[0].next = 1;
	descriptors[1].address = (uint64_t)data;
	descriptors[1].length = sizeof(data);
	descriptors[1].flags = DESC_NEXT | DESC_WRITE;
	descriptors[1].next = 2;
	descriptors[2].address = (uint64_t)&status;
	descriptors[2].length = sizeof(status);
	descriptors[2].flags = DESC_WRITE;
	available.flags = available.index = 0; /* each entry names the first descriptor */
	used.flags = used.index = 0;

	common->queue_select = 0;
	common->queue_size = QUEUE_SIZE;
	common->queue_msix_vector = 0;
	common->queue_desc = (uint64_t)descriptors;
	common->queue_driver = (uint64_t)&available;
	common->queue_device = (uint64_t)&used;
	common->queue_enable = 1;
}

static bool start(unsigned int device, uint8_t vector)
{
	struct parts parts = find_parts(device);
	volatile struct common *common = parts.common;

	if (!common || !parts.notify || !parts.msix_entry)
		return false;
	pci_write(device, PCI_COMMAND, pci_read(device, PCI_COMMAND) | PCI_COMMAND_MEMORY_MASTER);
	parts.msix_entry[0] = (uint32_t)(APIC_BASE | apic_read(APIC_ID) >> 24 << 12);
	parts.msix_entry[1] = 0;
	parts.msix_entry[2] = vector;
	parts.msix_entry[3] = 0;
	pci_write(device, parts.msix_capability,
		  pci_read(device, parts.msix_capability) | MSIX_ENABLE);

	common->device_status = 0;
	while (common->device_status)
		;
	common->device_status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
	common->driver_feature_select = 0;
	common->driver_feature = 0;
	common->driver_feature_select = 1;
	common->driver_feature = VERSION_1;
	common->device_status |= STATUS_FEATURES_OK;
	if (!(common->device_status & STATUS_FEATURES_OK))
		return false;
	make_queue(common);
	notify = (volatile uint16_t *)(parts.notify +
				       common->queue_notify_off * parts.notify_multiplier);
	kept = &common->device_feature_select;
	common->device_status |= STATUS_DRIVER_OK;
	return true;
}

bool virtio_start(uint8_t vector)
{
	for (unsigned int device = 0; device < 32; device++) {
		uint32_t id = pci_read(device, 0);

		if (id == VIRTIO_BLK || id == VIRTIO_BLK_MODERN)
			return start(device, vector);
	}
	return false;
}

void virtio_register_read(void)
{
	(void)*kept;
}

void virtio_register_write(void)
{
	*kept = 0;
}

void virtio_ask(void)
{
	__asm__ volatile("" ::: "memory");
	available.index++;
}

void virtio_kick(void)
{
	*notify = 0;
}
