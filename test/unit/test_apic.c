// SPDX-License-Identifier: GPL-2.0-only
/* hv/apic.c: what root mode makes of a guest's APIC page, whoever wrote it. */
#include "support.h"

#include <string.h>

#undef skip /* of support.h; it is a member of struct vendor */
#include "hv/apic.h"
#include "hv/guest_memory.h"
#include "hv/insn.h"
#include "hv/vendor.h"
#include "hv/x86.h"

#define PAGE_AT 0xfee00000ull
#define XAPIC_BASE (PAGE_AT | XAPIC)
#define X2APIC_BASE (PAGE_AT | X2APIC)
#define ID 0x20
#define ICR_SELF 0x44000u
#define MSR(offset) (0x800 + (offset) / 16)

static _Alignas(4096) uint32_t page[1024];
static struct vcpu vcpu;
static uint64_t rflags, cr8;
static uint32_t interruptibility;
static struct insn_move instruction;
static bool readable; /* the instruction's bytes */
static unsigned int skipped;

static void get_state(struct vcpu *v, uint32_t groups, struct mullion_run *run)
{
	assert_ptr_equal(v, &vcpu);
	assert_int_equal(groups & ~(MULLION_GROUP_RIP | MULLION_GROUP_CR8), 0);
	if (groups & MULLION_GROUP_RIP) {
		run->rflags = rflags;
		run->interruptibility = interruptibility;
	}
	run->cr8 = cr8;
}

static void set_state(struct vcpu *v, uint32_t groups, const struct mullion_run *run)
{
	assert_ptr_equal(v, &vcpu);
	assert_int_equal(groups, MULLION_GROUP_CR8);
	assert_true(run->cr8 < 16);
	cr8 = run->cr8;
}

struct cpu_features cpu_features;

static int in_service, waiting; /* what the processor was told */

static void set_in_service(struct vcpu *v, uint8_t vector, uint8_t others)
{
	assert_ptr_equal(v, &vcpu);
	in_service = vector;
	waiting = others;
}

static const struct vendor stub = {
	.get_state = get_state, .set_state = set_state, .set_in_service = set_in_service
};
const struct vendor *vendor = &stub;

bool guest_move(struct vcpu *v, struct insn_move *move)
{
	assert_ptr_equal(v, &vcpu);
	*move = instruction;
	return readable;
}

void vcpu_skip(struct vcpu *v, uint8_t length)
{
	assert_ptr_equal(v, &vcpu);
	assert_int_equal(length, instruction.length);
	skipped++;
}

static int setup(void **state)
{
	(void)state;
	memset(page, 0, sizeof(page));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.apic = page;
	vcpu.apic_base = XAPIC_BASE;
	page[APIC_SPIV / 4] = 0x1ff;
	rflags = RFLAGS_FIXED | RFLAGS_IF;
	cr8 = 0;
	interruptibility = 0;
	readable = true;
	skipped = 0;
	return 0;
}

static bool in(uint32_t set, uint8_t vector)
{
	return page[(set + vector / 32 * 0x10) / 4] >> vector % 32 & 1;
}

static void put(uint32_t set, uint8_t vector)
{
	page[(set + vector / 32 * 0x10) / 4] |= 1u << vector % 32;
}

static bool fault(uint32_t offset, uint32_t access, struct insn_move move)
{
	struct vm_exit x = { .kind = EXIT_NESTED_FAULT };

	x.memory.gpa = PAGE_AT + offset;
	x.memory.access = access;
	instruction = move;
	instruction.length = 7;
	return apic_fault(&vcpu, &x);
}

static bool write(uint32_t offset, uint32_t value)
{
	return fault(offset, MULLION_ACCESS_WRITE,
		     (struct insn_move){ .immediate = true, .value = value });
}

static bool write_msr(uint32_t offset, uint64_t value)
{
	return apic_msr(&vcpu, MSR(offset), true, &value);
}

