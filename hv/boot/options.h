/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own command line: words separated by blanks, each
 *   console=com1|com2|none[,BAUD]       (default com1,115200)
 *   loglevel=error|warn|info|debug      what reaches the console (default info)
 *   reboot=SECONDS                      after a panic (default: stay halted)
 * The last of several counts.
 */
#ifndef BOOT_OPTIONS_H
#define BOOT_OPTIONS_H

#include <stdint.h>

#include "hv/console.h"
#include "hv/log.h"

#define OPTIONS_MAX_COMPLAINTS 8
#define OPTIONS_NO_REBOOT UINT32_MAX
#define OPTIONS_MAX_REBOOT 3600 /* seconds */

/* A word that was not understood, in the command line that was parsed. */
struct options_complaint {
	const char *word;
	uint32_t length;
	const char *why;
};

struct options {
	enum console_port console;
	uint32_t baud;
	enum log_level loglevel;
	uint32_t reboot;          /* seconds from a panic to a reset, or OPTIONS_NO_REBOOT */
	uint32_t complaint_count; /* may exceed what is kept */
	struct options_complaint complaints[OPTIONS_MAX_COMPLAINTS];
};

/* Fills `options` from `cmdline`, which must outlive it. A word that is not
 * understood becomes a complaint and changes nothing else. */
void options_parse(struct options *options, const char *cmdline);

/* Sets console and log level, then logs the complaints. */
void options_apply(const struct options *options);

#endif
