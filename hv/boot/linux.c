// SPDX-License-Identifier: GPL-2.0-only
/* The boot protocol is Linux's: Documentation/x86/boot.rst and zero-page.rst. */
#include "hv/boot/linux.h"

#include <stdbool.h>

#include "hv/boot/efi.h"
#include "hv/boot/zeropage.h"
#include "hv/lib/string.h"
#include "hv/log.h"
#include "hv/print.h"

#define MIN_PROTOCOL 0x020c
#define MIB ((uint64_t)1 << 20)
#define FOUR_GIB ((uint64_t)1 << 32)
#define PAGE ((uint64_t)4096)

/* A module: Linux's file, its initramfs. Moved from source to [start, end). */
struct piece {
	struct memrange source;
	uint64_t start, end;
};

struct plan {
	struct setup_header header;
	struct piece kernel; /* protected-mode code; [start, end) has all it needs to run */
	struct piece initrd; /* end == 0: there is none */
	struct memrange zeropage;
};

static char message[160];

static uint64_t page_up(uint64_t value)
{
	return (value + PAGE - 1) & ~(PAGE - 1);
}

static bool overlap(uint64_t start, uint64_t end, uint64_t other_start, uint64_t other_end)
{
	return start < other_end && other_start < end;
}

static const char *check_kernel(struct plan *plan, const struct boot_info *info, physmap_fn *map)
{
	struct setup_header *header = &plan->header;
	const struct boot_module *module = &info->modules[0];
	uint64_t size, setup_size, code_size;
	const uint8_t *file;

	if (!info->module_count)
		return "no modules: give Linux's bzImage as the first module and its initramfs "
		       "as the second";
	size = module->end - module->start;
	file = map(module->start, size);
	if (!file)
		return "the first module lies where no memory is";
	if (size < SETUP_HEADER_OFFSET + sizeof(*header))
		return "the first module is not a Linux kernel: it is too short";
	memcpy(header, file + SETUP_HEADER_OFFSET, sizeof(*header));
	if (header->boot_flag != 0xaa55 || header->header != SETUP_MAGIC)
		return "the first module is not a Linux kernel (bzImage, the vmlinuz of a "
		       "distribution): it lacks the mark \"HdrS\"";
	if (header->version < MIN_PROTOCOL) {
		hv_snprintf(message, sizeof(message),
			    "the kernel speaks boot protocol %u.%u; 2.12 (Linux 3.8) or later is "
			    "needed",
			    header->version >> 8, header->version & 0xffu);
		return message;
	}
	if (!(header->loadflags & LOADED_HIGH) || !(header->xloadflags & XLF_KERNEL_64))
		return "the kernel is not a 64-bit bzImage";

	setup_size = ((header->setup_sects ? header->setup_sects : 4) + 1) * (uint64_t)512;
	code_size = (uint64_t)header->syssize * 16;
	/* syssize counts paragraphs of 16 bytes, the last one perhaps not full. */
	if (size < setup_size || !code_size || size - setup_size + 15 < code_size) {
		hv_snprintf(message, sizeof(message),
			    "the kernel is truncated: %lu bytes of %lu are there", size,
			    setup_size + code_size);
		return message;
	}
	if (header->kernel_alignment & (header->kernel_alignment - 1) ||
	    header->kernel_alignment < PAGE || header->pref_address >= FOUR_GIB)
		return "the kernel's header is damaged: alignment or address make no sense";
	plan->kernel.source.start = module->start + setup_size;
	plan->kernel.source.end = module->end;
	return NULL;
}

static const char *check_cmdline(const struct plan *plan, const char *cmdline)
{
	if (strlen(cmdline) <= plan->header.cmdline_size)
		return NULL;
	hv_snprintf(message, sizeof(message),
		    "Linux's command line has %lu bytes; this kernel takes %u", strlen(cmdline),
		    plan->header.cmdline_size);
	return message;
}

