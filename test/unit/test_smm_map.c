// SPDX-License-Identifier: GPL-2.0-only
/* The state-save maps of system management mode, and what RSM refuses. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "vmm-user/module/smm_map.h"

#define PHYS_BITS 40
#define CR0_PG (1ull << 31)
#define CR4_LA57 (1ull << 12)
#define CR4_PCIDE (1ull << 17)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_SCE 1ull
#define RFLAGS_VM (1ull << 17)
#define NOT_CANONICAL 0x0001000000000000ull

/* A place in a map, from SMBASE + 0x8000 as the manuals count, and what must stand there. */
struct place {
	unsigned int offset, size;
	uint64_t value;
};

static uint64_t read_at(const uint8_t *map, unsigned int offset, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, map + offset - 0x7e00, size);
	return value;
}

/* Each value is another one; those of the narrow layout fit into it. */
static struct smm_state state_64(void)
{
	struct smm_state s = {
		.rip = 0xffffffff81000123,
		.rflags = 0x246,
		.cr0 = 0x80050033,
		.cr3 = 0x123456000,
		.cr4 = 0x6f0,
		.efer = EFER_SCE | EFER_LME | EFER_LMA,
		.dr6 = 0xffff4ff1,
		.dr7 = 0x401,
		.gdtr = { .base = 0xfffffe0000001000, .limit = 0x7f },
		.idtr = { .base = 0xfffffe0000000000, .limit = 0xfff },
		.smbase = 0x7ffc0000,
		.halted = true,
	};

	for (unsigned int i = 0; i < MULLION_GPRS; i++)
		s.gpr[i] = 0x1111111111111111ull * i + 0xa0b0c0d000000000ull;
	for (unsigned int i = 0; i < MULLION_SEGS; i++)
		s.seg[i] = (struct mullion_segment){ .selector = (uint16_t)(0x10 + 8 * i),
						     .attr = 0xc93,
						     .limit = 0xfffff000 + i,
						     .base = 0x10000 * i };
	s.seg[MULLION_CS].attr = 0xa9b;
	s.seg[MULLION_LDTR].attr = 0x082;
	s.seg[MULLION_TR].attr = 0x08b;
	s.seg[MULLION_TR].base = 0xfffffe0000003000;
	s.seg[MULLION_GS].base = 0xffff88807fc00000;
	return s;
}

static struct smm_state state_32(void)
{
	struct smm_state s = state_64();

	for (unsigned int i = 0; i < MULLION_GPRS; i++)
		s.gpr[i] = i < 8 ? 0x11111111u * i + 7 : 0;
	s.rip = 0xc1000123;
	s.cr3 = 0x3456000;
	s.efer = 0;
	s.gdtr.base = 0xff401000;
	s.idtr.base = 0xff400000;
	s.seg[MULLION_CS].attr = 0xc9b;
	s.seg[MULLION_TR].base = 0xff403000;
	s.seg[MULLION_GS].base = 0xc1234000;
	return s;
}

static void check_places(const uint8_t *map, const struct place *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t found = read_at(map, places[i].offset, places[i].size);

		if (found != places[i].value)
			fail_msg("at %x: %lx, not %lx", places[i].offset, (unsigned long)found,
				 (unsigned long)places[i].value);
	}
}

#define CHECK_PLACES(map, places) check_places(map, places, sizeof(places) / sizeof((places)[0]))

/* APM vol. 2 table 10-1. */
static void test_layout_64(void **state)
{
	const struct smm_state s = state_64();
	const struct place places[] = {
		{ 0x7e00, 2, 0x10 },
		{ 0x7e02, 2, 0xc093 },
		{ 0x7e04, 4, 0xfffff000 },
		{ 0x7e08, 8, 0 },
		{ 0x7e10, 2, 0x18 },
		{ 0x7e12, 2, 0xa09b },
		{ 0x7e14, 4, 0xfffff001 },
		{ 0x7e18, 8, 0x10000 },
		{ 0x7e20, 2, 0x20 },
		{ 0x7e30, 2, 0x28 },
		{ 0x7e40, 2, 0x30 },
		{ 0x7e50, 2, 0x38 },
		{ 0x7e58, 8, 0xffff88807fc00000 },
		{ 0x7e64, 4, 0x7f },
		{ 0x7e68, 8, 0xfffffe0000001000 },
		{ 0x7e70, 2, 0x40 },
		{ 0x7e72, 2, 0x82 },
		{ 0x7e84, 4, 0xfff },
		{ 0x7e88, 8, 0xfffffe0000000000 },
		{ 0x7e90, 2, 0x48 },
		{ 0x7e92, 2, 0x8b },
		{ 0x7e94, 4, 0xfffff007 },
		{ 0x7e98, 8, 0xfffffe0000003000 },
		{ 0x7ec8, 1, 0 },
		{ 0x7ec9, 1, 1 },
		{ 0x7ed0, 8, 0x501 },
		{ 0x7efc, 4, 0x20064 },
		{ 0x7f00, 4, 0x7ffc0000 },
		{ 0x7f48, 8, 0x6f0 },
		{ 0x7f50, 8, 0x123456000 },
		{ 0x7f58, 8, 0x80050033 },
		{ 0x7f60, 8, 0x401 },
		{ 0x7f68, 8, 0xffff4ff1 },
		{ 0x7f70, 8, 0x246 },
		{ 0x7f78, 8, 0xffffffff81000123 },
		{ 0x7f80, 8, s.gpr[MULLION_R15] },
		{ 0x7fb8, 8, s.gpr[MULLION_R8] },
		{ 0x7fc0, 8, s.gpr[MULLION_RDI] },
		{ 0x7fc8, 8, s.gpr[MULLION_RSI] },
		{ 0x7fd0, 8, s.gpr[MULLION_RBP] },
		{ 0x7fd8, 8, s.gpr[MULLION_RSP] },
		{ 0x7fe0, 8, s.gpr[MULLION_RBX] },
		{ 0x7fe8, 8, s.gpr[MULLION_RDX] },
		{ 0x7ff0, 8, s.gpr[MULLION_RCX] },
		{ 0x7ff8, 8, s.gpr[MULLION_RAX] },
	};
	uint8_t map[SMM_MAP_SIZE];

	(void)state;
	memset(map, 0xff, sizeof(map));
	smm_map_save(map, &s, true);
	CHECK_PLACES(map, places);
}

