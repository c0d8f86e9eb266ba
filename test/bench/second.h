/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's second processor, which halts, takes interrupts, and answers them. */
#ifndef BENCH_SECOND_H
#define BENCH_SECOND_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Starts it, once, on the first one's tables: from then on it halts with interrupts on, and
 * takes them as trap_hook says. The local APIC is on. False: there is none, or it does not start.
 * There must not be a third.
 */
bool second_start(void);

/*
 * Sends it an interrupt of `vector`, which it answers by one of the same to the first, once its
 * handler is through. Only when the one before has been answered.
 */
void second_ask(uint8_t vector);

#endif
