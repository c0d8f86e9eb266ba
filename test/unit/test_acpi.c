// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include <string.h>

#include "hv/acpi.h"

#define RSDP 0xf0010u
#define RSDT 0x10000u
#define XSDT 0x11000u
#define MADT 0x12000u
#define FADT 0x18000u
#define MEMORY_SIZE 0x110000u

static struct acpi_info info;

/* Makes [pa, pa + size) sum to zero by the byte at `at`. */
static void checksum(uint64_t pa, uint32_t size, uint64_t at)
{
	uint8_t sum = 0;

	memory[at] = 0;
	for (uint32_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + memory[pa + i]);
	memory[at] = (uint8_t)-sum;
}

static void table(uint64_t pa, const char *signature, uint32_t length)
{
	memcpy(memory + pa, signature, 4);
	put32(pa + 4, length);
	checksum(pa, length, pa + 9);
}

static void rsdp(uint8_t revision)
{
	memcpy(memory + RSDP, "RSD PTR ", 8);
	put8(RSDP + 15, revision);
	put32(RSDP + 16, RSDT);
	put32(RSDP + 20, 36);
	put64(RSDP + 24, XSDT);
	checksum(RSDP, 20, RSDP + 8);
	checksum(RSDP, 36, RSDP + 32);
}

static uint32_t madt_length;

static void madt_begin(void)
{
	put32(MADT + 36, 0xfee00000);
	madt_length = 44;
}

static void madt_lapic(uint8_t id, uint32_t flags)
{
	put8(MADT + madt_length, 0);
	put8(MADT + madt_length + 1, 8);
	put8(MADT + madt_length + 3, id);
	put32(MADT + madt_length + 4, flags);
	madt_length += 8;
}

static void madt_x2apic(uint32_t id, uint32_t flags)
{
	put8(MADT + madt_length, 9);
	put8(MADT + madt_length + 1, 16);
	put32(MADT + madt_length + 4, id);
	put32(MADT + madt_length + 8, flags);
	madt_length += 16;
}

static void madt_end(void)
{
	table(MADT, "APIC", madt_length);
}

static int setup(void **state)
{
	(void)state;
	log_forget();
	memory_create(MEMORY_SIZE);
	rsdp(2);
	put64(XSDT + 36, FADT);
	put64(XSDT + 44, MADT);
	table(XSDT, "XSDT", 52);
	put32(RSDT + 36, FADT);
	put32(RSDT + 40, MADT);
	table(RSDT, "RSDT", 44);
	madt_begin();
	madt_lapic(0, 1);
	madt_lapic(1, 1);
	madt_end();
	put32(FADT + 112, 1 << 10);
	put8(FADT + 116, 1 /* a port */);
	put8(FADT + 117, 8);
	put64(FADT + 120, 0xcf9);
	put8(FADT + 128, 6);
	table(FADT, "FACP", 244);
	memory_strict(true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_destroy();
	return 0;
}

static const char *parse(void)
{
	memory_strict(true);
	return acpi_parse(&info, memory + RSDP);
}

static void test_sound(void **state)
{
	(void)state;
	for (uint8_t revision = 0; revision <= 2; revision += 2) {
		rsdp(revision);
		assert_null(parse());
		assert_int_equal(info.processor_count, 2);
		assert_int_equal(info.apic_id[0], 0);
		assert_int_equal(info.apic_id[1], 1);
		assert_int_equal(info.reset_port, 0xcf9);
		assert_int_equal(info.reset_value, 6);
	}
}

static void test_reset_register_that_cannot_be_used(void **state)
{
	(void)state;
	put8(FADT + 116, 0); /* in memory */
	table(FADT, "FACP", 244);
	assert_null(parse());
	assert_int_equal(info.reset_port, 0);
	put8(FADT + 116, 1);
	put32(FADT + 112, 0); /* not supported */
	table(FADT, "FACP", 244);
	assert_null(parse());
	assert_int_equal(info.reset_port, 0);
}

/* Without the loader's copy: in the BIOS's area, then in the EBDA. */
static void test_find(void **state)
{
	static const uint8_t none[36];

	(void)state;
	assert_null(acpi_parse(&info, none));
	assert_int_equal(info.processor_count, 2);
	memory_strict(false);
	memmove(memory + 0x9fc20, memory + RSDP, 36);
	memset(memory + RSDP, 0, 36);
	assert_non_null(acpi_parse(&info, none));
	assert_int_equal(info.processor_count, 0);
	put8(0x40e, 0xc0);
	put8(0x40f, 0x9f);
	assert_null(acpi_parse(&info, none));
	assert_int_equal(info.processor_count, 2);
	put8(0x9fc28, (uint8_t)(memory[0x9fc28] + 1));
	assert_non_null(acpi_parse(&info, none));
}

/* An XSDT that must not be looked at: the RSDT serves. */
static void test_rsdp(void **state)
{
	(void)state;
	put8(XSDT + 9, (uint8_t)(memory[XSDT + 9] + 1));
	assert_null(parse());
	assert_true(log_has("XSDT"));
	log_forget();
	put8(RSDP + 33, 1); /* the extended checksum */
	assert_null(parse());
	rsdp(2);
	put32(RSDP + 20, 35); /* the length */
	checksum(RSDP, 36, RSDP + 32);
	assert_null(parse());
	rsdp(0);
	assert_null(parse());
	assert_int_equal(info.processor_count, 2);
	assert_false(log_has("XSDT"));
	put8(RSDP, 'X');
	assert_non_null(parse());
	assert_int_equal(info.processor_count, 0);
}

static void test_disabled_and_repeated_processors(void **state)
{
	(void)state;
	madt_begin();
	madt_lapic(4, 1);
	madt_lapic(5, 0);
	madt_lapic(6, 2); /* online-capable only */
	madt_lapic(255, 1);
	madt_lapic(4, 1);
	madt_x2apic(4, 1);
	madt_x2apic(1000, 1);
	madt_x2apic(UINT32_MAX, 1);
	madt_end();
	assert_null(parse());
	assert_int_equal(info.processor_count, 2);
	assert_int_equal(info.apic_id[0], 4);
	assert_int_equal(info.apic_id[1], 1000);
}

static void test_too_many_processors(void **state)
{
	(void)state;
	madt_begin();
	for (uint32_t i = 0; i < ACPI_MAX_PROCESSORS + 3; i++)
		madt_x2apic(7 * i, 1);
	madt_end();
	assert_null(parse());
	assert_int_equal(info.processor_count, ACPI_MAX_PROCESSORS);
	assert_int_equal(info.apic_id[ACPI_MAX_PROCESSORS - 1], 7 * (ACPI_MAX_PROCESSORS - 1));
}

/* Entries of length 0, 1, and beyond the table's end; what came before counts. */
static void test_bad_madt_entries(void **state)
{
	static const uint8_t lengths[] = { 0, 1, 9, 255 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(lengths); i++) {
		log_forget();
		put8(MADT + madt_length, 0);
		put8(MADT + madt_length + 1, lengths[i]);
		table(MADT, "APIC", madt_length + 8);
		assert_null(parse());
		assert_int_equal(info.processor_count, 2);
		assert_true(log_has("wrong length"));
	}
	/* Too short to be what its type says. */
	put8(MADT + madt_length + 1, 4);
	table(MADT, "APIC", madt_length + 4);
	assert_null(parse());
	assert_int_equal(info.processor_count, 2);
}

static void test_bad_tables(void **state)
{
	static const uint32_t lengths[] = { 0, 35, 0x100001, 0x7fffffff, UINT32_MAX };

	(void)state;
	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		log_forget();
		put32(MADT + 4, lengths[i]);
		assert_non_null(parse());
		assert_true(log_has("impossible length"));
		assert_int_equal(info.processor_count, 0);
		assert_int_equal(info.reset_port, 0xcf9);
	}
	put32(MADT + 4, madt_length);
	put8(MADT + 9, (uint8_t)(memory[MADT + 9] + 1));
	log_forget();
	assert_non_null(parse());
	assert_true(log_has("wrong checksum"));

	table(MADT, "APIC", 40); /* without entries */
	assert_null(parse());
	assert_int_equal(info.processor_count, 0);

	table(FADT, "FACP", 100);
	assert_null(parse());
	assert_int_equal(info.reset_port, 0);
}

