// SPDX-License-Identifier: GPL-2.0-only
/* Between exits, the instruction emulator, and devices in the kernel and in user space. */
#include <linux/string.h>

#include "apic.h"
#include "devices.h"
#include "memory.h"
#include "vcpu.h"
#include "vm.h"

#define EMULATE_GROUPS                                                                             \
	(MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR)

/* -- What the emulator asks for -------------------------------------------- */

static int mmio_read(void *opaque, u64 gpa, void *data, unsigned int size)
{
	struct mullion_vcpu *v = opaque;

	if (apic_mmio_read(v, gpa, data, size) || irqchip_mmio_read(v->vm, gpa, data, size))
		return GUEST_MEMORY_OK;
	return GUEST_MEMORY_PENDING;
}

static int mmio_write(void *opaque, u64 gpa, const void *data, unsigned int size)
{
	struct mullion_vcpu *v = opaque;

	if (apic_mmio_write(v, gpa, data, size) || irqchip_mmio_write(v->vm, gpa, data, size) ||
	    ioeventfd_write(v->vm, false, gpa, data, size) ||
	    coalesced_write(v->vm, false, gpa, data, size))
		return GUEST_MEMORY_OK;
	return GUEST_MEMORY_PENDING;
}

static int port_in(void *opaque, u16 port, void *data, unsigned int size, unsigned int count)
{
	struct mullion_vcpu *v = opaque;
	unsigned int i;

	/* All of one port's elements go the same way. */
	for (i = 0; i < count; i++)
		if (!port_read_in_kernel(v, port, data + i * size, size))
			return GUEST_MEMORY_PENDING;
	return GUEST_MEMORY_OK;
}

static int port_out(void *opaque, u16 port, const void *data, unsigned int size, unsigned int count)
{
	struct mullion_vcpu *v = opaque;
	unsigned int i;

	/* The interrupt controllers have a port for all elements or for none. What eventfds and
	 * the ring are for, user space's devices know, too. */
	for (i = 0; i < count; i++)
		if (!irqchip_port_write(v->vm, port, data + i * size, size))
			break;
	if (i == count || (count == 1 && port_write_in_kernel(v, port, data, size)))
		return GUEST_MEMORY_OK;
	return GUEST_MEMORY_PENDING;
}

static void *xsave(void *opaque, bool write)
{
	struct mullion_vcpu *v = opaque;

	if (write ? vcpu_change(v, MULLION_GROUP_FPU) : vcpu_load(v, MULLION_GROUP_FPU))
		return NULL;
	return v->run->xsave;
}

static const struct emulate_ops ops = {
	.ram = {
		.read = guest_ram_read,
		.write = guest_ram_write,
		.cmpxchg = guest_ram_cmpxchg,
	},
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.port_in = port_in,
	.port_out = port_out,
	.xsave = xsave,
};

void mmio_init(struct mullion_vcpu *v)
{
	emulate_init(&v->emulate, &ops, v);
}

void mmio_cpuid_changed(struct mullion_vcpu *v)
{
	const struct kvm_cpuid_entry2 *sizes = vcpu_cpuid(v, 0x80000008, 0);
	const struct kvm_cpuid_entry2 *extended = vcpu_cpuid(v, 0x80000001, 0);

	v->emulate.phys_bits = sizes ? clamp_t(u32, sizes->eax & 0xff, 32, 52) : 36;
	v->emulate.gib_pages = extended && (extended->edx & (1u << 26));
	apic_cpuid_changed(v);
}

/* -- To user space and back ------------------------------------------------ */

static int emulate(struct mullion_vcpu *v);

static int access_to_user(struct mullion_vcpu *v, const struct emulate_access *access)
{
	struct kvm_run *user = v->kvm_run;

	if (access->kind == EMULATE_PORT_IN || access->kind == EMULATE_PORT_OUT)
		return port_to_user(v, access->kind == EMULATE_PORT_IN, access->address,
				    v->emulate.io, access->size, access->count);
	user->exit_reason = KVM_EXIT_MMIO;
	user->mmio.phys_addr = access->address;
	user->mmio.len = access->size;
	user->mmio.is_write = access->kind == EMULATE_MMIO_WRITE;
	memcpy(user->mmio.data, access->data, sizeof(user->mmio.data));
	return EXIT_TO_USER;
}

/* User space has answered the read that the instruction waits for. */
static int complete_read(struct mullion_vcpu *v)
{
	struct emulate_context *ctx = &v->emulate;

	if (ctx->pending.kind == EMULATE_PORT_IN)
		memcpy(ctx->io, v->pio, ctx->pending.size * ctx->pending.count);
	else
		memcpy(ctx->pending.data, v->kvm_run->mmio.data, sizeof(ctx->pending.data));
	emulate_complete(ctx);
	return emulate(v);
}

