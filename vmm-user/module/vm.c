// SPDX-License-Identifier: GPL-2.0-only
/* VM file descriptors: making them, ending them, their ioctls. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "clock.h"
#include "devices.h"
#include "memory.h"
#include "msr_user.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

/* -- Life ------------------------------------------------------------------ */

void vm_get(struct mullion_vm *vm)
{
	kref_get(&vm->refs);
}

void vm_end(struct mullion_vm *vm)
{
	mutex_lock(&vm->lock);
	if (!vm->ended) {
		WRITE_ONCE(vm->ended, true);
		spaces_end(vm);
		smp_store_release(&vm->gone, true);
	}
	mutex_unlock(&vm->lock);
}

static void vm_release_last(struct kref *refs)
{
	struct mullion_vm *vm = container_of(refs, struct mullion_vm, refs);
	u32 i;

	/* Ends the VM if its creator's address space has not done so. */
	mmu_notifier_unregister(&vm->notifier, vm->mm);
	vm_end(vm);
	spaces_reclaim(vm);
	irqchip_free(vm); /* first: timers and eventfds still deliver to vCPUs */
	for (i = 0; i < vm->vcpu_count; i++)
		vcpu_free(vm->vcpus[i]);
	ioeventfd_free_all(vm);
	coalesced_free_all(vm);
	free_page((unsigned long)vm->coalesced_ring);
	msr_filter_free(rcu_dereference_protected(vm->msr_filter, true));
	memslots_free(vm);
	kfree(vm);
}

void vm_put(struct mullion_vm *vm)
{
	kref_put(&vm->refs, vm_release_last);
}

int vm_check_caller(const struct mullion_vm *vm)
{
	return current->mm == vm->mm && !READ_ONCE(vm->ended) ? 0 : -EIO;
}

/* -- Ioctls ---------------------------------------------------------------- */

#define X2APIC_API_FLAGS                                                                           \
	((u64)(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))

static long vm_ioctl_memory(struct mullion_vm *vm, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case KVM_SET_USER_MEMORY_REGION: {
		struct kvm_userspace_memory_region region;

		if (copy_from_user(&region, arg, sizeof(region)))
			return -EFAULT;
		return memslot_set(vm, &region);
	}
	case KVM_GET_DIRTY_LOG: {
		struct kvm_dirty_log log;

		if (copy_from_user(&log, arg, sizeof(log)))
			return -EFAULT;
		return memslot_get_dirty_log(vm, &log);
	}
	case KVM_CLEAR_DIRTY_LOG: {
		struct kvm_clear_dirty_log log;

		if (copy_from_user(&log, arg, sizeof(log)))
			return -EFAULT;
		return memslot_clear_dirty_log(vm, &log);
	}
	case KVM_RESET_DIRTY_RINGS:
		return dirty_rings_reset(vm);
	case KVM_REGISTER_COALESCED_MMIO:
	case KVM_UNREGISTER_COALESCED_MMIO: {
		struct kvm_coalesced_mmio_zone zone;

		if (copy_from_user(&zone, arg, sizeof(zone)))
			return -EFAULT;
		return cmd == KVM_REGISTER_COALESCED_MMIO ? coalesced_register(vm, &zone) :
							    coalesced_unregister(vm, &zone);
	}
	case KVM_IOEVENTFD: {
		struct kvm_ioeventfd ioeventfd;

		if (copy_from_user(&ioeventfd, arg, sizeof(ioeventfd)))
			return -EFAULT;
		return ioeventfd_set(vm, &ioeventfd);
	}
	}
	return -ENOTTY;
}

