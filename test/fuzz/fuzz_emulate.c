// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction emulator on arbitrary code, registers, page tables and devices.
 *
 * The input is a struct input and then the instruction's bytes; what is missing
 * is zero. The machine of the unit tests aborts on any call to it that is out of
 * the contract; here stand the promises that a caller relies on besides.
 */
#include "test/unit/test_emulate_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_SIZE 0x10000u
#define DEVICE 0x10000u
#define DEVICE_SIZE 0x2000u
#define ROM 0x12000u
#define ROM_SIZE 0x1000u
#define SPACE (ROM + ROM_SIZE) /* where anything is at all */
#define STEPS 12

enum { MODE_REAL, MODE_V86, MODE_16, MODE_32, MODE_LONG, MODE_COUNT };

struct input {
	uint8_t mode, answer, paging, contend;
	uint8_t insn_given; /* bytes that the processor gave, as decode assists do */
	uint8_t rflags;
	uint16_t rip;
	uint32_t seed;       /* of memory, and of what registers hold beyond `gpr` */
	uint16_t gpr[16];    /* mostly where something is */
	uint8_t wild[2];     /* registers that hold anything, a bit each */
	uint8_t segments[6]; /* types and limits */
	uint8_t cpl;
	uint8_t control;
} __attribute__((packed));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct machine m;
static uint8_t ram[RAM_SIZE], device[DEVICE_SIZE], rom[ROM_SIZE];
static uint64_t random_state;

static void promise(bool kept, const char *what)
{
	if (kept)
		return;
	fprintf(stderr, "the emulator broke a promise: %s\n", what);
	abort();
}

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

enum { TABLES_NONE, TABLES_32, TABLES_64, TABLES_KINDS };
#define MEMORIES 8

/* Page table entries that lead somewhere, into the same few pages, with rights at
 * random. */
static void fill_with_tables(uint8_t *memory, unsigned int entry_size)
{
	for (unsigned int at = 0; at < 0x8000; at += entry_size) {
		uint64_t entry = random64();

		entry = (entry & 0xfff) | (entry & 0x1f000) | (entry & 15 << 20 ? 7 : 0);
		if (!(random64() & 15))
			entry = random64();
		if (random64() & 7)
			entry &= ~0x80ull;
		memcpy(memory + at, &entry, entry_size);
	}
}

/* RAM full of random bytes and tables: one of a few, made once. */
static void fill_ram(unsigned int number, unsigned int tables)
{
	static uint8_t memory[MEMORIES][TABLES_KINDS][RAM_SIZE];
	static bool made[MEMORIES][TABLES_KINDS];
	uint8_t *chosen = memory[number % MEMORIES][tables];

	if (!made[number % MEMORIES][tables]) {
		random_state = number % MEMORIES + 0x9e3779b97f4a7c15ull;
		for (unsigned int i = 0; i < RAM_SIZE; i += 8) {
			uint64_t value = random64();

			memcpy(chosen + i, &value, 8);
		}
		if (tables != TABLES_NONE)
			fill_with_tables(chosen, tables == TABLES_32 ? 4 : 8);
		made[number % MEMORIES][tables] = true;
	}
	memcpy(ram, chosen, RAM_SIZE);
}

