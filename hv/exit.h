/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit policy: what becomes of each exit, of guests and of the service domain. */
#ifndef HV_EXIT_H
#define HV_EXIT_H

#include <mullion/abi.h>

struct vcpu;
struct vm_exit;

/* Answers the exit so that this processor's current vCPU, afterwards perhaps another one,
 * can be entered. */
void exit_handle(struct vcpu *v, const struct vm_exit *x);

/* Ends a guest's turn with an exit to the module. The caller has filled the reason's own part
 * of the run page's exit record; the rest of it and `groups` are filled here. */
void exit_leave(struct vcpu *v, const struct vm_exit *x, enum mullion_exit_reason reason,
		uint32_t groups);

/* Answers EXIT_CPUID: registers and RIP. */
void cpuid_exit(struct vcpu *v, const struct vm_exit *x);

#endif
