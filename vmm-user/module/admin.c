// SPDX-License-Identifier: GPL-2.0-only
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <mullion/admin.h>

#include "admin.h"
#include "hypercall.h"

struct owner {
	struct pid *pid; /* of the thread group; NULL: the module has no such VM */
	char comm[TASK_COMM_LEN];
	u32 smm_of;
};

static struct owner owners[MULLION_MAX_VMS];
static DEFINE_MUTEX(owners_lock);

static_assert(sizeof(((struct mullion_admin_owner *)NULL)->comm) == TASK_COMM_LEN);

void admin_vm_made(u32 vm, u32 smm_of)
{
	if (WARN_ON_ONCE(vm >= MULLION_MAX_VMS))
		return;
	mutex_lock(&owners_lock);
	put_pid(owners[vm].pid);
	owners[vm].pid = get_pid(task_tgid(current));
	get_task_comm(owners[vm].comm, current->group_leader);
	owners[vm].smm_of = smm_of;
	mutex_unlock(&owners_lock);
}

void admin_vm_gone(u32 vm)
{
	if (WARN_ON_ONCE(vm >= MULLION_MAX_VMS))
		return;
	mutex_lock(&owners_lock);
	put_pid(owners[vm].pid);
	owners[vm].pid = NULL;
	mutex_unlock(&owners_lock);
}

static long get_version(void __user *arg)
{
	const struct mullion_admin_version version = {
		.admin = MULLION_ADMIN_VERSION,
		.abi = MULLION_ABI_VERSION,
	};

	return copy_to_user(arg, &version, sizeof(version)) ? -EFAULT : 0;
}

static long get_owner(void __user *arg)
{
	struct mullion_admin_owner owner;
	const struct owner *known;
	long ret = -ENOENT;

	if (copy_from_user(&owner, arg, sizeof(owner)))
		return -EFAULT;
	if (owner.vm >= MULLION_MAX_VMS)
		return -ENOENT;
	known = &owners[array_index_nospec(owner.vm, MULLION_MAX_VMS)];
	mutex_lock(&owners_lock);
	if (known->pid) {
		owner.pid = pid_vnr(known->pid);
		memcpy(owner.comm, known->comm, sizeof(owner.comm));
		owner.smm_of = known->smm_of;
		ret = 0;
	}
	mutex_unlock(&owners_lock);
	if (!ret && copy_to_user(arg, &owner, sizeof(owner)))
		ret = -EFAULT;
	return ret;
}

/* Root mode writes whole pages; user space gets the structures on them. */
static long get_info(void __user *arg, void *page)
{
	struct mullion_admin_info __user *info = arg;
	u64 first;
	long ret;

	if (get_user(first, &info->first))
		return -EFAULT;
	ret = mullion_hypercall(MULLION_HC_INFO, virt_to_phys(page), first, 0, 0, 0);
	if (!ret && copy_to_user(&info->info, page, sizeof(info->info)))
		ret = -EFAULT;
	return ret;
}

static long read_log(void __user *arg, void *page)
{
	struct mullion_log __user *log = arg;
	u64 position;
	long ret;

	if (get_user(position, &log->next))
		return -EFAULT;
	ret = mullion_hypercall(MULLION_HC_LOG_READ, virt_to_phys(page), position, 0, 0, 0);
	if (!ret && copy_to_user(log, page, sizeof(*log)))
		ret = -EFAULT;
	return ret;
}

static long get_stat(void __user *arg, void *page)
{
	struct mullion_admin_stat __user *stat = arg;
	u32 vm, index;
	long ret;

	if (get_user(vm, &stat->vm) || get_user(index, &stat->index))
		return -EFAULT;
	ret = mullion_hypercall(MULLION_HC_VCPU_STAT, vm, index, virt_to_phys(page), 0, 0);
	if (!ret && copy_to_user(&stat->stat, page, sizeof(stat->stat)))
		ret = -EFAULT;
	return ret;
}

static long with_page(void __user *arg, long (*call)(void __user *arg, void *page))
{
	unsigned long page = get_zeroed_page(GFP_KERNEL_ACCOUNT);
	long ret;

	if (!page)
		return -ENOMEM;
	ret = call(arg, (void *)page);
	free_page(page);
	return ret;
}

static long admin_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	void __user *arg = (void __user *)argument;

	switch (request) {
	case MULLION_ADMIN_GET_VERSION:
		return get_version(arg);
	case MULLION_ADMIN_INFO:
		return with_page(arg, get_info);
	case MULLION_ADMIN_LOG:
		return with_page(arg, read_log);
	case MULLION_ADMIN_STAT:
		return with_page(arg, get_stat);
	case MULLION_ADMIN_OWNER:
		return get_owner(arg);
	default:
		return -ENOTTY;
	}
}

static int admin_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static const struct file_operations admin_fops = {
	.owner = THIS_MODULE,
	.open = admin_open,
	.unlocked_ioctl = admin_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice admin_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = MULLION_ADMIN_DEVICE,
	.fops = &admin_fops,
	.mode = 0600,
};

int admin_init(void)
{
	return misc_register(&admin_device);
}

void admin_exit(void)
{
	misc_deregister(&admin_device);
}
