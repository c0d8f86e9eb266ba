// SPDX-License-Identifier: GPL-2.0-only
#include "pit.h"

#ifdef __KERNEL__
#include <linux/math64.h>
#define scale(value, mul, div) mul_u64_u64_div_u64(value, mul, div)
#else
#define scale(value, mul, div) ((uint64_t)((unsigned __int128)(value) * (mul) / (div)))
#endif

#define NS_PER_SECOND 1000000000ull
#define COUNT_MAX 0x10000u
#define CHANNELS 3
#define SPEAKER 2 /* the channel whose gate port 0x61 has */

/* The control word (8254 datasheet, figure 7). */
#define CONTROL_CHANNEL 6
#define CONTROL_READ_BACK 3
#define CONTROL_ACCESS 4
#define CONTROL_MODE 1
#define CONTROL_BCD 1

/* A read-back command: bits that are 0 ask. */
#define READ_BACK_NO_COUNT 0x20
#define READ_BACK_NO_STATUS 0x10

#define STATUS_OUTPUT 0x80

/* rw_mode, read_state, write_state */
enum access {
	ACCESS_LATCH = 0,
	ACCESS_LOW = 1,
	ACCESS_HIGH = 2,
	ACCESS_BOTH = 3,
	ACCESS_SECOND = 4
};

#define PORT61_GATE 0x01
#define PORT61_SPEAKER 0x02
#define PORT61_REFRESH 0x10
#define PORT61_OUTPUT 0x20
#define REFRESH_NS 15085

/* -- Counting ------------------------------------------------------------------ */

static uint64_t ticks(const struct kvm_pit_channel_state *c, int64_t now)
{
	return now > c->count_load_time ? scale(now - c->count_load_time, PIT_HZ, NS_PER_SECOND) :
					  0;
}

static uint32_t from_bcd(uint32_t value)
{
	return (value & 0xf) + (value >> 4 & 0xf) * 10 + (value >> 8 & 0xf) * 100 +
	       (value >> 12 & 0xf) * 1000;
}

static uint32_t to_bcd(uint32_t value)
{
	return value % 10 | (value / 10 % 10) << 4 | (value / 100 % 10) << 8 |
	       (value / 1000 % 10) << 12;
}

/* The counting element. */
static uint16_t current_count(const struct kvm_pit_channel_state *c, int64_t now)
{
	uint64_t passed = ticks(c, now), rest;
	uint32_t modulo = c->bcd ? 10000 : COUNT_MAX, value;

	switch (c->mode) {
	case 2:
		rest = passed % c->count;
		value = c->count - rest;
		break;
	case 3: /* by twos, twice in a period */
		rest = 2 * passed % c->count;
		value = c->count - (rest & ~1ull);
		break;
	default: /* on and on, from 0 to the highest value */
		rest = passed % modulo;
		value = (c->count + modulo - (uint32_t)rest) % modulo;
	}
	return c->bcd ? to_bcd(value) : value;
}

static bool output(const struct kvm_pit_channel_state *c, int64_t now)
{
	uint64_t passed = ticks(c, now), rest;

	switch (c->mode) {
	case 2:
		rest = passed % c->count;
		return rest != c->count - 1;
	case 3:
		rest = passed % c->count;
		return rest < (c->count + 1) / 2;
	case 4:
	case 5:
		return passed != c->count;
	default:
		return passed >= c->count;
	}
}

static void load(struct kvm_pit_channel_state *c, uint32_t value, int64_t now)
{
	if (c->bcd)
		value = from_bcd(value);
	if (!value)
		value = c->bcd ? 10000 : COUNT_MAX;
	c->count = value;
	c->count_load_time = now;
}

/* A rising gate starts the count again in modes 1, 2, 3 and 5. */
static void set_gate(struct kvm_pit_channel_state *c, bool gate, int64_t now)
{
	if (gate && !c->gate && c->mode != 0 && c->mode != 4)
		c->count_load_time = now;
	c->gate = gate;
}

void pit_reset(struct pit *p, int64_t now)
{
	unsigned int i;

	p->state = (struct kvm_pit_state2){ 0 };
	for (i = 0; i < CHANNELS; i++) {
		struct kvm_pit_channel_state *c = &p->state.channels[i];

		c->mode = 0xff; /* not programmed */
		c->rw_mode = c->read_state = c->write_state = ACCESS_BOTH;
		c->gate = i != SPEAKER;
		load(c, 0, now);
	}
}

/* -- Ports ---------------------------------------------------------------------- */

static void latch_count(struct kvm_pit_channel_state *c, int64_t now)
{
	if (c->count_latched)
		return;
	c->latched_count = current_count(c, now);
	c->count_latched = c->rw_mode;
}

static void latch_status(struct kvm_pit_channel_state *c, int64_t now)
{
	if (c->status_latched)
		return;
	c->status = (output(c, now) ? STATUS_OUTPUT : 0) | c->rw_mode << CONTROL_ACCESS |
		    (c->mode & 7) << CONTROL_MODE | c->bcd;
	c->status_latched = 1;
}

