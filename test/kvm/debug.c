// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debuggers outside the guest, and events that user space hands over with what belongs to them.
 *
 * "debug hidden" and "debug data" want a processor that heeds DR7 of the control block (QEMU 7.2's
 * AMD-V does not).
 */
#include "machine.h"

#define DR6_STEP (1u << 14)
#define DR6_RESET 0xffff0ff0u

static void debug_with(const struct machine *m, uint32_t control, const uint64_t dr[8])
{
	struct kvm_guest_debug debug = { .control = control };

	if (dr)
		memcpy(debug.arch.debugreg, dr, sizeof(debug.arch.debugreg));
	CALL(m->vcpu, KVM_SET_GUEST_DEBUG, &debug);
}

GUEST(steps, "nop\n mov $5, %cx\n cpuid\n out %al, $0x10\n in $0x11, %al\n popf\n sahf\n hlt");

/* Each instruction, whoever executes it: the processor, root mode, the kernel, user space. */
static void test_steps(void)
{
	static const uint64_t ends[] = { 1, 4, 6, 8, 10, 11, 12 };
	struct machine m = MACHINE(steps);
	struct kvm_debugregs own;
	struct kvm_regs regs;

	debug_with(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL);
	*(uint16_t *)(m.ram + CODE - 2) = 2; /* for POPF: TF is clear in it */
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	regs.rsp = CODE - 2;
	CALL(m.vcpu, KVM_SET_REGS, &regs);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int reason = run(&m);

		if (ends[i] == 8 || ends[i] == 10) {
			CHECK(reason == KVM_EXIT_IO, "%d at %zu", reason, i);
			reason = run(&m);
		}
		CHECK(reason == KVM_EXIT_DEBUG, "%d at %zu", reason, i);
		CHECK(m.run->debug.arch.exception == 1, "%u", m.run->debug.arch.exception);
		CHECK(m.run->debug.arch.pc == CODE + ends[i], "%llx at %zu", m.run->debug.arch.pc,
		      i);
		CHECK(m.run->debug.arch.dr6 == (DR6_RESET | DR6_STEP), "%llx",
		      m.run->debug.arch.dr6);
	}
	/* The guest knows nothing of it. */
	CALL(m.vcpu, KVM_GET_DEBUGREGS, &own);
	CHECK(own.dr6 == DR6_RESET, "%llx", own.dr6);
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	CHECK(!(regs.rflags & 0x100), "%llx", regs.rflags);
	debug_with(&m, 0, NULL);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	machine_end(&m);
}

GUEST(hidden, "mov %dr0, %eax\n mov $0x77, %ebx\n mov %ebx, %dr1\n mov %dr1, %ecx\n"
	      "mov %dr6, %edx\n mov $0x702, %esi\n mov %esi, %dr7\n nop\n mov %dr7, %edi\n hlt");

/* The guest has its debug registers while a debugger has the processor's. */
static void test_hidden(void)
{
	const uint64_t dr[8] = { [0] = CODE + 27, [7] = 0x402 };
	struct machine m = MACHINE(hidden);
	struct kvm_debugregs own = { .db = { 0x1234 }, .dr6 = DR6_RESET, .dr7 = 0x400 };
	struct kvm_regs regs;

	CALL(m.vcpu, KVM_SET_DEBUGREGS, &own);
	debug_with(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, dr);
	CHECK(run(&m) == KVM_EXIT_DEBUG, "%d", m.run->exit_reason);
	CHECK(m.run->debug.arch.pc == dr[0], "%llx", m.run->debug.arch.pc);
	CALL(m.vcpu, KVM_GET_DEBUGREGS, &own);
	CHECK(own.db[0] == 0x1234 && own.db[1] == 0x77 && own.dr7 == 0x702, "%llx %llx %llx",
	      own.db[0], own.db[1], own.dr7);
	debug_with(&m, 0, NULL);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	CHECK(regs.rax == 0x1234 && regs.rcx == 0x77 && regs.rdx == DR6_RESET && regs.rdi == 0x702,
	      "%llx %llx %llx %llx", regs.rax, regs.rcx, regs.rdx, regs.rdi);
	machine_end(&m);
}

