// SPDX-License-Identifier: GPL-2.0-only
/* Instruction lengths; contracts in insn.h. */
#include "hv/insn.h"

#define REX_R 0x04
#define REX_B 0x01
#define PREFIX_LOCK 0xf0

/* Opcodes (APM vol. 3 appendix A). A ModRM byte follows where `modrm` says so. */
static const struct opcode {
	uint8_t length;
	uint8_t bytes[3];
	bool modrm;
} opcodes[INSN_KINDS] = {
	[INSN_CPUID] = { 2, { 0x0f, 0xa2 }, false },
	[INSN_RDMSR] = { 2, { 0x0f, 0x32 }, false },
	[INSN_WRMSR] = { 2, { 0x0f, 0x30 }, false },
	[INSN_HLT] = { 1, { 0xf4 }, false },
	[INSN_VMMCALL] = { 3, { 0x0f, 0x01, 0xd9 }, false },
	[INSN_XSETBV] = { 3, { 0x0f, 0x01, 0xd1 }, false },
	[INSN_INVD] = { 2, { 0x0f, 0x08 }, false },
	[INSN_WBINVD] = { 2, { 0x0f, 0x09 }, false },
	[INSN_MOV_TO_CR] = { 2, { 0x0f, 0x22 }, true },
};

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: /* segments */
	case 0x64: case 0x65:
	case 0x66: case 0x67: /* operand and address size */
	case 0xf2: case 0xf3: /* repeat */
	case PREFIX_LOCK:
		return true;
	default:
		return false;
	}
}

bool insn_decode(const uint8_t *bytes, unsigned int count, bool code64, enum insn_kind kind,
		 struct insn *insn)
{
	const struct opcode *opcode = &opcodes[kind];
	unsigned int at = 0;
	uint8_t rex = 0, cr8 = 0;

	if (count > INSN_MAX_LENGTH)
		count = INSN_MAX_LENGTH;
	for (; at < count; at++) {
		if (is_prefix(bytes[at])) {
			rex = 0; /* a REX prefix counts only right before the opcode */
			cr8 |= bytes[at] == PREFIX_LOCK ? 8 : 0;
		} else if (code64 && (bytes[at] & 0xf0) == 0x40) {
			rex = bytes[at];
		} else {
			break;
		}
	}
	if (at + opcode->length + opcode->modrm > count)
		return false;
	for (unsigned int i = 0; i < opcode->length; i++) {
		if (bytes[at + i] != opcode->bytes[i])
			return false;
	}
	at += opcode->length;
	*insn = (struct insn){ 0 };
	if (opcode->modrm) {
		uint8_t modrm = bytes[at++];

		/* LOCK MOV CR0 names CR8 on AMD processors (APM vol. 3, MOV CRn). */
		insn->reg = (uint8_t)((modrm >> 3 & 7) | (rex & REX_R ? 8 : 0) | cr8);
		insn->rm = (uint8_t)((modrm & 7) | (rex & REX_B ? 8 : 0));
	}
	insn->length = (uint8_t)at;
	return true;
}
