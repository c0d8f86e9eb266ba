// SPDX-License-Identifier: GPL-2.0-only
/* String instructions, port I/O, and segment registers loaded from tables. */
#include "support.h"
#include "test_emulate_machine.h"

#include <string.h>

#define CODE 0x1000
#define DATA 0x4000
#define GDT 0x6000
#define LDT 0x6800
#define TSS 0x7000
#define DEVICE 0xa0000

static struct machine m;
static uint8_t ram[0x10000], device[0x2000];

#define CTX (m.ctx)
#define GPR(reg) (m.ctx.gpr[MULLION_##reg])

static int set_up(void **state)
{
	(void)state;
	memset(ram, 0, sizeof(ram));
	memset(device, 0, sizeof(device));
	machine_init(&m);
	machine_add(&m, REGION_RAM, 0, ram, sizeof(ram));
	machine_add(&m, REGION_DEVICE, DEVICE, device, sizeof(device));
	machine_set_protected(&m, true);
	return 0;
}

#define RUN(...)                                                                                   \
	run_bytes((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void place(const uint8_t *bytes, unsigned int length)
{
	memcpy(ram + CODE, bytes, length);
	CTX.rip = CODE;
	CTX.insn_count = 0;
}

static enum emulate_result run_bytes(const uint8_t *bytes, unsigned int length)
{
	place(bytes, length);
	return machine_run(&m);
}

static void assert_fault(enum emulate_result result, unsigned int vector, int error)
{
	assert_int_equal(result, EMULATE_FAULT);
	assert_int_equal(CTX.fault.vector, vector);
	assert_int_equal(CTX.fault.has_error, error >= 0);
	if (error >= 0)
		assert_int_equal(CTX.fault.error, error);
	assert_int_equal(CTX.rip, CODE);
}

static void test_copy_from_device(void **state)
{
	(void)state;
	for (unsigned int answer = 0; answer < 3; answer++) {
		m.answer = answer;
		m.device_reads = 0;
		for (unsigned int i = 0; i < 1000; i++)
			device[i] = (uint8_t)(i * 7 + answer);
		GPR(RSI) = DEVICE;
		GPR(RDI) = DATA;
		GPR(RCX) = 1000;
		assert_int_equal(RUN(0xf3, 0xa4), EMULATE_DONE);
		assert_memory_equal(ram + DATA, device, 1000);
		assert_int_equal(m.device_reads, 1000); /* each byte once */
		assert_int_equal(GPR(RSI), DEVICE + 1000);
		assert_int_equal(GPR(RDI), DATA + 1000);
		assert_int_equal(GPR(RCX), 0);
		assert_int_equal(CTX.rip, CODE + 2);
	}
}

static void test_fill_device(void **state)
{
	(void)state;
	m.answer = ANSWER_PENDING;
	GPR(RAX) = 0x55aa;
	GPR(RDI) = DEVICE;
	GPR(RCX) = 100;
	place((const uint8_t[]){ 0xf3, 0x66, 0xab }, 3);
	/* User space takes each write before the next is made, at an iteration's end. */
	assert_int_equal(emulate_insn(&CTX), EMULATE_AGAIN);
	assert_int_equal(CTX.posted_count, 1);
	assert_int_equal(GPR(RCX), 99);
	assert_int_equal(GPR(RDI), DEVICE + 2);
	assert_int_equal(CTX.rip, CODE);
	memcpy(device, CTX.posted[0].data, 2);
	CTX.posted_count = 0;
	assert_int_equal(machine_run(&m), EMULATE_DONE);
	assert_int_equal(m.device_writes, 99);
	for (unsigned int i = 0; i < 200; i += 2)
		assert_memory_equal(device + i, "\xaa\x55", 2);
	/* A batch is bounded where nobody else stops it. */
	m.answer = ANSWER_AT_ONCE;
	GPR(RCX) = 100000;
	GPR(RDI) = DATA;
	place((const uint8_t[]){ 0xf3, 0xae }, 2); /* scasb, from a run of zeros */
	GPR(RAX) = 0;
	assert_int_equal(emulate_insn(&CTX), EMULATE_AGAIN);
	assert_int_equal(GPR(RCX), 100000 - EMULATE_BATCH);
}

static void test_interrupted_by_a_fault(void **state)
{
	(void)state;
	CTX.seg[MULLION_ES].limit = DATA + 9;
	GPR(RSI) = DEVICE;
	GPR(RDI) = DATA;
	GPR(RCX) = 8;
	memcpy(device, "0123456789abcdef", 16);
	assert_fault(RUN(0xf3, 0x66, 0xa5), 13, 0);
	assert_int_equal(GPR(RCX), 3);
	assert_int_equal(GPR(RSI), DEVICE + 10);
	assert_int_equal(GPR(RDI), DATA + 10);
	assert_memory_equal(ram + DATA, "0123456789\0", 11);
	/* A count of zero touches nothing. */
	GPR(RCX) = 0;
	assert_int_equal(RUN(0xf3, 0xa4), EMULATE_DONE);
	assert_int_equal(GPR(RDI), DATA + 10);
}

static void test_16_bit_string(void **state)
{
	(void)state;
	machine_set_protected(&m, false);
	CTX.seg[MULLION_ES].base = 0;
	CTX.seg[MULLION_FS].base = 0x100;
	memcpy(ram + DATA + 0x100, "abc", 3);
	/* DI wraps within 16 bits, and the upper halves stay. */
	GPR(RSI) = 0xdead0000ul | DATA;
	GPR(RDI) = 0xbeeffffful;
	GPR(RCX) = 0xcafe0003ul;
	assert_int_equal(RUN(0x64, 0xf3, 0xa4), EMULATE_DONE);
	assert_int_equal(GPR(RDI), 0xbeef0002);
	assert_int_equal(GPR(RSI), 0xdead0003 | DATA);
	assert_int_equal(GPR(RCX), 0xcafe0000);
	assert_int_equal(ram[0xffff], 'a');
	assert_memory_equal(ram, "bc", 2);
}

static void test_single_step(void **state)
{
	(void)state;
	CTX.rflags |= 1 << 8;
	GPR(RSI) = DATA;
	GPR(RDI) = DATA + 100;
	GPR(RCX) = 2;
	place((const uint8_t[]){ 0xf3, 0xa4 }, 2);
	assert_int_equal(emulate_insn(&CTX), EMULATE_AGAIN);
	assert_true(CTX.single_step);
	assert_int_equal(GPR(RCX), 1);
	assert_int_equal(emulate_insn(&CTX), EMULATE_DONE);
	assert_true(CTX.single_step);
	assert_int_equal(CTX.rip, CODE + 2);
}

static void test_ins(void **state)
{
	(void)state;
	for (unsigned int answer = 0; answer < 2; answer++) {
		m.answer = answer;
		m.port_next = 5;
		m.port_accesses = 0;
		GPR(RDI) = DATA + 0x100;
		GPR(RCX) = 256;
		GPR(RDX) = 0x1f0;
		assert_int_equal(RUN(0xf3, 0x66, 0x6d), EMULATE_DONE);
		for (unsigned int i = 0; i < 512; i++)
			assert_int_equal(ram[DATA + 0x100 + i], (uint8_t)(5 + i));
		assert_int_equal(m.port_accesses, 1); /* a disk sector at a stroke */
		assert_int_equal(GPR(RDI), DATA + 0x300);
		/* Pages are taken one by one, an element across them by itself. */
		m.port_next = 0;
		m.port_accesses = 0;
		GPR(RDI) = DATA + 0xffd;
		GPR(RCX) = 4;
		assert_int_equal(RUN(0xf3, 0x66, 0x6d), EMULATE_DONE);
		assert_memory_equal(ram + DATA + 0xffd, "\0\1\2\3\4\5\6\7", 8);
		assert_int_equal(m.port_accesses, 3);
		/* Downwards one by one, and the right way round. */
		CTX.rflags |= 1 << 10;
		m.port_next = 0;
		GPR(RDI) = DATA + 8;
		GPR(RCX) = 3;
		assert_int_equal(RUN(0xf3, 0x6d), EMULATE_DONE);
		assert_memory_equal(ram + DATA, "\10\11\12\13\4\5\6\7\0\1\2\3", 12);
		CTX.rflags &= ~(1ull << 10);
	}
	/* Into a device each element is an access. */
	m.answer = ANSWER_PENDING;
	m.device_writes = 0;
	GPR(RDI) = DEVICE;
	GPR(RCX) = 20;
	m.port_next = 0x40;
	assert_int_equal(RUN(0xf3, 0x6c), EMULATE_DONE);
	assert_int_equal(m.device_writes, 20);
	assert_memory_equal(device, "@ABCDEFGHIJKLMNOPQRS", 20);
	/* A page that may not be written keeps the port from being read. */
	m.port_accesses = 0;
	CTX.seg[MULLION_ES].attr = 0xc91;
	GPR(RCX) = 1;
	assert_fault(RUN(0xf3, 0x6c), 13, 0);
	assert_int_equal(m.port_accesses, 0);
}

static void test_outs(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2048; i++)
		ram[DATA + i] = (uint8_t)(i * 3);
	for (unsigned int answer = 0; answer < 2; answer++) {
		m.answer = answer;
		m.port_out_size = 0;
		m.port_accesses = 0;
		GPR(RSI) = DATA;
		GPR(RCX) = 512;
		assert_int_equal(RUN(0xf3, 0x6f), EMULATE_DONE);
		assert_int_equal(m.port_out_size, 2048);
		assert_memory_equal(m.port_out, ram + DATA, 2048);
		assert_int_equal(m.port_accesses, 2); /* EMULATE_IO_MAX each */
		assert_int_equal(GPR(RSI), DATA + 2048);
		m.port_out_size = 0;
		memcpy(device, "hello", 5);
		GPR(RSI) = DEVICE;
		GPR(RCX) = 5;
		assert_int_equal(RUN(0xf3, 0x6e), EMULATE_DONE);
		assert_memory_equal(m.port_out, "hello", 5);
	}
}

static void test_in_and_out(void **state)
{
	(void)state;
	for (unsigned int answer = 0; answer < 2; answer++) {
		m.answer = answer;
		m.port_next = 0x11;
		m.port_out_size = 0;
		GPR(RAX) = 0xffffffff;
		assert_int_equal(RUN(0xe4, 0x60), EMULATE_DONE);
		assert_int_equal(GPR(RAX), 0xffffff11);
		assert_int_equal(RUN(0x66, 0xed), EMULATE_DONE);
		assert_int_equal(GPR(RAX), 0xffff1312);
		assert_int_equal(RUN(0xed), EMULATE_DONE);
		assert_int_equal(GPR(RAX), 0x17161514);
		assert_int_equal(RUN(0xef), EMULATE_DONE);
		assert_memory_equal(m.port_out, "\x14\x15\x16\x17", 4);
	}
}

static void test_port_permission(void **state)
{
	(void)state;
	machine_set_cpl(&m, 3);
	GPR(RDX) = 0x3f8;
	assert_fault(RUN(0xec), 13, 0); /* no TSS */
	CTX.seg[MULLION_TR] =
		(struct mullion_segment){ .attr = 0x8b, .base = TSS, .limit = 103 + 0x100 };
	ram[TSS + 102] = 104;
	assert_int_equal(RUN(0xec), EMULATE_DONE);
	ram[TSS + 104 + 0x7f] = 0x04; /* 0x3fa */
	assert_int_equal(RUN(0xec), EMULATE_DONE);
	assert_int_equal(RUN(0x66, 0xed), EMULATE_DONE);
	assert_fault(RUN(0xed), 13, 0); /* four bytes reach 0x3fa */
	/* The map ends: everything beyond is closed. */
	GPR(RDX) = 0x900;
	assert_fault(RUN(0xec), 13, 0);
	CTX.rflags |= 3 << 12; /* IOPL 3 */
	assert_int_equal(RUN(0xec), EMULATE_DONE);
	CTX.rflags |= 1 << 17; /* in V86 that is not enough */
	machine_set_cpl(&m, 3);
	CTX.seg[MULLION_CS].attr = 0xf3;
	assert_fault(RUN(0xec), 13, 0);
	GPR(RDX) = 0x60;
	assert_int_equal(RUN(0xec), EMULATE_DONE);
}

static void put_descriptor(uint64_t at, uint32_t base, uint32_t limit, uint16_t attr)
{
	uint64_t d = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
		     (uint64_t)(attr & 0xff) << 40 | (uint64_t)(limit >> 16 & 0xf) << 48 |
		     (uint64_t)(attr >> 8) << 52 | (uint64_t)(base >> 24) << 56;

	memcpy(ram + at, &d, 8);
}

static enum emulate_result load(unsigned int segment, uint16_t selector)
{
	GPR(RAX) = selector;
	return RUN(0x8e, 0xc0 | segment << 3);
}

static void test_load_segment(void **state)
{
	(void)state;
	CTX.gdtr = (struct mullion_table){ .base = GDT, .limit = 0x3f };
	CTX.seg[MULLION_LDTR] = (struct mullion_segment){ .attr = 0x82, .base = LDT, .limit = 7 };
	put_descriptor(GDT + 0x08, 0x12345678, 0xfffff, 0xcf2); /* DPL 3 data */
	put_descriptor(GDT + 0x10, 0, 0xffff, 0x92);            /* DPL 0 data */
	put_descriptor(GDT + 0x18, 0, 0xffff, 0x12);            /* not present */
	put_descriptor(GDT + 0x20, 0, 0xffff, 0x98);            /* execute-only */
	put_descriptor(GDT + 0x28, 0, 0xffff, 0x9e);            /* conforming, readable */
	put_descriptor(GDT + 0x30, 0, 0xffff, 0x82);            /* a system segment */
	put_descriptor(LDT, 0x9000, 0x123, 0x92);

	assert_int_equal(load(MULLION_ES, 0x0b), EMULATE_DONE);
	assert_int_equal(CTX.seg[MULLION_ES].selector, 0x0b);
	assert_int_equal(CTX.seg[MULLION_ES].base, 0x12345678);
	assert_int_equal(CTX.seg[MULLION_ES].limit, 0xffffffff);
	assert_int_equal(CTX.seg[MULLION_ES].attr, 0xcf3); /* accessed, here ... */
	assert_int_equal(ram[GDT + 0x0d], 0xf3);           /* ... and there */
	assert_true(CTX.changed & MULLION_GROUP_SEG);
	assert_int_equal(load(MULLION_DS, 0x04), EMULATE_DONE);
	assert_int_equal(CTX.seg[MULLION_DS].limit, 0x123);
	assert_int_equal(load(MULLION_DS, 0x10), EMULATE_DONE);

	assert_fault(load(MULLION_ES, 0x13), 13, 0x10); /* RPL 3 on DPL 0 */
	assert_fault(load(MULLION_ES, 0x18), 11, 0x18);
	assert_fault(load(MULLION_ES, 0x20), 13, 0x20);
	assert_int_equal(load(MULLION_ES, 0x2b), EMULATE_DONE);
	assert_fault(load(MULLION_ES, 0x30), 13, 0x30);
	assert_fault(load(MULLION_ES, 0x40), 13, 0x40); /* beyond the table */
	assert_fault(load(MULLION_ES, 0x0c), 13, 0x0c);
	assert_int_equal(load(MULLION_ES, 0), EMULATE_DONE);
	assert_int_equal(CTX.seg[MULLION_ES].attr & 0x80, 0);

	assert_int_equal(load(MULLION_SS, 0x10), EMULATE_DONE);
	assert_fault(load(MULLION_SS, 0x0b), 13, 0x08);
	assert_fault(load(MULLION_SS, 0x28), 13, 0x28);
	assert_fault(load(MULLION_SS, 0), 13, 0);
	put_descriptor(GDT + 0x18, 0, 0xffff, 0x12);
	assert_fault(load(MULLION_SS, 0x18), 12, 0x18);
	assert_fault(load(MULLION_CS, 0x10), 6, -1);
}

static void test_stack_and_far_pointers(void **state)
{
	(void)state;
	machine_init(&m);
	machine_add(&m, REGION_RAM, 0, ram, sizeof(ram));
	/* Real mode: a far call through memory, on a stack that wraps. */
	GPR(RSP) = 2;
	CTX.seg[MULLION_CS].selector = 0x0;
	memcpy(ram + DATA, "\x34\x12\x00\x02", 4);
	assert_int_equal(RUN(0xff, 0x1e, 0x00, 0x40), EMULATE_DONE);
	assert_int_equal(CTX.rip, 0x1234);
	assert_int_equal(CTX.seg[MULLION_CS].selector, 0x200);
	assert_int_equal(CTX.seg[MULLION_CS].base, 0x2000);
	assert_int_equal(GPR(RSP), 0xfffe);
	assert_memory_equal(ram, "\0\0", 2);
	assert_memory_equal(ram + 0xfffe, "\x04\x10", 2);
	CTX.seg[MULLION_CS].base = 0;
	assert_int_equal(RUN(0xc5, 0x36, 0x00, 0x40), EMULATE_DONE); /* lds si, [0x4000] */
	assert_int_equal(GPR(RSI), 0x1234);
	assert_int_equal(CTX.seg[MULLION_DS].base, 0x2000);
	assert_int_equal(RUN(0x0f, 0xa8), EMULATE_DONE); /* push gs */
	assert_int_equal(RUN(0x07), EMULATE_DONE);       /* pop es */
	assert_int_equal(RUN(0x1e), EMULATE_DONE);       /* push ds */
	assert_int_equal(RUN(0x07), EMULATE_DONE);
	assert_int_equal(CTX.seg[MULLION_ES].base, 0x2000);
	/* pop [esp]: the address is that after the pop. */
	machine_set_protected(&m, true);
	GPR(RSP) = DATA;
	assert_int_equal(RUN(0x8f, 0x04, 0x24), EMULATE_DONE);
	assert_memory_equal(ram + DATA + 4, "\x34\x12\x00\x02", 4);
	/* A jump out of the segment goes nowhere. */
	CTX.seg[MULLION_CS].limit = 0x1fff;
	assert_fault(RUN(0xff, 0x24, 0x24), 13, 0);
	assert_fault(RUN(0xe9, 0, 0x10, 0, 0), 13, 0);
	/* Neither do far jumps in protected mode: they may be gates. */
	assert_int_equal(RUN(0xff, 0x2c, 0x24), EMULATE_UNHANDLED);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_copy_from_device),
		TEST(test_fill_device),
		TEST(test_interrupted_by_a_fault),
		TEST(test_16_bit_string),
		TEST(test_single_step),
		TEST(test_ins),
		TEST(test_outs),
		TEST(test_in_and_out),
		TEST(test_port_permission),
		TEST(test_load_segment),
		TEST(test_stack_and_far_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
