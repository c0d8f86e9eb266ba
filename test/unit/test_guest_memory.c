// SPDX-License-Identifier: GPL-2.0-only
/* hv/guest_memory.c: walks of a guest's page tables, through nested ones. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "hv/frame.h"
#include "hv/guest_memory.h"
#include "hv/insn.h"
#include "hv/paging.h"
#include "hv/panic.h"
#include "hv/phys.h"
#undef skip /* of support.h; it is a member of struct vendor */
#include "hv/vendor.h"
#include "hv/vm.h"
#include "hv/x86.h"

/* Guest memory of 2 MiB stands at GUEST_AT; nested tables and others' frames are below. */
#define MEMORY (16 * MIB)
#define GUEST_AT (4 * MIB)
#define GUEST_SIZE (2 * MIB)

#define P 1ull
#define LARGE (P | PT_LARGE)

struct vm service_vm;

static uint16_t frames[MEMORY >> PAGE_SHIFT];
static struct vm guest;
static struct pool pool;
static struct mullion_run run;

static const struct pt_format format = {
	.present = BIT(0),
	.table = 7,
	.leaf = BIT(0) | BIT(2),
	.write = BIT(1),
	.no_exec = 1ull << 63,
	.uncached = BIT(3) | BIT(4),
};

void panic(const char *text, ...)
{
	(void)text;
	fail_msg("%s", "panic");
	abort();
}

void *phys_to_virt(uint64_t pa)
{
	void *at = phys_map(pa, 1);

	assert_non_null(at);
	return at;
}

uint64_t virt_to_phys(const void *va)
{
	return (uint64_t)((const uint8_t *)va - memory);
}

static int setup(void **state)
{
	(void)state;
	memory_create(MEMORY);
	frame_init(frames, ARRAY_SIZE(frames), ARRAY_SIZE(frames));
	frame_mark(hpa(MIB), hpa(MEMORY), FRAME_SERVICE);
	frame_mark(hpa(3 * MIB), hpa(4 * MIB), FRAME_ROOT);
	pool = (struct pool){ 0 };
	for (uint64_t at = 3 * MIB; at < 3 * MIB + 16 * PAGE_SIZE; at += PAGE_SIZE)
		pool_put(&pool, hpa(at));
	memset(&guest, 0, sizeof(guest));
	guest.nested =
		(struct address_space){ .format = &format, .largest_leaf = 2, .pool = &pool };
	guest.nested.root = pool_get(&pool);
	assert_true(pt_map_range(&guest.nested, 0, hpa(GUEST_AT), GUEST_SIZE, PT_WRITE));
	service_vm.nested = guest.nested;
	service_vm.nested.root = pool_get(&pool);
	assert_true(pt_map_range(&service_vm.nested, MIB, hpa(MIB), 2 * MIB, PT_WRITE));
	memset(&run, 0, sizeof(run));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_destroy();
	return 0;
}

static void guest_put64(uint64_t gpa_raw, uint64_t value)
{
	put64(GUEST_AT + gpa_raw, value);
}

static void guest_put32(uint64_t gpa_raw, uint32_t value)
{
	put32(GUEST_AT + gpa_raw, value);
}

static void expect(uint64_t linear, uint64_t wanted)
{
	gpa_t where = gpa(~0ull);

	assert_true(guest_walk(&guest, &run, linear, &where, NULL));
	assert_int_equal(where.raw, wanted);
}

static void expect_none(uint64_t linear)
{
	gpa_t where;

	assert_false(guest_walk(&guest, &run, linear, &where, NULL));
}

static void test_translate(void **state)
{
	hpa_t where;

	(void)state;
	assert_true(guest_translate(&guest, gpa(0x1234), &where));
	assert_int_equal(where.raw, GUEST_AT + 0x1234);
	assert_false(guest_translate(&guest, gpa(GUEST_SIZE), &where));
	assert_false(guest_translate(&guest, gpa(MULLION_MAX_GPA), &where));
	assert_false(guest_translate(&guest, gpa(~0ull), &where));
	/* In small pages, among them one that was unlinked, and frames of others. */
	pt_write(pt_make(&guest.nested, 0x5000, 1), (GUEST_AT + 0x5000) | PT_ZOMBIE);
	assert_false(guest_translate(&guest, gpa(0x5000), &where));
	assert_true(guest_translate(&guest, gpa(0x6008), &where));
	assert_int_equal(where.raw, GUEST_AT + 0x6008);
	frame_mark(hpa(GUEST_AT + 0x7000), hpa(GUEST_AT + 0x8000), FRAME_ROOT);
	assert_false(guest_translate(&guest, gpa(0x7000), &where));
	/* The service domain's memory is where it is, but not what is hidden from it. */
	assert_true(guest_translate(&service_vm, gpa(2 * MIB + 5), &where));
	assert_int_equal(where.raw, 2 * MIB + 5);
	assert_false(guest_translate(&service_vm, gpa(3 * MIB), &where));
	assert_false(guest_translate(&service_vm, gpa(MEMORY), &where));
	frame_donate(2 * MIB >> PAGE_SHIFT, 1);
	assert_false(guest_translate(&service_vm, gpa(2 * MIB), &where));
	/* Nor what is about to be donated, and still its own. */
	pt_write(pt_make(&service_vm.nested, MIB, 1), PT_ZOMBIE);
	assert_false(guest_translate(&service_vm, gpa(MIB), &where));
}

