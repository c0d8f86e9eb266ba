// SPDX-License-Identifier: GPL-2.0-only
/* Registers, operands and the stack. */
#include "emulate_internal.h"

uint64_t emulate_mask(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (size * 8)) - 1;
}

uint64_t emulate_sign_extend(uint64_t value, unsigned int size)
{
	unsigned int spare = 64 - size * 8;

	return (uint64_t)((int64_t)(value << spare) >> spare);
}

/* AH, CH, DH and BH: what byte registers 4-7 are without REX. */
static bool is_high_byte(const struct emulation *e, unsigned int reg, unsigned int size)
{
	return size == 1 && reg >= 4 && reg < 8 && !e->insn.rex;
}

uint64_t emulate_gpr(const struct emulation *e, unsigned int reg, unsigned int size)
{
	if (is_high_byte(e, reg, size))
		return (e->gpr[reg - 4] >> 8) & 0xff;
	return e->gpr[reg] & emulate_mask(size);
}

void emulate_set_gpr(struct emulation *e, unsigned int reg, unsigned int size, uint64_t value)
{
	uint64_t mask = emulate_mask(size);

	if (is_high_byte(e, reg, size))
		e->gpr[reg - 4] = (e->gpr[reg - 4] & ~0xff00ull) | (value & 0xff) << 8;
	else if (size >= 4)
		e->gpr[reg] = value & mask;
	else
		e->gpr[reg] = (e->gpr[reg] & ~mask) | (value & mask);
}

void emulate_step_gpr(struct emulation *e, unsigned int reg, unsigned int size, int64_t delta)
{
	uint64_t mask = emulate_mask(size), value = (e->gpr[reg] + (uint64_t)delta) & mask;

	e->gpr[reg] = size == 2 ? (e->gpr[reg] & ~mask) | value : value;
}

uint64_t emulate_address(const struct emulation *e)
{
	const struct insn *insn = &e->insn;
	uint64_t offset = (uint64_t)insn->displacement;

	if (insn->base != REG_NONE)
		offset += e->gpr[insn->base];
	if (insn->index != REG_NONE)
		offset += e->gpr[insn->index] << insn->scale;
	if (insn->rip_relative)
		offset += e->next_rip;
	return offset & emulate_mask(insn->address_size);
}

static struct operand gpr_operand(uint8_t reg, uint8_t size)
{
	return (struct operand){ .place = PLACE_GPR, .reg = reg, .size = size };
}

static struct operand memory_operand(uint64_t offset, uint8_t size)
{
	return (struct operand){ .place = PLACE_MEMORY, .offset = offset, .size = size };
}

static struct operand constant_operand(uint64_t value, uint8_t size)
{
	return (struct operand){ .place = PLACE_CONSTANT, .value = value, .size = size };
}

/* ModRM.rm as a general register or memory of `size` bytes. */
static struct operand rm_operand(const struct emulation *e, uint8_t size)
{
	if (e->insn.mod == 3)
		return gpr_operand(e->insn.rm, size);
	return memory_operand(emulate_address(e), size);
}

static struct operand vector_operand(const struct emulation *e, uint8_t size)
{
	if (e->insn.mod == 3)
		return (struct operand){ .place = PLACE_XMM, .reg = e->insn.rm, .size = size };
	return memory_operand(emulate_address(e), size);
}

/* BT and its kin on memory: the bit offset counts in operand sizes from the
 * address, forwards and backwards. */
static struct operand bit_operand(const struct emulation *e)
{
	unsigned int size = e->insn.operand_size;
	int64_t bit = (int64_t)emulate_sign_extend(emulate_gpr(e, e->insn.reg, size), size);
	struct operand operand = rm_operand(e, size);

	if (operand.place == PLACE_MEMORY) {
		int64_t unit = size == 2 ? bit >> 4 : size == 4 ? bit >> 5 : bit >> 6;

		operand.offset += (uint64_t)unit * size;
		operand.offset &= emulate_mask(e->insn.address_size);
	}
	return operand;
}

static struct operand find_operand(const struct emulation *e, uint8_t kind, unsigned int *immediate)
{
	const struct insn *insn = &e->insn;
	uint8_t size = insn->operand_size;
	uint8_t vector = insn->vex ? insn->vex_length : 16;

	switch (kind) {
	case O_E:
	case O_M:
		return rm_operand(e, size);
	case O_EB:
		return rm_operand(e, 1);
	case O_EW:
		return rm_operand(e, 2);
	case O_ED:
		return rm_operand(e, 4);
	case O_ES:
		return rm_operand(e, insn->mod == 3 ? size : 2);
	case O_EX:
		return bit_operand(e);
	case O_G:
		return gpr_operand(insn->reg, size);
	case O_S:
		return (struct operand){ .place = PLACE_SEGMENT, .reg = insn->reg, .size = 2 };
	case O_V:
		return (struct operand){ .place = PLACE_XMM, .reg = insn->reg, .size = vector };
	case O_W:
		return vector_operand(e, vector);
	case O_WD:
		return vector_operand(e, 4);
	case O_WQ:
		return vector_operand(e, 8);
	case O_Z:
		return gpr_operand((insn->opcode & 7) | (insn->rex & 1 ? 8 : 0), size);
	case O_A:
		return gpr_operand(MULLION_RAX, size);
	case O_O:
		return memory_operand(insn->immediate[(*immediate)++], size);
	case O_I:
	case O_IV:
	case O_IB:
	case O_UB:
	case O_IW:
	case O_J:
		return constant_operand(insn->immediate[(*immediate)++], size);
	case O_ONE:
		return constant_operand(1, 1);
	case O_CL:
		return constant_operand(e->gpr[MULLION_RCX] & 0xff, 1);
	case O_DX:
		return constant_operand(e->gpr[MULLION_RDX] & 0xffff, 2);
	default:
		return (struct operand){ .place = PLACE_NONE };
	}
}

