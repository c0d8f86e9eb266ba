/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other processors. Root mode starts each at boot and holds it until the
 * service domain sends it INIT and SIPI: those are kept from the hardware, where
 * they would start the processor outside of root mode's reach, and the SIPI's
 * vector becomes the vCPU's first instruction.
 *
 * To see them root mode takes writes to the local APIC's page, and makes them
 * in the service domain's place, until the last processor has been started.
 */
#ifndef HV_SMP_H
#define HV_SMP_H

#include "hv/types.h"

struct vcpu;
struct vm_exit;

/* Starts all processors of cpus[] but the first, the calling one, in root mode's tables with
 * `vendor` on, and write-protects the APIC. Logs those that do not come. */
void smp_start(void);

/* A write of the service domain's to its APIC that root mode took. False if `x` is none. */
bool smp_apic_write(struct vcpu *v, const struct vm_exit *x);

/* The service domain has sent INIT to this processor, another than the first, once it ran, to
 * start it anew: the SIPI would not reach root mode, so it is held for good, and Linux is told
 * by nothing happening. */
_Noreturn void smp_retire(void);

/* A write to the x2APIC's ICR, which goes to the hardware unless it is an INIT or SIPI. False
 * if the hardware refuses it. */
bool smp_icr_write(uint64_t value);

#endif
