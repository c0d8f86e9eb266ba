// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tries system management mode behind /dev/kvm with guests of a few instructions: SMIs on each way,
 * what a handler finds, the second address space, RSM and what it refuses.
 *
 * Needs the KVM interface with KVM_CAP_X86_SMM and nothing else.
 *	cc -static -o smm smm.c && ./smm [TEST...]
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

#define SMBASE 0x30000u
#define SMRAM_SIZE 0x20000u
#define SMRAM_SLOT (1u << 16 | 3)
#define MOVED 0x8000u /* added to SMBASE by a handler */
#define IN_SMM 0x51   /* the handler's port */
#define OUTSIDE 0x61  /* the port of what lies there for the others */
#define MAP 0xfe00u
#define MSR_SMBASE 0x9e
#define MSR_SMI_COUNT 0x34
#define WAIT_US 200000

/* Places in the maps, from SMBASE. */
#define WIDE_RIP 0xff78
#define WIDE_RBX 0xffe0
#define WIDE_CR0 0xff58
#define WIDE_SMBASE 0xff00
#define WIDE_REVISION 0xfefc
#define WIDE_HALTED 0xfec9
#define NARROW_EIP 0xfff0
#define NARROW_EBX 0xffdc
#define NARROW_SMBASE 0xfef8

GUEST(plain, "mov $0x1234, %bx\n out %al, $1\n out %al, $2\n out %al, $3\n hlt");
GUEST(halts, "mov $0x1234, %bx\n out %al, $1\n hlt\n out %al, $2\n hlt\n out %al, $3");
GUEST(resumes, "out %al, $1\n rsm\n out %al, $2\n");
GUEST(handler, "out %al, $0x51\n rsm");
GUEST(outside, "out %al, $0x61\n rsm");
GUEST(writer, "movw $0x77, %ax\n mov %al, 0x2000\n mov %al, %cs:0x9000\n mov 0x2000, %bl\n"
	      "out %al, $0x51\n rsm");
GUEST(vector, "out %al, $0x71\n iret");

struct smm_machine {
	struct machine m;
	uint8_t *smram; /* SMRAM_SIZE bytes at SMBASE, seen in SMM only */
};

static struct kvm_cpuid2 *offered;

static void set_cpuid(const struct machine *m, bool long_mode)
{
	struct kvm_cpuid2 *cpuid = malloc(sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	if (!cpuid)
		die("malloc");
	memcpy(cpuid, offered, sizeof(*cpuid) + offered->nent * sizeof(cpuid->entries[0]));
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000001 && !long_mode)
			cpuid->entries[i].edx &= ~(1u << 29);
	CALL(m->vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void put_code(uint8_t *to, const char *code, const char *end)
{
	memcpy(to, code, (size_t)(end - code));
}
#define PUT(to, name) put_code(to, guest_##name, guest_##name##_end)

static struct smm_machine smm_make(const char *code, const char *end, bool irqchip)
{
	struct smm_machine s = { .m = machine_make(code, end, irqchip),
				 .smram = pages(SMRAM_SIZE) };

	set_cpuid(&s.m, true);
	set_slot(&s.m, SMRAM_SLOT, 0, SMBASE, SMRAM_SIZE, s.smram);
	PUT(s.smram + 0x8000, handler);
	PUT(s.m.ram + SMBASE + 0x8000, outside);
	return s;
}
#define SMM_MACHINE(name) smm_make(guest_##name, guest_##name##_end, false)
#define SMM_MACHINE_IRQCHIP(name) smm_make(guest_##name, guest_##name##_end, true)

static void smm_end(struct smm_machine *s)
{
	machine_end(&s->m);
	munmap(s->smram, SMRAM_SIZE);
}

/* The guest's handler of an exception or NMI, at 3000h: guest_vector. */
static void handle(const struct smm_machine *s, unsigned int exception)
{
	memcpy(s->m.ram + 4 * exception, &(uint32_t){ 0x3000 }, 4);
	PUT(s->m.ram + 0x3000, vector);
}

/* Runs until the guest writes to a port. -> it, or a negative exit reason or error. */
static int run_to_port(const struct smm_machine *s)
{
	int reason = run(&s->m);

	if (reason != KVM_EXIT_IO)
		return reason < 0 ? -1000 + reason : -reason;
	return s->m.run->io.port;
}

/* Runs for a while. -> as run_to_port(). */
static int run_until_idle(const struct smm_machine *s)
{
	int ret;

	ualarm(WAIT_US, 0);
	ret = run_to_port(s);
	ualarm(0, 0);
	return ret;
}
#define IDLE (-1000 - EINTR)

static bool flagged(const struct smm_machine *s)
{
	return s->m.run->flags & KVM_RUN_X86_SMM;
}

static struct kvm_vcpu_events get_events(const struct smm_machine *s)
{
	struct kvm_vcpu_events events;

	CALL(s->m.vcpu, KVM_GET_VCPU_EVENTS, &events);
	return events;
}

static uint64_t get_msr(const struct smm_machine *s, uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry.index = index };

	if (CALL(s->m.vcpu, KVM_GET_MSRS, &msrs) != 1)
		die("KVM_GET_MSRS");
	return msrs.entry.data;
}

static uint64_t saved(const struct smm_machine *s, unsigned int offset, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, s->smram + offset, size);
	return value;
}