/*
 * Whether `linear` is what the processor translated before it made the exit: the only access
 * of such a kind that the instruction has, at the same place within its page.
 */
static bool is_translated(const struct emulation *e, uint64_t linear, unsigned int size,
			  unsigned int access)
{
	const struct emulate_context *ctx = e->ctx;
	uint64_t offset = linear % PAGE_BYTES;

	return ctx->translated.known && offset == ctx->translated.gpa % PAGE_BYTES &&
	       offset + size <= PAGE_BYTES && ctx->translated.write == !!access &&
	       !(e->insn.op->flags & (OP_STACK | OP_NEAR));
}

/* Translates a memory operand, so that nothing can fault later. */
static int map_operand(struct emulation *e, struct operand *operand, unsigned int access)
{
	uint64_t linear = 0;
	int status =
		emulate_linear(e, e->insn.segment, operand->offset, operand->size, access, &linear);

	if (status || !is_translated(e, linear, operand->size, access))
		return status ? status : emulate_map(e, linear, operand->size, access, &e->span);
	e->span = (struct span){ .gpa = { e->ctx->translated.gpa }, .size = { operand->size } };
	return EMULATE_DONE;
}

static int load_value(struct emulation *e, struct operand *operand)
{
	int status = EMULATE_DONE;

	switch (operand->place) {
	case PLACE_GPR:
		operand->value = emulate_gpr(e, operand->reg, operand->size);
		break;
	case PLACE_SEGMENT:
		if (operand->reg > MULLION_GS)
			return emulate_undefined(e);
		operand->value = e->ctx->seg[operand->reg].selector;
		break;
	case PLACE_MEMORY:
		operand->value = 0;
		status = emulate_span_read(e, &e->span, &operand->value);
		e->loaded = operand->value;
		break;
	}
	return status;
}

int emulate_operands_load(struct emulation *e)
{
	const struct opcode *op = e->insn.op;
	unsigned int immediate = 0, i;
	int status;

	for (i = 0; i < 3; i++)
		e->operand[i] = find_operand(e, op->operand[i], &immediate);
	if (op->flags & OP_ADDRESS)
		return EMULATE_DONE;
	for (i = 0; i < 3; i++) {
		struct operand *operand = &e->operand[i];
		bool write = i == 0 && op->flags & OP_WRITE;
		bool read = i > 0 || op->flags & OP_READ;

		if (operand->place == PLACE_MEMORY) {
			status = map_operand(e, operand, write ? GUEST_WALK_WRITE : 0);
			if (status)
				return status;
		}
		status = read ? load_value(e, operand) : EMULATE_DONE;
		if (status)
			return status;
	}
	return EMULATE_DONE;
}

int emulate_operand_store(struct emulation *e, struct operand *operand)
{
	if (operand->place == PLACE_GPR) {
		emulate_set_gpr(e, operand->reg, operand->size, operand->value);
		return EMULATE_DONE;
	}
	if (operand->place != PLACE_MEMORY)
		return EMULATE_DONE;
	if (e->insn.lock)
		return emulate_span_exchange(e, &e->span, e->loaded, operand->value);
	return emulate_span_write(e, &e->span, &operand->value);
}

/* The width of the stack pointer. */
static unsigned int stack_size(const struct emulation *e)
{
	if (e->mode == MODE_LONG)
		return 8;
	return e->ctx->seg[MULLION_SS].attr & SEG_BIG ? 4 : 2;
}

int emulate_push(struct emulation *e, uint64_t value, unsigned int size)
{
	unsigned int width = stack_size(e);
	uint64_t offset = (e->gpr[MULLION_RSP] - size) & emulate_mask(width);
	int status = emulate_write(e, MULLION_SS, offset, &value, size);

	if (!status)
		emulate_step_gpr(e, MULLION_RSP, width, -(int64_t)size);
	return status;
}

int emulate_pop_at(struct emulation *e, uint64_t pointer, uint64_t *value, unsigned int size)
{
	unsigned int width = stack_size(e);
	uint64_t mask = emulate_mask(width);
	int status;

	*value = 0;
	status = emulate_read(e, MULLION_SS, pointer & mask, value, size);
	if (status)
		return status;
	e->gpr[MULLION_RSP] = (e->gpr[MULLION_RSP] & ~mask) | (pointer & mask);
	emulate_step_gpr(e, MULLION_RSP, width, size);
	return EMULATE_DONE;
}

int emulate_pop(struct emulation *e, uint64_t *value, unsigned int size)
{
	return emulate_pop_at(e, e->gpr[MULLION_RSP], value, size);
}

void emulate_release_stack(struct emulation *e, unsigned int bytes)
{
	emulate_step_gpr(e, MULLION_RSP, stack_size(e), bytes);
}
