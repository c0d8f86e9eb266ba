/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests' local APICs: what root mode answers of them on the register page that it has in common
 * with the module (mullion_run.apic_base and VCPU_CREATE in abi.h say who may write what).
 *
 * The page is the module's to write at any time, so nothing on it is believed: every word is read
 * once, loops are over the eight words of a set of vectors, and what comes of it is an interrupt
 * for the page's own guest, or none.
 */
#ifndef HV_APIC_H
#define HV_APIC_H

#include "hv/vcpu.h"

/* Registers (APM vol. 2 16.3.2, SDM vol. 3A 11.4.1); x2APIC's MSR is MSR_X2APIC + offset / 16. */
#define APIC_TPR 0x80
#define APIC_EOI 0xb0
#define APIC_SPIV 0xf0
#define APIC_ISR 0x100
#define APIC_TMR 0x180
#define APIC_IRR 0x200
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_SELF_IPI 0x3f0 /* x2APIC only */
#define MSR_X2APIC 0x800u

/* IA32_APIC_BASE */
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)

/* A guest's mode in this turn: XAPIC, X2APIC, or none with which root mode has to do. */
#define APIC_MODE(v) ((v)->apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC))
#define XAPIC APIC_BASE_ENABLE
#define X2APIC (APIC_BASE_ENABLE | APIC_BASE_X2APIC)

/* ISR, TMR, IRR: the word of a set of vectors in which one has its bit. */
#define APIC_WORD(v, set, vector) (v)->apic[((set) + (vector) / 32 * 0x10) / 4]
#define VECTOR_BIT(vector) (1u << (vector) % 32)

/* A nested fault at the register page (xAPIC), or an access to one of x2APIC's MSRs. False, and
 * nothing has changed, if that is not root mode's to answer. A write that was sets
 * v->apic_changed; apic_fault() has gone past the instruction. */
bool apic_fault(struct vcpu *v, const struct vm_exit *x);
bool apic_msr(struct vcpu *v, uint32_t index, bool write, uint64_t *value);

/* For the map of a processor that answers x2APIC's MSRs by itself: calls `visit` for each, with
 * whether it may be read and written without an exit. */
void apic_for_each_msr(void (*visit)(void *map, uint32_t index, bool read, bool write), void *map);

/*
 * Takes the page's highest request into v->inject if the guest is open for it; otherwise
 * v->request asks for the exit with which it will be. Called at the beginning of a turn and
 * after whatever may have changed the outcome since (v->apic_changed); requests that come
 * meanwhile end the turn by the interrupt with which the module kicks the vCPU.
 */
void apic_evaluate(struct vcpu *v);

#endif
