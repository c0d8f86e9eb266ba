// SPDX-License-Identifier: GPL-2.0-only
/* Multiboot Specification 0.6.96 ("mb1") and Multiboot2 Specification 2.0 ("mb2"). */
#include "hv/boot/multiboot.h"

#include <stdbool.h>

#include "hv/acpi.h"
#include "hv/boot/efi.h"
#include "hv/lib/string.h"
#include "hv/log.h"

#define MB1_LOADER_MAGIC 0x2badb002u
#define MB2_LOADER_MAGIC 0x36d76289u

static const char map_too_long[] = "the boot loader's memory map has too many ranges";
static const char text_too_long[] = "the command lines are too long: 8 KiB are for all together";

/* Fields lie anywhere, aligned or not. */
static uint32_t get32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* Copies a string of at most `size` bytes into info->text. NULL: no room. */
static const char *keep_text(struct boot_info *info, const char *s, size_t size)
{
	size_t length = strnlen(s, size);
	char *copy = info->text + info->text_used;

	if (length >= BOOT_TEXT_SIZE - info->text_used)
		return NULL;
	memcpy(copy, s, length);
	copy[length] = '\0';
	info->text_used += (uint32_t)length + 1;
	return copy;
}

/* The same for a NUL-terminated string at `pa`, whose length only its end tells. */
static const char *keep_text_at(struct boot_info *info, uint32_t pa, physmap_fn *map)
{
	char *copy = info->text + info->text_used;
	uint32_t length = 0;

	for (; length < BOOT_TEXT_SIZE - info->text_used; length++) {
		const char *c = map((uint64_t)pa + length, 1);

		copy[length] = c ? *c : '\0';
		if (!copy[length]) {
			info->text_used += length + 1;
			return copy;
		}
	}
	return NULL;
}

/* Takes one entry of the loader's memory map. */
static const char *add_range(struct boot_info *info, const uint8_t *entry)
{
	uint32_t type = get32(entry + 16);

	/* GRUB has types of its own, such as one for EFI's runtime code. Only those
	 * that E820 defines too, persistent memory (7) among them, go on to Linux. */
	if (!type || (type > MEMMAP_UNUSABLE && type != 7))
		type = MEMMAP_RESERVED;
	if (!memmap_add(&info->memmap, get64(entry), get64(entry + 8), type))
		return map_too_long;
	return NULL;
}

/* Without a map: RAM from 0 and from 1 MiB, in KiB (mb1 3.3, mb2 3.6.4). */
static void add_basic_memory(struct boot_info *info, uint32_t lower, uint32_t upper)
{
	memmap_add(&info->memmap, 0, (uint64_t)lower << 10, MEMMAP_RAM);
	memmap_add(&info->memmap, 1 << 20, (uint64_t)upper << 10, MEMMAP_RAM);
}

static const char *add_module(struct boot_info *info, uint32_t start, uint32_t end,
			      const char *cmdline)
{
	if (!cmdline)
		return text_too_long;
	info->modules[info->module_count++] = (struct boot_module){
		.start = start,
		.end = end < start ? start : end,
		.cmdline = cmdline,
	};
	return NULL;
}

/* mb1 3.3: offsets into the information structure. */
enum {
	MB1_FLAGS = 0,
	MB1_MEM_LOWER = 4,
	MB1_MEM_UPPER = 8,
	MB1_CMDLINE = 16,
	MB1_MODS_COUNT = 20,
	MB1_MODS_ADDR = 24,
	MB1_MMAP_LENGTH = 44,
	MB1_MMAP_ADDR = 48,
	MB1_LOADER_NAME = 64,
	MB1_FRAMEBUFFER = 88,
	MB1_INFO_SIZE = 116,

	MB1_MODULE_SIZE = 16,
	MB1_MMAP_ENTRY_SIZE = 20, /* at least, without the size field before it */
};

