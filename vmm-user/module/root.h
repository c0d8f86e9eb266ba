/* SPDX-License-Identifier: GPL-2.0-only */
/* What root mode said of itself when the module was loaded. */
#ifndef MULLION_ROOT_H
#define MULLION_ROOT_H

#include <linux/types.h>

struct root_info {
	char version[32];
	u32 features; /* MULLION_FEATURE_* */
	u64 xcr0_mask;
};

extern struct root_info root_info;

#endif
