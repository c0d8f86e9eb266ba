// SPDX-License-Identifier: GPL-2.0-only
#include "test_emulate_trial.h"
#include "support.h"
#include "test_emulate_machine.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

uint64_t random64(void)
{
	return (uint64_t)random_next() << 32 | random_next();
}

unsigned int below(unsigned int n)
{
	return random_next() % n;
}

uint64_t random_value(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull,
	};

	switch (below(4)) {
	case 0:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return random64() >> below(64);
	default:
		return random64();
	}
}

/* Memory at random: a window on what was made once. */
static void fill_memory(uint8_t *bytes)
{
	static uint64_t stock[NATIVE_DATA_SIZE / 4];
	static bool made;
	const unsigned int count = sizeof(stock) / sizeof(stock[0]);

	for (unsigned int i = 0; i < count && !made; i++)
		stock[i] = random_value();
	made = true;
	memcpy(bytes, &stock[below(count / 2)], NATIVE_DATA_SIZE);
}

void trial_start(struct trial *t, enum native_width width, const char *name)
{
	const struct native_mode *mode = &native_modes[width];

	memset(t, 0, sizeof(*t));
	t->width = width;
	t->name = name;
	t->rip = NATIVE_CODE - mode->code_base + below(64);
	t->data = NATIVE_DATA - mode->data_base;
	for (unsigned int i = 0; i < 16; i++)
		t->state.gpr[i] = random_value();
	/* Narrow code loses upper halves on its way in and out. */
	for (unsigned int i = 0; i < 16 && width != NATIVE_64; i++)
		t->state.gpr[i] &= 0xffffffff;
	t->state.gpr[4] = t->data + 2048 + below(1024);
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j < 32; j += 8) {
			uint64_t value = native_cpu_has(NATIVE_AVX) || j < 16 ? random64() : 0;

			memcpy(&t->state.vector[i][j], &value, 8);
		}
	fill_memory(t->memory);
	t->state.rflags = 0x202 | (random_next() & STATUS);
}

void trial_emit(struct trial *t, uint64_t value, unsigned int size)
{
	memcpy(t->bytes + t->length, &value, size);
	t->length += size;
}

uint64_t trial_place(const struct trial *t, bool aligned)
{
	uint64_t at =
		t->data + (below(8) ? 1024 + below(NATIVE_DATA_SIZE - 2048) : 4096 - below(32));

	return aligned && below(16) ? at & ~31ull : at;
}

uint8_t *trial_memory(struct trial *t, uint64_t offset)
{
	return t->memory + (offset - t->data);
}

/* 16-bit addressing: the registers of each ModRM.rm, 0xff for none. */
static void emit_address_16(struct trial *t, unsigned int reg, uint64_t at, int avoid)
{
	static const uint8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	static const uint8_t index[8] = { 6, 7, 6, 7, 0xff, 0xff, 0xff, 0xff };
	uint64_t *gpr = t->state.gpr;
	unsigned int mod = below(3), rm = below(8);
	int16_t displacement = mod == 1 ? (int8_t)random_next() :
			       mod == 2 ? (int16_t)random_next() :
					  0;
	uint64_t wanted = at - (uint64_t)(int64_t)displacement;

	while (base[rm] == avoid || index[rm] == avoid)
		rm = (rm + 1) & 7;
	trial_emit(t, mod << 6 | (reg & 7) << 3 | rm, 1);
	if (mod == 0 && rm == 6) {
		trial_emit(t, at, 2);
		return;
	}
	if (index[rm] != 0xff) {
		gpr[index[rm]] = random_next();
		wanted -= gpr[index[rm]];
		t->pinned |= 1u << index[rm];
	}
	gpr[base[rm]] = (wanted & 0xffff) | (random_next() & 0xffff0000);
	t->pinned |= 1u << base[rm];
	trial_emit(t, (uint64_t)(int64_t)displacement, mod);
}

/* 32- and 64-bit addressing. -> the place of a RIP-relative displacement, which
 * must be set when the length is known, or 0. */
