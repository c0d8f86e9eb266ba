// SPDX-License-Identifier: GPL-2.0-only
/* svm/: encodings, exits, registers. */
#include "support.h"

#include <string.h>

#include "hv/vm.h"
#include "hv/x86.h"
#include "svm/svm.h"
#include "svm/translate.h"

struct svm_features svm_features;
struct cpu_features cpu_features = { .efer = EFER_SCE | EFER_LME | EFER_NXE };

static struct vmcb block;
static struct vcpu vcpu;
static struct vm vm;
static struct mullion_run page;
static int syncs, unloads;

void svm_sync(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	syncs++;
}

void svm_unload(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	unloads++;
}

uint64_t svm_msrpm(bool service)
{
	return service ? 0x1000 : 0x3000;
}

uint64_t svm_iopm(void)
{
	return 0x5000;
}

static int setup(void **state)
{
	(void)state;
	memset(&block, 0, sizeof(block));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&page, 0, sizeof(page));
	vm.nested.root = hpa(0x7000);
	vcpu.vm = &vm;
	vcpu.control = &block;
	svm_features = (struct svm_features){ .clean_bits = CLEAN_ALL, .asid_end = 8 };
	syncs = unloads = 0;
	return 0;
}

static void test_event(void **state)
{
	const struct mullion_event page_fault = {
		.valid = 1, .type = MULLION_EVENT_EXCEPTION, .vector = EXC_PF,
		.has_error = 1, .error = 0x80000003,
	};
	struct mullion_event back;

	(void)state;
	assert_int_equal(event_pack(&page_fault, EXC_WITH_ERROR), 0x8000000380000b0eull);
	assert_int_equal(event_pack(&page_fault, 0), 0x8000030eull);
	back = event_unpack(0x8000000380000b0eull);
	assert_memory_equal(&back, &page_fault, sizeof(back));
	assert_false(event_unpack(0x8000000300000b0eull).valid);

	/* Every type and vector survives both ways, and none is taken for another. Error codes
	 * are the processor's matter. */
	for (unsigned int i = 0; i < 8 * 256; i++) {
		struct mullion_event e = { .valid = 1, .type = i >> 8, .vector = (uint8_t)i };

		assert_int_equal(event_pack(&e, 0), 0x80000000u | i);
		back = event_unpack(event_pack(&e, 0));
		assert_memory_equal(&back, &e, sizeof(e));
		assert_int_equal(event_is_software(&e),
				 e.type == 4 || (e.type == 3 && (i & 0xff) - 3 < 2));
	}
}

static void test_segment(void **state)
{
	(void)state;
	assert_int_equal(segment_dpl(0xcf3), 3);
	assert_int_equal(segment_dpl(0xc93), 0);
	assert_int_equal(segment_with_dpl(0xc93, 3), 0xcf3);
	assert_int_equal(segment_with_dpl(0xcf3, 0), 0xc93);
}

static void test_msrpm(void **state)
{
	(void)state;
	assert_int_equal(msrpm_bit(0), 0);
	assert_int_equal(msrpm_bit(0x10), 0x20);
	assert_int_equal(msrpm_bit(0x1fff), 0x3ffe);
	assert_int_equal(msrpm_bit(0x2000), -1);
	assert_int_equal(msrpm_bit(0xbfffffff), -1);
	assert_int_equal(msrpm_bit(0xc0000000), 0x800 * 8);
	assert_int_equal(msrpm_bit(MSR_EFER), 0x820 * 8);
	assert_int_equal(msrpm_bit(0xc0010000), 0x1000 * 8);
	assert_int_equal(msrpm_bit(0xc0011fff), 0x17ff * 8 + 6);
	assert_int_equal(msrpm_bit(0xc0012000), -1);
	assert_int_equal(msrpm_bit(0xffffffff), -1);
}

static void test_intercept(void **state)
{
	const uint8_t *bytes = (const uint8_t *)&block;

	(void)state;
	block.control.clean = CLEAN_ALL;
	for (unsigned int code = 0; code < 192; code++) {
		vmcb_intercept(&block, code, true);
		assert_int_equal(bytes[code / 8], 1u << code % 8);
		assert_int_equal(block.control.clean, CLEAN_ALL & ~CLEAN_I);
		block.control.clean = CLEAN_ALL;
		vmcb_intercept(&block, code, true);
		assert_int_equal(block.control.clean, CLEAN_ALL);
		vmcb_intercept(&block, code, false);
		assert_int_equal(bytes[code / 8], 0);
		block.control.clean = CLEAN_ALL;
	}
}

static struct vm_exit decoded(uint64_t code, uint64_t info1, uint64_t info2)
{
	struct vm_exit x;

