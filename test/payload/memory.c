// SPDX-License-Identifier: GPL-2.0-only
/* The payload `memory`: device memory through every kind of instruction, self-modifying code,
 * paging patterns, all of RAM. */
#include "memory.h"

static const struct test tests[] = {
	{ "device memory: widths", test_device_widths },
	{ "device memory: read, change, write", test_device_change },
	{ "device memory: extension", test_device_extend },
	{ "device memory: strings", test_device_strings },
	{ "device memory: across pages", test_device_cross },
	{ "device memory: SSE", test_device_sse },
	{ "device memory: registers of the APIC and the HPET", test_device_registers },
	{ "device memory: behind page tables", test_device_paging },
	{ "ROM ignores writes", test_rom },
	{ "code that changes itself", test_self_modifying },
	{ "code in fresh pages", test_fresh_code },
	{ "accesses across pages that lie apart", test_apart },
	{ "pages that come and go", test_demand },
	{ "all of RAM", test_ram },
};

void main(void)
{
	apic_enable();
	tests_run(tests, ARRAY_SIZE(tests));
}
