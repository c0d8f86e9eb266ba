/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own command line: words separated by blanks, each
 *   console=com1|com2|none                (default com1)
 *   baud=115200|57600|38400|19200|9600    (default 115200)
 *   loglevel=error|warn|info|debug        what reaches the console (default info)
 *   reboot=SECONDS                        after a panic (default: stay halted)
 * The last of several counts.
 */
#ifndef BOOT_OPTIONS_H
#define BOOT_OPTIONS_H

#include <stdint.h>

#define OPTIONS_NO_REBOOT UINT32_MAX
#define OPTIONS_MAX_REBOOT 3600 /* seconds */

struct options {
	uint32_t console;  /* enum console_port */
	uint32_t divisor;  /* of the UART */
	uint32_t loglevel; /* enum log_level */
	uint32_t reboot;   /* seconds from a panic to a reset, or OPTIONS_NO_REBOOT */
};
extern struct options options;

/* Sets `options`, the console and the log level as `cmdline` says. Each word that is not
 * understood is logged, on the console that was chosen, and changes nothing. */
void options_take(const char *cmdline);

#endif
