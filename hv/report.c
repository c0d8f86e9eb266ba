// SPDX-License-Identifier: GPL-2.0-only
/* Crash reports; contracts in report.h. */
#include "hv/report.h"

#include "hv/guest_memory.h"
#include "hv/log.h"
#include "hv/print.h"
#include "hv/vcpu.h"
#include "hv/vendor.h"
#include "hv/vm.h"

#define DUMP_BYTES 16

static void dump_bytes(enum log_level level, const char *what, const uint8_t *bytes, size_t count)
{
	char text[3 * DUMP_BYTES + 1] = "";

	for (size_t i = 0; i < count; i++)
		hv_snprintf(text + 3 * i, 4, " %02x", bytes[i]);
	log_print(level, "  %s:%s", what, count ? text : " cannot be read");
}

void report_shutdown(struct vcpu *v, const char *why)
{
	static const char names[MULLION_SEGS][5] = { "es", "cs", "ss",   "ds",
						     "fs", "gs", "ldtr", "tr" };
	enum log_level level = v->is_service ? LOG_ERROR : LOG_WARN;
	struct mullion_run s;
	uint8_t bytes[DUMP_BYTES];
	size_t count;

	vendor->get_state(
		v, MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR,
		&s);
	if (v->is_service)
		log_print(level, "service domain, processor %u: %s", v->index, why);
	else
		log_print(level, "vm %u vcpu %u: %s", v->vm->id, v->index, why);
	log_print(level, "  rip %016lx rflags %016lx rsp %016lx rbp %016lx", s.rip, s.rflags,
		  s.gpr[MULLION_RSP], s.gpr[MULLION_RBP]);
	log_print(level, "  rax %016lx rbx %016lx rcx %016lx rdx %016lx", s.gpr[MULLION_RAX],
		  s.gpr[MULLION_RBX], s.gpr[MULLION_RCX], s.gpr[MULLION_RDX]);
	log_print(level, "  rsi %016lx rdi %016lx r8  %016lx r9  %016lx", s.gpr[MULLION_RSI],
		  s.gpr[MULLION_RDI], s.gpr[MULLION_R8], s.gpr[MULLION_R9]);
	log_print(level, "  r10 %016lx r11 %016lx r12 %016lx r13 %016lx", s.gpr[MULLION_R10],
		  s.gpr[MULLION_R11], s.gpr[MULLION_R12], s.gpr[MULLION_R13]);
	log_print(level, "  r14 %016lx r15 %016lx", s.gpr[MULLION_R14], s.gpr[MULLION_R15]);
	log_print(level, "  cr0 %lx cr2 %lx cr3 %lx cr4 %lx efer %lx", s.cr0, s.cr2, s.cr3, s.cr4,
		  s.efer);
	for (unsigned int i = 0; i < MULLION_SEGS; i++)
		log_print(level, "  %-4s %04x base %lx limit %x attr %03x", names[i],
			  s.seg[i].selector, s.seg[i].base, s.seg[i].limit, s.seg[i].attr);
	log_print(level, "  gdtr %lx/%x idtr %lx/%x", s.gdtr.base, s.gdtr.limit, s.idtr.base,
		  s.idtr.limit);

	count = guest_fetch(v->vm, &s, bytes, sizeof(bytes));
	dump_bytes(level, "code", bytes, count);
	count = guest_read(v->vm, &s, s.seg[MULLION_SS].base + s.gpr[MULLION_RSP], bytes,
			   sizeof(bytes));
	dump_bytes(level, "stack", bytes, count);
}
