/* SPDX-License-Identifier: GPL-2.0-only */
/* The early console: a polled 16550 UART. The service domain owns the same
 * UART once it runs; bytes written then mix with its own. */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

enum console_port {
	CONSOLE_NONE,
	CONSOLE_COM1,
	CONSOLE_COM2,
};

#define CONSOLE_DEFAULT_BAUD 115200

/* Opens the default console: COM1 at CONSOLE_DEFAULT_BAUD, 8n1. */
void console_early_init(void);

/* Moves the console to `port` at `baud` (a divisor of 115200), 8n1. Without a
 * UART at the port the console is none. */
void console_set(enum console_port port, uint32_t baud);

/* Writes `len` bytes, each '\n' as CR LF. Waits a bounded time for each byte,
 * and gives a UART up that stays busy. */
void console_write(const char *text, size_t len);

#endif
