// SPDX-License-Identifier: GPL-2.0-only
/* The module's IOAPIC. */
#include "support.h"

#include "vmm-user/module/ioapic.h"

static struct ioapic io;
static struct apic_message last;
static unsigned int sent;
static int answer;

static int deliver(void *opaque, const struct apic_message *m)
{
	assert_ptr_equal(opaque, &io);
	last = *m;
	sent++;
	return answer;
}

static void start(void)
{
	io.deliver = deliver;
	io.opaque = &io;
	ioapic_reset(&io);
	sent = 0;
	answer = 1;
}

static uint32_t get(uint32_t index)
{
	ioapic_write(&io, 0, index);
	return ioapic_read(&io, 0x10);
}

static void put(uint32_t index, uint32_t value)
{
	ioapic_write(&io, 0, index);
	ioapic_write(&io, 0x10, value);
}

static void route(unsigned int pin, uint32_t low, uint32_t high)
{
	put(0x11 + 2 * pin, high);
	put(0x10 + 2 * pin, low);
}

static void test_registers(void **state)
{
	(void)state;
	start();
	assert_int_equal(get(1), 0x170011);
	put(0, 0xffffffff);
	assert_int_equal(get(0), 0x0f000000);
	assert_int_equal(get(2), 0x0f000000);
	for (uint32_t pin = 0; pin < 24; pin++)
		assert_int_equal(get(0x10 + 2 * pin), 0x10000);
	put(0x10, 0xffffffff);
	assert_int_equal(get(0x10), 0x1afff);
	put(0x11, 0x12345678);
	assert_int_equal(get(0x11), 0x12345678);
	assert_int_equal(get(0x40), 0xffffffff);
	put(0xff, 1);
	assert_int_equal(get(0xff), 0xffffffff);
	assert_int_equal(ioapic_read(&io, 0x20), 0);
}

static void test_edge(void **state)
{
	(void)state;
	start();
	assert_int_equal(ioapic_set_input(&io, 4, 0, true), -1);
	route(4, 0x0831, 0x03000000);
	assert_int_equal(sent, 0); /* the edge is over */
	ioapic_set_input(&io, 4, 0, false);
	assert_int_equal(ioapic_set_input(&io, 4, 0, true), 1);
	assert_int_equal(ioapic_set_input(&io, 4, 0, true), 0);
	assert_int_equal(sent, 1);
	assert_int_equal(last.vector, 0x31);
	assert_int_equal(last.destination, 3);
	assert_true(last.logical);
	assert_false(last.level);
	assert_int_equal(ioapic_ending(&io, 0x31), 0);
}

static void test_level(void **state)
{
	(void)state;
	start();
	route(10, 0x18041, 0xff000000);
	assert_int_equal(ioapic_set_input(&io, 10, 0, true), -1);
	route(10, 0x8041, 0xff000000);
	assert_int_equal(sent, 1);
	assert_int_equal(last.destination, APIC_BROADCAST);
	assert_true(last.level);
	assert_int_equal(get(0x24), 0xc041); /* remote IRR */
	assert_int_equal(ioapic_set_input(&io, 10, 1, true), 0);
	assert_int_equal(ioapic_ending(&io, 0x42), 0);
	assert_int_equal(ioapic_ending(&io, 0x41), 1u << 10);
	ioapic_end(&io, 1u << 10);
	assert_int_equal(sent, 2);
	ioapic_set_input(&io, 10, 0, false);
	ioapic_end(&io, ioapic_ending(&io, 0x41));
	assert_int_equal(sent, 3); /* the other source */
	ioapic_set_input(&io, 10, 1, false);
	ioapic_end(&io, ioapic_ending(&io, 0x41));
	assert_int_equal(sent, 3);
	assert_int_equal(get(0x24), 0x8041);
}

static void test_level_refused(void **state)
{
	(void)state;
	start();
	answer = -1;
	route(10, 0x8041, 0);
	assert_int_equal(ioapic_set_input(&io, 10, 0, true), -1);
	assert_int_equal(get(0x24), 0x8041);
	/* Written again, it is tried again. */
	answer = 0;
	put(0x24, 0x8041);
	assert_int_equal(sent, 2);
	assert_int_equal(get(0x24), 0xc041);
	/* Software clears it by way of an edge. */
	put(0x24, 0x10041);
	assert_int_equal(get(0x24), 0x10041);
}

static void test_restore(void **state)
{
	struct kvm_ioapic_state saved;

	(void)state;
	start();
	route(20, 0x8055, 0);
	saved = io.state;
	saved.irr = 1u << 20 | 1u << 30;
	saved.ioregsel = 0xabcd;
	saved.base_address = 0x1000;
	saved.redirtbl[3].bits = 0x14055; /* remote IRR of an edge */
	ioapic_restore(&io, &saved);
	assert_int_equal(sent, 1);
	assert_int_equal(io.state.irr, 1u << 20);
	assert_int_equal(io.state.base_address, IOAPIC_BASE);
	assert_int_equal(io.state.redirtbl[3].bits, 0x10055);
	assert_int_equal(ioapic_read(&io, 0), 0xcd);
	ioapic_set_input(&io, 20, 0, false);
	ioapic_end(&io, ioapic_ending(&io, 0x55));
	assert_int_equal(sent, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers), cmocka_unit_test(test_edge),
		cmocka_unit_test(test_level),     cmocka_unit_test(test_level_refused),
		cmocka_unit_test(test_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