	block.control.exitcode = code;
	block.control.exitinfo1 = info1;
	block.control.exitinfo2 = info2;
	exit_decode(&vcpu, &x);
	assert_int_equal(x.code, code);
	assert_int_equal(x.rip, block.save.rip);
	return x;
}

static void test_io(void **state)
{
	struct vm_exit x;

	(void)state;
	block.save.rip = 0x1000;
	x = decoded(VMEXIT_IOIO, 0x03f80211, 0x1001); /* in al, dx */
	assert_int_equal(x.kind, EXIT_IO);
	assert_int_equal(x.io.port, 0x3f8);
	assert_int_equal(x.io.size, 1);
	assert_int_equal(x.io.flags, MULLION_IO_IN);
	assert_int_equal(x.io.next_rip, 0x1001);
	assert_int_equal(x.insn_len, 1);
	x = decoded(VMEXIT_IOIO, 0xfff8022c, 0x1003); /* rep outsw */
	assert_int_equal(x.io.port, 0xfff8);
	assert_int_equal(x.io.size, 2);
	assert_int_equal(x.io.flags, MULLION_IO_STRING | MULLION_IO_REP);
	assert_int_equal(decoded(VMEXIT_IOIO, 0x00700040, 0x1002).io.size, 4);
}

static void test_nested_fault(void **state)
{
	struct vm_exit x;

	(void)state;
	block.control.bytes_fetched = 0xff;
	block.control.guest_instruction[14] = 0xcc;
	x = decoded(VMEXIT_NPF, 1ull << 32 | 6, 0xfee00300);
	assert_int_equal(x.kind, EXIT_NESTED_FAULT);
	assert_int_equal(x.memory.gpa, 0xfee00300);
	assert_int_equal(x.memory.access, MULLION_ACCESS_WRITE);
	assert_int_equal(x.insn_count, 0);
	svm_features.decode_assists = true;
	x = decoded(VMEXIT_NPF, 1ull << 33 | 0x15, 0);
	assert_int_equal(x.memory.access,
			 MULLION_ACCESS_PRESENT | MULLION_ACCESS_FETCH | MULLION_ACCESS_WALK);
	assert_int_equal(x.insn_count, 15);
	assert_int_equal(x.insn[14], 0xcc);
}

static void test_instruction(void **state)
{
	static const struct {
		uint64_t code, info1;
		uint8_t cpl;
		enum exit_kind kind;
	} cases[] = {
		{ VMEXIT_CPUID, 0, 3, EXIT_CPUID },
		{ VMEXIT_HLT, 0, 0, EXIT_HLT },
		{ VMEXIT_MSR, 0, 0, EXIT_RDMSR },
		{ VMEXIT_MSR, 1, 0, EXIT_WRMSR },
		{ VMEXIT_WBINVD, 0, 0, EXIT_WBINVD },
		{ VMEXIT_VMMCALL, 0, 0, EXIT_HYPERCALL },
		{ VMEXIT_VMMCALL, 0, 3, EXIT_FORBIDDEN },
		{ VMEXIT_XSETBV, 0, 0, EXIT_XSETBV },
		{ VMEXIT_XSETBV, 0, 3, EXIT_PRIVILEGED },
		{ VMEXIT_VMRUN, 0, 0, EXIT_FORBIDDEN },
		{ VMEXIT_MWAIT_CONDITIONAL, 0, 0, EXIT_FORBIDDEN },
		{ VMEXIT_RDPMC, 0, 0, EXIT_PRIVILEGED },
		{ VMEXIT_DR0_READ + 7, 0, 0, EXIT_DR_ACCESS },
		{ VMEXIT_DR15_WRITE, 0, 0, EXIT_DR_ACCESS },
		{ VMEXIT_CR8_WRITE, 1ull << 63, 0, EXIT_CR_WRITE },
	};

	(void)state;
	svm_features.decode_assists = true;
	block.save.rip = 0x1000;
	block.control.nrip = 0x1003;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		block.save.cpl = cases[i].cpl;
		svm_features.next_rip = false;
		assert_int_equal(decoded(cases[i].code, cases[i].info1, 0).kind, cases[i].kind);
		assert_int_equal(decoded(cases[i].code, cases[i].info1, 0).insn_len, 0);
		svm_features.next_rip = true;
		assert_int_equal(decoded(cases[i].code, cases[i].info1, 0).insn_len, 3);
	}
	/* No instruction, or a next RIP that cannot be. */
	assert_int_equal(decoded(VMEXIT_INTR, 0, 0).insn_len, 0);
	assert_int_equal(decoded(VMEXIT_NPF, 0, 0).insn_len, 0);
	block.control.nrip = 0x1010;
	assert_int_equal(decoded(VMEXIT_CPUID, 0, 0).insn_len, 0);
	block.control.nrip = 0xfff;
	assert_int_equal(decoded(VMEXIT_CPUID, 0, 0).insn_len, 0);
}

