// SPDX-License-Identifier: GPL-2.0-only
/* Section numbers are those of the ACPI specification 6.4. */
#include "hv/acpi.h"

#include <stdbool.h>

#include "hv/lib/string.h"
#include "hv/log.h"

/* Bounds on what a sane machine has. */
#define MAX_TABLE_SIZE (1u << 20)
#define MAX_TABLES 1024

/* RSDP, 5.2.5.3. */
enum {
	RSDP_REVISION = 15,
	RSDP_RSDT = 16,
	RSDP_OLD_SIZE = 20,
	RSDP_LENGTH = 20,
	RSDP_XSDT = 24,
	RSDP_SIZE = 36,
};

/* Header of every other table, 5.2.6. */
enum {
	TABLE_LENGTH = 4,
	TABLE_HEADER = 36,
};

/* MADT, 5.2.12. */
enum {
	MADT_LAPIC_ADDRESS = 36,
	MADT_ENTRIES = 44,

	MADT_LAPIC = 0,
	MADT_LAPIC_SIZE = 8,
	MADT_LAPIC_OVERRIDE = 5,
	MADT_LAPIC_OVERRIDE_SIZE = 12,
	MADT_X2APIC = 9,
	MADT_X2APIC_SIZE = 16,

	MADT_ENABLED = 1, /* flag */
};

/* FADT, 5.2.9. */
enum {
	FADT_PM1A_EVENT = 56,
	FADT_PM1A_CONTROL = 64,
	FADT_PM1_EVENT_LENGTH = 88,
	FADT_PM1_CONTROL_LENGTH = 89,
	FADT_FLAGS = 112,
	FADT_OLD_SIZE = 116,
	FADT_RESET = 116,
	FADT_RESET_VALUE = 128,
	FADT_RESET_END = 129,
	FADT_X_PM1A_EVENT = 148,
	FADT_X_PM1A_CONTROL = 172,
	FADT_X_PM1A_END = 184,

	FADT_RESET_SUPPORTED = 1 << 10, /* flag */
};

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

