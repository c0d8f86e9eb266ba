// SPDX-License-Identifier: GPL-2.0-only
/* Moves of XMM and YMM registers, on the guest's XSAVE image. */
#include "emulate_execute.h"
#include "emulate_internal.h"

#define VECTOR_MAX 32

/* The standard XSAVE format (SDM vol. 1 13.4; APM vol. 2 11.5). */
#define XSAVE_XMM 160
#define XSAVE_STATE_BV 512
#define XSAVE_YMM_HIGH 576
#define XSAVE_SSE (1ull << 1)
#define XSAVE_AVX (1ull << 2)

/* Whether the instruction may run at all (APM vol. 4 tables of exceptions). */
static int check_enabled(struct emulation *e)
{
	const struct emulate_context *ctx = e->ctx;
	uint64_t both = XSAVE_SSE | XSAVE_AVX;

	if (e->insn.vex) {
		if (e->insn.vex_v || !(ctx->cr4 & CR4_OSXSAVE) || (ctx->xcr0 & both) != both)
			return emulate_undefined(e);
	} else if (ctx->cr0 & CR0_EM || !(ctx->cr4 & CR4_OSFXSR)) {
		return emulate_undefined(e);
	}
	return ctx->cr0 & CR0_TS ? emulate_raise(e, VECTOR_NM, 0) : EMULATE_DONE;
}

static int read_register(struct emulation *e, unsigned int reg, uint8_t data[VECTOR_MAX])
{
	const uint8_t *image = e->ctx->ops->xsave(e->ctx->opaque, false);
	uint64_t present;

	if (!image)
		return EMULATE_UNHANDLED;
	/* A component that is not there is in its initial state: zero. */
	memset(data, 0, VECTOR_MAX);
	memcpy(&present, image + XSAVE_STATE_BV, sizeof(present));
	if (present & XSAVE_SSE)
		memcpy(data, image + XSAVE_XMM + reg * 16, 16);
	if (present & XSAVE_AVX)
		memcpy(data + 16, image + XSAVE_YMM_HIGH + reg * 16, 16);
	return EMULATE_DONE;
}

/* Brings a component out of its initial state. */
static void make_present(uint8_t *image, uint64_t component, unsigned int offset)
{
	uint64_t present;

	memcpy(&present, image + XSAVE_STATE_BV, sizeof(present));
	if (present & component)
		return;
	memset(image + offset, 0, 16 * 16);
	present |= component;
	memcpy(image + XSAVE_STATE_BV, &present, sizeof(present));
}

/* A VEX instruction replaces all 32 bytes, another leaves the upper 16 alone. */
static int write_register(struct emulation *e, unsigned int reg, const uint8_t data[VECTOR_MAX])
{
	uint8_t *image = e->ctx->ops->xsave(e->ctx->opaque, true);

	if (!image)
		return EMULATE_UNHANDLED;
	make_present(image, XSAVE_SSE, XSAVE_XMM);
	memcpy(image + XSAVE_XMM + reg * 16, data, 16);
	if (e->insn.vex) {
		make_present(image, XSAVE_AVX, XSAVE_YMM_HIGH);
		memcpy(image + XSAVE_YMM_HIGH + reg * 16, data + 16, 16);
	}
	return EMULATE_DONE;
}

static int map_vector(struct emulation *e, const struct operand *operand, unsigned int size,
		      unsigned int access, struct span *span)
{
	uint64_t linear = 0;
	int status = emulate_linear(e, e->insn.segment, operand->offset, size, access, &linear);

	if (status)
		return status;
	if (e->insn.op->flags & OP_ALIGNED && linear & (size - 1))
		return emulate_raise(e, VECTOR_GP, 0);
	return emulate_map(e, linear, size, access, span);
}