static void test_other_exits(void **state)
{
	struct vm_exit x;

	(void)state;
	assert_int_equal(decoded(VMEXIT_INTR, 0, 0).kind, EXIT_INTERRUPT);
	assert_int_equal(decoded(VMEXIT_NMI, 0, 0).kind, EXIT_NMI);
	assert_int_equal(decoded(VMEXIT_INIT, 0, 0).kind, EXIT_INIT);
	assert_int_equal(decoded(VMEXIT_VINTR, 0, 0).kind, EXIT_IRQ_WINDOW);
	assert_int_equal(decoded(VMEXIT_SHUTDOWN, 0, 0).kind, EXIT_SHUTDOWN);
	assert_int_equal(decoded(~0ull, 0, 0).kind, EXIT_REFUSED);
	assert_int_equal(decoded(0xffffffff, 0, 0).kind, EXIT_REFUSED);
	assert_int_equal(decoded(0x7d, 0, 0).kind, EXIT_UNKNOWN);
	assert_int_equal(decoded(0x403, 0, 0).kind, EXIT_UNKNOWN);

	x = decoded(VMEXIT_EXCP0 + EXC_AC, 0, 0);
	assert_int_equal(x.kind, EXIT_EXCEPTION);
	assert_int_equal(x.exception.vector, EXC_AC);
	x = decoded(VMEXIT_EXCP0 + EXC_DB, 0x1234, 0);
	assert_int_equal(x.exception.error, 0);

	/* A write of CR8 whose operand is unknown has no length either, that both be found. */
	svm_features.next_rip = true;
	block.save.rip = 0x1000;
	block.control.nrip = 0x1003;
	assert_int_equal(decoded(VMEXIT_CR8_WRITE, 1ull << 63 | 5, 0).insn_len, 0);
	svm_features.decode_assists = true;
	assert_int_equal(decoded(VMEXIT_CR8_WRITE, 5, 0).insn_len, 0);
	x = decoded(VMEXIT_CR8_WRITE, 1ull << 63 | 5, 0);
	assert_int_equal(x.insn_len, 3);
	assert_int_equal(x.cr.gpr, MULLION_RBP);
}

/* Fills the page with values that differ in every register. */
static void fill(struct mullion_run *run)
{
	uint8_t *bytes = (uint8_t *)run;

	random_seed(1);
	for (size_t i = 0; i < offsetof(struct mullion_run, xsave); i++)
		bytes[i] = (uint8_t)random_next();
	for (int i = 0; i < MULLION_SEGS; i++)
		run->seg[i].attr &= 0xfff;
	run->rflags = (run->rflags & 0x3f7fd7) | RFLAGS_FIXED;
	run->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_WP;
	run->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
	run->cr8 = 9;
	run->interruptibility = MULLION_BLOCK_NMI;
	run->dr[6] &= 0xffffffff;
	run->dr[7] &= 0xffffffff;
	run->msr.tsc_aux &= 0xffffffff;
	run->msr.spec_ctrl = 5;
}

#define SAME(field) assert_memory_equal(&back.field, &page.field, sizeof(page.field))

static void test_state(void **state)
{
	const uint32_t groups = MULLION_GROUPS & ~MULLION_GROUP_FPU;
	static struct mullion_run back;

	(void)state;
	svm_vcpu_init(&vcpu);
	fill(&page);
	block.control.clean = CLEAN_ALL;
	svm_set_state(&vcpu, groups, &page);
	assert_int_equal(unloads, 1);
	assert_int_equal(block.control.clean, CLEAN_IOPM | CLEAN_ASID);
	assert_true(block.save.efer & EFER_SVME);
	assert_int_equal(block.save.cpl, segment_dpl(page.seg[MULLION_SS].attr));
	assert_int_equal(block.control.tsc_offset, page.msr.tsc_offset);
	assert_true(block.control.vintr & V_INTR_MASKING);

	svm_get_state(&vcpu, groups, &back);
	assert_int_equal(syncs, 1);
	SAME(gpr);
	SAME(rip);
	SAME(rflags);
	SAME(interruptibility);
	SAME(cr0);
	SAME(cr2);
	SAME(cr3);
	SAME(cr4);
	SAME(efer);
	SAME(cr8);
	SAME(msr);
	SAME(seg);
	SAME(gdtr.base);
	SAME(gdtr.limit);
	SAME(idtr.base);
	SAME(idtr.limit);
	for (int i = 0; i < 8; i++) {
		if (i != 4 && i != 5)
			assert_int_equal(back.dr[i], page.dr[i]);
	}
}