static void read_back(struct pit *p, uint8_t value, int64_t now)
{
	unsigned int i;

	for (i = 0; i < CHANNELS; i++) {
		if (!(value >> (i + 1) & 1))
			continue;
		if (!(value & READ_BACK_NO_COUNT))
			latch_count(&p->state.channels[i], now);
		if (!(value & READ_BACK_NO_STATUS))
			latch_status(&p->state.channels[i], now);
	}
}

static void write_control(struct pit *p, uint8_t value, int64_t now)
{
	unsigned int channel = value >> CONTROL_CHANNEL, mode = value >> CONTROL_MODE & 7;
	enum access access = value >> CONTROL_ACCESS & 3;
	struct kvm_pit_channel_state *c;

	if (channel == CONTROL_READ_BACK) {
		read_back(p, value, now);
		return;
	}
	c = &p->state.channels[channel];
	if (access == ACCESS_LATCH) {
		latch_count(c, now);
		return;
	}
	c->rw_mode = c->read_state = c->write_state = access;
	c->mode = mode > 5 ? mode & 3 : mode;
	c->bcd = value & CONTROL_BCD;
	c->count_latched = c->status_latched = 0;
}

bool pit_write(struct pit *p, unsigned int port, uint8_t value, int64_t now)
{
	struct kvm_pit_channel_state *c;

	if (port >= CHANNELS) {
		write_control(p, value, now);
		return false;
	}
	c = &p->state.channels[port];
	switch (c->write_state) {
	case ACCESS_LOW:
		load(c, value, now);
		break;
	case ACCESS_HIGH:
		load(c, value << 8, now);
		break;
	case ACCESS_BOTH:
		c->write_latch = value;
		c->write_state = ACCESS_SECOND;
		return false;
	default:
		load(c, c->write_latch | value << 8, now);
		c->write_state = ACCESS_BOTH;
	}
	return port == 0;
}

static uint8_t read_latched(struct kvm_pit_channel_state *c)
{
	switch (c->count_latched) {
	case ACCESS_BOTH:
		c->count_latched = ACCESS_SECOND;
		return c->latched_count & 0xff;
	case ACCESS_LOW:
		c->count_latched = 0;
		return c->latched_count & 0xff;
	default:
		c->count_latched = 0;
		return c->latched_count >> 8;
	}
}

uint8_t pit_read(struct pit *p, unsigned int port, int64_t now)
{
	struct kvm_pit_channel_state *c;
	uint16_t count;

	if (port >= CHANNELS)
		return 0; /* the control word cannot be read */
	c = &p->state.channels[port];
	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (c->count_latched)
		return read_latched(c);
	count = current_count(c, now);
	switch (c->read_state) {
	case ACCESS_LOW:
		return count & 0xff;
	case ACCESS_HIGH:
		return count >> 8;
	case ACCESS_BOTH:
		c->read_state = ACCESS_SECOND;
		return count & 0xff;
	default:
		c->read_state = ACCESS_BOTH;
		return count >> 8;
	}
}

void pit_speaker_write(struct pit *p, uint8_t value, int64_t now)
{
	if (value & PORT61_SPEAKER)
		p->state.flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	else
		p->state.flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_gate(&p->state.channels[SPEAKER], value & PORT61_GATE, now);
}

uint8_t pit_speaker_read(const struct pit *p, int64_t now)
{
	const struct kvm_pit_channel_state *c = &p->state.channels[SPEAKER];
	uint64_t halves = (uint64_t)now / REFRESH_NS;

	return (c->gate ? PORT61_GATE : 0) |
	       (p->state.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON ? PORT61_SPEAKER : 0) |
	       (halves & 1 ? PORT61_REFRESH : 0) | (output(c, now) ? PORT61_OUTPUT : 0);
}

/* -- Channel 0 ------------------------------------------------------------------- */

int64_t pit_period(const struct pit *p, bool *repeats)
{
	const struct kvm_pit_channel_state *c = &p->state.channels[0];

	*repeats = c->mode == 2 || c->mode == 3;
	/* Modes 1 and 5 wait for an edge of the gate, which is wired high. */
	if (!*repeats && c->mode != 0 && c->mode != 4)
		return 0;
	return scale(c->count, NS_PER_SECOND, PIT_HZ);
}

void pit_restore(struct pit *p, const struct kvm_pit_state2 *state, int64_t now)
{
	unsigned int i;

	p->state = *state;
	p->state.flags &= KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	for (i = 0; i < CHANNELS; i++) {
		struct kvm_pit_channel_state *c = &p->state.channels[i];

		c->bcd = !!c->bcd;
		if (!c->count || c->count > COUNT_MAX)
			c->count = c->bcd ? 10000 : COUNT_MAX;
		c->rw_mode &= 3;
		c->count_load_time = now;
	}
}
