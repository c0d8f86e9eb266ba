// SPDX-License-Identifier: GPL-2.0-only
/* The module's local APIC. */
#include <string.h>

#include "support.h"

#include "vmm-user/module/lapic.h"

#define NOW 1000000ull
#define MASKED (1u << 16)
#define SOFTWARE_ENABLED (1u << 8)

static _Alignas(4096) uint32_t page[1024];
static struct lapic l;
static struct lapic_effect effect;

static void write(uint32_t offset, uint32_t value, uint64_t now)
{
	memset(&effect, 0, sizeof(effect));
	lapic_write(&l, offset, 4, value, now, &effect);
}

static uint32_t read(uint32_t offset)
{
	return lapic_read(&l, offset, 4, NOW);
}

static bool wrmsr(uint32_t offset, uint64_t value)
{
	memset(&effect, 0, sizeof(effect));
	return lapic_msr_write(&l, 0x800 + offset / 16, value, NOW, &effect);
}

static bool rdmsr(uint32_t offset, uint64_t *value)
{
	return lapic_msr_read(&l, 0x800 + offset / 16, value, NOW);
}

/* An APIC after power-up, in the mode, and enabled by software. */
static void start(enum lapic_mode mode, uint32_t id)
{
	memset(page, 0xa5, sizeof(page));
	l = (struct lapic){ .page = page, .id = id, .mode = LAPIC_XAPIC, .deadline_allowed = true };
	lapic_reset(&l);
	lapic_set_mode(&l, mode);
	page[LAPIC_SPIV / 4] |= SOFTWARE_ENABLED;
}

static void test_reset(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 3);
	lapic_reset(&l);
	assert_int_equal(read(LAPIC_ID), 3u << 24);
	assert_int_equal(read(LAPIC_VERSION), 0x50014);
	assert_int_equal(read(LAPIC_SPIV), 0xff);
	assert_int_equal(read(LAPIC_DFR), 0xffffffff);
	assert_int_equal(read(LAPIC_LDR), 0);
	for (uint32_t lvt = LAPIC_LVT_TIMER; lvt <= LAPIC_LVT_ERROR; lvt += 0x10)
		assert_int_equal(read(lvt), MASKED);
	assert_int_equal(lapic_pending(&l), -1);
	assert_int_equal(lapic_accept(&l, 0x40, false), LAPIC_REFUSED);
}

static void test_modes(void **state)
{
	static const bool valid[3][3] = {
		[LAPIC_DISABLED] = { true, true, false },
		[LAPIC_XAPIC] = { true, true, true },
		[LAPIC_X2APIC] = { true, false, true },
	};

	(void)state;
	for (int from = 0; from < 3; from++)
		for (int to = 0; to < 3; to++)
			assert_int_equal(lapic_mode_change_valid(from, to), valid[from][to]);
	assert_int_equal(lapic_mode_of(0xfee00000), LAPIC_DISABLED);
	assert_int_equal(lapic_mode_of(0xfee00900), LAPIC_XAPIC);
	assert_int_equal(lapic_mode_of(0xfee00d00), LAPIC_X2APIC);
	/* A disabled APIC takes nothing and asks for nothing. */
	start(LAPIC_XAPIC, 0);
	assert_int_equal(lapic_accept(&l, 0x40, false), LAPIC_ACCEPTED);
	lapic_set_mode(&l, LAPIC_DISABLED);
	assert_int_equal(lapic_pending(&l), -1);
	assert_int_equal(lapic_accept(&l, 0x50, false), LAPIC_REFUSED);
	assert_true(lapic_takes_extint(&l));
	assert_true(lapic_listens(&l, LAPIC_LVT_LINT0));
	/* INIT in x2APIC mode leaves what xAPIC mode begins with, two steps later. */
	start(LAPIC_X2APIC, 3);
	lapic_reset(&l);
	assert_false(lapic_listens(&l, LAPIC_LVT_LINT0));
	lapic_set_mode(&l, LAPIC_DISABLED);
	lapic_set_mode(&l, LAPIC_XAPIC);
	assert_int_equal(read(LAPIC_ID), 3u << 24);
	assert_int_equal(read(LAPIC_LDR), 0);
	assert_int_equal(read(LAPIC_DFR), 0xffffffff);
}

