/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest of a few real-mode instructions, with or without interrupt controllers in the kernel. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

#define RAM_SIZE (4u << 20)
#define CODE 0x1000u /* guests' code and stack below it, in real mode */
#define ROM 0xd0000u /* a read-only slot */
#define ROM_SIZE 0x1000u
#define HOLE 0xe0000u /* no slot: a device */

struct machine {
	int vm, vcpu;
	uint8_t *ram, *rom;
	struct kvm_run *run;
	size_t run_size;
};

static void set_slot(const struct machine *m, uint32_t slot, uint32_t flags, uint64_t gpa,
		     uint64_t size, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	CALL(m->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static uint8_t *pages(size_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* A vCPU about to run `code` at 0:CODE in real mode. */
static struct machine machine_make(const char *code, const char *end, bool irqchip)
{
	struct machine m;
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = CODE, .rsp = CODE, .rflags = 2 };

	m.vm = CALL(kvm, KVM_CREATE_VM, 0);
	m.ram = pages(RAM_SIZE);
	m.rom = pages(ROM_SIZE);
	memset(m.rom, 0x5a, ROM_SIZE);
	set_slot(&m, 0, 0, 0, ROM, m.ram);
	set_slot(&m, 1, KVM_MEM_READONLY, ROM, ROM_SIZE, m.rom);
	set_slot(&m, 2, 0, 1u << 20, RAM_SIZE - (1u << 20), m.ram + (1u << 20));
	memcpy(m.ram + CODE, code, (size_t)(end - code));

	if (irqchip)
		CALL(m.vm, KVM_CREATE_IRQCHIP, 0);
	m.vcpu = CALL(m.vm, KVM_CREATE_VCPU, 0);
	m.run_size = (size_t)CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	m.run = mmap(NULL, m.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m.vcpu, 0);
	if (m.run == MAP_FAILED)
		die("mmap of the vCPU");
	CALL(m.vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	CALL(m.vcpu, KVM_SET_SREGS, &sregs);
	CALL(m.vcpu, KVM_SET_REGS, &regs);
	return m;
}

static void machine_end(struct machine *m)
{
	munmap(m->run, m->run_size);
	close(m->vcpu);
	close(m->vm);
	munmap(m->ram, RAM_SIZE);
	munmap(m->rom, ROM_SIZE);
}

/* -> the exit reason, or a negative error. */
static int run(const struct machine *m)
{
	return ioctl(m->vcpu, KVM_RUN, 0) < 0 ? -errno : (int)m->run->exit_reason;
}

static inline void *io_data(const struct machine *m)
{
	return (uint8_t *)m->run + m->run->io.data_offset;
}

#define GUEST(name, text)                                                                          \
	extern const char guest_##name[], guest_##name##_end[];                                    \
	asm(".pushsection .rodata\n.code16\nguest_" #name ":\n" text "\nguest_" #name              \
	    "_end:\n.code64\n.popsection")
#define MACHINE(name) machine_make(guest_##name, guest_##name##_end, false)

#endif
