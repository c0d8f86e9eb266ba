// SPDX-License-Identifier: GPL-2.0-only
/* Instruction lengths; contracts in insn.h. */
#include "hv/insn.h"

#include "hv/lib/string.h"

#define REX_R 0x04
#define REX_B 0x01
#define REX_W 0x08
#define PREFIX_OPERAND_SIZE 0x66
#define PREFIX_ADDRESS_SIZE 0x67

/* The opcodes that make exits (APM vol. 3 appendix A), the first byte lowest. A ModRM byte
 * follows where `modrm` says so. */
static const struct opcode {
	uint32_t bytes, mask;
	uint8_t length;
	bool modrm;
} opcodes[EXIT_BY_INSN + 1] = {
#define OPCODE(value, bytes_count) .bytes = (value), .length = (bytes_count),                      \
				   .mask = UINT32_MAX >> (32 - 8 * (bytes_count))
	[EXIT_CPUID] = { OPCODE(0xa20f, 2) },
	[EXIT_RDMSR] = { OPCODE(0x320f, 2) },
	[EXIT_WRMSR] = { OPCODE(0x300f, 2) },
	[EXIT_HLT] = { OPCODE(0xf4, 1) },
	[EXIT_HYPERCALL] = { OPCODE(0xd9010f, 3) },
	[EXIT_XSETBV] = { OPCODE(0xd1010f, 3) },
	/* QEMU's software processor mixes up the exits of these two. */
	[EXIT_INVD] = { .bytes = 0x080f, .length = 2, .mask = 0xfeff },
	[EXIT_WBINVD] = { .bytes = 0x080f, .length = 2, .mask = 0xfeff },
	[EXIT_CR_WRITE] = { OPCODE(0x220f, 2), .modrm = true },
};

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: /* segments */
	case 0x64: case 0x65:
	case PREFIX_OPERAND_SIZE: case PREFIX_ADDRESS_SIZE:
	case 0xf2: case 0xf3: /* repeat */
	case 0xf0: /* LOCK: MOV CR0 with it names CR8 (APM vol. 3, MOV CRn) */
		return true;
	default:
		return false;
	}
}

/* What stands before the opcode. */
struct prefixes {
	unsigned int length;
	uint8_t rex;
	bool operand_size, address_size;
};

static struct prefixes decode_prefixes(const uint8_t *bytes, size_t count, bool code64)
{
	struct prefixes p = { 0 };

	for (; p.length < count; p.length++) {
		uint8_t byte = bytes[p.length];

		if (is_prefix(byte)) {
			p.rex = 0; /* a REX prefix counts only right before the opcode */
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

uint8_t insn_plain_length(enum exit_kind kind, uint32_t word)
{
	const struct opcode *opcode = &opcodes[kind];

	return !opcode->modrm && (word & opcode->mask) == opcode->bytes ? opcode->length : 0;
}

uint8_t insn_length(enum exit_kind kind, const uint8_t *bytes, size_t count, bool code64,
		    uint8_t *gpr)
{
	const struct opcode *opcode = &opcodes[kind];
	struct prefixes prefixes;
	unsigned int at;
	uint32_t word = 0;

	count = min(count, (size_t)INSN_MAX_LENGTH);
	prefixes = decode_prefixes(bytes, count, code64);
	at = prefixes.length;
	if (at + opcode->length + opcode->modrm > count)
		return 0;
	memcpy(&word, bytes + at, opcode->length);
	if ((word & opcode->mask) != opcode->bytes)
		return 0;
	at += opcode->length;
	if (opcode->modrm)
		*gpr = (uint8_t)((bytes[at++] & 7) | (prefixes.rex & REX_B ? 8 : 0));
	return (uint8_t)at;
}

/* Bytes of a memory operand's ModRM, SIB and displacement, with 32-bit or 64-bit addressing
 * (APM vol. 3 1.4). 0 if it is a register or cut short. */
static unsigned int operand_length(const uint8_t *bytes, size_t count)
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

bool insn_decode_move(const uint8_t *bytes, size_t count, bool code64, struct insn_move *move)
{
	struct prefixes prefixes;
	unsigned int at, operand;
	uint8_t opcode;

	count = min(count, (size_t)INSN_MAX_LENGTH);
	prefixes = decode_prefixes(bytes, count, code64);
	at = prefixes.length;
	if (at + 2 > count || prefixes.operand_size || prefixes.address_size ||
	    prefixes.rex & REX_W)
		return false;
	opcode = bytes[at++];
	if ((opcode & 0xfd) == 0xa1) { /* MOV between EAX and an address */
		*move = (struct insn_move){ .load = opcode == 0xa1,
					    .length = (uint8_t)(at + (code64 ? 8 : 4)) };
		return move->length <= count;
	}
	operand = operand_length(bytes + at, count - at);
	if (operand == 0)
		return false;
	*move = (struct insn_move){
		.load = opcode == 0x8b,
		.immediate = opcode == 0xc7,
		.exchange = opcode == 0x87,
		.gpr = (uint8_t)((bytes[at] >> 3 & 7) | (prefixes.rex & REX_R ? 8 : 0)),
	};
	at += operand;
	if (move->immediate) {
		if (at + sizeof(move->value) > count)
			return false;
		memcpy(&move->value, bytes + at, sizeof(move->value));
		at += sizeof(move->value);
	}
	move->length = (uint8_t)at;
	return at <= count && (move->load || move->immediate || move->exchange || opcode == 0x89);
}
