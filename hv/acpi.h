/* SPDX-License-Identifier: GPL-2.0-only */
/* The few facts that root mode takes from the ACPI tables. The tables are
 * treated as hostile: every length, address and checksum is checked, and what
 * fails is left out. */
#ifndef HV_ACPI_H
#define HV_ACPI_H

#include <stdint.h>

#define ACPI_MAX_PROCESSORS 256
#define ACPI_RSDP_SIZE 36 /* of ACPI 2.0 and later */

struct acpi_info {
	uint32_t processor_count;              /* enabled ones; 0 without a sound MADT */
	uint32_t apic_id[ACPI_MAX_PROCESSORS]; /* in table order, each once; later ones left out */
	uint16_t reset_port;                   /* writing reset_value resets; 0: not supported */
	uint8_t reset_value;
};

/*
 * Fills `info` from the tables under `rsdp`, the boot loader's copy of the root pointer, of
 * ACPI_RSDP_SIZE bytes. If it is not sound, zeroes for instance, a BIOS's is looked for.
 *
 * Returns NULL, or what is wrong in words; what could be read stands in `info`
 * even then. Logs what it leaves out.
 */
const char *acpi_parse(struct acpi_info *info, const void *rsdp);

#endif
