// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include <string.h>

#include "hv/boot/multiboot.h"

#define MB1 0x2badb002u
#define MB2 0x36d76289u

#define INFO 0x9000u
#define MEMORY_SIZE 0x110000u

static struct boot_info info;

static int setup(void **state)
{
	(void)state;
	log_forget();
	memory_create(MEMORY_SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_destroy();
	return 0;
}

static const char *parse(uint32_t magic)
{
	memory_strict(true);
	return multiboot_parse(&info, magic, INFO);
}

/* A sound RSDP of revision 0 at 0xf0000, or of revision 2 anywhere. */
static void put_rsdp(uint8_t *at, uint8_t revision)
{
	memset(at, 0, 36);
	memcpy(at, "RSD PTR ", 8);
	at[15] = revision;
	at[16] = 0x10;
	for (int i = 0; i < 20; i++)
		if (i != 8)
			at[8] = (uint8_t)(at[8] - at[i]);
	at[20] = 36;
	at[32] = (uint8_t)-36;
}

/* What QEMU passes, in the same order. */
static void mb1_qemu(void)
{
	put32(INFO, 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	put32(INFO + 16, 0xa000); /* command line */
	put_string(0xa000, "/tmp/mullion console=com2 loglevel=debug");
	put32(INFO + 20, 2); /* modules */
	put32(INFO + 24, 0xa100);
	put32(0xa100, 0x300000);
	put32(0xa104, 0x400000);
	put32(0xa108, 0xa200);
	put_string(0xa200, "/boot/vmlinuz console=ttyS0  quiet");
	put32(0xa110, 0x400000);
	put32(0xa114, 0x500001);
	put32(0xa118, 0xa300);
	put_string(0xa300, "initrd.gz");
	put32(INFO + 44, 2 * 24); /* memory map */
	put32(INFO + 48, 0xa400);
	put32(0xa400, 20);
	put64(0xa404, 0);
	put64(0xa40c, 0x9fc00);
	put32(0xa414, 1);
	put32(0xa418, 20);
	put64(0xa41c, 0x100000);
	put64(0xa424, 0x3ff00000);
	put32(0xa42c, 1);
	put32(INFO + 64, 0xa500);
	put_string(0xa500, "qemu");
}

static void test_mb1(void **state)
{
	(void)state;
	mb1_qemu();
	assert_null(parse(MB1));
	assert_string_equal(info.loader, "qemu");
	assert_string_equal(info.cmdline, "console=com2 loglevel=debug");
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.modules[0].start, 0x300000);
	assert_int_equal(info.modules[0].end, 0x400000);
	assert_string_equal(info.modules[0].cmdline, "console=ttyS0  quiet");
	assert_int_equal(info.modules[1].end, 0x500001);
	assert_string_equal(info.modules[1].cmdline, "");
	assert_int_equal(info.memmap.count, 2);
	assert_int_equal(info.memmap.entry[1].end, 0x40000000);
	assert_int_equal(info.rsdp[0], 0);
	assert_int_equal(info.framebuffer.width, 0);
	assert_int_equal(info.efi.system_table, 0);
}

static void test_mb1_grub_passes_no_file_name(void **state)
{
	(void)state;
	mb1_qemu();
	put_string(0xa500, "GRUB 2.06-13+deb12u1");
	put_string(0xa000, "console=com2");
	put_string(0xa200, "console=ttyS0");
	put_string(0xa300, "");
	assert_null(parse(MB1));
	assert_string_equal(info.cmdline, "console=com2");
	assert_string_equal(info.modules[0].cmdline, "console=ttyS0");
	/* But some write the file name twice. */
	put_string(0xa000, "/boot/mullion console=com2");
	put_string(0xa200, "(hd0,1)/vmlinuz console=ttyS0");
	assert_null(parse(MB1));
	assert_string_equal(info.cmdline, "console=com2");
	assert_string_equal(info.modules[0].cmdline, "console=ttyS0");
	put_string(0xa200, "/vmlinuz");
	assert_null(parse(MB1));
	assert_string_equal(info.modules[0].cmdline, "");
}

static void test_mb1_odd_types(void **state)
{
	(void)state;
	mb1_qemu();
	put32(0xa414, 0);
	put32(0xa42c, 0x101);
	assert_null(parse(MB1));
	assert_int_equal(info.memmap.entry[0].type, MEMMAP_RESERVED);
	assert_int_equal(info.memmap.entry[1].type, MEMMAP_RESERVED);
}

static void test_mb1_bad(void **state)
{
	(void)state;
	assert_non_null(parse(MB1)); /* no memory map */
	mb1_qemu();
	put32(0xa418, 19); /* a map entry of a wrong size */
	assert_non_null(parse(MB1));
	put32(0xa418, 0xffffffff);
	assert_non_null(parse(MB1));
	put32(0xa418, 20);
	put32(INFO + 44, 0xffffffff); /* the map's length */
	assert_non_null(parse(MB1));
	put32(INFO + 44, 23);
	assert_non_null(parse(MB1));
	put32(INFO + 44, 48);
	put32(INFO + 24, 0xfffffff8); /* where the modules are */
	assert_null(parse(MB1));
	assert_int_equal(info.module_count, 0);
	put32(INFO + 24, 0xa100);
	put32(INFO + 20, 0xffffffff); /* their number */
	assert_null(parse(MB1));
	assert_int_equal(info.module_count, BOOT_MAX_MODULES);
	put32(INFO + 20, 1);
	put32(0xa104, 0x2fffff); /* ends before it starts */
	assert_null(parse(MB1));
	assert_int_equal(info.modules[0].end, info.modules[0].start);
	put32(0xa108, 0xffffffff); /* a command line outside memory */
	assert_null(parse(MB1));
	assert_string_equal(info.modules[0].cmdline, "");
	memset(memory + 0x20000, 'x', BOOT_TEXT_SIZE);
	put32(0xa108, 0x20000); /* a long one */
	assert_non_null(parse(MB1));
	assert_string_equal(info.loader, "qemu");
	assert_non_null(multiboot_parse(&info, MB1, MEMORY_SIZE - 67));
	assert_non_null(multiboot_parse(&info, 0, INFO));
}

static uint32_t mb2_end;

static void mb2_begin(void)
{
	mb2_end = INFO + 8;
}

/* Appends a tag with `size` bytes behind its header; returns where they go. */
static uint32_t mb2_tag(uint32_t type, uint32_t size)
{
	uint32_t at = mb2_end;

	put32(at, type);
	put32(at + 4, size + 8);
	mb2_end += (size + 8 + 7) & ~7u;
	return at + 8;
}

static void mb2_text(uint32_t type, const char *text)
{
	put_string(mb2_tag(type, (uint32_t)strlen(text) + 1), text);
}

static void mb2_module(uint32_t start, uint32_t end, const char *text)
{
	uint32_t at = mb2_tag(3, (uint32_t)strlen(text) + 9);

	put32(at, start);
	put32(at + 4, end);
	put_string(at + 8, text);
}

/* A memory map of one range. */
static void mb2_range(uint64_t start, uint64_t size, uint32_t type)
{
	uint32_t at = mb2_tag(6, 8 + 24);

	put32(at, 24);
	put64(at + 8, start);
	put64(at + 16, size);
	put32(at + 24, type);
}

static void mb2_finish(void)
{
	mb2_tag(0, 0);
	put32(INFO, mb2_end - INFO);
}

static void efi_descriptor(uint32_t at, uint32_t type, uint64_t start, uint64_t pages)
{
	put32(at, type);
	put64(at + 8, start);
	put64(at + 24, pages);
}

/* What GRUB passes on EFI. */
static void mb2_grub_efi(void)
{
	uint32_t at;

	mb2_begin();
	mb2_text(1, "console=com1");
	mb2_text(2, "GRUB 2.06");
	mb2_module(0x1000000, 0x2000000, "root=/dev/sda1 ro");
	mb2_module(0x2000000, 0x2345678, "");
	at = mb2_tag(6, 8 + 3 * 24);
	put32(at, 24);
	put64(at + 8, 0);
	put64(at + 16, 0xa0000);
	put32(at + 24, 1);
	put64(at + 32, 0x100000);
	put64(at + 40, 0x3ff00000);
	put32(at + 48, 1);
	put64(at + 56, 0x40000000);
	put64(at + 64, 0x1000);
	put32(at + 72, 3);
	at = mb2_tag(8, 32);
	put64(at, 0x4000000000ull);
	put32(at + 8, 3200);
	put32(at + 12, 800);
	put32(at + 16, 600);
	put8(at + 20, 32);
	put8(at + 21, 1);
	put8(at + 24, 16);
	put8(at + 25, 8);
	put64(mb2_tag(12, 8), 0x3fe00018);
	put_rsdp(memory + mb2_tag(15, 36), 2);
	put_rsdp(memory + mb2_tag(14, 20), 0);
	at = mb2_tag(17, 8 + 2 * 48);
	put32(at, 48);
	put32(at + 4, 1);
	efi_descriptor(at + 8, 7, 0x100000, 0x1000);
	efi_descriptor(at + 56, 4, 0x3000000, 0x10);
	mb2_finish();
}

static void test_mb2(void **state)
{
	(void)state;
	mb2_grub_efi();
	assert_null(parse(MB2));
	assert_string_equal(info.loader, "GRUB 2.06");
	assert_string_equal(info.cmdline, "console=com1");
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.modules[1].start, 0x2000000);
	assert_int_equal(info.modules[1].end, 0x2345678);
	assert_string_equal(info.modules[0].cmdline, "root=/dev/sda1 ro");
	assert_string_equal(info.modules[1].cmdline, "");
	assert_int_equal(info.framebuffer.address, 0x4000000000ull);
	assert_int_equal(info.framebuffer.height, 600);
	assert_int_equal(info.framebuffer.red_size, 8);
	assert_int_equal(info.efi.system_table, 0x3fe00018);
	assert_int_equal(info.efi.map_size, 96);
	assert_int_equal(info.efi.descriptor_size, 48);
	assert_int_equal(info.rsdp[15], 2); /* the revision: of two copies the new one */
	assert_int_equal(info.memmap.count, 5);
	assert_int_equal(info.memmap.entry[2].start, 0x3000000);
	assert_int_equal(info.memmap.entry[2].end, 0x3010000);
	assert_int_equal(info.memmap.entry[2].type, MEMMAP_BOOT_SERVICES);
	assert_int_equal(info.memmap.entry[4].type, MEMMAP_ACPI);
}