/* -- Tests ------------------------------------------------------------------- */

static void test_handler(void)
{
	struct smm_machine s = SMM_MACHINE(plain);
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	CHECK(run_to_port(&s) == 1 && !flagged(&s), "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(get_events(&s).smi.pending == 1 || !flagged(&s), "not pending");
	CHECK(run_to_port(&s) == IN_SMM && flagged(&s), "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	CALL(s.m.vcpu, KVM_GET_SREGS, &sregs);
	CHECK(regs.rip == 0x8002 && regs.rflags == 2 && regs.rbx == 0x1234, "%llx %llx", regs.rip,
	      regs.rflags);
	CHECK(sregs.cs.base == SMBASE && sregs.cs.selector == SMBASE >> 4 && sregs.cs.g &&
		      sregs.cs.limit == 0xffffffff,
	      "%llx", sregs.cs.base);
	CHECK(sregs.ds.base == 0 && sregs.ds.limit == 0xffffffff && !(sregs.cr0 & 0x8000000d) &&
		      sregs.cr4 == 0 && sregs.efer == 0,
	      "%llx", sregs.cr0);
	CHECK(get_events(&s).smi.smm && get_events(&s).nmi.masked, "events");
	CHECK(saved(&s, WIDE_REVISION, 4) == 0x20064, "%lx", saved(&s, WIDE_REVISION, 4));
	CHECK(saved(&s, WIDE_RBX, 8) == 0x1234 && saved(&s, WIDE_RIP, 8) == CODE + 5, "%lx",
	      saved(&s, WIDE_RIP, 8));
	CHECK(saved(&s, WIDE_SMBASE, 4) == SMBASE, "%lx", saved(&s, WIDE_SMBASE, 4));
	memcpy(s.smram + WIDE_RBX, &(uint64_t){ 0x5678 }, 8);
	CHECK(run_to_port(&s) == 2 && !flagged(&s), "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	CALL(s.m.vcpu, KVM_GET_SREGS, &sregs);
	CHECK(regs.rbx == 0x5678 && sregs.cs.base == 0 && sregs.cs.limit == 0xffff, "%llx",
	      regs.rbx);
	CHECK(!get_events(&s).smi.smm && !get_events(&s).nmi.masked, "events");
	CHECK(get_msr(&s, MSR_SMI_COUNT) == 1, "%lx", get_msr(&s, MSR_SMI_COUNT));
	CHECK(run_to_port(&s) == 3, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

static void test_narrow(void)
{
	struct smm_machine s = SMM_MACHINE(plain);

	set_cpuid(&s.m, false);
	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CHECK(saved(&s, WIDE_REVISION, 4) == 0x20000, "%lx", saved(&s, WIDE_REVISION, 4));
	CHECK(saved(&s, NARROW_EBX, 4) == 0x1234 && saved(&s, NARROW_EIP, 4) == CODE + 5, "%lx",
	      saved(&s, NARROW_EIP, 4));
	CHECK(saved(&s, NARROW_SMBASE, 4) == SMBASE, "%lx", saved(&s, NARROW_SMBASE, 4));
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

static void test_relocation(void)
{
	struct smm_machine s = SMM_MACHINE(plain);

	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	memcpy(s.smram + WIDE_SMBASE, &(uint32_t){ SMBASE + MOVED + 0x110 }, 4);
	/* The map lies across a page's end there. */
	PUT(s.smram + MOVED + 0x110 + 0x8000, handler);
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	CHECK(get_msr(&s, MSR_SMBASE) == SMBASE + MOVED + 0x110, "%lx", get_msr(&s, MSR_SMBASE));
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CHECK(saved(&s, MOVED + 0x110 + WIDE_RIP, 8) == CODE + 7, "%lx",
	      saved(&s, MOVED + 0x110 + WIDE_RIP, 8));
	CHECK(run_to_port(&s) == 3, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

/* What is RAM in one space is a device's in the other; both write to logs of their own. */
static void test_spaces(void)
{
	struct smm_machine s = SMM_MACHINE(plain);
	unsigned long dirty[4] = { 0 };
	struct kvm_dirty_log log = { .slot = SMRAM_SLOT, .dirty_bitmap = dirty };
	struct kvm_regs regs;

	set_slot(&s.m, SMRAM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, SMBASE, SMRAM_SIZE, s.smram);
	PUT(s.smram + 0x8000, writer);
	s.m.ram[0x2000] = 1;
	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run(&s.m) == KVM_EXIT_MMIO && s.m.run->mmio.is_write && flagged(&s), "%d",
	      s.m.run->exit_reason);
	CHECK(s.m.run->mmio.phys_addr == 0x2000 && s.m.run->mmio.data[0] == 0x77, "%llx",
	      s.m.run->mmio.phys_addr);
	CHECK(run(&s.m) == KVM_EXIT_MMIO && !s.m.run->mmio.is_write, "%d", s.m.run->exit_reason);
	s.m.run->mmio.data[0] = 0x88;
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	CHECK((regs.rbx & 0xff) == 0x88 && s.m.ram[0x2000] == 1 && s.smram[0x9000] == 0x77, "%llx",
	      regs.rbx);
	CALL(s.m.vm, KVM_GET_DIRTY_LOG, &log);
	CHECK(dirty[0] == (1u << 9 | 1u << 15), "%lx", dirty[0]);
	CALL(s.m.vm, KVM_GET_DIRTY_LOG, &log);
	CHECK(dirty[0] == 0, "%lx", dirty[0]);
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run(&s.m) == KVM_EXIT_MMIO && run(&s.m) == KVM_EXIT_MMIO, "%d", s.m.run->exit_reason);
	CALL(s.m.vm, KVM_GET_DIRTY_LOG, &log);
	CHECK(dirty[0] == (1u << 9 | 1u << 15), "%lx", dirty[0]);
	log.slot = SMRAM_SLOT + (1u << 16);
	CHECK(ioctl(s.m.vm, KVM_GET_DIRTY_LOG, &log) < 0, "there is no third space");
	smm_end(&s);
}

/* The slot under the handler goes, and comes back with other memory. */
static void test_slot_deleted(void)
{
	struct smm_machine s = SMM_MACHINE(plain);
	uint8_t *other = pages(SMRAM_SIZE);
	int reason;

	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	set_slot(&s.m, SMRAM_SLOT, 0, SMBASE, 0, s.smram);
	reason = run(&s.m);
	CHECK(reason == KVM_EXIT_INTERNAL_ERROR, "%d", reason);
	memcpy(other, s.smram, SMRAM_SIZE);
	memcpy(other + WIDE_RBX, &(uint64_t){ 0x9876 }, 8);
	set_slot(&s.m, SMRAM_SLOT, 0, SMBASE, SMRAM_SIZE, other);
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	/* Memory that goes under the slot goes for the guest. */
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	if (mmap(other, SMRAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != other)
		die("mmap");
	PUT(other + 0x8002, handler); /* where it is now */
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	smm_end(&s);
	munmap(other, SMRAM_SIZE);
}

static void test_refused(void)
{
	struct smm_machine s = SMM_MACHINE(plain);
	struct kvm_regs regs;

	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	memcpy(s.smram + WIDE_CR0, &(uint64_t){ 0x80000010 }, 8); /* paging in real mode */
	CHECK(run(&s.m) == KVM_EXIT_SHUTDOWN, "%d", s.m.run->exit_reason);
	smm_end(&s);

	s = SMM_MACHINE(resumes);
	handle(&s, 6);
	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CHECK(run_to_port(&s) == 0x71, "RSM outside of SMM: %d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	CHECK(regs.rsp == CODE - 6, "%llx", regs.rsp);
	smm_end(&s);
}

/* NMIs and SMIs wait for the end of SMM. */
static void test_blocked(void)
{
	struct smm_machine s = SMM_MACHINE(plain);

	handle(&s, 2);
	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_NMI, 0);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "the second SMI: %d", s.m.run->exit_reason);
	CHECK(saved(&s, WIDE_RIP, 8) == CODE + 5, "%lx", saved(&s, WIDE_RIP, 8));
	CHECK(run_to_port(&s) == 0x71, "then the NMI: %d", s.m.run->exit_reason);
	/* In the NMI's handler NMIs stay blocked over an SMI. */
	CALL(s.m.vcpu, KVM_NMI, 0);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CHECK(get_events(&s).smi.smm_inside_nmi, "inside_nmi");
	CHECK(saved(&s, WIDE_RIP, 8) == 0x3002, "%lx", saved(&s, WIDE_RIP, 8));
	CHECK(run_to_port(&s) == 0x71, "the other NMI: %d", s.m.run->exit_reason);
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

/* An event on its way is delivered first. */
static void test_behind_exception(void)
{
	struct smm_machine s = SMM_MACHINE(plain);
	struct kvm_vcpu_events events;

	handle(&s, 5);
	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	events = get_events(&s);
	events.exception.injected = 1;
	events.exception.nr = 5;
	CALL(s.m.vcpu, KVM_SET_VCPU_EVENTS, &events);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CHECK(saved(&s, WIDE_RIP, 8) == 0x3000, "%lx", saved(&s, WIDE_RIP, 8));
	CHECK(run_to_port(&s) == 0x71, "%d", s.m.run->exit_reason);
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

/* Not so a request that can wait as well. */
static void test_before_interrupt(void)
{
	struct smm_machine s = SMM_MACHINE(plain);
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	handle(&s, 0x31);
	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	regs.rflags |= 0x200;
	CALL(s.m.vcpu, KVM_SET_REGS, &regs);
	events = get_events(&s);
	events.interrupt.injected = 1;
	events.interrupt.nr = 0x31;
	CALL(s.m.vcpu, KVM_SET_VCPU_EVENTS, &events);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CHECK(saved(&s, WIDE_RIP, 8) == CODE + 5, "%lx", saved(&s, WIDE_RIP, 8));
	CHECK(run_to_port(&s) == 0x71, "%d", s.m.run->exit_reason);
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

/* User space goes from one space to the other, with the registers as they are. */
static void test_user_space(void)
{
	struct smm_machine s = SMM_MACHINE(plain);
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	regs.rip = 0x8000;
	CALL(s.m.vcpu, KVM_SET_REGS, &regs);
	events = get_events(&s);
	events.flags |= KVM_VCPUEVENT_VALID_SMM;
	events.smi.smm = 0;
	CALL(s.m.vcpu, KVM_SET_VCPU_EVENTS, &events);
	CHECK(run_to_port(&s) == OUTSIDE && !flagged(&s), "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SET_REGS, &regs);
	events.smi.smm = 1;
	CALL(s.m.vcpu, KVM_SET_VCPU_EVENTS, &events);
	CHECK(run_to_port(&s) == IN_SMM && flagged(&s), "%d", s.m.run->exit_reason);
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

/* By the APIC, which also wakes a processor that has halted, and leaves it so. */
static void test_apic(void)
{
	struct smm_machine s = SMM_MACHINE_IRQCHIP(halts);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x200 };

	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CHECK(CALL(s.m.vm, KVM_SIGNAL_MSI, &msi) > 0, "not delivered");
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CHECK(saved(&s, WIDE_RIP, 8) == CODE + 5 && !saved(&s, WIDE_HALTED, 1), "%lx",
	      saved(&s, WIDE_RIP, 8));
	CHECK(run_until_idle(&s) == IDLE, "%d", s.m.run->exit_reason);
	CALL(s.m.vm, KVM_SIGNAL_MSI, &msi);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CHECK(saved(&s, WIDE_RIP, 8) == CODE + 6 && saved(&s, WIDE_HALTED, 1) == 1, "%lx",
	      saved(&s, WIDE_RIP, 8));
	CHECK(run_until_idle(&s) == IDLE, "not halted any more: %d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	s.smram[WIDE_HALTED] = 0;
	CHECK(run_to_port(&s) == 2, "%d", s.m.run->exit_reason);
	smm_end(&s);
}

/* INIT waits for the end of SMM. */
static void test_init(void)
{
	struct smm_machine s = SMM_MACHINE_IRQCHIP(plain);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x500 };
	struct kvm_regs regs;

	CHECK(run_to_port(&s) == 1, "%d", s.m.run->exit_reason);
	CALL(s.m.vcpu, KVM_SMI, 0);
	CHECK(run_to_port(&s) == IN_SMM, "%d", s.m.run->exit_reason);
	CALL(s.m.vm, KVM_SIGNAL_MSI, &msi);
	CHECK(get_events(&s).smi.latched_init, "not latched");
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	CHECK(regs.rip == 0x8002, "%llx", regs.rip);
	run(&s.m); /* nothing is there to be executed after INIT */
	CALL(s.m.vcpu, KVM_GET_REGS, &regs);
	CHECK(regs.rip == 0xfff0 && !get_events(&s).smi.smm, "%llx", regs.rip);
	smm_end(&s);
}

static const struct test tests[] = {
	{ "handler", test_handler },
	{ "narrow", test_narrow },
	{ "relocation", test_relocation },
	{ "spaces", test_spaces },
	{ "slot-deleted", test_slot_deleted },
	{ "refused", test_refused },
	{ "blocked", test_blocked },
	{ "behind-exception", test_behind_exception },
	{ "before-interrupt", test_before_interrupt },
	{ "user-space", test_user_space },
	{ "apic", test_apic },
	{ "init", test_init },
};

static void on_alarm(int signal)
{
	(void)signal;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };

	open_kvm();
	if (CALL(kvm, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM) != 1 ||
	    CALL(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE) != 2) {
		printf("FAIL: no system management mode\n");
		return 1;
	}
	sigaction(SIGALRM, &action, NULL);
	offered = calloc(1, sizeof(*offered) + 256 * sizeof(offered->entries[0]));
	if (!offered)
		die("malloc");
	offered->nent = 256;
	CALL(kvm, KVM_GET_SUPPORTED_CPUID, offered);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
