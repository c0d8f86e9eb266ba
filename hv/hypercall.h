/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls of the service domain; the interface is <mullion/abi.h>. */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

struct vcpu;

/* Does what the service domain's vCPU `v` asks for in its registers; RIP is past the
 * instruction already. VCPU_RUN makes another vCPU this processor's current one. */
void hypercall(struct vcpu *v);

#endif
