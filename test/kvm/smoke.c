// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tries /dev/kvm with guests of a few instructions: every exit that a device model lives on, once.
 *
 * Needs the KVM interface and nothing else: it passes on any KVM without an interrupt controller
 * in the kernel, and is linked statically to run from an initramfs.
 *	cc -static -o smoke smoke.c && ./smoke [TEST...]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

/* -- Tests ----------------------------------------------------------------- */

GUEST(ports, "mov $0x42, %al\n out %al, $0x10\n in $0x11, %al\n mov %al, %bl\n"
	     "mov $0x1234, %dx\n in %dx, %eax\n mov %eax, %ecx\n out %ax, %dx\n hlt");

static void test_ports(void)
{
	struct machine m = MACHINE(ports);
	struct kvm_regs regs;

	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.direction == KVM_EXIT_IO_OUT, "%d",
	      m.run->exit_reason);
	CHECK(m.run->io.port == 0x10 && m.run->io.size == 1 && m.run->io.count == 1, "%x",
	      m.run->io.port);
	CHECK(*(uint8_t *)io_data(&m) == 0x42, "%x", *(uint8_t *)io_data(&m));
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.direction == KVM_EXIT_IO_IN, "%d",
	      m.run->exit_reason);
	*(uint8_t *)io_data(&m) = 0x99;
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.size == 4, "%d", m.run->exit_reason);
	*(uint32_t *)io_data(&m) = 0xdeadbeef;
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.size == 2, "%d", m.run->exit_reason);
	CHECK(*(uint16_t *)io_data(&m) == 0xbeef, "%x", *(uint16_t *)io_data(&m));
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	CHECK((regs.rbx & 0xff) == 0x99 && regs.rcx == 0xdeadbeef, "%llx %llx", regs.rbx, regs.rcx);
	machine_end(&m);
}

GUEST(mmio, "mov $0xe000, %ax\n mov %ax, %ds\n movb $0x77, 0x10\n movl $0x12345678, 0x20\n"
	    "mov 0x30, %ebx\n mov $0xd000, %ax\n mov %ax, %ds\n mov 0, %cl\n movb $1, 8\n hlt");

static void test_mmio(void)
{
	struct machine m = MACHINE(mmio);
	struct kvm_regs regs;

	CHECK(run(&m) == KVM_EXIT_MMIO && m.run->mmio.is_write, "%d", m.run->exit_reason);
	CHECK(m.run->mmio.phys_addr == HOLE + 0x10 && m.run->mmio.len == 1 &&
		      m.run->mmio.data[0] == 0x77,
	      "%llx", m.run->mmio.phys_addr);
	CHECK(run(&m) == KVM_EXIT_MMIO && m.run->mmio.len == 4, "%d", m.run->exit_reason);
	CHECK(*(uint32_t *)m.run->mmio.data == 0x12345678, "%x", *(uint32_t *)m.run->mmio.data);
	CHECK(run(&m) == KVM_EXIT_MMIO && !m.run->mmio.is_write, "%d", m.run->exit_reason);
	*(uint32_t *)m.run->mmio.data = 0xcafef00d;
	/* ROM reads as memory, and writes to it are a device's. */
	CHECK(run(&m) == KVM_EXIT_MMIO && m.run->mmio.is_write, "%d", m.run->exit_reason);
	CHECK(m.run->mmio.phys_addr == ROM + 8, "%llx", m.run->mmio.phys_addr);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	CHECK(regs.rbx == 0xcafef00d && (regs.rcx & 0xff) == 0x5a, "%llx %llx", regs.rbx, regs.rcx);
	machine_end(&m);
}

GUEST(strings, "cld\n mov $0x60, %dx\n mov $5, %cx\n mov $0x2000, %si\n rep outsb\n"
	       "mov $3, %cx\n mov $0x3000, %di\n rep insw\n hlt");