/* The vector that is injected, 0 for none. */
static uint8_t evaluate(void)
{
	apic_evaluate(&vcpu);
	assert_false(vcpu.apic_changed);
	if (!vcpu.inject.valid)
		return 0;
	assert_int_equal(vcpu.inject.type, MULLION_EVENT_INTERRUPT);
	assert_int_equal(vcpu.inject.has_error, 0);
	assert_true(in(APIC_ISR, vcpu.inject.vector));
	assert_false(in(APIC_IRR, vcpu.inject.vector));
	vcpu.inject.valid = 0;
	return vcpu.inject.vector;
}

static void test_priorities(void **state)
{
	(void)state;
	assert_int_equal(evaluate(), 0);
	put(APIC_IRR, 0x31);
	put(APIC_IRR, 0xef);
	put(APIC_IRR, 0xe1);
	assert_int_equal(evaluate(), 0xef);
	/* One in service keeps its class and those below away, and there is nothing to wait for. */
	assert_int_equal(evaluate(), 0);
	assert_int_equal(vcpu.request, 0);
	put(APIC_IRR, 0xf0);
	assert_int_equal(evaluate(), 0xf0);
	assert_true(write(APIC_EOI, 0));
	assert_true(vcpu.apic_changed);
	assert_false(in(APIC_ISR, 0xf0));
	assert_int_equal(evaluate(), 0);
	assert_true(write(APIC_EOI, 0));
	assert_int_equal(evaluate(), 0xe1);
	assert_true(write(APIC_EOI, 0));
	/* CR8 counts, whatever the page says. */
	page[APIC_TPR / 4] = 0;
	cr8 = 3;
	assert_int_equal(evaluate(), 0);
	assert_int_equal(vcpu.request, MULLION_REQUEST_CR8_EXIT);
	cr8 = 2;
	page[APIC_TPR / 4] = 0xff;
	assert_int_equal(evaluate(), 0x31);
	assert_int_equal(vcpu.request, 0);
}

static void test_windows(void **state)
{
	(void)state;
	put(APIC_IRR, 0x40);
	vcpu.asked = MULLION_REQUEST_NMI_WINDOW;
	rflags = RFLAGS_FIXED;
	assert_int_equal(evaluate(), 0);
	assert_int_equal(vcpu.request, MULLION_REQUEST_NMI_WINDOW | MULLION_REQUEST_IRQ_WINDOW);
	rflags |= RFLAGS_IF;
	interruptibility = MULLION_BLOCK_STI;
	assert_int_equal(evaluate(), 0);
	assert_true(vcpu.request & MULLION_REQUEST_IRQ_WINDOW);
	interruptibility = MULLION_BLOCK_NMI;
	vcpu.inject = (struct mullion_event){ 1, MULLION_EVENT_EXCEPTION, 13, 1, 5 };
	apic_evaluate(&vcpu);
	assert_int_equal(vcpu.inject.vector, 13);
	assert_true(vcpu.request & MULLION_REQUEST_IRQ_WINDOW);
	vcpu.inject.valid = 0;
	assert_int_equal(evaluate(), 0x40);
	assert_int_equal(vcpu.request, MULLION_REQUEST_NMI_WINDOW);
	/* What the module asks for stays, and an APIC that is off asks for nothing. */
	put(APIC_IRR, 0x80);
	vcpu.apic_base = PAGE_AT;
	assert_int_equal(evaluate(), 0);
	assert_int_equal(vcpu.request, MULLION_REQUEST_NMI_WINDOW);
	assert_false(write(APIC_EOI, 0));
}