static unsigned int emit_address_32(struct trial *t, unsigned int reg, uint8_t rex, bool truncated,
				    uint64_t at, int avoid)
{
	uint64_t *gpr = t->state.gpr;
	unsigned int b = rex & 1 ? 8 : 0, x = rex & 2 ? 8 : 0;
	unsigned int mod = below(3), rm = below(8), base = rm + b, index = 4, scale = 0;
	int64_t displacement = mod == 1 ? (int8_t)random_next() :
			       mod == 2 ? (int16_t)random_next() :
					  0;
	uint64_t wanted;

	if (mod == 0 && rm == 5) { /* RIP-relative in 64-bit code, absolute elsewhere */
		trial_emit(t, (reg & 7) << 3 | 5, 1);
		trial_emit(t, at, 4);
		return t->width == NATIVE_64 ? t->length - 4 : 0;
	}
	if (rm == 4) {
		base = below(8) + b;
		index = below(8) + x;
		scale = below(4);
	}
	if ((int)base == avoid)
		base = (base & 8) | ((base + 1) & 7);
	/* Only with SIB can the base be any; else ModRM.rm names it. */
	if (rm != 4) {
		rm = base & 7;
		if (rm == 4 || (rm == 5 && mod == 0)) {
			rm = 4;
			if (mod == 0)
				mod = 2;
		}
	}
	/* The index is another register; number 4 means none, but R12 is one. */
	if (rm == 4 && x && index == 4)
		index = 12;
	while (index != 4 && (index == base || (int)index == avoid))
		index = (index & 8) | ((index + 1) & 7);
	if ((base & 7) == 5 && mod == 0 && rm == 4) {
		/* No base: a displacement of 32 bits, and perhaps an index. */
		trial_emit(t, (reg & 7) << 3 | 4, 1);
		trial_emit(t, scale << 6 | (index & 7) << 3 | 5, 1);
		if (index != 4) {
			gpr[index] = below(256);
			t->pinned |= 1u << index;
		}
		trial_emit(t, at - (index != 4 ? gpr[index] << scale : 0), 4);
		return 0;
	}
	if (index != 4)
		gpr[index] = random_value();
	t->pinned |= 1u << base | (index != 4 ? 1u << index : 0);
	wanted = at - (uint64_t)displacement - (index != 4 ? gpr[index] << scale : 0);
	gpr[base] = truncated ? (wanted & 0xffffffff) | random64() << 32 : wanted;
	trial_emit(t, mod << 6 | (reg & 7) << 3 | rm, 1);
	if (rm == 4)
		trial_emit(t, scale << 6 | (index & 7) << 3 | (base & 7), 1);
	trial_emit(t, (uint64_t)displacement, mod == 1 ? 1 : mod == 2 ? 4 : 0);
	return 0;
}

/* The count of a shift, as the processor masks it. */
static unsigned int shift_count(const struct trial *t, const struct form *form, unsigned int size)
{
	unsigned int count = form->immediate ? t->bytes[t->length - 1] :
			     (form->opcode & 0xfe) == 0xd0 && !form->map ?
					       1 :
					       (unsigned int)t->state.gpr[1] & 0xff;

	return count & (size == 8 ? 63 : 31);
}

static uint32_t undefined_flags(const struct trial *t, const struct form *form, unsigned int size)
{
	uint32_t open = form->undefined;

	if (form->flags & (SHIFTS | DOUBLES)) {
		unsigned int count = shift_count(t, form, size);

		if (count > 1)
			open |= OF;
		if (count && (form->digit >= 4 || form->flags & DOUBLES))
			open |= AF;
		if (count >= size * 8 && form->digit >= 4)
			open |= CF;
	}
	return open;
}

/* Puts into registers and memory what makes a form go its interesting ways. */
static void suit(struct trial *t, const struct form *form, unsigned int size, uint64_t at,
		 bool in_memory, unsigned int rm)
{
	uint64_t *gpr = t->state.gpr;
	bool free = !(t->pinned & 5); /* rAX and rDX may be set */

	if (form->flags & DIVIDES && free && below(8)) {
		gpr[2] = below(2) ? 0 : gpr[0] >> (size * 8 - 1) & 1 ? ~0ull : 0;
		if (size == 1)
			gpr[0] = (gpr[0] & ~0xff00ull) | (below(2) ? 0 : 0x100);
	}
	if (form->flags & COMPARES && in_memory && free && below(2)) {
		memcpy(&gpr[0], trial_memory(t, at), 8);
		memcpy(&gpr[2], trial_memory(t, at) + (size == 8 ? 8 : 4), 8);
	}
	if (form->flags & JUMPS) {
		uint64_t target = native_taken_address(t->width);

		if (in_memory)
			memcpy(trial_memory(t, at), &target, 8);
		else
			gpr[rm] = target;
	}
}

/* Prefixes, REX or VEX, escapes and the opcode. */
static void emit_opcode(struct trial *t, const struct form *form, uint8_t rex, bool vex)
{
	if (vex) {
		unsigned int pp = form->prefix == 0x66 ? 1 :
				  form->prefix == 0xf3 ? 2 :
				  form->prefix         ? 3 :
							 0;
		unsigned int l = !(form->flags & VEX128) && below(2) ? 4 : 0;

		trial_emit(t, 0xc4, 1);
		trial_emit(t, (~rex & 7) << 5 | 1, 1);
		trial_emit(t, (rex & 8) << 4 | 0x78 | l | pp, 1);
	} else {
		if (form->prefix)
			trial_emit(t, form->prefix, 1);
		if (rex)
			trial_emit(t, rex, 1);
		if (form->map)
			trial_emit(t, 0x0f, 1);
		if (form->map == 2)
			trial_emit(t, 0x38, 1);
	}
	trial_emit(t, form->opcode, 1);
}

