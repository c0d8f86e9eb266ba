// SPDX-License-Identifier: GPL-2.0-only
/* hv/cpuid.c: what guests and the service domain see. */
#include "support.h"

#include "policy.h"

#include <string.h>

static struct mullion_cpuid table[MULLION_CPUID_MAX];

static struct cpuid_regs ask(bool service, uint32_t leaf, uint32_t subleaf)
{
	const struct vm_exit x = { .kind = EXIT_CPUID, .insn_len = POLICY_INSN_LENGTH };
	struct vcpu *v = &policy_vcpu;

	policy_start(service);
	v->cpuid = table;
	for (unsigned int i = 0; i < MULLION_GPRS; i++)
		v->gpr[i] = ~0ull;
	v->gpr[MULLION_RAX] = 0xffffffff00000000 | leaf;
	v->gpr[MULLION_RCX] = 0xffffffff00000000 | subleaf;
	cpuid_exit(v, &x);
	assert_true(policy_outcome.skipped);
	assert_int_equal(policy_outcome.skipped_length, POLICY_INSN_LENGTH);
	assert_false(policy_outcome.left);
	/* The upper halves are cleared. */
	assert_true(v->gpr[MULLION_RAX] <= UINT32_MAX && v->gpr[MULLION_RBX] <= UINT32_MAX);
	assert_true(v->gpr[MULLION_RCX] <= UINT32_MAX && v->gpr[MULLION_RDX] <= UINT32_MAX);
	assert_int_equal(v->gpr[MULLION_RSI], ~0ull);
	return (struct cpuid_regs){ (uint32_t)v->gpr[MULLION_RAX], (uint32_t)v->gpr[MULLION_RBX],
				    (uint32_t)v->gpr[MULLION_RCX], (uint32_t)v->gpr[MULLION_RDX] };
}

static void assert_regs(struct cpuid_regs r, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	assert_int_equal(r.eax, eax);
	assert_int_equal(r.ebx, ebx);
	assert_int_equal(r.ecx, ecx);
	assert_int_equal(r.edx, edx);
}

static int setup(void **state)
{
	static const struct mullion_cpuid rows[] = {
		{ .function = 0, .eax = 0xd, .ebx = 1, .ecx = 2, .edx = 3 },
		{ .function = 1, .eax = 0x10, .ebx = 0x11, .ecx = 0x12, .edx = 0x13 },
		{ .function = 4, .index = 0, .flags = MULLION_CPUID_INDEXED, .eax = 0x40 },
		{ .function = 4, .index = 1, .flags = MULLION_CPUID_INDEXED, .eax = 0x41 },
		{ .function = 7, .index = 0, .flags = MULLION_CPUID_INDEXED, .ecx = 0x60 },
		{ .function = 7, .index = 1, .flags = MULLION_CPUID_INDEXED, .ecx = 0x71 },
		{ .function = 0xd, .index = 0, .flags = MULLION_CPUID_INDEXED, .ebx = 9999 },
		{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b },
		{ .function = 0x80000001, .eax = 0x80 },
	};

	(void)state;
	memset(table, 0, sizeof(table));
	memcpy(table, rows, sizeof(rows));
	policy_vcpu.cpuid_count = ARRAY_SIZE(rows);
	policy_cr4 = 0;
	memset(&cpu_features, 0, sizeof(cpu_features));
	return 0;
}

static void test_guest(void **state)
{
	(void)state;
	assert_regs(ask(false, 0, 0), 0xd, 1, 2, 3);
	assert_regs(ask(false, 0, 77), 0xd, 1, 2, 3); /* this leaf has no subleaves */
	assert_regs(ask(false, 4, 0), 0x40, 0, 0, 0);
	assert_regs(ask(false, 4, 1), 0x41, 0, 0, 0);
	assert_regs(ask(false, 4, 2), 0, 0, 0, 0);
	assert_regs(ask(false, 0x80000001, 5), 0x80, 0, 0, 0);
	/* Nothing of the processor's own, nor of Mullion. */
	for (uint32_t leaf = 0x40000000; leaf < 0x40000100; leaf++)
		assert_regs(ask(false, leaf, 0), leaf == 0x40000000 ? 0x40000001 : 0,
			    leaf == 0x40000000 ? 0x4b4d564b : 0, 0, 0);
	assert_regs(ask(false, 2, 0), 0, 0, 0, 0);
	assert_regs(ask(false, 0xffffffff, 0), 0, 0, 0, 0);
	/* Without a table there is nothing at all; with a full one the last row is found. */
	policy_vcpu.cpuid_count = 0;
	assert_regs(ask(false, 0, 0), 0, 0, 0, 0);
	policy_vcpu.cpuid_count = MULLION_CPUID_MAX;
	table[MULLION_CPUID_MAX - 1] = (struct mullion_cpuid){ .function = 0x1234, .edx = 5 };
	assert_regs(ask(false, 0x1234, 0), 0, 0, 0, 5);
}

static void test_mirrors(void **state)
{
	(void)state;
	assert_int_equal(ask(false, 1, 0).ecx, 0x12);
	policy_cr4 = CR4_OSXSAVE;
	assert_int_equal(ask(false, 1, 0).ecx, 0x12 | 1u << 27);
	assert_int_equal(ask(false, 7, 0).ecx, 0x60);
	policy_cr4 = CR4_PKE;
	assert_int_equal(ask(false, 1, 0).ecx, 0x12);
	assert_int_equal(ask(false, 7, 0).ecx, 0x60 | 1u << 4);
	assert_int_equal(ask(false, 7, 1).ecx, 0x71);
	/* Also when the table has the bit set. */
	table[1].ecx |= 1u << 27;
	assert_int_equal(ask(false, 1, 0).ecx, 0x12);
	/* The service domain's, whatever this processor says. */
	policy_cr4 = 0;
	assert_int_equal(ask(true, 1, 0).ecx >> 27 & 1, 0);
	policy_cr4 = CR4_OSXSAVE;
	assert_int_equal(ask(true, 1, 0).ecx >> 27 & 1, 1);
}

static void test_service(void **state)
{
	struct cpuid_regs real = cpuid(0x80000000, 0), r = ask(true, 0x80000000, 0);
	char signature[12];

	(void)state;
	assert_regs(r, real.eax, real.ebx, real.ecx, real.edx);
	r = ask(true, MULLION_CPUID_BASE, 0);
	assert_int_equal(r.eax, MULLION_CPUID_ABI);
	memcpy(signature, &r.ebx, 4);
	memcpy(signature + 4, &r.ecx, 4);
	memcpy(signature + 8, &r.edx, 4);
	assert_memory_equal(signature, MULLION_SIGNATURE, 12);
	assert_int_equal(ask(true, MULLION_CPUID_ABI, 0).eax, MULLION_ABI_VERSION);
	assert_int_equal(ask(true, 1, 0).ecx >> 31, 1); /* on a hypervisor */
}

static void test_xsave_size(void **state)
{
	(void)state;
	/* Not as in the table: what XCR0 enables, here the legacy components only. */
	assert_int_equal(ask(false, 0xd, 0).ebx, 576);
	/* Not without the leaf, which means that the guest has no XSAVE. */
	policy_vcpu.cpuid_count = 1;
	assert_int_equal(ask(false, 0xd, 0).ebx, 0);
}

/* An instruction that cannot be read is left alone. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_guest, setup),
		cmocka_unit_test_setup(test_mirrors, setup),
		cmocka_unit_test_setup(test_service, setup),
		cmocka_unit_test_setup(test_xsave_size, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