static void test_no_paging(void **state)
{
	(void)state;
	run.cr0 = CR0_PE;
	run.cr3 = ~0ull;
	expect(0x12345, 0x12345);
	expect(0xffffffff, 0xffffffff);
	expect(0x100000010, 0x10); /* linear addresses have 32 bits */
}

static void test_32bit(void **state)
{
	(void)state;
	run.cr0 = CR0_PE | CR0_PG;
	run.cr3 = 0x1018; /* flags are ignored */
	guest_put32(0x1000 + 4 * 3, 0x2000 | P);
	guest_put32(0x2000 + 4 * 5, 0x9000 | P);
	expect(3 << 22 | 5 << 12 | 0xabc, 0x9abc);
	expect_none(3 << 22 | 6 << 12);
	expect_none(4 << 22);
	/* 4 MiB pages exist with CR4.PSE, and reach beyond 4 GiB. */
	guest_put32(0x1000 + 4 * 7, 0x00400000 | 0x5 << 13 | LARGE);
	expect_none(7 << 22 | 0x1234);
	run.cr4 = CR4_PSE;
	expect(7 << 22 | 0x321234, 0x500721234);
	/* A table that lies nowhere. */
	guest_put32(0x1000 + 4 * 8, 0x00800000 | P);
	expect_none(8 << 22);
	run.cr3 = 0xfffff000;
	expect_none(0);
}

static void test_pae(void **state)
{
	(void)state;
	run.cr0 = CR0_PE | CR0_PG;
	run.cr4 = CR4_PAE;
	run.cr3 = 0x1020; /* 32-byte alignment */
	guest_put64(0x1020 + 8 * 2, 0x3000 | P);
	guest_put64(0x3000 + 8 * 4, 0x4000 | P);
	guest_put64(0x4000 + 8 * 6, 0x123456000 | P | 1ull << 63);
	guest_put64(0x3000 + 8 * 5, 0x40000000 | LARGE);
	expect(2ull << 30 | 4 << 21 | 6 << 12 | 0x10, 0x123456010);
	expect(2ull << 30 | 5 << 21 | 0x12345, 0x40012345);
	expect_none(2ull << 30 | 4 << 21 | 7 << 12);
	expect_none(1ull << 30);
	/* The same in the upper 32 bits' sight. */
	expect(0xffffffff00000000 | 2ull << 30 | 5 << 21, 0x40000000);
}

static void make_long(unsigned int levels)
{
	uint64_t table = 0x1000;

	memset(memory + GUEST_AT + table, 0, 8 * PAGE_SIZE);
	run.cr0 = CR0_PE | CR0_PG;
	run.cr4 = CR4_PAE | (levels == 5 ? CR4_LA57 : 0);
	run.efer = EFER_LME | EFER_LMA;
	run.cr3 = 0x1018; /* flags are ignored */
	for (unsigned int level = levels; level > 1; level--) {
		guest_put64(table + 8ull * level, (table + 0x1000) | P | 0x666);
		table += 0x1000;
	}
	guest_put64(table + 8, 0x8000 | P | 1ull << 63 | 0xe66);
}

static uint64_t long_address(unsigned int levels)
{
	uint64_t address = 1 << 12;

	for (unsigned int level = levels; level > 1; level--)
		address |= (uint64_t)level << (12 + 9 * (level - 1));
	return address;
}

