/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames given to root mode for a VM, and taken back.
 *
 * Every frame that was donated is on the pool's list until root mode has returned it, so that
 * nothing can be lost between the two. A frame that root mode refuses to return stays out of
 * Linux's hands for ever, with a line in the log: it could not be used anyway.
 */
#ifndef MULLION_DONATE_H
#define MULLION_DONATE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct mullion_pool {
	u32 vm; /* root mode's identifier, 0 before pool_found() */
	struct mutex lock;
	struct list_head chunks;
	unsigned long pages; /* donated and not returned */
};

/* Donations tried for one operation before its -ENOMEM is believed: root mode's own pool, which
 * we cannot fill, answers the same. */
#define MULLION_DONATE_TRIES 8

void pool_init(struct mullion_pool *pool);

/* Founds a VM on freshly allocated frames. -> 0, or -ENOMEM, -ENOSPC (too many VMs), or what
 * root mode answered. May sleep. */
int pool_found(struct mullion_pool *pool);

/* Donates more frames, as many in one piece as can be had. -> 0 or a negative error. May sleep
 * and start memory reclaim: not for MMU notifiers. */
int pool_grow(struct mullion_pool *pool);

/* Ends the VM: afterwards nothing is mapped into it and none of its vCPUs runs. Its frames stay
 * donated. May sleep; waits for vCPUs that are on their way out. */
void pool_end(struct mullion_pool *pool);

/* Takes every frame back and frees it. After pool_end(). May sleep. */
void pool_reclaim(struct mullion_pool *pool);

#endif