/* What root mode does with what is pending. */
static void acknowledge(uint8_t vector)
{
	lapic_publish(&l);
	page[(LAPIC_IRR + vector / 32 * 0x10) / 4] &= ~(1u << vector % 32);
	page[(LAPIC_ISR + vector / 32 * 0x10) / 4] |= 1u << vector % 32;
}

static void test_priorities(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	assert_int_equal(lapic_accept(&l, 0x31, false), LAPIC_ACCEPTED);
	assert_int_equal(lapic_accept(&l, 0x31, false), LAPIC_COALESCED);
	assert_int_equal(lapic_accept(&l, 0xef, false), LAPIC_ACCEPTED);
	assert_int_equal(lapic_pending(&l), 0xef);
	acknowledge(0xef);
	assert_int_equal(lapic_priority(&l), 0xe0);
	assert_int_equal(read(LAPIC_PPR), 0xe0);
	/* One in service keeps its class and those below away. */
	assert_int_equal(lapic_accept(&l, 0xe1, false), LAPIC_ACCEPTED);
	assert_int_equal(lapic_pending(&l), -1);
	assert_int_equal(lapic_accept(&l, 0xf0, false), LAPIC_ACCEPTED);
	assert_int_equal(lapic_pending(&l), 0xf0);
	acknowledge(0xf0);
	write(LAPIC_EOI, 0, NOW);
	assert_false(effect.ended);
	write(LAPIC_EOI, 0, NOW);
	assert_int_equal(lapic_pending(&l), 0xe1);
	/* The task priority. */
	write(LAPIC_TPR, 0xe5, NOW);
	assert_int_equal(lapic_priority(&l), 0xe5);
	assert_int_equal(lapic_pending(&l), -1);
	write(LAPIC_TPR, 0xdf, NOW);
	assert_int_equal(lapic_pending(&l), 0xe1);
	acknowledge(0xe1);
	write(LAPIC_EOI, 0, NOW);
	assert_int_equal(lapic_pending(&l), -1);
}

/* An interrupt that was on its way waits again. */
static void test_return(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	assert_false(lapic_return(&l, 0x31));
	lapic_accept(&l, 0x31, true);
	acknowledge(0x31);
	lapic_accept(&l, 0x51, false);
	acknowledge(0x51);
	assert_false(lapic_return(&l, 0x31));
	assert_int_equal(lapic_pending(&l), -1);
	assert_true(lapic_return(&l, 0x51));
	assert_int_equal(lapic_priority(&l), 0x30);
	assert_int_equal(lapic_pending(&l), 0x51);
	assert_true(lapic_return(&l, 0x31));
	acknowledge(0x51);
	write(LAPIC_EOI, 0, NOW);
	assert_false(effect.ended);
	assert_int_equal(lapic_pending(&l), 0x31);
	acknowledge(0x31);
	write(LAPIC_EOI, 0, NOW);
	assert_true(effect.ended);
	assert_int_equal(effect.vector, 0x31);
}

static void test_level(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	lapic_accept(&l, 0x61, true);
	assert_int_equal(read(LAPIC_TMR + 0x30), 2);
	acknowledge(0x61);
	write(LAPIC_EOI, 0, NOW);
	assert_true(effect.ended);
	assert_int_equal(effect.vector, 0x61);
	/* With directed EOIs the broadcast can be turned off. */
	l.directed = true;
	write(LAPIC_SPIV, 1u << 12 | SOFTWARE_ENABLED | 0xff, NOW);
	lapic_accept(&l, 0x61, true);
	acknowledge(0x61);
	write(LAPIC_EOI, 0, NOW);
	assert_false(effect.ended);
	/* Nothing is in service: nothing happens. */
	write(LAPIC_EOI, 0, NOW);
	assert_false(effect.ended);
}

