// SPDX-License-Identifier: GPL-2.0-only
/* Instruction bytes -> struct insn (APM vol. 3 chapter 1, SDM vol. 2A chapter 2). */
#include "emulate_internal.h"

#define PAGE_BYTES 4096u

/* Brings more of the instruction into ctx->insn: the rest of the page that its
 * next byte is on, as far as the code segment and the longest instruction go. */
static int fetch_more(struct emulation *e)
{
	struct emulate_context *ctx = e->ctx;
	uint64_t offset = ctx->rip + ctx->insn_count, linear;
	unsigned int size = EMULATE_INSN_MAX - ctx->insn_count;
	struct span span;
	int status;

	if (e->mode != MODE_LONG)
		offset &= 0xffffffff;
	status = emulate_linear(e, MULLION_CS, offset, 1, GUEST_WALK_FETCH, &linear);
	if (status)
		return status;
	if (size > PAGE_BYTES - (linear & (PAGE_BYTES - 1)))
		size = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
	if (e->mode != MODE_LONG && size - 1 > ctx->seg[MULLION_CS].limit - offset)
		size = ctx->seg[MULLION_CS].limit - offset + 1;

	status = emulate_map(e, linear, size, GUEST_WALK_FETCH, &span);
	if (status)
		return status;
	/* Code in a device is beyond us. */
	if (ctx->ops->ram.read(ctx->opaque, span.gpa[0], ctx->insn + ctx->insn_count, size))
		return EMULATE_UNHANDLED;
	ctx->insn_count += size;
	return EMULATE_DONE;
}

/* Makes byte `at` of the instruction available. */
static int fetch_upto(struct emulation *e, unsigned int at)
{
	unsigned int tries;

	if (at >= EMULATE_INSN_MAX)
		return emulate_raise(e, VECTOR_GP, 0);
	/* Each round brings a byte at least, and a page's rest at best. */
	for (tries = 0; at >= e->ctx->insn_count && tries < EMULATE_INSN_MAX; tries++) {
		int status = fetch_more(e);

		if (status)
			return status;
	}
	return EMULATE_DONE;
}

/* Consumes `size` (1, 2, 4, 8) bytes. */
static int fetch(struct emulation *e, unsigned int size, uint64_t *value)
{
	unsigned int i;
	int status = fetch_upto(e, e->insn.length + size - 1);

	if (status)
		return status;
	*value = 0;
	for (i = 0; i < size; i++)
		*value |= (uint64_t)e->ctx->insn[e->insn.length + i] << (i * 8);
	e->insn.length += size;
	return EMULATE_DONE;
}

static int fetch_signed(struct emulation *e, unsigned int size, uint64_t *value)
{
	int status = fetch(e, size, value);

	if (!status)
		*value = emulate_sign_extend(*value, size);
	return status;
}

/* Takes note of a legacy prefix. False: the byte is none. */
static bool decode_prefix(struct insn *insn, uint8_t byte)
{
	switch (byte) {
	case 0x66:
		insn->operand_prefix = true;
		return true;
	case 0x67:
		insn->address_prefix = true;
		return true;
	case 0xf0:
		insn->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		insn->rep = byte;
		return true;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* ES, CS, SS, DS: without effect in 64-bit mode. */
		if (!insn->mode64)
			insn->override = MULLION_ES + ((byte >> 3) & 3);
		return true;
	case 0x64:
	case 0x65:
		insn->override = MULLION_FS + (byte & 1);
		return true;
	default:
		return false;
	}
}

/* VEX (C4, C5) and EVEX (62), whose first byte is consumed: what they carry in
 * place of prefixes and escapes, and then the opcode. */
static int decode_vex(struct emulation *e, uint8_t first)
{
	static const uint8_t prefix[4] = { 0, 0x66, 0xf3, 0xf2 };
	struct insn *insn = &e->insn;
	unsigned int bytes = first == 0xc5 ? 1 : first == 0xc4 ? 2 : 3, i;
	uint64_t raw = 0, byte;
	uint8_t p0, p1;
	int status;

	if (insn->rex || insn->lock || insn->rep || insn->operand_prefix)
		return emulate_undefined(e);
	for (i = 0; i < bytes; i++) {
		status = fetch(e, 1, &byte);
		if (status)
			return status;
		raw |= byte << (i * 8);
	}
	status = fetch(e, 1, &byte);
	if (status)
		return status;

	/* The two-byte form is the three-byte one with X, B, W clear and map 1. */
	p0 = bytes == 1 ? (raw & 0x80) | 0x61 : (uint8_t)raw;
	p1 = bytes == 1 ? raw & 0x7f : (uint8_t)(raw >> 8);
	insn->vex = bytes != 3;
	insn->evex = bytes == 3;
	insn->map = p0 & (insn->evex ? 7 : 0x1f);
	insn->opcode = (uint8_t)byte;
	insn->prefix = prefix[p1 & 3];
	insn->vex_length = p1 & 4 ? 32 : 16;
	insn->vex_v = ~(p1 >> 3) & 15;
	if (insn->mode64)
		insn->rex = 0x40 | (p1 & 0x80 ? 8 : 0) | ((~p0 >> 5) & 7);
	/* EVEX's maps 5 and 6 have ModRM and no immediate, as map 2. */
	if (insn->evex && (insn->map == 5 || insn->map == 6))
		insn->map = 2;
	return insn->map >= 1 && insn->map <= 3 ? EMULATE_DONE : EMULATE_UNHANDLED;
}

