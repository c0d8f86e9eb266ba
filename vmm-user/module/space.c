// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/nospec.h>

#include "admin.h"
#include "hypercall.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

void spaces_init(struct mullion_vm *vm)
{
	unsigned int i;

	for (i = 0; i < MULLION_SPACES; i++) {
		vm->spaces[i].vm = vm;
		vm->spaces[i].index = i;
		pool_init(&vm->spaces[i].pool);
	}
}

int space_found(struct mullion_space *space)
{
	int ret;

	if (space_founded(space))
		return 0;
	ret = pool_found(&space->pool);
	if (!ret)
		admin_vm_made(space->pool.vm, space->index == SPACE_NORMAL ?
						      0 :
						      space->vm->spaces[SPACE_NORMAL].pool.vm);
	return ret;
}

void spaces_end(struct mullion_vm *vm)
{
	unsigned int i;

	for (i = 0; i < MULLION_SPACES; i++)
		pool_end(&vm->spaces[i].pool);
}

void spaces_reclaim(struct mullion_vm *vm)
{
	unsigned int i;

	for (i = 0; i < MULLION_SPACES; i++) {
		if (!space_founded(&vm->spaces[i]))
			continue;
		admin_vm_gone(vm->spaces[i].pool.vm);
		pool_reclaim(&vm->spaces[i].pool);
	}
}

struct mullion_space *space_of_slot(struct mullion_vm *vm, u32 id)
{
	u32 index = id >> 16;

	if (index >= MULLION_SPACES || (u16)id >= MULLION_SLOTS_MAX)
		return NULL;
	return &vm->spaces[array_index_nospec(index, MULLION_SPACES)];
}

/* -- vCPUs ----------------------------------------------------------------- */

static long root_create(struct mullion_space *space, struct mullion_vcpu *v)
{
	unsigned int tries;
	long ret = -ENOMEM;

	for (tries = 0; ret == -ENOMEM && tries < MULLION_DONATE_TRIES; tries++) {
		if (tries && pool_grow(&space->pool))
			break;
		ret = mullion_hypercall(MULLION_HC_VCPU_CREATE, space->pool.vm, v->index,
					virt_to_phys(v->run) >> PAGE_SHIFT,
					virt_to_phys(v->apic_page) >> PAGE_SHIFT, 0);
	}
	return ret;
}

int space_admit(struct mullion_space *space, struct mullion_vcpu *v)
{
	int ret = space_found(space);

	if (!ret)
		ret = root_create(space, v);
	if (!ret)
		WRITE_ONCE(v->admitted, v->admitted | space_bit(space));
	return ret;
}

/* v's first time there. */
static int admit_late(struct mullion_space *space, struct mullion_vcpu *v)
{
	struct mullion_vm *vm = space->vm;
	int ret;

	mutex_lock(&vm->lock);
	ret = vm->ended ? -EIO : space_admit(space, v);
	mutex_unlock(&vm->lock);
	return ret;
}

int vcpu_go(struct mullion_vcpu *v, enum space_index index)
{
	struct mullion_space *space = &v->vm->spaces[index];
	int ret;

	if (v->space == space)
		return 0;
	ret = vcpu_load(v, MULLION_GROUPS);
	if (!ret && !(v->admitted & space_bit(space)))
		ret = admit_late(space, v);
	if (!ret)
		ret = vcpu_tell_cpuid(v, space);
	if (ret)
		return ret;
	v->space = space;
	v->run->dirty = MULLION_GROUPS;
	return 0;
}
