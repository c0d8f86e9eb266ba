// SPDX-License-Identifier: GPL-2.0-only
/* Section numbers are those of the ACPI specification 6.4. */
#include "hv/acpi.h"

#include "hv/lib/string.h"
#include "hv/log.h"
#include "hv/phys.h"

/* Bounds on what a sane machine has. */
#define MAX_TABLE_SIZE MIB
#define MAX_TABLES 1024u

#define PACKED __attribute__((packed))

struct rsdp { /* 5.2.5.3 */
	char signature[8];
	uint8_t checksum, oem[6], revision;
	uint32_t rsdt;
	uint32_t length; /* this and the rest from revision 2 on */
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} PACKED;
_Static_assert(sizeof(struct rsdp) == ACPI_RSDP_SIZE, "ACPI 5.2.5.3");
#define RSDP_OLD_SIZE offsetof(struct rsdp, length)

struct table { /* 5.2.6: what every other table begins with */
	char signature[4];
	uint32_t length;
	uint8_t other[28];
} PACKED;

struct madt { /* 5.2.12 */
	struct table header;
	uint32_t lapic_address, flags;
	uint8_t entries[];
} PACKED;

struct madt_entry {
	uint8_t type, size;
	union {
		struct {
			uint8_t uid, id;
			uint32_t flags;
		} PACKED lapic; /* 5.2.12.2 */
		struct {
			uint16_t reserved;
			uint32_t id, flags, uid;
		} PACKED x2apic; /* 5.2.12.12 */
	};
} PACKED;
#define MADT_LAPIC 0
#define MADT_LAPIC_SIZE 8
#define MADT_X2APIC 9
#define MADT_X2APIC_SIZE 16
#define MADT_ENABLED 1

struct fadt { /* 5.2.9 */
	struct table header;
	uint8_t other[76];
	uint32_t flags;
	uint8_t reset_space, reset_format[3];
	uint64_t reset_address;
	uint8_t reset_value;
} PACKED;
#define FADT_RESET_SUPPORTED (1u << 10)
#define SPACE_IO 1

static bool sums_to_zero(const void *bytes, size_t size)
{
	uint8_t sum = 0;

	for (const uint8_t *p = bytes; size; size--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static bool is_rsdp(const struct rsdp *p)
{
	return p && !memcmp(p->signature, "RSD PTR ", 8) && sums_to_zero(p, RSDP_OLD_SIZE);
}

/* The root pointer begins on a 16-byte boundary in the `size` bytes at `pa`. */
static const struct rsdp *scan(uint64_t pa, size_t size)
{
	const uint8_t *area = phys_map(pa, size + sizeof(struct rsdp));

	for (size_t at = 0; area && at < size; at += 16)
		if (is_rsdp((const void *)(area + at)))
			return (const void *)(area + at);
	return NULL;
}

/* Where a BIOS leaves it: the first KiB of the EBDA and 0xe0000-0xfffff (5.2.5.1). */
static const struct rsdp *find_rsdp(void)
{
	const uint8_t *segment = phys_map(0x40e, 2);
	uint64_t ebda = segment ? (uint64_t)(segment[0] | segment[1] << 8) << 4 : 0;
	const struct rsdp *rsdp = ebda ? scan(ebda, KIB) : NULL;

	return rsdp ? rsdp : scan(0xe0000, 128 * KIB);
}

/* Returns the table at `pa` if it has that signature and is sound, or NULL. */
static const void *table_at(uint64_t pa, const char *signature)
{
	const struct table *table = pa ? phys_map(pa, sizeof(*table)) : NULL;
	uint32_t length;

	if (!table || memcmp(table->signature, signature, 4))
		return NULL;
	length = table->length;
	if (length >= sizeof(*table) && length <= MAX_TABLE_SIZE) {
		table = phys_map(pa, length);
		if (table && sums_to_zero(table, length))
			return table;
	}
	pr_warn("ACPI table %s at 0x%lx: impossible length %u, or a wrong checksum", signature, pa,
		length);
	return NULL;
}

static void add_processor(struct acpi_info *info, uint32_t apic_id, uint32_t flags)
{
	for (uint32_t i = 0; i < info->processor_count; i++)
		if (info->apic_id[i] == apic_id)
			return;
	if (flags & MADT_ENABLED && info->processor_count < ACPI_MAX_PROCESSORS)
		info->apic_id[info->processor_count++] = apic_id;
}

/* The highest ID of either kind means "no processor". */
static void take_madt(struct acpi_info *info, const struct madt *madt)
{
	uint32_t length = madt->header.length;

	for (uint32_t at = sizeof(*madt); at + 2 <= length;) {
		const struct madt_entry *entry = (const void *)((const uint8_t *)madt + at);

		if (entry->size < 2 || entry->size > length - at) {
			pr_warn("ACPI: the MADT's entry at offset %u has a wrong length, %u", at,
				entry->size);
			return;
		}
		if (entry->type == MADT_LAPIC && entry->size >= MADT_LAPIC_SIZE &&
		    entry->lapic.id != UINT8_MAX)
			add_processor(info, entry->lapic.id, entry->lapic.flags);
		if (entry->type == MADT_X2APIC && entry->size >= MADT_X2APIC_SIZE &&
		    entry->x2apic.id != UINT32_MAX)
			add_processor(info, entry->x2apic.id, entry->x2apic.flags);
		at += entry->size;
	}
}

/* Only ports are used: memory and PCI registers belong to the service domain. */
static void take_fadt(struct acpi_info *info, const struct fadt *fadt)
{
	if (fadt->header.length >= sizeof(*fadt) && fadt->flags & FADT_RESET_SUPPORTED &&
	    fadt->reset_space == SPACE_IO) {
		info->reset_port = (uint16_t)fadt->reset_address;
		info->reset_value = fadt->reset_value;
	}
}

const char *acpi_parse(struct acpi_info *info, const void *rsdp)
{
	const struct rsdp *root = is_rsdp(rsdp) ? rsdp : find_rsdp();
	const struct madt *madt = NULL;
	const struct fadt *fadt = NULL;
	const struct table *list = NULL;
	uint32_t pointer_size = 8, count;

	memset(info, 0, sizeof(*info));
	if (!root)
		return "no sound root pointer";
	if (root->revision >= 2 && root->length == sizeof(*root) &&
	    sums_to_zero(root, sizeof(*root)))
		list = table_at(root->xsdt, "XSDT");
	if (!list) {
		list = table_at(root->rsdt, "RSDT");
		pointer_size = 4;
	}
	if (!list)
		return "no sound root table";

	count = (list->length - (uint32_t)sizeof(*list)) / pointer_size;
	for (uint32_t i = 0; i < min(count, MAX_TABLES); i++) {
		uint64_t pa = 0;

		memcpy(&pa, (const uint8_t *)(list + 1) + i * pointer_size, pointer_size);
		if (!madt)
			madt = table_at(pa, "APIC");
		if (!fadt)
			fadt = table_at(pa, "FACP");
	}
	if (fadt)
		take_fadt(info, fadt);
	if (!madt)
		return "no sound processor table (MADT)";
	take_madt(info, madt);
	return NULL;
}
