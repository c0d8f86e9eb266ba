// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include <mullion/abi.h>

#include "text.h"

#define KIB 1024u

const char *text_size(char buf[TEXT_SIZE_MAX], uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t unit = KIB, tenths;
	size_t i = 0;

	while (bytes / unit >= KIB) {
		unit *= KIB;
		i++;
	}
	/* Of the part below one unit, as much as still leaves room for the tenfold. */
	tenths = (bytes % unit / (unit / KIB) * 10 + KIB / 2) / KIB + bytes / unit * 10;
	if (!bytes)
		snprintf(buf, TEXT_SIZE_MAX, "0");
	else if (i == 0 && bytes % unit == 0)
		snprintf(buf, TEXT_SIZE_MAX, "%" PRIu64 " %s", bytes / unit, units[i]);
	else
		snprintf(buf, TEXT_SIZE_MAX, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
			 units[i]);
	return buf;
}

void text_print_safe(FILE *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
}

const char *text_feature(unsigned int bit)
{
	static const struct {
		uint32_t feature;
		const char *name;
	} names[] = {
		{ MULLION_FEATURE_NEXT_RIP, "next_rip" },
		{ MULLION_FEATURE_DECODE_ASSISTS, "decode_assists" },
		{ MULLION_FEATURE_FLUSH_BY_ASID, "flush_by_asid" },
		{ MULLION_FEATURE_CLEAN_BITS, "clean_bits" },
		{ MULLION_FEATURE_1G_PAGES, "1g_pages" },
		{ MULLION_FEATURE_XSAVE, "xsave" },
		{ MULLION_FEATURE_APICV, "apicv" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].feature == 1u << bit)
			return names[i].name;
	}
	return NULL;
}

const char *text_technology(uint32_t features)
{
	if (features & MULLION_FEATURE_SVM)
		return "AMD-V";
	return features & MULLION_FEATURE_VMX ? "VT-x" : "unknown";
}

const char *text_stat(unsigned int stat)
{
	static const char *const names[] = {
		[MULLION_STAT_EXITS] = "exits",
		[MULLION_STAT_CPUID] = "cpuid",
		[MULLION_STAT_MSR_READ] = "msr_read",
		[MULLION_STAT_MSR_WRITE] = "msr_write",
		[MULLION_STAT_HLT] = "hlt",
		[MULLION_STAT_HYPERCALL] = "hypercall",
		[MULLION_STAT_CR] = "cr",
		[MULLION_STAT_XSETBV] = "xsetbv",
		[MULLION_STAT_INVD] = "invd",
		[MULLION_STAT_WBINVD] = "wbinvd",
		[MULLION_STAT_INTERRUPT] = "interrupt",
		[MULLION_STAT_NMI] = "nmi",
		[MULLION_STAT_EXCEPTION] = "exception",
		[MULLION_STAT_IO] = "io",
		[MULLION_STAT_MEMORY] = "memory",
		[MULLION_STAT_DR] = "dr",
		[MULLION_STAT_FORBIDDEN] = "forbidden",
		[MULLION_STAT_PRIVILEGED] = "privileged",
		[MULLION_STAT_TASK_SWITCH] = "task_switch",
		[MULLION_STAT_IRQ_WINDOW] = "irq_window",
		[MULLION_STAT_NMI_WINDOW] = "nmi_window",
		[MULLION_STAT_SHUTDOWN] = "shutdown",
		[MULLION_STAT_INIT_SIPI] = "init_sipi",
		[MULLION_STAT_REFUSED] = "refused",
		[MULLION_STAT_RETRY] = "retry",
		[MULLION_STAT_UNKNOWN] = "unknown",
		[MULLION_STAT_TO_SERVICE] = "to_service",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == MULLION_STAT_COUNT,
		       "every counter has a name");
	return names[stat];
}
