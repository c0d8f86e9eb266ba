// SPDX-License-Identifier: GPL-2.0-only
#include "apic_message.h"

struct apic_message apic_message_from_msi(uint32_t address_lo, uint32_t address_hi, uint32_t data,
					  bool wide)
{
	struct apic_message m = {
		.destination = address_lo >> 12 & 0xff,
		.delivery = data >> 8 & 7,
		.vector = data & 0xff,
		.logical = address_lo >> 2 & 1,
		.level = data >> 15 & 1,
		.assert = true,
	};

	if (wide)
		m.destination |= address_hi & 0xffffff00u;
	else if (m.destination == XAPIC_BROADCAST)
		m.destination = APIC_BROADCAST;
	return m;
}

bool apic_msi_valid(uint32_t address_hi, bool wide)
{
	return !wide || !(address_hi & 0xff);
}
