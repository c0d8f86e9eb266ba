/* SPDX-License-Identifier: GPL-2.0-only */
/* MSR policy: which MSRs a guest or the service domain uses directly, and what
 * becomes of accesses to the others. */
#ifndef HV_MSR_H
#define HV_MSR_H

#include "hv/types.h"

struct vcpu;
struct vm_exit;

/* The service domain uses all MSRs without an exit but for the exceptions, guests none. */
static inline bool msr_passes_by_default(bool service)
{
	return service;
}

/* Calls `visit` for each exception with what it allows, so that the vendors can build their
 * permission maps, once. */
void msr_for_each_exception(bool service,
			    void (*visit)(void *map, uint32_t index, bool read, bool write),
			    void *map);

/* Answers EXIT_RDMSR and EXIT_WRMSR of the current vCPU. */
void msr_exit(struct vcpu *v, const struct vm_exit *x);

/* The MSRs of struct mullion_msrs that guests use directly and that the processor does not
 * switch, as far as it has them. */
void msr_load_guest(struct vcpu *v);
void msr_save_guest(struct vcpu *v);

#endif