/* The size of the operands. */
static unsigned int form_size(const struct trial *t, uint32_t flags, uint8_t rex, bool word)
{
	if (flags & BYTE)
		return 1;
	if (t->width != NATIVE_64)
		return (t->width == NATIVE_16) != word ? 2 : 4;
	return rex & 8 || (flags & STACK && !word) || flags & JUMPS ? 8 : word ? 2 : 4;
}

bool trial_make(struct trial *t, enum native_width width, const struct form *form)
{
	uint32_t flags = form->flags;
	bool in_memory = flags & MEMORY || below(4);
	bool vex = flags & VEX && form->map == 1 && native_cpu_has(NATIVE_AVX) && below(2);
	bool word = !(flags & (VECTOR | NO_66)) && below(3) == 0;
	bool other_address = width != NATIVE_32 && below(8) == 0;
	uint8_t rex = width == NATIVE_64 && below(3) ? 0x40 | below(16) : 0;
	unsigned int reg, rm, size, rip_relative = 0;
	uint64_t at, stack;

	trial_start(t, width, form->name);
	at = trial_place(t, flags & ALIGNED);
	stack = t->state.gpr[4];
	if (vex && width == NATIVE_64)
		rex |= 0x40;
	if (flags & NARROW)
		rex &= ~8;
	if (flags & ONLY64 && flags & COMPARES) /* CMPXCHG16B */
		rex |= 0x48;
	if (form->digit >= 0)
		rex &= ~4;
	reg = form->digit >= 0 ? (unsigned int)form->digit : below(8) + (rex & 4 ? 8 : 0);
	size = form_size(t, flags, rex, word);

	if (other_address)
		trial_emit(t, 0x67, 1);
	if (word)
		trial_emit(t, 0x66, 1);
	if (flags & LOCKABLE && in_memory && below(3) == 0)
		trial_emit(t, 0xf0, 1);
	emit_opcode(t, form, rex, vex);

	rm = below(8) + (rex & 1 ? 8 : 0);
	if (flags & BITS && in_memory)
		t->state.gpr[reg] = (uint64_t)(int64_t)((int)below(8000) - 4000);
	if (!in_memory)
		trial_emit(t, 0xc0 | (reg & 7) << 3 | (rm & 7), 1);
	else if (width == NATIVE_16 && !other_address)
		emit_address_16(t, reg, at, flags & BITS ? (int)reg : -1);
	else
		rip_relative = emit_address_32(t, reg, rex, other_address, at,
					       flags & BITS ? (int)reg : -1);
	suit(t, form, size, at, in_memory, rm);
	/* An address made of rSP must leave it where a stack can be. */
	if (flags & STACK && t->state.gpr[4] != stack &&
	    (t->state.gpr[4] < t->data + 64 || t->state.gpr[4] > t->data + NATIVE_DATA_SIZE - 64))
		return false;
	if (form->immediate == 4)
		trial_emit(t, random_value(), size > 4 ? 4 : size);
	else
		trial_emit(t, below(3) ? random_value() : below(33), form->immediate);
	if (rip_relative) {
		int32_t displacement = (int32_t)(at - (t->rip + t->length));

		memcpy(t->bytes + rip_relative, &displacement, 4);
	}
	t->undefined = undefined_flags(t, form, size);
	/* The result for words shifted by more than their size is undefined. */
	if (flags & DOUBLES && size == 2 && shift_count(t, form, size) > 16)
		return false;
	return t->length <= 15;
}

static void describe(const struct trial *t, const char *what)
{
	fprintf(stderr, "%s in %u-bit code: %s:", t->name, native_modes[t->width].width, what);
	for (unsigned int i = 0; i < t->length; i++)
		fprintf(stderr, " %02x", t->bytes[i]);
	fprintf(stderr, "\n");
}

/* The machine in the state that the processor starts from. */
static void load_machine(struct machine *m, const struct trial *t, enum region_kind kind,
			 enum answer answer, uint8_t *bytes)
{
	const struct native_mode *mode = &native_modes[t->width];
	uint64_t present = 7;

