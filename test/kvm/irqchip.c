// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tries the interrupt controllers behind /dev/kvm with guests of a few instructions: each way on
 * which an interrupt reaches a vCPU, once, and how its end is heard of.
 *
 * The guests run in real mode with their APICs in x2APIC mode, so that a handler can reach its
 * registers. Each handler writes its vector to PORT and ends its interrupt; the main program
 * halts. Needs the KVM interface with interrupt controllers in the kernel and nothing else.
 *	cc -static -pthread -o irqchip irqchip.c && ./irqchip [TEST...]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define RAM_SIZE 0x10000u
#define CODE 0x1000u
#define HANDLERS 0x2000u /* 32 bytes for each vector */
#define SECOND 0x4000u   /* where the second vCPU starts, by SIPI 4 */
#define PORT 0xe0
#define PIC_BASE 0x20
#define VECTOR 0x51
#define IOAPIC_VECTOR 0x61 /* of user space's */
#define WAIT_US 200000

/* -- The guest ----------------------------------------------------------------- */

#define GUEST(name, text)                                                                          \
	extern const char guest_##name[], guest_##name##_end[];                                    \
	asm(".pushsection .rodata\n.code16\nguest_" #name ":\n" text "\nguest_" #name              \
	    "_end:\n.code64\n.popsection")

GUEST(wait, "1: sti\n hlt\n jmp 1b");
GUEST(closed, "cli\n mov $0x11, %al\n out %al, $0xe0\n nop\n sti\n nop\n nop\n 1: hlt\n jmp 1b");
/* INIT, then SIPI 4, to the APIC with identifier 1. */
GUEST(starter, "mov $0x830, %ecx\n mov $1, %edx\n mov $0x4500, %eax\n wrmsr\n"
	       "mov $0x4604, %eax\n wrmsr\n 1: sti\n hlt\n jmp 1b");
/* Sends VECTOR to identifier 0. */
GUEST(second, "mov $0x830, %ecx\n xor %edx, %edx\n mov $0x4051, %eax\n wrmsr\n 1: hlt\n jmp 1b");
/* The timer by MSRs: one-shot, divided by 1. */
GUEST(timer, "mov $0x83e, %ecx\n xor %edx, %edx\n mov $0xb, %eax\n wrmsr\n"
	     "mov $0x832, %ecx\n mov $0x51, %eax\n wrmsr\n"
	     "mov $0x838, %ecx\n mov $1000000, %eax\n wrmsr\n 1: sti\n hlt\n jmp 1b");
/* In TSC-deadline mode, some time from now. */
GUEST(deadline, "mov $0x832, %ecx\n xor %edx, %edx\n mov $0x40051, %eax\n wrmsr\n"
		"rdtsc\n add $1000000, %eax\n adc $0, %edx\n mov $0x6e0, %ecx\n wrmsr\n"
		"1: sti\n hlt\n jmp 1b");
/* At the end of all time. */
GUEST(never, "mov $0x832, %ecx\n xor %edx, %edx\n mov $0x40051, %eax\n wrmsr\n"
	     "mov $-1, %eax\n mov $-1, %edx\n mov $0x6e0, %ecx\n wrmsr\n 1: sti\n hlt\n jmp 1b");

/* mov $vector, %al; out %al, $PORT; the end of interrupt; iret. */
static void put_handlers(uint8_t *ram)
{
	static const uint8_t apic_end[] = {
		0x66, 0xb9, 0x0b, 0x08, 0,    0,    /* mov $0x80b, %ecx */
		0x66, 0x31, 0xc0, 0x66, 0x31, 0xd2, /* xor %eax, %eax; xor %edx, %edx */
		0x0f, 0x30, 0xcf,                   /* wrmsr; iret */
	};
	static const uint8_t pic_end[] = { 0xb0, 0x20, 0xe6, 0x20, 0xcf };

	for (unsigned int vector = 0; vector < 256; vector++) {
		uint32_t at = HANDLERS + 32 * vector;
		bool pic = vector >= PIC_BASE && vector < PIC_BASE + 8;

		memcpy(ram + 4 * vector, &at, 4);
		memcpy(ram + at, (uint8_t[]){ 0xb0, (uint8_t)vector, 0xe6, PORT }, 4);
		if (pic)
			memcpy(ram + at + 4, pic_end, sizeof(pic_end));
		else
			memcpy(ram + at + 4, apic_end, sizeof(apic_end));
	}
}

