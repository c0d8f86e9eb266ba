/* SPDX-License-Identifier: GPL-2.0-only */
/* Root mode as /dev/mullion shows it. */
#ifndef CLI_DEVICE_H
#define CLI_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <mullion/admin.h>

/* Opens the device, after a look at whether Mullion runs and speaks our version. -> file
 * descriptor, or -1 and the reason, with what to do about it, on standard error. */
int device_open(void);

/* What the processor says about the hypervisor under this Linux (abi.h, Discovery). */
struct discovery {
	char signature[13]; /* "" where there is none */
	uint32_t abi;       /* where the signature is Mullion's */
};
struct discovery device_discover(void);

/* Tells a person why there is no working with what was discovered, or with a device that did not
 * open for `open_error` (errno; 0: it did) or that answered `version`, and what to do about it.
 * -> false when nothing is wrong. */
bool device_explain(FILE *out, const struct discovery *found, int open_error,
		    const struct mullion_admin_version *version);

/* A picture of all VMs, and whose they are. */
struct machine {
	struct mullion_info info; /* but for its list of VMs */
	size_t count;
	struct guest {
		struct mullion_vm_info vm;
		struct mullion_admin_owner owner; /* comm "": not known */
	} guests[MULLION_MAX_VMS];
};

/* -> false, with the reason on standard error. The strings are terminated, whatever was
 * in them. */
bool device_read_machine(int device, struct machine *machine);

/* See MULLION_ADMIN_LOG; `length` is in range. -> false, with the reason on standard error. */
bool device_read_log(int device, struct mullion_log *log);

/* -> 1, 0 when there is no such VM or vCPU, or -1 with the reason on standard error. */
int device_read_stat(int device, uint32_t vm, uint32_t index, struct mullion_vcpu_stat *stat);

#endif
