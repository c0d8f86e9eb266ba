/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a vCPU's memory from root mode: instruction bytes and crash reports.
 * Nothing here sets accessed bits or faults; what cannot be read is reported so. */
#ifndef HV_GUEST_MEMORY_H
#define HV_GUEST_MEMORY_H

#include <mullion/abi.h>

#include "hv/types.h"
#include "hv/x86.h"

struct vcpu;
struct vm;

#define SEGMENT_LONG BIT(9) /* of mullion_segment.attr: a 64-bit code segment */

/* Whether code is 64-bit, by EFER and CS (APM vol. 2 4.8.1). */
static inline bool is_code64(uint64_t efer, const struct mullion_segment *cs)
{
	return efer & EFER_LMA && cs->attr & SEGMENT_LONG;
}

/* Where a guest-physical address of `vm` lies. False if nothing is mapped, or no RAM of the
 * service domain's. Without memory_lock: safe for the current vCPU's VM only, whose frames
 * cannot change hands meanwhile. */
bool guest_translate(const struct vm *vm, gpa_t gpa, hpa_t *hpa);

/* Walks the page tables that `state` (groups CR, SEG) points to. */
bool guest_walk(const struct vm *vm, const struct mullion_run *state, uint64_t linear, gpa_t *gpa);

/* Copies up to `size` bytes from a linear address. -> bytes copied, fewer where the rest
 * cannot be read. */
size_t guest_read(const struct vm *vm, const struct mullion_run *state, uint64_t linear,
		  uint8_t *buffer, size_t size);

/* The instruction bytes at CS:RIP. -> bytes read, up to `size`. `state` must hold the groups
 * RIP, SEG and CR. */
size_t guest_fetch(const struct vm *vm, const struct mullion_run *state, uint8_t *buffer,
		   size_t size);

#endif