/* -- A machine ------------------------------------------------------------------ */

struct machine {
	int vm, vcpu[2];
	uint8_t *ram;
	struct kvm_run *run[2];
	size_t run_size;
};

static struct kvm_cpuid2 *offered;

static void put_lapic(const struct machine *m, int i, unsigned int offset, uint32_t value)
{
	struct kvm_lapic_state lapic;

	CALL(m->vcpu[i], KVM_GET_LAPIC, &lapic);
	memcpy(lapic.regs + offset, &value, 4);
	CALL(m->vcpu[i], KVM_SET_LAPIC, &lapic);
}

/* The software's switch in the spurious vector register. */
static void enable_lapic(const struct machine *m, int i, bool on)
{
	put_lapic(m, i, 0xf0, on ? 0x1ff : 0xff);
}

static void put_lint0(const struct machine *m, int i, uint32_t value)
{
	enable_lapic(m, i, true);
	put_lapic(m, i, 0x350, value);
}

static void vcpu_make(struct machine *m, int i)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = CODE, .rsp = CODE, .rflags = 2 };

	m->vcpu[i] = CALL(m->vm, KVM_CREATE_VCPU, (intptr_t)i);
	m->run[i] = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu[i], 0);
	if (m->run[i] == MAP_FAILED)
		die("mmap of the vCPU");
	CALL(m->vcpu[i], KVM_SET_CPUID2, offered);
	CALL(m->vcpu[i], KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.apic_base |= 0xc00; /* enabled, x2APIC mode */
	CALL(m->vcpu[i], KVM_SET_SREGS, &sregs);
	CALL(m->vcpu[i], KVM_SET_REGS, &regs);
	put_lint0(m, i, 0x700); /* the PIC */
}

static void pic_setup(const struct machine *m)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	CALL(m->vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.irq_base = PIC_BASE;
	CALL(m->vm, KVM_SET_IRQCHIP, &chip);
}

static struct machine machine_make(const char *code, const char *end, int vcpus, bool split)
{
	struct kvm_userspace_memory_region region = { .memory_size = RAM_SIZE };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct machine m = { .vcpu = { -1, -1 } };

	m.vm = CALL(kvm, KVM_CREATE_VM, 0);
	m.run_size = (size_t)CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	m.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m.ram == MAP_FAILED)
		die("mmap");
	region.userspace_addr = (uintptr_t)m.ram;
	CALL(m.vm, KVM_SET_USER_MEMORY_REGION, &region);
	put_handlers(m.ram);
	memcpy(m.ram + CODE, code, (size_t)(end - code));
	memcpy(m.ram + SECOND, guest_second, (size_t)(guest_second_end - guest_second));
	if (split)
		CALL(m.vm, KVM_ENABLE_CAP, &cap);
	else
		CALL(m.vm, KVM_CREATE_IRQCHIP, 0);
	for (int i = 0; i < vcpus; i++)
		vcpu_make(&m, i);
	if (!split)
		pic_setup(&m);
	return m;
}
#define MACHINE(name) machine_make(guest_##name, guest_##name##_end, 1, false)

static void machine_end(struct machine *m)
{
	for (int i = 0; i < 2; i++) {
		if (m->vcpu[i] < 0)
			continue;
		munmap(m->run[i], m->run_size);
		close(m->vcpu[i]);
	}
	close(m->vm);
	munmap(m->ram, RAM_SIZE);
}

/* Runs vCPU `i` until a handler runs. -> its vector, or a negative exit reason or error. */
static int run(const struct machine *m, int i)
{
	const struct kvm_run *r = m->run[i];

	if (ioctl(m->vcpu[i], KVM_RUN, 0) < 0)
		return -1000 - errno;
	if (r->exit_reason != KVM_EXIT_IO || r->io.port != PORT)
		return -(int)r->exit_reason;
	return *((const uint8_t *)r + r->io.data_offset);
}

/* Runs until the vCPU has nothing to do any more: a signal ends its waiting. */
static int run_until_idle(const struct machine *m)
{
	int ret;

	ualarm(WAIT_US, 0);
	ret = run(m, 0);
	ualarm(0, 0);
	return ret;
}
#define IDLE (-1000 - EINTR)

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int line(const struct machine *m, uint32_t gsi, uint32_t level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	CALL(m->vm, KVM_IRQ_LINE_STATUS, &irq);
	return irq.status;
}

