// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/zeropage.h"

#include "hv/lib/string.h"
#include "hv/phys.h"

_Static_assert(sizeof(struct boot_params) == 4096, "the boot protocol's zero page");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "the boot protocol's zero page");

#define LOADER_UNDEFINED 0xff
#define VIDEO_MODE_NORMAL 0xffff
#define EFI_SIGNATURE 0x34364c45u /* "EL64" */

const char *zeropage_prepare(struct boot_info *info, uint64_t pa)
{
	/* Linux's decompressor looks for a place in what this map calls free. */
	bool fits = efi_set_type(&info->efi, pa, pa + sizeof(struct zeropage), EFI_LOADER_DATA);

	for (uint32_t i = 0; i < info->memmap.count; i++) {
		const struct memmap_entry *e = &info->memmap.entry[i];

		if (e->type == MEMMAP_ROOT)
			fits = fits && efi_set_type(&info->efi, e->start, e->end, EFI_RESERVED);
	}
	return fits ? NULL : "the EFI memory map has too many ranges";
}

static void write_e820(struct zeropage *page, uint32_t pa, const struct memmap *memmap)
{
	const uint32_t room = E820_MAX_ENTRIES_ZEROPAGE;

	for (uint32_t i = 0; i < memmap->count; i++) {
		const struct memmap_entry *from = &memmap->entry[i];
		struct boot_e820_entry *to = i < room ? &page->params.e820_table[i] :
							&page->more_e820.entries[i - room];

		to->addr = from->start;
		to->size = from->end - from->start;
		to->type = memmap_e820_type(from->type);
	}
	page->params.e820_entries = (uint8_t)min(memmap->count, room);
	if (memmap->count > room) {
		page->more_e820.type = SETUP_E820_EXT;
		page->more_e820.len =
			(memmap->count - room) * (uint32_t)sizeof(struct boot_e820_entry);
		page->params.hdr.setup_data = pa + offsetof(struct zeropage, more_e820);
	}
}

static struct screen_info text_screen(void)
{
	const uint8_t *cursor = phys_map(0x450, 2); /* BIOS data area: column, row on page 0 */

	return (struct screen_info){
		.orig_video_isVGA = 1,
		.orig_video_mode = 3,
		.orig_video_cols = 80,
		.orig_video_lines = 25,
		.orig_video_points = 16,
		.orig_x = cursor ? cursor[0] : 0,
		.orig_y = cursor ? cursor[1] : 0,
	};
}

static struct screen_info graphics_screen(const struct boot_framebuffer *fb, bool efi)
{
	uint64_t bytes = (uint64_t)fb->pitch * fb->height;
	unsigned int used = fb->red_position + fb->green_position + fb->blue_position;

	return (struct screen_info){
		.orig_video_isVGA = efi ? VIDEO_TYPE_EFI : VIDEO_TYPE_VLFB,
		.lfb_width = (uint16_t)fb->width,
		.lfb_height = (uint16_t)fb->height,
		.lfb_depth = fb->depth,
		.lfb_linelength = (uint16_t)fb->pitch,
		.lfb_base = (uint32_t)fb->address,
		.ext_lfb_base = (uint32_t)(fb->address >> 32),
		.capabilities = fb->address >> 32 ? VIDEO_CAPABILITY_64BIT_BASE : 0,
		/* Bytes on EFI, otherwise units of 64 KiB. */
		.lfb_size = (uint32_t)(efi ? bytes : align_up(bytes, 64 * KIB) / (64 * KIB)),
		.red_size = fb->red_size,
		.red_pos = fb->red_position,
		.green_size = fb->green_size,
		.green_pos = fb->green_position,
		.blue_size = fb->blue_size,
		.blue_pos = fb->blue_position,
		/* The byte that is left of 32 bits: the four positions add up to 48. */
		.rsvd_size = fb->depth == 32 ? 8 : 0,
		.rsvd_pos = (uint8_t)(fb->depth == 32 ? 48 - used : 0),
	};
}

static void write_efi(struct zeropage *page, uint32_t pa, const struct efi *efi)
{
	page->params.efi_info = (struct efi_info){
		.efi_loader_signature = EFI_SIGNATURE,
		.efi_systab = (uint32_t)efi->system_table,
		.efi_systab_hi = (uint32_t)(efi->system_table >> 32),
		.efi_memdesc_size = efi->descriptor_size,
		.efi_memdesc_version = efi->descriptor_version,
		.efi_memmap = pa + (uint32_t)offsetof(struct zeropage, efi_map),
		.efi_memmap_size = efi->map_size,
	};
	memcpy(page->efi_map, efi->map, efi->map_size);
}

void zeropage_write(uint32_t pa, const struct setup_header *header, const struct boot_info *info)
{
	struct zeropage *page = phys_map(pa, sizeof(*page));
	struct setup_header *to = &page->params.hdr;
	/* The jump at 0x200 leads over the header: its offset is the header's end
	 * seen from 0x202. What lies behind it must stay zero. */
	size_t header_size = 0x202 + (header->jump >> 8) - SETUP_HEADER_OFFSET;
	bool efi = info->efi.system_table;

	memset(page, 0, sizeof(*page));
	memcpy(to, header, min(header_size, sizeof(*to)));
	to->type_of_loader = LOADER_UNDEFINED;
	to->vid_mode = VIDEO_MODE_NORMAL;
	to->loadflags &= (uint8_t) ~(CAN_USE_HEAP | KEEP_SEGMENTS);
	to->cmd_line_ptr = pa + (uint32_t)offsetof(struct zeropage, cmdline);
	to->setup_data = 0;
	memcpy(page->cmdline, info->modules[0].cmdline, strlen(info->modules[0].cmdline));

	write_e820(page, pa, &info->memmap);
	if (info->framebuffer.width)
		page->params.screen_info = graphics_screen(&info->framebuffer, efi);
	else if (!efi) /* which has no text mode */
		page->params.screen_info = text_screen();
	if (efi)
		write_efi(page, pa, &info->efi);
}