static void test_strings(void)
{
	struct machine m = MACHINE(strings);
	unsigned int got = 0, given = 0;
	uint8_t text[5];
	int reason;

	memcpy(m.ram + 0x2000, "hello", 5);
	while ((reason = run(&m)) == KVM_EXIT_IO) {
		uint32_t i;

		CHECK(m.run->io.port == 0x60, "%x", m.run->io.port);
		for (i = 0; i < m.run->io.count; i++) {
			if (m.run->io.direction == KVM_EXIT_IO_OUT && got < sizeof(text))
				text[got++] = ((uint8_t *)io_data(&m))[i];
			else
				((uint16_t *)io_data(&m))[i] = (uint16_t)(0x1111 * ++given);
		}
	}
	CHECK(reason == KVM_EXIT_HLT, "%d", reason);
	CHECK(got == 5 && !memcmp(text, "hello", 5), "%.5s", text);
	CHECK(given == 3 && !memcmp(m.ram + 0x3000, "\x11\x11\x22\x22\x33\x33", 6), "%u", given);
	machine_end(&m);
}

GUEST(irq,
      "out %al, $1\n cli\n out %al, $2\n sti\n nop\n out %al, $3\n 1: jmp 1b\n"
      ".org guest_irq + 0x100\n out %al, $4\n iret\n .org guest_irq + 0x200\n out %al, $5\n hlt");

static void test_interrupts(void)
{
	struct machine m = MACHINE(irq);
	struct kvm_interrupt irq = { .irq = 0x20 };
	uint16_t *vectors;

	vectors = (uint16_t *)m.ram;
	vectors[2 * 0x20] = CODE + 0x100;
	vectors[2 * 2] = CODE + 0x200;
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.port == 1, "%d", m.run->exit_reason);
	CHECK(!m.run->if_flag && !m.run->ready_for_interrupt_injection, "if=%d", m.run->if_flag);
	m.run->request_interrupt_window = 1;
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.port == 2, "%d", m.run->exit_reason);
	CHECK(run(&m) == KVM_EXIT_IRQ_WINDOW_OPEN, "%d port %x", m.run->exit_reason,
	      m.run->io.port);
	CHECK(m.run->if_flag && m.run->ready_for_interrupt_injection, "if=%d", m.run->if_flag);
	m.run->request_interrupt_window = 0;
	CALL(m.vcpu, KVM_INTERRUPT, &irq);
	CHECK(ioctl(m.vcpu, KVM_INTERRUPT, &irq) < 0 && errno == EEXIST, "%d", errno);
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.port == 4, "%d port %x", m.run->exit_reason,
	      m.run->io.port);
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.port == 3, "%d port %x", m.run->exit_reason,
	      m.run->io.port);
	CALL(m.vcpu, KVM_NMI, 0);
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.port == 5, "%d port %x", m.run->exit_reason,
	      m.run->io.port);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	machine_end(&m);
}

GUEST(loop, "1: incl 0x4000\n jmp 1b");

static pthread_t runner;
static volatile bool stop_kicking;

static void on_signal(int number)
{
	(void)number;
}

static void *kick(void *argument)
{
	(void)argument;
	while (!stop_kicking) {
		usleep(20000);
		pthread_kill(runner, SIGUSR1);
	}
	return NULL;
}

static void test_signals(void)
{
	struct machine m = MACHINE(loop);
	struct sigaction action = { .sa_handler = on_signal };
	volatile uint32_t *counter = (uint32_t *)(m.ram + 0x4000);
	pthread_t kicker;
	uint32_t before;
	int reason;

	sigaction(SIGUSR1, &action, NULL);
	m.run->immediate_exit = 1;
	CHECK((reason = run(&m)) == -EINTR, "%d", reason);
	CHECK(*counter == 0, "%u", *counter);
	m.run->immediate_exit = 0;
	runner = pthread_self();
	stop_kicking = false;
	if (pthread_create(&kicker, NULL, kick, NULL))
		die("pthread_create");
	reason = run(&m);
	before = *counter;
	CHECK(reason == -EINTR && before > 0, "%d %u", reason, before);
	/* Memory that user space gives up reads as zero afterwards, in the guest too. */
	if (madvise(m.ram, RAM_SIZE, MADV_DONTNEED))
		die("madvise");
	memcpy(m.ram + CODE, guest_loop, (size_t)(guest_loop_end - guest_loop));
	*counter = 0x80000000;
	reason = run(&m);
	CHECK(reason == -EINTR && *counter > 0x80000000, "%d %x", reason, *counter);
	stop_kicking = true;
	pthread_join(kicker, NULL);
	machine_end(&m);
}

/* BX: the vCPU's own place. Interrupts are on, for Bochs ends no turn by them otherwise. */
GUEST(copy, "sti\n 1: mov 0x8000, %eax\n mov %eax, 0x9000(%bx)\n incl 0xa000(%bx)\n jmp 1b");

