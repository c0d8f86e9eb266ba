/* SPDX-License-Identifier: GPL-2.0-only */
#include "svm/translate.h"

const uint32_t msrpm_range_first[MSRPM_RANGES] = { 0, 0xc0000000, 0xc0010000 };

int32_t msrpm_bit(uint32_t index)
{
	for (uint32_t range = 0; range < MSRPM_RANGES; range++) {
		uint32_t offset = index - msrpm_range_first[range];

		if (offset < MSRPM_RANGE_MSRS)
			return 2 * (range * MSRPM_RANGE_MSRS + offset);
	}
	return -1;
}