static void test_state_made_harmless(void **state)
{
	(void)state;
	svm_vcpu_init(&vcpu);
	memset(&page, 0xff, sizeof(page));
	svm_set_state(&vcpu, MULLION_GROUPS, &page);
	assert_int_equal(block.control.vintr, V_INTR_MASKING | 0xf);
	assert_int_equal(block.save.rflags, 0x3f7fd7);
	assert_int_equal(block.save.dr6 >> 32, 0);
	assert_int_equal(block.save.dr7 >> 32, 0);
	assert_int_equal(block.save.cr0 & (CR0_CD | CR0_NW), 0);
	assert_int_equal(vcpu.tsc_aux, 0xffffffff);
	assert_int_equal(vcpu.spec_ctrl, 7);
	assert_int_equal(block.control.interrupt_shadow, INTERRUPT_SHADOW);
	assert_int_equal(block.save.gs.attr, 0xfff);
	assert_int_equal(block.save.tr.attr, 0xfff);
	page.cr0 = CR0_PE;
	page.efer = EFER_LME | EFER_LMA;
	svm_set_state(&vcpu, MULLION_GROUP_CR, &page);
	assert_int_equal(svm_get_efer(&vcpu), EFER_LME);
}

static void test_cpl_is_ss_dpl(void **state)
{
	(void)state;
	block.save.cpl = 3;
	block.save.ss.attr = 0xc93;
	svm_get_state(&vcpu, MULLION_GROUP_SEG, &page);
	assert_int_equal(page.seg[MULLION_SS].attr, 0xcf3);
}

static void test_init(void **state)
{
	(void)state;
	svm_vcpu_init(&vcpu);
	assert_int_equal(block.control.vintr, V_INTR_MASKING);
	assert_int_equal(block.control.n_cr3, 0x7000);
	assert_int_equal(block.control.msrpm_base_pa, 0x3000);
	assert_int_equal(block.control.intercepts[2], 1u << 1 | 1u << 6 | 1u << 17 | 1u << 18);
	/* INTR, NMI, INIT, RDPMC, CPUID, INVD, HLT, INVLPGA, IOIO, MSR, SHUTDOWN */
	assert_int_equal(block.control.intercepts[3], 0x9d44800b);
	/* VMRUN to SKINIT, ICEBP, WBINVD, MONITOR, MWAIT twice, XSETBV */
	assert_int_equal(block.control.intercepts[4], 0x3f7f);

	memset(&block, 0, sizeof(block));
	vcpu.is_service = true;
	svm_vcpu_init(&vcpu);
	assert_int_equal(block.control.vintr, 0);
	assert_int_equal(block.control.msrpm_base_pa, 0x1000);
	assert_int_equal(block.control.intercepts[2], 0);
	/* INIT, CPUID, INVD, INVLPGA, MSR, SHUTDOWN: its interrupts, ports and HLT are its own. */
	assert_int_equal(block.control.intercepts[3], 0x94440008);
	assert_int_equal(block.control.intercepts[4], 0x7f);
}

static void test_skip(void **state)
{
	(void)state;
	block.save.rip = 0xfffffffe;
	block.control.interrupt_shadow = INTERRUPT_SHADOW;
	assert_false(svm_skip(&vcpu, 3));
	assert_int_equal(block.save.rip, 1);
	assert_int_equal(block.control.interrupt_shadow, 0);

	block.save.rip = 0xfffffffe;
	block.save.efer = EFER_LME | EFER_LMA;
	block.save.cs.attr = 0xa9b;
	block.save.rflags = RFLAGS_TF;
	assert_true(svm_skip(&vcpu, 3));
	assert_int_equal(block.save.rip, 0x100000001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_event, setup),
		cmocka_unit_test_setup(test_segment, setup),
		cmocka_unit_test_setup(test_msrpm, setup),
		cmocka_unit_test_setup(test_intercept, setup),
		cmocka_unit_test_setup(test_io, setup),
		cmocka_unit_test_setup(test_nested_fault, setup),
		cmocka_unit_test_setup(test_instruction, setup),
		cmocka_unit_test_setup(test_other_exits, setup),
		cmocka_unit_test_setup(test_state, setup),
		cmocka_unit_test_setup(test_state_made_harmless, setup),
		cmocka_unit_test_setup(test_cpl_is_ss_dpl, setup),
		cmocka_unit_test_setup(test_init, setup),
		cmocka_unit_test_setup(test_skip, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
