// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "hv/boot/efi.h"
#include "hv/boot/linux.h"
#include "hv/boot/zeropage.h"

#define MEMORY_SIZE (64 * MIB)

#define SETUP_SECTS 27u
#define SETUP_SIZE ((SETUP_SECTS + 1) * 512)
#define CODE_SIZE (3 * MIB + 16)
#define INIT_SIZE (8 * MIB)
#define PREF 0x1000000u
#define INITRD_SIZE (2 * MIB + 123)

static struct boot_info info;
static struct linux_entry entry;

/* Bytes that stand for a kernel, an initramfs, root mode's memory: each the
 * same noise from another place on. */
static const uint8_t *pattern(uint32_t seed)
{
	static uint8_t noise[CODE_SIZE + 4 * 101];

	for (uint32_t i = 0; !noise[0] && i < sizeof(noise); i++)
		noise[sizeof(noise) - 1 - i] = (uint8_t)(random_next() | 1);
	return noise + seed * 101;
}

static void put_pattern(uint64_t pa, uint32_t size, uint32_t seed)
{
	memcpy(memory + pa, pattern(seed), size);
}

static bool has_pattern(uint64_t pa, uint32_t from, uint32_t size, uint32_t seed)
{
	return !memcmp(memory + pa + from, pattern(seed) + from, size - from);
}

static void module(unsigned int i, uint64_t start, uint64_t size, const char *cmdline)
{
	info.modules[i] = (struct boot_module){ start, start + size, cmdline };
	if (info.module_count <= i)
		info.module_count = i + 1;
}

static struct setup_header header;

/* A bzImage at `pa`, of which no byte but the header's means anything. */
static void put_kernel(uint64_t pa)
{
	header = (struct setup_header){
		.setup_sects = SETUP_SECTS,
		.syssize = CODE_SIZE / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb,
		.header = SETUP_MAGIC,
		.version = 0x020f,
		.loadflags = LOADED_HIGH | CAN_USE_HEAP,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 2 * MIB,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = PREF,
		.init_size = INIT_SIZE,
	};
	memset(memory + pa, 0xee, SETUP_SIZE);
	memcpy(memory + pa + SETUP_HEADER_OFFSET, &header, sizeof(header));
	put_pattern(pa + SETUP_SIZE, CODE_SIZE, 1);
	module(0, pa, SETUP_SIZE + CODE_SIZE, "console=ttyS0 root=/dev/vda1");
}

static void put_header(void)
{
	memcpy(memory + info.modules[0].start + SETUP_HEADER_OFFSET, &header, sizeof(header));
}

static void put_initrd(uint64_t pa)
{
	put_pattern(pa, INITRD_SIZE, 2);
	memcpy(memory + pa, "070701", 6);
	module(1, pa, INITRD_SIZE, "");
}

