// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions and port I/O.
 *
 * A REP works in batches and commits after every iteration, so that it can stop
 * at any: for a fault, for user space, for an interrupt, for a single step.
 */
#include "emulate_execute.h"
#include "emulate_alu.h"
#include "emulate_internal.h"

static unsigned int element_size(const struct emulation *e)
{
	return e->insn.operand_size;
}

static uint64_t source_offset(const struct emulation *e)
{
	return emulate_gpr(e, MULLION_RSI, e->insn.address_size);
}

static uint64_t destination_offset(const struct emulation *e)
{
	return emulate_gpr(e, MULLION_RDI, e->insn.address_size);
}

/* Moves rSI or rDI past `count` elements. */
static void advance(struct emulation *e, unsigned int reg, unsigned int size, unsigned int count)
{
	int64_t delta = (int64_t)size * count;

	emulate_step_gpr(e, reg, e->insn.address_size, e->rflags & FLAG_DF ? -delta : delta);
}

static int read_source(struct emulation *e, uint64_t *value)
{
	*value = 0;
	return emulate_read(e, e->insn.segment, source_offset(e), value, element_size(e));
}

static int read_destination(struct emulation *e, uint64_t *value)
{
	*value = 0;
	return emulate_read(e, MULLION_ES, destination_offset(e), value, element_size(e));
}

static int write_destination(struct emulation *e, uint64_t value)
{
	return emulate_write(e, MULLION_ES, destination_offset(e), &value, element_size(e));
}

static int move_one(struct emulation *e)
{
	uint64_t value;
	int status = read_source(e, &value);

	if (!status)
		status = write_destination(e, value);
	if (status)
		return status;
	advance(e, MULLION_RSI, element_size(e), 1);
	advance(e, MULLION_RDI, element_size(e), 1);
	return EMULATE_DONE;
}

static int store_one(struct emulation *e)
{
	int status = write_destination(e, e->gpr[MULLION_RAX]);

	if (!status)
		advance(e, MULLION_RDI, element_size(e), 1);
	return status;
}

static int load_one(struct emulation *e)
{
	uint64_t value;
	int status = read_source(e, &value);

	if (status)
		return status;
	emulate_set_gpr(e, MULLION_RAX, element_size(e), value);
	advance(e, MULLION_RSI, element_size(e), 1);
	return EMULATE_DONE;
}

static int compare_one(struct emulation *e)
{
	uint64_t source, destination = 0;
	int status = read_source(e, &source);

	if (!status)
		status = read_destination(e, &destination);
	if (status)
		return status;
	alu_sub(source, destination, false, element_size(e), &e->rflags);
	advance(e, MULLION_RSI, element_size(e), 1);
	advance(e, MULLION_RDI, element_size(e), 1);
	return EMULATE_DONE;
}

static int scan_one(struct emulation *e)
{
	unsigned int size = element_size(e);
	uint64_t value;
	int status = read_destination(e, &value);

	if (status)
		return status;
	alu_sub(emulate_gpr(e, MULLION_RAX, size), value, false, size, &e->rflags);
	advance(e, MULLION_RDI, size, 1);
	return EMULATE_DONE;
}

/* Runs one iteration, or under REP a batch. `until`: the comparison ends it, too. */
static int repeat(struct emulation *e, int (*one)(struct emulation *e), bool until)
{
	unsigned int size = e->insn.address_size, i;

	if (!e->insn.rep)
		return one(e);
	if (!emulate_gpr(e, MULLION_RCX, size))
		return EMULATE_DONE;
	for (i = 0; i < EMULATE_BATCH; i++) {
		bool zero;
		int status = one(e);

		if (status)
			return status;
		emulate_step_gpr(e, MULLION_RCX, size, -1);
		zero = e->rflags & FLAG_ZF;
		if (!emulate_gpr(e, MULLION_RCX, size) || (until && zero != (e->insn.rep == 0xf3)))
			return EMULATE_DONE;
		emulate_commit(e, false);
		if (e->ctx->posted_count || e->rflags & FLAG_TF)
			break;
	}
	return EMULATE_AGAIN;
}

int emulate_movs(struct emulation *e)
{
	return repeat(e, move_one, false);
}

int emulate_stos(struct emulation *e)
{
	return repeat(e, store_one, false);
}

int emulate_lods(struct emulation *e)
{
	return repeat(e, load_one, false);
}

int emulate_cmps(struct emulation *e)
{
	return repeat(e, compare_one, true);
}

int emulate_scas(struct emulation *e)
{
	return repeat(e, scan_one, true);
}

int emulate_xlat(struct emulation *e)
{
	uint64_t offset = e->gpr[MULLION_RBX] + (e->gpr[MULLION_RAX] & 0xff), value = 0;
	int status = emulate_read(e, e->insn.segment, offset & emulate_mask(e->insn.address_size),
				  &value, 1);

	if (!status)
		emulate_set_gpr(e, MULLION_RAX, 1, value);
	return status;
}

/* Ports are for CPL <= IOPL, else as the TSS permits (APM vol. 2 12.2.4). The
 * processor has checked this before it exited, but the instruction may have
 * been changed under it since. */
static int check_port(struct emulation *e, uint16_t port, unsigned int size)
{
	const struct mullion_segment *tss = &e->ctx->seg[MULLION_TR];
	unsigned int type = tss->attr & 0xf;
	uint16_t map = 0, permission = 0;
	uint32_t at;
	int status;

	if (e->mode == MODE_REAL ||
	    (e->mode != MODE_V86 && e->ctx->cpl <= ((e->rflags >> FLAG_IOPL_SHIFT) & 3)))
		return EMULATE_DONE;
	/* A 32- or 64-bit TSS, with its I/O map base at byte 102. */
	if (!(tss->attr & SEG_PRESENT) || (type != 9 && type != 11) || tss->limit < 103)
		return emulate_raise(e, VECTOR_GP, 0);
	status = emulate_read_system(e, tss->base + 102, &map, 2);
	if (status)
		return status;
	at = map + port / 8u;
	if (at + 1 > tss->limit)
		return emulate_raise(e, VECTOR_GP, 0);
	status = emulate_read_system(e, tss->base + at, &permission, 2);
	if (status)
		return status;
	if ((permission >> (port & 7)) & ((1u << size) - 1))
		return emulate_raise(e, VECTOR_GP, 0);
	return EMULATE_DONE;
}