static void *run_until_stopped(void *argument)
{
	const struct machine *m = argument;

	while (!stop_kicking)
		run(m);
	return NULL;
}

static bool both_copied(const volatile uint32_t to[2], uint32_t value)
{
	return to[0] == value && to[1] == value;
}

/* A page is replaced under running vCPUs, again and again: each must see the new one. */
static void test_replaced_pages(void)
{
	struct machine m = MACHINE(copy), second;
	volatile uint32_t *from = (uint32_t *)(m.ram + 0x8000);
	volatile uint32_t *to = (uint32_t *)(m.ram + 0x9000);
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t threads[2];
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	uint32_t round;
	int patience;

	sigaction(SIGUSR1, &action, NULL);
	second = m;
	second.vcpu = CALL(m.vm, KVM_CREATE_VCPU, 1);
	second.run = mmap(NULL, m.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, second.vcpu, 0);
	if (second.run == MAP_FAILED)
		die("mmap of the second vCPU");
	CALL(m.vcpu, KVM_GET_SREGS, &sregs);
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	CALL(second.vcpu, KVM_SET_SREGS, &sregs);
	regs.rbx = sizeof(*to);
	CALL(second.vcpu, KVM_SET_REGS, &regs);
	stop_kicking = false;
	pthread_create(&threads[0], NULL, run_until_stopped, &m);
	pthread_create(&threads[1], NULL, run_until_stopped, &second);
	for (round = 1; round <= 200; round++) {
		if (mmap(m.ram + 0x8000, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			die("mmap of the replacement");
		*from = round;
		for (patience = 0; !both_copied(to, round) && patience < 20000; patience++)
			usleep(100);
		if (!both_copied(to, round))
			break;
	}
	stop_kicking = true;
	m.run->immediate_exit = second.run->immediate_exit = 1;
	for (int i = 0; i < 2; i++) {
		pthread_kill(threads[i], SIGUSR1);
		pthread_join(threads[i], NULL);
	}
	CHECK(round == 201, "round %u: the guests still see %u and %u", round, to[0], to[1]);
	munmap(second.run, m.run_size);
	close(second.vcpu);
	machine_end(&m);
}

GUEST(dirty, "movb $1, 0x5000\n out %al, $1\n movb $2, 0x5001\n movb $3, 0x7000\n hlt");

static void test_dirty_log(void)
{
	struct machine m = MACHINE(dirty);
	uint64_t bitmap[ROM / 4096 / 64 + 1] = { 0 };
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = bitmap };

	CHECK(ioctl(m.vm, KVM_GET_DIRTY_LOG, &log) < 0 && errno == ENOENT, "%d", errno);
	set_slot(&m, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, ROM, m.ram);
	CHECK(run(&m) == KVM_EXIT_IO, "%d", m.run->exit_reason);
	CALL(m.vm, KVM_GET_DIRTY_LOG, &log);
	CHECK(bitmap[0] == 1u << 5, "%lx", (unsigned long)bitmap[0]);
	CALL(m.vm, KVM_GET_DIRTY_LOG, &log);
	CHECK(bitmap[0] == 0, "%lx", (unsigned long)bitmap[0]);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	CALL(m.vm, KVM_GET_DIRTY_LOG, &log);
	CHECK(bitmap[0] == (1u << 5 | 1u << 7), "%lx", (unsigned long)bitmap[0]);
	CHECK(m.ram[0x5001] == 2 && m.ram[0x7000] == 3, "%d", m.ram[0x5001]);
	machine_end(&m);
}

GUEST(notify, "mov $0xe000, %ax\n mov %ax, %ds\n movw $7, 0x40\n movb $8, 0x80\n"
	      "movb $9, 0x81\n movb $1, 0x90\n hlt");

static void test_in_kernel_writes(void)
{
	struct machine m = MACHINE(notify);
	struct kvm_ioeventfd notify = { .addr = HOLE + 0x40, .len = 2 };
	struct kvm_coalesced_mmio_zone zone = { .addr = HOLE + 0x80, .size = 2 };
	const struct kvm_coalesced_mmio_ring *ring;
	uint64_t count;

	notify.fd = eventfd(0, EFD_NONBLOCK);
	CALL(m.vm, KVM_IOEVENTFD, &notify);
	CHECK(ioctl(m.vm, KVM_IOEVENTFD, &notify) < 0 && errno == EEXIST, "%d", errno);
	CALL(m.vm, KVM_REGISTER_COALESCED_MMIO, &zone);
	CHECK(run(&m) == KVM_EXIT_MMIO && m.run->mmio.phys_addr == HOLE + 0x90, "%d %llx",
	      m.run->exit_reason, m.run->mmio.phys_addr);
	CHECK(read(notify.fd, &count, 8) == 8 && count == 1, "%ld", (long)count);
	ring = (const void *)((uint8_t *)m.run +
			      4096 * ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO));
	CHECK(ring->first == 0 && ring->last == 2, "%u", ring->last);
	CHECK(ring->coalesced_mmio[1].phys_addr == HOLE + 0x81 &&
		      ring->coalesced_mmio[1].data[0] == 9,
	      "%llx", ring->coalesced_mmio[1].phys_addr);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	notify.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
	CALL(m.vm, KVM_IOEVENTFD, &notify);
	close(notify.fd);
	machine_end(&m);
}