static void test_errors(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	write(LAPIC_LVT_ERROR, 0xfe, NOW);
	assert_int_equal(lapic_accept(&l, 15, false), LAPIC_REFUSED);
	assert_int_equal(lapic_pending(&l), 0xfe);
	assert_int_equal(read(LAPIC_ESR), 0);
	write(LAPIC_ESR, 0, NOW);
	assert_int_equal(read(LAPIC_ESR), 1u << 6);
	/* An IPI with no vector is not sent. */
	write(LAPIC_ICR, 0x0, NOW);
	assert_false(effect.send);
	assert_int_equal(read(0x3f0), 0);
	write(LAPIC_ESR, 0, NOW);
	assert_int_equal(read(LAPIC_ESR), 1u << 5 | 1u << 7);
	write(LAPIC_ESR, 0, NOW);
	assert_int_equal(read(LAPIC_ESR), 0);
}

static void test_ipi(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	write(LAPIC_ICR_HIGH, 0x05000000, NOW);
	write(LAPIC_ICR, 0x00004500, NOW); /* INIT */
	assert_true(effect.send);
	assert_int_equal(effect.message.delivery, APIC_INIT);
	assert_int_equal(effect.message.destination, 5);
	assert_false(effect.message.logical);
	write(LAPIC_ICR, 0x00008500, NOW); /* its de-assertion */
	assert_false(effect.send);
	write(LAPIC_ICR, 0x00004699, NOW); /* SIPI */
	assert_int_equal(effect.message.delivery, APIC_STARTUP);
	assert_int_equal(effect.message.vector, 0x99);
	write(LAPIC_ICR, 0x000c08fd, NOW);
	assert_int_equal(effect.message.shorthand, APIC_OTHERS);
	assert_true(effect.message.logical);
	assert_int_equal(read(LAPIC_ICR), 0x000c08fd);
	write(LAPIC_ICR, 0x000018fd, NOW);
	assert_int_equal(read(LAPIC_ICR), 0x000008fd); /* never pending */
	write(LAPIC_ICR_HIGH, 0xff000000, NOW);
	write(LAPIC_ICR, 0x40fd, NOW);
	assert_int_equal(effect.message.destination, APIC_BROADCAST);
	/* Other widths and places are no registers. */
	memset(&effect, 0, sizeof(effect));
	lapic_write(&l, LAPIC_ICR, 2, 0x40fd, NOW, &effect);
	lapic_write(&l, LAPIC_ICR + 4, 4, 0x40fd, NOW, &effect);
	lapic_write(&l, 0xffc, 4, 0x40fd, NOW, &effect);
	assert_false(effect.send);
}

static bool matches(uint32_t destination, bool logical)
{
	struct apic_message m = { .destination = destination, .logical = logical };

	return lapic_matches(&l, &m, false);
}

static void test_destinations(void **state)
{
	struct apic_message m = { .shorthand = APIC_SELF };

	(void)state;
	start(LAPIC_XAPIC, 2);
	assert_true(matches(2, false));
	assert_false(matches(3, false));
	assert_true(matches(0xff, false));
	assert_true(matches(APIC_BROADCAST, true));
	write(LAPIC_LDR, 0x04000000, NOW);
	assert_true(matches(0x0c, true)); /* flat */
	assert_false(matches(0x03, true));
	write(LAPIC_DFR, 0x0fffffff, NOW); /* clusters */
	write(LAPIC_LDR, 0x24000000, NOW);
	assert_true(matches(0x26, true));
	assert_true(matches(0xf4, true));
	assert_false(matches(0x21, true));
	assert_false(matches(0x34, true));
	assert_true(lapic_matches(&l, &m, true));
	assert_false(lapic_matches(&l, &m, false));
	m.shorthand = APIC_OTHERS;
	assert_false(lapic_matches(&l, &m, true));
	assert_true(lapic_matches(&l, &m, false));
	m.shorthand = APIC_ALL;
	assert_true(lapic_matches(&l, &m, true));

	start(LAPIC_X2APIC, 0x23);
	assert_true(matches(0x23, false));
	assert_false(matches(0xff, false));
	assert_true(matches(2u << 16 | 1u << 3, true));
	assert_false(matches(1u << 16 | 1u << 3, true));
	assert_false(matches(2u << 16 | 1u << 4, true));
	assert_true(matches(APIC_BROADCAST, false));
	lapic_set_mode(&l, LAPIC_DISABLED);
	assert_false(matches(APIC_BROADCAST, false));
}

