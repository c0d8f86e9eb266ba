// SPDX-License-Identifier: GPL-2.0-only
/*
 * mullion.ko: /dev/kvm for a Linux that runs on Mullion.
 *
 * Serves the KVM interface (Documentation/virt/kvm/api.rst) to device models and asks Mullion's
 * root mode, by hypercalls, to run what they build. Reading order: this file, vm.c, memslot.c,
 * memory.c, vcpu.c, run.c, io.c, mmio.c; then the rest as needed.
 */
#include <linux/cpuhotplug.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kvm.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <asm/processor.h>

#include "admin.h"
#include "hypercall.h"
#include "root.h"
#include "vcpu.h"
#include "vm.h"

#define KVM_MINOR 232 /* Documentation/admin-guide/devices.txt */

static enum cpuhp_state hotplug_state;
bool mullion_vmcall __ro_after_init;
struct root_info root_info __ro_after_init;

/* -- /dev/kvm -------------------------------------------------------------- */

static long get_mce_capabilities(void __user *arg)
{
	u64 cap = mce_capabilities();

	return copy_to_user(arg, &cap, sizeof(cap)) ? -EFAULT : 0;
}

static long system_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return arg ? -EINVAL : vm_create_fd(); /* one machine type */
	case KVM_CHECK_EXTENSION:
		return capability_value(arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : (KVM_COALESCED_MMIO_PAGE_OFFSET + 1) * PAGE_SIZE;
	case KVM_GET_MSR_INDEX_LIST:
		return msr_list(user, false);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return msr_list(user, true);
	case KVM_GET_MSRS:
		return msr_get_features(user);
	case KVM_GET_SUPPORTED_CPUID:
		return cpuid_get_supported(user);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		return get_mce_capabilities(user);
	}
	return -ENOTTY;
}

static const struct file_operations system_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = system_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice kvm_device = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &system_fops,
	.mode = 0660,
};

/* -- Coming and going ------------------------------------------------------ */

/* Whether we run on Mullion, of a version that we can talk to. */
static int __init find_root(void)
{
	u32 eax, ebx, ecx, edx;
	u32 signature[3];

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		goto none;
	cpuid(MULLION_CPUID_BASE, &eax, &ebx, &ecx, &edx);
	signature[0] = ebx;
	signature[1] = ecx;
	signature[2] = edx;
	if (memcmp(signature, MULLION_SIGNATURE, sizeof(signature)) || eax < MULLION_CPUID_ABI)
		goto none;
	cpuid(MULLION_CPUID_ABI, &eax, &ebx, &ecx, &edx);
	if (eax != MULLION_ABI_VERSION) {
		pr_err("mullion: this module speaks ABI version %u, the hypervisor version %u: boot a hypervisor and a module of the same release\n",
		       MULLION_ABI_VERSION, eax);
		return -ENODEV;
	}
	return 0;
none:
	pr_err("mullion: this Linux does not run on the Mullion hypervisor: boot it through Mullion\n");
	return -ENODEV;
}

static int __init read_root_info(void)
{
	struct mullion_info *info = (void *)get_zeroed_page(GFP_KERNEL);
	long ret;

	if (!info)
		return -ENOMEM;
	ret = mullion_hypercall(MULLION_HC_INFO, virt_to_phys(info), 0, 0, 0, 0);
	if (!ret) {
		strscpy(root_info.version, info->version, sizeof(root_info.version));
		root_info.features = info->features;
		root_info.xcr0_mask = info->xcr0_mask;
	} else {
		pr_err("mullion: the hypervisor does not describe itself: error %ld\n", -ret);
	}
	free_page((unsigned long)info);
	return ret ? -ENODEV : 0;
}

/*
 * A processor that is offline sleeps inside the service domain with whatever translations it
 * has, and no memory could change hands until it is back.
 */
static int refuse_offline(unsigned int cpu)
{
	pr_warn_once("mullion: processors stay online while the module is loaded\n");
	return -EBUSY;
}

static int __init mullion_init(void)
{
	int ret = find_root();

	if (ret)
		return ret;
	mullion_vmcall = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ||
			 boot_cpu_data.x86_vendor == X86_VENDOR_CENTAUR ||
			 boot_cpu_data.x86_vendor == X86_VENDOR_ZHAOXIN;
	ret = read_root_info();
	if (ret)
		return ret;
	ret = cpuid_init();
	if (ret)
		return ret;
	ret = misc_register(&kvm_device);
	if (ret) {
		pr_err("mullion: /dev/kvm is taken (by a kvm module?): unload it, then load this one; error %d\n",
		       -ret);
		goto free_cpuid;
	}
	ret = admin_init();
	if (ret)
		goto deregister;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "mullion:online", NULL, refuse_offline);
	if (ret < 0)
		goto admin;
	hotplug_state = ret;
	pr_info("mullion: serving /dev/kvm on %s\n", root_info.version);
	return 0;

admin:
	admin_exit();
deregister:
	misc_deregister(&kvm_device);
free_cpuid:
	cpuid_exit();
	return ret;
}

static void __exit mullion_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	admin_exit();
	misc_deregister(&kvm_device);
	cpuid_exit();
}

module_init(mullion_init);
module_exit(mullion_exit);

MODULE_DESCRIPTION("KVM interface of the Mullion hypervisor");
MODULE_AUTHOR("Mullion contributors");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(KVM_MINOR);
MODULE_ALIAS("devname:kvm");