/* SDM vol. 3C table 32-1, and KVM's places for what it leaves open. */
static void test_layout_32(void **state)
{
	const struct smm_state s = state_32();
	const struct place places[] = {
		{ 0x7ef8, 4, 0x7ffc0000 }, { 0x7efc, 4, 0x20000 },    { 0x7f00, 2, 0 },
		{ 0x7f02, 2, 1 },          { 0x7f14, 4, 0x6f0 },      { 0x7f2c, 4, 0xc09300 },
		{ 0x7f30, 4, 0xfffff003 }, { 0x7f34, 4, 0x30000 },    { 0x7f44, 4, 0xc09300 },
		{ 0x7f48, 4, 0xfffff005 }, { 0x7f4c, 4, 0xc1234000 }, { 0x7f54, 4, 0xfff },
		{ 0x7f58, 4, 0xff400000 }, { 0x7f5c, 4, 0x8b00 },     { 0x7f60, 4, 0xfffff007 },
		{ 0x7f64, 4, 0xff403000 }, { 0x7f70, 4, 0x7f },       { 0x7f74, 4, 0xff401000 },
		{ 0x7f78, 4, 0x8200 },     { 0x7f7c, 4, 0xfffff006 }, { 0x7f80, 4, 0x60000 },
		{ 0x7f84, 4, 0xc09300 },   { 0x7f88, 4, 0xfffff000 }, { 0x7f8c, 4, 0 },
		{ 0x7f90, 4, 0xc09b00 },   { 0x7f94, 4, 0xfffff001 }, { 0x7f98, 4, 0x10000 },
		{ 0x7fa8, 4, 0x10 },       { 0x7fac, 4, 0x18 },       { 0x7fb0, 4, 0x20 },
		{ 0x7fb4, 4, 0x28 },       { 0x7fb8, 4, 0x30 },       { 0x7fbc, 4, 0x38 },
		{ 0x7fc0, 4, 0x40 },       { 0x7fc4, 4, 0x48 },       { 0x7fc8, 4, 0x401 },
		{ 0x7fcc, 4, 0xffff4ff1 }, { 0x7fd0, 4, 7 },          { 0x7fd4, 4, 0x11111118 },
		{ 0x7fd8, 4, 0x22222229 }, { 0x7fdc, 4, 0x3333333a }, { 0x7fe0, 4, 0x4444444b },
		{ 0x7fe4, 4, 0x5555555c }, { 0x7fe8, 4, 0x6666666d }, { 0x7fec, 4, 0x7777777e },
		{ 0x7ff0, 4, 0xc1000123 }, { 0x7ff4, 4, 0x246 },      { 0x7ff8, 4, 0x3456000 },
		{ 0x7ffc, 4, 0x80050033 },
	};
	uint8_t map[SMM_MAP_SIZE];

	(void)state;
	memset(map, 0xff, sizeof(map));
	smm_map_save(map, &s, false);
	CHECK_PLACES(map, places);
}

static void assert_same(const struct smm_state *a, const struct smm_state *b)
{
	assert_memory_equal(a->gpr, b->gpr, sizeof(a->gpr));
	assert_memory_equal(a->seg, b->seg, sizeof(a->seg));
	assert_int_equal(a->rip, b->rip);
	assert_int_equal(a->rflags, b->rflags);
	assert_int_equal(a->cr0, b->cr0);
	assert_int_equal(a->cr3, b->cr3);
	assert_int_equal(a->cr4, b->cr4);
	assert_int_equal(a->efer, b->efer);
	assert_int_equal(a->dr6, b->dr6);
	assert_int_equal(a->dr7, b->dr7);
	assert_int_equal(a->gdtr.base, b->gdtr.base);
	assert_int_equal(a->gdtr.limit, b->gdtr.limit);
	assert_int_equal(a->idtr.base, b->idtr.base);
	assert_int_equal(a->idtr.limit, b->idtr.limit);
	assert_int_equal(a->smbase, b->smbase);
	assert_int_equal(a->halted, b->halted);
	assert_int_equal(a->shadow, b->shadow);
}

