/* SPDX-License-Identifier: GPL-2.0-only */
#include "svm/translate.h"

struct mullion_segment segment_from_vmcb(const struct vmcb_segment *segment)
{
	return (struct mullion_segment){
		.selector = segment->selector,
		.attr = segment->attrib & 0xfff,
		.limit = segment->limit,
		.base = segment->base,
	};
}

struct vmcb_segment segment_to_vmcb(const struct mullion_segment *segment)
{
	return (struct vmcb_segment){
		.selector = segment->selector,
		.attrib = segment->attr & 0xfff,
		.limit = segment->limit,
		.base = segment->base,
	};
}

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