/* Whether C4, C5 or 62 starts VEX or EVEX, rather than LES, LDS or BOUND, whose
 * ModRM may not name a register. */
static int decode_is_vex(struct emulation *e, bool *is_vex)
{
	int status;

	*is_vex = e->insn.mode64;
	if (e->insn.mode64 || e->mode != MODE_PROTECTED)
		return EMULATE_DONE;
	status = fetch_upto(e, e->insn.length);
	if (!status)
		*is_vex = e->ctx->insn[e->insn.length] >= 0xc0;
	return status;
}

/* Prefixes, escapes and the opcode byte. */
static int decode_opcode(struct emulation *e)
{
	struct insn *insn = &e->insn;
	uint64_t byte;
	bool is_vex;
	int status;

	for (;;) {
		status = fetch(e, 1, &byte);
		if (status)
			return status;
		if (insn->mode64 && (byte & 0xf0) == 0x40)
			insn->rex = (uint8_t)byte;
		else if (decode_prefix(insn, (uint8_t)byte))
			insn->rex = 0; /* REX counts only right before the opcode */
		else
			break;
	}
	insn->prefix = insn->rep ? insn->rep : insn->operand_prefix ? 0x66 : 0;
	if (byte == 0xc4 || byte == 0xc5 || byte == 0x62) {
		status = decode_is_vex(e, &is_vex);
		if (status)
			return status;
		if (is_vex)
			return decode_vex(e, (uint8_t)byte);
	}
	if (byte == 0x0f) {
		insn->map = 1;
		status = fetch(e, 1, &byte);
		if (!status && (byte == 0x38 || byte == 0x3a)) {
			insn->map = byte == 0x38 ? 2 : 3;
			status = fetch(e, 1, &byte);
		}
		if (status)
			return status;
	}
	insn->opcode = (uint8_t)byte;
	return EMULATE_DONE;
}

static int decode_displacement(struct emulation *e, unsigned int size)
{
	uint64_t value;
	int status;

	if (!size)
		return EMULATE_DONE;
	status = fetch_signed(e, size, &value);
	if (!status)
		e->insn.displacement = (int64_t)value;
	return status;
}

/* 16-bit addressing (APM vol. 3 table A-33). */
static int decode_address_16(struct emulation *e)
{
	static const uint8_t bases[8] = {
		MULLION_RBX, MULLION_RBX, MULLION_RBP, MULLION_RBP,
		MULLION_RSI, MULLION_RDI, MULLION_RBP, MULLION_RBX,
	};
	struct insn *insn = &e->insn;
	unsigned int rm = insn->rm & 7;

	insn->base = bases[rm];
	if (rm < 4)
		insn->index = rm & 1 ? MULLION_RDI : MULLION_RSI;
	if (insn->mod == 0 && rm == 6) {
		insn->base = REG_NONE;
		return decode_displacement(e, 2);
	}
	if (insn->base == MULLION_RBP)
		insn->segment = MULLION_SS;
	return decode_displacement(e, insn->mod);
}

/* 32- and 64-bit addressing, with SIB (APM vol. 3 1.4). */
static int decode_address_32(struct emulation *e)
{
	struct insn *insn = &e->insn;
	unsigned int displacement = insn->mod == 1 ? 1 : insn->mod == 2 ? 4 : 0;

	if ((insn->rm & 7) == 4) {
		uint64_t sib;
		int status = fetch(e, 1, &sib);

		if (status)
			return status;
		insn->scale = sib >> 6;
		insn->index = ((sib >> 3) & 7) | (insn->rex & 2 ? 8 : 0);
		if (insn->index == MULLION_RSP)
			insn->index = REG_NONE;
		insn->base = (sib & 7) | (insn->rex & 1 ? 8 : 0);
	} else {
		insn->base = insn->rm;
	}
	if ((insn->base & 7) == MULLION_RBP && insn->mod == 0) {
		insn->rip_relative = insn->mode64 && (insn->rm & 7) != 4;
		insn->base = REG_NONE;
		displacement = 4;
	}
	if (insn->base == MULLION_RSP || insn->base == MULLION_RBP)
		insn->segment = MULLION_SS;
	return decode_displacement(e, displacement);
}

