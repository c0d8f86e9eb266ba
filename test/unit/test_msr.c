// SPDX-License-Identifier: GPL-2.0-only
/* hv/msr.c: who may use which MSR, and how. */
#include "support.h"

#include "policy.h"

#include <string.h>

#include "hv/log.h"
#include "hv/msr.h"
#include "hv/smp.h"

/* ---- The processor's MSRs: one that exists, with a value ---- */

static uint32_t present;
static uint64_t present_value;
static unsigned int processor_writes;
static uint64_t icr;
static bool icr_accepts;

bool rdmsr_safe(uint32_t index, uint64_t *value)
{
	*value = index == present ? present_value : 0;
	return index == present;
}

bool wrmsr_safe(uint32_t index, uint64_t value)
{
	if (index != present)
		return false;
	present_value = value;
	processor_writes++;
	return true;
}

bool smp_icr_write(uint64_t value)
{
	icr = value;
	return icr_accepts;
}

bool log_budget(void)
{
	return true;
}

static void access(bool service, bool write, uint32_t index, uint64_t value)
{
	const struct vm_exit x = { .kind = write ? EXIT_WRMSR : EXIT_RDMSR,
				   .insn_len = POLICY_INSN_LENGTH };
	struct vcpu *v = &policy_vcpu;

	policy_start(service);
	memset(&policy_run, 0, sizeof(policy_run));
	/* The upper halves do not count. */
	v->gpr[MULLION_RCX] = 0xdead000000000000 | index;
	v->gpr[MULLION_RAX] = 0xbeef000000000000 | (uint32_t)value;
	v->gpr[MULLION_RDX] = 0xcafe000000000000 | value >> 32;
	msr_exit(v, &x);
	/* Exactly one of the three, and past the instruction if it was answered. */
	assert_int_equal(policy_outcome.skipped + policy_outcome.faulted + policy_outcome.left, 1);
	if (policy_outcome.skipped)
		assert_int_equal(policy_outcome.skipped_length, POLICY_INSN_LENGTH);
}

static void expect_read(bool service, uint32_t index, uint64_t value)
{
	access(service, false, index, 0x1111111122222222);
	assert_true(policy_outcome.skipped);
	assert_int_equal(policy_vcpu.gpr[MULLION_RAX], (uint32_t)value);
	assert_int_equal(policy_vcpu.gpr[MULLION_RDX], value >> 32);
}

static void expect_written(bool service, uint32_t index, uint64_t value)
{
	access(service, true, index, value);
	assert_true(policy_outcome.skipped);
}

static void expect_fault(bool service, bool write, uint32_t index, uint64_t value)
{
	access(service, write, index, value);
	assert_true(policy_outcome.faulted);
}

/* It is the module's to answer. */
static void expect_leave(bool write, uint32_t index, uint64_t value)
{
	access(false, write, index, value);
	assert_true(policy_outcome.left);
	assert_int_equal(policy_outcome.reason, MULLION_EXIT_MSR);
	assert_int_equal(policy_run.exit.msr.index, index);
	assert_int_equal(policy_run.exit.msr.write, write);
	if (write)
		assert_int_equal(policy_run.exit.msr.value, value);
	assert_true(policy_outcome.groups & MULLION_GROUP_GPR);
}

static int setup(void **state)
{
	(void)state;
	memset(&cpu_features, 0, sizeof(cpu_features));
	cpu_features.efer = EFER_SCE | EFER_LME | EFER_NXE;
	policy_cr0 = 0;
	policy_efer = 0;
	present = 0;
	processor_writes = 0;
	return 0;
}

/* ---- Which pass without an exit ---- */

static bool listed[2][2]; /* the MSR looked for: read, write */
static uint32_t wanted;
static unsigned int count;

static void visit(void *map, uint32_t index, bool read, bool write)
{
	assert_ptr_equal(map, listed);
	count++;
	if (index == wanted) {
		listed[0][0] = true;
		listed[1][0] = read;
		listed[1][1] = write;
	}
}