static void test_mb2_many_modules(void **state)
{
	(void)state;
	mb2_begin();
	mb2_range(0, 0x10000000, 1);
	for (uint32_t i = 0; i < BOOT_MAX_MODULES + 3; i++)
		mb2_module(i << 20, (i + 1) << 20, "x");
	mb2_finish();
	assert_null(parse(MB2));
	assert_int_equal(info.module_count, BOOT_MAX_MODULES);
	assert_int_equal(info.memmap.count, 1);
}

static void test_mb2_bad(void **state)
{
	static const uint8_t needs_more[] = { 3, 6, 12, 17 };
	uint32_t at;

	(void)state;
	mb2_begin();
	mb2_finish();
	assert_non_null(parse(MB2)); /* no memory map */
	for (unsigned int i = 0; i < sizeof(needs_more); i++) {
		mb2_begin();
		mb2_range(0, 0x10000000, 1);
		mb2_tag(needs_more[i], 7);
		mb2_finish();
		assert_non_null(parse(MB2));
	}
	mb2_grub_efi();
	put32(INFO + 12, 7); /* the first tag's size */
	assert_non_null(parse(MB2));
	put32(INFO + 12, 0xffffffff);
	assert_non_null(parse(MB2));
	mb2_grub_efi();
	put32(INFO, 7); /* the size of it all */
	assert_non_null(parse(MB2));
	put32(INFO, 0xffffffff);
	assert_non_null(parse(MB2));

	mb2_begin();
	at = mb2_tag(6, 8 + 24);
	put32(at, 0); /* map entries of no size */
	mb2_finish();
	assert_non_null(parse(MB2));

	mb2_grub_efi();
	mb2_end -= 8;
	mb2_tag(18, 0); /* boot services still alive */
	mb2_finish();
	assert_non_null(parse(MB2));

	mb2_begin();
	mb2_range(0, 0x10000000, 1);
	mb2_tag(11, 4); /* 32-bit EFI */
	mb2_finish();
	assert_non_null(parse(MB2));
}

