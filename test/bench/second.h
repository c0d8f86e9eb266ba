/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's second processor, which halts and takes interrupts. */
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

/* Its local APIC's ID, when it runs. */
extern volatile uint32_t second_apic_id;

#endif