#define MB1_HAS_MEMORY (1u << 0)
#define MB1_HAS_CMDLINE (1u << 2)
#define MB1_HAS_MODULES (1u << 3)
#define MB1_HAS_MMAP (1u << 6)
#define MB1_HAS_LOADER_NAME (1u << 9)
#define MB1_HAS_FRAMEBUFFER (1u << 12)

#define FRAMEBUFFER_RGB 1

/* mb1 3.3 and mb2 3.6.12 agree up to the type; `color` is where the RGB
 * description starts. */
static void take_framebuffer(struct boot_info *info, const uint8_t *p, const uint8_t *color)
{
	if (p[21] != FRAMEBUFFER_RGB)
		return;
	info->framebuffer = (struct boot_framebuffer){
		.address = get64(p),
		.pitch = get32(p + 8),
		.width = get32(p + 12),
		.height = get32(p + 16),
		.depth = p[20],
		.red_position = color[0],
		.red_size = color[1],
		.green_position = color[2],
		.green_size = color[3],
		.blue_position = color[4],
		.blue_size = color[5],
	};
}

static const char *mb1_memory(struct boot_info *info, const uint8_t *mbi, physmap_fn *map)
{
	uint32_t length = get32(mbi + MB1_MMAP_LENGTH), offset = 0;
	const uint8_t *entries;

	if (!(get32(mbi + MB1_FLAGS) & MB1_HAS_MMAP)) {
		if (get32(mbi + MB1_FLAGS) & MB1_HAS_MEMORY)
			add_basic_memory(info, get32(mbi + MB1_MEM_LOWER),
					 get32(mbi + MB1_MEM_UPPER));
		return NULL;
	}
	entries = map(get32(mbi + MB1_MMAP_ADDR), length);
	if (!entries)
		return "the boot loader's memory map lies where no memory is";
	while (length - offset >= 4 + MB1_MMAP_ENTRY_SIZE) {
		uint32_t size = get32(entries + offset);
		const char *error;

		if (size < MB1_MMAP_ENTRY_SIZE || size > length - offset - 4)
			return "the boot loader's memory map has an entry of a wrong size";
		error = add_range(info, entries + offset + 4);
		if (error)
			return error;
		offset += 4 + size;
	}
	return NULL;
}

static const char *mb1_modules(struct boot_info *info, const uint8_t *mbi, physmap_fn *map)
{
	uint32_t count = get32(mbi + MB1_MODS_COUNT);

	if (count > BOOT_MAX_MODULES) {
		info->modules_dropped = count - BOOT_MAX_MODULES;
		count = BOOT_MAX_MODULES;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = (uint64_t)get32(mbi + MB1_MODS_ADDR) + i * MB1_MODULE_SIZE;
		const uint8_t *module = map(at, MB1_MODULE_SIZE);
		const char *error;

		if (!module)
			return "the boot loader's list of modules lies where no memory is";
		error = add_module(info, get32(module), get32(module + 4),
				   keep_text_at(info, get32(module + 8), map));
		if (error)
			return error;
	}
	return NULL;
}

static const char *mb1_parse(struct boot_info *info, uint32_t pa, physmap_fn *map)
{
	const uint8_t *mbi = map(pa, MB1_INFO_SIZE);
	const char *error;
	uint32_t flags;

	if (!mbi)
		return "the boot loader's information lies where no memory is";
	flags = get32(mbi + MB1_FLAGS);
	if (flags & MB1_HAS_LOADER_NAME)
		info->loader = keep_text_at(info, get32(mbi + MB1_LOADER_NAME), map);
	if (flags & MB1_HAS_CMDLINE)
		info->cmdline = keep_text_at(info, get32(mbi + MB1_CMDLINE), map);
	if (!info->loader || !info->cmdline)
		return text_too_long;
	if (flags & MB1_HAS_FRAMEBUFFER)
		take_framebuffer(info, mbi + MB1_FRAMEBUFFER, mbi + MB1_FRAMEBUFFER + 22);
	error = mb1_memory(info, mbi, map);
	if (!error && flags & MB1_HAS_MODULES)
		error = mb1_modules(info, mbi, map);
	return error;
}

