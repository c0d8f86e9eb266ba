/* SPDX-License-Identifier: GPL-2.0-only */
/* Contracts in event.h. */
#include "hv/event.h"

#include "hv/x86.h"

uint64_t event_pack(const struct mullion_event *event, uint32_t with_error)
{
	uint64_t packed = EVENT_VALID | (uint64_t)(event->type & 7) << EVENT_TYPE_SHIFT |
			  event->vector;

	if (event->type == MULLION_EVENT_EXCEPTION && event->vector < 32 &&
	    with_error >> event->vector & 1)
		packed |= EVENT_ERROR_VALID | (uint64_t)event->error << EVENT_ERROR_SHIFT;
	return packed;
}

struct mullion_event event_unpack(uint64_t info)
{
	bool error = info & EVENT_ERROR_VALID;

	return (struct mullion_event){
		.valid = info & EVENT_VALID ? 1 : 0,
		.type = info >> EVENT_TYPE_SHIFT & 7,
		.vector = (uint8_t)info,
		.has_error = error,
		.error = error ? info >> EVENT_ERROR_SHIFT : 0,
	};
}

bool event_is_software(const struct mullion_event *event)
{
	return event->type == MULLION_EVENT_SOFT_INTERRUPT ||
	       (event->type == MULLION_EVENT_EXCEPTION &&
		(event->vector == EXC_BP || event->vector == EXC_OF));
}
