// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions in root mode; contracts in trap.h. */
#include "hv/trap.h"

#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/panic.h"
#include "hv/x86.h"

#define STUB_SIZE 16 /* of trap.S */
#define GATE_INTERRUPT 0x8e

extern const char trap_stubs[];

/* Rows of .extable: where execution goes on when one of `vectors` (bits) comes in code. */
struct fixup {
	uint64_t start, end; /* RIP is in [start, end) */
	uint64_t target;
	uint64_t vectors;
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

static bool fix_up(struct trap_frame *frame)
{
	for (const struct fixup *f = extable_start; f < extable_end; f++) {
		if (frame->rip >= f->start && frame->rip < f->end &&
		    f->vectors >> frame->vector & 1) {
			frame->rip = f->target;
			return true;
		}
	}
	return false;
}

/* Whether the processor is not root mode's to blame: then the service domain gets to know. */
static bool latch(const struct trap_frame *frame)
{
	if (frame->vector != EXC_NMI &&
	    !(frame->vector == EXC_MC && rdmsr(MSR_MCG_STATUS) & MCG_STATUS_RIPV))
		return false;
	__atomic_fetch_or(&this_cpu()->latched, BIT(frame->vector), __ATOMIC_RELAXED);
	return true;
}

void trap_handle(struct trap_frame *frame)
{
	static bool reporting;
	bool latched = latch(frame), fixed = fix_up(frame);

	if (latched || fixed)
		return;
	/* An exception while one is being reported: nothing can be relied on any more. */
	if (__atomic_exchange_n(&reporting, true, __ATOMIC_RELAXED))
		machine_reset();
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