static void test_long(void **state)
{
	(void)state;
	for (unsigned int levels = 4; levels <= 5; levels++) {
		uint64_t at;

		make_long(levels);
		at = long_address(levels);
		expect(at | 0x123, 0x8123);
		expect_none(at + PAGE_SIZE);
		for (unsigned int level = 2; level <= levels; level++)
			expect_none(at ^ 1ull << (12 + 9 * (level - 1)));
		/* Each level cut off. */
		for (uint64_t table = 0x1000, level = levels; level > 1; level--, table += 0x1000) {
			uint64_t saved;

			memcpy(&saved, memory + GUEST_AT + table + 8 * level, 8);
			guest_put64(table + 8 * level, saved & ~P);
			expect_none(at);
			guest_put64(table + 8 * level, (saved & 0xfff) | 1ull << 40);
			expect_none(at);
			guest_put64(table + 8 * level, saved);
		}
		expect(at, 0x8000);
	}
	/* Large pages of 2 MiB and 1 GiB, but no larger ones. */
	make_long(4);
	guest_put64(0x3000 + 8 * 2, 0x600000 | LARGE | 1ull << 12); /* bit 12 is PAT */
	expect(long_address(4) | 0x5, 0x601005);
	guest_put64(0x2000 + 8 * 3, 3ull << 30 | LARGE);
	expect(long_address(4) | 0x5, 3ull << 30 | 2 << 21 | 0x1005);
	guest_put64(0x1000 + 8 * 4, 0x2000 | LARGE);
	expect(long_address(4) | 0x5, 3ull << 30 | 2 << 21 | 0x1005);
}

/* Tables that refer to themselves are walked as often as there are levels. */
static void test_circular(void **state)
{
	(void)state;
	make_long(4);
	for (unsigned int i = 0; i < 512; i++)
		guest_put64(0x1000 + 8 * i, 0x1000 | P);
	expect(0x123456789abc, 0x1abc);
	run.cr4 |= CR4_LA57;
	expect(0x123456789abc, 0x1abc);
}

static void test_read(void **state)
{
	uint8_t buffer[0x3000];

	(void)state;
	make_long(4);
	/* Two pages that follow each other here, but not there. */
	guest_put64(0x4000 + 8 * 2, 0x20000 | P);
	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		put8(GUEST_AT + 0x8000 + i, (uint8_t)i);
		put8(GUEST_AT + 0x20000 + i, (uint8_t)~i);
	}
	assert_int_equal(guest_read(&guest, &run, long_address(4) + 0xffa, buffer, 12), 12);
	assert_memory_equal(buffer, "\xfa\xfb\xfc\xfd\xfe\xff\xff\xfe\xfd\xfc\xfb\xfa", 12);
	assert_int_equal(guest_read(&guest, &run, long_address(4), buffer, sizeof(buffer)), 0x2000);
	assert_int_equal(guest_read(&guest, &run, long_address(4) - 1, buffer, 4), 0);
	assert_int_equal(guest_read(&guest, &run, long_address(4), buffer, 0), 0);
	/* The second page turns out to be root mode's. */
	frame_mark(hpa(GUEST_AT + 0x20000), hpa(GUEST_AT + 0x21000), FRAME_ROOT);
	assert_int_equal(guest_read(&guest, &run, long_address(4) + 0xffa, buffer, 12), 6);
}