/* GSI 10 to the IOAPIC's input 10, GSI 30 is a message; all GSIs below 8 go to the PIC. Without
 * wires GSI 10 is the message that user space's IOAPIC would send. */
static void route(const struct machine *m, bool wires)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[10];
	} table = { .head.nr = 0 };

	table.entries[table.head.nr++] = (struct kvm_irq_routing_entry){
		.gsi = 30,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .data = VECTOR },
	};
	for (uint32_t pin = 0; wires && pin < 8; pin++)
		table.entries[table.head.nr++] = (struct kvm_irq_routing_entry){
			.gsi = pin,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { KVM_IRQCHIP_PIC_MASTER, pin },
		};
	if (wires)
		table.entries[table.head.nr++] = (struct kvm_irq_routing_entry){
			.gsi = 10,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { KVM_IRQCHIP_IOAPIC, 10 },
		};
	else
		table.entries[table.head.nr++] = (struct kvm_irq_routing_entry){
			.gsi = 10,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000, .data = 3u << 14 | IOAPIC_VECTOR },
		};
	CALL(m->vm, KVM_SET_GSI_ROUTING, &table);
}

/* The IOAPIC's input 10: level-triggered, VECTOR. */
static void ioapic_setup(const struct machine *m)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	CALL(m->vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[10].bits = 1u << 15 | VECTOR;
	CALL(m->vm, KVM_SET_IRQCHIP, &chip);
}

static int irqfd(const struct machine *m, uint32_t gsi, int fd, int resample, uint32_t flags)
{
	struct kvm_irqfd args = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = flags | (resample >= 0 ? KVM_IRQFD_FLAG_RESAMPLE : 0),
		.resamplefd = (uint32_t)resample,
	};

	return ioctl(m->vm, KVM_IRQFD, &args) ? -errno : 0;
}

static int event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	if (fd < 0)
		die("eventfd");
	return fd;
}

static void signal_event(int fd)
{
	if (write(fd, &(uint64_t){ 1 }, 8) != 8)
		die("write to an eventfd");
}

static bool signaled(int fd)
{
	uint64_t count;

	return read(fd, &count, 8) == 8;
}

/* -- Tests ----------------------------------------------------------------------- */

static void test_pic(void)
{
	struct machine m = MACHINE(wait);
	struct kvm_interrupt irq = { .irq = VECTOR };

	CHECK(line(&m, 4, 1) == 1, "not delivered");
	CHECK(run(&m, 0) == PIC_BASE + 4, "%d", m.run[0]->exit_reason);
	CHECK(run_until_idle(&m) == IDLE, "an edge counts twice");
	line(&m, 4, 1);
	CHECK(run_until_idle(&m) == IDLE, "the line has not moved");
	line(&m, 4, 0);
	CHECK(line(&m, 4, 1) == 1, "no second edge");
	CHECK(run(&m, 0) == PIC_BASE + 4, "%d", m.run[0]->exit_reason);
	CHECK(ioctl(m.vcpu[0], KVM_INTERRUPT, &irq) < 0 && errno == ENXIO, "user space's PIC");
	machine_end(&m);
}

static void test_window(void)
{
	struct machine m = MACHINE(closed);

	line(&m, 3, 1);
	CHECK(run(&m, 0) == 0x11, "before it opens: %d", m.run[0]->exit_reason);
	CHECK(run(&m, 0) == PIC_BASE + 3, "after STI: %d", m.run[0]->exit_reason);
	machine_end(&m);
}

static void test_message(void)
{
	struct machine m = MACHINE(wait);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR };

	CHECK(CALL(m.vm, KVM_SIGNAL_MSI, &msi) > 0, "not delivered");
	CHECK(ioctl(m.vm, KVM_SIGNAL_MSI, &msi) >= 0, "not coalesced");
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run_until_idle(&m) == IDLE, "delivered twice");
	msi.address_lo = 0xfee05000;
	CHECK(ioctl(m.vm, KVM_SIGNAL_MSI, &msi) == 0, "there is no APIC 5");
	msi.address_lo = 0xfee00000;
	enable_lapic(&m, 0, false);
	CHECK(ioctl(m.vm, KVM_SIGNAL_MSI, &msi) == 0, "the APIC is off");
	enable_lapic(&m, 0, true);
	CHECK(run_until_idle(&m) == IDLE, "delivered late");
	/* The higher one first. */
	CALL(m.vm, KVM_SIGNAL_MSI, &msi);
	msi.data = 0x81;
	CALL(m.vm, KVM_SIGNAL_MSI, &msi);
	CHECK(run(&m, 0) == 0x81, "%d", m.run[0]->exit_reason);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	machine_end(&m);
}

