// SPDX-License-Identifier: GPL-2.0-only
/* The VM's ioctls that concern interrupt controllers. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqchip.h"
#include "vm.h"

static long set_routing(struct mullion_vm *vm, struct kvm_irq_routing __user *arg)
{
	struct kvm_irq_routing_entry *entries;
	struct kvm_irq_routing head;
	long ret;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (!irqchip_in_kernel(vm) || head.nr > IRQ_ROUTES_MAX || head.flags)
		return -EINVAL;
	entries = vmemdup_user(arg->entries, array_size(head.nr, sizeof(*entries)));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	mutex_lock(&vm->lock);
	ret = irqchip_set_routing(vm, entries, head.nr);
	mutex_unlock(&vm->lock);
	kvfree(entries);
	return ret;
}

static long irq_line(struct mullion_vm *vm, unsigned int cmd, struct kvm_irq_level __user *arg)
{
	struct kvm_irq_level level;

	if (copy_from_user(&level, arg, sizeof(level)))
		return -EFAULT;
	if (!irqchip_in_kernel(vm))
		return -ENXIO;
	level.status = irqchip_line(vm, level.irq, IRQCHIP_SOURCE_USER, level.level);
	if (cmd == KVM_IRQ_LINE_STATUS && copy_to_user(arg, &level, sizeof(level)))
		return -EFAULT;
	return 0;
}

static long irqchip_state(struct mullion_vm *vm, unsigned int cmd, void __user *arg)
{
	struct kvm_irqchip *chip = memdup_user(arg, sizeof(*chip));
	long ret;

	if (IS_ERR(chip))
		return PTR_ERR(chip);
	if (cmd == KVM_SET_IRQCHIP) {
		ret = irqchip_set(vm, chip);
	} else {
		ret = irqchip_get(vm, chip);
		if (!ret && copy_to_user(arg, chip, sizeof(*chip)))
			ret = -EFAULT;
	}
	kfree(chip);
	return ret;
}

static long pit_ioctl(struct mullion_vm *vm, unsigned int cmd, void __user *arg)
{
	union {
		struct kvm_pit_config config;
		struct kvm_pit_state2 state;
		struct kvm_reinject_control control;
	} u;
	long ret;

	switch (cmd) {
	case KVM_CREATE_PIT2:
		if (copy_from_user(&u.config, arg, sizeof(u.config)))
			return -EFAULT;
		mutex_lock(&vm->lock);
		ret = irqchip_pit_create(vm, &u.config);
		mutex_unlock(&vm->lock);
		return ret;
	case KVM_GET_PIT2:
		ret = irqchip_pit_get(vm, &u.state);
		if (!ret && copy_to_user(arg, &u.state, sizeof(u.state)))
			ret = -EFAULT;
		return ret;
	case KVM_SET_PIT2:
		if (copy_from_user(&u.state, arg, sizeof(u.state)))
			return -EFAULT;
		return irqchip_pit_set(vm, &u.state);
	default: /* KVM_REINJECT_CONTROL */
		if (copy_from_user(&u.control, arg, sizeof(u.control)))
			return -EFAULT;
		return irqchip_pit_reinject(vm, &u.control);
	}
}

long irqchip_ioctl(struct mullion_vm *vm, unsigned int cmd, void __user *arg)
{
	long ret;

	switch (cmd) {
	case KVM_CREATE_IRQCHIP:
		mutex_lock(&vm->lock);
		ret = irqchip_create(vm, IRQCHIP_KERNEL);
		mutex_unlock(&vm->lock);
		return ret;
	case KVM_GET_IRQCHIP:
	case KVM_SET_IRQCHIP:
		return irqchip_state(vm, cmd, arg);
	case KVM_SET_GSI_ROUTING:
		return set_routing(vm, arg);
	case KVM_IRQ_LINE:
	case KVM_IRQ_LINE_STATUS:
		return irq_line(vm, cmd, arg);
	case KVM_SIGNAL_MSI: {
		struct kvm_msi msi;

		if (copy_from_user(&msi, arg, sizeof(msi)))
			return -EFAULT;
		return irqchip_msi(vm, &msi);
	}
	case KVM_IRQFD: {
		struct kvm_irqfd irqfd;

		if (copy_from_user(&irqfd, arg, sizeof(irqfd)))
			return -EFAULT;
		return irqfd_set(vm, &irqfd);
	}
	case KVM_CREATE_PIT2:
	case KVM_GET_PIT2:
	case KVM_SET_PIT2:
	case KVM_REINJECT_CONTROL:
		return pit_ioctl(vm, cmd, arg);
	}
	return -ENOTTY;
}
