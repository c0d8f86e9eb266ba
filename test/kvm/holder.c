// SPDX-License-Identifier: GPL-2.0-only
/* Takes /dev/kvm, as another KVM does, and serves nothing there. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#define KVM_MINOR 232 /* Documentation/admin-guide/devices.txt */

static const struct file_operations fops = {
	.owner = THIS_MODULE,
};

static struct miscdevice device = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &fops,
};

module_misc_device(device);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Another owner of /dev/kvm");
