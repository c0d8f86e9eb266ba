/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86 integer arithmetic with its flags (APM vol. 3 chapter 3).
 *
 * Operands are `size` bytes (1, 2, 4, 8), zero-extended; so are results. Each
 * function replaces in `*flags` exactly the status flags that the instruction
 * defines; flags that the manual leaves undefined are either left alone or set
 * to what processors commonly do.
 */
#ifndef MULLION_EMULATE_ALU_H
#define MULLION_EMULATE_ALU_H

#include "guest_walk.h"

uint64_t alu_add(uint64_t a, uint64_t b, bool carry, unsigned int size, uint64_t *flags);
uint64_t alu_sub(uint64_t a, uint64_t b, bool borrow, unsigned int size, uint64_t *flags);
/* Flags of AND, OR, XOR and TEST. -> result. */
uint64_t alu_logic(uint64_t result, unsigned int size, uint64_t *flags);
uint64_t alu_inc(uint64_t a, unsigned int size, uint64_t *flags);
uint64_t alu_dec(uint64_t a, unsigned int size, uint64_t *flags);

enum alu_shift { ALU_ROL, ALU_ROR, ALU_RCL, ALU_RCR, ALU_SHL, ALU_SHR, ALU_SAL, ALU_SAR };
/* `count` is masked as the processor does. */
uint64_t alu_shift(enum alu_shift kind, uint64_t a, unsigned int count, unsigned int size,
		   uint64_t *flags);
/* SHLD and SHRD: shifts `a`, taking bits from `b`. */
uint64_t alu_shift_double(bool left, uint64_t a, uint64_t b, unsigned int count, unsigned int size,
			  uint64_t *flags);

/* The full product; CF and OF say whether `*high` matters. */
uint64_t alu_mul(uint64_t a, uint64_t b, unsigned int size, uint64_t *high, uint64_t *flags);
uint64_t alu_imul(uint64_t a, uint64_t b, unsigned int size, uint64_t *high, uint64_t *flags);
/* high:low / divisor. False: divisor 0, or a quotient too large (#DE). */
bool alu_div(uint64_t high, uint64_t low, uint64_t divisor, unsigned int size, uint64_t *quotient,
	     uint64_t *remainder);
bool alu_idiv(uint64_t high, uint64_t low, uint64_t divisor, unsigned int size, uint64_t *quotient,
	      uint64_t *remainder);

/* Condition code 0-15 as in Jcc, SETcc and CMOVcc. */
bool alu_condition(unsigned int code, uint64_t flags);

#endif
