// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/efi.h"

#include "hv/lib/string.h"

/* EFI_MEMORY_DESCRIPTOR; descriptor_size may be larger. */
struct descriptor {
	uint32_t type;
	uint32_t pad;
	uint64_t start;
	uint64_t virtual_start;
	uint64_t pages;
	uint64_t attribute;
};

static struct descriptor descriptor_at(const struct efi *efi, uint32_t offset)
{
	struct descriptor d;

	memcpy(&d, efi->map + offset, sizeof(d));
	return d;
}

/* The end of a descriptor's range, whatever it says. */
static uint64_t range_end(struct descriptor d)
{
	return d.start + (min(d.pages, (UINT64_MAX - d.start) >> PAGE_SHIFT) << PAGE_SHIFT);
}

bool efi_keep_map(struct efi *efi, const void *map, uint32_t size, uint32_t descriptor_size,
		  uint32_t descriptor_version)
{
	if (descriptor_size < sizeof(struct descriptor) || size < descriptor_size ||
	    size > EFI_MAP_SIZE)
		return false;
	efi->descriptor_size = descriptor_size;
	efi->descriptor_version = descriptor_version;
	efi->map_size = size - size % descriptor_size;
	memcpy(efi->map, map, efi->map_size);
	return true;
}

bool efi_mark_boot_services(const struct efi *efi, struct memmap *memmap)
{
	bool fits = true;

	for (uint32_t at = 0; at < efi->map_size; at += efi->descriptor_size) {
		struct descriptor d = descriptor_at(efi, at);

		if (d.type == EFI_BOOT_SERVICES_CODE || d.type == EFI_BOOT_SERVICES_DATA)
			fits = fits && memmap_add(memmap, d.start, range_end(d) - d.start,
						  MEMMAP_BOOT_SERVICES);
	}
	return fits;
}

static bool is_usable(uint32_t type)
{
	return (type >= EFI_LOADER_CODE && type <= EFI_BOOT_SERVICES_DATA) ||
	       type == EFI_CONVENTIONAL;
}

/* Appends the part [start, end) of `d` as of type `type`. False: no room. */
static bool append(struct efi *efi, struct descriptor d, uint64_t start, uint64_t end,
		   uint32_t type)
{
	if (start >= end)
		return true;
	if (efi->descriptor_size > EFI_MAP_SIZE - efi->map_size)
		return false;
	d.type = type;
	d.start = start;
	d.pages = (end - start) >> PAGE_SHIFT;
	memcpy(efi->map + efi->map_size, &d, sizeof(d));
	efi->map_size += efi->descriptor_size;
	return true;
}

bool efi_set_type(struct efi *efi, uint64_t start, uint64_t end, enum efi_memory_type type)
{
	static struct efi new;
	bool fits = true;

	new = *efi;
	new.map_size = 0;
	for (uint32_t at = 0; at < efi->map_size; at += efi->descriptor_size) {
		struct descriptor d = descriptor_at(efi, at);
		uint64_t d_end = range_end(d);
		uint32_t within = is_usable(d.type) ? type : d.type;

		fits = fits && append(&new, d, d.start, min(start, d_end), d.type) &&
		       append(&new, d, max(start, d.start), min(end, d_end), within) &&
		       append(&new, d, max(end, d.start), d_end, d.type);
	}
	if (fits)
		*efi = new;
	return fits;
}