static void test_local(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	assert_false(lapic_takes_extint(&l));
	assert_int_equal(lapic_local(&l, LAPIC_LVT_LINT0), APIC_FIXED);
	write(LAPIC_LVT_LINT0, 0x700, NOW);
	assert_true(lapic_takes_extint(&l));
	assert_int_equal(lapic_local(&l, LAPIC_LVT_LINT0), APIC_EXTINT);
	write(LAPIC_LVT_LINT1, 0x400, NOW);
	assert_int_equal(lapic_local(&l, LAPIC_LVT_LINT1), APIC_NMI);
	assert_int_equal(lapic_pending(&l), -1);
	write(LAPIC_LVT_LINT1, 0x45, NOW);
	assert_int_equal(lapic_local(&l, LAPIC_LVT_LINT1), APIC_FIXED);
	assert_int_equal(lapic_pending(&l), 0x45);
	/* Disabled by software all are masked, and stay so. */
	write(LAPIC_SPIV, 0xff, NOW);
	assert_int_equal(read(LAPIC_LVT_LINT0), MASKED | 0x700);
	write(LAPIC_LVT_LINT0, 0x700, NOW);
	assert_int_equal(read(LAPIC_LVT_LINT0), MASKED | 0x700);
	assert_false(lapic_takes_extint(&l));
}

static void test_timer_oneshot(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	write(LAPIC_LVT_TIMER, 0xec, NOW);
	write(LAPIC_TIMER_DIVIDE, 3, NOW); /* by 16 */
	write(LAPIC_TIMER_INITIAL, 1000, NOW);
	assert_true(effect.timer);
	assert_int_equal(lapic_timer_due(&l), NOW + 16000);
	assert_int_equal(lapic_read(&l, LAPIC_TIMER_CURRENT, 4, NOW + 8000), 500);
	/* Another divider goes on from the same count. */
	write(LAPIC_TIMER_DIVIDE, 0xb, NOW + 8000); /* by 1 */
	assert_int_equal(lapic_timer_due(&l), NOW + 8500);
	lapic_timer_expire(&l, NOW + 8500);
	assert_int_equal(lapic_pending(&l), 0xec);
	assert_int_equal(lapic_timer_due(&l), 0);
	assert_int_equal(lapic_read(&l, LAPIC_TIMER_CURRENT, 4, NOW + 9000), 0);
	write(LAPIC_TIMER_INITIAL, 1000, NOW);
	write(LAPIC_TIMER_INITIAL, 0, NOW);
	assert_true(effect.timer);
	assert_int_equal(lapic_timer_due(&l), 0);
}

static void test_timer_periodic(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	write(LAPIC_LVT_TIMER, 0x200ec, NOW);
	write(LAPIC_TIMER_DIVIDE, 0xb, NOW);
	write(LAPIC_TIMER_INITIAL, 1000, NOW);
	lapic_timer_expire(&l, NOW + 1005);
	assert_int_equal(lapic_timer_due(&l), NOW + 2000);
	/* Slept over: one interrupt, and on from now. */
	lapic_timer_expire(&l, NOW + 9001);
	assert_int_equal(lapic_timer_due(&l), NOW + 10001);
	assert_int_equal(lapic_pending(&l), 0xec);
	/* Masked it still runs. */
	acknowledge(0xec);
	write(LAPIC_EOI, 0, NOW);
	write(LAPIC_LVT_TIMER, MASKED | 0x200ec, NOW);
	lapic_timer_expire(&l, NOW + 10001);
	assert_int_equal(lapic_pending(&l), -1);
	assert_int_equal(lapic_timer_due(&l), NOW + 11001);
}

