// SPDX-License-Identifier: GPL-2.0-only
#include "msr_filter.h"

#define X2APIC_FIRST 0x800u
#define X2APIC_COUNT 0x100u

bool msr_filter_allows(const struct msr_filter *filter, uint32_t index, bool write)
{
	unsigned int i;

	if (!filter || index - X2APIC_FIRST < X2APIC_COUNT)
		return true;
	for (i = 0; i < filter->count; i++) {
		const struct msr_range *range = &filter->ranges[i];
		uint32_t at = index - range->base;

		if (index >= range->base && at < range->count &&
		    (write ? range->write : range->read))
			return range->allowed[at / 64] >> at % 64 & 1;
	}
	return filter->allow;
}
