// SPDX-License-Identifier: GPL-2.0-only
/* hv/fpu.c: which XCR0 and which images a guest may have. */
#include "support.h"

#include <string.h>

#include "hv/cpu.h"
#include "hv/fpu.h"
#include "hv/vcpu.h"
#include "hv/x86.h"

#define COMPONENTS 512 /* offset in the image */

struct cpu_features cpu_features;

static uint8_t image[PAGE_SIZE] __attribute__((aligned(64)));
static struct vcpu vcpu = { .fpu = image };

/* SDM vol. 1 13.3, bit by bit. */
static bool allowed(uint64_t value, uint64_t supported)
{
	bool avx512 = value & (BIT(5) | BIT(6) | BIT(7));

	if (!(value & BIT(0)) || value & ~supported)
		return false;
	if (value & BIT(2) && !(value & BIT(1)))
		return false;
	return !avx512 || (value & BIT(5) && value & BIT(6) && value & BIT(7) && value & BIT(2));
}

static void test_xcr0(void **state)
{
	static const uint64_t supported[] = {
		1, 3, 7, 7 | XCR0_AVX512, 7 | XCR0_PKRU, 7 | XCR0_AVX512 | XCR0_PKRU
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(supported); i++) {
		cpu_features.guest_xcr0 = supported[i];
		for (uint64_t value = 0; value < 1 << 11; value++)
			assert_int_equal(fpu_xcr0_valid(value), allowed(value, supported[i]));
		for (unsigned int bit = 11; bit < 64; bit++)
			assert_false(fpu_xcr0_valid(3 | BIT(bit)));
	}
}

static void test_init(void **state)
{
	uint8_t out[MULLION_XSAVE_SIZE];

	(void)state;
	memset(image, 0xee, sizeof(image));
	fpu_init(&vcpu);
	assert_int_equal(vcpu.xcr0, 1);
	fpu_get(&vcpu, out);
	assert_memory_equal(out, "\x7f\x03", 2);
	assert_memory_equal(out + 24, "\x80\x1f\0\0", 4);
	for (size_t i = 0; i < sizeof(out); i++) {
		if (i > 1 && (i < 24 || i > 27))
			assert_int_equal(out[i], 0);
	}
}

/* Whatever comes in: XRSTOR takes it. It faults at components beyond XCR0, at anything in
 * the rest of the header, and at reserved bits of MXCSR (SDM vol. 1 13.8). */
static void test_set(void **state)
{
	uint8_t in[MULLION_XSAVE_SIZE], out[MULLION_XSAVE_SIZE];

	(void)state;
	random_seed(3);
	for (unsigned int round = 0; round < 200; round++) {
		uint64_t components, wanted;
		uint32_t mxcsr;

		cpu_features.guest_xcr0 = round & 1 ? 7 : 3;
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (uint8_t)random_next();
		memset(image, 0xee, sizeof(image));
		fpu_set(&vcpu, in);
		memcpy(&wanted, in + COMPONENTS, 8);
		memcpy(&components, image + COMPONENTS, 8);
		assert_int_equal(components, wanted & cpu_features.guest_xcr0);
		for (size_t i = COMPONENTS + 8; i < COMPONENTS + 64; i++)
			assert_int_equal(image[i], 0);
		memcpy(&mxcsr, image + 24, 4);
		assert_int_equal(mxcsr & 0xffff0000, 0);
		assert_memory_equal(image + 24, in + 24, 2);
		/* All else is as it came, and nothing beyond it was written. */
		assert_memory_equal(image, in, 24);
		assert_memory_equal(image + 28, in + 28, COMPONENTS - 28);
		assert_memory_equal(image + 576, in + 576, sizeof(in) - 576);
		for (size_t i = sizeof(in); i < sizeof(image); i++)
			assert_int_equal(image[i], 0xee);
		fpu_get(&vcpu, out);
		assert_memory_equal(out, image, sizeof(out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xcr0),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