static void test_mb2_odd_efi_map(void **state)
{
	static const uint32_t sizes[] = { 0, 39, 97, 0xffffffff };

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t at;

		mb2_grub_efi();
		at = mb2_end - 8 - 104;
		assert_int_equal(memory[at], 48);
		put32(at, sizes[i]);
		assert_non_null(parse(MB2));
	}
	/* As large as there is room, and larger. */
	for (uint32_t extra = 0; extra <= 48; extra += 48) {
		mb2_grub_efi();
		mb2_end -= 8;
		put32(mb2_tag(17, 8 + EFI_MAP_SIZE / 48 * 48 + extra), 48);
		mb2_finish();
		if (extra)
			assert_non_null(parse(MB2));
		else
			assert_null(parse(MB2));
	}
	/* Without a system table, or without a map, it is no EFI. */
	mb2_begin();
	mb2_range(0, 0x10000000, 1);
	put64(mb2_tag(12, 8), 0x3fe00018);
	mb2_finish();
	assert_null(parse(MB2));
	assert_int_equal(info.efi.system_table, 0);
}

/* A text without NUL ends with its tag. */
static void test_mb2_unterminated(void **state)
{
	(void)state;
	mb2_begin();
	mb2_range(0, 0x10000000, 1);
	memcpy(memory + mb2_tag(2, 4), "load", 4);
	memcpy(memory + mb2_tag(1, 8), "mullion!", 8);
	mb2_finish();
	assert_null(parse(MB2));
	assert_string_equal(info.loader, "load");
	assert_string_equal(info.cmdline, "");
}