/* Whether the MSR is an exception, and then whether reads and writes pass. */
static bool find(bool service, uint32_t index, bool *read, bool *write)
{
	memset(listed, 0, sizeof(listed));
	wanted = index;
	count = 0;
	msr_for_each_exception(service, visit, listed);
	assert_in_range(count, 1, 200);
	*read = listed[1][0];
	*write = listed[1][1];
	return listed[0][0];
}

static void test_passes(void **state)
{
	static const uint32_t guests[] = { 0x174,      0x175,      0x176,      0xc0000081,
					   0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
					   0xc0000101, 0xc0000102 };
	/* With these the service domain could reach root mode: at the least writes must exit. */
	static const uint32_t guarded[] = { 0xc0000080, 0x1b,       0xc0010010, 0xc0010015,
					    0xc0010016, 0xc0010019, 0xc001001a, 0xc001001d,
					    0xc0010058, 0xc0010111, 0xc0010112, 0xc0010113,
					    0xc0010114, 0xc0010117, 0xc0010020, 0x79,
					    0x3a,       0x480,      0x491 };
	/* What no guest may touch, with or without features: it is the machine's. */
	static const uint32_t denied[] = { 0x1b,       0x79,       0xc0000080, 0x277, 0x10,
					   0xc0010117, 0xc0010114, 0x200,      0x2ff, 0xc0010015,
					   0x1d9,      0x8b,       0x49 };
	bool read, write;

	(void)state;
	for (int on = 0; on <= 1; on++) {
		cpu_features.rdtscp = cpu_features.spec_ctrl = on;
		for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
			assert_true(find(false, guests[i], &read, &write));
			assert_true(read && write);
		}
		for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
			assert_true(!find(false, denied[i], &read, &write) || (!read && !write));
		find(false, MSR_TSC_AUX, &read, &write);
		assert_true(read == on && write == on);
		find(false, MSR_SPEC_CTRL, &read, &write);
		assert_true(read == on && write == on);
	}
	for (size_t i = 0; i < ARRAY_SIZE(guarded); i++) {
		assert_true(find(true, guarded[i], &read, &write));
		assert_false(write);
	}
	/* What it needs a thousand times a second does not exit. */
	assert_false(find(true, 0x6e0, &read, &write)); /* the TSC deadline */
	assert_false(find(true, MSR_FS_BASE, &read, &write));
}

/* ---- EFER, the same for both ---- */