static long set_manual_protect(struct mullion_vm *vm, u64 flags)
{
	/* To begin with a full log makes sense only together with the other. */
	if (flags & ~(u64)VM_MANUAL_PROTECT || flags == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	vm->manual_protect = flags & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
	WRITE_ONCE(vm->log_starts_full, flags & KVM_DIRTY_LOG_INITIALLY_SET);
	mutex_unlock(&vm->slots_lock);
	return 0;
}

static long vm_enable_cap(struct mullion_vm *vm, const struct kvm_enable_cap *cap)
{
	long ret = -EINVAL;

	if (cap->flags)
		return -EINVAL;
	mutex_lock(&vm->lock);
	switch (cap->cap) {
	case KVM_CAP_SPLIT_IRQCHIP:
		if (cap->args[0] <= IRQ_ROUTES_MAX)
			ret = irqchip_create(vm, IRQCHIP_SPLIT);
		break;
	case KVM_CAP_X2APIC_API:
		if (cap->args[0] & ~X2APIC_API_FLAGS)
			break;
		if (cap->args[0] & KVM_X2APIC_API_USE_32BIT_IDS)
			vm->irqchip.wide_ids = true;
		if (cap->args[0] & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
			vm->irqchip.no_broadcast = true;
		ret = 0;
		break;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		ret = set_manual_protect(vm, cap->args[0]);
		break;
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		ret = dirty_ring_enable(vm, cap->args[0]);
		break;
	case KVM_CAP_EXCEPTION_PAYLOAD:
		WRITE_ONCE(vm->exception_payload, cap->args[0]);
		ret = 0;
		break;
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		WRITE_ONCE(vm->triple_fault_event, cap->args[0]);
		ret = 0;
		break;
	case KVM_CAP_DISABLE_QUIRKS2:
		if (cap->args[0] & ~(u64)VM_QUIRKS)
			break;
		fallthrough;
	case KVM_CAP_DISABLE_QUIRKS:
		WRITE_ONCE(vm->quirks_off, cap->args[0]);
		ret = 0;
		break;
	case KVM_CAP_X86_USER_SPACE_MSR:
		if (cap->args[0] & ~(u64)VM_USER_MSR)
			break;
		WRITE_ONCE(vm->user_msr, cap->args[0]);
		ret = 0;
		break;
	case KVM_CAP_MSR_PLATFORM_INFO:
		WRITE_ONCE(vm->hide_platform_info, !cap->args[0]);
		ret = 0;
		break;
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
		if (cap->args[0] > 1)
			break;
		WRITE_ONCE(vm->exit_on_unemulated, cap->args[0]);
		ret = 0;
		break;
	case KVM_CAP_MAX_VCPU_ID:
		/* Once, and before there are vCPUs. */
		if (!cap->args[0] || cap->args[0] > VCPU_ID_MAX || vm->vcpu_count ||
		    (vm->id_limit != VCPU_ID_MAX && vm->id_limit != cap->args[0]))
			break;
		vm->id_limit = cap->args[0];
		ret = 0;
		break;
	}
	mutex_unlock(&vm->lock);
	return ret;
}

static long set_boot_id(struct mullion_vm *vm, u64 id)
{
	long ret = -EBUSY;

	mutex_lock(&vm->lock);
	if (!vm->vcpu_count) {
		vm->boot_id = id;
		ret = 0;
	}
	mutex_unlock(&vm->lock);
	return ret;
}

static long vm_ioctl_clock(struct mullion_vm *vm, unsigned int cmd, void __user *arg)
{
	struct kvm_clock_data data;
	int ret;

	if (cmd == KVM_SET_CLOCK) {
		if (copy_from_user(&data, arg, sizeof(data)))
			return -EFAULT;
		return vm_set_clock(vm, &data);
	}
	ret = vm_get_clock(vm, &data);
	if (!ret && copy_to_user(arg, &data, sizeof(data)))
		ret = -EFAULT;
	return ret;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct mullion_vm *vm = file->private_data;
	int ret = vm_check_caller(vm);

	if (ret)
		return ret;
	switch (cmd) {
	case KVM_CHECK_EXTENSION:
		return capability_value(arg);
	case KVM_CREATE_VCPU:
		return arg < VCPU_ID_MAX ? vcpu_create_fd(vm, arg) : -EINVAL;
	case KVM_SET_TSS_ADDR:
	case KVM_SET_IDENTITY_MAP_ADDR:
		/* Where processors without unrestricted guests would borrow guest memory. */
		return 0;
	case KVM_SET_NR_MMU_PAGES:
		return arg ? 0 : -EINVAL; /* tables are donated as needed, never recycled */
	case KVM_ENABLE_CAP: {
		struct kvm_enable_cap cap;

		if (copy_from_user(&cap, (void __user *)arg, sizeof(cap)))
			return -EFAULT;
		return vm_enable_cap(vm, &cap);
	}
	case KVM_GET_STATS_FD:
		return vm_stats_fd(vm);
	case KVM_SET_BOOT_CPU_ID:
		return set_boot_id(vm, arg);
	case KVM_X86_SET_MSR_FILTER:
		return msr_filter_set(vm, (void __user *)arg);
	case KVM_GET_CLOCK:
	case KVM_SET_CLOCK:
		return vm_ioctl_clock(vm, cmd, (void __user *)arg);
	}
	ret = irqchip_ioctl(vm, cmd, (void __user *)arg);
	return ret == -ENOTTY ? vm_ioctl_memory(vm, cmd, (void __user *)arg) : ret;
}

static int vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vm_release,
	.llseek = noop_llseek,
};

/* -- Making ---------------------------------------------------------------- */

static struct mullion_vm *vm_make(void)
{
	struct mullion_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int ret = -ENOMEM;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	kref_init(&vm->refs);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	spin_lock_init(&vm->mmu_lock);
	spin_lock_init(&vm->coalesced_lock);
	INIT_LIST_HEAD(&vm->ioeventfds);
	INIT_LIST_HEAD(&vm->coalesced_zones);
	vm->mm = current->mm;
	vm->notifier.ops = &memory_notifier_ops;
	vm->id_limit = VCPU_ID_MAX;
	irqchip_init(vm);
	clock_init(vm);
	spaces_init(vm);

	vm->coalesced_ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vm->coalesced_ring)
		goto free;
	ret = memslots_init(vm);
	if (ret)
		goto free_ring;
	ret = space_found(&vm->spaces[SPACE_NORMAL]);
	if (ret)
		goto free_slots;
	/* Last: from here on vm_put() takes everything back. */
	ret = mmu_notifier_register(&vm->notifier, vm->mm);
	if (ret)
		goto end;
	return vm;

end:
	spaces_end(vm);
	spaces_reclaim(vm);
free_slots:
	memslots_free(vm);
free_ring:
	free_page((unsigned long)vm->coalesced_ring);
free:
	kfree(vm);
	return ERR_PTR(ret);
}

int vm_create_fd(void)
{
	struct mullion_vm *vm = vm_make();
	int fd;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("kvm-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vm_put(vm);
	return fd;
}
