// SPDX-License-Identifier: GPL-2.0-only
/* What of a processor's CPUID the module offers to guests. */
#include <string.h>

#include "support.h"

#include "vmm-user/module/cpuid_policy.h"

/* A processor that has everything. */
static struct cpuid_values everything(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_values v = { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff };

	if (leaf == 0)
		v.eax = 0x20;
	else if (leaf == 0x80000000)
		v.eax = 0x80000028;
	else if (leaf == 0xd && subleaf == 2)
		v = (struct cpuid_values){ 256, 576, 0, 0 };
	else if (leaf == 0xd && subleaf >= 5 && subleaf <= 7)
		v = (struct cpuid_values){ 64 << subleaf, 1024, 7, 0 };
	return v;
}

static struct cpuid_values nothing(uint32_t leaf, uint32_t subleaf)
{
	(void)leaf;
	(void)subleaf;
	return (struct cpuid_values){ 0, 0, 0, 0 };
}

static const struct cpuid_policy rich = {
	.xcr0 = 0xe7, .phys_bits = 46, .kvmclock = true, .native = everything
};
static const struct cpuid_policy plain = {
	.xcr0 = 3, .phys_bits = 46, .kvmclock = false, .native = everything
};

/* Dangerous where root mode and the emulator do not expect them. */
static void test_excluded(void **state)
{
	struct cpuid_values v;

	(void)state;
	v = cpuid_policy_values(&rich, 1, 0);
	assert_false(v.ecx & (1u << 3 | 1u << 5 | 1u << 6 | 1u << 24 | 1u << 27));
	assert_int_equal(v.ebx & 0xffff00ff, 0);
	v = cpuid_policy_values(&rich, 7, 0);
	assert_false(v.ebx & (1u << 2 | 1u << 4 | 1u << 11 | 1u << 25));
	assert_false(v.ecx & (1u << 3 | 1u << 4 | 1u << 7 | 1u << 31));
	assert_false(v.edx & (1u << 20 | 1u << 22 | 1u << 24 | 1u << 29));
	v = cpuid_policy_values(&rich, 0x80000001, 0);
	assert_false(v.ecx & (1u << 2 | 1u << 10 | 1u << 12));
	v = cpuid_policy_values(&rich, 0xd, 1);
	assert_false(v.eax & (1u << 1 | 1u << 3 | 1u << 4));
	v = cpuid_policy_values(&rich, 0x8000000a, 0);
	assert_int_equal(v.eax | v.ebx | v.ecx | v.edx, 0);
	v = cpuid_policy_values(&rich, 0x8000001f, 0);
	assert_int_equal(v.eax | v.ebx | v.ecx | v.edx, 0);
}

static void test_extended_state(void **state)
{
	struct cpuid_values v = cpuid_policy_values(&rich, 0xd, 0);

	(void)state;
	assert_int_equal(v.eax, 0xe7);
	assert_int_equal(v.ecx, 1024 + (64 << 7));
	assert_int_equal(cpuid_policy_values(&rich, 0xd, 2).eax, 256);
	assert_int_equal(cpuid_policy_values(&rich, 0xd, 3).eax, 0);
	assert_int_equal(cpuid_policy_values(&rich, 0xd, 5).ecx, 0);

	/* Without its registers a feature is not offered. */
	v = cpuid_policy_values(&rich, 7, 0);
	assert_true(v.ebx & 1u << 5 && v.ebx & 1u << 16 && v.ecx & 1u << 1 && v.edx & 1u << 23);
	v = cpuid_policy_values(&plain, 7, 0);
	assert_false(v.ebx & (1u << 5 | 1u << 16 | 1u << 31));
	assert_false(v.ecx & (1u << 1 | 1u << 9));
	assert_false(v.edx & 1u << 23);
	assert_false(cpuid_policy_values(&plain, 1, 0).ecx & (1u << 28 | 1u << 12));
	assert_int_equal(cpuid_policy_values(&plain, 0xd, 0).ecx, 576);
}

static void test_own_features(void **state)
{
	struct cpuid_policy bare = { .native = nothing };
	struct cpuid_values v = cpuid_policy_values(&rich, 0x40000000, 0);
	char signature[13] = { 0 };

	(void)state;
	memcpy(signature, &v.ebx, 4);
	memcpy(signature + 4, &v.ecx, 4);
	memcpy(signature + 8, &v.edx, 4);
	assert_string_equal(signature, "KVMKVMKVM");
	assert_int_equal(v.eax, 0x40000001);
	assert_true(cpuid_policy_values(&rich, 0x40000001, 0).eax & 1u << 3);
	assert_false(cpuid_policy_values(&plain, 0x40000001, 0).eax & 1u << 3);
	/* ASYNC_PF, PV_EOI: QEMU complains on each start where they are missing. */
	assert_int_equal(cpuid_policy_values(&plain, 0x40000001, 0).eax & 0x50, 0x50);
	assert_true(cpuid_policy_values(&rich, 1, 0).ecx & 1u << 31);
	assert_true(cpuid_policy_values(&plain, 1, 0).ecx & 1u << 21); /* x2APIC */
	assert_true(cpuid_policy_values(&rich, 7, 0).ebx & 1u << 1);
	/* Leaves that the processor has not are not there, own features or not. */
	v = cpuid_policy_values(&bare, 7, 0);
	assert_int_equal(v.eax | v.ebx | v.ecx | v.edx, 0);
	assert_int_equal(cpuid_policy_limit(&bare, 0), 0);
}

static void test_sizes(void **state)
{
	struct cpuid_values v = cpuid_policy_values(&rich, 0x80000008, 0);

	(void)state;
	assert_int_equal(v.eax & 0xff, 46);
	assert_int_equal(v.eax & 0xff00, 0xff00);
	assert_int_equal(v.ecx | v.edx, 0);
	assert_int_equal(cpuid_policy_limit(&rich, 0), 0xd);
	assert_int_equal(cpuid_policy_limit(&rich, 0x80000000), 0x80000021);
	assert_int_equal(cpuid_policy_values(&rich, 0xe, 0).eax, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_excluded),
		cmocka_unit_test(test_extended_state),
		cmocka_unit_test(test_own_features),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
