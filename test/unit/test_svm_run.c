// SPDX-License-Identifier: GPL-2.0-only
/* svm/run.c with a processor of our own: windows, steps, events, ASIDs. */
#include "support.h"

#include <string.h>

#define this_cpu cpu_of_root_mode
#include "hv/cpu.h"
#undef this_cpu

static struct cpu processor;

static struct cpu *this_cpu(void)
{
	return &processor;
}

#include "svm/run.c"

uint32_t cpu_count;
struct svm_features svm_features;
struct cpu_features cpu_features = { .efer = EFER_SCE | EFER_LME | EFER_NXE };

static struct vmcb block;
static struct vcpu vcpu;
static struct vm_exit x;
static int entries;

/* What the processor was given, and what it answers. */
static struct vmcb entered;
static struct {
	uint64_t code, rip, rflags, dr6, exitintinfo, shadow;
	bool keep_flags;    /* the flags of the entry */
	bool takes_virtual; /* the virtual interrupt is delivered */
} answer;

void svm_enter(uint64_t *gpr, uint64_t vmcb)
{
	assert_ptr_equal(gpr, vcpu.gpr);
	assert_int_equal(vmcb, 0x9000);
	entries++;
	entered = block;
	if (answer.takes_virtual)
		block.control.vintr &= ~V_IRQ;
	block.control.exitcode = answer.code;
	block.control.exitinfo1 = block.control.exitinfo2 = 0;
	block.control.exitintinfo = answer.exitintinfo;
	block.control.interrupt_shadow = answer.shadow;
	block.save.rip = answer.rip;
	if (!answer.keep_flags)
		block.save.rflags = answer.rflags;
	block.save.dr6 = answer.dr6;
	block.save.rax = ~entered.save.rax;
}

uint64_t svm_msrpm(bool service)
{
	return service ? 0x1000 : 0x3000;
}

uint64_t svm_iopm(void)
{
	return 0x5000;
}

bool svm_skip(struct vcpu *v, uint8_t len)
{
	vmcb_of(v)->save.rip += len;
	return false;
}

void svm_find_length(struct vcpu *v, struct vm_exit *exit)
{
	assert_ptr_equal(v, &vcpu);
	exit->insn_len = 7;
}

static int setup(void **state)
{
	(void)state;
	memset(&block, 0, sizeof(block));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&processor, 0, sizeof(processor));
	memset(&answer, 0, sizeof(answer));
	svm_features = (struct svm_features){ .clean_bits = CLEAN_ALL, .asid_end = 4 };
	vcpu.control = &block;
	vcpu.control_hpa = hpa(0x9000);
	processor.loaded = &vcpu; /* VMLOAD needs a processor */
	processor.next_asid = svm_features.asid_end;
	block.save.rip = 0x1000;
	block.save.rflags = RFLAGS_FIXED;
	block.save.cr0 = CR0_PE;
	block.save.dr6 = DR6_RESET;
	entries = 0;
	return 0;
}

static void run(uint64_t code, uint64_t rip)
{
	answer.code = code;
	answer.rip = rip;
	svm_run(&vcpu, &x);
}

static bool intercepted(enum vmexit code)
{
	return entered.control.intercepts[code / 32] >> code % 32 & 1;
}

static void test_registers(void **state)
{
	(void)state;
	vcpu.gpr[MULLION_RAX] = 0x1111;
	vcpu.gpr[MULLION_RSP] = 0x2222;
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.save.rax, 0x1111);
	assert_int_equal(entered.save.rsp, 0x2222);
	assert_int_equal(vcpu.gpr[MULLION_RAX], ~0x1111ull);
	assert_int_equal(vcpu.gpr[MULLION_RSP], 0x2222);
	assert_int_equal(x.kind, EXIT_INTERRUPT);
	assert_false(vcpu.inject.valid);
}

static void test_asid(void **state)
{
	struct cpu other = { .id = 1 };

	(void)state;
	/* The first use on a processor flushes; the VMCB is no copy of it. */
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.guest_asid, 1);
	assert_int_equal(entered.control.tlb_control, TLB_FLUSH_ALL);
	assert_int_equal(entered.control.clean, 0);
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.guest_asid, 1);
	assert_int_equal(entered.control.tlb_control, 0);
	assert_int_equal(entered.control.clean, CLEAN_ALL);

	/* A new ASID while there are some; then all over again. */
	for (uint32_t asid = 2; asid < 4; asid++) {
		vcpu.asid_generation = 0;
		run(VMEXIT_INTR, 0x1000);
		assert_int_equal(entered.control.guest_asid, asid);
		assert_int_equal(entered.control.tlb_control, 0);
		assert_int_equal(entered.control.clean, CLEAN_ALL & ~CLEAN_ASID);
	}
	vcpu.asid_generation = 0;
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.guest_asid, 1);
	assert_int_equal(entered.control.tlb_control, TLB_FLUSH_ALL);

	/* Back from another processor, though the generation is the same. */
	vcpu.last_cpu = &other;
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.guest_asid, 2);
	assert_int_equal(entered.control.clean, 0);
}