	machine_init(m);
	if (t->width == NATIVE_64)
		machine_set_long(m);
	else
		machine_set_protected(m, t->width == NATIVE_32);
	machine_set_cpl(m, 3);
	for (unsigned int i = MULLION_ES; i <= MULLION_DS; i++) {
		m->ctx.seg[i].base = i == MULLION_CS ? mode->code_base : mode->data_base;
		m->ctx.seg[i].selector = i == MULLION_CS ? mode->code : mode->data;
	}
	m->answer = answer;
	memcpy(bytes, t->memory, NATIVE_DATA_SIZE);
	machine_add(m, kind, NATIVE_DATA, bytes, NATIVE_DATA_SIZE);
	machine_add(m, REGION_RAM, NATIVE_CODE, (void *)NATIVE_CODE, NATIVE_CODE_SIZE);
	memcpy(m->ctx.gpr, t->state.gpr, sizeof(m->ctx.gpr));
	m->ctx.rflags = t->state.rflags;
	m->ctx.rip = t->rip;
	memcpy(m->xsave + 512, &present, 8);
	for (unsigned int i = 0; i < 16; i++) {
		memcpy(m->xsave + 160 + i * 16, t->state.vector[i], 16);
		memcpy(m->xsave + 576 + i * 16, t->state.vector[i] + 16, 16);
	}
}

/* Compares what both have come to. */
static bool same(const struct machine *m, const struct trial *t, const struct native_state *native,
		 const uint8_t *bytes, uint64_t rip)
{
	const uint8_t *theirs = (const uint8_t *)NATIVE_DATA;
	uint64_t mask = t->width == NATIVE_64 ? ~0ull : 0xffffffff;
	uint64_t differ = (m->ctx.rflags ^ native->rflags) & (STATUS | DF) & ~t->undefined;
	bool equal = true;

	for (unsigned int i = 0; i < (t->width == NATIVE_64 ? 16 : 8); i++) {
		if (!((m->ctx.gpr[i] ^ native->gpr[i]) & mask))
			continue;
		fprintf(stderr, "  gpr %u: %#lx, the processor %#lx, before %#lx\n", i,
			m->ctx.gpr[i], native->gpr[i], t->state.gpr[i]);
		equal = false;
	}
	for (unsigned int i = 0; i < 16; i++) {
		if (!memcmp(m->xsave + 160 + i * 16, native->vector[i], 16) &&
		    !memcmp(m->xsave + 576 + i * 16, native->vector[i] + 16, 16))
			continue;
		fprintf(stderr, "  vector %u differs\n", i);
		equal = false;
	}
	if (differ) {
		fprintf(stderr, "  flags %#lx, the processor %#lx, before %#lx\n", m->ctx.rflags,
			native->rflags, t->state.rflags);
		equal = false;
	}
	for (unsigned int i = 0; memcmp(bytes, theirs, NATIVE_DATA_SIZE); i++) {
		if (bytes[i] == theirs[i])
			continue;
		fprintf(stderr, "  byte %#x: %02x, the processor %02x, before %02x\n", i, bytes[i],
			theirs[i], t->memory[i]);
		equal = false;
		break;
	}
	if (m->ctx.rip != rip) {
		fprintf(stderr, "  rip %#lx, expected %#lx\n", m->ctx.rip, rip);
		equal = false;
	}
	return equal;
}

/* Whether the emulator's fault is what a signal stands for. */
static bool is_fault(const struct machine *m, enum emulate_result result, int number)
{
	if (result != EMULATE_FAULT)
		return false;
	switch (number) {
	case SIGFPE:
		return m->ctx.fault.vector == 0;
	case SIGILL:
		return m->ctx.fault.vector == 6;
	case SIGBUS: /* as Linux has it for a stack fault */
		return m->ctx.fault.vector == 12;
	default:
		return m->ctx.fault.vector == 13;
	}
}

void trial_run(const struct trial *t)
{
	static const struct {
		enum region_kind kind;
		enum answer answer;
	} worlds[] = {
		{ REGION_RAM, ANSWER_AT_ONCE },
		{ REGION_DEVICE, ANSWER_AT_ONCE },
		{ REGION_DEVICE, ANSWER_IN_TURNS },
	};
	static struct machine m;
	static uint8_t bytes[NATIVE_DATA_SIZE];
	struct native_state native = t->state;
	uint64_t rip = t->rip + t->length;
	int number;

	native_place(t->width, t->rip, t->bytes, t->length, t->target);
	memcpy((void *)NATIVE_DATA, t->memory, NATIVE_DATA_SIZE);
	number = native_execute(&native);
	if (native.taken)
		rip = t->target ? t->target : native_taken_address(t->width);
	for (unsigned int i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
		enum emulate_result result;

		load_machine(&m, t, worlds[i].kind, worlds[i].answer, bytes);
		result = machine_run(&m);
		if (number && is_fault(&m, result, number))
			continue;
		if (number) {
			describe(t, "the processor faults, the emulator does otherwise");
			fail_msg("signal %d, result %d, vector %u", number, result,
				 m.ctx.fault.vector);
		}
		if (result != EMULATE_DONE) {
			describe(t, "the emulator does not do it");
			fail_msg("result %d, vector %u", result, m.ctx.fault.vector);
		}
		if (!same(&m, t, &native, bytes, rip)) {
			describe(t, "differs");
			fail_msg("world %u", i);
		}
	}
}
