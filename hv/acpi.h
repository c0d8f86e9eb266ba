/* SPDX-License-Identifier: GPL-2.0-only */
/* The few facts that root mode takes from the ACPI tables. The tables are
 * treated as hostile: every length, address and checksum is checked, and what
 * fails is left out. */
#ifndef HV_ACPI_H
#define HV_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "hv/boot/physmap.h"

#define ACPI_MAX_PROCESSORS 256

/* A generic address structure (ACPI 5.2.3.2). */
struct acpi_address {
	uint8_t space;    /* enum acpi_space */
	uint8_t width;    /* bits */
	uint64_t address; /* 0: there is none */
};

enum acpi_space {
	ACPI_SPACE_MEMORY = 0,
	ACPI_SPACE_IO = 1,
	ACPI_SPACE_PCI = 2,
};

struct acpi_info {
	uint32_t processor_count;              /* enabled ones; 0 without a sound MADT */
	uint32_t apic_id[ACPI_MAX_PROCESSORS]; /* in table order, each once */
	uint32_t processors_dropped;           /* entries beyond ACPI_MAX_PROCESSORS */
	uint64_t lapic_address;                /* physical; 0 without a sound MADT */
	struct acpi_address reset;             /* address 0: not supported */
	uint8_t reset_value;
	struct acpi_address pm1a_event, pm1a_control;
};

/* Looks for the RSDP where a BIOS leaves it: the first KiB of the EBDA and
 * 0xe0000-0xfffff (ACPI 5.2.5.1). Returns its address, or 0. */
uint64_t acpi_find_rsdp(physmap_fn *map);

/* Returns the size of the sound RSDP at `rsdp`, of which `size` bytes may be
 * read: 20 (revision 0) or 36, or 0 when it is not sound. */
uint32_t acpi_rsdp_size(const void *rsdp, size_t size);

/*
 * Fills `info` from the tables under `rsdp`, of which `size` bytes are valid.
 * Returns NULL, or what is wrong in words; what could be read stands in `info`
 * even then. Logs what it leaves out.
 */
const char *acpi_parse(struct acpi_info *info, const void *rsdp, size_t size, physmap_fn *map);

#endif
