/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of apic.h share. "Lock held" is mullion_apic.lock, with interrupts off. */
#ifndef MULLION_APIC_INTERNAL_H
#define MULLION_APIC_INTERNAL_H

#include "apic.h"

/* -- apic.c -------------------------------------------------------------------- */

/* What the vCPU waits for or is to take has changed: wakes its thread where that sleeps in
 * apic_wait(), or sends it out of the guest. Lock held. */
void apic_kick(struct mullion_vcpu *v);

/* The registers after power-up or INIT; the timer stops with the next apic_timer_arm(). Lock held,
 * unless nobody else knows the APIC yet. Firmware wires the PIC to the first processor; device
 * models that load kernels without firmware expect that it has been done. */
void apic_reset_registers(struct mullion_vcpu *v);

/* -- apic_timer.c ---------------------------------------------------------------- */

/* Makes a new APIC's timer, which is not set. */
void apic_timer_init(struct mullion_apic *apic);

/* Sets the timer to what the registers say, or stops it. Lock held. */
void apic_timer_arm(struct mullion_vcpu *v);

#endif