static unsigned int port_size(const struct emulation *e)
{
	return e->insn.operand_size < 4 ? e->insn.operand_size : 4;
}

int emulate_in(struct emulation *e)
{
	unsigned int size = port_size(e);
	uint16_t port = (uint16_t)e->operand[1].value;
	int status = check_port(e, port, size);

	if (!status)
		status = emulate_port_in(e, port, size, 1);
	if (status)
		return status;
	e->operand[0].value = 0;
	memcpy(&e->operand[0].value, e->ctx->io, size);
	return EMULATE_DONE;
}

int emulate_out(struct emulation *e)
{
	unsigned int size = port_size(e);
	uint16_t port = (uint16_t)e->operand[0].value;
	int status = check_port(e, port, size);

	if (status)
		return status;
	memcpy(e->ctx->io, &e->operand[1].value, size);
	return emulate_port_out(e, port, size, 1);
}

/* The memory side of one port transfer. */
struct transfer {
	unsigned int size;  /* of an element */
	unsigned int count; /* elements, all within one page if more than one */
	struct span span;   /* of the first */
};

/*
 * Plans as much of INS or OUTS as one port access may carry: elements going
 * upwards within one page of RAM, at an offset that does not wrap and within the
 * segment. Anything else goes one by one.
 */
static int plan_transfer(struct emulation *e, unsigned int segment, uint64_t offset,
			 unsigned int access, struct transfer *transfer)
{
	struct emulate_context *ctx = e->ctx;
	uint64_t linear = 0, count = 1, last;
	unsigned int size = port_size(e);
	uint8_t probe;
	int status;

	transfer->size = size;
	transfer->count = 1;
	status = emulate_linear(e, segment, offset, size, access, &linear);
	if (!status)
		status = emulate_map(e, linear, size, access, &transfer->span);
	if (status || !e->insn.rep || e->rflags & (FLAG_DF | FLAG_TF))
		return status;

	count = emulate_gpr(e, MULLION_RCX, e->insn.address_size);
	if (count > EMULATE_IO_MAX / size)
		count = EMULATE_IO_MAX / size;
	if (count > (4096 - (linear & 4095)) / size)
		count = (4096 - (linear & 4095)) / size;
	last = offset + count * size - 1;
	if (count < 2 || last < offset || last > emulate_mask(e->insn.address_size) ||
	    !emulate_permits(e, segment, offset, count * size, access) ||
	    ctx->ops->ram.read(ctx->opaque, transfer->span.gpa[0], &probe, 1) != GUEST_MEMORY_OK)
		return EMULATE_DONE;
	transfer->count = (unsigned int)count;
	return EMULATE_DONE;
}

/* The span of element `i`. */
static struct span element(const struct transfer *transfer, unsigned int i)
{
	struct span span = transfer->span;

	span.gpa[0] += (uint64_t)i * transfer->size;
	return span;
}

/* Counts `count` elements of a REP, which ends or goes on. */
static int finish_transfer(struct emulation *e, unsigned int reg, const struct transfer *transfer)
{
	advance(e, reg, transfer->size, transfer->count);
	if (!e->insn.rep)
		return EMULATE_DONE;
	emulate_step_gpr(e, MULLION_RCX, e->insn.address_size, -(int64_t)transfer->count);
	if (!emulate_gpr(e, MULLION_RCX, e->insn.address_size))
		return EMULATE_DONE;
	emulate_commit(e, false);
	return EMULATE_AGAIN;
}

int emulate_ins(struct emulation *e)
{
	uint16_t port = (uint16_t)e->gpr[MULLION_RDX];
	struct transfer transfer;
	unsigned int i;
	int status;

	if (e->insn.rep && !emulate_gpr(e, MULLION_RCX, e->insn.address_size))
		return EMULATE_DONE;
	status = check_port(e, port, port_size(e));
	if (!status)
		status = plan_transfer(e, MULLION_ES, destination_offset(e), GUEST_WALK_WRITE,
				       &transfer);
	if (!status)
		status = emulate_port_in(e, port, transfer.size, transfer.count);
	for (i = 0; !status && i < transfer.count; i++) {
		struct span span = element(&transfer, i);

		status = emulate_span_write(e, &span, e->ctx->io + i * transfer.size);
	}
	return status ? status : finish_transfer(e, MULLION_RDI, &transfer);
}

int emulate_outs(struct emulation *e)
{
	uint16_t port = (uint16_t)e->gpr[MULLION_RDX];
	struct transfer transfer;
	unsigned int i;
	int status;

	if (e->insn.rep && !emulate_gpr(e, MULLION_RCX, e->insn.address_size))
		return EMULATE_DONE;
	status = check_port(e, port, port_size(e));
	if (!status)
		status = plan_transfer(e, e->insn.segment, source_offset(e), 0, &transfer);
	for (i = 0; !status && i < transfer.count; i++) {
		struct span span = element(&transfer, i);

		status = emulate_span_read(e, &span, e->ctx->io + i * transfer.size);
	}
	if (!status)
		status = emulate_port_out(e, port, transfer.size, transfer.count);
	return status ? status : finish_transfer(e, MULLION_RSI, &transfer);
}