static int setup(void **state)
{
	(void)state;
	log_forget();
	memory_create(MEMORY_SIZE);
	memset(&info, 0, sizeof(info));
	info.loader = info.cmdline = "";
	memmap_add(&info.memmap, 0, 0x9fc00, MEMMAP_RAM);
	memmap_add(&info.memmap, 0xf0000, 0x10000, MEMMAP_RESERVED);
	memmap_add(&info.memmap, MIB, MEMORY_SIZE - MIB, MEMMAP_RAM);
	memmap_add(&info.memmap, 2 * MIB, 0x30000, MEMMAP_ROOT);
	put_pattern(2 * MIB, 0x30000, 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	/* Root mode's memory is never touched. */
	assert_true(has_pattern(2 * MIB, 0, 0x30000, 3));
	memory_destroy();
	return 0;
}

static const char *load(void)
{
	return linux_load(&entry, &info);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* Whether [start, end) lies within one range of RAM. */
static bool is_ram(uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < info.memmap.count; i++) {
		const struct memmap_entry *e = &info.memmap.entry[i];

		if (e->type == MEMMAP_RAM && e->start <= start && end <= e->end)
			return true;
	}
	return false;
}

/* Everything arrived whole, apart, in RAM and where the protocol wants it. */
static const struct zeropage *check_loaded(void)
{
	const struct zeropage *page = (const void *)(memory + entry.boot_params_pa);
	const struct boot_params *params = &page->params;
	struct setup_header hdr;

	memcpy(&hdr, &params->hdr, sizeof(hdr));
	assert_int_equal(hdr.header, SETUP_MAGIC);
	assert_int_equal(hdr.code32_start, entry.entry_pa);
	assert_int_equal(hdr.type_of_loader, 0xff);
	assert_int_equal(hdr.loadflags, LOADED_HIGH);
	assert_true(has_pattern(entry.entry_pa, 0, CODE_SIZE, 1));
	assert_int_equal(entry.entry_pa % header.kernel_alignment, 0);
	assert_true(is_ram(entry.entry_pa, entry.entry_pa + INIT_SIZE));
	assert_int_equal(entry.boot_params_pa % 4096, 0);
	assert_false(overlap(entry.entry_pa, INIT_SIZE, entry.boot_params_pa, sizeof(*page)));
	assert_int_equal(params->sentinel, 0);
	assert_int_equal(hdr.cmd_line_ptr,
			 entry.boot_params_pa + offsetof(struct zeropage, cmdline));
	assert_string_equal(page->cmdline, "console=ttyS0 root=/dev/vda1");
	if (info.module_count < 2) {
		assert_int_equal(hdr.ramdisk_image, 0);
		assert_int_equal(hdr.ramdisk_size, 0);
		return page;
	}
	assert_int_equal(hdr.ramdisk_size, INITRD_SIZE);
	assert_int_equal(hdr.ramdisk_image % 4096, 0);
	assert_true(hdr.ramdisk_image + INITRD_SIZE - 1 <= header.initrd_addr_max);
	assert_memory_equal(memory + hdr.ramdisk_image, "070701", 6);
	assert_true(has_pattern(hdr.ramdisk_image, 6, INITRD_SIZE, 2));
	assert_true(is_ram(hdr.ramdisk_image, hdr.ramdisk_image + INITRD_SIZE));
	assert_false(overlap(hdr.ramdisk_image, INITRD_SIZE, entry.entry_pa, INIT_SIZE));
	assert_false(overlap(hdr.ramdisk_image, INITRD_SIZE, entry.boot_params_pa, sizeof(*page)));
	return page;
}

static void test_plain(void **state)
{
	const struct zeropage *page;

	(void)state;
	put_kernel(4 * MIB);
	put_initrd(8 * MIB);
	put8(0x450, 7);
	put8(0x451, 12);
	assert_null(load());
	page = check_loaded();
	assert_int_equal(entry.entry_pa, PREF);
	assert_int_equal(page->params.hdr.ramdisk_image, 8 * MIB); /* left where it was */
	assert_int_equal(page->params.acpi_rsdp_addr, 0);
	assert_int_equal(page->params.screen_info.orig_video_isVGA, 1);
	assert_int_equal(page->params.screen_info.orig_video_cols, 80);
	assert_int_equal(page->params.screen_info.orig_x, 7);
	assert_int_equal(page->params.screen_info.orig_y, 12);
	assert_int_equal(page->params.efi_info.efi_systab, 0);
	assert_int_equal(page->params.e820_entries, 5);
	assert_int_equal(page->params.e820_table[3].addr, 2 * MIB);
	assert_int_equal(page->params.e820_table[3].size, 0x30000);
	assert_int_equal(page->params.e820_table[3].type, 2);
	assert_int_equal(page->params.e820_table[4].type, 1);
	assert_int_equal(page->params.hdr.setup_data, 0);
	/* The header ends where its jump says: nothing behind it was copied. */
	assert_int_equal(page->params.hdr.kernel_info_offset, 0);
}

/* Modules anywhere, over each other's places and over both of Linux's. */
static void test_modules_anywhere(void **state)
{
	(void)state;
	for (uint32_t kernel = 3 * MIB; kernel < 40 * MIB; kernel += MIB + 0x1000)
		for (uint32_t initrd = 3 * MIB; initrd < 60 * MIB; initrd += 2 * MIB + 0x7000) {
			if (overlap(kernel, SETUP_SIZE + CODE_SIZE, initrd, INITRD_SIZE))
				continue;
			teardown(NULL);
			setup(NULL);
			put_kernel(kernel);
			put_initrd(initrd);
			assert_null(load());
			check_loaded();
		}
}

static void test_moves_a_kernel_that_cannot_be_where_it_wants(void **state)
{
	(void)state;
	put_kernel(4 * MIB);
	put_initrd(8 * MIB);
	memmap_add(&info.memmap, PREF + MIB, 0x1000, MEMMAP_RESERVED);
	assert_null(load());
	check_loaded();
	assert_true(entry.entry_pa > PREF);

	setup(NULL);
	put_kernel(4 * MIB);
	memmap_add(&info.memmap, PREF + MIB, 0x1000, MEMMAP_RESERVED);
	header.relocatable_kernel = 0;
	put_header();
	assert_non_null(strstr(load(), "too little memory: the kernel"));
}

static void test_initrd_limit(void **state)
{
	(void)state;
	put_kernel(4 * MIB);
	put_initrd(40 * MIB);
	header.initrd_addr_max = 32 * MIB - 1;
	put_header();
	assert_null(load());
	check_loaded();
}

static void test_no_initrd(void **state)
{
	(void)state;
	put_kernel(4 * MIB);
	assert_null(load());
	check_loaded();
	assert_true(log_has("no second module: Linux starts without an initramfs"));
}

static void test_odd_initrd(void **state)
{
	(void)state;
	put_kernel(4 * MIB);
	module(1, 8 * MIB, 0, "");
	module(2, 8 * MIB, MIB, "");
	assert_null(load());
	assert_true(log_has("the second module is empty"));
	assert_true(log_has("modules after the second are ignored"));
}

static void expect_error(const char *part)
{
	uint8_t *before = malloc(MEMORY_SIZE);
	const char *error;

	assert_non_null(before);
	memcpy(before, memory, MEMORY_SIZE);
	error = load();
	assert_non_null(error);
	if (!strstr(error, part))
		fail_msg("\"%s\" does not say \"%s\"", error, part);
	assert_memory_equal(memory, before, MEMORY_SIZE);
	free(before);
}

static void test_bad_kernels(void **state)
{
	(void)state;
	expect_error("no modules");
	put_kernel(4 * MIB);
	info.modules[0].end = info.modules[0].start + 0x200;
	expect_error("too short");
	put_kernel(4 * MIB);
	info.modules[0].end = info.modules[0].start;
	expect_error("too short");
	put_kernel(4 * MIB);
	info.modules[0].end -= 4096;
	expect_error("truncated");
	put_kernel(4 * MIB);
	info.modules[0].end = info.modules[0].start + SETUP_SIZE - 1;
	expect_error("truncated");
	put_kernel(4 * MIB);
	module(0, 0xfff00000, MIB, "");
	expect_error("no memory");

	put_kernel(4 * MIB);
	header.header = 0;
	put_header();
	expect_error("not a Linux kernel");
	put_kernel(4 * MIB);
	header.version = 0x020b;
	put_header();
	expect_error("protocol 2.11");
	put_kernel(4 * MIB);
	header.xloadflags = 0;
	put_header();
	expect_error("64-bit");
	put_kernel(4 * MIB);
	header.kernel_alignment = 0;
	put_header();
	expect_error("damaged");
	put_kernel(4 * MIB);
	header.kernel_alignment = 0x201000;
	put_header();
	expect_error("damaged");
	put_kernel(4 * MIB);
	header.cmdline_size = 27;
	put_header();
	expect_error("28 bytes; this kernel takes 27");
	put_kernel(4 * MIB);
	header.init_size = 0xffffffff;
	put_header();
	expect_error("too little memory: the kernel needs 4096 MiB");
	put_kernel(4 * MIB);
	put_initrd(8 * MIB);
	info.modules[1].end += MEMORY_SIZE;
	expect_error("no memory");
}

static void test_too_little_memory(void **state)
{
	(void)state;
	put_kernel(4 * MIB);
	put_initrd(8 * MIB);
	memmap_add(&info.memmap, PREF, MEMORY_SIZE, MEMMAP_RESERVED);
	expect_error("too little memory: the kernel needs 8 MiB");

	memset(&info.memmap, 0, sizeof(info.memmap));
	memmap_add(&info.memmap, MIB, 2 * MIB, MEMMAP_RAM);
	memmap_add(&info.memmap, PREF, INIT_SIZE, MEMMAP_RAM);
	expect_error("too little memory: the initramfs needs 3 MiB");
	memmap_add(&info.memmap, 8 * MIB, 3 * MIB, MEMMAP_RAM);
	memmap_add(&info.memmap, MIB, 10 * MIB, MEMMAP_RESERVED);
	memmap_add(&info.memmap, PREF + INIT_SIZE, INITRD_SIZE + 4096, MEMMAP_RAM);
	expect_error("too little memory: Linux's boot information");
}

static void test_framebuffer(void **state)
{
	const struct screen_info *screen;

	(void)state;
	put_kernel(4 * MIB);
	info.framebuffer = (struct boot_framebuffer){
		.address = 0x40fd000000ull,
		.pitch = 4096,
		.width = 1024,
		.height = 768,
		.depth = 32,
		.red_position = 16,
		.red_size = 8,
		.green_position = 8,
		.green_size = 8,
		.blue_position = 0,
		.blue_size = 8,
	};
	assert_null(load());
	screen = (const void *)(memory + entry.boot_params_pa);
	assert_int_equal(screen->orig_video_isVGA, VIDEO_TYPE_VLFB);
	assert_int_equal(screen->lfb_base, 0xfd000000);
	assert_int_equal(screen->ext_lfb_base, 0x40);
	assert_int_equal(screen->capabilities, VIDEO_CAPABILITY_64BIT_BASE);
	assert_int_equal(screen->lfb_size, 48);
	assert_int_equal(screen->rsvd_pos, 24);
}

/* The kernel's header is longer than ours, or as short as of 2.12. */
static void test_header_length(void **state)
{
	const struct zeropage *page;

	(void)state;
	put_kernel(4 * MIB);
	header.kernel_info_offset = 0x1234;
	header.jump = 0xffeb;
	put_header();
	assert_null(load());
	page = check_loaded();
	assert_int_equal(page->params.hdr.kernel_info_offset, 0x1234);
	assert_int_equal(page->params._pad7[0], 0);
}

static void test_many_ranges(void **state)
{
	const struct zeropage *page;
	uint32_t i;

	(void)state;
	put_kernel(4 * MIB);
	for (i = 0; i < 200; i++)
		assert_true(memmap_add(&info.memmap, 0x100000000ull + i * 0x2000ull, 0x1000,
				       MEMMAP_RESERVED));
	assert_null(load());
	page = check_loaded();
	assert_int_equal(page->params.e820_entries, 128);
	assert_int_equal(page->params.hdr.setup_data,
			 entry.boot_params_pa + offsetof(struct zeropage, more_e820));
	assert_int_equal(page->more_e820.type, SETUP_E820_EXT);
	assert_int_equal(page->more_e820.next, 0);
	assert_int_equal(page->more_e820.len, (205 - 128) * 20);
	assert_int_equal(page->more_e820.entries[205 - 128 - 1].addr,
			 0x100000000ull + 199 * 0x2000);
	assert_int_equal(page->more_e820.entries[205 - 128 - 1].type, 2);
}

static void efi_add(uint32_t type, uint64_t start, uint64_t pages)
{
	uint8_t *at = info.efi.map + info.efi.map_size;

	memset(at, 0, 48);
	memcpy(at, &type, 4);
	memcpy(at + 8, &start, 8);
	memcpy(at + 24, &pages, 8);
	info.efi.map_size += 48;
}

/* The type of the page at `pa`, checked to be in one descriptor only; -1: none. */
static int efi_type(const uint8_t *map, uint32_t size, uint64_t pa)
{
	int found = -1;

	for (uint32_t at = 0; at < size; at += 48) {
		uint64_t start, pages;
		uint32_t type;

		memcpy(&type, map + at, 4);
		memcpy(&start, map + at + 8, 8);
		memcpy(&pages, map + at + 24, 8);
		if (pa < start || pa - start >= pages * 4096)
			continue;
		assert_int_equal(found, -1);
		found = (int)type;
	}
	return found;
}

static void test_efi(void **state)
{
	const struct zeropage *page;
	const struct efi_info *efi;
	const uint8_t *map;

	(void)state;
	put_kernel(4 * MIB);
	put_initrd(8 * MIB);
	info.efi.system_table = 0x123456789abc0ull;
	info.efi.descriptor_size = 48;
	info.efi.descriptor_version = 1;
	efi_add(EFI_CONVENTIONAL, 0, 0x9f);
	efi_add(EFI_CONVENTIONAL, MIB, 0x110); /* into root mode's memory */
	efi_add(EFI_BOOT_SERVICES_DATA, 2 * MIB + 0x10000, 0x100);
	efi_add(EFI_CONVENTIONAL, 3 * MIB + 0x10000, (MEMORY_SIZE - 3 * MIB) / 4096 - 0x10);
	efi_add(6, 0xff000000, 0x100); /* runtime services */
	assert_null(load());
	page = check_loaded();
	efi = (const void *)((const uint8_t *)page + offsetof(struct boot_params, efi_info));
	assert_memory_equal(&efi->efi_loader_signature, "EL64", 4);
	assert_int_equal(efi->efi_systab, 0x6789abc0);
	assert_int_equal(efi->efi_systab_hi, 0x12345);
	assert_int_equal(efi->efi_memdesc_size, 48);
	assert_int_equal(page->params.screen_info.orig_video_isVGA, 0);

	map = memory + efi->efi_memmap;
	for (uint64_t pa = 0; pa < MEMORY_SIZE; pa += 4096) {
		int type = efi_type(map, efi->efi_memmap_size, pa);

		if (pa >= 2 * MIB && pa < 2 * MIB + 0x30000)
			assert_int_equal(type, EFI_RESERVED);
		else if (pa >= entry.boot_params_pa && pa < entry.boot_params_pa + sizeof(*page))
			assert_int_equal(type, EFI_LOADER_DATA);
		else if (pa >= 2 * MIB + 0x30000 && pa < 3 * MIB + 0x10000)
			assert_int_equal(type, EFI_BOOT_SERVICES_DATA);
		else if (pa < 0x9f000 || pa >= MIB)
			assert_int_equal(type, EFI_CONVENTIONAL);
		else
			assert_int_equal(type, -1);
	}
	assert_int_equal(efi_type(map, efi->efi_memmap_size, 0xff000000), 6);
}

static void test_efi_map_full(void **state)
{
	(void)state;
	put_kernel(4 * MIB);
	info.efi.system_table = 1;
	info.efi.descriptor_size = 48;
	efi_add(EFI_CONVENTIONAL, 0, 0x10000);
	while (info.efi.map_size + 48 <= EFI_MAP_SIZE)
		efi_add(6, 0xff000000, 1);
	expect_error("EFI memory map");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain),
		TEST(test_modules_anywhere),
		TEST(test_moves_a_kernel_that_cannot_be_where_it_wants),
		TEST(test_initrd_limit),
		TEST(test_no_initrd),
		TEST(test_odd_initrd),
		TEST(test_bad_kernels),
		TEST(test_too_little_memory),
		TEST(test_framebuffer),
		TEST(test_header_length),
		TEST(test_many_ranges),
		TEST(test_efi),
		TEST(test_efi_map_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
