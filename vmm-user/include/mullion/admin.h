/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/mullion: what an administrator's tools ask of root mode, through the
 * module. For processes with CAP_SYS_ADMIN. Nothing here changes anything.
 *
 * The structures of <mullion/abi.h> are handed through as root mode wrote them.
 * Errors are those of the hypercall behind an ioctl, and of ioctl(2); ENOTTY is
 * a request that the module does not know.
 */
#ifndef MULLION_ADMIN_H
#define MULLION_ADMIN_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif
#include <mullion/abi.h>

#define MULLION_ADMIN_DEVICE "mullion" /* below /dev */

/* Advances with every change of what follows. */
#define MULLION_ADMIN_VERSION 2

struct mullion_admin_version {
	uint32_t admin; /* MULLION_ADMIN_VERSION that the module was built with */
	uint32_t abi;   /* MULLION_ABI_VERSION that it was built with */
};

/* The machine, and a part of its VMs. */
struct mullion_admin_info {
	uint64_t first;           /* in: list the VMs from this identifier on */
	struct mullion_info info; /* out */
};

/* Exit counters of one vCPU. */
struct mullion_admin_stat {
	uint32_t vm;                   /* in: identifier, or MULLION_SERVICE_VM */
	uint32_t index;                /* in: vCPU, or for the service domain the processor */
	struct mullion_vcpu_stat stat; /* out */
};

/* The process that made a VM: its device model. */
struct mullion_admin_owner {
	uint32_t vm;     /* in: identifier */
	int32_t pid;     /* out: as the caller's PID namespace numbers it; 0: not in it */
	char comm[16];   /* out: its name when it made the VM, NUL-terminated */
	uint32_t smm_of; /* out: the VM of the same guest for which this one is what the guest
			  * sees in system management mode; 0: it is that VM */
};

#define MULLION_ADMIN_MAGIC 0xbe

/* The first request to make: it keeps its number and layout in all versions. */
#define MULLION_ADMIN_GET_VERSION _IOR(MULLION_ADMIN_MAGIC, 0, struct mullion_admin_version)

#define MULLION_ADMIN_INFO _IOWR(MULLION_ADMIN_MAGIC, 1, struct mullion_admin_info)

/* In: `next`, the position to read from; the rest is ignored. Out: all of it.
 * So a zeroed structure passed again and again reads the log from its oldest
 * byte on; `length` is 0 when there is no more for now. */
#define MULLION_ADMIN_LOG _IOWR(MULLION_ADMIN_MAGIC, 2, struct mullion_log)

/* ENOENT: no such VM or vCPU. */
#define MULLION_ADMIN_STAT _IOWR(MULLION_ADMIN_MAGIC, 3, struct mullion_admin_stat)

/* ENOENT: no process has this VM open. */
#define MULLION_ADMIN_OWNER _IOWR(MULLION_ADMIN_MAGIC, 4, struct mullion_admin_owner)

MULLION_ASSERT(sizeof(struct mullion_admin_version) == 8);
MULLION_ASSERT(offsetof(struct mullion_admin_info, info) == 8);
MULLION_ASSERT(sizeof(struct mullion_admin_info) == 8 + sizeof(struct mullion_info));
MULLION_ASSERT(offsetof(struct mullion_admin_stat, stat) == 8);
MULLION_ASSERT(sizeof(struct mullion_admin_stat) == 8 + sizeof(struct mullion_vcpu_stat));
MULLION_ASSERT(sizeof(struct mullion_admin_owner) == 28);

#endif