static void test_level(void)
{
	struct machine m = MACHINE(wait);

	route(&m, true);
	ioapic_setup(&m);
	line(&m, 10, 1);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run(&m, 0) == VECTOR, "still driven: %d", m.run[0]->exit_reason);
	line(&m, 10, 0);
	CHECK(run_until_idle(&m) == IDLE, "released");
	machine_end(&m);
}

/* An NMI that a message brings can be saved before it is delivered, and dropped. */
static void test_nmi(void)
{
	struct machine m = MACHINE(wait);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 4u << 8 };
	struct kvm_vcpu_events events;

	CALL(m.vm, KVM_SIGNAL_MSI, &msi);
	CALL(m.vcpu[0], KVM_GET_VCPU_EVENTS, &events);
	CHECK(events.nmi.pending == 1, "%d", events.nmi.pending);
	CHECK(run(&m, 0) == 2, "%d", m.run[0]->exit_reason);
	CALL(m.vm, KVM_SIGNAL_MSI, &msi);
	CALL(m.vcpu[0], KVM_GET_VCPU_EVENTS, &events);
	events.nmi.pending = 0;
	events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
	CALL(m.vcpu[0], KVM_SET_VCPU_EVENTS, &events);
	CHECK(run_until_idle(&m) == IDLE, "%d", m.run[0]->exit_reason);
	machine_end(&m);
}

static void *signal_later(void *fd)
{
	usleep(WAIT_US / 4);
	signal_event((int)(intptr_t)fd);
	return NULL;
}

static void test_irqfd(void)
{
	struct machine m = MACHINE(wait);
	int fd = event(), other = event();
	pthread_t thread;

	route(&m, true);
	CHECK(irqfd(&m, 30, fd, -1, 0) == 0, "assign");
	CHECK(irqfd(&m, 30, fd, -1, 0) == -EBUSY, "assign again");
	signal_event(fd);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	/* A vCPU that is halted wakes up. */
	pthread_create(&thread, NULL, signal_later, (void *)(intptr_t)fd);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	pthread_join(thread, NULL);
	CHECK(!signaled(fd), "the count was not taken");
	/* One that was signaled before. */
	signal_event(other);
	CHECK(irqfd(&m, 5, other, -1, 0) == 0, "assign");
	CHECK(run(&m, 0) == PIC_BASE + 5, "%d", m.run[0]->exit_reason);
	CHECK(irqfd(&m, 30, fd, -1, KVM_IRQFD_FLAG_DEASSIGN) == 0, "deassign");
	signal_event(fd);
	CHECK(run_until_idle(&m) == IDLE, "after it was deassigned");
	CHECK(irqfd(&m, 30, -1, -1, 0) == -EBADF, "no file");
	/* One that was closed does not stand in the way. */
	close(other);
	CHECK(irqfd(&m, 5, fd, -1, 0) == 0, "assign");
	close(fd);
	machine_end(&m);
}

static void test_resample(void)
{
	struct machine m = MACHINE(wait);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int fd = event(), resample = event(), other = event(), other_resample = event();

	route(&m, true);
	ioapic_setup(&m);
	CHECK(irqfd(&m, 10, fd, resample, 0) == 0, "assign");
	signal_event(fd);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(!signaled(resample), "before the end");
	CHECK(run_until_idle(&m) == IDLE, "the line falls with the end");
	CHECK(signaled(resample), "nobody said that it has ended");
	signal_event(fd);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run_until_idle(&m) == IDLE, "%d", m.run[0]->exit_reason);
	/* One of two that share a line leaves while the other drives it. */
	CHECK(irqfd(&m, 10, other, other_resample, 0) == 0, "assign");
	signal_event(fd);
	CHECK(irqfd(&m, 10, other, -1, KVM_IRQFD_FLAG_DEASSIGN) == 0, "deassign");
	CALL(m.vm, KVM_GET_IRQCHIP, &chip);
	CHECK(chip.chip.ioapic.irr >> 10 & 1, "the line fell");
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	machine_end(&m);
	close(fd);
	close(resample);
	close(other);
	close(other_resample);
}