static void test_timer_deadline(void **state)
{
	(void)state;
	start(LAPIC_XAPIC, 0);
	memset(&effect, 0, sizeof(effect));
	lapic_set_deadline(&l, 5000, &effect);
	assert_false(effect.timer);
	assert_int_equal(lapic_deadline(&l), 0);
	write(LAPIC_TIMER_INITIAL, 1000, NOW);
	write(LAPIC_LVT_TIMER, 0x400ec, NOW);
	assert_true(effect.timer); /* what ran stops */
	assert_int_equal(lapic_timer_due(&l), 0);
	lapic_set_deadline(&l, 5000, &effect);
	assert_true(effect.timer);
	assert_int_equal(lapic_deadline(&l), 5000);
	write(LAPIC_TIMER_INITIAL, 1000, NOW);
	assert_false(effect.timer);
	lapic_timer_expire(&l, NOW);
	assert_int_equal(lapic_deadline(&l), 0);
	assert_int_equal(lapic_pending(&l), 0xec);
	lapic_set_deadline(&l, 5000, &effect);
	write(LAPIC_LVT_TIMER, 0xec, NOW);
	write(LAPIC_LVT_TIMER, 0x400ec, NOW);
	assert_int_equal(lapic_deadline(&l), 0);
	l.deadline_allowed = false;
	write(LAPIC_LVT_TIMER, 0x400ec, NOW);
	assert_int_equal(read(LAPIC_LVT_TIMER), 0xec);
}

static void test_x2apic(void **state)
{
	uint64_t value;

	(void)state;
	start(LAPIC_XAPIC, 0x105);
	assert_false(rdmsr(LAPIC_ID, &value));
	assert_false(wrmsr(LAPIC_TPR, 0));
	start(LAPIC_X2APIC, 0x105);
	assert_true(rdmsr(LAPIC_ID, &value));
	assert_int_equal(value, 0x105);
	assert_true(rdmsr(LAPIC_LDR, &value));
	assert_int_equal(value, 0x10u << 16 | 1u << 5);
	assert_false(wrmsr(LAPIC_ID, 1));
	assert_false(wrmsr(LAPIC_LDR, 1));
	assert_false(rdmsr(LAPIC_DFR, &value));
	assert_false(rdmsr(LAPIC_ICR_HIGH, &value));
	assert_false(rdmsr(LAPIC_EOI, &value));
	assert_false(rdmsr(LAPIC_SELF_IPI, &value));
	assert_false(wrmsr(LAPIC_TPR, 0x100));
	assert_false(wrmsr(LAPIC_TPR, 1ull << 32));
	assert_true(wrmsr(LAPIC_TPR, 0x40));
	assert_false(wrmsr(LAPIC_EOI, 1));
	assert_true(wrmsr(LAPIC_EOI, 0));
	assert_true(wrmsr(LAPIC_ICR, 0x123456780000c0feull & ~0x8000ull));
	assert_true(effect.send);
	assert_int_equal(effect.message.destination, 0x12345678);
	assert_int_equal(effect.message.vector, 0xfe);
	assert_true(rdmsr(LAPIC_ICR, &value));
	assert_int_equal(value, 0x12345678000040feull);
	assert_false(wrmsr(LAPIC_ICR, 0xfff00031));
	assert_false(wrmsr(LAPIC_ICR, 0x2031));
	assert_true(wrmsr(LAPIC_ICR, 0x1031));
	assert_true(wrmsr(LAPIC_SELF_IPI, 0x77));
	assert_true(effect.send);
	assert_int_equal(effect.message.shorthand, APIC_SELF);
	assert_int_equal(effect.message.vector, 0x77);
	/* Every index: none is outside of the page. */
	for (uint32_t index = 0x800; index < 0x900; index++) {
		lapic_msr_read(&l, index, &value, NOW);
		lapic_msr_write(&l, index, 0, NOW, &effect);
	}
}

