// SPDX-License-Identifier: GPL-2.0-only
/* Task switches as the module makes them for VT-x. What the processor checks before it leaves the
 * switch to software is checked again, because memory may have changed. */
#include "support.h"
#include "test_emulate_machine.h"

#include <string.h>

#define GDT 0x100
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_OLD 0x28
#define SEL_NEW 0x30
#define SEL_LDT 0x38
#define SEL_READ_ONLY 0x40
#define SEL_ABSENT 0x48
#define SEL_CODE3 0x50
#define SEL_DATA3 0x58
#define GDT_LIMIT 0x5f
#define SEL_NONE 0x60
#define OLD 0x1000
#define NEW 0x1ffe /* on two pages */
#define LDT 0x3000
#define STACK 0x5000
#define DEVICE 0xa0000

#define TYPE_16 0x81ull
#define TYPE_32 0x89ull
#define BUSY 2ull
#define NT 0x4000u
#define VM 0x20000u
#define RF 0x10000u

static struct machine m;
static uint8_t ram[0x10000], before[0x10000], device[0x1000];

#define CTX (m.ctx)
#define REG(name) (m.ctx.gpr[MULLION_##name])
#define SEG(name) (m.ctx.seg[MULLION_##name])

static void put(unsigned int at, uint64_t value, unsigned int size)
{
	memcpy(ram + at, &value, size);
}

static uint32_t get(unsigned int at, unsigned int size)
{
	uint32_t value = 0;

	memcpy(&value, ram + at, size);
	return value;
}

