/* SPDX-License-Identifier: GPL-2.0-only */
/* What control registers a vCPU may be given from outside. */
#ifndef MULLION_CONTROL_REGS_H
#define MULLION_CONTROL_REGS_H

#include <linux/kvm.h>

struct mullion_vcpu;

/* Whether a processor with the vCPU's CPUID could be in this state (APM vol. 2 3.1, 15.5.1; SDM
 * vol. 3A 2.5): reserved bits, combinations, the mode's consistency. */
bool control_regs_valid(const struct mullion_vcpu *v, const struct kvm_sregs2 *sregs);

/* The same of these alone; cs_long: the code segment's L bit. */
bool mode_valid(const struct mullion_vcpu *v, u64 cr0, u64 cr4, u64 efer, bool cs_long);

/* Whether the vCPU's CPUID has long mode. */
bool guest_has_long_mode(const struct mullion_vcpu *v);

/* Whether EFER may hold `value`, in some mode. */
bool efer_valid(const struct mullion_vcpu *v, u64 value);

/* Whether XCR0 may hold `value` (SDM vol. 1 13.3), given the bits that guests may set. */
bool xcr0_valid(u64 value);

/* Whether the APIC base MSR may hold `value`. */
bool apic_base_valid(const struct mullion_vcpu *v, u64 value);

#endif
