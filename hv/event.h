/* SPDX-License-Identifier: GPL-2.0-only */
/* Events in the encoding that both vendors' control blocks have (APM vol. 2 15.20, SDM vol. 3C
 * 25.8.3, 25.9.3): vector, type, and the bits below. */
#ifndef HV_EVENT_H
#define HV_EVENT_H

#include <mullion/abi.h>

#include "hv/types.h"

#define EVENT_TYPE_SHIFT 8
#define EVENT_ERROR_VALID BIT(11)
#define EVENT_VALID BIT(31)
#define EVENT_ERROR_SHIFT 32 /* on VT-x the error code has a field of its own */

/* Whether an exception has an error code is the processor's rule, and not what `event` says:
 * those of `with_error` (bits by vector) have one. In real mode that is none (APM vol. 2 8.2,
 * SDM vol. 3C 28.2.1.3). */
uint64_t event_pack(const struct mullion_event *event, uint32_t with_error);

struct mullion_event event_unpack(uint64_t info);

/* Whether an instruction (INT n, INT3, INTO) may have raised `event`: then RIP stood on
 * that instruction, and the return address is after it. */
bool event_is_software(const struct mullion_event *event);

#endif
