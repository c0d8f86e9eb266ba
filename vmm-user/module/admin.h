/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/mullion, as <mullion/admin.h> describes it, and whose VM is whose. */
#ifndef MULLION_MODULE_ADMIN_H
#define MULLION_MODULE_ADMIN_H

#include <linux/types.h>

/* Makes and removes the device. Root mode answers hypercalls. -> 0 or a negative error. */
int admin_init(void);
void admin_exit(void);

/* The calling process has made the VM with root mode's identifier `vm`, for a guest's system
 * management mode if `smm_of`, which else has the VM smm_of; the VM's frames are about to go back,
 * and with them the identifier. In pairs. May sleep. */
void admin_vm_made(u32 vm, u32 smm_of);
void admin_vm_gone(u32 vm);

#endif
