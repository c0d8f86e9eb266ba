/* SPDX-License-Identifier: GPL-2.0-only */
/* `mullion stat`: why guests left non-root mode, and how often. */
#ifndef CLI_STAT_H
#define CLI_STAT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "device.h"

struct stat_row {
	uint32_t vm;
	uint32_t index;
	struct mullion_vcpu_stat stat;
};

/* Counters of all vCPUs at one moment; those of a VM stand together. */
struct stat_sample {
	uint64_t time_ns; /* on CLOCK_BOOTTIME */
	struct machine machine;
	size_t count;
	struct stat_row *rows;
};

/* A table for each VM; `width` is the number of columns of the terminal, 0 for no limit.
 * `before` NULL: the counts. Else their increase since that sample, per second; a counter that is
 * lower than before is of a new vCPU and began at 0. */
void stat_print(FILE *out, const struct stat_sample *sample, const struct stat_sample *before,
		unsigned int width);

/* The counts, as one JSON object on a line. */
void stat_print_json(FILE *out, const struct stat_sample *sample);

#endif