static int decode_modrm(struct emulation *e)
{
	struct insn *insn = &e->insn;
	uint64_t modrm;
	int status = fetch(e, 1, &modrm);

	if (status)
		return status;
	insn->modrm = true;
	insn->mod = modrm >> 6;
	insn->reg = ((modrm >> 3) & 7) | (insn->rex & 4 ? 8 : 0);
	insn->rm = (modrm & 7) | (insn->rex & 1 ? 8 : 0);
	/* MOV to and from CR and DR takes its registers whatever mod says. */
	if (insn->map == 1 && (insn->opcode & 0xfc) == 0x20)
		insn->mod = 3;
	if (insn->mod == 3)
		return EMULATE_DONE;
	return insn->address_size == 2 ? decode_address_16(e) : decode_address_32(e);
}

static bool wants_modrm(const struct opcode *op)
{
	unsigned int i;

	if (op->flags & (OP_MODRM | OP_GROUP | OP_PREFIX))
		return true;
	for (i = 0; i < 3; i++)
		if (op->operand[i] >= O_E && op->operand[i] <= O_WQ)
			return true;
	return false;
}

static uint8_t operand_size(const struct emulation *e, unsigned int flags)
{
	const struct insn *insn = &e->insn;
	bool word = insn->operand_prefix;

	if (flags & OP_BYTE)
		return 1;
	if (flags & OP_FIXED)
		return insn->rex & 8 ? 8 : 4;
	if (insn->mode64) {
		/* For near branches AMD heeds 66 and Intel does not: as Intel. */
		if (insn->rex & 8 || flags & OP_NEAR)
			return 8;
		if (word)
			return 2;
		return flags & OP_STACK ? 8 : 4;
	}
	return (e->code_size == 2) != word ? 2 : 4;
}

/* Immediates, of whatever operands have them. */
static int decode_immediates(struct emulation *e)
{
	struct insn *insn = &e->insn;
	unsigned int size = insn->operand_size, half = size > 4 ? 4 : size, i, n = 0;
	int status = EMULATE_DONE;

	for (i = 0; i < 3 && !status; i++) {
		switch (insn->op->operand[i]) {
		case O_I:
		case O_J:
			status = fetch_signed(e, half, &insn->immediate[n++]);
			break;
		case O_IV:
			status = fetch(e, size, &insn->immediate[n++]);
			break;
		case O_IB:
			status = fetch_signed(e, 1, &insn->immediate[n++]);
			break;
		case O_UB:
			status = fetch(e, 1, &insn->immediate[n++]);
			break;
		case O_IW:
			status = fetch(e, 2, &insn->immediate[n++]);
			break;
		case O_O:
			status = fetch(e, insn->address_size, &insn->immediate[n++]);
			break;
		case O_FAR:
			status = fetch(e, half, &insn->immediate[n++]);
			if (!status)
				status = fetch(e, 2, &insn->immediate[n++]);
			break;
		}
	}
	return status;
}

/* What the processor refuses whatever the operands hold. */
static int check_form(struct emulation *e, unsigned int flags)
{
	const struct insn *insn = &e->insn;
	unsigned int i;

	if (!(insn->op->flags & OP_VALID))
		return EMULATE_UNHANDLED;
	if ((flags & OP_NO64) && insn->mode64)
		return emulate_undefined(e);
	for (i = 0; i < 3; i++)
		if (insn->op->operand[i] == O_M && insn->mod == 3)
			return emulate_undefined(e);
	if (insn->lock && (!(insn->op->flags & OP_LOCK) || insn->mod == 3))
		return emulate_undefined(e);
	return EMULATE_DONE;
}

int emulate_decode(struct emulation *e)
{
	struct insn *insn = &e->insn;
	unsigned int flags;
	int status;

	*insn = (struct insn){
		.mode64 = e->mode == MODE_LONG,
		.override = REG_NONE,
		.segment = MULLION_DS,
		.base = REG_NONE,
		.index = REG_NONE,
	};
	status = decode_opcode(e);
	if (status)
		return status;
	if (insn->mode64)
		insn->address_size = insn->address_prefix ? 4 : 8;
	else
		insn->address_size = (e->code_size == 2) != insn->address_prefix ? 2 : 4;

	insn->op = emulate_opcode(insn);
	flags = insn->op->flags;
	if (insn->evex || wants_modrm(insn->op)) {
		status = decode_modrm(e);
		if (status)
			return status;
		insn->op = emulate_opcode_resolve(insn->op, insn);
	}
	flags |= insn->op->flags;
	insn->operand_size = operand_size(e, flags);
	if (insn->override != REG_NONE)
		insn->segment = insn->override;
	status = check_form(e, flags);
	return status ? status : decode_immediates(e);
}