/* An interrupt that is on its way in comes after a machine check, and is not lost. */
static void test_machine_check(void)
{
	struct machine m = MACHINE(wait);
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	struct kvm_x86_mce error = {
		.status = 1ull << 63 | 1ull << 61 | 1ull << 60, /* valid, uncorrected, enabled */
		.mcg_status = 1ull << 2,                        /* in progress */
	};
	uint64_t banks = 1;

	CHECK(run_until_idle(&m) == IDLE, "%d", m.run[0]->exit_reason);
	CALL(m.vcpu[0], KVM_X86_SETUP_MCE, &banks);
	CALL(m.vcpu[0], KVM_GET_SREGS, &sregs);
	sregs.cr4 |= 1u << 6; /* MCE */
	CALL(m.vcpu[0], KVM_SET_SREGS, &sregs);
	CALL(m.vcpu[0], KVM_GET_LAPIC, &lapic);
	lapic.regs[0x100 + VECTOR / 32 * 0x10 + VECTOR % 32 / 8] |= 1 << VECTOR % 8; /* ISR */
	CALL(m.vcpu[0], KVM_SET_LAPIC, &lapic);
	CALL(m.vcpu[0], KVM_GET_VCPU_EVENTS, &events);
	events.interrupt.injected = 1;
	events.interrupt.nr = VECTOR;
	CALL(m.vcpu[0], KVM_SET_VCPU_EVENTS, &events);
	CALL(m.vcpu[0], KVM_X86_SET_MCE, &error);
	CALL(m.vcpu[0], KVM_SET_MP_STATE, &(struct kvm_mp_state){ KVM_MP_STATE_RUNNABLE });
	CHECK(run(&m, 0) == 18, "%d", m.run[0]->exit_reason);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run_until_idle(&m) == IDLE, "%d", m.run[0]->exit_reason);
	machine_end(&m);
}

static void test_split(void)
{
	struct machine m = machine_make(guest_wait, guest_wait_end, 1, true);
	struct kvm_interrupt irq = { .irq = PIC_BASE + 1 };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int fd = event();

	CHECK(ioctl(m.vm, KVM_GET_IRQCHIP, &chip) < 0, "there is none");
	/* User space's PIC waits until the guest opens, which it does with STI, HLT. */
	m.run[0]->request_interrupt_window = 1;
	CHECK(run_until_idle(&m) == -KVM_EXIT_IRQ_WINDOW_OPEN, "%d", m.run[0]->exit_reason);
	m.run[0]->request_interrupt_window = 0;
	route(&m, false);
	CHECK(irqfd(&m, 30, fd, -1, 0) == 0, "assign");
	signal_event(fd);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run_until_idle(&m) == IDLE, "%d", m.run[0]->exit_reason);
	/* The end of a level-triggered one is for user space's IOAPIC. */
	line(&m, 10, 1);
	CHECK(run(&m, 0) == IOAPIC_VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run(&m, 0) == -KVM_EXIT_IOAPIC_EOI, "%d", m.run[0]->exit_reason);
	CHECK(m.run[0]->eoi.vector == IOAPIC_VECTOR, "%d", m.run[0]->eoi.vector);
	/* User space's PIC. */
	CALL(m.vcpu[0], KVM_INTERRUPT, &irq);
	CHECK(run(&m, 0) == PIC_BASE + 1, "%d", m.run[0]->exit_reason);
	CHECK(run(&m, 0) == -KVM_EXIT_IO && m.run[0]->io.port == 0x20, "its end: %d",
	      m.run[0]->exit_reason);
	/* It waits for its moment, which never comes while LINT0 is masked. */
	m.run[0]->request_interrupt_window = 1;
	CHECK(run(&m, 0) == -KVM_EXIT_IRQ_WINDOW_OPEN, "%d", m.run[0]->exit_reason);
	CHECK(m.run[0]->ready_for_interrupt_injection, "open, but not ready");
	put_lint0(&m, 0, 0x10700);
	signal_event(fd);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(!m.run[0]->ready_for_interrupt_injection, "masked, but ready");
	machine_end(&m);
	close(fd);
}

static void test_timer(void)
{
	struct machine m = MACHINE(timer);

	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run_until_idle(&m) == IDLE, "it was one-shot");
	machine_end(&m);
}