static void put_descriptor(unsigned int selector, uint32_t base, uint32_t limit, uint64_t type)
{
	put(GDT + selector,
	    (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | type << 40 |
		    (uint64_t)(base >> 24) << 56,
	    8);
}

static bool busy(unsigned int selector)
{
	return ram[GDT + selector + 5] & BUSY;
}

/* A 32-bit TSS whose every register tells its place. */
static void put_tss32(unsigned int at)
{
	for (unsigned int i = 0; i < 0x68; i += 4)
		put(at + i, 0x1000 + i, 4);
	put(at + 0x24, 2, 4);
	put(at + 0x38, STACK, 4);
	for (unsigned int i = 0x48; i < 0x60; i += 4)
		put(at + i, i == 0x4c ? SEL_CODE : SEL_DATA, 4);
	put(at + 0x60, 0, 4);
	put(at + 0x64, 0, 4);
}

static int set_up(void **state)
{
	(void)state;
	memset(ram, 0, sizeof(ram));
	machine_init(&m);
	machine_add(&m, REGION_RAM, 0, ram, sizeof(ram));
	machine_add(&m, REGION_DEVICE, DEVICE, device, sizeof(device));
	machine_set_protected(&m, true);
	put(GDT + SEL_CODE, 0x00cf9b000000ffff, 8);
	put(GDT + SEL_DATA, 0x00cf93000000ffff, 8);
	put(GDT + SEL_READ_ONLY, 0x00cf91000000ffff, 8);
	put(GDT + SEL_ABSENT, 0x00cf13000000ffff, 8);
	put(GDT + SEL_CODE3, 0x00cffb000000ffff, 8);
	put(GDT + SEL_DATA3, 0x00cff3000000ffff, 8);
	put_descriptor(SEL_OLD, OLD, 0x67, TYPE_32 | BUSY);
	put_descriptor(SEL_NEW, NEW, 0x67, TYPE_32);
	put_descriptor(SEL_LDT, LDT, 15, 0x82);
	put(LDT + 8, 0x00cf92000000ffff, 8);
	put_tss32(NEW);
	CTX.gdtr = (struct mullion_table){ .base = GDT, .limit = GDT_LIMIT };
	SEG(TR) = (struct mullion_segment){ SEL_OLD, 0x8b, 0x67, OLD };
	for (unsigned int i = MULLION_ES; i <= MULLION_GS; i++)
		CTX.seg[i].selector = i == MULLION_CS ? SEL_CODE : SEL_DATA;
	for (unsigned int i = MULLION_RAX; i <= MULLION_RDI; i++)
		CTX.gpr[i] = 0x77000000 + i;
	CTX.rip = 0x4000;
	CTX.rflags = 0x246 | NT;
	CTX.cr3 = 0x9000;
	CTX.interruptibility = MULLION_BLOCK_STI;
	CTX.changed = 0;
	return 0;
}

static struct emulate_task task;

static enum emulate_result by_instruction(enum mullion_task_source source)
{
	task = (struct emulate_task){ .selector = SEL_NEW, .source = source, .insn_len = 7 };
	memcpy(before, ram, sizeof(ram));
	return emulate_task_switch(&CTX, &task);
}

static enum emulate_result by_event(enum mullion_event_type type, uint8_t vector, int error)
{
	task = (struct emulate_task){
		.selector = SEL_NEW,
		.source = MULLION_TASK_GATE,
		.event = { .valid = 1,
			   .type = type,
			   .vector = vector,
			   .has_error = error >= 0,
			   .error = error >= 0 ? error : 0 },
	};
	memcpy(before, ram, sizeof(ram));
	return emulate_task_switch(&CTX, &task);
}

/* What all switches to the 32-bit task have in common. */
static void assert_new_task(uint32_t rflags)
{
	static const uint8_t order[] = { MULLION_RAX, MULLION_RCX, MULLION_RDX, MULLION_RBX,
					 MULLION_RSP, MULLION_RBP, MULLION_RSI, MULLION_RDI };

	assert_true(task.switched);
	assert_int_equal(CTX.rip, 0x1020);
	assert_int_equal(CTX.rflags, rflags);
	for (unsigned int i = 0; i < 8; i++) {
		if (order[i] != MULLION_RSP)
			assert_int_equal(CTX.gpr[order[i]], 0x1028 + 4 * i);
	}
	assert_int_equal(SEG(TR).selector, SEL_NEW);
	assert_int_equal(SEG(TR).base, NEW);
	assert_int_equal(SEG(TR).limit, 0x67);
	assert_int_equal(SEG(TR).attr, 0x8b);
	assert_int_equal(SEG(CS).selector, SEL_CODE);
	assert_int_equal(SEG(CS).attr, 0xc9b);
	assert_int_equal(SEG(SS).attr, 0xc93);
	assert_int_equal(SEG(LDTR).attr, 0);
	assert_int_equal(CTX.cr0 & 8, 8);
	assert_int_equal(CTX.cr3, 0x9000); /* paging is off */
	assert_int_equal(CTX.interruptibility & MULLION_BLOCK_STI, 0);
	assert_int_equal(CTX.changed, MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG |
					      MULLION_GROUP_CR);
}

/* The old task, to go on at `eip`. */
static void assert_saved(uint32_t eip, uint32_t eflags)
{
	assert_int_equal(get(OLD + 0x20, 4), eip);
	assert_int_equal(get(OLD + 0x24, 4), eflags);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(get(OLD + 0x28 + 4 * i, 4), 0x77000000 + i);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(get(OLD + 0x48 + 4 * i, 4), i == 1 ? SEL_CODE : SEL_DATA);
	/* Neither the static part nor what lies behind. */
	assert_memory_equal(ram + OLD, before + OLD, 0x20);
	assert_memory_equal(ram + OLD + 0x60, before + OLD + 0x60, 0x20);
}

static void assert_nothing_changed(void)
{
	assert_false(task.switched);
	assert_memory_equal(ram, before, sizeof(ram));
	assert_int_equal(SEG(TR).selector, SEL_OLD);
	assert_int_equal(CTX.rip, 0x4000);
	assert_int_equal(CTX.cr0 & 8, 0);
	assert_int_equal(REG(RAX), 0x77000000);
	assert_int_equal(CTX.changed & ~MULLION_GROUP_RIP, 0);
}

static void assert_fault(enum emulate_result result, unsigned int vector, uint32_t error)
{
	assert_int_equal(result, EMULATE_FAULT);
	assert_int_equal(CTX.fault.valid, 1);
	assert_int_equal(CTX.fault.type, MULLION_EVENT_EXCEPTION);
	assert_int_equal(CTX.fault.vector, vector);
	assert_int_equal(CTX.fault.has_error, 1);
	assert_int_equal(CTX.fault.error, error);
	assert_int_equal(CTX.rflags & RF, RF);
}

static void test_jmp(void **state)
{
	(void)state;
	assert_int_equal(by_instruction(MULLION_TASK_JMP), EMULATE_DONE);
	assert_new_task(2);
	assert_int_equal(REG(RSP), STACK);
	assert_saved(0x4007, 0x246 | NT);
	assert_false(busy(SEL_OLD));
	assert_true(busy(SEL_NEW));
	assert_int_equal(get(NEW, 2), get(NEW, 4)); /* no link: as it was */
	assert_int_equal(get(NEW, 4), 0x1000);
	assert_false(task.trap);
}

static void test_call(void **state)
{
	(void)state;
	put(NEW + 0x64, 1, 2);
	assert_int_equal(by_instruction(MULLION_TASK_CALL), EMULATE_DONE);
	assert_new_task(2 | NT);
	assert_saved(0x4007, 0x246 | NT);
	assert_true(busy(SEL_OLD));
	assert_true(busy(SEL_NEW));
	assert_int_equal(get(NEW, 4), SEL_OLD); /* two bytes of it */
	assert_true(task.trap);
}

static void test_iret(void **state)
{
	(void)state;
	put_descriptor(SEL_NEW, NEW, 0x67, TYPE_32 | BUSY);
	CTX.interruptibility |= MULLION_BLOCK_NMI;
	assert_int_equal(by_instruction(MULLION_TASK_IRET), EMULATE_DONE);
	assert_new_task(2);
	assert_saved(0x4007, 0x246); /* NT is clear */
	assert_false(busy(SEL_OLD));
	assert_true(busy(SEL_NEW));
	assert_int_equal(CTX.interruptibility, 0);
}

static void test_software_interrupt(void **state)
{
	(void)state;
	assert_int_equal(by_instruction(MULLION_TASK_GATE), EMULATE_DONE);
	assert_new_task(2 | NT);
	assert_int_equal(REG(RSP), STACK);
	assert_saved(0x4007, 0x246 | NT);
	assert_true(busy(SEL_OLD));
	assert_int_equal(get(NEW, 2), SEL_OLD);
}

static void test_events(void **state)
{
	(void)state;
	assert_int_equal(by_event(MULLION_EVENT_INTERRUPT, 0x41, -1), EMULATE_DONE);
	assert_new_task(2 | NT);
	assert_int_equal(REG(RSP), STACK);
	assert_saved(0x4000, 0x246 | NT);
	assert_int_equal(CTX.interruptibility, 0);

	set_up(state);
	assert_int_equal(by_event(MULLION_EVENT_NMI, 2, -1), EMULATE_DONE);
	assert_int_equal(CTX.interruptibility, MULLION_BLOCK_NMI);

	set_up(state);
	assert_int_equal(by_event(MULLION_EVENT_EXCEPTION, 14, 0x1234), EMULATE_DONE);
	assert_new_task(2 | NT);
	assert_int_equal(REG(RSP), STACK - 4);
	assert_int_equal(get(STACK - 4, 4), 0x1234);
}

static void test_16_bit(void **state)
{
	(void)state;
	put_descriptor(SEL_NEW, NEW, 0x2b, TYPE_16);
	for (unsigned int i = 0; i < 0x2c; i += 2)
		put(NEW + i, 0x2000 + i, 2);
	put(NEW + 0x10, 2, 2);
	put(NEW + 0x1a, STACK, 2);
	for (unsigned int i = 0x22; i < 0x2a; i += 2)
		put(NEW + i, i == 0x24 ? SEL_CODE : SEL_DATA, 2);
	put(NEW + 0x2a, SEL_LDT, 2);
	CTX.cr0 |= 1u << 31; /* a task of this kind has no page tables of its own */
	put(0x9000, 0x83, 4);
	CTX.cr4 |= 1 << 4;
	assert_int_equal(by_event(MULLION_EVENT_EXCEPTION, 13, 0x50), EMULATE_DONE);
	assert_int_equal(CTX.rip, 0x200e);
	assert_int_equal(CTX.rflags, 2 | NT);
	assert_int_equal(REG(RAX), 0x2012);
	assert_int_equal(REG(RDI), 0x2020);
	assert_int_equal(REG(RSP), STACK - 2);
	assert_int_equal(get(STACK - 2, 2), 0x50);
	assert_int_equal(SEG(TR).attr, 0x83);
	assert_int_equal(SEG(LDTR).base, LDT);
	assert_int_equal(SEG(FS).selector, 0);
	assert_int_equal(SEG(FS).attr & 0x80, 0);
	assert_int_equal(CTX.cr3, 0x9000);
	assert_saved(0x4000, 0x246 | NT);

	/* And back again. */
	CTX.changed = 0;
	put(OLD + 0x1c, 0x9018, 4);
	put(OLD + 0x60, 0, 4);
	put(NEW, SEL_OLD, 2);
	task = (struct emulate_task){ .selector = SEL_OLD,
				      .source = MULLION_TASK_IRET,
				      .insn_len = 1 };
	assert_int_equal(emulate_task_switch(&CTX, &task), EMULATE_DONE);
	assert_int_equal(get(NEW + 0x0e, 2), 0x200f);
	assert_int_equal(get(NEW + 0x10, 2), 2);
	assert_int_equal(get(NEW + 0x12, 2), 0x2012);
	assert_int_equal(get(NEW + 0x22, 2), SEL_DATA);
	assert_int_equal(get(NEW + 0x2a, 2), SEL_LDT); /* not saved */
	assert_int_equal(CTX.rip, 0x4000);
	assert_int_equal(CTX.cr3, 0x9018);
	assert_int_equal(REG(RDI), 0x77000007);
	assert_int_equal(SEG(LDTR).attr, 0);
}

static void test_ring_3(void **state)
{
	(void)state;
	put(NEW + 0x4c, SEL_CODE3 | 3, 4);
	put(NEW + 0x50, SEL_DATA3 | 3, 4);
	put(NEW + 0x54, SEL_DATA3, 4);
	put(NEW + 0x48, 0, 4);
	put(NEW + 0x58, 8 | 4, 4);
	put(NEW + 0x5c, SEL_CODE3 | 3, 4); /* readable */
	put(NEW + 0x60, SEL_LDT, 4);
	put(LDT + 8, 0x00cff2000000ffff, 8);
	assert_int_equal(by_instruction(MULLION_TASK_CALL), EMULATE_DONE);
	assert_int_equal(CTX.cpl, 3);
	assert_int_equal(SEG(CS).attr, 0xcfb);
	assert_int_equal(SEG(SS).attr, 0xcf3);
	assert_int_equal(SEG(FS).attr, 0xcf3); /* accessed now */
	assert_int_equal(ram[LDT + 8 + 5], 0xf3);
	assert_int_equal(SEG(ES).attr & 0x80, 0);
}

static void test_v86(void **state)
{
	(void)state;
	put(NEW + 0x24, VM | 0x3002, 4);
	put(NEW + 0x4c, 0x1234, 4);
	put(NEW + 0x50, 0x0500, 4);
	assert_int_equal(by_event(MULLION_EVENT_EXCEPTION, 12, 0x5678), EMULATE_DONE);
	assert_int_equal(CTX.rflags, VM | 0x3002 | NT);
	assert_int_equal(CTX.cpl, 3);
	for (unsigned int i = MULLION_ES; i <= MULLION_GS; i++) {
		assert_int_equal(CTX.seg[i].attr, 0xf3);
		assert_int_equal(CTX.seg[i].limit, 0xffff);
		assert_int_equal(CTX.seg[i].base, (uint64_t)CTX.seg[i].selector << 4);
	}
	assert_int_equal(get(0x5000 + STACK - 4, 4), 0x5678);

	/* EIP is checked against 64 KiB. */
	set_up(state);
	put(NEW + 0x24, VM | 2, 4);
	put(NEW + 0x20, 0x10000, 4);
	assert_fault(by_instruction(MULLION_TASK_JMP), 13, 0);
	assert_true(task.switched);
}

static void test_page_tables(void **state)
{
	(void)state;
	/* 4 MiB pages, each at its place; a page fault is the old task's. */
	for (unsigned int i = 0; i < 1024; i++) {
		put(0x8000 + 4 * i, i << 22 | 0x83, 4);
		put(0x9000 + 4 * i, i << 22 | 0x83, 4);
	}
	CTX.cr4 |= 1 << 4;
	CTX.cr0 |= 1u << 31;
	put(NEW + 0x1c, 0x8000, 4);
	put_descriptor(SEL_NEW, 0x400000, 0x67, TYPE_32);
	put(0x9004, 0, 4);
	assert_fault(by_instruction(MULLION_TASK_CALL), 14, 0);
	assert_int_equal(CTX.fault_address, 0x400000);
	assert_int_equal(CTX.cr3, 0x9000);
	assert_false(task.switched);
	assert_false(busy(SEL_NEW));

	put_descriptor(SEL_NEW, NEW, 0x67, TYPE_32);
	assert_int_equal(by_instruction(MULLION_TASK_CALL), EMULATE_DONE);
	assert_int_equal(CTX.cr3, 0x8000);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *what;
		uint16_t selector;
		uint64_t type;
		uint32_t limit;
		enum mullion_task_source source;
		unsigned int vector;
	} rows[] = {
		{ "busy", SEL_NEW, TYPE_32 | BUSY, 0x67, MULLION_TASK_CALL, 13 },
		{ "busy", SEL_NEW, TYPE_16 | BUSY, 0x67, MULLION_TASK_GATE, 13 },
		{ "not busy", SEL_NEW, TYPE_32, 0x67, MULLION_TASK_IRET, 10 },
		{ "an LDT", SEL_NEW, 0x82, 0x67, MULLION_TASK_JMP, 13 },
		{ "a data segment", SEL_NEW, 0x91, 0x67, MULLION_TASK_JMP, 13 },
		{ "a gate", SEL_NEW, 0x8e, 0x67, MULLION_TASK_JMP, 13 },
		{ "absent", SEL_NEW, 0x09, 0x67, MULLION_TASK_JMP, 11 },
		{ "too small", SEL_NEW, TYPE_32, 0x66, MULLION_TASK_JMP, 10 },
		{ "too small", SEL_NEW, TYPE_16, 0x2a, MULLION_TASK_JMP, 10 },
		{ "local", SEL_NEW | 4, TYPE_32, 0x67, MULLION_TASK_JMP, 13 },
		{ "null", 3, TYPE_32, 0x67, MULLION_TASK_JMP, 13 },
		{ "beyond", SEL_NONE, TYPE_32, 0x67, MULLION_TASK_JMP, 13 },
		{ "beyond", SEL_NONE, TYPE_32, 0x67, MULLION_TASK_IRET, 10 },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(state);
		put_descriptor(SEL_NEW, NEW, rows[i].limit, rows[i].type);
		task = (struct emulate_task){ .selector = rows[i].selector,
					      .source = rows[i].source,
					      .insn_len = 7 };
		memcpy(before, ram, sizeof(ram));
		assert_fault(emulate_task_switch(&CTX, &task), rows[i].vector,
			     rows[i].selector & ~3u);
		assert_nothing_changed();
	}
	/* For an event from outside the error code says so. */
	set_up(state);
	put_descriptor(SEL_NEW, NEW, 0x66, TYPE_32);
	assert_fault(by_event(MULLION_EVENT_INTERRUPT, 0x41, -1), 10, SEL_NEW | 1);
	assert_nothing_changed();
}