/* mb2 3.6: tag types. */
enum {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_LOADER_NAME = 2,
	MB2_MODULE = 3,
	MB2_MEMORY = 4,
	MB2_MMAP = 6,
	MB2_FRAMEBUFFER = 8,
	MB2_EFI64 = 12,
	MB2_RSDP_OLD = 14,
	MB2_RSDP_NEW = 15,
	MB2_EFI_MMAP = 17,
	MB2_EFI_BOOT_SERVICES = 18, /* not ended */

	MB2_TAG_HEADER = 8,
	MB2_MMAP_ENTRY_SIZE = 24, /* at least */
};

static const char *mb2_mmap(struct boot_info *info, const uint8_t *tag, uint32_t size)
{
	uint32_t entry_size = get32(tag + 8);

	if (entry_size < MB2_MMAP_ENTRY_SIZE)
		return "the boot loader's memory map has entries of a wrong size";
	for (uint32_t offset = 16; size - offset >= entry_size; offset += entry_size) {
		const char *error = add_range(info, tag + offset);

		if (error)
			return error;
	}
	return NULL;
}

static void mb2_efi_map(struct boot_info *info, const uint8_t *tag, uint32_t size)
{
	struct boot_efi *efi = &info->efi;

	size -= 16;
	efi->descriptor_size = get32(tag + 8);
	efi->descriptor_version = get32(tag + 12);
	if (efi->descriptor_size < EFI_DESCRIPTOR_MIN || efi->descriptor_size > size) {
		pr_warn("the EFI memory map has descriptors of %u bytes: EFI is left out",
			efi->descriptor_size);
		return;
	}
	size -= size % efi->descriptor_size;
	if (size > BOOT_EFI_MAP_SIZE) {
		pr_warn("the EFI memory map has %u bytes, there is room for %u: EFI is left out",
			size, BOOT_EFI_MAP_SIZE);
		return;
	}
	memcpy(efi->map, tag + 16, size);
	efi->map_size = size;
}

static void mb2_rsdp(struct boot_info *info, const uint8_t *tag, uint32_t size)
{
	uint32_t rsdp_size = acpi_rsdp_size(tag + MB2_TAG_HEADER, size - MB2_TAG_HEADER);

	if (rsdp_size <= info->rsdp_size)
		return; /* of old and new the new */
	memcpy(info->rsdp, tag + MB2_TAG_HEADER, rsdp_size);
	info->rsdp_size = rsdp_size;
}

/* `size` is that of the tag, header included. */
static const char *mb2_tag(struct boot_info *info, const uint8_t *tag, uint32_t size)
{
	/* The smallest that a tag must be for what is read from it below. */
	static const uint8_t least[] = {
		[MB2_MODULE] = 16,      [MB2_MEMORY] = 16, [MB2_MMAP] = 16,
		[MB2_FRAMEBUFFER] = 38, [MB2_EFI64] = 16,  [MB2_EFI_MMAP] = 16,
	};
	const char *text = (const char *)tag + MB2_TAG_HEADER;
	uint32_t type = get32(tag);

	if (type < sizeof(least) && size < least[type]) {
		if (type == MB2_FRAMEBUFFER) /* of a text screen */
			return NULL;
		return "the boot loader's information has a tag that is too short";
	}
	switch (type) {
	case MB2_CMDLINE:
		info->cmdline = keep_text(info, text, size - MB2_TAG_HEADER);
		return info->cmdline ? NULL : text_too_long;
	case MB2_LOADER_NAME:
		info->loader = keep_text(info, text, size - MB2_TAG_HEADER);
		return info->loader ? NULL : text_too_long;
	case MB2_MODULE:
		if (info->module_count < BOOT_MAX_MODULES)
			return add_module(info, get32(tag + 8), get32(tag + 12),
					  keep_text(info, text + 8, size - 16));
		info->modules_dropped++;
		return NULL;
	case MB2_MMAP:
		return mb2_mmap(info, tag, size);
	case MB2_FRAMEBUFFER:
		take_framebuffer(info, tag + 8, tag + 32);
		return NULL;
	case MB2_EFI64:
		info->efi.system_table = get64(tag + 8);
		return NULL;
	case MB2_EFI_MMAP:
		mb2_efi_map(info, tag, size);
		return NULL;
	case MB2_RSDP_OLD:
	case MB2_RSDP_NEW:
		mb2_rsdp(info, tag, size);
		return NULL;
	case MB2_EFI_BOOT_SERVICES:
		return "the boot loader has not ended EFI's boot services";
	default:
		return NULL;
	}
}