static void test_inject(void **state)
{
	(void)state;
	vcpu.inject = (struct mullion_event){
		.valid = 1, .type = MULLION_EVENT_EXCEPTION, .vector = EXC_GP, .has_error = 1,
		.error = 0x18,
	};
	run(VMEXIT_INTR, 0x2000);
	assert_int_equal(entered.control.eventinj, 0x1880000b0dull);
	assert_false(vcpu.inject.valid);
	run(VMEXIT_INTR, 0x2000);
	assert_int_equal(entered.control.eventinj, 0);

	/* Interrupted on its way: again. */
	answer.exitintinfo = 0x1880000b0dull;
	run(VMEXIT_NPF, 0x2000);
	answer.exitintinfo = 0;
	assert_true(vcpu.inject.valid);
	run(VMEXIT_INTR, 0x3000);
	assert_int_equal(entered.control.eventinj, 0x1880000b0dull);

	/* #DB clears DR7.GD. */
	block.save.dr7 = DR7_RESET | DR7_GD;
	vcpu.inject = (struct mullion_event){ 1, MULLION_EVENT_EXCEPTION, EXC_DB, 0, 0 };
	run(VMEXIT_INTR, 0x3000);
	assert_int_equal(entered.save.dr7, DR7_RESET);
	assert_false(entered.control.clean & CLEAN_DRX);
}

static void test_software_event(void **state)
{
	(void)state;
	/* The guest's own INT 80h: RIP is on it, it runs again. */
	answer.exitintinfo = 0x80000480;
	run(VMEXIT_NPF, 0x1000);
	assert_false(vcpu.inject.valid);

	/* One that was injected has no instruction to run again. */
	vcpu.inject = (struct mullion_event){ 1, MULLION_EVENT_SOFT_INTERRUPT, 0x80, 0, 0 };
	run(VMEXIT_NPF, 0x1000);
	assert_int_equal(entered.control.nrip, 0x1000);
	assert_true(vcpu.inject.valid);

	/* But if it got through, and the next is the guest's own. */
	run(VMEXIT_NPF, 0x1002);
	assert_false(vcpu.inject.valid);
}

static void test_irq_window(void **state)
{
	(void)state;
	vcpu.request = MULLION_REQUEST_IRQ_WINDOW;
	run(VMEXIT_VINTR, 0x1005);
	assert_int_equal(x.kind, EXIT_IRQ_WINDOW);
	assert_true(intercepted(VMEXIT_VINTR));
	assert_true(intercepted(VMEXIT_CR8_WRITE));
	assert_int_equal(entered.control.vintr, V_IRQ | V_IGN_TPR);

	/* Open at once: no entry. */
	block.save.rflags = RFLAGS_FIXED | RFLAGS_IF;
	svm_run(&vcpu, &x);
	assert_int_equal(entries, 1);
	assert_int_equal(x.kind, EXIT_IRQ_WINDOW);
	assert_int_equal(x.rip, 0x1005);

	/* Not before an event that is due. */
	vcpu.inject = (struct mullion_event){ 1, MULLION_EVENT_INTERRUPT, 0x20, 0, 0 };
	run(VMEXIT_VINTR, 0x3000);
	assert_int_equal(entries, 2);
	assert_int_equal(entered.control.vintr, V_IRQ | V_IGN_TPR);

	vcpu.request = 0;
	run(VMEXIT_INTR, 0x3000);
	assert_false(intercepted(VMEXIT_VINTR));
	assert_false(intercepted(VMEXIT_CR8_WRITE));
	assert_int_equal(entered.control.vintr, 0);
}