static void test_bad_segments(void **state)
{
	static const struct {
		unsigned int at; /* in the TSS */
		uint16_t selector;
		unsigned int vector;
	} rows[] = {
		{ 0x60, SEL_NONE, 10 },     { 0x60, SEL_DATA, 10 },
		{ 0x60, SEL_LDT | 4, 10 },  { 0x4c, 0, 10 },
		{ 0x4c, SEL_DATA, 10 },     { 0x4c, SEL_CODE3, 10 },
		{ 0x4c, SEL_CODE | 3, 10 }, { 0x50, 0, 10 },
		{ 0x50, SEL_CODE, 10 },     { 0x50, SEL_READ_ONLY, 10 },
		{ 0x50, SEL_DATA | 1, 10 }, { 0x50, SEL_ABSENT, 12 },
		{ 0x54, SEL_ABSENT, 11 },   { 0x48, SEL_NONE, 10 },
		{ 0x58, SEL_LDT, 10 },      { 0x5c, SEL_NEW, 10 },
		{ 0x5c, 8 | 4, 10 }, /* there is no LDT */
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(state);
		put(NEW + rows[i].at, rows[i].selector, 4);
		assert_fault(by_instruction(MULLION_TASK_CALL), rows[i].vector,
			     rows[i].selector & ~3u);
		/* In the new task, at its first instruction. */
		assert_true(task.switched);
		assert_int_equal(CTX.rip, 0x1020);
		assert_int_equal(SEG(TR).selector, SEL_NEW);
		assert_true(busy(SEL_NEW));
		assert_saved(0x4007, 0x246 | NT);
		/* A state that the processor can be entered with. */
		assert_int_equal(SEG(CS).attr & 0x98, 0x98);
		assert_int_equal(SEG(SS).attr & 0x9a, 0x92);
		assert_int_equal(SEG(SS).attr >> 5 & 3, SEG(CS).selector & 3);
	}
	set_up(state);
	put(NEW + 0x54, SEL_ABSENT, 4);
	assert_fault(by_event(MULLION_EVENT_NMI, 2, -1), 11, SEL_ABSENT | 1);
}

