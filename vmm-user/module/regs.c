// SPDX-License-Identifier: GPL-2.0-only
/* General, segment, control and debug registers between user space's structures and the run
 * page. */
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/processor-flags.h>

#include "apic.h"
#include "control_regs.h"
#include "vcpu.h"

#define DR6_FIXED 0xffff0ff0u
#define DR7_FIXED 0x00000400u

int vcpu_get_regs(struct mullion_vcpu *v, struct kvm_regs *regs)
{
	const u64 *gpr = v->run->gpr;
	int ret = vcpu_load(v, MULLION_GROUP_GPR | MULLION_GROUP_RIP);

	if (ret)
		return ret;
	*regs = (struct kvm_regs){
		.rax = gpr[MULLION_RAX],
		.rbx = gpr[MULLION_RBX],
		.rcx = gpr[MULLION_RCX],
		.rdx = gpr[MULLION_RDX],
		.rsi = gpr[MULLION_RSI],
		.rdi = gpr[MULLION_RDI],
		.rsp = gpr[MULLION_RSP],
		.rbp = gpr[MULLION_RBP],
		.r8 = gpr[MULLION_R8],
		.r9 = gpr[MULLION_R9],
		.r10 = gpr[MULLION_R10],
		.r11 = gpr[MULLION_R11],
		.r12 = gpr[MULLION_R12],
		.r13 = gpr[MULLION_R13],
		.r14 = gpr[MULLION_R14],
		.r15 = gpr[MULLION_R15],
		.rip = v->run->rip,
		.rflags = v->run->rflags,
	};
	return 0;
}

int vcpu_set_regs(struct mullion_vcpu *v, const struct kvm_regs *regs)
{
	const u64 gpr[MULLION_GPRS] = {
		[MULLION_RAX] = regs->rax, [MULLION_RCX] = regs->rcx, [MULLION_RDX] = regs->rdx,
		[MULLION_RBX] = regs->rbx, [MULLION_RSP] = regs->rsp, [MULLION_RBP] = regs->rbp,
		[MULLION_RSI] = regs->rsi, [MULLION_RDI] = regs->rdi, [MULLION_R8] = regs->r8,
		[MULLION_R9] = regs->r9,   [MULLION_R10] = regs->r10, [MULLION_R11] = regs->r11,
		[MULLION_R12] = regs->r12, [MULLION_R13] = regs->r13, [MULLION_R14] = regs->r14,
		[MULLION_R15] = regs->r15,
	};
	int ret = vcpu_change(v, MULLION_GROUP_GPR | MULLION_GROUP_RIP);

	if (ret)
		return ret;
	memcpy(v->run->gpr, gpr, sizeof(gpr));
	v->run->rip = regs->rip;
	v->run->rflags = regs->rflags | X86_EFLAGS_FIXED;
	/* What was about to be raised belonged to the state before. */
	if (v->run->inject.valid && v->run->inject.type == MULLION_EVENT_EXCEPTION)
		v->run->inject.valid = 0;
	mmio_registers_set(v);
	return 0;
}

static struct kvm_segment segment_out(const struct mullion_segment *s)
{
	return (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->attr & 0xf,
		.s = s->attr >> 4 & 1,
		.dpl = s->attr >> 5 & 3,
		.present = s->attr >> 7 & 1,
		.avl = s->attr >> 8 & 1,
		.l = s->attr >> 9 & 1,
		.db = s->attr >> 10 & 1,
		.g = s->attr >> 11 & 1,
		.unusable = !(s->attr >> 7 & 1),
	};
}

static struct mullion_segment segment_in(const struct kvm_segment *s)
{
	bool present = s->present && !s->unusable;

	return (struct mullion_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.attr = (s->type & 0xf) | (s->s & 1) << 4 | (s->dpl & 3) << 5 | present << 7 |
			(s->avl & 1) << 8 | (s->l & 1) << 9 | (s->db & 1) << 10 | (s->g & 1) << 11,
	};
}

/* The part that both forms share: kvm_sregs2 is kvm_sregs with another tail. */
static void sregs_out(struct mullion_vcpu *v, struct kvm_sregs2 *sregs)
{
	const struct mullion_run *run = v->run;

	memset(sregs, 0, sizeof(*sregs));
	sregs->cs = segment_out(&run->seg[MULLION_CS]);
	sregs->ds = segment_out(&run->seg[MULLION_DS]);
	sregs->es = segment_out(&run->seg[MULLION_ES]);
	sregs->fs = segment_out(&run->seg[MULLION_FS]);
	sregs->gs = segment_out(&run->seg[MULLION_GS]);
	sregs->ss = segment_out(&run->seg[MULLION_SS]);
	sregs->tr = segment_out(&run->seg[MULLION_TR]);
	sregs->ldt = segment_out(&run->seg[MULLION_LDTR]);
	sregs->gdt.base = run->gdtr.base;
	sregs->gdt.limit = run->gdtr.limit;
	sregs->idt.base = run->idtr.base;
	sregs->idt.limit = run->idtr.limit;
	sregs->cr0 = run->cr0;
	sregs->cr2 = run->cr2;
	sregs->cr3 = run->cr3;
	sregs->cr4 = run->cr4;
	sregs->cr8 = run->cr8;
	sregs->efer = run->efer;
	sregs->apic_base = v->msrs.apic_base;
}

