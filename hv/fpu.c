// SPDX-License-Identifier: GPL-2.0-only
/* Extended processor state; contracts in fpu.h. */
#include "hv/fpu.h"

#include "hv/cpu.h"
#include "hv/lib/string.h"
#include "hv/vcpu.h"
#include "hv/x86.h"

/* Fields of the XSAVE image (SDM vol. 1 10.5.1, 13.4.2). */
#define FCW_OFFSET 0
#define MXCSR_OFFSET 24
#define HEADER_OFFSET 512
#define HEADER_SIZE 64
#define FCW_INIT 0x037f
#define MXCSR_INIT 0x1f80
#define MXCSR_BITS 0xffff

static void save(uint8_t *image)
{
	uint64_t mask = cpu_features.guest_xcr0;

	if (cpu_features.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(image), "a"((uint32_t)mask),
				 "d"((uint32_t)(mask >> 32))
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(image) : "memory");
}

static void restore(const uint8_t *image)
{
	static const uint32_t zero;
	uint64_t mask = cpu_features.guest_xcr0;

	/* Loading anything gives the instruction and data pointers root mode's values. */
	if (cpu_features.fpu_keeps_pointers)
		__asm__ volatile("fnclex; emms; fildl %0" ::"m"(zero));
	if (cpu_features.xsave)
		__asm__ volatile("xrstor64 (%0)" ::"r"(image), "a"((uint32_t)mask),
				 "d"((uint32_t)(mask >> 32))
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(image) : "memory");
}

static void put32(uint8_t *image, size_t offset, uint32_t value)
{
	memcpy(image + offset, &value, sizeof(value));
}

void fpu_init(struct vcpu *v)
{
	memset(v->fpu, 0, PAGE_SIZE);
	put32(v->fpu, FCW_OFFSET, FCW_INIT);
	put32(v->fpu, MXCSR_OFFSET, MXCSR_INIT);
	v->xcr0 = XCR0_X87;
}

void fpu_switch(struct vcpu *from, struct vcpu *to)
{
	uint64_t mask = cpu_features.guest_xcr0, now = 0;

	if (cpu_features.xsave) {
		/* All components that either side can reach are switched, whatever
		 * either side's XCR0 enables at the moment. */
		from->xcr0 = now = xgetbv0();
		if ((now & mask) != mask)
			xsetbv0(now |= mask);
	}
	save(from->fpu);
	restore(to->fpu);
	if (cpu_features.xsave && to->xcr0 != now)
		xsetbv0(to->xcr0);
}

void fpu_get(const struct vcpu *v, uint8_t *image)
{
	memcpy(image, v->fpu, MULLION_XSAVE_SIZE);
}

void fpu_set(struct vcpu *v, const uint8_t *image)
{
	uint64_t components;
	uint32_t mxcsr;

	memcpy(v->fpu, image, MULLION_XSAVE_SIZE);
	memcpy(&components, v->fpu + HEADER_OFFSET, sizeof(components));
	memcpy(&mxcsr, v->fpu + MXCSR_OFFSET, sizeof(mxcsr));
	components &= cpu_features.guest_xcr0;
	memset(v->fpu + HEADER_OFFSET, 0, HEADER_SIZE);
	memcpy(v->fpu + HEADER_OFFSET, &components, sizeof(components));
	put32(v->fpu, MXCSR_OFFSET, mxcsr & MXCSR_BITS);
}

bool fpu_xcr0_valid(uint64_t value)
{
	uint64_t avx512 = value & XCR0_AVX512;

	return value & XCR0_X87 && !(value & ~cpu_features.guest_xcr0) &&
	       (!(value & XCR0_AVX) || value & XCR0_SSE) &&
	       (!avx512 || (avx512 == XCR0_AVX512 && value & XCR0_AVX));
}
