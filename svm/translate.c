/* SPDX-License-Identifier: GPL-2.0-only */
#include "svm/translate.h"

#include "hv/x86.h"

uint64_t event_pack(const struct mullion_event *event, bool real_mode)
{
	uint64_t packed = EVENT_VALID | (uint64_t)(event->type & 7) << EVENT_TYPE_SHIFT |
			  event->vector;

	if (event->type == MULLION_EVENT_EXCEPTION && event->has_error && !real_mode)
		packed |= EVENT_ERROR_VALID | (uint64_t)event->error << EVENT_ERROR_SHIFT;
	return packed;
}

struct mullion_event event_unpack(uint64_t info)
{
	struct mullion_event event = { 0 };

	if (!(info & EVENT_VALID))
		return event;
	event.valid = 1;
	event.type = info >> EVENT_TYPE_SHIFT & 7;
	event.vector = (uint8_t)info;
	if (info & EVENT_ERROR_VALID) {
		event.has_error = 1;
		event.error = info >> EVENT_ERROR_SHIFT;
	}
	return event;
}

bool event_is_software(const struct mullion_event *event)
{
	return event->type == MULLION_EVENT_SOFT_INTERRUPT ||
	       (event->type == MULLION_EVENT_EXCEPTION &&
		(event->vector == EXC_BP || event->vector == EXC_OF));
}

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
