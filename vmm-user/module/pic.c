// SPDX-License-Identifier: GPL-2.0-only
#include "pic.h"

#define MASTER 0
#define SLAVE 1

#define ICW1 0x10
#define ICW1_WITH_ICW4 0x01
#define ICW4_AUTO_EOI 0x02
#define ICW4_FULLY_NESTED 0x10
#define OCW3 0x08
#define OCW3_POLL 0x04
#define OCW3_READ 0x02
#define OCW3_READ_ISR 0x01
#define OCW3_SET_MASK 0x40
#define OCW3_SPECIAL_MASK 0x20
#define POLL_REQUEST 0x80

#define ELCR_MASTER 0xf8 /* not the timer, the keyboard, the cascade */
#define ELCR_SLAVE 0xde  /* not the clock, the coprocessor */

enum init_state { RUNNING, WANT_ICW2, WANT_ICW3, WANT_ICW4 };

static const struct kvm_pic_state power_up[2] = {
	{ .elcr_mask = ELCR_MASTER },
	{ .elcr_mask = ELCR_SLAVE },
};

void pic_reset(struct pic *p)
{
	*p = (struct pic){ .chip = { power_up[MASTER], power_up[SLAVE] } };
}

/* -- Priorities -------------------------------------------------------------- */

/* How far the highest of `inputs` is from the highest priority; 8 if there are none. */
static unsigned int distance(const struct kvm_pic_state *s, uint8_t inputs)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (inputs >> ((i + s->priority_add) & 7) & 1)
			return i;
	return 8;
}

/* The input to be served next, or -1. */
static int chip_next(const struct pic *p, unsigned int chip)
{
	const struct kvm_pic_state *s = &p->chip[chip];
	unsigned int requested = distance(s, s->irr & ~s->imr);
	uint8_t busy = s->isr;

	if (s->special_mask)
		busy &= ~s->imr;
	if (s->special_fully_nested_mode && chip == MASTER)
		busy &= ~(1u << PIC_CASCADE);
	if (requested == 8 || requested >= distance(s, busy))
		return -1;
	return (requested + s->priority_add) & 7;
}

/* INT of the slave is the master's cascade input. */
static void cascade(struct pic *p)
{
	struct kvm_pic_state *master = &p->chip[MASTER];

	if (chip_next(p, SLAVE) >= 0)
		master->irr |= 1u << PIC_CASCADE;
	else
		master->irr &= ~(1u << PIC_CASCADE);
}

bool pic_output(const struct pic *p)
{
	return chip_next(p, MASTER) >= 0;
}

/* -- Inputs ------------------------------------------------------------------ */

int pic_set_input(struct pic *p, unsigned int input, unsigned int source, bool level)
{
	struct kvm_pic_state *s = &p->chip[input / 8];
	uint8_t bit = 1u << input % 8;
	bool requested = s->irr & bit;

	if (level)
		p->sources[input] |= 1u << source;
	else
		p->sources[input] &= ~(1u << source);
	level = p->sources[input];

	if (s->elcr & bit) {
		s->irr = level ? s->irr | bit : s->irr & ~bit;
	} else if (level && !(s->last_irr & bit)) {
		s->irr |= bit;
	}
	s->last_irr = level ? s->last_irr | bit : s->last_irr & ~bit;
	cascade(p);
	if (s->imr & bit)
		return -1;
	return (s->irr & bit) && !requested;
}

/* -- The processor's side ----------------------------------------------------- */

static void chip_acknowledge(struct pic *p, unsigned int chip, unsigned int input, uint16_t *ended)
{
	struct kvm_pic_state *s = &p->chip[chip];
	uint8_t bit = 1u << input;

	if (!(s->elcr & bit))
		s->irr &= ~bit;
	if (!s->auto_eoi) {
		s->isr |= bit;
		return;
	}
	if (s->rotate_on_auto_eoi)
		s->priority_add = (input + 1) & 7;
	*ended |= 1u << (8 * chip + input);
}

/* -> the vector; an interrupt of input 7 where nothing is requested. */
static uint8_t chip_vector(struct pic *p, unsigned int chip, int *input, uint16_t *ended)
{
	*input = chip_next(p, chip);
	if (*input < 0)
		return p->chip[chip].irq_base + 7;
	chip_acknowledge(p, chip, *input, ended);
	return p->chip[chip].irq_base + *input;
}

uint8_t pic_acknowledge(struct pic *p, uint16_t *ended)
{
	uint8_t vector;
	int input;

	*ended = 0;
	vector = chip_vector(p, MASTER, &input, ended);
	if (input == PIC_CASCADE)
		vector = chip_vector(p, SLAVE, &input, ended);
	cascade(p);
	return vector;
}

/* -- Commands ----------------------------------------------------------------- */

static void initialize(struct kvm_pic_state *s, uint8_t value)
{
	s->last_irr = 0;
	s->irr &= s->elcr; /* levels are still there, edges are forgotten */
	s->imr = 0;
	s->isr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->init4 = value & ICW1_WITH_ICW4;
	if (!s->init4) {
		s->special_fully_nested_mode = 0;
		s->auto_eoi = 0;
	}
	s->init_state = WANT_ICW2;
}

