// SPDX-License-Identifier: GPL-2.0-only
/* The module's pair of 8259As. */
#include "support.h"

#include "vmm-user/module/pic.h"

static struct pic p;
static uint16_t ended;

static void out(uint16_t port, uint8_t value)
{
	pic_write(&p, port, value, &ended);
}

static uint8_t in(uint16_t port)
{
	return pic_read(&p, port, &ended);
}

static int drive(unsigned int input, bool level)
{
	return pic_set_input(&p, input, 0, level);
}

/* As PC firmware programs them; nothing masked. */
static void start(uint8_t icw4)
{
	pic_reset(&p);
	out(0x20, 0x11);
	out(0x21, 0x08);
	out(0x21, 0x04);
	out(0x21, icw4);
	out(0xa0, 0x11);
	out(0xa1, 0x70);
	out(0xa1, 0x02);
	out(0xa1, icw4);
}

static void test_edge(void **state)
{
	(void)state;
	start(0x01);
	assert_false(pic_output(&p));
	assert_int_equal(drive(1, true), 1);
	assert_int_equal(drive(1, true), 0);
	assert_true(pic_output(&p));
	assert_int_equal(in(0x20), 0x02);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x09);
	assert_int_equal(ended, 0);
	assert_false(pic_output(&p));
	/* The line is still high: that is no new edge. */
	out(0x20, 0x20);
	assert_int_equal(ended, 0x02);
	assert_false(pic_output(&p));
	drive(1, false);
	assert_int_equal(drive(1, true), 1);
	assert_true(pic_output(&p));
}

static void test_priority(void **state)
{
	(void)state;
	start(0x01);
	drive(4, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x0c);
	drive(5, true);
	assert_false(pic_output(&p));
	drive(3, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x0b);
	out(0x20, 0x0b); /* read ISR */
	assert_int_equal(in(0x20), 0x18);
	out(0x20, 0x20);
	assert_int_equal(ended, 0x08);
	out(0x20, 0x64); /* specific EOI of 4 */
	assert_int_equal(ended, 0x10);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x0d);
	/* After rotation 5 is the lowest. */
	out(0x20, 0xa0);
	assert_int_equal(ended, 0x20);
	drive(5, false);
	drive(5, true);
	drive(6, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x0e);
	out(0x20, 0x66);
	out(0x20, 0xc7); /* 7 is the lowest again */
	drive(0, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x08);
}

static void test_mask(void **state)
{
	(void)state;
	start(0x01);
	out(0x21, 0x01);
	assert_int_equal(drive(0, true), -1);
	assert_false(pic_output(&p));
	out(0x21, 0x00);
	assert_true(pic_output(&p));
	/* Special mask mode: one in service that is masked lets lower ones pass. */
	assert_int_equal(pic_acknowledge(&p, &ended), 0x08);
	drive(3, true);
	out(0x21, 0x01);
	assert_false(pic_output(&p));
	out(0x20, 0x68);
	assert_true(pic_output(&p));
	out(0x20, 0x48);
	assert_false(pic_output(&p));
}

static void test_cascade(void **state)
{
	(void)state;
	start(0x01);
	drive(8, true);
	drive(12, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x70);
	assert_false(pic_output(&p));
	/* Higher ones of the slave wait for the master, too, unless it is nested fully. */
	drive(3, true);
	assert_false(pic_output(&p));
	out(0xa0, 0x20);
	assert_int_equal(ended, 0x100);
	assert_false(pic_output(&p));
	out(0x20, 0x20);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x74);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x0b);

	start(0x11);
	drive(12, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x74);
	drive(8, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x70);
}

static void test_level(void **state)
{
	(void)state;
	start(0x01);
	out(0x4d0, 0xff);
	out(0x4d1, 0xff);
	assert_int_equal(in(0x4d0), 0xf8);
	assert_int_equal(in(0x4d1), 0xde);
	drive(11, true);
	assert_int_equal(pic_set_input(&p, 11, 1, true), 0);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x73);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	assert_true(pic_output(&p));
	drive(11, false);
	assert_true(pic_output(&p)); /* the other source still drives it */
	pic_set_input(&p, 11, 1, false);
	assert_false(pic_output(&p));
}

static void test_spurious(void **state)
{
	(void)state;
	start(0x01);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x0f);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0);
	/* Taken back by the slave while the master is asked. */
	p.chip[0].irr |= 1u << PIC_CASCADE;
	assert_int_equal(pic_acknowledge(&p, &ended), 0x77);
}

static void test_automatic(void **state)
{
	(void)state;
	start(0x03);
	drive(0, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x08);
	assert_int_equal(ended, 0x01);
	drive(7, true);
	assert_int_equal(pic_acknowledge(&p, &ended), 0x0f);
	assert_int_equal(ended, 0x80);
	/* A poll acknowledges as well. */
	start(0x01);
	out(0x20, 0x0c);
	assert_int_equal(in(0x20), 0);
	drive(6, true);
	out(0x20, 0x0c);
	assert_int_equal(in(0x20), 0x86);
	assert_false(pic_output(&p));
}

static void test_ports(void **state)
{
	(void)state;
	assert_true(pic_has_port(0x20));
	assert_true(pic_has_port(0xa1));
	assert_true(pic_has_port(0x4d1));
	assert_false(pic_has_port(0x22));
	assert_false(pic_has_port(0x4d2));
	assert_false(pic_has_port(0x1f));
}

static void test_random(void **state)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	struct kvm_pic_state s;

	(void)state;
	random_seed(8259);
	pic_reset(&p);
	for (unsigned int i = 0; i < 200000; i++) {
		uint16_t port = ports[random_next() % 6];

		switch (random_next() % 6) {
		case 0:
			in(port);
			break;
		case 1:
			if (pic_output(&p))
				pic_acknowledge(&p, &ended);
			break;
		case 2:
			for (unsigned int j = 0; j < sizeof(s); j++)
				((uint8_t *)&s)[j] = (uint8_t)random_next();
			if (i % 100 == 0)
				pic_restore(&p, random_next() & 1, &s);
			break;
		case 3:
			out(port, (uint8_t)random_next());
			break;
		default:
			pic_set_input(&p, random_next() % 16, random_next() % 8, random_next() & 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edge),      cmocka_unit_test(test_priority),
		cmocka_unit_test(test_mask),      cmocka_unit_test(test_cascade),
		cmocka_unit_test(test_level),     cmocka_unit_test(test_spurious),
		cmocka_unit_test(test_automatic), cmocka_unit_test(test_ports),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