static void test_deadline(void)
{
	struct machine m;

	if (CALL(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) <= 0) {
		printf("   no TSC deadline here\n");
		return;
	}
	for (uint32_t i = 0; i < offered->nent; i++)
		if (offered->entries[i].function == 1)
			offered->entries[i].ecx |= 1u << 24;
	m = MACHINE(deadline);
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	CHECK(run_until_idle(&m) == IDLE, "once");
	machine_end(&m);
	m = MACHINE(never);
	CHECK(run_until_idle(&m) == IDLE, "%d", m.run[0]->exit_reason);
	machine_end(&m);
}

/* The PIT begins to tick each 10 ms; nobody runs the guest for a second. It gets what it has missed
 * until it has had as many ticks as there were, however slowly: ticks that are lost would be missing
 * for ever. */
static void lost_ticks(const struct machine *m, int vector)
{
	struct kvm_pit_state2 state;
	int64_t start, passed;
	int ticks = 0;

	CALL(m->vm, KVM_GET_PIT2, &state);
	state.channels[0].mode = 2;
	state.channels[0].count = 11932;
	start = now_ms();
	CALL(m->vm, KVM_SET_PIT2, &state);
	usleep(1000000);
	do {
		CHECK(run(m, 0) == vector, "%d", m->run[0]->exit_reason);
		ticks++;
		passed = now_ms() - start;
	} while (ticks * 10 < passed - 50 && passed < 20000);
	CHECK(ticks * 10 >= passed - 50, "%d ticks in %d ms", ticks, (int)passed);
}

static void test_pit(void)
{
	struct machine m = MACHINE(wait);
	struct kvm_pit_config config = { .flags = 0 };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	CALL(m.vm, KVM_CREATE_PIT2, &config);
	CHECK(ioctl(m.vm, KVM_CREATE_PIT2, &config) < 0 && errno == EEXIST, "twice");
	lost_ticks(&m, PIC_BASE);
	put_lint0(&m, 0, 0x10700);
	CALL(m.vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[0].bits = VECTOR;
	CALL(m.vm, KVM_SET_IRQCHIP, &chip);
	lost_ticks(&m, VECTOR);
	machine_end(&m);
}

struct second {
	const struct machine *m;
	int result;
};

static void *run_second(void *argument)
{
	struct second *s = argument;

	/* Until somebody ends its waiting with a signal; KVM_RUN may return for what INIT does. */
	do
		s->result = run(s->m, 1);
	while (s->result == -1000 - EAGAIN);
	return NULL;
}

static void test_start(void)
{
	struct machine m = machine_make(guest_starter, guest_starter_end, 2, false);
	struct kvm_mp_state state;
	struct second s = { .m = &m };
	pthread_t thread;

	CALL(m.vcpu[1], KVM_GET_MP_STATE, &state);
	CHECK(state.mp_state == KVM_MP_STATE_UNINITIALIZED, "%u", state.mp_state);
	pthread_create(&thread, NULL, run_second, &s);
	/* The first one starts the second, which sends an interrupt back. */
	CHECK(run(&m, 0) == VECTOR, "%d", m.run[0]->exit_reason);
	pthread_kill(thread, SIGALRM);
	pthread_join(thread, NULL);
	CHECK(s.result == IDLE, "%d", s.result);
	CALL(m.vcpu[1], KVM_GET_MP_STATE, &state);
	/* INIT has reset its APIC, so that nothing reaches it; it halts. */
	CHECK(state.mp_state == KVM_MP_STATE_HALTED || state.mp_state == KVM_MP_STATE_RUNNABLE,
	      "%u", state.mp_state);
	machine_end(&m);
}

static const struct test tests[] = {
	{ "pic", test_pic },
	{ "window", test_window },
	{ "message", test_message },
	{ "level", test_level },
	{ "irqfd", test_irqfd },
	{ "resample", test_resample },
	{ "split", test_split },
	{ "timer", test_timer },
	{ "pit", test_pit },
	{ "start", test_start },
	{ "deadline", test_deadline },
	{ "nmi", test_nmi },
	{ "machine-check", test_machine_check },
};

static void wake(int number)
{
	(void)number;
}

static void get_offered(void)
{
	size_t size = sizeof(*offered) + 256 * sizeof(offered->entries[0]);

	offered = calloc(1, size);
	if (!offered)
		die("memory");
	offered->nent = 256;
	CALL(kvm, KVM_GET_SUPPORTED_CPUID, offered);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = wake };

	sigaction(SIGALRM, &action, NULL);
	open_kvm();
	get_offered();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