static void set_mode(const struct input *in)
{
	struct emulate_context *ctx = &m.ctx;

	switch (in->mode % MODE_COUNT) {
	case MODE_REAL:
		break;
	case MODE_V86:
		machine_set_protected(&m, false);
		machine_set_cpl(&m, 3);
		ctx->rflags |= 1 << 17;
		break;
	case MODE_16:
		machine_set_protected(&m, false);
		machine_set_cpl(&m, in->cpl & 3);
		break;
	case MODE_32:
		machine_set_protected(&m, true);
		machine_set_cpl(&m, in->cpl & 3);
		break;
	case MODE_LONG:
		machine_set_long(&m);
		machine_set_cpl(&m, in->cpl & 3);
		break;
	}
	for (unsigned int i = 0; i < 6; i++) {
		if (in->segments[i] & 1)
			ctx->seg[i].attr ^= in->segments[i] >> 1 & 0xf;
		if (in->segments[i] & 0x20)
			ctx->seg[i].limit = (uint32_t)random64() & 0x1ffff;
		if (in->segments[i] & 0x40)
			ctx->seg[i].base = random64() & (in->segments[i] & 0x80 ? ~0ull : 0xffff);
	}
	ctx->seg[MULLION_TR] =
		(struct mullion_segment){ .attr = 0x8b, .base = 0x9000, .limit = in->contend * 8 };
	ctx->seg[MULLION_LDTR] = (struct mullion_segment){ .attr = in->control & 0x80 ? 0x82 : 0,
							   .base = 0xa000,
							   .limit = 0xff };
	ctx->gdtr = (struct mullion_table){ .base = 0xb000, .limit = 0xfff };
}

static void set_up(const struct input *in, const uint8_t *code, size_t length)
{
	struct emulate_context *ctx = &m.ctx;
	unsigned int tables = TABLES_NONE;

	machine_init(&m);
	machine_add(&m, REGION_RAM, 0, ram, RAM_SIZE);
	machine_add(&m, REGION_DEVICE, DEVICE, device, DEVICE_SIZE);
	machine_add(&m, REGION_ROM, ROM, rom, ROM_SIZE);
	m.answer = in->answer % 3;
	m.contend = in->contend % 4;
	random_state = in->seed + 0x9e3779b97f4a7c15ull;
	set_mode(in);
	ctx->rflags |= (uint64_t)(in->rflags & 0xd5) | (in->rflags & 2 ? 1 << 8 : 0) |
		       (in->rflags & 8 ? 1 << 10 : 0) | (in->rflags & 0x20 ? 1 << 18 : 0);
	for (unsigned int i = 0; i < MULLION_GPRS; i++)
		ctx->gpr[i] = in->wild[i / 8] >> (i % 8) & 1 ?
				      random64() :
				      in->gpr[i] + (in->gpr[i] & 1) * 0x8000;
	if (in->paging & 1 && ctx->cr0 & 1) {
		ctx->cr0 |= 1u << 31 | (in->paging & 2 ? 1 << 16 : 0);
		ctx->cr4 |= (in->paging & 4 ? 1 << 5 : 1 << 4) | (in->paging & 8 ? 1 << 20 : 0) |
			    (in->paging & 16 ? 1 << 21 : 0) | (in->paging & 32 ? 1 << 12 : 0);
		ctx->efer |= in->paging & 64 ? 1 << 11 : 0;
		ctx->cr3 = random64() & 0x7000;
		tables = ctx->cr4 & 1 << 5 ? TABLES_64 : TABLES_32;
	}
	fill_ram(in->seed >> 24, tables);
	ctx->cr0 |= in->control & 1 ? 8 : in->control & 2 ? 4 : 0;
	ctx->rip = in->rip;
	if (length > 16)
		length = 16;
	for (unsigned int i = 0; i < length; i++)
		ram[(in->rip + i) % RAM_SIZE] = code[i];
	if (in->insn_given & 1 || (in->paging & 1 && ctx->cr0 & 1)) {
		memcpy(ctx->insn, code, length < 15 ? length : 15);
		ctx->insn_count = length < 15 ? length : 15;
	}
}

/* A string instruction may have moved on; any other that did not end left no trace. */
static bool may_have_moved(const struct emulate_context *ctx)
{
	for (unsigned int i = 0; i < ctx->insn_count; i++)
		if ((ctx->insn[i] >= 0x6c && ctx->insn[i] <= 0x6f) ||
		    (ctx->insn[i] >= 0xa4 && ctx->insn[i] <= 0xaf))
			return true;
	return false;
}