/* The operand's first `size` bytes, the rest zero. */
static int load(struct emulation *e, const struct operand *operand, unsigned int size,
		uint8_t data[VECTOR_MAX])
{
	struct span span;
	int status;

	if (operand->place == PLACE_XMM) {
		status = read_register(e, operand->reg, data);
		memset(data + size, 0, VECTOR_MAX - size);
		return status;
	}
	memset(data, 0, VECTOR_MAX);
	if (operand->place == PLACE_GPR) {
		uint64_t value = emulate_gpr(e, operand->reg, size);

		memcpy(data, &value, size);
		return EMULATE_DONE;
	}
	status = map_vector(e, operand, size, 0, &span);
	return status ? status : emulate_span_read(e, &span, data);
}

static int store(struct emulation *e, const struct operand *operand, unsigned int size,
		 const uint8_t data[VECTOR_MAX])
{
	struct span span;
	int status;

	if (operand->place == PLACE_XMM)
		return write_register(e, operand->reg, data);
	if (operand->place == PLACE_GPR) {
		uint64_t value = 0;

		memcpy(&value, data, size);
		emulate_set_gpr(e, operand->reg, size, value);
		return EMULATE_DONE;
	}
	status = map_vector(e, operand, size, GUEST_WALK_WRITE, &span);
	return status ? status : emulate_span_write(e, &span, data);
}

int emulate_vector_move(struct emulation *e)
{
	const struct operand *to = &e->operand[0], *from = &e->operand[1];
	unsigned int size = to->size < from->size ? to->size : from->size;
	uint8_t data[VECTOR_MAX];
	int status = check_enabled(e);

	/* VMOVQ has a 128-bit form only. */
	if (!status && size == 8 && e->insn.vex && e->insn.vex_length != 16)
		status = emulate_undefined(e);
	if (!status)
		status = load(e, from, size, data);
	return status ? status : store(e, to, size, data);
}

int emulate_vector_integer(struct emulation *e)
{
	uint8_t data[VECTOR_MAX];
	unsigned int size = e->insn.operand_size;
	int status = check_enabled(e);

	if (!status && e->insn.vex && e->insn.vex_length != 16)
		status = emulate_undefined(e);
	if (!status)
		status = load(e, &e->operand[1], size, data);
	return status ? status : store(e, &e->operand[0], size, data);
}

int emulate_vector_scalar(struct emulation *e)
{
	const struct operand *to = &e->operand[0], *from = &e->operand[1];
	unsigned int size = to->size < from->size ? to->size : from->size;
	uint8_t data[VECTOR_MAX], merged[VECTOR_MAX];
	int status = check_enabled(e);

	if (!status)
		status = load(e, from, size, data);
	if (status || to->place == PLACE_MEMORY || from->place == PLACE_MEMORY)
		return status ? status : store(e, to, size, data);
	/* Between registers the rest of the destination stays; VEX has three operands. */
	if (e->insn.vex)
		return EMULATE_UNHANDLED;
	status = read_register(e, to->reg, merged);
	if (status)
		return status;
	memcpy(merged, data, size);
	return write_register(e, to->reg, merged);
}

int emulate_vector_half(struct emulation *e)
{
	const struct operand *to = &e->operand[0], *from = &e->operand[1];
	unsigned int half = e->insn.opcode & 4 ? 8 : 0; /* 12, 13: low; 16, 17: high */
	uint8_t data[VECTOR_MAX], whole[VECTOR_MAX];
	int status = check_enabled(e);

	if (status)
		return status;
	if (e->insn.vex && e->insn.vex_length != 16)
		return emulate_undefined(e);
	if (e->insn.opcode & 1) { /* to memory, of which there is no register form */
		if (to->place != PLACE_MEMORY)
			return emulate_undefined(e);
		status = read_register(e, from->reg, data);
		return status ? status : store(e, to, 8, data + half);
	}
	status = read_register(e, to->reg, whole);
	if (status)
		return status;
	if (from->place == PLACE_MEMORY) {
		status = load(e, from, 8, data);
		if (status)
			return status;
		memcpy(whole + half, data, 8);
	} else {
		/* MOVHLPS and MOVLHPS cross over. */
		if (e->insn.prefix)
			return emulate_undefined(e);
		status = read_register(e, from->reg, data);
		if (status)
			return status;
		memcpy(whole + half, data + (8 - half), 8);
	}
	return write_register(e, to->reg, whole);
}
