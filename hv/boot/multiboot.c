// SPDX-License-Identifier: GPL-2.0-only
/* Multiboot Specification 0.6.96 ("mb1") and Multiboot2 Specification 2.0 ("mb2").
 * What they define may lie at any address, aligned or not. */
#include "hv/boot/multiboot.h"

#include "hv/lib/string.h"
#include "hv/phys.h"

#define MB1_LOADER_MAGIC 0x2badb002u
#define MB2_LOADER_MAGIC 0x36d76289u

#define PACKED __attribute__((packed))

static const char no_memory[] = "the boot loader's information lies where no memory is";
static const char map_too_long[] = "the boot loader's memory map has too many ranges";

static void fail(struct boot_info *info, const char *what)
{
	if (!info->error)
		info->error = what;
}

/* Copies a string of at most `size` bytes into info->text. */
static const char *keep_text(struct boot_info *info, const char *text, size_t size)
{
	char *copy = info->text + info->text_used;
	size_t length = strnlen(text, size);

	if (length >= BOOT_TEXT_SIZE - info->text_used) {
		fail(info, "the command lines are too long: 8 KiB are for all together");
		return "";
	}
	memcpy(copy, text, length);
	info->text_used += (uint32_t)length + 1;
	return copy;
}

/* The same for a string at `pa`, whose length only its end tells. */
static const char *keep_text_at(struct boot_info *info, uint32_t pa)
{
	const char *text = phys_map(pa, BOOT_TEXT_SIZE);

	return text ? keep_text(info, text, BOOT_TEXT_SIZE) : "";
}

static void add_module(struct boot_info *info, uint32_t start, uint32_t end, const char *cmdline)
{
	info->modules[info->module_count++] = (struct boot_module){
		.start = start,
		.end = max(start, end),
		.cmdline = cmdline,
	};
}

struct range { /* of the memory map, in both versions */
	uint64_t start, size;
	uint32_t type;
} PACKED;
#define MAP_ENTRY_MIN 24 /* with what either version has beside it */

/* The memory map of `left` bytes at `at`: entries of `entry_size` bytes (mb2), or, if that is
 * 0, each with its own size in 32 bits before it (mb1). */
static void add_map(struct boot_info *info, const char *at, uint32_t left, uint32_t entry_size)
{
	while (!info->error && left >= MAP_ENTRY_MIN) {
		struct range range;
		uint32_t size = entry_size, skip = entry_size ? 0 : sizeof(size);

		if (skip) {
			memcpy(&size, at, sizeof(size));
			size += skip;
		}
		if (size < MAP_ENTRY_MIN || size > left) {
			fail(info, "the boot loader's memory map has an entry of a wrong size");
			return;
		}
		memcpy(&range, at + skip, sizeof(range));
		if (!memmap_add(&info->memmap, range.start, range.size,
				memmap_from_e820(range.type)))
			fail(info, map_too_long);
		at += size;
		left -= size;
	}
}

struct mb1_info { /* mb1 3.3 */
	uint32_t flags;
	uint32_t mem_lower, mem_upper, boot_device;
	uint32_t cmdline;
	uint32_t module_count, modules;
	uint32_t symbols[4];
	uint32_t map_size, map;
	uint32_t drives[2], config;
	uint32_t loader;
} PACKED;

/* Flags: which of the fields are valid. */
#define MB1_CMDLINE (1u << 2)
#define MB1_MODULES (1u << 3)
#define MB1_MAP (1u << 6)
#define MB1_LOADER (1u << 9)

struct mb1_module {
	uint32_t start, end, cmdline, reserved;
} PACKED;

static void mb1_parse(struct boot_info *info, uint32_t pa)
{
	const struct mb1_info *mbi = phys_map(pa, sizeof(*mbi));
	const struct mb1_module *modules;
	const void *map;
	uint32_t count;

	if (!mbi) {
		fail(info, no_memory);
		return;
	}
	if (mbi->flags & MB1_LOADER)
		info->loader = keep_text_at(info, mbi->loader);
	if (mbi->flags & MB1_CMDLINE)
		info->cmdline = keep_text_at(info, mbi->cmdline);
	map = phys_map(mbi->map, mbi->map_size);
	if (mbi->flags & MB1_MAP && map)
		add_map(info, map, mbi->map_size, 0);
	count = mbi->flags & MB1_MODULES ? min(mbi->module_count, BOOT_MAX_MODULES) : 0;
	modules = phys_map(mbi->modules, count * sizeof(*modules));
	for (uint32_t i = 0; modules && i < count; i++)
		add_module(info, modules[i].start, modules[i].end,
			   keep_text_at(info, modules[i].cmdline));
}

struct mb2_tag { /* mb2 3.6 */
	uint32_t type;
	uint32_t size; /* up to the next tag but for what aligns that to 8 bytes */
	union {
		char text[8]; /* and what follows */
		uint64_t system_table;
		struct {
			uint32_t start, end;
		} module;
		struct {
			uint32_t entry_size, version;
		} map;
		struct boot_framebuffer framebuffer;
	};
} PACKED;