static void check_fault(const struct emulate_context *ctx)
{
	static const bool with_error[15] = { [11] = true, [12] = true, [13] = true, [14] = true };
	unsigned int vector = ctx->fault.vector;

	promise(ctx->fault.valid == 1 && ctx->fault.type == MULLION_EVENT_EXCEPTION,
		"a fault is a valid exception");
	promise(vector == 0 || vector == 6 || vector == 7 || (vector >= 11 && vector <= 14),
		"a vector that an emulated instruction can raise");
	promise(ctx->fault.has_error == (with_error[vector] && ctx->cr0 & 1),
		"error codes go with the vectors that have one");
	promise(ctx->fault.error < 1u << 16, "an error code has 16 bits");
	promise(vector != 14 || (ctx->cr0 & 1u << 31 && ctx->fault.error < 32),
		"page faults come from paging");
	promise(ctx->rflags & 1 << 16, "a fault's frame has RF");
}

static void check_step(const struct emulate_context *ctx, const struct emulate_context *before,
		       enum emulate_result result)
{
	promise(ctx->insn_count <= EMULATE_INSN_MAX && ctx->insn_length <= EMULATE_INSN_MAX,
		"no instruction is longer than 15 bytes");
	promise(ctx->cr0 == before->cr0 && ctx->cr3 == before->cr3 && ctx->cr4 == before->cr4 &&
			ctx->efer == before->efer && ctx->cpl == before->cpl,
		"control registers stay");
	promise(!((ctx->rflags ^ before->rflags) & ~0x10cd5ull),
		"only status flags, DF, RF change");
	switch (result) {
	case EMULATE_DONE:
		promise(ctx->insn_length > 0, "what is done has a length");
		promise(ctx->changed & MULLION_GROUP_RIP, "what is done has moved RIP");
		return;
	case EMULATE_PENDING:
		promise(ctx->pending.kind == EMULATE_MMIO_READ ||
				ctx->pending.kind == EMULATE_PORT_IN,
			"reads alone are waited for");
		promise(ctx->posted_count == 0, "no read waits behind a write");
		break;
	case EMULATE_FAULT:
		check_fault(ctx);
		break;
	case EMULATE_AGAIN:
	case EMULATE_UNHANDLED:
		break;
	default:
		promise(false, "a result that exists");
	}
	promise(ctx->rip == before->rip, "RIP stays on what is not done");
	/* A fault has dropped the bytes; those known before need not be all of them. */
	if (ctx->insn_count == 0 || may_have_moved(ctx))
		return;
	promise(!memcmp(ctx->gpr, before->gpr, sizeof(ctx->gpr)), "no trace in the registers");
}

static void deliver(struct emulate_context *ctx)
{
	promise(ctx->posted_count <= EMULATE_POSTED_MAX, "no more writes than there is room for");
	for (unsigned int i = 0; i < ctx->posted_count; i++) {
		const struct emulate_access *a = &ctx->posted[i];

		promise(a->kind == EMULATE_MMIO_WRITE || a->kind == EMULATE_PORT_OUT,
			"writes alone are posted");
		promise(a->kind == EMULATE_PORT_OUT ? a->size * a->count <= EMULATE_IO_MAX :
						      a->size >= 1 && a->size <= 8,
			"posted writes have a size that fits");
	}
	ctx->posted_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct emulate_context before;
	struct emulate_context *ctx = &m.ctx;
	struct input in = { 0 };

	memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
	data += size < sizeof(in) ? size : sizeof(in);
	size -= size < sizeof(in) ? size : sizeof(in);
	set_up(&in, data, size);
	for (unsigned int step = 0; step < STEPS; step++) {
		enum emulate_result result;

		before = *ctx;
		result = emulate_insn(ctx);
		check_step(ctx, &before, result);
		deliver(ctx);
		if (result == EMULATE_PENDING) {
			memset(ctx->pending.data, (int)step, sizeof(ctx->pending.data));
			emulate_complete(ctx);
		} else if (result != EMULATE_AGAIN) {
			break;
		}
	}
	before = *ctx;
	before.insn_count = 0;
	ctx->insn_count = 0;
	emulate_length(ctx);
	promise(!memcmp(ctx->gpr, before.gpr, sizeof(ctx->gpr)) && ctx->rip == before.rip,
		"asking for a length changes nothing");
	return 0;
}
