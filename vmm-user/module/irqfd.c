// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds that drive interrupt lines. The list is read under RCU and changed under vm->lock.
 *
 * An irqfd waits on its eventfd's queue and delivers right there, with the queue's lock held and
 * interrupts off; delivering takes raw locks only. One whose eventfd user space has closed stays
 * on its list, deaf, until the next change of the list finds it.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "irqchip.h"
#include "vm.h"

#define IRQFDS_MAX 4096

struct irqfd {
	struct list_head list;
	struct mullion_vm *vm;
	u32 gsi;
	struct eventfd_ctx *eventfd;
	struct eventfd_ctx *resample; /* NULL: the line is pulsed */
	wait_queue_entry_t wait;
	poll_table poll;
	bool closed;
};

static void drive(struct irqfd *fd)
{
	if (fd->resample) {
		irqchip_line(fd->vm, fd->gsi, IRQCHIP_SOURCE_RESAMPLE, true);
		return;
	}
	irqchip_line(fd->vm, fd->gsi, IRQCHIP_SOURCE_USER, true);
	irqchip_line(fd->vm, fd->gsi, IRQCHIP_SOURCE_USER, false);
}

static int wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *fd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(fd->eventfd, &count);
		drive(fd);
	}
	if (events & EPOLLHUP)
		WRITE_ONCE(fd->closed, true);
	return 0;
}

static void enqueue(struct file *file, wait_queue_head_t *queue, poll_table *poll)
{
	struct irqfd *fd = container_of(poll, struct irqfd, poll);

	add_wait_queue(queue, &fd->wait);
}

void irqfd_resample(struct mullion_vm *vm, u32 gsi)
{
	bool released = false;
	struct irqfd *fd;

	rcu_read_lock();
	list_for_each_entry_rcu(fd, &vm->irqchip.irqfds, list) {
		if (fd->gsi != gsi || !fd->resample)
			continue;
		if (!released)
			irqchip_line(vm, gsi, IRQCHIP_SOURCE_RESAMPLE, false);
		released = true;
		compat_eventfd_signal(fd->resample);
	}
	rcu_read_unlock();
}

/* vm->lock held, or nobody left. */
static bool is_resampled(const struct mullion_vm *vm, u32 gsi)
{
	const struct irqfd *fd;

	list_for_each_entry(fd, &vm->irqchip.irqfds, list)
		if (fd->gsi == gsi && fd->resample)
			return true;
	return false;
}

static void irqfd_free(struct irqfd *fd)
{
	if (fd->resample)
		eventfd_ctx_put(fd->resample);
	eventfd_ctx_put(fd->eventfd);
	kfree(fd);
}

/* Off the queue, then off the list. vm->lock held, or nobody left. */
static void irqfd_remove(struct irqfd *fd)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(fd->eventfd, &fd->wait, &count);
	list_del_rcu(&fd->list);
	synchronize_rcu_expedited();
	/* While others share the line it may be theirs: the end of its interrupt will tell. */
	if (fd->resample && !is_resampled(fd->vm, fd->gsi))
		irqchip_line(fd->vm, fd->gsi, IRQCHIP_SOURCE_RESAMPLE, false);
	irqfd_free(fd);
}

void irqfd_free_all(struct mullion_vm *vm)
{
	struct irqfd *fd, *next;

	list_for_each_entry_safe(fd, next, &vm->irqchip.irqfds, list)
		irqfd_remove(fd);
}

static int deassign(struct mullion_vm *vm, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(args->fd);
	struct irqfd *fd, *next;

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	list_for_each_entry_safe(fd, next, &vm->irqchip.irqfds, list)
		if (fd->eventfd == eventfd && fd->gsi == args->gsi)
			irqfd_remove(fd);
	eventfd_ctx_put(eventfd);
	return 0;
}

/* Whether there is room for one more on that eventfd; forgets those that were closed. */
static int check_others(struct mullion_vm *vm, const struct eventfd_ctx *eventfd)
{
	struct irqfd *fd, *next;
	u32 count = 0;

	list_for_each_entry_safe(fd, next, &vm->irqchip.irqfds, list) {
		if (READ_ONCE(fd->closed)) {
			irqfd_remove(fd);
			continue;
		}
		if (fd->eventfd == eventfd)
			return -EBUSY;
		count++;
	}
	return count < IRQFDS_MAX ? 0 : -ENOSPC;
}

static struct irqfd *irqfd_make(struct mullion_vm *vm, struct file *file,
				const struct kvm_irqfd *args)
{
	struct irqfd *fd = kzalloc(sizeof(*fd), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!fd)
		return ERR_PTR(-ENOMEM);
	fd->vm = vm;
	fd->gsi = args->gsi;
	init_waitqueue_func_entry(&fd->wait, wake);
	init_poll_funcptr(&fd->poll, enqueue);
	fd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(fd->eventfd)) {
		ret = PTR_ERR(fd->eventfd);
		goto free;
	}
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		fd->resample = eventfd_ctx_fdget(args->resamplefd);
		if (IS_ERR(fd->resample)) {
			ret = PTR_ERR(fd->resample);
			goto put;
		}
	}
	return fd;

put:
	eventfd_ctx_put(fd->eventfd);
free:
	kfree(fd);
	return ERR_PTR(ret);
}

static int assign(struct mullion_vm *vm, const struct kvm_irqfd *args)
{
	struct file *file = eventfd_fget(args->fd);
	struct irqfd *fd;
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = irqfd_make(vm, file, args);
	if (IS_ERR(fd)) {
		ret = PTR_ERR(fd);
		goto put_file;
	}
	ret = check_others(vm, fd->eventfd);
	if (ret) {
		irqfd_free(fd);
		goto put_file;
	}
	list_add_tail_rcu(&fd->list, &vm->irqchip.irqfds);
	if (vfs_poll(file, &fd->poll) & EPOLLIN)
		drive(fd);
put_file:
	fput(file);
	return ret;
}

int irqfd_set(struct mullion_vm *vm, const struct kvm_irqfd *args)
{
	int ret;

	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (!irqchip_in_kernel(vm) || args->gsi >= IRQ_GSI_MAX)
		return -EINVAL;
	/* Nobody hears of the end of an interrupt whose IOAPIC is in user space. */
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE && vm->irqchip.kind != IRQCHIP_KERNEL)
		return -EINVAL;
	mutex_lock(&vm->lock);
	ret = args->flags & KVM_IRQFD_FLAG_DEASSIGN ? deassign(vm, args) : assign(vm, args);
	mutex_unlock(&vm->lock);
	return ret;
}