static bool sums_to_zero(const uint8_t *p, uint32_t size)
{
	uint8_t sum = 0;

	while (size--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

uint32_t acpi_rsdp_size(const void *rsdp, size_t size)
{
	const uint8_t *p = rsdp;

	if (!p || size < RSDP_OLD_SIZE || memcmp(p, "RSD PTR ", 8) ||
	    !sums_to_zero(p, RSDP_OLD_SIZE))
		return 0;
	if (p[RSDP_REVISION] >= 2 && size >= RSDP_SIZE && get32(p + RSDP_LENGTH) == RSDP_SIZE &&
	    sums_to_zero(p, RSDP_SIZE))
		return RSDP_SIZE;
	return RSDP_OLD_SIZE;
}

/* The RSDP stands on a 16-byte boundary in the `size` bytes at `pa`. */
static uint64_t scan(uint64_t pa, uint32_t size, physmap_fn *map)
{
	const uint8_t *area = map(pa, size);

	for (uint32_t offset = 0; area && offset < size; offset += 16)
		if (acpi_rsdp_size(area + offset, size - offset))
			return pa + offset;
	return 0;
}

uint64_t acpi_find_rsdp(physmap_fn *map)
{
	const uint8_t *bda = map(0x40e, 2); /* the EBDA's segment */
	uint64_t ebda = bda ? (uint64_t)(bda[0] | bda[1] << 8) << 4 : 0;
	uint64_t rsdp = ebda ? scan(ebda, 1024, map) : 0;

	return rsdp ? rsdp : scan(0xe0000, 0x20000, map);
}

/* Returns the table at `pa` if it has that signature and is sound, or NULL. */
static const uint8_t *table_at(uint64_t pa, const char *signature, physmap_fn *map)
{
	const uint8_t *table = map(pa, TABLE_HEADER);
	uint32_t length;

	if (!pa || !table || memcmp(table, signature, 4))
		return NULL;
	length = get32(table + TABLE_LENGTH);
	table = length < TABLE_HEADER || length > MAX_TABLE_SIZE ? NULL : map(pa, length);
	if (!table)
		pr_warn("ACPI table %s at 0x%lx: impossible length %u", signature, pa, length);
	else if (!sums_to_zero(table, length))
		pr_warn("ACPI table %s at 0x%lx: wrong checksum", signature, pa);
	else
		return table;
	return NULL;
}

static void add_processor(struct acpi_info *info, uint32_t apic_id)
{
	for (uint32_t i = 0; i < info->processor_count; i++)
		if (info->apic_id[i] == apic_id)
			return;
	if (info->processor_count == ACPI_MAX_PROCESSORS) {
		info->processors_dropped++;
		return;
	}
	info->apic_id[info->processor_count++] = apic_id;
}

static void madt_entry(struct acpi_info *info, const uint8_t *entry, uint32_t size)
{
	uint8_t type = entry[0];

	/* The highest ID of either kind means "no processor". */
	if (type == MADT_LAPIC && size >= MADT_LAPIC_SIZE) {
		if (get32(entry + 4) & MADT_ENABLED && entry[3] != UINT8_MAX)
			add_processor(info, entry[3]);
	} else if (type == MADT_X2APIC && size >= MADT_X2APIC_SIZE) {
		if (get32(entry + 8) & MADT_ENABLED && get32(entry + 4) != UINT32_MAX)
			add_processor(info, get32(entry + 4));
	} else if (type == MADT_LAPIC_OVERRIDE && size >= MADT_LAPIC_OVERRIDE_SIZE) {
		info->lapic_address = get64(entry + 4);
	}
}

static void take_madt(struct acpi_info *info, const uint8_t *madt)
{
	uint32_t length = get32(madt + TABLE_LENGTH), offset = MADT_ENTRIES;

	if (length < MADT_ENTRIES) {
		pr_warn("ACPI: the MADT is too short: %u bytes", length);
		return;
	}
	info->lapic_address = get32(madt + MADT_LAPIC_ADDRESS);
	while (length - offset >= 2) {
		uint32_t size = madt[offset + 1];

		if (size < 2 || size > length - offset) {
			pr_warn("ACPI: the MADT's entry at offset %u has a wrong length, %u",
				offset, size);
			return;
		}
		madt_entry(info, madt + offset, size);
		offset += size;
	}
}

static struct acpi_address address_at(const uint8_t *p)
{
	return (struct acpi_address){ .space = p[0], .width = p[1], .address = get64(p + 4) };
}

/* A register block of ACPI 1.0, an I/O port; the extended form at `extended`
 * takes precedence if the FADT has one. */
static struct acpi_address pm1_address(const uint8_t *fadt, uint32_t port, uint32_t length,
				       uint32_t extended)
{
	if (get32(fadt + TABLE_LENGTH) >= FADT_X_PM1A_END && get64(fadt + extended + 4))
		return address_at(fadt + extended);
	return (struct acpi_address){
		.space = ACPI_SPACE_IO,
		.width = (uint8_t)(fadt[length] * 8),
		.address = get32(fadt + port),
	};
}

static void take_fadt(struct acpi_info *info, const uint8_t *fadt)
{
	uint32_t length = get32(fadt + TABLE_LENGTH);

	if (length < FADT_OLD_SIZE) {
		pr_warn("ACPI: the FADT is too short: %u bytes", length);
		return;
	}
	info->pm1a_event =
		pm1_address(fadt, FADT_PM1A_EVENT, FADT_PM1_EVENT_LENGTH, FADT_X_PM1A_EVENT);
	info->pm1a_control =
		pm1_address(fadt, FADT_PM1A_CONTROL, FADT_PM1_CONTROL_LENGTH, FADT_X_PM1A_CONTROL);
	if (length >= FADT_RESET_END && get32(fadt + FADT_FLAGS) & FADT_RESET_SUPPORTED) {
		info->reset = address_at(fadt + FADT_RESET);
		info->reset_value = fadt[FADT_RESET_VALUE];
	}
}

const char *acpi_parse(struct acpi_info *info, const void *rsdp, size_t size, physmap_fn *map)
{
	const uint8_t *p = rsdp, *list = NULL, *madt = NULL, *fadt = NULL;
	uint32_t rsdp_size = acpi_rsdp_size(rsdp, size), pointer = 8, count;

	memset(info, 0, sizeof(*info));
	if (!rsdp_size)
		return "no sound ACPI root pointer";
	if (rsdp_size == RSDP_SIZE)
		list = table_at(get64(p + RSDP_XSDT), "XSDT", map);
	if (!list) {
		list = table_at(get32(p + RSDP_RSDT), "RSDT", map);
		pointer = 4;
	}
	if (!list)
		return "no sound ACPI root table";

	count = (get32(list + TABLE_LENGTH) - TABLE_HEADER) / pointer;
	if (count > MAX_TABLES) {
		pr_warn("ACPI: of %u tables only the first %u are looked at", count, MAX_TABLES);
		count = MAX_TABLES;
	}
	for (uint32_t i = 0; i < count && !(madt && fadt); i++) {
		const uint8_t *entry = list + TABLE_HEADER + i * pointer;
		uint64_t pa = pointer == 8 ? get64(entry) : get32(entry);

		if (!madt)
			madt = table_at(pa, "APIC", map);
		if (!fadt)
			fadt = table_at(pa, "FACP", map);
	}
	if (fadt)
		take_fadt(info, fadt);
	else
		pr_warn("ACPI: no sound FADT: no reset register");
	if (!madt)
		return "no sound ACPI processor table (MADT)";
	take_madt(info, madt);
	if (info->processors_dropped)
		pr_warn("ACPI: %u processors left out: %u are the most", info->processors_dropped,
			ACPI_MAX_PROCESSORS);
	return NULL;
}
