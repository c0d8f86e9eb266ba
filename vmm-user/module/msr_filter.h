/* SPDX-License-Identifier: GPL-2.0-only */
/* Which MSRs a guest may access, as user space decided. Pure C: the same file builds into
 * mullion.ko and into the tests on the host. */
#ifndef MULLION_MSR_FILTER_H
#define MULLION_MSR_FILTER_H

#include <linux/kvm.h>
#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

struct msr_range {
	uint32_t base, count;
	bool read, write;  /* which accesses it decides */
	uint64_t *allowed; /* a bit each */
};

/* Immutable once a VM has it. */
struct msr_filter {
	bool allow; /* what no range decides */
	unsigned int count;
	struct msr_range ranges[KVM_MSR_FILTER_MAX_RANGES];
};

/* Whether `filter`, which may be NULL, lets an access through. The x2APIC's MSRs always pass. */
bool msr_filter_allows(const struct msr_filter *filter, uint32_t index, bool write);

#endif
