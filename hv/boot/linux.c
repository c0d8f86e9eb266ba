// SPDX-License-Identifier: GPL-2.0-only
/* The boot protocol is Linux's: Documentation/x86/boot.rst and zero-page.rst. */
#include "hv/boot/linux.h"

#include "hv/boot/zeropage.h"
#include "hv/lib/string.h"
#include "hv/log.h"
#include "hv/phys.h"
#include "hv/print.h"

#define MIN_PROTOCOL 0x020c
#define ENTRY_64 0x200ul /* behind the 32-bit entry point */

/* Puts what is wrong into words; one message at a time. */
static __attribute__((format(printf, 1, 2))) const char *fail(const char *format, ...)
{
	static char message[160];
	va_list args;

	va_start(args, format);
	hv_vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return message;
}

/* Copies the kernel's setup header out. *code becomes the address of what follows its setup
 * code, up to the module's end. */
static const char *check_kernel(const struct boot_info *info, struct setup_header *header,
				uint64_t *code)
{
	const struct boot_module *module = &info->modules[0];
	uint64_t size = module->end - module->start, setup_size, code_size;
	const uint8_t *file = phys_map(module->start, size);

	if (!info->module_count)
		return "no modules: give Linux's bzImage as the first module and its initramfs "
		       "as the second";
	if (!file)
		return "the first module lies where no memory is";
	if (size < SETUP_HEADER_OFFSET + sizeof(*header))
		return "the first module is not a Linux kernel: it is too short";
	memcpy(header, file + SETUP_HEADER_OFFSET, sizeof(*header));
	if (header->boot_flag != 0xaa55 || header->header != SETUP_MAGIC)
		return "the first module is not a Linux kernel (bzImage, the vmlinuz of a "
		       "distribution): it lacks the mark \"HdrS\"";
	if (header->version < MIN_PROTOCOL)
		return fail("the kernel speaks boot protocol %u.%u; 2.12 (Linux 3.8) or later is "
			    "needed",
			    header->version >> 8, header->version & 0xffu);
	if (!(header->loadflags & LOADED_HIGH) || !(header->xloadflags & XLF_KERNEL_64))
		return "the kernel is not a 64-bit bzImage";

	setup_size = ((header->setup_sects ? header->setup_sects : 4) + 1) * 512ul;
	code_size = header->syssize * 16ul;
	/* syssize counts paragraphs of 16 bytes, the last one perhaps not full. */
	if (size < setup_size || !code_size || size - setup_size + 15 < code_size)
		return fail("the kernel is truncated: %lu bytes of %lu are there", size,
			    setup_size + code_size);
	if (header->kernel_alignment & (header->kernel_alignment - 1) ||
	    header->kernel_alignment < PAGE_SIZE || header->pref_address >= 4 * GIB)
		return "the kernel's header is damaged: alignment or address make no sense";
	if (strlen(module->cmdline) > header->cmdline_size)
		return fail("Linux's command line has %lu bytes; this kernel takes %u",
			    strlen(module->cmdline), header->cmdline_size);
	*code = module->start + setup_size;
	return NULL;
}

/* What of the memory map is still to be had. */
static struct memmap free_memory;

/* Finds a block for the request, at `wanted` if that will do, and takes it. */
static const char *place(uint64_t *start, const char *what, uint64_t wanted,
			 const struct memmap_request *request)
{
	struct memmap_request exact = *request;

	exact.min = max(request->min, wanted);
	exact.limit = min(request->limit, wanted + request->size);
	*start = memmap_find(&free_memory, &exact);
	if (!*start)
		*start = memmap_find(&free_memory, request);
	if (!*start || !phys_map(*start, request->size))
		return fail("too little memory: %s needs %lu MiB in one piece below 4 GiB, and the "
			    "machine has %lu MiB in all",
			    what, align_up(request->size, MIB) / MIB,
			    memmap_ram_bytes(&free_memory) / MIB);
	if (!memmap_add(&free_memory, *start, request->size, MEMMAP_ROOT))
		return "the memory map has too many ranges";
	return NULL;
}

static void move(uint64_t to, uint64_t from, uint64_t size)
{
	if (to != from)
		memmove(phys_map(to, size), phys_map(from, size), size);
}

const char *linux_load(struct linux_entry *entry, struct boot_info *info)
{
	const struct boot_module *initrd = &info->modules[1]; /* empty if there is none */
	uint64_t initrd_size = initrd->end - initrd->start;
	uint64_t code = 0, code_size, size, kernel_at, initrd_at = 0, zeropage_at;
	struct setup_header header;
	const char *error = check_kernel(info, &header, &code);

	if (error)
		return error;
	if (!phys_map(initrd->start, initrd_size))
		return "the second module lies where no memory is";
	if (!initrd_size)
		pr_warn("%s: Linux starts without an initramfs",
			info->module_count < 2 ? "no second module" : "the second module is empty");
	if (info->module_count > 2)
		pr_warn("modules after the second are ignored: Linux's kernel and initramfs are "
			"what is used");

	/* The kernel goes where it was built to run, or anywhere above: below it would move
	 * itself there. It may land on the modules, which will have been moved. */
	free_memory = info->memmap;
	code_size = info->modules[0].end - code;
	size = align_up(max(header.init_size, code_size), PAGE_SIZE);
	error = place(
		&kernel_at, "the kernel", header.pref_address,
		&(struct memmap_request){
			.size = size,
			.align = header.kernel_alignment,
			.min = header.pref_address,
			.limit = header.relocatable_kernel ? 4 * GIB : header.pref_address + size,
		});
	/* The initramfs stays where it is, or is moved first: clear of the kernel's file. */
	if (!error && !memmap_add(&free_memory, code, code_size, MEMMAP_ROOT))
		error = "the memory map has too many ranges";
	if (!error && initrd_size)
		error = place(&initrd_at, "the initramfs", initrd->start,
			      &(struct memmap_request){
				      .size = initrd_size,
				      .align = PAGE_SIZE,
				      .min = MIB,
				      .limit = header.initrd_addr_max + 1ul,
			      });
	if (!error)
		error = place(&zeropage_at, "Linux's boot information", 0,
			      &(struct memmap_request){
				      .size = sizeof(struct zeropage),
				      .align = PAGE_SIZE,
				      .min = 64 * KIB,
				      .limit = 4 * GIB,
			      });
	if (!error)
		error = zeropage_prepare(info, zeropage_at);
	if (error)
		return error;

	move(initrd_at, initrd->start, initrd_size);
	move(kernel_at, code, code_size);
	header.code32_start = entry->entry_pa = (uint32_t)kernel_at;
	header.ramdisk_image = (uint32_t)initrd_at;
	header.ramdisk_size = (uint32_t)initrd_size;
	entry->boot_params_pa = (uint32_t)zeropage_at;
	zeropage_write(entry->boot_params_pa, &header, info);
	pr_info("Linux at 0x%lx-0x%lx, initramfs at 0x%lx-0x%lx, boot information at 0x%lx",
		kernel_at, kernel_at + size, initrd_at, initrd_at + initrd_size, zeropage_at);
	return NULL;
}

void linux_start_native(const struct linux_entry *entry)
{
	__asm__ volatile("jmp *%0" ::"r"(entry->entry_pa + ENTRY_64), "S"(entry->boot_params_pa));
	__builtin_unreachable();
}
