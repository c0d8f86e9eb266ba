// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions in root mode; contracts in trap.h. */
#include "hv/trap.h"

#include "hv/log.h"
#include "hv/panic.h"
#include "hv/x86.h"

#define STUB_SIZE 16 /* of trap.S */
#define GATE_INTERRUPT 0x8e

extern const char trap_stubs[];

/* Rows of .extable: a faulting instruction and where to go on. */
struct fixup {
	uint64_t rip, target;
};
extern const struct fixup extable_start[], extable_end[];

static struct idt_gate idt[TRAP_VECTORS];

struct idt_gate *trap_idt(void)
{
	for (unsigned int i = 0; i < TRAP_VECTORS && !idt[i].type; i++) {
		uint64_t stub = (uint64_t)trap_stubs + i * STUB_SIZE;

		idt[i] = (struct idt_gate){
			.offset_low = (uint16_t)stub,
			.selector = ROOT_CS,
			.type = GATE_INTERRUPT,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
		};
	}
	return idt;
}

static uint64_t fixup_for(uint64_t rip)
{
	for (const struct fixup *f = extable_start; f < extable_end; f++) {
		if (f->rip == rip)
			return f->target;
	}
	return 0;
}

void trap_handle(struct trap_frame *frame)
{
	uint64_t fixup = fixup_for(frame->rip);

	if (frame->vector == EXC_GP && fixup) {
		frame->rip = fixup;
		return;
	}
	pr_err("exception %lu error %lx in root mode at %lx cr2 %lx rflags %lx", frame->vector,
	       frame->error, frame->rip, read_cr2(), frame->rflags);
	pr_err("rax %016lx rbx %016lx rcx %016lx rdx %016lx", frame->rax, frame->rbx, frame->rcx,
	       frame->rdx);
	pr_err("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", frame->rsi, frame->rdi, frame->rbp,
	       frame->rsp);
	pr_err("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", frame->r8, frame->r9, frame->r10,
	       frame->r11);
	pr_err("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", frame->r12, frame->r13, frame->r14,
	       frame->r15);
	print_backtrace(frame->rbp);
	panic("exception in root mode");
}