/* A fault in the delivery of an exception. */
static void test_double_faults(void **state)
{
	static const struct {
		uint8_t first;
		bool in_new_task;
		unsigned int vector;
		bool shutdown;
	} rows[] = {
		{ 13, false, 8, false }, { 14, false, 8, false }, { 0, true, 8, false },
		{ 1, false, 10, false }, { 3, true, 11, false },  { 8, false, 10, true },
		{ 8, true, 11, true },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(state);
		if (rows[i].in_new_task)
			put(NEW + 0x54, SEL_ABSENT, 4);
		else
			put_descriptor(SEL_NEW, NEW, 0x66, TYPE_32);
		assert_int_equal(by_event(MULLION_EVENT_EXCEPTION, rows[i].first, -1),
				 EMULATE_FAULT);
		assert_int_equal(CTX.fault.vector, rows[i].vector);
		assert_int_equal(task.shutdown, rows[i].shutdown);
		assert_int_equal(task.switched, rows[i].in_new_task);
		if (rows[i].vector == 8)
			assert_int_equal(CTX.fault.error, 0);
	}
}

/* Another processor has the descriptor in hand. */
static void test_contention(void **state)
{
	(void)state;
	m.contend = 1;
	assert_int_equal(by_instruction(MULLION_TASK_CALL), EMULATE_AGAIN);
	assert_nothing_changed();
	assert_int_equal(by_instruction(MULLION_TASK_CALL), EMULATE_DONE);
	assert_new_task(2 | NT);
	/* Once the switch is made, it is finished. */
	set_up(state);
	put(GDT + SEL_DATA, 0x00cf92000000ffff, 8);
	put(NEW + 0x60, 0, 4);
	assert_int_equal(by_instruction(MULLION_TASK_CALL), EMULATE_DONE);
	assert_int_equal(SEG(DS).attr, 0xc93);
}