/* A processor that ends interrupts knows which, and when the next one waits for that. */
static void test_in_service(void **state)
{
	(void)state;
	put(APIC_ISR, 0x20);
	assert_int_equal(evaluate(), 0);
	assert_int_equal(in_service, 0); /* others are told nothing */
	page[(APIC_ISR + 0x10) / 4] = 0;
	cpu_features.apicv = true;
	put(APIC_IRR, 0x31);
	put(APIC_IRR, 0x80);
	assert_int_equal(evaluate(), 0x80);
	assert_true(in_service == 0x80 && waiting == 0x31);
	assert_true(write(APIC_EOI, 0));
	assert_int_equal(evaluate(), 0x31);
	assert_true(in_service == 0x31 && waiting == 0);
	rflags = RFLAGS_FIXED;
	put(APIC_IRR, 0x90);
	assert_int_equal(evaluate(), 0);
	assert_true(in_service == 0x31 && waiting == 0x90);
	cpu_features.apicv = false;
}

static uint64_t readable_msrs, writable_msrs;

static void see_msr(void *map, uint32_t index, bool read, bool write_)
{
	assert_ptr_equal(map, &vcpu);
	assert_int_equal(index & ~0x3fu, 0x800);
	readable_msrs |= (uint64_t)read << (index & 63);
	writable_msrs |= (uint64_t)write_ << (index & 63);
}

/* A processor may answer what root mode would. */
static void test_passed_msrs(void **state)
{
	(void)state;
	vcpu.apic_base = X2APIC_BASE;
	apic_for_each_msr(see_msr, &vcpu);
	for (uint32_t number = 0; number < 64; number++) {
		uint64_t value;

		assert_int_equal(apic_msr(&vcpu, 0x800 + number, false, &value),
				 readable_msrs >> number & 1);
	}
	assert_true(writable_msrs == BIT(0x0b));
}

static void test_level(void **state)
{
	(void)state;
	put(APIC_ISR, 0x61);
	put(APIC_TMR, 0x61);
	put(APIC_ISR, 0x51);
	assert_false(write(APIC_EOI, 0));
	assert_int_equal(skipped, 0);
	assert_true(in(APIC_ISR, 0x61));
	assert_false(vcpu.apic_changed);
	page[(APIC_TMR + 0x30) / 4] = 0;
	assert_true(write(APIC_EOI, 0));
	assert_int_equal(skipped, 1);
	assert_false(in(APIC_ISR, 0x61));
	assert_true(in(APIC_ISR, 0x51));
}

static void test_task_priority(void **state)
{
	(void)state;
	assert_true(write(APIC_TPR, 0xffffff5a));
	assert_int_equal(page[APIC_TPR / 4], 0x5a);
	assert_int_equal(cr8, 5);
	assert_true(fault(APIC_TPR, 0, (struct insn_move){ .load = true, .gpr = MULLION_R9 }));
	assert_int_equal(vcpu.gpr[MULLION_R9], 0x5a);
	cr8 = 7; /* the guest wrote CR8 */
	vcpu.gpr[MULLION_RAX] = ~0ull;
	assert_true(fault(APIC_TPR, 0, (struct insn_move){ .load = true }));
	assert_int_equal(vcpu.gpr[MULLION_RAX], 0x70);
}

static void test_self_ipi(void **state)
{
	(void)state;
	put(APIC_TMR, 0x41);
	assert_true(write(APIC_ICR_LOW, ICR_SELF | 0x41));
	assert_int_equal(page[APIC_ICR_LOW / 4], ICR_SELF | 0x41);
	assert_false(in(APIC_TMR, 0x41));
	assert_true(vcpu.apic_changed);
	assert_int_equal(evaluate(), 0x41);
	assert_true(write(APIC_ICR_HIGH, 0x12345678));
	assert_int_equal(page[APIC_ICR_HIGH / 4], 0x12000000);
	assert_false(vcpu.apic_changed);

	/* To others, of another kind, none that is an interrupt, or with the APIC off. */
	const uint32_t others[] = { 0x4041,           0xc4041,         0x84041, ICR_SELF | 0x141,
				    ICR_SELF | 0x441, ICR_SELF | 0x0f, 0x41,    0x80000000 | ICR_SELF | 0x41 };

	page[(APIC_ISR + 0x20) / 4] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(write(APIC_ICR_LOW, others[i]));
	page[APIC_SPIV / 4] = 0xff;
	assert_false(write(APIC_ICR_LOW, ICR_SELF | 0x41));
	assert_int_equal(page[APIC_ICR_LOW / 4], ICR_SELF | 0x41);
	assert_int_equal(evaluate(), 0);
	assert_int_equal(skipped, 2);
}