GUEST(halt, "hlt\n mov %cr8, %eax\n hlt");

/* The first byte in which they differ. */
static int difference(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;
	size_t i = 0;

	while (i < size && x[i] == y[i])
		i++;
	return (int)i;
}

/* Whatever is offered can be read, and written back, and reads the same again. */
static void check_state(bool with_cr2)
{
	struct machine m = MACHINE(halt);
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 1000 * 4);
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + 1000 * sizeof(struct kvm_msr_entry));
	struct kvm_regs regs, regs_again;
	struct kvm_sregs sregs, sregs_again;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	uint32_t i;
	int done;

	CHECK(ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list) < 0 && errno == E2BIG, "%d", errno);
	CALL(kvm, KVM_GET_MSR_INDEX_LIST, list);
	for (i = 0; i < list->nmsrs; i++) {
		msrs->nmsrs = 1;
		msrs->entries[0].index = list->indices[i];
		done = ioctl(m.vcpu, KVM_GET_MSRS, msrs);
		CHECK(done == 1, "get MSR %x: %d", list->indices[i], done);
		done = ioctl(m.vcpu, KVM_SET_MSRS, msrs);
		CHECK(done == 1, "set MSR %x to %llx: %d", list->indices[i], msrs->entries[0].data,
		      done);
	}
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	CALL(m.vcpu, KVM_GET_SREGS, &sregs);
	CALL(m.vcpu, KVM_GET_XSAVE, &xsave);
	CALL(m.vcpu, KVM_GET_XCRS, &xcrs);
	CALL(m.vcpu, KVM_GET_VCPU_EVENTS, &events);
	CALL(m.vcpu, KVM_GET_DEBUGREGS, &debugregs);
	regs.r15 = 0x123456789abcdef0;
	CALL(m.vcpu, KVM_SET_REGS, &regs);
	CALL(m.vcpu, KVM_SET_SREGS, &sregs);
	CALL(m.vcpu, KVM_SET_XSAVE, &xsave);
	CALL(m.vcpu, KVM_SET_XCRS, &xcrs);
	CALL(m.vcpu, KVM_SET_VCPU_EVENTS, &events);
	CALL(m.vcpu, KVM_SET_DEBUGREGS, &debugregs);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	CALL(m.vcpu, KVM_GET_REGS, &regs_again);
	CALL(m.vcpu, KVM_GET_SREGS, &sregs_again);
	regs.rip++; /* the HLT */
	/* Bochs has data of it in real mode, which the processor takes as well. */
	if (sregs.cs.type == 0xb && sregs_again.cs.type == 3)
		sregs_again.cs.type = 0xb;
	CHECK(!memcmp(&regs, &regs_again, sizeof(regs)), "rip %llx r15 %llx rflags %llx",
	      regs_again.rip, regs_again.r15, regs_again.rflags);
	if (!with_cr2)
		sregs_again.cr2 = sregs.cr2;
	i = difference(&sregs, &sregs_again, sizeof(sregs));
	CHECK(i == sizeof(sregs), "byte %u is %x, was %x", i, ((uint8_t *)&sregs_again)[i],
	      ((uint8_t *)&sregs)[i]);
	sregs.cr0 |= 1ull << 40;
	CHECK(ioctl(m.vcpu, KVM_SET_SREGS, &sregs) < 0 && errno == EINVAL, "%d", errno);
	free(list);
	free(msrs);
	machine_end(&m);
}

