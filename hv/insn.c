// SPDX-License-Identifier: GPL-2.0-only
/* Instruction lengths; contracts in insn.h. */
#include "hv/insn.h"

#define REX_R 0x04
#define REX_B 0x01
#define REX_W 0x08
#define PREFIX_LOCK 0xf0
#define PREFIX_OPERAND_SIZE 0x66
#define PREFIX_ADDRESS_SIZE 0x67

/* Opcodes (APM vol. 3 appendix A). A ModRM byte follows where `modrm` says so. */
static const struct opcode {
	uint8_t length;
	uint8_t bytes[3];
	bool modrm;
	uint8_t any; /* bits of the last byte that do not matter */
} opcodes[INSN_KINDS] = {
	[INSN_CPUID] = { .length = 2, .bytes = { 0x0f, 0xa2 } },
	[INSN_RDMSR] = { .length = 2, .bytes = { 0x0f, 0x32 } },
	[INSN_WRMSR] = { .length = 2, .bytes = { 0x0f, 0x30 } },
	[INSN_HLT] = { .length = 1, .bytes = { 0xf4 } },
	[INSN_VMMCALL] = { .length = 3, .bytes = { 0x0f, 0x01, 0xd9 } },
	[INSN_XSETBV] = { .length = 3, .bytes = { 0x0f, 0x01, 0xd1 } },
	[INSN_CACHE_FLUSH] = { .length = 2, .bytes = { 0x0f, 0x08 }, .any = 0x01 },
	[INSN_MOV_TO_CR] = { .length = 2, .bytes = { 0x0f, 0x22 }, .modrm = true },
};

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: /* segments */
	case 0x64: case 0x65:
	case PREFIX_OPERAND_SIZE: case PREFIX_ADDRESS_SIZE:
	case 0xf2: case 0xf3: /* repeat */
	case PREFIX_LOCK:
		return true;
	default:
		return false;
	}
}

/* What stands before the opcode. */
struct prefixes {
	unsigned int length;
	uint8_t rex;
	bool lock, operand_size, address_size;
};

static struct prefixes decode_prefixes(const uint8_t *bytes, unsigned int count, bool code64)
{
	struct prefixes p = { 0 };

	for (; p.length < count; p.length++) {
		uint8_t byte = bytes[p.length];

		if (is_prefix(byte)) {
			p.rex = 0; /* a REX prefix counts only right before the opcode */
			p.lock |= byte == PREFIX_LOCK;
			p.operand_size |= byte == PREFIX_OPERAND_SIZE;
			p.address_size |= byte == PREFIX_ADDRESS_SIZE;
		} else if (code64 && (byte & 0xf0) == 0x40) {
			p.rex = byte;
		} else {
			break;
		}
	}
	return p;
}

bool insn_decode(const uint8_t *bytes, unsigned int count, bool code64, enum insn_kind kind,
		 struct insn *insn)
{
	const struct opcode *opcode = &opcodes[kind];
	struct prefixes prefixes;
	unsigned int at;

	count = min(count, (unsigned int)INSN_MAX_LENGTH);
	prefixes = decode_prefixes(bytes, count, code64);
	at = prefixes.length;
	if (at + opcode->length + opcode->modrm > count)
		return false;
	for (unsigned int i = 0; i < opcode->length; i++) {
		uint8_t any = i + 1 == opcode->length ? opcode->any : 0;

		if ((bytes[at + i] & ~any) != opcode->bytes[i])
			return false;
	}
	at += opcode->length;
	*insn = (struct insn){ 0 };
	if (opcode->modrm) {
		uint8_t modrm = bytes[at++];

		/* LOCK MOV CR0 names CR8 on AMD processors (APM vol. 3, MOV CRn). */
		insn->reg = (uint8_t)((modrm >> 3 & 7) | (prefixes.rex & REX_R ? 8 : 0) |
				      (prefixes.lock ? 8 : 0));
		insn->rm = (uint8_t)((modrm & 7) | (prefixes.rex & REX_B ? 8 : 0));
	}
	insn->length = (uint8_t)at;
	return true;
}

/* Bytes of a memory operand's ModRM, SIB and displacement, with 32-bit or 64-bit addressing
 * (APM vol. 3 1.4). 0 if it is a register or cut short. */
static unsigned int operand_length(const uint8_t *bytes, unsigned int count)
{
	uint8_t mod = bytes[0] >> 6, rm = bytes[0] & 7;
	unsigned int length = 1;

	if (mod == 3)
		return 0;
	if (rm == 4) {
		if (count < 2)
			return 0;
		rm = bytes[1] & 7;
		length = 2;
	}
	if (mod == 1)
		length += 1;
	else if (mod == 2 || rm == 5)
		length += 4;
	return length;
}

bool insn_decode_store(const uint8_t *bytes, unsigned int count, bool code64,
		       struct insn_store *store)
{
	struct prefixes prefixes;
	unsigned int at, operand;
	uint8_t opcode;

	count = min(count, (unsigned int)INSN_MAX_LENGTH);
	prefixes = decode_prefixes(bytes, count, code64);
	at = prefixes.length;
	if (at + 2 > count || prefixes.operand_size || prefixes.address_size ||
	    prefixes.rex & REX_W)
		return false;
	opcode = bytes[at++];
	operand = operand_length(bytes + at, count - at);
	if (operand == 0)
		return false;
	*store = (struct insn_store){
		.immediate = opcode == 0xc7,
		.exchange = opcode == 0x87,
		.gpr = (uint8_t)((bytes[at] >> 3 & 7) | (prefixes.rex & REX_R ? 8 : 0)),
	};
	at += operand;
	if (store->immediate) {
		if (at + 4 > count)
			return false;
		for (unsigned int i = 0; i < 4; i++)
			store->value |= (uint32_t)bytes[at + i] << 8 * i;
		at += 4;
	}
	store->length = (uint8_t)at;
	return at <= count && (store->immediate || store->exchange || opcode == 0x89);
}