static void test_accesses(void **state)
{
	const struct insn_move load = { .load = true, .gpr = MULLION_RBX };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(page); i++)
		page[i] = 0xabcd0000 | i;
	page[APIC_SPIV / 4] = 0x1ff;
	cr8 = 2;
	page[APIC_TPR / 4] = 0x20;
	for (uint32_t offset = 0; offset < 0x1000; offset++) {
		static const uint16_t computed[] = { 0x90, 0xa0, 0xb0, 0xc0, 0x390 };
		bool plain = offset % 16 == 0 && offset >= 0x20 && offset <= 0x3e0 &&
			     (offset <= 0x30 || offset >= 0x80) &&
			     (offset <= 0x280 || offset >= 0x300) &&
			     (offset <= 0x390 || offset == 0x3e0);

		for (size_t i = 0; i < ARRAY_SIZE(computed); i++)
			plain = plain && offset != computed[i];
		vcpu.gpr[MULLION_RBX] = ~0ull;
		assert_int_equal(fault(offset, 0, load), plain);
		assert_int_equal(vcpu.gpr[MULLION_RBX], plain ? page[offset / 4] : ~0ull);
	}
	/* Only what is written there, and can be by MOV, to that page. */
	for (uint32_t offset = 0; offset < 0x1000; offset++) {
		bool mine = offset == APIC_TPR || offset == APIC_ICR_HIGH;

		if (offset != APIC_EOI)
			assert_int_equal(write(offset, 0), mine);
	}
	assert_false(fault(ID, MULLION_ACCESS_WRITE, load));
	assert_false(fault(ID, MULLION_ACCESS_FETCH, load));
	assert_false(fault(ID, MULLION_ACCESS_WALK, load));
	assert_false(fault(APIC_TPR, 0, (struct insn_move){ .immediate = true }));
	assert_false(fault(APIC_TPR, MULLION_ACCESS_WRITE,
			   (struct insn_move){ .exchange = true }));
	assert_false(fault(0x1000 + ID, 0, load));
	readable = false;
	assert_false(fault(ID, 0, load));
	readable = true;
	/* An event's delivery, which no instruction makes. */
	vcpu.inject.valid = 1;
	assert_false(fault(ID, 0, load));
	vcpu.inject.valid = 0;
	/* A register's value; other modes. */
	vcpu.gpr[MULLION_R8] = 0xffffffff00000040;
	assert_true(fault(APIC_TPR, MULLION_ACCESS_WRITE, (struct insn_move){ .gpr = MULLION_R8 }));
	assert_int_equal(cr8, 4);
	vcpu.apic_base = X2APIC_BASE;
	assert_false(fault(ID, 0, load));
	vcpu.apic_base = PAGE_AT | BIT(10);
	assert_false(fault(ID, 0, load));
}