static void test_bad_pointers(void **state)
{
	(void)state;
	put64(XSDT + 36, UINT64_MAX - 10);
	put64(XSDT + 44, 0);
	table(XSDT, "XSDT", 52);
	assert_non_null(parse());
	assert_int_equal(info.processor_count, 0);
	put64(RSDP + 24, UINT64_MAX);
	checksum(RSDP, 36, RSDP + 32);
	assert_null(parse()); /* by the RSDT */
	put32(RSDP + 16, 0);
	checksum(RSDP, 20, RSDP + 8);
	checksum(RSDP, 36, RSDP + 32);
	assert_non_null(parse());
}

/* Whatever the tables hold: no read out of bounds, no endless loop. Checksums
 * are made right again, since damage would otherwise hardly get far. */
static void test_damage(void **state)
{
	static const uint32_t places[] = { RSDP, XSDT, MADT, FADT };

	(void)state;
	random_seed(2);
	for (int round = 0; round < 20000; round++) {
		uint8_t saved[4][64];

		memory_strict(true);
		for (unsigned int i = 0; i < 4; i++)
			memcpy(saved[i], memory + places[i], 64);
		for (uint32_t n = 1 + random_next() % 4; n; n--) {
			uint32_t place = places[random_next() % 4];

			put8(place + random_next() % 64, (uint8_t)random_next());
		}
		checksum(RSDP, 20, RSDP + 8);
		checksum(RSDP, 36, RSDP + 32);
		for (unsigned int i = 1; i < 4; i++) {
			uint32_t length;

			memcpy(&length, memory + places[i] + 4, 4);
			if (length > 10 && length < 0x1000)
				checksum(places[i], length, places[i] + 9);
		}
		parse();
		assert_true(info.processor_count <= ACPI_MAX_PROCESSORS);
		for (unsigned int i = 0; i < 4; i++)
			memcpy(memory + places[i], saved[i], 64);
	}
	assert_null(parse());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sound),
		TEST(test_reset_register_that_cannot_be_used),
		TEST(test_find),
		TEST(test_rsdp),
		TEST(test_disabled_and_repeated_processors),
		TEST(test_too_many_processors),
		TEST(test_bad_madt_entries),
		TEST(test_bad_tables),
		TEST(test_bad_pointers),
		TEST(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
