// SPDX-License-Identifier: GPL-2.0-only
#include "hv/console.h"

#include <stdbool.h>

#include "hv/x86.h"

/* Registers of the 16550, as offsets from its first port. */
#define UART_DATA 0 /* with LCR_DLAB the divisor's low byte */
#define UART_IER 1  /* with LCR_DLAB its high byte */
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5

#define FCR_ENABLE_CLEAR 0x07
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR_RTS 0x03
#define LSR_DATA_TAKEN 0x20 /* there is room for a byte */
#define LSR_IDLE 0x40       /* the last byte has left the wire */
#define LSR_NO_UART 0xff

/* A byte takes 0.1 ms at 115200 baud and a port read about 1 us: even at 1200
 * baud a working UART is ready long before this many reads. */
#define MAX_POLLS 200000

static uint16_t uart; /* first port, 0: none */

/* Waits for a bit of the line status; a UART that keeps one waiting is given up. */
static void wait_for(uint8_t bit)
{
	for (int polls = 0; uart && !(inb(uart + UART_LSR) & bit); polls++) {
		if (polls == MAX_POLLS)
			uart = 0;
		cpu_relax();
	}
}

void console_set(enum console_port port, uint16_t divisor)
{
	wait_for(LSR_IDLE); /* what was written under the old settings */
	uart = (uint16_t)port;
	if (uart && inb(uart + UART_LSR) == LSR_NO_UART)
		uart = 0;
	if (!uart)
		return;
	outb(uart + UART_IER, 0);
	outb(uart + UART_LCR, LCR_DLAB | LCR_8N1);
	outb(uart + UART_DATA, (uint8_t)divisor);
	outb(uart + UART_IER, (uint8_t)(divisor >> 8));
	outb(uart + UART_LCR, LCR_8N1);
	outb(uart + UART_FCR, FCR_ENABLE_CLEAR);
	outb(uart + UART_MCR, MCR_DTR_RTS);
}

static void put(char c)
{
	wait_for(LSR_DATA_TAKEN);
	if (uart)
		outb(uart + UART_DATA, (uint8_t)c);
}

void console_write(const char *text, size_t len)
{
	for (; len; len--, text++) {
		if (*text == '\n')
			put('\r');
		put(*text);
	}
}
