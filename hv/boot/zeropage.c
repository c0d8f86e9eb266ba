// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/zeropage.h"

#include <stdbool.h>

#include "hv/boot/efi.h"
#include "hv/lib/string.h"

_Static_assert(sizeof(struct boot_params) == 4096, "the boot protocol's zero page");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "the boot protocol's zero page");

#define LOADER_UNDEFINED 0xff
#define VIDEO_MODE_NORMAL 0xffff

/* Firmware's copy of the RSDP is not known and cannot be found by Linux either. */
static bool needs_rsdp(const struct boot_info *info)
{
	return info->rsdp_size && !info->rsdp_pa && !info->efi.system_table;
}

const char *zeropage_prepare(struct boot_info *info, uint64_t pa)
{
	static const char efi_full[] = "the EFI memory map has too many ranges";

	if (needs_rsdp(info)) {
		if (!memmap_add(&info->memmap, pa + offsetof(struct zeropage, rsdp), 4096,
				MEMMAP_ACPI))
			return "the memory map has too many ranges";
		info->rsdp_pa = pa + offsetof(struct zeropage, rsdp);
	}
	if (!info->efi.system_table)
		return NULL;
	/* Linux's decompressor looks for a place in what this map calls free. */
	if (!efi_set_type(&info->efi, pa, pa + sizeof(struct zeropage), EFI_LOADER_DATA))
		return efi_full;
	for (uint32_t i = 0; i < info->memmap.count; i++) {
		const struct memmap_entry *e = &info->memmap.entry[i];

		if (e->type == MEMMAP_ROOT &&
		    !efi_set_type(&info->efi, e->start, e->end, EFI_RESERVED))
			return efi_full;
	}
	return NULL;
}

static void write_e820(struct zeropage *page, uint32_t pa, const struct memmap *memmap)
{
	for (uint32_t i = 0; i < memmap->count; i++) {
		const struct memmap_entry *from = &memmap->entry[i];
		struct boot_e820_entry entry = {
			.addr = from->start,
			.size = from->end - from->start,
			.type = memmap_e820_type(from->type),
		};

		if (i < E820_MAX_ENTRIES_ZEROPAGE) {
			page->params.e820_table[i] = entry;
			page->params.e820_entries = (uint8_t)(i + 1);
		} else {
			page->more_e820.entries[i - E820_MAX_ENTRIES_ZEROPAGE] = entry;
			page->more_e820.len += (uint32_t)sizeof(entry);
		}
	}
	if (page->more_e820.len) {
		page->more_e820.type = SETUP_E820_EXT;
		page->params.hdr.setup_data = pa + offsetof(struct zeropage, more_e820);
	}
}

static struct screen_info screen_of(const struct boot_info *info, physmap_fn *map)
{
	const struct boot_framebuffer *fb = &info->framebuffer;
	const uint8_t *cursor = map(0x450, 2); /* BIOS data area: column, row on page 0 */
	struct screen_info screen = { 0 };
	uint64_t bytes = (uint64_t)fb->pitch * fb->height;

	if (!fb->width) {
		if (info->efi.system_table)
			return screen; /* no text mode there */
		screen.orig_video_isVGA = 1;
		screen.orig_video_mode = 3;
		screen.orig_video_cols = 80;
		screen.orig_video_lines = 25;
		screen.orig_video_points = 16;
		screen.orig_x = cursor ? cursor[0] : 0;
		screen.orig_y = cursor ? cursor[1] : 0;
		return screen;
	}
	screen.orig_video_isVGA = info->efi.system_table ? VIDEO_TYPE_EFI : VIDEO_TYPE_VLFB;
	screen.lfb_width = (uint16_t)fb->width;
	screen.lfb_height = (uint16_t)fb->height;
	screen.lfb_depth = fb->depth;
	screen.lfb_linelength = (uint16_t)fb->pitch;
	screen.lfb_base = (uint32_t)fb->address;
	screen.ext_lfb_base = (uint32_t)(fb->address >> 32);
	if (screen.ext_lfb_base)
		screen.capabilities |= VIDEO_CAPABILITY_64BIT_BASE;
	/* Bytes on EFI, otherwise units of 64 KiB. */
	screen.lfb_size = (uint32_t)(info->efi.system_table ? bytes : (bytes + 0xffff) >> 16);
	screen.red_size = fb->red_size;
	screen.red_pos = fb->red_position;
	screen.green_size = fb->green_size;
	screen.green_pos = fb->green_position;
	screen.blue_size = fb->blue_size;
	screen.blue_pos = fb->blue_position;
	if (fb->depth == 32) { /* the byte that is left */
		screen.rsvd_size = 8;
		screen.rsvd_pos =
			(uint8_t)(48 - fb->red_position - fb->green_position - fb->blue_position);
	}
	return screen;
}

static void write_efi(struct zeropage *page, uint32_t pa, const struct boot_efi *efi)
{
	struct efi_info to = {
		.efi_systab = (uint32_t)efi->system_table,
		.efi_systab_hi = (uint32_t)(efi->system_table >> 32),
		.efi_memdesc_size = efi->descriptor_size,
		.efi_memdesc_version = efi->descriptor_version,
		.efi_memmap = pa + (uint32_t)offsetof(struct zeropage, efi_map),
		.efi_memmap_size = efi->map_size,
	};

	if (!efi->system_table)
		return;
	memcpy(&to.efi_loader_signature, "EL64", 4);
	page->params.efi_info = to;
	memcpy(page->efi_map, efi->map, efi->map_size);
}

void zeropage_write(struct zeropage *page, uint32_t pa, const struct setup_header *header,
		    const struct boot_info *info, physmap_fn *map)
{
	struct setup_header to = { 0 };
	/* The jump at 0x200 leads over the header: its offset is the header's end
	 * seen from 0x202. What lies behind it must stay zero. */
	size_t header_end = 0x202 + (header->jump >> 8);
	size_t header_size = header_end - SETUP_HEADER_OFFSET;

	memset(page, 0, sizeof(*page));
	memcpy(&to, header, header_size < sizeof(to) ? header_size : sizeof(to));
	to.type_of_loader = LOADER_UNDEFINED;
	to.vid_mode = VIDEO_MODE_NORMAL;
	to.loadflags &= (uint8_t) ~(CAN_USE_HEAP | KEEP_SEGMENTS);
	to.cmd_line_ptr = pa + (uint32_t)offsetof(struct zeropage, cmdline);
	to.setup_data = 0;
	page->params.hdr = to;
	memcpy(page->cmdline, info->modules[0].cmdline, strlen(info->modules[0].cmdline) + 1);

	write_e820(page, pa, &info->memmap);
	page->params.screen_info = screen_of(info, map);
	write_efi(page, pa, &info->efi);
	page->params.acpi_rsdp_addr = info->rsdp_pa;
	if (info->rsdp_size)
		memcpy(page->rsdp, info->rsdp, info->rsdp_size);
}
