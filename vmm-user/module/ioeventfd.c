// SPDX-License-Identifier: GPL-2.0-only
/* Eventfds that a guest's writes signal. Read under RCU, changed under vm->lock. */
#include <linux/eventfd.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "compat.h"
#include "devices.h"
#include "vm.h"

#define IOEVENTFDS_MAX 1024

struct ioeventfd {
	struct list_head list;
	struct rcu_head rcu;
	struct eventfd_ctx *eventfd;
	u64 addr, datamatch;
	u32 len; /* 0: any */
	bool pio, match;
};

static int args_check(const struct kvm_ioeventfd *args)
{
	if (args->flags &
	    ~(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DEASSIGN))
		return -EINVAL;
	switch (args->len) {
	case 0:
		/* Without a length there is nothing to compare. */
		if (args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
			return -EINVAL;
		break;
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return -EINVAL;
	}
	return args->addr + args->len < args->addr ? -EINVAL : 0;
}

static u64 data_value(const void *data, unsigned int size)
{
	u64 value = 0;

	memcpy(&value, data, size);
	return value;
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->addr == b->addr && a->pio == b->pio && a->len == b->len && a->match == b->match &&
	       (!a->match || a->datamatch == b->datamatch);
}

/* Whether one write could mean both. */
static bool collides(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->addr == b->addr && a->pio == b->pio &&
	       (!a->len || !b->len ||
		(a->len == b->len && (!a->match || !b->match || a->datamatch == b->datamatch)));
}

static int assign(struct mullion_vm *vm, struct ioeventfd *new)
{
	struct ioeventfd *e;
	u32 count = 0;

	list_for_each_entry(e, &vm->ioeventfds, list) {
		if (collides(e, new))
			return -EEXIST;
		count++;
	}
	if (count >= IOEVENTFDS_MAX)
		return -ENOSPC;
	list_add_tail_rcu(&new->list, &vm->ioeventfds);
	return 0;
}

static void ioeventfd_free(struct ioeventfd *e)
{
	eventfd_ctx_put(e->eventfd);
	kfree(e);
}

static int deassign(struct mullion_vm *vm, const struct ioeventfd *key)
{
	struct ioeventfd *e;

	list_for_each_entry(e, &vm->ioeventfds, list) {
		if (!same(e, key) || e->eventfd != key->eventfd)
			continue;
		list_del_rcu(&e->list);
		synchronize_rcu_expedited();
		ioeventfd_free(e);
		return 0;
	}
	return -ENOENT;
}

int ioeventfd_set(struct mullion_vm *vm, const struct kvm_ioeventfd *args)
{
	struct ioeventfd *e;
	int ret = args_check(args);

	if (ret)
		return ret;
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	e->eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(e->eventfd)) {
		ret = PTR_ERR(e->eventfd);
		kfree(e);
		return ret;
	}
	e->addr = args->addr;
	e->len = args->len;
	e->pio = args->flags & KVM_IOEVENTFD_FLAG_PIO;
	e->match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;
	e->datamatch = e->match ? data_value(&args->datamatch, args->len) : 0;

	mutex_lock(&vm->lock);
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		ret = deassign(vm, e);
		ioeventfd_free(e);
	} else {
		ret = assign(vm, e);
		if (ret)
			ioeventfd_free(e);
	}
	mutex_unlock(&vm->lock);
	return ret;
}

void ioeventfd_free_all(struct mullion_vm *vm)
{
	struct ioeventfd *e, *next;

	list_for_each_entry_safe(e, next, &vm->ioeventfds, list)
		ioeventfd_free(e);
	INIT_LIST_HEAD(&vm->ioeventfds);
}

bool ioeventfd_write(struct mullion_vm *vm, bool pio, u64 addr, const void *data, unsigned int size)
{
	struct ioeventfd *e;
	bool taken = false;

	if (list_empty(&vm->ioeventfds) || size > sizeof(u64))
		return false;
	rcu_read_lock();
	list_for_each_entry_rcu(e, &vm->ioeventfds, list) {
		if (e->addr != addr || e->pio != pio || (e->len && e->len != size) ||
		    (e->match && e->datamatch != data_value(data, size)))
			continue;
		compat_eventfd_signal(e->eventfd);
		taken = true;
		break;
	}
	rcu_read_unlock();
	return taken;
}
