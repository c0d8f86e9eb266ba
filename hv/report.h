/* SPDX-License-Identifier: GPL-2.0-only */
/* Reports on a vCPU that came to grief, to the log. */
#ifndef HV_REPORT_H
#define HV_REPORT_H

struct vcpu;

/* Registers, bytes at RIP and the top of the stack of a vCPU that came to
 * its end, and `why`. */
void report_shutdown(struct vcpu *v, const char *why);

#endif
