/* SPDX-License-Identifier: GPL-2.0-only */
/* x87, SSE, AVX, AVX-512 and PKRU state: what guests may use, root mode
 * switches; it uses none of it itself. */
#ifndef HV_FPU_H
#define HV_FPU_H

#include "hv/types.h"

struct vcpu;

/* Puts the state after INIT into v->fpu, and 1 into XCR0. */
void fpu_init(struct vcpu *v);

/* Saves `from`'s state from the processor and loads `to`'s, with both XCR0. */
void fpu_switch(struct vcpu *from, struct vcpu *to);

/* Between v->fpu (not on the processor) and an image of MULLION_XSAVE_SIZE bytes. What comes
 * in is made harmless: components that guests may not have and reserved bits are dropped. */
void fpu_get(const struct vcpu *v, uint8_t *image);
void fpu_set(struct vcpu *v, const uint8_t *image);

/* Whether a guest may set XCR0 to `value` (SDM vol. 1 13.3). */
bool fpu_xcr0_valid(uint64_t value);

#endif