static void sregs_in(struct mullion_vcpu *v, const struct kvm_sregs2 *sregs)
{
	struct mullion_run *run = v->run;

	run->seg[MULLION_CS] = segment_in(&sregs->cs);
	run->seg[MULLION_DS] = segment_in(&sregs->ds);
	run->seg[MULLION_ES] = segment_in(&sregs->es);
	run->seg[MULLION_FS] = segment_in(&sregs->fs);
	run->seg[MULLION_GS] = segment_in(&sregs->gs);
	run->seg[MULLION_SS] = segment_in(&sregs->ss);
	run->seg[MULLION_TR] = segment_in(&sregs->tr);
	run->seg[MULLION_LDTR] = segment_in(&sregs->ldt);
	run->gdtr.base = sregs->gdt.base;
	run->gdtr.limit = sregs->gdt.limit;
	run->idtr.base = sregs->idt.base;
	run->idtr.limit = sregs->idt.limit;
	run->cr0 = sregs->cr0 | X86_CR0_ET;
	run->cr2 = sregs->cr2;
	run->cr3 = sregs->cr3;
	run->cr4 = sregs->cr4;
	run->cr8 = sregs->cr8;
	run->efer = sregs->efer;
}

#define SREGS_GROUPS (MULLION_GROUP_SEG | MULLION_GROUP_CR | MULLION_GROUP_CR8)
#define SREGS_SHARED offsetof(struct kvm_sregs2, flags) /* bytes that both forms begin with */

static_assert(offsetof(struct kvm_sregs, interrupt_bitmap) == SREGS_SHARED);
static_assert(offsetof(struct kvm_sregs, apic_base) == offsetof(struct kvm_sregs2, apic_base));

static int sregs_set(struct mullion_vcpu *v, const struct kvm_sregs2 *sregs)
{
	int ret;

	if (!control_regs_valid(v, sregs))
		return -EINVAL;
	ret = vcpu_change(v, SREGS_GROUPS);
	if (ret)
		return ret;
	sregs_in(v, sregs);
	apic_base_set(v, sregs->apic_base, true);
	apic_cr8_changed(v);
	mmio_registers_set(v);
	return 0;
}

int vcpu_get_sregs2(struct mullion_vcpu *v, struct kvm_sregs2 *sregs)
{
	int ret = vcpu_load(v, SREGS_GROUPS);

	/* Nested paging: PDPTEs are read from memory, there is nothing to save. */
	if (!ret)
		sregs_out(v, sregs);
	return ret;
}

int vcpu_set_sregs2(struct mullion_vcpu *v, const struct kvm_sregs2 *sregs)
{
	if (sregs->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	return sregs_set(v, sregs);
}

int vcpu_get_sregs(struct mullion_vcpu *v, struct kvm_sregs *sregs)
{
	struct kvm_sregs2 common;
	struct kvm_vcpu_events events;
	int ret = vcpu_get_sregs2(v, &common);

	if (!ret)
		ret = vcpu_get_events(v, &events);
	if (ret)
		return ret;
	memset(sregs, 0, sizeof(*sregs));
	memcpy(sregs, &common, SREGS_SHARED);
	if (events.interrupt.injected && !events.interrupt.soft)
		sregs->interrupt_bitmap[events.interrupt.nr / 64] |= 1ull
								     << events.interrupt.nr % 64;
	return 0;
}

int vcpu_set_sregs(struct mullion_vcpu *v, const struct kvm_sregs *sregs)
{
	struct kvm_sregs2 common = {};
	unsigned int vector;
	int ret;

	memcpy(&common, sregs, SREGS_SHARED);
	ret = sregs_set(v, &common);
	if (ret)
		return ret;
	for (vector = 0; vector < KVM_NR_INTERRUPTS; vector++) {
		if (sregs->interrupt_bitmap[vector / 64] >> vector % 64 & 1) {
			vcpu_queue_irq(v, vector);
			break;
		}
	}
	return 0;
}

int vcpu_get_debugregs(struct mullion_vcpu *v, struct kvm_debugregs *regs)
{
	int ret = vcpu_load(v, MULLION_GROUP_DR);
	const u64 *dr;

	if (ret)
		return ret;
	memset(regs, 0, sizeof(*regs));
	dr = guest_debug_registers(v);
	memcpy(regs->db, dr, sizeof(regs->db));
	regs->dr6 = dr[6];
	regs->dr7 = dr[7];
	return 0;
}

int vcpu_set_debugregs(struct mullion_vcpu *v, const struct kvm_debugregs *regs)
{
	u64 *dr;
	int ret;

	if (regs->flags || regs->dr6 >> 32 || regs->dr7 >> 32)
		return -EINVAL;
	ret = vcpu_change(v, MULLION_GROUP_DR);
	if (ret)
		return ret;
	dr = guest_debug_registers(v);
	memcpy(dr, regs->db, sizeof(regs->db));
	dr[6] = regs->dr6 | DR6_FIXED;
	dr[7] = regs->dr7 | DR7_FIXED;
	return 0;
}
