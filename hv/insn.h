/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough of instruction decoding: the length of an instruction whose opcode the exit
 * already told, for processors that do not save it, and moves to and from an APIC's page.
 * Everything wider is emulated in the service domain.
 */
#ifndef HV_INSN_H
#define HV_INSN_H

#include "hv/vcpu.h"

#define INSN_MAX_LENGTH 15 /* APM vol. 3 1.1 */

/*
 * Bytes of the instruction at bytes[0..count), which makes exits of `kind` (up to
 * EXIT_BY_INSN), with any prefixes; REX prefixes only count in 64-bit code. 0 if it is another
 * instruction or cut short. *gpr becomes the register operand (enum mullion_gpr) of EXIT_CR_WRITE's.
 */
uint8_t insn_length(enum exit_kind kind, const uint8_t *bytes, size_t count, bool code64,
		    uint8_t *gpr);

/* The same, of an instruction without prefixes and operands, from its first bytes. */
uint8_t insn_plain_length(enum exit_kind kind, uint32_t word);

/* Decodes a move in 32-bit or 64-bit code. False if it is another instruction. */
bool insn_decode_move(const uint8_t *bytes, size_t count, bool code64, struct insn_move *move);

#endif
