// SPDX-License-Identifier: GPL-2.0-only
/* Port I/O by IN and OUT; string instructions go to the emulator. */
#include <linux/string.h>

#include "devices.h"
#include "vcpu.h"
#include "vm.h"

bool port_read_in_kernel(struct mullion_vcpu *v, u16 port, void *data, unsigned int size)
{
	return irqchip_port_read(v->vm, port, data, size);
}

bool port_write_in_kernel(struct mullion_vcpu *v, u16 port, const void *data, unsigned int size)
{
	return irqchip_port_write(v->vm, port, data, size) ||
	       ioeventfd_write(v->vm, true, port, data, size) ||
	       coalesced_write(v->vm, true, port, data, size);
}

int port_to_user(struct mullion_vcpu *v, bool in, u16 port, const void *data, unsigned int size,
		 unsigned int count)
{
	struct kvm_run *user = v->kvm_run;

	user->exit_reason = KVM_EXIT_IO;
	user->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	user->io.size = size;
	user->io.port = port;
	user->io.count = count;
	user->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	if (!in)
		memcpy(v->pio, data, size * count);
	return EXIT_TO_USER;
}

/* Ends an IN of `size` bytes with what was read. */
static int finish_in(struct mullion_vcpu *v, const void *data, u8 size, u64 next_rip)
{
	u64 *rax = &v->run->gpr[MULLION_RAX];
	u32 value = 0;
	int ret = vcpu_change(v, MULLION_GROUP_GPR);

	if (ret)
		return ret;
	memcpy(&value, data, size);
	switch (size) {
	case 1:
		*rax = (*rax & ~0xffull) | value;
		break;
	case 2:
		*rax = (*rax & ~0xffffull) | value;
		break;
	default:
		*rax = value;
	}
	ret = vcpu_advance(v, next_rip);
	return ret ? ret : EXIT_CONTINUE;
}

/* User space has answered an IN. */
static int complete_in(struct mullion_vcpu *v)
{
	/* Registers set meanwhile that are somewhere else (a reset) are not this IN's. */
	if (v->run->rip != v->port_read.rip)
		return EXIT_CONTINUE;
	return finish_in(v, v->pio, v->port_read.size, v->port_read.next_rip);
}

static int exit_in(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;
	u32 value;

	if (port_read_in_kernel(v, exit->io.port, &value, exit->io.size))
		return finish_in(v, &value, exit->io.size, exit->io.next_rip);
	v->port_read.rip = v->run->rip;
	v->port_read.next_rip = exit->io.next_rip;
	v->port_read.size = exit->io.size;
	v->complete = complete_in;
	return port_to_user(v, true, exit->io.port, NULL, exit->io.size, 1);
}

static int exit_out(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;
	u32 value;
	int ret;

	ret = vcpu_load(v, MULLION_GROUP_GPR);
	if (ret)
		return ret;
	value = v->run->gpr[MULLION_RAX];
	/* The instruction is complete before user space acts on it, which may be a reset. */
	ret = vcpu_advance(v, exit->io.next_rip);
	if (ret)
		return ret;
	if (port_write_in_kernel(v, exit->io.port, &value, exit->io.size))
		return EXIT_CONTINUE;
	return port_to_user(v, false, exit->io.port, &value, exit->io.size, 1);
}

int exit_io(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;

	if (exit->io.flags & MULLION_IO_STRING)
		return exit_emulate(v);
	return exit->io.flags & MULLION_IO_IN ? exit_in(v) : exit_out(v);
}
