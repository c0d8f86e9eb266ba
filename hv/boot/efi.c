// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/efi.h"

#include "hv/lib/string.h"

#define PAGE_SHIFT 12

/* EFI_MEMORY_DESCRIPTOR; descriptor_size may be larger. */
struct descriptor {
	uint32_t type;
	uint32_t pad;
	uint64_t start;
	uint64_t virtual_start;
	uint64_t pages;
	uint64_t attribute;
};
_Static_assert(sizeof(struct descriptor) == EFI_DESCRIPTOR_MIN, "UEFI 7.2");

static struct descriptor load(const struct boot_efi *efi, uint32_t offset)
{
	struct descriptor d;

	memcpy(&d, efi->map + offset, sizeof(d));
	return d;
}

static void store(struct boot_efi *efi, uint32_t offset, struct descriptor d)
{
	memcpy(efi->map + offset, &d, sizeof(d));
}

/* The end of a descriptor's range, whatever it says. */
static uint64_t range_end(struct descriptor d)
{
	uint64_t room = (UINT64_MAX - d.start) >> PAGE_SHIFT;

	return d.start + ((d.pages < room ? d.pages : room) << PAGE_SHIFT);
}

bool efi_mark_boot_services(const struct boot_efi *efi, struct memmap *memmap)
{
	for (uint32_t at = 0; at < efi->map_size; at += efi->descriptor_size) {
		struct descriptor d = load(efi, at);

		if (d.type != EFI_BOOT_SERVICES_CODE && d.type != EFI_BOOT_SERVICES_DATA)
			continue;
		if (!memmap_add(memmap, d.start, range_end(d) - d.start, MEMMAP_BOOT_SERVICES))
			return false;
	}
	return true;
}

static bool is_usable(uint32_t type)
{
	return (type >= EFI_LOADER_CODE && type <= EFI_BOOT_SERVICES_DATA) ||
	       type == EFI_CONVENTIONAL;
}

/* Doubles the descriptor at `at` and divides its range at `address`, which lies within. */
static bool divide(struct boot_efi *efi, uint32_t at, uint64_t address)
{
	struct descriptor low = load(efi, at), high = low;
	uint32_t size = efi->descriptor_size;

	if (size > BOOT_EFI_MAP_SIZE - efi->map_size)
		return false;
	memmove(efi->map + at + size, efi->map + at, efi->map_size - at);
	efi->map_size += size;
	low.pages = (address - low.start) >> PAGE_SHIFT;
	high.start = address;
	high.pages -= low.pages;
	store(efi, at, low);
	store(efi, at + size, high);
	return true;
}

bool efi_set_type(struct boot_efi *efi, uint64_t start, uint64_t end, enum efi_memory_type type)
{
	for (uint32_t at = 0; at < efi->map_size; at += efi->descriptor_size) {
		struct descriptor d = load(efi, at);

		if (!is_usable(d.type) || d.start >= end || range_end(d) <= start)
			continue;
		if (d.start < start) {
			if (!divide(efi, at, start))
				return false;
			continue; /* with the upper part */
		}
		if (range_end(d) > end && !divide(efi, at, end))
			return false;
		d = load(efi, at);
		d.type = type;
		store(efi, at, d);
	}
	return true;
}
