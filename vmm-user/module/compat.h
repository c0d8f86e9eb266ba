/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels, in one place. What can be probed is probed by the
 * Kbuild file, which reads the headers it builds against: stable kernels take
 * changes of interfaces back, so a version number says little.
 */
#ifndef MULLION_COMPAT_H
#define MULLION_COMPAT_H

#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/mm.h>

/* Adds one to an eventfd's counter. */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef MULLION_HAVE_EVENTFD_SIGNAL_ONE
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*handler)(struct hrtimer *timer),
					clockid_t clock, enum hrtimer_mode mode)
{
#ifdef MULLION_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, handler, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = handler;
#endif
}

/* kvm_run's field, which newer headers rename in the kernel: user space may change it any time. */
static inline bool compat_immediate_exit(const struct kvm_run *run)
{
#ifdef HINT_UNSAFE_IN_KVM
	return READ_ONCE(run->HINT_UNSAFE_IN_KVM(immediate_exit));
#else
	return READ_ONCE(run->immediate_exit);
#endif
}

/* Whether a level-2 or level-3 host entry maps a large page itself. The kernels that have
 * only the older names have them as macros. */
#ifdef pmd_leaf
#define compat_pmd_leaf(pmd) pmd_leaf(pmd)
#define compat_pud_leaf(pud) pud_leaf(pud)
#else
#define compat_pmd_leaf(pmd) pmd_large(pmd)
#define compat_pud_leaf(pud) pud_large(pud)
#endif

#endif
