// SPDX-License-Identifier: GPL-2.0-only
#include "payload.h"

const struct msr_bits direct_msrs[] = {
	{ 0xc0000081, ~0ull << 32 },        /* STAR */
	{ 0xc0000082, 0x00007fffffffffff }, /* LSTAR */
	{ 0xc0000083, 0x00007fffffffffff }, /* CSTAR */
	{ 0xc0000084, 0x3f7fd5 },           /* SFMASK */
	{ 0xc0000100, 0x00007fffffffffff }, /* FS and GS base, KERNEL_GS_BASE */
	{ 0xc0000101, 0x00007fffffffffff },
	{ 0xc0000102, 0x00007fffffffffff },
	{ 0x174, 0xffff }, /* SYSENTER's three */
	{ 0x175, 0x7fffffff },
	{ 0x176, 0x7fffffff },
	{ 0xc0000103, 0xffffffff }, /* TSC_AUX, where there is RDTSCP */
};

unsigned int direct_msr_count(void)
{
	return ARRAY_SIZE(direct_msrs) - !(cpuid(0x80000001, 0).edx & 1u << 27);
}
