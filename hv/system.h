/* SPDX-License-Identifier: GPL-2.0-only */
/* What was settled once at boot and holds for the whole machine. */
#ifndef HV_SYSTEM_H
#define HV_SYSTEM_H

#include "hv/acpi.h"
#include "hv/types.h"

#ifndef MULLION_VERSION
#define MULLION_VERSION "0.1.0"
#endif

extern struct acpi_info system_acpi;

/* TSC ticks from the boot loader's jump to the service domain's first instruction. */
extern uint64_t system_boot_ticks;

/* MULLION_FEATURE_* that are in use. */
uint32_t system_features(void);

#endif