/* What was saved comes back, and can be where it came from. */
static void test_there_and_back(void **state)
{
	for (unsigned int wide = 0; wide < 2; wide++) {
		struct smm_state s = wide ? state_64() : state_32(), back;
		uint8_t map[SMM_MAP_SIZE];

		for (unsigned int i = 0; i < 4; i++) {
			s.halted = i & 1;
			s.shadow = i & 2;
			smm_map_save(map, &s, wide);
			smm_map_load(&back, map, wide);
			assert_same(&s, &back);
			assert_true(smm_state_sound(&back, PHYS_BITS));
		}
	}
	(void)state;
}

/* A map that a guest has filled with ones: nothing of it is believed but what fits. */
static void test_load_of_anything(void **state)
{
	uint8_t map[SMM_MAP_SIZE];
	struct smm_state s;

	(void)state;
	memset(map, 0xff, sizeof(map));
	smm_map_load(&s, map, true);
	assert_int_equal(s.rflags, 0x3f7fd7);
	assert_int_equal(s.seg[MULLION_SS].attr, 0xfff);
	assert_int_equal(s.seg[MULLION_SS].base, 0xffffffff);
	assert_int_equal(s.seg[MULLION_FS].base, UINT64_MAX);
	assert_true(s.efer & EFER_LMA);
	assert_false(smm_state_sound(&s, PHYS_BITS));
	smm_map_load(&s, map, false);
	assert_int_equal(s.cr0, 0xffffffff);
	assert_int_equal(s.efer, 0);
	assert_int_equal(s.gpr[MULLION_R8], 0);

	/* LMA follows from the others. */
	memset(map, 0, sizeof(map));
	memcpy(map + 0x7ed0 - 0x7e00, &(uint64_t){ EFER_LMA | EFER_LME }, 8);
	smm_map_load(&s, map, true);
	assert_int_equal(s.efer, EFER_LME);
	assert_int_equal(s.rflags, 2);
	assert_int_equal(s.dr6, 0xffff0ff0);
	assert_int_equal(s.dr7, 0x400);
	memcpy(map + 0x7f58 - 0x7e00, &(uint64_t){ CR0_PG | 1 }, 8);
	memcpy(map + 0x7f78 - 0x7e00, &(uint64_t){ 0x123456789 }, 8);
	smm_map_load(&s, map, true);
	assert_int_equal(s.efer, EFER_LME | EFER_LMA);
	assert_int_equal(s.rip, 0x23456789); /* CS is not long */
}

static void refused(size_t member, uint64_t value)
{
	struct smm_state s = state_64();

	memcpy((uint8_t *)&s + member, &value, sizeof(value));
	if (smm_state_sound(&s, PHYS_BITS))
		fail_msg("%lx at %zu is taken", (unsigned long)value, member);
}

#define REFUSED(member, value) refused(offsetof(struct smm_state, member), value)

static void test_refused(void **state)
{
	struct smm_state s = state_64();

	(void)state;
	REFUSED(cr3, 1ull << PHYS_BITS);
	REFUSED(cr3, 1ull << 63);
	REFUSED(rflags, RFLAGS_VM | 2);
	REFUSED(dr6, 1ull << 32);
	REFUSED(dr7, 1ull << 40);
	REFUSED(rip, NOT_CANONICAL);
	REFUSED(gdtr.base, NOT_CANONICAL);
	REFUSED(idtr.base, NOT_CANONICAL);
	REFUSED(seg[MULLION_FS].base, NOT_CANONICAL);
	REFUSED(seg[MULLION_GS].base, 0x8000000000000000);
	REFUSED(seg[MULLION_TR].base, NOT_CANONICAL);
	REFUSED(seg[MULLION_LDTR].base, NOT_CANONICAL);

	/* An LDT that is not in use, five levels of page tables, PCIDs outside of long mode. */
	s.seg[MULLION_LDTR].base = NOT_CANONICAL;
	s.seg[MULLION_LDTR].attr = 0;
	assert_true(smm_state_sound(&s, PHYS_BITS));
	s.rip = NOT_CANONICAL;
	s.cr4 |= CR4_LA57;
	assert_true(smm_state_sound(&s, PHYS_BITS));
	s = state_64();
	s.cr4 |= CR4_PCIDE;
	assert_true(smm_state_sound(&s, PHYS_BITS));
	s.efer = 0;
	assert_false(smm_state_sound(&s, PHYS_BITS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_64),      cmocka_unit_test(test_layout_32),
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_load_of_anything),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