enum {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_LOADER = 2,
	MB2_MODULE = 3,
	MB2_MAP = 6,
	MB2_FRAMEBUFFER = 8,
	MB2_EFI32 = 11,
	MB2_EFI64 = 12,
	MB2_RSDP_OLD = 14,
	MB2_RSDP_NEW = 15,
	MB2_EFI_MAP = 17,
	MB2_EFI_BOOT_SERVICES = 18, /* not ended */

	MB2_HEADER = 8,
	FRAMEBUFFER_RGB = 1,
};

static void mb2_tag(struct boot_info *info, const struct mb2_tag *tag)
{
	/* Behind the header, and behind the two words that many tags begin with. */
	const char *text = tag->text, *rest = text + 8;
	uint32_t size = tag->size - MB2_HEADER, rest_size = size - 8;

	if (size < 8 && (tag->type == MB2_MODULE || tag->type == MB2_MAP ||
			 tag->type == MB2_EFI64 || tag->type == MB2_EFI_MAP)) {
		fail(info, "the boot loader's information has a tag that is too short");
		return;
	}
	switch (tag->type) {
	case MB2_CMDLINE:
		info->cmdline = keep_text(info, text, size);
		break;
	case MB2_LOADER:
		info->loader = keep_text(info, text, size);
		break;
	case MB2_MODULE:
		if (info->module_count < BOOT_MAX_MODULES)
			add_module(info, tag->module.start, tag->module.end,
				   keep_text(info, rest, rest_size));
		break;
	case MB2_MAP:
		add_map(info, rest, rest_size, tag->map.entry_size);
		break;
	case MB2_FRAMEBUFFER:
		if (size >= sizeof(tag->framebuffer) && tag->framebuffer.type == FRAMEBUFFER_RGB)
			info->framebuffer = tag->framebuffer;
		break;
	case MB2_EFI64:
		info->efi.system_table = tag->system_table;
		break;
	case MB2_EFI_MAP:
		if (!efi_keep_map(&info->efi, rest, rest_size, tag->map.entry_size,
				  tag->map.version))
			fail(info, "the EFI memory map is damaged, or larger than 32 KiB");
		break;
	case MB2_RSDP_OLD:
	case MB2_RSDP_NEW: /* which counts if there are both */
		if (tag->type == MB2_RSDP_NEW || !info->rsdp[0])
			memcpy(info->rsdp, text, min(size, (uint32_t)ACPI_RSDP_SIZE));
		break;
	case MB2_EFI32:
		fail(info, "this firmware is 32-bit EFI; 64-bit EFI or a BIOS is needed");
		break;
	case MB2_EFI_BOOT_SERVICES:
		fail(info, "the boot loader has not ended EFI's boot services");
		break;
	}
}

static void mb2_parse(struct boot_info *info, uint32_t pa)
{
	const uint32_t *total = phys_map(pa, MB2_HEADER);
	uint32_t size = total ? *total : 0;
	const uint8_t *mbi = phys_map(pa, size);

	if (!mbi || size < MB2_HEADER)
		fail(info, no_memory);
	for (uint32_t at = MB2_HEADER; !info->error && size - at >= MB2_HEADER;) {
		const struct mb2_tag *tag = (const void *)(mbi + at);

		if (tag->type == MB2_END)
			return;
		if (tag->size < MB2_HEADER || tag->size > size - at) {
			fail(info, "the boot loader's information has a tag of a wrong size");
			return;
		}
		mb2_tag(info, tag);
		at += (uint32_t)min(align_up(tag->size, 8), size - at);
	}
}

/* See multiboot_parse() for the rule. */
static const char *skip_file_name(const struct boot_info *info, const char *cmdline)
{
	bool with_file_name = strncmp(info->loader, "GRUB 2", 6) != 0;

	while (*cmdline == ' ')
		cmdline++;
	if (with_file_name || *cmdline == '/' || *cmdline == '(')
		while (*cmdline && *cmdline != ' ')
			cmdline++;
	while (*cmdline == ' ')
		cmdline++;
	return cmdline;
}

const char *multiboot_parse(struct boot_info *info, uint32_t magic, uint32_t pa)
{
	memset(info, 0, sizeof(*info));
	info->loader = info->cmdline = "";
	if (magic == MB1_LOADER_MAGIC)
		mb1_parse(info, pa);
	else if (magic == MB2_LOADER_MAGIC)
		mb2_parse(info, pa);
	else
		fail(info, "not started by a Multiboot loader (GRUB: multiboot2; QEMU: -kernel)");

	info->cmdline = skip_file_name(info, info->cmdline);
	for (uint32_t i = 0; i < info->module_count; i++)
		info->modules[i].cmdline = skip_file_name(info, info->modules[i].cmdline);
	if (!info->memmap.count)
		fail(info, "the boot loader gave no memory map");
	if (!info->efi.system_table || !info->efi.map_size)
		info->efi.system_table = info->efi.map_size = 0;
	if (!efi_mark_boot_services(&info->efi, &info->memmap))
		fail(info, map_too_long);
	return info->error;
}