static void test_state(void)
{
	check_state(true);
}

/* For Bochs's AMD-V, whose VMRUN does not load CR2 while its exits store it. */
static void test_state_without_cr2(void)
{
	check_state(false);
}

GUEST(unemulated, "flds 0x10\n out %al, $7\n hlt");
#define BEHIND (CODE + 4) /* the instruction that nobody emulates: d9 06 10 00 */

/* From the start of its code on, but at CPL 3 and in protected mode; #UD goes to BEHIND. */
static void enter_user_mode(const struct machine *m)
{
	struct kvm_segment data = {
		.limit = 0xffff, .selector = 0x13, .type = 3, .present = 1, .dpl = 3, .s = 1
	};
	struct kvm_regs regs = { .rip = CODE, .rsp = CODE, .rflags = 0x3002 }; /* IOPL 3 */
	struct kvm_sregs sregs;

	((uint64_t *)(m->ram + 0x2000))[1] = 0x0000fb000000ffff;
	((uint64_t *)(m->ram + 0x2000))[2] = 0x0000f3000000ffff;
	((uint64_t *)(m->ram + 0x3000))[6] = 0x0000860000080000 | BEHIND;
	CALL(m->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr0 |= 1;
	sregs.gdt.base = 0x2000;
	sregs.gdt.limit = 0x17;
	sregs.idt.base = 0x3000;
	sregs.idt.limit = 0x37;
	sregs.ss = sregs.es = sregs.ds = data;
	sregs.ds.base = HOLE;
	sregs.cs = data;
	sregs.cs.selector = 0xb;
	sregs.cs.type = 11;
	CALL(m->vcpu, KVM_SET_SREGS, &sregs);
	CALL(m->vcpu, KVM_SET_REGS, &regs);
}

static void test_unemulated(void)
{
	static const uint8_t insn[] = { 0xd9, 0x06, 0x10, 0x00 };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = { 1 } };
	struct machine m = MACHINE(unemulated);

	/* A guest's program meets #UD, unless user space wants to hear of it. */
	enter_user_mode(&m);
	CHECK(run(&m) == KVM_EXIT_IO && m.run->io.port == 7, "%d", m.run->exit_reason);
	CALL(m.vm, KVM_ENABLE_CAP, &cap);
	enter_user_mode(&m);
	CHECK(run(&m) == KVM_EXIT_INTERNAL_ERROR, "%d", m.run->exit_reason);
	CHECK(m.run->emulation_failure.suberror == KVM_INTERNAL_ERROR_EMULATION &&
		      m.run->emulation_failure.flags &
			      KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES &&
		      m.run->emulation_failure.insn_size >= sizeof(insn) &&
		      !memcmp(m.run->emulation_failure.insn_bytes, insn, sizeof(insn)),
	      "%u", m.run->emulation_failure.suberror);
	machine_end(&m);
}

GUEST(crash, "lidt 0x6000\n int $3");

static void test_shutdown(void)
{
	struct machine m = MACHINE(crash);

	/* An IDT with limit 0: nothing can be delivered. */
	CHECK(run(&m) == KVM_EXIT_SHUTDOWN, "%d", m.run->exit_reason);
	machine_end(&m);
}

static void test_many(void)
{
	for (int i = 0; i < 20; i++) {
		struct machine m = MACHINE(halt);

		CHECK(run(&m) == KVM_EXIT_HLT, "round %d: %d", i, m.run->exit_reason);
		machine_end(&m);
	}
}

static const struct test tests[] = {
	{ "ports", test_ports },
	{ "mmio", test_mmio },
	{ "strings", test_strings },
	{ "interrupts", test_interrupts },
	{ "signals", test_signals },
	{ "dirty-log", test_dirty_log },
	{ "state", test_state },
	{ "state-without-cr2", test_state_without_cr2 },
	{ "in-kernel-writes", test_in_kernel_writes },
	{ "unemulated", test_unemulated },
	{ "shutdown", test_shutdown },
	{ "many", test_many },
	{ "replaced-pages", test_replaced_pages },
};

int main(int argc, char **argv)
{
	open_kvm();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
