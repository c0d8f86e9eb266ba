/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the VMCB's encodings and Mullion's neutral ones: pure functions. */
#ifndef SVM_TRANSLATE_H
#define SVM_TRANSLATE_H

#include <mullion/abi.h>

#include "hv/event.h"
#include "hv/vcpu.h"
#include "svm/vmcb.h"

/* Bits of a segment's attributes. */
#define SEGMENT_ATTR 0xfffu
#define SEGMENT_DPL_SHIFT 5
#define SEGMENT_DPL (3u << SEGMENT_DPL_SHIFT)

static inline uint8_t segment_dpl(uint16_t attr)
{
	return (attr & SEGMENT_DPL) >> SEGMENT_DPL_SHIFT;
}

static inline uint16_t segment_with_dpl(uint16_t attr, uint8_t dpl)
{
	return (attr & SEGMENT_ATTR & ~SEGMENT_DPL) | (dpl & 3) << SEGMENT_DPL_SHIFT;
}

/*
 * The MSR permission map has two bits for each MSR, of reads and writes, in three ranges
 * of 8192 MSRs (15.11). Position of the first of the two bits, or -1 outside the ranges,
 * where every access exits.
 */
#define MSRPM_SIZE (8 * KIB)
#define MSRPM_RANGES 3
#define MSRPM_RANGE_MSRS 8192u
extern const uint32_t msrpm_range_first[MSRPM_RANGES];
int32_t msrpm_bit(uint32_t index);

/* Fills `x` from the VMCB after an exit of `v`. IRET and ICEBP, which are run.c's, and what
 * cannot be are EXIT_UNKNOWN. */
void exit_decode(const struct vcpu *v, struct vm_exit *x);

#endif