static void check_efer(bool service)
{
	policy_efer = EFER_LME | EFER_LMA | EFER_SCE;
	policy_cr0 = CR0_PG | CR0_PE;
	expect_read(service, MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE);
	expect_written(service, MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(policy_efer, EFER_LME | EFER_LMA | EFER_NXE);
	/* LMA is the processor's. */
	expect_written(service, MSR_EFER, EFER_LME | EFER_NXE);
	assert_int_equal(policy_efer, EFER_LME | EFER_LMA | EFER_NXE);
	/* LME changes only while paging is off. */
	expect_fault(service, true, MSR_EFER, EFER_NXE);
	policy_cr0 = CR0_PE;
	policy_efer = EFER_LME;
	expect_written(service, MSR_EFER, 0);
	assert_int_equal(policy_efer, 0);
	/* Every other bit is refused, SVME first of all. */
	for (unsigned int bit = 0; bit < 64; bit++) {
		if ((cpu_features.efer | EFER_LMA) & BIT(bit))
			continue;
		expect_fault(service, true, MSR_EFER, BIT(bit));
		assert_int_equal(policy_efer, 0);
	}
}

static void test_efer(void **state)
{
	(void)state;
	check_efer(false);
	check_efer(true);
}

/* ---- Guests ---- */

static void test_pat(void **state)
{
	(void)state;
	expect_written(false, MSR_PAT, 0x0007040600070406);
	assert_int_equal(policy_pat, 0x0007040600070406);
	expect_read(false, MSR_PAT, 0x0007040600070406);
	for (unsigned int byte = 0; byte < 8; byte++) {
		for (uint64_t type = 0; type < 256; type++) {
			uint64_t value = (0x0007040600070406 & ~(0xffull << 8 * byte)) |
					 type << 8 * byte;

			if (type < 8 && type != 2 && type != 3) {
				expect_written(false, MSR_PAT, value);
				assert_int_equal(policy_pat, value);
			} else {
				expect_fault(false, true, MSR_PAT, value);
				assert_int_not_equal(policy_pat, value);
			}
		}
	}
}

static void test_tsc(void **state)
{
	uint64_t before = rdtsc(), read;

	(void)state;
	policy_vcpu.tsc_offset = 1ull << 60;
	access(false, false, MSR_TSC, 0);
	read = policy_vcpu.gpr[MULLION_RDX] << 32 | policy_vcpu.gpr[MULLION_RAX];
	assert_in_range(read, before + (1ull << 60), rdtsc() + (1ull << 60));
	expect_leave(true, MSR_TSC, 0x123456789);
}

static void test_guest_others(void **state)
{
	static const uint32_t others[] = { 0,          0x11,       0x1b,       0x8b,
					   0x1a0,      0x2ff,      0xc0010117, 0xc0010015,
					   0x40000000, 0xc0000103, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		/* Nothing of the processor's is read or written for a guest. */
		present = others[i];
		present_value = 0x5ec7e7;
		expect_leave(false, others[i], 0);
		expect_leave(true, others[i], 0xfedcba9876543210);
		assert_int_equal(present_value, 0x5ec7e7);
	}
	/* IBPB, where there is none. */
	expect_leave(true, MSR_PRED_CMD, 1);
	expect_leave(false, MSR_PRED_CMD, 0);
	cpu_features.ibpb = true;
	expect_leave(true, MSR_PRED_CMD, 2);
}

/* ---- The service domain ---- */

static void test_locked(void **state)
{
	(void)state;
	present = 0x3a;
	expect_read(true, 0x3a, 5);
	expect_fault(true, true, 0x3a, 1);
	present = 0xc0010114;
	present_value = 0x10;
	expect_read(true, 0xc0010114, 0x18);
	expect_fault(true, true, 0xc0010114, 0);
	present = 0xc0010117;
	present_value = 0x123000; /* where root mode's host state is */
	expect_read(true, 0xc0010117, 0);
	expect_written(true, 0xc0010117, 0x1000);
	assert_int_equal(present_value, 0x123000);
	assert_int_equal(processor_writes, 0);
}

static void test_ignored(void **state)
{
	static const uint32_t ignored[] = { 0x79,       0x480,      0x493,      0xc0010010,
					    0xc0010015, 0xc0010016, 0xc001001a, 0xc001001d,
					    0xc0010020, 0xc0010058, 0xc0010111, 0xc0010113,
					    0xc0010115, 0xc0010116, 0xc0010118, 0xc001011a };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
		/* Also where it cannot be read. */
		for (int readable = 0; readable <= 1; readable++) {
			present = readable ? ignored[i] : 1;
			present_value = 0x777;
			expect_written(true, ignored[i], 0xffffffffffff);
			assert_int_equal(present_value, 0x777);
		}
	}
	assert_int_equal(processor_writes, 0);
	assert_true(log_has("ignored"));
}

static void test_icr(void **state)
{
	(void)state;
	icr_accepts = true;
	expect_written(true, 0x830, 0x0000000300000500);
	assert_int_equal(icr, 0x0000000300000500);
	icr_accepts = false;
	expect_fault(true, true, 0x830, 0xffffffffffffffff);
}

/* An MSR that is not listed exits where the permission map does not reach it. */
static void test_service_others(void **state)
{
	(void)state;
	present = 0x12345;
	present_value = 0x1122334455667788;
	expect_read(true, 0x12345, 0x1122334455667788);
	expect_written(true, 0x12345, 0x99);
	assert_int_equal(present_value, 0x99);
	expect_fault(true, false, 0x54321, 0);
	expect_fault(true, true, 0x54321, 0);
}

/* An instruction that cannot be read has no effect. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_passes, setup),
		cmocka_unit_test_setup(test_efer, setup),
		cmocka_unit_test_setup(test_pat, setup),
		cmocka_unit_test_setup(test_tsc, setup),
		cmocka_unit_test_setup(test_guest_others, setup),
		cmocka_unit_test_setup(test_locked, setup),
		cmocka_unit_test_setup(test_ignored, setup),
		cmocka_unit_test_setup(test_icr, setup),
		cmocka_unit_test_setup(test_service_others, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
