/* SPDX-License-Identifier: GPL-2.0-only */
/* The early console: a polled 16550 UART. The service domain owns the same
 * UART once it runs; bytes written then mix with its own. */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* A UART by its first I/O port. */
enum console_port {
	CONSOLE_NONE = 0,
	CONSOLE_COM1 = 0x3f8,
	CONSOLE_COM2 = 0x2f8,
};

/* Moves the console to `port` at 115200 baud / `divisor` (1 to 65535), 8n1.
 * Without a UART at the port the console is none, as it is at first. */
void console_set(enum console_port port, uint16_t divisor);

/* Writes `len` bytes, each '\n' as CR LF. Waits a bounded time for each byte,
 * and gives a UART up that stays busy. */
void console_write(const char *text, size_t len);

#endif