GUEST(data, "nop\n movw $1, 0x3000\n nop\n hlt");

static void test_data(void)
{
	const uint64_t dr[8] = { [2] = 0x3000, [7] = 0x400 | 1u << 5 | 0x5u << 24 };
	struct machine m = MACHINE(data);

	debug_with(&m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, dr);
	CHECK(run(&m) == KVM_EXIT_DEBUG, "%d", m.run->exit_reason);
	CHECK(m.run->debug.arch.pc == CODE + 7 && m.run->debug.arch.dr6 == (DR6_RESET | 4),
	      "%llx %llx", m.run->debug.arch.pc, m.run->debug.arch.dr6);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	machine_end(&m);
}

GUEST(payload, "hlt\n .skip 0x3f, 0x90\n mov %dr6, %eax\n hlt");

/* #DB with what it puts into DR6, which the guest's handler finds there. */
static void test_payload(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args = { 1 } };
	struct machine m = MACHINE(payload);
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	*(uint32_t *)(m.ram + 4) = CODE + 0x40; /* vector 1 */
	CALL(m.vcpu, KVM_GET_VCPU_EVENTS, &events);
	events.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	CHECK(ioctl(m.vcpu, KVM_SET_VCPU_EVENTS, &events) < 0 && errno == EINVAL, "%d", errno);
	CALL(m.vm, KVM_ENABLE_CAP, &cap);
	CALL(m.vcpu, KVM_GET_VCPU_EVENTS, &events);
	CHECK(events.flags & KVM_VCPUEVENT_VALID_PAYLOAD, "%x", events.flags);
	events.exception.pending = 1;
	events.exception.nr = 1;
	events.exception_has_payload = 1;
	events.exception_payload = DR6_STEP | 2;
	CALL(m.vcpu, KVM_SET_VCPU_EVENTS, &events);
	CHECK(run(&m) == KVM_EXIT_HLT, "%d", m.run->exit_reason);
	CALL(m.vcpu, KVM_GET_REGS, &regs);
	CHECK(regs.rax == (DR6_RESET | DR6_STEP | 2), "%llx", regs.rax);
	CHECK(regs.rip == CODE + 0x44, "%llx", regs.rip);
	machine_end(&m);
}

GUEST(triple_fault, "hlt");

static void test_triple_fault(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = { 1 } };
	struct machine m = MACHINE(triple_fault);
	struct kvm_vcpu_events events;

	CALL(m.vcpu, KVM_GET_VCPU_EVENTS, &events);
	events.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	events.triple_fault.pending = 1;
	CHECK(ioctl(m.vcpu, KVM_SET_VCPU_EVENTS, &events) < 0 && errno == EINVAL, "%d", errno);
	CALL(m.vm, KVM_ENABLE_CAP, &cap);
	CALL(m.vcpu, KVM_SET_VCPU_EVENTS, &events);
	CALL(m.vcpu, KVM_GET_VCPU_EVENTS, &events);
	CHECK(events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT && events.triple_fault.pending, "%x",
	      events.flags);
	CHECK(run(&m) == KVM_EXIT_SHUTDOWN, "%d", m.run->exit_reason);
	CALL(m.vcpu, KVM_GET_VCPU_EVENTS, &events);
	CHECK(!events.triple_fault.pending, "still pending");
	machine_end(&m);
}

static const struct test tests[] = {
	{ "steps", test_steps },
	{ "payload", test_payload },
	{ "triple-fault", test_triple_fault },
	{ "hidden", test_hidden },
	{ "data", test_data },
};

int main(int argc, char **argv)
{
	open_kvm();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
