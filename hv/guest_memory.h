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

#define GUEST_CODE_PAGES 8
#define GUEST_CODE_LEVELS 4

/*
 * A page that a vCPU's code was last read from, and the page-table entries that led there, by
 * level from 0; those that a large page makes superfluous point to their own value. The frames
 * are the VM's while `generation` is its vCPU's tlb_generation. The code is there still while,
 * moreover, the vCPU is in long mode with this CR3 and the entries have these values.
 */
struct guest_code {
	uint64_t page, cr3, generation; /* page: linear >> PAGE_SHIFT */
	const uint8_t *bytes;
	const uint64_t *entry[GUEST_CODE_LEVELS];
	uint64_t value[GUEST_CODE_LEVELS];
};

/* 32 bits to or from memory: MOV m32, r32; MOV m32, imm32; MOV r32, m32; XCHG m32, r32. */
struct insn_move {
	uint8_t length;
	bool load;
	bool immediate;
	bool exchange;  /* the register takes what memory held */
	uint8_t gpr;    /* unless immediate: enum mullion_gpr */
	uint32_t value; /* if immediate */
};

#define GUEST_MOVES 4

/* A move that was decoded before, and its 15 bytes, with those behind it; the 16th says in which
 * kind of code. */
struct guest_move {
	uint64_t bytes[2];
	struct insn_move move;
};

/* Of mullion_segment.attr. */
#define SEGMENT_LONG BIT(9) /* a 64-bit code segment */
#define SEGMENT_32 BIT(10)  /* operands and addresses have 32 bits */

/* Whether code is 64-bit, by EFER and CS (APM vol. 2 4.8.1). */
static inline bool is_code64(uint64_t efer, const struct mullion_segment *cs)
{
	return efer & EFER_LMA && cs->attr & SEGMENT_LONG;
}

/* Where a guest-physical address of `vm` lies. False if nothing is mapped, or no RAM of the
 * service domain's. Without memory_lock: safe for the current vCPU's VM only, whose frames
 * cannot change hands meanwhile. */
bool guest_translate(const struct vm *vm, gpa_t gpa, hpa_t *hpa);

/* Walks the page tables that `state` (groups CR, SEG) points to. Unless `path` is NULL, takes down
 * there the entries that it goes by; they must be of four levels. */
bool guest_walk(const struct vm *vm, const struct mullion_run *state, uint64_t linear, gpa_t *gpa,
		struct guest_code *path);

/* Copies up to `size` bytes from a linear address. -> bytes copied, fewer where the rest
 * cannot be read. */
size_t guest_read(const struct vm *vm, const struct mullion_run *state, uint64_t linear,
		  uint8_t *buffer, size_t size);

/* The instruction bytes at CS:RIP. -> bytes read, up to `size`. `state` must hold the groups
 * RIP, SEG and CR. */
size_t guest_fetch(const struct vm *vm, const struct mullion_run *state, uint8_t *buffer,
		   size_t size);

/* The INSN_MAX_LENGTH bytes at CS:RIP, as guest_fetch(), or from a page that v->code remembers.
 * `state` is what vendor->get_code() says. */
size_t guest_code(struct vcpu *v, const struct mullion_run *state, uint8_t *bytes);

/* Decodes the instruction at CS:RIP. False if it is not one of those. */
bool guest_move(struct vcpu *v, struct insn_move *move);

#endif