/* Whatever is damaged: no read out of bounds, no endless loop. */
static void damage(uint32_t magic, void (*make)(void), uint32_t end)
{
	memory_strict(false);
	for (int round = 0; round < 3000; round++) {
		memset(memory + INFO, 0, 0x2000);
		make();
		for (uint32_t n = 1 + random_next() % 3; n; n--)
			put8(INFO + random_next() % (end - INFO), (uint8_t)random_next());
		parse(magic);
		assert_true(info.module_count <= BOOT_MAX_MODULES);
		assert_true(info.text_used <= BOOT_TEXT_SIZE);
		assert_non_null(memchr(info.loader, 0, BOOT_TEXT_SIZE));
		assert_non_null(memchr(info.cmdline, 0, BOOT_TEXT_SIZE));
		memory_strict(false);
	}
}

static void test_damage(void **state)
{
	(void)state;
	random_seed(3);
	damage(MB1, mb1_qemu, INFO + 116);
	damage(MB1, mb1_qemu, 0xa510);
	mb2_grub_efi();
	damage(MB2, mb2_grub_efi, mb2_end);
}

/* Cut off at every byte. */
static void test_truncated(void **state)
{
	uint32_t end;

	(void)state;
	mb2_grub_efi();
	end = mb2_end;
	for (uint32_t size = 0; size < end - INFO; size++) {
		put32(INFO, size);
		parse(MB2);
	}
	put32(INFO, end - INFO);
	assert_null(parse(MB2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mb1),
		TEST(test_mb1_grub_passes_no_file_name),
		TEST(test_mb1_odd_types),
		TEST(test_mb1_bad),
		TEST(test_mb2),
		TEST(test_mb2_many_modules),
		TEST(test_mb2_bad),
		TEST(test_mb2_odd_efi_map),
		TEST(test_mb2_unterminated),
		TEST(test_damage),
		TEST(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