static void test_no_ram(void **state)
{
	(void)state;
	put_descriptor(SEL_NEW, DEVICE, 0x67, TYPE_32);
	assert_int_equal(by_instruction(MULLION_TASK_JMP), EMULATE_UNHANDLED);
	assert_nothing_changed();
	set_up(state);
	SEG(TR).base = DEVICE;
	assert_int_equal(by_instruction(MULLION_TASK_JMP), EMULATE_UNHANDLED);
	set_up(state);
	CTX.gdtr.base = DEVICE;
	assert_int_equal(by_instruction(MULLION_TASK_JMP), EMULATE_UNHANDLED);
	assert_int_equal(m.device_reads + m.device_writes, 0);
}

/* Whatever stands in memory, the state that comes out is one that can be gone on with. */
static void test_random_tasks(void **state)
{
	unsigned int done = 0, faults = 0;

	random_seed(20);
	for (unsigned int i = 0; i < 50000; i++) {
		enum emulate_result result;

		set_up(state);
		for (unsigned int n = random_next() % 12; n; n--)
			ram[(random_next() & 1 ? NEW : GDT) + random_next() % 0x68] = random_next();
		if (random_next() % 8 == 0)
			put(NEW + 0x24, random_next(), 4);
		if (random_next() & 1)
			result = by_event(MULLION_EVENT_EXCEPTION, random_next() % 32,
					  (int)(random_next() & 0xff));
		else
			result = by_instruction(random_next() % 4);
		done += result == EMULATE_DONE;
		faults += result == EMULATE_FAULT && task.switched;
		assert_int_equal(CTX.posted_count, 0);
		if (!task.switched)
			assert_int_equal(SEG(TR).selector, SEL_OLD);
		if (result == EMULATE_FAULT && task.switched) {
			assert_int_equal(SEG(TR).selector, SEL_NEW);
			assert_int_equal(SEG(CS).attr & 0x90, 0x90);
			assert_int_equal(SEG(SS).attr & 0x90, 0x90);
			assert_int_equal(SEG(SS).attr >> 5 & 3, CTX.cpl);
		}
	}
	assert_true(done > 5000);
	assert_true(faults > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_jmp, set_up),
		cmocka_unit_test_setup(test_call, set_up),
		cmocka_unit_test_setup(test_iret, set_up),
		cmocka_unit_test_setup(test_software_interrupt, set_up),
		cmocka_unit_test_setup(test_events, set_up),
		cmocka_unit_test_setup(test_16_bit, set_up),
		cmocka_unit_test_setup(test_ring_3, set_up),
		cmocka_unit_test_setup(test_v86, set_up),
		cmocka_unit_test_setup(test_page_tables, set_up),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bad_segments),
		cmocka_unit_test(test_double_faults),
		cmocka_unit_test_setup(test_contention, set_up),
		cmocka_unit_test_setup(test_no_ram, set_up),
		cmocka_unit_test(test_random_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