static void test_virtual_interrupt(void **state)
{
	const uint64_t virtual = V_IRQ | V_IGN_TPR | V_VECTOR(0x41);

	(void)state;
	/* Not while the guest is closed: the module knows why. */
	vcpu.inject = (struct mullion_event){ 1, MULLION_EVENT_INTERRUPT, 0x41, 0, 0 };
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.eventinj, 0x80000041);
	assert_int_equal(entered.control.vintr, 0);
	block.save.rflags = answer.rflags = RFLAGS_FIXED | RFLAGS_IF;
	block.control.interrupt_shadow = INTERRUPT_SHADOW;
	vcpu.inject.valid = 1;
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.eventinj, 0x80000041);
	/* Nor on a machine of one processor. */
	cpu_count = 1;
	vcpu.inject.valid = 1;
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.eventinj, 0x80000041);
	/* A physical one came first. */
	cpu_count = 2;
	vcpu.inject.valid = 1;
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.eventinj, 0);
	assert_int_equal(entered.control.vintr, virtual);
	assert_int_equal(block.control.vintr, 0);
	assert_true(vcpu.inject.valid && vcpu.inject.type == MULLION_EVENT_INTERRUPT);
	assert_int_equal(vcpu.inject.vector, 0x41);
	/* Its delivery faults; QEMU does not call it an interrupt then, but keeps it. */
	answer.exitintinfo = 0x80000341;
	run(VMEXIT_NPF, 0x1000);
	assert_true(vcpu.inject.valid && vcpu.inject.type == MULLION_EVENT_INTERRUPT);
	/* Others say what it was, and have taken it. */
	answer.exitintinfo = 0x80000041;
	answer.takes_virtual = true;
	run(VMEXIT_NPF, 0x1000);
	assert_true(vcpu.inject.valid && vcpu.inject.type == MULLION_EVENT_INTERRUPT);
	answer.exitintinfo = 0;
	run(VMEXIT_INTR, 0x4000);
	assert_false(vcpu.inject.valid);
	assert_int_equal(block.control.vintr, 0);
	assert_false(block.control.clean & CLEAN_TPR);
	/* Beside a window, which is a virtual interrupt itself. */
	block.save.rflags = RFLAGS_FIXED | RFLAGS_IF;
	vcpu.request = MULLION_REQUEST_IRQ_WINDOW;
	vcpu.inject.valid = 1;
	answer.takes_virtual = false;
	run(VMEXIT_INTR, 0x4000);
	assert_int_equal(entered.control.eventinj, 0x80000041);
	assert_int_equal(entered.control.vintr, V_IRQ | V_IGN_TPR);
}

static void test_window_behind_shadow(void **state)
{
	(void)state;
	vcpu.request = MULLION_REQUEST_IRQ_WINDOW;
	block.save.rflags = RFLAGS_FIXED | RFLAGS_IF;
	block.control.interrupt_shadow = INTERRUPT_SHADOW;
	answer.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF;
	answer.dr6 = DR6_RESET | DR6_BS;
	run(VMEXIT_EXCP0 + EXC_DB, 0x1001);
	assert_true(entered.save.rflags & RFLAGS_TF);
	assert_int_equal(entered.control.vintr, 0);
	assert_int_equal(x.kind, EXIT_RETRY);
	assert_int_equal(block.save.rflags, RFLAGS_FIXED | RFLAGS_IF);
	assert_int_equal(block.save.dr6, DR6_RESET);
	svm_run(&vcpu, &x);
	assert_int_equal(entries, 1);
	assert_int_equal(x.kind, EXIT_IRQ_WINDOW);
}

static void test_nmi(void **state)
{
	(void)state;
	vcpu.inject = (struct mullion_event){ 1, MULLION_EVENT_NMI, 2, 0, 0 };
	vcpu.request = MULLION_REQUEST_NMI_WINDOW;
	answer.keep_flags = true;
	answer.dr6 = DR6_RESET;

	/* Not delivered: not masked. */
	answer.exitintinfo = 0x80000202;
	run(VMEXIT_NPF, 0x1000);
	assert_false(vcpu.nmi_blocked);
	assert_true(vcpu.inject.valid);

	/* Delivered: masked until IRET, which exits. */
	answer.exitintinfo = 0;
	run(VMEXIT_IRET, 0x5000);
	assert_int_equal(entered.control.eventinj, 0x80000202);
	assert_true(vcpu.nmi_blocked);
	assert_int_equal(x.kind, EXIT_RETRY);

	/* The step over it does not come about: nothing of it remains, and IRET is next again. */
	run(VMEXIT_INTR, 0x5000);
	assert_true(entered.save.rflags & RFLAGS_TF);
	assert_false(intercepted(VMEXIT_IRET));
	assert_false(block.save.rflags & RFLAGS_TF);
	assert_true(vcpu.nmi_blocked);

	/* An event in between: its handler's IRET must not be missed. */
	vcpu.inject = (struct mullion_event){ 1, MULLION_EVENT_INTERRUPT, 0x20, 0, 0 };
	run(VMEXIT_INTR, 0x6000);
	assert_false(entered.save.rflags & RFLAGS_TF);
	assert_true(intercepted(VMEXIT_IRET));
	run(VMEXIT_IRET, 0x7000);
	assert_false(entered.save.rflags & RFLAGS_TF);
	assert_true(vcpu.nmi_blocked);

	/* Over it: IRET loads flags with TF clear. */
	answer.keep_flags = false;
	answer.rflags = RFLAGS_FIXED;
	answer.dr6 = DR6_RESET | DR6_BS;
	run(VMEXIT_EXCP0 + EXC_DB, 0x1000);
	assert_int_equal(x.kind, EXIT_RETRY);
	assert_false(vcpu.nmi_blocked);
	assert_int_equal(block.save.dr6, DR6_RESET);
	svm_run(&vcpu, &x);
	assert_int_equal(x.kind, EXIT_NMI_WINDOW);
}

