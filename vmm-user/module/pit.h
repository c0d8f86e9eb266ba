/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254 interval timer of a PC with its port 0x61 (8254 datasheet), as state without locks
 * or timers of its own. Pure C: the same file builds into mullion.ko and into the tests on the
 * host. Times are nanoseconds of a clock that only goes forward; a channel's count_load_time is
 * one of them.
 */
#ifndef MULLION_PIT_H
#define MULLION_PIT_H

#include <linux/kvm.h>

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#define PIT_HZ 1193182
#define PIT_PORT 0x40
#define PIT_PORTS 4
#define PIT_SPEAKER_PORT 0x61

struct pit {
	struct kvm_pit_state2 state;
};

void pit_reset(struct pit *p, int64_t now);

/* A byte to or from one of the PIT_PORTS, by number. A write answers whether channel 0 counts
 * anew: see pit_period(). */
bool pit_write(struct pit *p, unsigned int port, uint8_t value, int64_t now);
uint8_t pit_read(struct pit *p, unsigned int port, int64_t now);

/* Port 0x61: channel 2's gate, the speaker, channel 2's output, and the refresh toggle. */
void pit_speaker_write(struct pit *p, uint8_t value, int64_t now);
uint8_t pit_speaker_read(const struct pit *p, int64_t now);

/* How long channel 0 takes from its loading to a rising edge of its output, and whether further
 * edges follow at the same distance; 0: none comes. */
int64_t pit_period(const struct pit *p, bool *repeats);

/* Takes the state from user space; count_load_time is set to `now` as the beginning of all
 * counts. */
void pit_restore(struct pit *p, const struct kvm_pit_state2 *state, int64_t now);

#endif