static const char *mb2_parse(struct boot_info *info, uint32_t pa, physmap_fn *map)
{
	const uint8_t *mbi = map(pa, 8), *basic = NULL;
	uint32_t total = mbi ? get32(mbi) : 0;

	mbi = map(pa, total);
	if (!mbi || total < 8)
		return "the boot loader's information lies where no memory is";
	for (uint32_t offset = 8; total - offset >= MB2_TAG_HEADER;) {
		const uint8_t *tag = mbi + offset;
		uint32_t size = get32(tag + 4);
		const char *error;

		if (size < MB2_TAG_HEADER || size > total - offset)
			return "the boot loader's information has a tag of a wrong size";
		if (get32(tag) == MB2_END)
			break;
		if (get32(tag) == MB2_MEMORY)
			basic = tag;
		error = mb2_tag(info, tag, size);
		if (error)
			return error;
		size = size > total - offset - 7 ? total - offset : (size + 7) & ~7u;
		offset += size;
	}
	if (!info->memmap.count && basic)
		add_basic_memory(info, get32(basic + 8), get32(basic + 12));
	return NULL;
}

/* See multiboot_parse() for the rule. */
static const char *skip_file_name(const char *cmdline, bool with_file_name)
{
	while (*cmdline == ' ')
		cmdline++;
	if (with_file_name || *cmdline == '/' || *cmdline == '(')
		while (*cmdline && *cmdline != ' ')
			cmdline++;
	while (*cmdline == ' ')
		cmdline++;
	return cmdline;
}

/* What the loader did not say, and what follows from what it said. */
static const char *complete(struct boot_info *info, physmap_fn *map)
{
	bool with_file_name = strncmp(info->loader, "GRUB 2", 6) != 0;

	info->cmdline = skip_file_name(info->cmdline, with_file_name);
	for (uint32_t i = 0; i < info->module_count; i++)
		info->modules[i].cmdline = skip_file_name(info->modules[i].cmdline, with_file_name);
	if (!info->memmap.count)
		return "the boot loader gave no memory map";

	if (!info->efi.system_table || !info->efi.map_size) {
		info->efi.system_table = 0;
		info->rsdp_pa = acpi_find_rsdp(map);
	} else if (!efi_mark_boot_services(&info->efi, &info->memmap)) {
		return map_too_long;
	}
	if (info->rsdp_pa && !info->rsdp_size) {
		const void *rsdp = map(info->rsdp_pa, BOOT_RSDP_SIZE);

		info->rsdp_size = acpi_rsdp_size(rsdp, BOOT_RSDP_SIZE);
		if (info->rsdp_size)
			memcpy(info->rsdp, rsdp, info->rsdp_size);
	}
	return NULL;
}

const char *multiboot_parse(struct boot_info *info, uint32_t magic, uint32_t pa, physmap_fn *map)
{
	const char *error;

	memset(info, 0, sizeof(*info));
	info->loader = info->cmdline = "";
	if (magic == MB1_LOADER_MAGIC)
		error = mb1_parse(info, pa, map);
	else if (magic == MB2_LOADER_MAGIC)
		error = mb2_parse(info, pa, map);
	else
		error = "not started by a Multiboot loader (GRUB: multiboot2; QEMU: -kernel)";
	if (!error)
		error = complete(info, map);
	/* Strings stay usable in any case. */
	if (!info->loader)
		info->loader = "";
	if (!info->cmdline)
		info->cmdline = "";
	return error;
}