static void end_of_interrupt(struct pic *p, unsigned int chip, unsigned int input, bool rotate,
			     uint16_t *ended)
{
	struct kvm_pic_state *s = &p->chip[chip];

	if (s->isr >> input & 1)
		*ended |= 1u << (8 * chip + input);
	s->isr &= ~(1u << input);
	if (rotate)
		s->priority_add = (input + 1) & 7;
}

/* OCW2: R, SL and EOI are bits 7 to 5, the input bits 2 to 0. */
static void command(struct pic *p, unsigned int chip, uint8_t value, uint16_t *ended)
{
	struct kvm_pic_state *s = &p->chip[chip];
	uint8_t busy = s->special_mask ? s->isr & ~s->imr : s->isr;
	unsigned int highest;

	switch (value >> 5) {
	case 0: /* rotation with automatic EOI: off, on */
	case 4:
		s->rotate_on_auto_eoi = value >> 7;
		break;
	case 1: /* non-specific EOI, without and with rotation */
	case 5:
		highest = distance(s, busy);
		if (highest < 8)
			end_of_interrupt(p, chip, (highest + s->priority_add) & 7, value >> 7,
					 ended);
		break;
	case 3: /* specific EOI, without and with rotation */
	case 7:
		end_of_interrupt(p, chip, value & 7, value >> 7, ended);
		break;
	case 6: /* set priority */
		s->priority_add = (value + 1) & 7;
		break;
	}
}

static void write_command(struct pic *p, unsigned int chip, uint8_t value, uint16_t *ended)
{
	struct kvm_pic_state *s = &p->chip[chip];

	if (value & ICW1) {
		initialize(s, value);
	} else if (value & OCW3) {
		if (value & OCW3_POLL)
			s->poll = 1;
		if (value & OCW3_READ)
			s->read_reg_select = value & OCW3_READ_ISR;
		if (value & OCW3_SET_MASK)
			s->special_mask = !!(value & OCW3_SPECIAL_MASK);
	} else {
		command(p, chip, value, ended);
	}
}

static void write_data(struct kvm_pic_state *s, uint8_t value)
{
	switch (s->init_state) {
	case RUNNING:
		s->imr = value;
		break;
	case WANT_ICW2:
		s->irq_base = value & 0xf8;
		s->init_state = WANT_ICW3;
		break;
	case WANT_ICW3: /* the cascade is wired */
		s->init_state = s->init4 ? WANT_ICW4 : RUNNING;
		break;
	case WANT_ICW4:
		s->special_fully_nested_mode = !!(value & ICW4_FULLY_NESTED);
		s->auto_eoi = !!(value & ICW4_AUTO_EOI);
		s->init_state = RUNNING;
		break;
	}
}

/* A read after a poll command is an acknowledgement. */
static uint8_t poll(struct pic *p, unsigned int chip, uint16_t *ended)
{
	int input = chip_next(p, chip);

	p->chip[chip].poll = 0;
	if (input < 0)
		return 0;
	chip_acknowledge(p, chip, input, ended);
	return POLL_REQUEST | input;
}

/* -- Ports -------------------------------------------------------------------- */

bool pic_has_port(uint16_t port)
{
	switch (port & ~1u) {
	case PIC_MASTER:
	case PIC_SLAVE:
	case PIC_ELCR:
		return true;
	}
	return false;
}

void pic_write(struct pic *p, uint16_t port, uint8_t value, uint16_t *ended)
{
	unsigned int chip = port & 0x80 && port < PIC_ELCR ? SLAVE : MASTER;

	*ended = 0;
	if ((port & ~1u) == PIC_ELCR) {
		struct kvm_pic_state *s = &p->chip[port & 1];

		s->elcr = value & s->elcr_mask;
	} else if (port & 1) {
		write_data(&p->chip[chip], value);
	} else {
		write_command(p, chip, value, ended);
	}
	cascade(p);
}

uint8_t pic_read(struct pic *p, uint16_t port, uint16_t *ended)
{
	unsigned int chip = port & 0x80 && port < PIC_ELCR ? SLAVE : MASTER;
	const struct kvm_pic_state *s = &p->chip[chip];
	uint8_t value;

	*ended = 0;
	if ((port & ~1u) == PIC_ELCR)
		return p->chip[port & 1].elcr;
	if (s->poll) {
		value = poll(p, chip, ended);
		cascade(p);
		return value;
	}
	if (port & 1)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

void pic_restore(struct pic *p, unsigned int chip, const struct kvm_pic_state *state)
{
	struct kvm_pic_state *s = &p->chip[chip];
	uint8_t mask = power_up[chip].elcr_mask;

	*s = *state;
	s->priority_add &= 7;
	s->init_state &= 3;
	s->elcr_mask = mask;
	s->elcr &= mask;
	cascade(p);
}
