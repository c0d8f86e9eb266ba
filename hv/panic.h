/* SPDX-License-Identifier: GPL-2.0-only */
/* The end: only root mode's own bugs come here. */
#ifndef HV_PANIC_H
#define HV_PANIC_H

#include <stdint.h>

/* Prints the message and the current vCPUs to console and log, waits the time
 * of the option `reboot=`, and resets the machine. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Halts this processor if another one has panicked. */
void panic_check(void);

/* Prints the frames of the call stack that starts at `rbp` in this processor's stack. */
void print_backtrace(uint64_t rbp);

/* Resets the machine, by every means there is. */
_Noreturn void machine_reset(void);

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0))                                             \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition);      \
	} while (0)

#endif
