// SPDX-License-Identifier: GPL-2.0-only
/* The walk of a guest's page tables, in every paging mode. */
#include "support.h"
#include "vmm-user/module/guest_walk.h"

#include <string.h>

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define NX (1ull << 63)

#define CR0 (1ull << 31 | 1)
#define CR0_WP (1ull << 16)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define CR4_LA57 (1ull << 12)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER_LONG (1ull << 8 | 1ull << 10)
#define EFER_NXE (1ull << 11)
#define AC (1ull << 18)

static uint8_t ram[0x10000];
static struct guest_paging paging;
static struct guest_walk walk;
static unsigned int contend, exchanges;
static uint64_t read_only_from;

static int ram_read(void *opaque, uint64_t gpa, void *data, unsigned int size)
{
	(void)opaque;
	if (gpa > sizeof(ram) - size)
		return GUEST_MEMORY_DEVICE;
	memcpy(data, ram + gpa, size);
	return GUEST_MEMORY_OK;
}

static int ram_cmpxchg(void *opaque, uint64_t gpa, uint64_t expected, uint64_t desired,
		       unsigned int size)
{
	(void)opaque;
	exchanges++;
	if (gpa >= read_only_from)
		return GUEST_MEMORY_DEVICE;
	assert_true(gpa <= sizeof(ram) - size);
	if (contend) {
		contend--;
		return GUEST_MEMORY_CHANGED;
	}
	assert_memory_equal(ram + gpa, &expected, size);
	memcpy(ram + gpa, &desired, size);
	return GUEST_MEMORY_OK;
}

static const struct guest_ram_ops ops = { .read = ram_read, .cmpxchg = ram_cmpxchg };

static int set_up(void **state)
{
	(void)state;
	memset(ram, 0, sizeof(ram));
	contend = exchanges = 0;
	read_only_from = ~0ull;
	paging = (struct guest_paging){
		.cr0 = CR0, .cr3 = 0x1000, .rflags = 2, .phys_bits = 40, .gib_pages = true
	};
	return 0;
}

static void set32(uint64_t at, uint32_t entry)
{
	memcpy(ram + at, &entry, 4);
}

static void set64(uint64_t at, uint64_t entry)
{
	memcpy(ram + at, &entry, 8);
}

static uint64_t get64(uint64_t at)
{
	uint64_t entry;

	memcpy(&entry, ram + at, 8);
	return entry;
}

static void assert_maps(uint64_t linear, unsigned int access, uint64_t gpa)
{
	assert_int_equal(guest_walk(&paging, &ops, NULL, linear, access, &walk), GUEST_WALK_OK);
	assert_int_equal(walk.gpa, gpa);
}

static void assert_faults(uint64_t linear, unsigned int access, uint32_t error)
{
	assert_int_equal(guest_walk(&paging, &ops, NULL, linear, access, &walk), GUEST_WALK_FAULT);
	assert_int_equal(walk.error, error);
}

static void test_no_paging(void **state)
{
	(void)state;
	paging.cr0 = 1;
	assert_maps(0xfee00123, GUEST_WALK_WRITE, 0xfee00123);
	assert_int_equal(walk.page_size, ~0ull);
	assert_true(walk.writable && walk.user);
}

static void test_32_bit(void **state)
{
	(void)state;
	set32(0x1000 + 0x300 * 4, 0x2000 | P | W | U);
	set32(0x2000 + 5 * 4, 0xabcde000 | P | W | U);
	assert_maps(0xc0005123, 0, 0xabcde123);
	assert_int_equal(walk.page_size, 4096);
	assert_int_equal(ram[0x1000 + 0x300 * 4] & (A | D), A);
	assert_int_equal(ram[0x2000 + 5 * 4] & (A | D), A);
	assert_maps(0xc0005123, GUEST_WALK_WRITE, 0xabcde123);
	assert_int_equal(ram[0x2000 + 5 * 4] & (A | D), A | D);
	exchanges = 0;
	assert_maps(0xc0005123, GUEST_WALK_WRITE, 0xabcde123);
	assert_int_equal(exchanges, 0); /* all set already */
	assert_faults(0xc0006000, GUEST_WALK_WRITE, GUEST_FAULT_WRITE);
	assert_faults(0x1000, 0, 0);
	assert_faults(0x1000, GUEST_WALK_FETCH, 0); /* no NX here, so no such bit */
	paging.cr4 = CR4_SMEP;
	assert_faults(0x1000, GUEST_WALK_FETCH, GUEST_FAULT_FETCH);
}