static void test_fetch(void **state)
{
	struct mullion_segment *cs = &run.seg[MULLION_CS];
	uint8_t buffer[15];

	(void)state;
	put64(GUEST_AT + 0x12340, 0x1122334455667788);
	/* Real mode: CS.base + RIP. */
	cs->base = 0x12000;
	run.rip = 0x340;
	assert_int_equal(guest_fetch(&guest, &run, buffer, 15), 15);
	assert_memory_equal(buffer, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	/* The sum has 32 bits. */
	cs->base = 0xffff0000;
	run.rip = 0x22340;
	assert_int_equal(guest_fetch(&guest, &run, buffer, 15), 15);
	assert_memory_equal(buffer, "\x88\x77", 2);
	/* 64-bit code has no base; 32-bit code in long mode has. */
	make_long(4);
	guest_put64(0x8000, 0xcafe);
	run.rip = long_address(4);
	cs->base = 0x5000;
	cs->attr = BIT(9);
	assert_int_equal(guest_fetch(&guest, &run, buffer, 15), 15);
	assert_memory_equal(buffer, "\xfe\xca", 2);
	cs->attr = 0;
	assert_int_equal(guest_fetch(&guest, &run, buffer, 15), 0);
	/* At the end of memory. */
	memset(&run, 0, sizeof(run));
	run.rip = GUEST_SIZE - 4;
	assert_int_equal(guest_fetch(&guest, &run, buffer, 15), 4);
}

static struct vcpu vcpu;
static unsigned int asked;

static void get_code(struct vcpu *v, struct mullion_run *state)
{
	assert_ptr_equal(v, &vcpu);
	memcpy(state, &run, offsetof(struct mullion_run, xsave));
	asked++;
}

static const struct vendor stub = { .get_code = get_code };
const struct vendor *vendor = &stub;

static void expect_code(uint8_t first)
{
	uint8_t bytes[INSN_MAX_LENGTH];

	assert_int_equal(guest_code(&vcpu, &run, bytes), sizeof(bytes));
	assert_int_equal(bytes[0], first);
}

/* Whether the next look finds the page remembered. */
static bool remembered(void)
{
	struct guest_code *c = &vcpu.code[(run.rip >> PAGE_SHIFT) % GUEST_CODE_PAGES];
	const uint8_t *before = c->bytes, elsewhere[PAGE_SIZE] = { 0x5a };
	uint8_t bytes[INSN_MAX_LENGTH] = { 0 };
	bool used;

	c->bytes = elsewhere;
	run.rip &= PAGE_MASK;
	guest_code(&vcpu, &run, bytes);
	used = c->bytes == elsewhere;
	assert_int_equal(bytes[0] == 0x5a, used);
	c->bytes = before;
	return used;
}

static void start_code(void)
{
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &guest;
	vcpu.tlb_generation = 1;
	make_long(4);
	run.rip = long_address(4);
	run.seg[MULLION_CS].attr = SEGMENT_LONG;
	put8(GUEST_AT + 0x8000, 0x11);
	put8(GUEST_AT + 0x9000, 0x22);
	expect_code(0x11);
}

static void test_code(void **state)
{
	uint64_t table = 0x1000;

	(void)state;
	start_code();
	assert_true(remembered());
	/* Until the guest changes a table entry, at whatever level. */
	for (unsigned int level = 4; level > 0; level--, table += 0x1000) {
		start_code();
		guest_put64(table + 8ull * level, 0);
		assert_false(remembered());
	}
	start_code();
	guest_put64(0x4008, 0x9000 | P);
	expect_code(0x22);
	assert_true(remembered());
	/* Other tables, another page, frames that may be others' now. */
	memcpy(memory + GUEST_AT + 0x6000, memory + GUEST_AT + 0x1000, PAGE_SIZE);
	run.cr3 = 0x6000;
	assert_false(remembered());
	start_code();
	run.rip += PAGE_SIZE;
	assert_false(remembered());
	start_code();
	vcpu.tlb_generation++;
	assert_false(remembered());
	/* In a large page, of which there are fewer entries. */
	start_code();
	guest_put64(0x3010, 0 | LARGE);
	run.rip = long_address(4);
	expect_code(memory[GUEST_AT + 0x1000]);
	assert_true(remembered());
	guest_put64(0x3010, 0x40000000 | LARGE);
	assert_false(remembered());
}

/* What is not four levels of tables is looked up every time, and so is code at a page's end. */
static void test_code_elsewhere(void **state)
{
	uint8_t bytes[INSN_MAX_LENGTH];

	(void)state;
	start_code();
	run.cr0 = run.cr4 = run.efer = 0;
	run.rip = 0x8000;
	run.seg[MULLION_CS].attr = 0;
	expect_code(0x11);
	assert_false(remembered());
	make_long(5);
	put8(GUEST_AT + 0x8000, 0x11);
	run.seg[MULLION_CS].attr = SEGMENT_LONG;
	run.rip = long_address(5);
	expect_code(0x11);
	assert_false(remembered());
	start_code();
	guest_put64(0x4010, 0x9000 | P);
	run.rip += PAGE_SIZE - 1;
	assert_int_equal(guest_code(&vcpu, &run, bytes), 15);
	assert_int_equal(bytes[1], 0x22);
	guest_put64(0x4010, 0);
	assert_int_equal(guest_code(&vcpu, &run, bytes), 1);
}

static void test_move(void **state)
{
	struct insn_move move;

	(void)state;
	start_code();
	memcpy(memory + GUEST_AT + 0x8000, "\x44\x89\x07", 3);
	assert_true(guest_move(&vcpu, &move));
	assert_int_equal(move.gpr, MULLION_R8);
	assert_int_equal(asked, 1);
	/* In 32-bit code 44h is an instruction; in 16-bit code operands have 16 bits. */
	run.cr0 = run.efer = 0;
	run.rip = 0x8001;
	run.seg[MULLION_CS].attr = SEGMENT_32;
	assert_true(guest_move(&vcpu, &move));
	run.rip = 0x8000;
	assert_false(guest_move(&vcpu, &move));
	run.rip = 0x8001;
	run.seg[MULLION_CS].attr = 0;
	assert_false(guest_move(&vcpu, &move));
	run.rip = GUEST_SIZE;
	run.seg[MULLION_CS].attr = SEGMENT_32;
	assert_false(guest_move(&vcpu, &move));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_translate), TEST(test_no_paging), TEST(test_32bit), TEST(test_pae),
		TEST(test_long),      TEST(test_circular),  TEST(test_read),  TEST(test_fetch),
		TEST(test_code),      TEST(test_code_elsewhere),              TEST(test_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