/* The next of the writes that a complete instruction left for user space. */
static int deliver_posted(struct mullion_vcpu *v)
{
	struct emulate_context *ctx = &v->emulate;

	if (v->posted_next == ctx->posted_count) {
		ctx->posted_count = 0;
		return EXIT_CONTINUE;
	}
	v->complete = deliver_posted;
	return access_to_user(v, &ctx->posted[v->posted_next++]);
}

static int unhandled(struct mullion_vcpu *v)
{
	struct kvm_run *user = v->kvm_run;
	struct emulate_context *ctx = &v->emulate;

	pr_info_ratelimited("mullion: vCPU %u: no emulation for the instruction %*ph at %#llx\n",
			    v->id, ctx->insn_count, ctx->insn, v->run->rip);
	/* A guest's program does not end the guest: its kernel hears of it. */
	if (ctx->cpl && !READ_ONCE(v->vm->exit_on_unemulated)) {
		vcpu_raise(v, UD_VECTOR, false, 0);
		return EXIT_CONTINUE;
	}
	user->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	user->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	user->emulation_failure.ndata = 3;
	user->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	user->emulation_failure.insn_size = min_t(u8, ctx->insn_count, EMULATE_INSN_MAX);
	memset(user->emulation_failure.insn_bytes, 0x90,
	       sizeof(user->emulation_failure.insn_bytes));
	memcpy(user->emulation_failure.insn_bytes, ctx->insn,
	       min_t(u8, ctx->insn_count, EMULATE_INSN_MAX));
	return EXIT_TO_USER;
}

static int emulate(struct mullion_vcpu *v)
{
	struct emulate_context *ctx = &v->emulate;
	enum emulate_result result = emulate_insn(ctx);
	int ret = 0;

	if (result != EMULATE_UNHANDLED)
		emulate_store(ctx, v->run);
	switch (result) {
	case EMULATE_DONE:
	case EMULATE_AGAIN: /* the rest follows with the next fault of the same instruction */
		if (ctx->single_step || guest_debug_steps(v))
			ret = vcpu_raise_step(v);
		v->posted_next = 0;
		return ret ? ret : deliver_posted(v);
	case EMULATE_PENDING:
		v->complete = complete_read;
		return access_to_user(v, &ctx->pending);
	case EMULATE_FAULT:
		vcpu_raise(v, ctx->fault.vector, ctx->fault.has_error, ctx->fault.error);
		return EXIT_CONTINUE;
	case EMULATE_UNHANDLED:
		break;
	}
	return unhandled(v);
}

int exit_emulate(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;
	int ret;

	if (v->run->inject.valid) {
		u64 data[] = { v->run->inject.vector, v->run->inject.type, exit->reason,
			       exit->memory.gpa };

		/* An event whose delivery itself reaches a device. */
		return exit_internal_error(v, KVM_INTERNAL_ERROR_DELIVERY_EV, data,
					   ARRAY_SIZE(data));
	}
	ret = vcpu_load(v, EMULATE_GROUPS);
	if (ret)
		return ret;
	emulate_load(&v->emulate, v->run);
	v->emulate.insn_count = min_t(u8, exit->insn_count, EMULATE_INSN_MAX);
	memcpy(v->emulate.insn, exit->insn, v->emulate.insn_count);
	if (exit->reason == MULLION_EXIT_MEMORY &&
	    !(exit->memory.access & (MULLION_ACCESS_WALK | MULLION_ACCESS_FETCH))) {
		v->emulate.translated.known = true;
		v->emulate.translated.write = exit->memory.access & MULLION_ACCESS_WRITE;
		v->emulate.translated.gpa = exit->memory.gpa;
	}
	return emulate(v);
}

int exit_memory(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;
	int ret = memory_fault(v, exit->memory.gpa, exit->memory.access);

	if (ret == FAULT_MAPPED)
		return EXIT_CONTINUE;
	return ret == FAULT_DEVICE ? exit_emulate(v) : ret;
}

void mmio_registers_set(struct mullion_vcpu *v)
{
	struct emulate_context *ctx = &v->emulate;
	const struct mullion_run *run = v->run;

	if (v->complete != complete_read)
		return;
	/* Devices in user space look at the registers and put them back; then the read goes on,
	 * for it must not be done twice. Elsewhere in the guest it is no longer wanted. */
	if (run->rip == ctx->rip && run->cr0 == ctx->cr0 && run->cr3 == ctx->cr3 &&
	    run->cr4 == ctx->cr4 && run->efer == ctx->efer &&
	    run->seg[MULLION_CS].base == ctx->seg[MULLION_CS].base) {
		memcpy(ctx->gpr, run->gpr, sizeof(ctx->gpr));
		return;
	}
	emulate_abandon(ctx);
	v->complete = NULL;
}