static void test_4_mib_pages(void **state)
{
	(void)state;
	/* PSE-36: bits 13-20 are address bits 32-39. */
	set32(0x1000 + 4, 0x00800000 | 0x12 << 13 | P | W | PS);
	set32(0x00800000 & 0xffff, 0);
	paging.cr4 = CR4_PSE;
	assert_maps(0x00612345, GUEST_WALK_WRITE, 0x1200a12345);
	assert_int_equal(walk.page_size, 4 << 20);
	assert_false(walk.user);
	assert_int_equal(ram[0x1004] & (A | D), A | D);
	paging.phys_bits = 36; /* bit 4 of the 0x12 is beyond */
	assert_faults(0x00612345, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
	paging.phys_bits = 40;
	set32(0x1004, 1 << 21 | P | PS);
	assert_faults(0x00612345, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
	/* Without PSE the bit means nothing: a table. */
	paging.cr4 = 0;
	set32(0x1004, 0x2000 | P | PS);
	set32(0x2000 + 0x212 * 4, 0x7000 | P);
	assert_maps(0x00612345, 0, 0x7345);
}

static void test_pae(void **state)
{
	(void)state;
	paging.cr4 = CR4_PAE;
	paging.cr3 = 0x1fe0 | 0x18; /* 32-byte aligned, flags below */
	set64(0x1fe0 + 3 * 8, 0x3000 | P);
	set64(0x3000 + 1 * 8, 0x4000 | P | W | U);
	set64(0x4000 + 2 * 8, 0x1234567000 | P | W | U);
	assert_maps(0xc0202abc, GUEST_WALK_WRITE, 0x1234567abc);
	assert_true(walk.writable && walk.user); /* the topmost entry has no rights to take */
	assert_int_equal(get64(0x1fe0 + 3 * 8), 0x3000 | P);
	assert_int_equal(get64(0x3000 + 8) & (A | D), A);
	set64(0x1fe0 + 3 * 8, 0x3000 | P | A); /* as QEMU's software processor marks it */
	assert_maps(0xc0202abc, 0, 0x1234567abc);
	set64(0x3000 + 2 * 8, 0x40000000 | P | W | PS);
	assert_maps(0xc0512345, 0, 0x40112345);
	assert_int_equal(walk.page_size, 2 << 20);
	/* Reserved: R/W in the topmost entry, bits over MAXPHYADDR, 52-62, NX without NXE. */
	set64(0x1fe0, 0x3000 | P | W);
	assert_faults(0x00202abc, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
	set64(0x4000 + 2 * 8, 1ull << 40 | P | W | U);
	assert_faults(0xc0202abc, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
	set64(0x4000 + 2 * 8, 1ull << 52 | P | W | U);
	assert_faults(0xc0202abc, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
	set64(0x4000 + 2 * 8, NX | 0x5000 | P | W | U);
	assert_faults(0xc0202abc, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
	paging.efer = EFER_NXE;
	assert_maps(0xc0202abc, 0, 0x5abc);
	assert_faults(0xc0202abc, GUEST_WALK_FETCH, GUEST_FAULT_PRESENT | GUEST_FAULT_FETCH);
	set64(0x3000 + 2 * 8, 1 << 13 | P | W | PS); /* below a 2 MiB page's address */
	assert_faults(0xc0512345, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
}

/* 0xffff888000203000 -> 0x7000 by tables at 0x1000, 0x2000, 0x3000, 0x4000. */
#define LINEAR 0xffff888000203000ull
#define PML4E (0x1000 + 0x111 * 8)
#define PTE (0x4000 + 3 * 8)

static void set_up_long(void)
{
	paging.cr4 = CR4_PAE;
	paging.efer = EFER_LONG | EFER_NXE;
	set64(PML4E, 0x2000 | P | W | U);
	set64(0x2000, 0x3000 | P | W | U);
	set64(0x3000 + 8, 0x4000 | P | W | U);
	set64(PTE, 0x7000 | P | W | U);
}

static void test_4_and_5_levels(void **state)
{
	(void)state;
	set_up_long();
	assert_maps(LINEAR + 0x123, GUEST_WALK_WRITE, 0x7123);
	for (unsigned int table = 0x1000; table < 0x4000; table += 0x1000)
		assert_int_equal(
			ram[table == 0x1000 ? PML4E : table + (table == 0x3000) * 8] & (A | D), A);
	/* Bits 52-62 are software's here. */
	set64(PTE, 0x7ffull << 52 | 0x7000 | P | W | U);
	assert_maps(LINEAR, 0, 0x7000);
	set64(0x3000 + 8, 0x600000 | P | W | U | PS);
	assert_maps(LINEAR + 0x123, 0, 0x603123);
	set64(0x2000, 0x80000000 | P | W | U | PS);
	assert_maps(LINEAR + 0x123, 0, 0x80203123);
	assert_int_equal(walk.page_size, 1 << 30);
	paging.gib_pages = false;
	assert_faults(LINEAR, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);
	set64(PML4E, 0x2000 | P | W | U | PS);
	assert_faults(LINEAR, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_RESERVED);

	set_up_long();
	paging.cr4 |= CR4_LA57;
	paging.cr3 = 0x5000;
	set64(0x5000 + 0x1ff * 8, 0x1000 | P | W | U);
	assert_maps(LINEAR, 0, 0x7000);
	assert_int_equal(get64(0x5000 + 0x1ff * 8) & A, A);
	assert_faults(LINEAR & ~(1ull << 56), 0, 0);
}

static void test_rights(void **state)
{
	(void)state;
	set_up_long();
	/* Read-only for the supervisor counts with WP alone. */
	set64(0x3000 + 8, 0x4000 | P | U);
	assert_maps(LINEAR, GUEST_WALK_WRITE, 0x7000);
	assert_false(walk.writable);
	paging.cr0 |= CR0_WP;
	assert_faults(LINEAR, GUEST_WALK_WRITE, GUEST_FAULT_PRESENT | GUEST_FAULT_WRITE);
	paging.cr0 &= ~CR0_WP;
	paging.cpl = 3;
	assert_maps(LINEAR, 0, 0x7000);
	assert_faults(LINEAR, GUEST_WALK_WRITE,
		      GUEST_FAULT_PRESENT | GUEST_FAULT_WRITE | GUEST_FAULT_USER);
	/* Supervisor pages are not for users, unless the processor asks on its own. */
	set64(0x3000 + 8, 0x4000 | P | W);
	assert_faults(LINEAR, 0, GUEST_FAULT_PRESENT | GUEST_FAULT_USER);
	assert_maps(LINEAR, GUEST_WALK_IMPLICIT, 0x7000);
	/* NX at any level. */
	set64(0x3000 + 8, NX | 0x4000 | P | W | U);
	assert_maps(LINEAR, 0, 0x7000);
	assert_faults(LINEAR, GUEST_WALK_FETCH,
		      GUEST_FAULT_PRESENT | GUEST_FAULT_USER | GUEST_FAULT_FETCH);
}

static void test_smep_and_smap(void **state)
{
	(void)state;
	set_up_long();
	assert_maps(LINEAR, GUEST_WALK_FETCH, 0x7000);
	paging.cr4 |= CR4_SMEP;
	assert_faults(LINEAR, GUEST_WALK_FETCH, GUEST_FAULT_PRESENT | GUEST_FAULT_FETCH);
	paging.cpl = 3;
	assert_maps(LINEAR, GUEST_WALK_FETCH, 0x7000);
	paging.cpl = 0;
	assert_maps(LINEAR, 0, 0x7000);
	paging.cr4 |= CR4_SMAP;
	assert_faults(LINEAR, 0, GUEST_FAULT_PRESENT);
	paging.rflags |= AC;
	assert_maps(LINEAR, GUEST_WALK_WRITE, 0x7000);
	assert_faults(LINEAR, GUEST_WALK_IMPLICIT, GUEST_FAULT_PRESENT);
	paging.cpl = 3;
	paging.rflags &= ~AC;
	assert_maps(LINEAR, 0, 0x7000);
	/* One supervisor entry on the way makes it a supervisor page. */
	paging.cpl = 0;
	set64(0x2000, 0x3000 | P | W);
	assert_maps(LINEAR, 0, 0x7000);
	assert_maps(LINEAR, GUEST_WALK_FETCH, 0x7000);
}

static void test_marks(void **state)
{
	(void)state;
	set_up_long();
	/* A fault and a probe mark nothing. */
	paging.cpl = 3;
	set64(PTE, 0x7000 | P | U);
	assert_faults(LINEAR, GUEST_WALK_WRITE, 7);
	assert_maps(LINEAR, GUEST_WALK_PROBE, 0x7000);
	assert_int_equal(exchanges, 0);
	/* Lost races are run again, and given up when they do not end. */
	contend = 3;
	assert_maps(LINEAR, 0, 0x7000);
	assert_int_equal(get64(PTE), 0x7000 | P | U | A);
	set64(PTE, 0x7000 | P | U);
	contend = 1000;
	assert_int_equal(guest_walk(&paging, &ops, NULL, LINEAR, 0, &walk), GUEST_WALK_RETRY);
	assert_int_equal(contend, 1000 - GUEST_WALK_TRIES);
	/* Tables in ROM stay as they are. */
	contend = 0;
	read_only_from = 0;
	assert_maps(LINEAR, 0, 0x7000);
	assert_int_equal(get64(PTE), 0x7000 | P | U);
	/* Tables that are nowhere are not present. */
	paging.cr3 = 0x80000000;
	assert_faults(LINEAR, 0, GUEST_FAULT_USER);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_paging),     TEST(test_32_bit),         TEST(test_4_mib_pages),
		TEST(test_pae),           TEST(test_4_and_5_levels), TEST(test_rights),
		TEST(test_smep_and_smap), TEST(test_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
