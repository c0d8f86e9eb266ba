/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of the processor's CPUID guests are offered: an allow-list. A bit that has no row here is
 * not offered, so that a new processor's features wait until somebody has thought of them.
 *
 * Pure C: the same file builds into mullion.ko and into the tests on the host.
 */
#ifndef MULLION_CPUID_POLICY_H
#define MULLION_CPUID_POLICY_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#define CPUID_POLICY_SUBLEAVES 64 /* of a leaf that has subleaves, at the most */

struct cpuid_values {
	uint32_t eax, ebx, ecx, edx;
};

/* What the answers depend on besides the processor. */
struct cpuid_policy {
	uint64_t xcr0;      /* bits that guests may set */
	uint32_t phys_bits; /* of guest-physical addresses, at the most */
	bool kvmclock;
	bool steal_time; /* the waiting time of vCPUs is known */
	/* The processor's own CPUID. */
	struct cpuid_values (*native)(uint32_t leaf, uint32_t subleaf);
};

/* The highest leaves offered: basic, KVM's own, extended. */
uint32_t cpuid_policy_limit(const struct cpuid_policy *policy, uint32_t base);

/* Whether the leaf's answer depends on ECX. */
bool cpuid_policy_indexed(uint32_t leaf);

/* What guests are offered at a leaf and subleaf; all zero is nothing. */
struct cpuid_values cpuid_policy_values(const struct cpuid_policy *policy, uint32_t leaf,
					uint32_t subleaf);

#endif