static void test_nmi_iret_of_a_stepping_guest(void **state)
{
	(void)state;
	vcpu.nmi_blocked = vcpu.nmi_stepping = true;
	block.save.rflags = RFLAGS_FIXED | RFLAGS_TF;
	answer.rflags = RFLAGS_FIXED;
	answer.dr6 = DR6_RESET | DR6_BS;
	run(VMEXIT_EXCP0 + EXC_DB, 0x1000);
	assert_int_equal(x.kind, EXIT_EXCEPTION);
	assert_true(block.save.dr6 & DR6_BS);
	assert_false(vcpu.nmi_blocked);
}

static void test_msr_exits(void **state)
{
	(void)state;
	vcpu.request = MULLION_REQUEST_MSR_EXIT;
	run(VMEXIT_MSR, 0x1000);
	assert_int_equal(entered.control.msrpm_base_pa, svm_iopm());
	assert_false(entered.control.clean & CLEAN_IOPM);
	run(VMEXIT_MSR, 0x1000);
	assert_true(entered.control.clean & CLEAN_IOPM);
	vcpu.request = 0;
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(entered.control.msrpm_base_pa, svm_msrpm(false));
	assert_false(entered.control.clean & CLEAN_IOPM);
}

static void test_single_step(void **state)
{
	(void)state;
	vcpu.request = MULLION_REQUEST_DEBUG | MULLION_REQUEST_SINGLE_STEP;
	answer.keep_flags = true;
	answer.dr6 = DR6_RESET | DR6_BS;
	run(VMEXIT_EXCP0 + EXC_DB, 0x1001);
	assert_true(entered.save.rflags & RFLAGS_TF);
	assert_true(intercepted(VMEXIT_EXCP0 + EXC_BP));
	assert_int_equal(x.kind, EXIT_EXCEPTION);
	assert_int_equal(x.exception.vector, EXC_DB);
	assert_false(block.save.rflags & RFLAGS_TF);
	assert_true(block.save.dr6 & DR6_BS);

	/* A breakpoint hit by a step that is ours alone is the guest's. */
	vcpu.request = MULLION_REQUEST_IRQ_WINDOW;
	block.control.interrupt_shadow = INTERRUPT_SHADOW;
	answer.dr6 = DR6_RESET | DR6_BS | 1;
	run(VMEXIT_EXCP0 + EXC_DB, 0x1002);
	assert_int_equal(x.kind, EXIT_EXCEPTION);
	assert_int_equal(block.save.dr6, DR6_RESET | 1);
	assert_false(intercepted(VMEXIT_EXCP0 + EXC_BP));
}

static void test_refused(void **state)
{
	(void)state;
	vcpu.request = MULLION_REQUEST_SINGLE_STEP;
	answer.keep_flags = true;
	answer.exitintinfo = 0x80000020;
	run(VMEXIT_INVALID, 0x1000);
	assert_int_equal(x.kind, EXIT_REFUSED);
	assert_false(block.save.rflags & RFLAGS_TF);
	assert_false(vcpu.inject.valid);
}

static void test_icebp(void **state)
{
	(void)state;
	run(VMEXIT_ICEBP, 0x1000);
	assert_int_equal(x.kind, EXIT_EXCEPTION);
	assert_int_equal(x.exception.vector, EXC_DB);
	assert_int_equal(x.rip, 0x1001);
	assert_int_equal(block.save.rip, 0x1001);
}

static void test_length(void **state)
{
	(void)state;
	run(VMEXIT_CPUID, 0x1000);
	assert_int_equal(x.insn_len, 7);
	run(VMEXIT_INTR, 0x1000);
	assert_int_equal(x.insn_len, 0);
	svm_features.next_rip = true;
	block.control.nrip = 0x1002;
	run(VMEXIT_CPUID, 0x1000);
	assert_int_equal(x.insn_len, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_asid, setup),
		cmocka_unit_test_setup(test_inject, setup),
		cmocka_unit_test_setup(test_software_event, setup),
		cmocka_unit_test_setup(test_irq_window, setup),
		cmocka_unit_test_setup(test_virtual_interrupt, setup),
		cmocka_unit_test_setup(test_window_behind_shadow, setup),
		cmocka_unit_test_setup(test_nmi, setup),
		cmocka_unit_test_setup(test_nmi_iret_of_a_stepping_guest, setup),
		cmocka_unit_test_setup(test_single_step, setup),
		cmocka_unit_test_setup(test_msr_exits, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_icebp, setup),
		cmocka_unit_test_setup(test_length, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