static void test_save(void **state)
{
	uint32_t saved[LAPIC_STATE_SIZE / 4];

	(void)state;
	start(LAPIC_X2APIC, 7);
	lapic_accept(&l, 0x81, false);
	wrmsr(LAPIC_LVT_TIMER, 0x200ec);
	wrmsr(LAPIC_TIMER_DIVIDE, 0xb);
	wrmsr(LAPIC_TIMER_INITIAL, 1000);
	lapic_save(&l, saved, NOW + 400, true);
	assert_int_equal(saved[LAPIC_ID / 4], 7);
	assert_int_equal(saved[LAPIC_TIMER_CURRENT / 4], 600);
	lapic_save(&l, saved, NOW + 400, false);
	assert_int_equal(saved[LAPIC_ID / 4], 7u << 24);

	start(LAPIC_X2APIC, 7);
	assert_true(lapic_restore(&l, saved, 5000, false));
	assert_int_equal(lapic_pending(&l), 0x81);
	assert_int_equal(lapic_timer_due(&l), 5600);
	/* Another's. */
	start(LAPIC_X2APIC, 8);
	assert_false(lapic_restore(&l, saved, 5000, false));
	assert_int_equal(lapic_pending(&l), -1);
}

/* Whatever registers hold, nothing leaves the page, divides by 0, or shifts too far. */
static void test_random(void **state)
{
	uint32_t saved[LAPIC_STATE_SIZE / 4];
	uint64_t value;

	(void)state;
	random_seed(4);
	start(LAPIC_XAPIC, 1);
	for (unsigned int i = 0; i < 200000; i++) {
		uint32_t what = random_next() % 16, offset = random_next() & 0xfff;
		struct apic_message m = { .destination = random_next(), .logical = what & 1 };

		memset(&effect, 0, sizeof(effect));
		switch (what) {
		case 0:
			lapic_set_mode(&l, random_next() % 3);
			break;
		case 1:
			for (unsigned int j = 0; j < LAPIC_STATE_SIZE / 4; j++)
				saved[j] = random_next();
			lapic_restore(&l, saved, NOW + i, random_next() & 1);
			break;
		case 2:
			lapic_save(&l, saved, NOW + i, random_next() & 1);
			break;
		case 3:
			lapic_timer_expire(&l, NOW + i);
			break;
		case 4:
			if (lapic_pending(&l) >= 0)
				acknowledge((uint8_t)lapic_pending(&l));
			break;
		case 5:
			lapic_set_deadline(&l, random_next(), &effect);
			break;
		case 6:
			lapic_accept(&l, (uint8_t)random_next(), random_next() & 1);
			break;
		case 7:
			lapic_matches(&l, &m, random_next() & 1);
			break;
		case 8:
			lapic_msr_read(&l, 0x800 + (offset & 0xff), &value, NOW + i);
			break;
		case 9:
		case 10:
			lapic_msr_write(&l, 0x800 + (offset & 0x3f), random_next() & 0xcffff,
					NOW + i, &effect);
			break;
		case 11:
			lapic_read(&l, offset, 1u << random_next() % 3, NOW + i);
			break;
		default:
			lapic_write(&l, offset & 0xff0, 4, random_next(), NOW + i, &effect);
		}
		assert_true(lapic_pending(&l) < 256);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_return),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_ipi),
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_timer_oneshot),
		cmocka_unit_test(test_timer_periodic),
		cmocka_unit_test(test_timer_deadline),
		cmocka_unit_test(test_x2apic),
		cmocka_unit_test(test_save),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