static void test_msrs(void **state)
{
	uint64_t value;

	(void)state;
	for (uint32_t index = 0; index < 0x1000; index++) {
		value = 0;
		assert_false(apic_msr(&vcpu, index, index & 1, &value));
	}
	vcpu.apic_base = X2APIC_BASE;
	page[ID / 4] = 0x12345678;
	value = ~0ull;
	assert_true(apic_msr(&vcpu, MSR(ID), false, &value));
	assert_int_equal(value, 0x12345678);
	/* Wider there, or not there. */
	assert_false(apic_msr(&vcpu, MSR(0xe0), false, &value));
	assert_false(apic_msr(&vcpu, MSR(APIC_ICR_LOW), false, &value));
	assert_false(apic_msr(&vcpu, MSR(APIC_ICR_HIGH), false, &value));
	assert_false(apic_msr(&vcpu, MSR(APIC_EOI), false, &value));
	assert_false(apic_msr(&vcpu, 0x840, false, &value));
	assert_false(apic_msr(&vcpu, 0x7ff, false, &value));
	assert_false(apic_msr(&vcpu, UINT32_MAX, false, &value));

	put(APIC_ISR, 0x30);
	assert_false(write_msr(APIC_EOI, 1));
	assert_true(in(APIC_ISR, 0x30));
	assert_true(write_msr(APIC_EOI, 0));
	assert_false(in(APIC_ISR, 0x30));
	assert_true(write_msr(APIC_TPR, 0x5f));
	assert_int_equal(cr8, 5);
	assert_false(write_msr(APIC_TPR, 0x100));
	assert_false(write_msr(APIC_TPR, 0x100000000));
	assert_true(write_msr(APIC_SELF_IPI, 0x71));
	assert_int_equal(evaluate(), 0x71);
	assert_false(write_msr(APIC_SELF_IPI, 0x0f));
	assert_false(write_msr(APIC_SELF_IPI, 0x171));
	assert_false(write_msr(APIC_ICR_LOW, 0));
	assert_false(write_msr(APIC_ICR_LOW, ICR_SELF | 0x71));
	assert_false(write_msr(APIC_ICR_HIGH, 0));
	assert_false(write_msr(APIC_SPIV, 0xff));
	assert_int_equal(skipped, 0); /* msr.c does */
}

/* A page on which there may be anything, and something else at every look. */
static void test_hostile(void **state)
{
	(void)state;
	random_seed(1);
	for (unsigned int round = 0; round < 200000; round++) {
		uint64_t value = random_next() & 0xff;

		for (unsigned int i = 0; i < 8; i++) {
			uint32_t at = random_next() % ARRAY_SIZE(page);

			page[at] = random_next() & 1 ? random_next() : 0;
		}
		vcpu.apic_base = random_next() & 1 ? XAPIC_BASE : random_next();
		vcpu.asked = random_next() & MULLION_REQUEST_NMI_WINDOW;
		cr8 = random_next() & 0xf;
		rflags = RFLAGS_FIXED | (random_next() & RFLAGS_IF);
		vcpu.inject.valid = 0;
		switch (random_next() % 3) {
		case 0:
			write(random_next() & 0x3f0, random_next());
			break;
		case 1:
			fault(random_next() & 0x3f0, 0, (struct insn_move){ .load = true });
			break;
		default:
			vcpu.apic_base = X2APIC_BASE;
			apic_msr(&vcpu, 0x800 + random_next() % 80, random_next() & 1, &value);
		}
		/* It wants no more than it may, and delivers only what may be delivered. */
		vcpu.inject.valid = 0;
		apic_evaluate(&vcpu);
		assert_int_equal(vcpu.request & ~(vcpu.asked | MULLION_REQUEST_IRQ_WINDOW |
						  MULLION_REQUEST_CR8_EXIT), 0);
		if (vcpu.inject.valid) {
			assert_true(vcpu.inject.vector >= 16);
			assert_true(vcpu.inject.vector >> 4 > cr8);
			assert_true(rflags & RFLAGS_IF);
			assert_int_equal(vcpu.request, vcpu.asked);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_windows, setup),
		cmocka_unit_test_setup(test_in_service, setup),
		cmocka_unit_test_setup(test_passed_msrs, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_task_priority, setup),
		cmocka_unit_test_setup(test_self_ipi, setup),
		cmocka_unit_test_setup(test_accesses, setup),
		cmocka_unit_test_setup(test_msrs, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
