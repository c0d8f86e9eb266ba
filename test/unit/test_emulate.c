// SPDX-License-Identifier: GPL-2.0-only
/* The emulator in every mode: addresses, faults, devices, what a caller sees. */
#include "support.h"
#include "test_emulate_machine.h"

#include <string.h>

#define CODE 0x1000
#define DATA 0x4000
#define DEVICE 0xa0000
#define ROM 0xf0000

static struct machine m;
static uint8_t ram[0x10000], device[0x2000], rom[0x1000];

#define CTX (m.ctx)
#define GPR(reg) (m.ctx.gpr[MULLION_##reg])

/* A fresh machine in real mode: 64 KiB of RAM, a device, a ROM. */
static int set_up(void **state)
{
	(void)state;
	memset(ram, 0, sizeof(ram));
	memset(device, 0, sizeof(device));
	memset(rom, 0, sizeof(rom));
	machine_init(&m);
	machine_add(&m, REGION_RAM, 0, ram, sizeof(ram));
	machine_add(&m, REGION_DEVICE, DEVICE, device, sizeof(device));
	machine_add(&m, REGION_ROM, ROM, rom, sizeof(rom));
	CTX.rip = CODE;
	return 0;
}

/* Runs the bytes of one instruction at CODE. */
#define RUN(...)                                                                                   \
	run_bytes((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static enum emulate_result run_bytes(const uint8_t *bytes, unsigned int length)
{
	memcpy(ram + CODE, bytes, length);
	CTX.rip = CODE;
	CTX.insn_count = 0;
	return machine_run(&m);
}

static void assert_fault(enum emulate_result result, unsigned int vector, int error)
{
	assert_int_equal(result, EMULATE_FAULT);
	assert_int_equal(CTX.fault.valid, 1);
	assert_int_equal(CTX.fault.type, MULLION_EVENT_EXCEPTION);
	assert_int_equal(CTX.fault.vector, vector);
	assert_int_equal(CTX.fault.has_error, error >= 0);
	if (error >= 0)
		assert_int_equal(CTX.fault.error, error);
	assert_int_equal(CTX.rip, CODE);
}

static void test_16_bit_addresses(void **state)
{
	/* LEA CX, [rm], and the sum that each is, from BX 0x1000, BP 0x2000, SI 0x300, DI 0x40. */
	static const uint16_t sums[8] = { 0x1300, 0x1040, 0x2300, 0x2040,
					  0x300,  0x40,   0x2000, 0x1000 };

	(void)state;
	for (unsigned int rm = 0; rm < 8; rm++) {
		GPR(RBX) = 0x1000;
		GPR(RBP) = 0x2000;
		GPR(RSI) = 0x300;
		GPR(RDI) = 0x40;
		if (rm != 6) {
			assert_int_equal(RUN(0x8d, 0x08 | rm), EMULATE_DONE);
			assert_int_equal(GPR(RCX) & 0xffff, sums[rm]);
			assert_int_equal(CTX.rip, CODE + 2);
		}
		assert_int_equal(RUN(0x8d, 0x48 | rm, 0xff), EMULATE_DONE);
		assert_int_equal(GPR(RCX) & 0xffff, sums[rm] - 1);
		assert_int_equal(RUN(0x8d, 0x88 | rm, 0x00, 0xf0), EMULATE_DONE);
		assert_int_equal(GPR(RCX) & 0xffff, (sums[rm] - 0x1000) & 0xffff);
	}
	assert_int_equal(RUN(0x8d, 0x0e, 0x34, 0x12), EMULATE_DONE);
	assert_int_equal(GPR(RCX) & 0xffff, 0x1234);
	assert_int_equal(CTX.rip, CODE + 4);
}

static void test_real_mode_segments(void **state)
{
	(void)state;
	CTX.seg[MULLION_DS].base = 0x100;
	CTX.seg[MULLION_ES].base = 0x200;
	CTX.seg[MULLION_SS].base = 0x300;
	ram[0x4100] = 1;
	ram[0x4200] = 2;
	ram[0x4300] = 3;
	GPR(RBX) = GPR(RBP) = DATA;
	assert_int_equal(RUN(0x8a, 0x07), EMULATE_DONE); /* mov al, [bx] */
	assert_int_equal(GPR(RAX), 1);
	assert_int_equal(RUN(0x26, 0x8a, 0x07), EMULATE_DONE); /* es: */
	assert_int_equal(GPR(RAX), 2);
	assert_int_equal(RUN(0x8a, 0x46, 0x00), EMULATE_DONE); /* mov al, [bp] is in SS */
	assert_int_equal(GPR(RAX), 3);
	assert_int_equal(RUN(0x26, 0x8a, 0x46, 0x00), EMULATE_DONE);
	assert_int_equal(GPR(RAX), 2);
	/* 32-bit addresses reach beyond 64 KiB only where the limit allows. */
	GPR(RBX) = 0xffff;
	assert_fault(RUN(0x8b, 0x07), 13, -1); /* a word at 0xffff */
	GPR(RBP) = 0xffff;
	assert_fault(RUN(0x8b, 0x46, 0x00), 12, -1);
	GPR(RBX) = DEVICE;
	assert_fault(RUN(0x67, 0x8a, 0x03), 13, -1);
	CTX.seg[MULLION_DS].limit = 0xffffffff;
	CTX.seg[MULLION_DS].base = 0;
	device[0] = 0x77;
	assert_int_equal(RUN(0x67, 0x8a, 0x03), EMULATE_DONE);
	assert_int_equal(GPR(RAX) & 0xff, 0x77);
}

static void test_protected_segments(void **state)
{
	(void)state;
	machine_set_protected(&m, true);
	GPR(RBX) = DATA;
	CTX.seg[MULLION_DS].attr = 0xc91; /* read-only data */
	assert_int_equal(RUN(0x8b, 0x03), EMULATE_DONE);
	assert_fault(RUN(0x89, 0x03), 13, 0);
	CTX.seg[MULLION_DS].attr = 0xc99; /* execute-only code */
	assert_fault(RUN(0x8b, 0x03), 13, 0);
	CTX.seg[MULLION_DS].attr = 0xc9b; /* readable code */
	assert_int_equal(RUN(0x8b, 0x03), EMULATE_DONE);
	assert_fault(RUN(0x89, 0x03), 13, 0);
	CTX.seg[MULLION_DS].attr = 0; /* null */
	assert_fault(RUN(0x8b, 0x03), 13, 0);
	assert_int_equal(RUN(0x36, 0x8b, 0x03), EMULATE_DONE);
	CTX.seg[MULLION_SS].attr = 0;
	assert_fault(RUN(0x36, 0x8b, 0x03), 12, 0);

	/* Expanding down, from 0x5000 to the top. */
	CTX.seg[MULLION_DS] = (struct mullion_segment){ .attr = 0xc97, .limit = 0x4fff };
	assert_fault(RUN(0x8b, 0x03), 13, 0);
	GPR(RBX) = 0x4ffe;
	assert_fault(RUN(0x8b, 0x03), 13, 0);
	GPR(RBX) = 0x5000;
	assert_int_equal(RUN(0x8b, 0x03), EMULATE_DONE);
	CTX.seg[MULLION_DS].attr = 0x97; /* to 0xffff */
	GPR(RBX) = 0xfffd;
	assert_fault(RUN(0x8b, 0x03), 13, 0);

	/* Expanding up, byte-exact. */
	CTX.seg[MULLION_DS] =
		(struct mullion_segment){ .attr = 0x493, .limit = 0x103, .base = DATA };
	GPR(RBX) = 0x100;
	assert_int_equal(RUN(0x8b, 0x03), EMULATE_DONE);
	GPR(RBX) = 0x101;
	assert_fault(RUN(0x8b, 0x03), 13, 0);
}

static void test_long_mode_addresses(void **state)
{
	(void)state;
	machine_set_long(&m);
	CTX.seg[MULLION_DS].base = 0x5000; /* without effect */
	CTX.seg[MULLION_DS].attr = 0;
	CTX.seg[MULLION_FS].base = 0x100;
	ram[DATA] = 1;
	ram[DATA + 0x100] = 2;
	GPR(RBX) = DATA;
	assert_int_equal(RUN(0x8a, 0x03), EMULATE_DONE);
	assert_int_equal(GPR(RAX), 1);
	assert_int_equal(RUN(0x64, 0x2e, 0x8a, 0x03), EMULATE_DONE);
	assert_int_equal(GPR(RAX), 2);

	GPR(RBX) = GPR(RBP) = 1ull << 47;
	assert_fault(RUN(0x8a, 0x03), 13, 0);
	assert_fault(RUN(0x8a, 0x45, 0x00), 12, 0); /* [rbp] is in SS */
	GPR(R13) = 1ull << 63;
	assert_fault(RUN(0x41, 0x8a, 0x45, 0x00), 13, 0); /* [r13] is not */
	GPR(RBX) = (1ull << 47) - 1;
	assert_fault(RUN(0x8b, 0x03), 13, 0); /* the last byte counts, too */
	CTX.cr4 |= 1 << 12;                   /* LA57 */
	GPR(RBX) = 1ull << 56;
	assert_fault(RUN(0x8a, 0x03), 13, 0);

	/* RIP-relative, from the end of the instruction with its immediate. */
	assert_int_equal(RUN(0xc6, 0x05, 0xf9, 0x3f, 0, 0, 0x5a), EMULATE_DONE);
	assert_int_equal(ram[CODE + 7 + 0x3ff9], 0x5a);
	/* 32-bit addresses wrap. */
	GPR(RBX) = 0x1fffffffful;
	assert_int_equal(RUN(0x67, 0x8a, 0x83, 0x01, 0x40, 0, 0), EMULATE_DONE);
	assert_int_equal(GPR(RAX) & 0xff, 1);
}

/* 32-bit paging: linear 0x10000000 on, with a hole and odd places behind. */
static void map_page(uint32_t linear, uint32_t entry)
{
	uint32_t pde = 0x9007;

	memcpy(ram + 0x8000 + (linear >> 22) * 4, &pde, 4);
	memcpy(ram + 0x9000 + (linear >> 12 & 0x3ff) * 4, &entry, 4);
}

static void set_up_paging(void)
{
	machine_set_protected(&m, true);
	for (uint32_t page = 0; page < 0x10000; page += 0x1000)
		map_page(page, page | 7);
	CTX.cr3 = 0x8000;
	CTX.cr0 |= 1u << 31 | 1u << 16;
}

static void test_page_crossing(void **state)
{
	(void)state;
	set_up_paging();
	map_page(0x100000, 0x4007);
	map_page(0x101000, 0x2007);
	ram[0x4fff] = 0x11;
	ram[0x2000] = 0x22;
	GPR(RBX) = 0x100fff;
	assert_int_equal(RUN(0x66, 0x8b, 0x03), EMULATE_DONE);
	assert_int_equal(GPR(RAX), 0x2211);
	assert_int_equal(RUN(0xc7, 0x03, 0x44, 0x33, 0x22, 0x11), EMULATE_DONE);
	assert_int_equal(ram[0x4fff], 0x44);
	assert_memory_equal(ram + 0x2000, "\x33\x22\x11", 3);

	/* The second page is missing: nothing is written, and CR2 says where. */
	map_page(0x101000, 0);
	assert_fault(RUN(0xc7, 0x03, 1, 2, 3, 4), 14, 2);
	assert_int_equal(CTX.fault_address, 0x101000);
	assert_int_equal(ram[0x4fff], 0x44);
	/* Read-only: a read passes, a read-modify-write does not, not even half. */
	map_page(0x101000, 0x2005);
	assert_int_equal(RUN(0x8b, 0x03), EMULATE_DONE);
	assert_fault(RUN(0x01, 0x03), 14, 3);
	machine_set_cpl(&m, 3);
	assert_fault(RUN(0x01, 0x03), 14, 7);
	assert_int_equal(ram[0x4fff], 0x44);
}

static void test_fetch(void **state)
{
	(void)state;
	set_up_paging();
	/* An instruction across two pages apart. */
	map_page(0x100000, 0x4007);
	map_page(0x101000, 0x2007);
	memcpy(ram + 0x4ffe, "\xb8\x78", 2);
	memcpy(ram + 0x2000, "\x56\x34\x12", 3);
	CTX.rip = 0x100ffe;
	assert_int_equal(machine_run(&m), EMULATE_DONE);
	assert_int_equal(GPR(RAX), 0x12345678);
	assert_int_equal(CTX.rip, 0x101003);
	/* Its second page is missing; a one-byte instruction does not need it. */
	map_page(0x101000, 0);
	CTX.rip = 0x100ffe;
	assert_int_equal(machine_run(&m), EMULATE_FAULT);
	assert_int_equal(CTX.fault.vector, 14);
	assert_int_equal(CTX.fault_address, 0x101000);
	ram[0x4fff] = 0x90;
	CTX.rip = 0x100fff;
	assert_int_equal(machine_run(&m), EMULATE_DONE);

	/* The code segment's limit cuts it short. */
	CTX.seg[MULLION_CS].limit = CODE + 3;
	assert_fault(RUN(0xb8, 1, 2, 3, 4), 13, 0);
	assert_int_equal(RUN(0x66, 0xb8, 1, 2), EMULATE_DONE);
	CTX.seg[MULLION_CS].limit = 0xffffffff;

	/* 15 bytes are an instruction, 16 are not. */
	assert_int_equal(
		RUN(0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0xb8, 1, 2, 3, 4),
		EMULATE_DONE);
	assert_int_equal(CTX.rip, CODE + 15);
	assert_fault(RUN(0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0xb8, 1,
			 2, 3, 4),
		     13, 0);
	/* From a device no instruction comes. */
	map_page(0x102000, DEVICE | 7);
	CTX.rip = 0x102000;
	assert_int_equal(machine_run(&m), EMULATE_UNHANDLED);
}

static void test_device_accesses(void **state)
{
	(void)state;
	machine_set_long(&m);
	GPR(RBX) = DEVICE;
	memset(device, 0x11, 32);
	for (unsigned int answer = 0; answer < 3; answer++) {
		m.answer = answer;
		m.device_reads = m.device_writes = 0;
		assert_int_equal(RUN(0x48, 0xff, 0x03), EMULATE_DONE); /* inc qword [rbx] */
		assert_int_equal(m.device_reads, 1);
		assert_int_equal(m.device_writes, 1);
		assert_int_equal(device[0], 0x12 + answer);
		/* 16 bytes are two of 8; across a page each side for itself. */
		assert_int_equal(RUN(0x0f, 0x11, 0x03), EMULATE_DONE);
		assert_int_equal(m.device_writes, 3);
		GPR(RBX) = DEVICE + 0x1000 - 3;
		assert_int_equal(RUN(0x0f, 0x10, 0x03), EMULATE_DONE);
		assert_int_equal(m.device_reads, 4);
		assert_int_equal(RUN(0x0f, 0x11, 0x03), EMULATE_DONE);
		assert_int_equal(m.device_writes, 6);
		GPR(RBX) = DEVICE;
		memset(device, 0x12 + answer, 32);
	}
	/* ROM is read as memory and written as a device. */
	GPR(RBX) = ROM;
	rom[0] = 0x42;
	m.device_reads = m.device_writes = 0;
	assert_int_equal(RUN(0x00, 0x03), EMULATE_DONE);
	assert_int_equal(m.device_reads, 0);
	assert_int_equal(m.device_writes, 1);
	assert_int_equal(rom[0], 0x42);
}

static void test_resume(void **state)
{
	(void)state;
	machine_set_long(&m);
	m.answer = ANSWER_PENDING;
	GPR(RBX) = DEVICE + 8;
	GPR(RAX) = 0x1111;
	ram[CODE] = 0x87; /* xchg [rbx], eax */
	ram[CODE + 1] = 0x03;
	assert_int_equal(emulate_insn(&CTX), EMULATE_PENDING);
	assert_int_equal(CTX.pending.kind, EMULATE_MMIO_READ);
	assert_int_equal(CTX.pending.address, DEVICE + 8);
	assert_int_equal(CTX.pending.size, 4);
	assert_int_equal(CTX.rip, CODE);
	assert_int_equal(GPR(RAX), 0x1111);
	assert_int_equal(CTX.changed, 0);
	memcpy(CTX.pending.data, "\x44\x33\x22\x11", 4);
	emulate_complete(&CTX);
	assert_int_equal(emulate_insn(&CTX), EMULATE_DONE);
	assert_int_equal(GPR(RAX), 0x11223344);
	assert_int_equal(CTX.posted_count, 1);
	assert_int_equal(CTX.posted[0].kind, EMULATE_MMIO_WRITE);
	assert_int_equal(CTX.posted[0].address, DEVICE + 8);
	assert_memory_equal(CTX.posted[0].data, "\x11\x11\0\0", 4);
	CTX.posted_count = 0;

	/* An answer given up is asked for again. */
	CTX.rip = CODE;
	assert_int_equal(emulate_insn(&CTX), EMULATE_PENDING);
	emulate_complete(&CTX);
	emulate_abandon(&CTX);
	assert_int_equal(emulate_insn(&CTX), EMULATE_PENDING);
	/* And one for another place is not taken. */
	emulate_complete(&CTX);
	GPR(RBX) = DEVICE + 16;
	assert_int_equal(emulate_insn(&CTX), EMULATE_PENDING);
	assert_int_equal(CTX.pending.address, DEVICE + 16);
}

static void test_lock(void **state)
{
	(void)state;
	machine_set_long(&m);
	GPR(RBX) = DATA;
	m.contend = 3;
	assert_int_equal(RUN(0xf0, 0xff, 0x03), EMULATE_DONE);
	assert_int_equal(m.agains, 3);
	assert_int_equal(ram[DATA], 1);
	assert_int_equal(RUN(0xff, 0x03), EMULATE_DONE);
	assert_int_equal(m.agains, 3);
	m.contend = 1;
	assert_int_equal(RUN(0x87, 0x03), EMULATE_DONE); /* XCHG locks by itself */
	assert_int_equal(m.agains, 4);
	assert_fault(RUN(0xf0, 0x8b, 0x03), 6, -1); /* mov */
	assert_fault(RUN(0xf0, 0x39, 0x03), 6, -1); /* cmp */
	assert_fault(RUN(0xf0, 0x03, 0x03), 6, -1); /* add eax, [rbx] */
	assert_fault(RUN(0xf0, 0xff, 0xc3), 6, -1); /* inc ebx */
}

static void test_flags_of_completion(void **state)
{
	(void)state;
	machine_set_protected(&m, true);
	GPR(RBX) = DATA;
	CTX.rflags |= 1 << 16 | 1 << 8; /* RF, TF */
	CTX.interruptibility = MULLION_BLOCK_STI | MULLION_BLOCK_NMI;
	assert_int_equal(RUN(0x8b, 0x03), EMULATE_DONE);
	assert_true(CTX.single_step);
	assert_int_equal(CTX.rflags & 1 << 16, 0);
	assert_int_equal(CTX.interruptibility, MULLION_BLOCK_NMI);
	/* A load of SS holds off interrupts and the trap. */
	CTX.cr0 &= ~1ull;
	assert_int_equal(RUN(0x66, 0x8e, 0x13), EMULATE_DONE);
	assert_false(CTX.single_step);
	assert_int_equal(CTX.interruptibility, MULLION_BLOCK_NMI | MULLION_BLOCK_STI);
	assert_int_equal(RUN(0x8e, 0x1b), EMULATE_DONE); /* DS does not */
	assert_true(CTX.single_step);
	assert_int_equal(CTX.interruptibility, MULLION_BLOCK_NMI);
	assert_fault(RUN(0xf7, 0x33), 0, -1); /* div: by 0 */
	assert_int_equal(CTX.rflags & 1 << 16, 1 << 16);
	assert_false(CTX.single_step);
}

static void test_unhandled(void **state)
{
	(void)state;
	machine_set_long(&m);
	assert_int_equal(RUN(0x0f, 0xa2), EMULATE_UNHANDLED); /* CPUID is not for us */
	assert_true(CTX.insn_count >= 2);
	assert_memory_equal(CTX.insn, "\x0f\xa2", 2);
	assert_int_equal(CTX.rip, CODE);
	assert_int_equal(CTX.changed, 0);
	assert_int_equal(RUN(0x0f, 0xff, 0x03), EMULATE_UNHANDLED);
	assert_int_equal(RUN(0x0f, 0x04), EMULATE_UNHANDLED);
	/* Undefined in 64-bit mode alone. */
	assert_fault(RUN(0x06), 6, -1);
	assert_fault(RUN(0x82, 0x03, 0x01), 6, -1);
	assert_fault(RUN(0x8d, 0xc0), 6, -1); /* LEA of a register */
}

static void test_vector_conditions(void **state)
{
	(void)state;
	machine_set_long(&m);
	GPR(RBX) = DATA + 8;
	assert_fault(RUN(0x0f, 0x29, 0x03), 13, 0); /* MOVAPS wants 16 */
	assert_int_equal(RUN(0x0f, 0x11, 0x03), EMULATE_DONE);
	CTX.cr0 |= 8; /* TS */
	assert_fault(RUN(0x0f, 0x11, 0x03), 7, -1);
	CTX.cr0 ^= 8 | 4; /* EM */
	assert_fault(RUN(0x0f, 0x11, 0x03), 6, -1);
	CTX.cr0 ^= 4;
	CTX.cr4 &= ~(1ull << 9);
	assert_fault(RUN(0x0f, 0x11, 0x03), 6, -1);
	/* VEX needs its own switches. */
	CTX.cr4 |= 1 << 9;
	assert_int_equal(RUN(0xc5, 0xfe, 0x7f, 0x03), EMULATE_DONE);
	CTX.xcr0 = 3;
	assert_fault(RUN(0xc5, 0xfe, 0x7f, 0x03), 6, -1);
	GPR(RBX) = DATA + 8;
	assert_fault(RUN(0x48, 0x0f, 0xc7, 0x0b), 13, 0); /* CMPXCHG16B */
}

static void test_initial_vectors(void **state)
{
	uint64_t present = 1;

	(void)state;
	machine_set_long(&m);
	/* The image holds rubbish where its header says "initial". */
	memset(m.xsave + 160, 0xee, 256);
	memcpy(m.xsave + 512, &present, 8);
	memset(ram + DATA, 0xff, 32);
	GPR(RBX) = DATA;
	assert_int_equal(RUN(0x0f, 0x11, 0x0b), EMULATE_DONE);
	assert_memory_equal(ram + DATA, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 17);
	/* A load brings XMM to life: the others are zero then. */
	memcpy(ram + DATA, "0123456789abcdef", 16);
	assert_int_equal(RUN(0x0f, 0x10, 0x0b), EMULATE_DONE);
	assert_int_equal(m.xsave[512], 3);
	assert_memory_equal(m.xsave + 160 + 16, "0123456789abcdef", 16);
	assert_int_equal(m.xsave[160], 0);
	assert_int_equal(m.xsave[160 + 32], 0);
}

static void test_run_page(void **state)
{
	static struct mullion_run run;

	(void)state;
	machine_set_long(&m);
	memset(&run, 0, sizeof(run));
	memcpy(run.seg, CTX.seg, sizeof(run.seg));
	run.seg[MULLION_SS].attr = 0xcf3;
	run.cr0 = CTX.cr0;
	run.cr4 = CTX.cr4;
	run.efer = CTX.efer;
	run.rip = CODE;
	run.rflags = 2;
	run.gpr[MULLION_RBX] = DATA;
	run.gpr[MULLION_RAX] = 0x1234;
	emulate_load(&CTX, &run);
	assert_int_equal(CTX.cpl, 3);
	ram[CODE] = 0x89; /* mov [rbx], eax */
	ram[CODE + 1] = 0x03;
	assert_int_equal(machine_run(&m), EMULATE_DONE);
	emulate_store(&CTX, &run);
	assert_int_equal(run.rip, CODE + 2);
	assert_int_equal(run.dirty, MULLION_GROUP_GPR | MULLION_GROUP_RIP);
	assert_int_equal(ram[DATA], 0x34);
	/* A page fault goes into CR2. */
	run.dirty = 0;
	run.cr0 |= 1u << 31;
	run.cr3 = 0x20000; /* no RAM there: nothing is present */
	emulate_load(&CTX, &run);
	assert_int_equal(machine_run(&m), EMULATE_FAULT);
	emulate_store(&CTX, &run);
	assert_int_equal(run.cr2, CODE + 2);
	assert_int_equal(run.dirty, MULLION_GROUP_CR | MULLION_GROUP_RIP);
	/* Bytes that the processor gave need no fetch. */
	run.cr3 = 0;
	run.cr0 &= ~(1ull << 31);
	run.rip = 0x5000000;
	emulate_load(&CTX, &run);
	memcpy(CTX.insn, "\x8b\x0b", 2);
	CTX.insn_count = 2;
	assert_int_equal(machine_run(&m), EMULATE_DONE);
	assert_int_equal(GPR(RCX), 0x1234);
	/* Modes without an SS to tell the CPL by. */
	run.rflags |= 1 << 17;
	emulate_load(&CTX, &run);
	assert_int_equal(CTX.cpl, 3);
	run.cr0 &= ~1ull;
	emulate_load(&CTX, &run);
	assert_int_equal(CTX.cpl, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_16_bit_addresses),
		TEST(test_real_mode_segments),
		TEST(test_protected_segments),
		TEST(test_long_mode_addresses),
		TEST(test_page_crossing),
		TEST(test_fetch),
		TEST(test_device_accesses),
		TEST(test_resume),
		TEST(test_lock),
		TEST(test_flags_of_completion),
		TEST(test_unhandled),
		TEST(test_vector_conditions),
		TEST(test_initial_vectors),
		TEST(test_run_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
