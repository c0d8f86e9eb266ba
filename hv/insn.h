/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough of instruction decoding: the length of an instruction whose
 * opcode the exit already told, and the operand of MOV to CR. For processors
 * without next-RIP save and decode assists. Everything wider is emulated in
 * the service domain.
 */
#ifndef HV_INSN_H
#define HV_INSN_H

#include "hv/types.h"

#define INSN_MAX_LENGTH 15 /* APM vol. 3 1.1 */

/* What the exit says the instruction is. */
enum insn_kind {
	INSN_CPUID,
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_HLT,
	INSN_VMMCALL,
	INSN_XSETBV,
	INSN_CACHE_FLUSH, /* INVD or WBINVD: QEMU's software processor mixes up their exits */
	INSN_MOV_TO_CR,
	INSN_KINDS,
};

struct insn {
	uint8_t length;
	uint8_t reg; /* MOV: the control register */
	uint8_t rm;  /* MOV: the general register, enum mullion_gpr */
};

/*
 * Decodes bytes[0..count) as an instruction of `kind`, with any prefixes; REX prefixes
 * only count in 64-bit code. False if it is another instruction or cut short.
 */
bool insn_decode(const uint8_t *bytes, unsigned int count, bool code64, enum insn_kind kind,
		 struct insn *insn);

/* A store of 32 bits to memory: MOV m32, r32; MOV m32, imm32; XCHG m32, r32. */
struct insn_store {
	uint8_t length;
	bool immediate;
	bool exchange;  /* the register takes what memory held */
	uint8_t gpr;    /* unless immediate: enum mullion_gpr */
	uint32_t value; /* if immediate */
};

/* Decodes a store in 32-bit or 64-bit code. False if it is another instruction. */
bool insn_decode_store(const uint8_t *bytes, unsigned int count, bool code64,
		       struct insn_store *store);

#endif