/* What Linux can unpack begins with one of these (init/initramfs.c, usr/Kconfig). */
static bool is_initramfs(const uint8_t *data, uint64_t size)
{
	static const struct {
		uint8_t length;
		const char *bytes;
	} magics[] = {
		{ 5, "07070" },            /* cpio */
		{ 2, "\x1f\x8b" },         /* gzip */
		{ 3, "BZh" },              /* bzip2 */
		{ 3, "\x5d\x00\x00" },     /* LZMA */
		{ 5, "\3757zXZ" },         /* xz */
		{ 4, "\x89LZO" },          /* LZO */
		{ 4, "\x02\x21\x4c\x18" }, /* LZ4 */
		{ 4, "\x28\xb5\x2f\xfd" }, /* zstd */
	};

	for (unsigned int i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (size >= magics[i].length && !memcmp(data, magics[i].bytes, magics[i].length))
			return true;
	return false;
}

/* What looks wrong is Linux's to judge: it boots without an initramfs, too. */
static const char *check_initrd(struct plan *plan, const struct boot_info *info, physmap_fn *map)
{
	const struct boot_module *module = &info->modules[1];
	const uint8_t *file;
	uint64_t size;

	if (info->module_count < 2) {
		pr_warn("no second module: Linux starts without an initramfs");
		return NULL;
	}
	if (info->module_count > 2 || info->modules_dropped)
		pr_warn("modules after the second are ignored: Linux's kernel and initramfs are "
			"what is used");
	size = module->end - module->start;
	file = map(module->start, size);
	if (!file)
		return "the second module lies where no memory is";
	if (!size) {
		pr_warn("the second module is empty: Linux starts without an initramfs");
		return NULL;
	}
	if (!is_initramfs(file, size))
		pr_warn("the second module does not look like an initramfs (cpio, perhaps "
			"compressed)");
	plan->initrd.source = (struct memrange){ module->start, module->end };
	return NULL;
}

static const char *too_little(const struct boot_info *info, const char *what, uint64_t size)
{
	hv_snprintf(message, sizeof(message),
		    "too little memory: %s needs %lu MiB in one piece below 4 GiB, and the machine "
		    "has %lu MiB in all",
		    what, (size + MIB - 1) / MIB, memmap_ram_bytes(&info->memmap) / MIB);
	return message;
}

/*
 * Where it was built to run if that is RAM, otherwise anywhere above: below it
 * would move itself there. Modules may be in the way, see linux_load().
 */
static const char *place_kernel(struct plan *plan, const struct boot_info *info)
{
	const struct setup_header *header = &plan->header;
	uint64_t file = plan->kernel.source.end - plan->kernel.source.start;
	uint64_t size = page_up(header->init_size > file ? header->init_size : file);
	const struct memmap_request elsewhere = {
		.size = size,
		.align = header->kernel_alignment,
		.min = header->pref_address,
		.limit = FOUR_GIB,
	};
	uint64_t start = header->pref_address;

	if (!start || !memmap_is_ram(&info->memmap, start, start + size))
		start = header->relocatable_kernel ? memmap_find(&info->memmap, &elsewhere) : 0;
	if (!start)
		return too_little(info, "the kernel", size);
	plan->kernel.start = start;
	plan->kernel.end = start + size;
	return NULL;
}

/* Where it is if Linux takes it there, otherwise clear of both places of the kernel. */
static const char *place_initrd(struct plan *plan, const struct boot_info *info)
{
	const struct memrange avoid[] = {
		{ plan->kernel.start, plan->kernel.end },
		plan->kernel.source,
	};
	uint64_t start = plan->initrd.source.start, end = plan->initrd.source.end;
	struct memmap_request request = {
		.size = end - start,
		.align = PAGE,
		.min = MIB,
		.limit = plan->header.initrd_addr_max + 1ull,
		.avoid = avoid,
		.avoid_count = sizeof(avoid) / sizeof(avoid[0]),
	};

	if (start == end)
		return NULL;
	if (start >= request.min && end <= request.limit && !(start % PAGE) &&
	    memmap_is_ram(&info->memmap, start, end) &&
	    !overlap(start, end, plan->kernel.start, plan->kernel.end)) {
		plan->initrd.start = start;
	} else {
		plan->initrd.start = memmap_find(&info->memmap, &request);
		if (!plan->initrd.start)
			return too_little(info, "the initramfs", request.size);
	}
	plan->initrd.end = plan->initrd.start + request.size;
	return NULL;
}

static const char *place_zeropage(struct plan *plan, const struct boot_info *info)
{
	const struct memrange avoid[] = {
		{ plan->kernel.start, plan->kernel.end },
		{ plan->initrd.start, plan->initrd.end },
		plan->kernel.source,
		plan->initrd.source,
	};
	const struct memmap_request request = {
		.size = sizeof(struct zeropage),
		.align = PAGE,
		.min = 16 * PAGE,
		.limit = FOUR_GIB,
		.avoid = avoid,
		.avoid_count = sizeof(avoid) / sizeof(avoid[0]),
	};

	plan->zeropage.start = memmap_find(&info->memmap, &request);
	plan->zeropage.end = plan->zeropage.start + request.size;
	return plan->zeropage.start ? NULL :
				      too_little(info, "Linux's boot information", request.size);
}

static void move(const struct piece *piece, physmap_fn *map)
{
	uint64_t size = piece->source.end - piece->source.start;

	if (piece->start != piece->source.start)
		memmove(map(piece->start, size), map(piece->source.start, size), size);
}

const char *linux_load(struct linux_entry *entry, struct boot_info *info, physmap_fn *map)
{
	struct plan plan = { 0 };
	const char *error = check_kernel(&plan, info, map);

	if (!error)
		error = check_cmdline(&plan, info->modules[0].cmdline);
	if (!error)
		error = check_initrd(&plan, info, map);
	if (!error)
		error = place_kernel(&plan, info);
	if (!error)
		error = place_initrd(&plan, info);
	if (!error)
		error = place_zeropage(&plan, info);
	if (!error && !map(plan.kernel.start, plan.kernel.end - plan.kernel.start))
		error = "the place for the kernel cannot be reached";
	if (!error && plan.initrd.end &&
	    !map(plan.initrd.start, plan.initrd.end - plan.initrd.start))
		error = "the place for the initramfs cannot be reached";
	if (!error && !map(plan.zeropage.start, sizeof(struct zeropage)))
		error = "the place for Linux's boot information cannot be reached";
	if (!error)
		error = zeropage_prepare(info, plan.zeropage.start);
	if (error)
		return error;

	/* The initramfs first: it lands clear of the kernel's file, while the
	 * kernel may land on the initramfs's. Either may overlap itself. */
	move(&plan.initrd, map);
	move(&plan.kernel, map);

	plan.header.code32_start = (uint32_t)plan.kernel.start;
	plan.header.ramdisk_image = (uint32_t)plan.initrd.start;
	plan.header.ramdisk_size = (uint32_t)(plan.initrd.end - plan.initrd.start);
	zeropage_write(map(plan.zeropage.start, sizeof(struct zeropage)),
		       (uint32_t)plan.zeropage.start, &plan.header, info, map);

	pr_info("Linux at 0x%lx-0x%lx, initramfs at 0x%lx-0x%lx, boot information at 0x%lx",
		plan.kernel.start, plan.kernel.end, plan.initrd.start, plan.initrd.end,
		plan.zeropage.start);
	entry->entry_pa = (uint32_t)plan.kernel.start;
	entry->boot_params_pa = (uint32_t)plan.zeropage.start;
	return NULL;
}
