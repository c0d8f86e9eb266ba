// SPDX-License-Identifier: GPL-2.0-only
/* What INIT and SIPI leave in a processor (SDM vol. 3A table 10-1 and 9.4.4; APM vol. 2 14.1.3). */
#include <linux/string.h>
#include <asm/processor-flags.h>

#include "vcpu.h"

#define INIT_GROUPS                                                                                \
	(MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR |            \
	 MULLION_GROUP_CR8 | MULLION_GROUP_DR)

#define ATTR_DATA 0x93 /* present, writable, accessed */
#define ATTR_CODE 0x9b
#define ATTR_LDT 0x82
#define ATTR_TSS 0x8b
#define LIMIT 0xffff
#define DR6_FIXED 0xffff0ff0u
#define DR7_FIXED 0x00000400u

static void init_segments(struct mullion_run *run)
{
	unsigned int i;

	for (i = 0; i < MULLION_SEGS; i++)
		run->seg[i] = (struct mullion_segment){ .attr = ATTR_DATA, .limit = LIMIT };
	run->seg[MULLION_CS] = (struct mullion_segment){
		.selector = 0xf000, .attr = ATTR_CODE, .limit = LIMIT, .base = 0xffff0000
	};
	run->seg[MULLION_LDTR].attr = ATTR_LDT;
	run->seg[MULLION_TR].attr = ATTR_TSS;
	run->gdtr = run->idtr = (struct mullion_table){ .limit = LIMIT };
}

int vcpu_take_init(struct mullion_vcpu *v)
{
	const struct kvm_cpuid_entry2 *signature = vcpu_cpuid(v, 1, 0);
	struct mullion_run *run = v->run;
	int ret = vcpu_change(v, INIT_GROUPS);
	u64 *dr;

	if (ret)
		return ret;
	memset(run->gpr, 0, sizeof(run->gpr));
	run->gpr[MULLION_RDX] = signature ? signature->eax : 0;
	run->rip = 0xfff0;
	run->rflags = X86_EFLAGS_FIXED;
	run->interruptibility = 0;
	run->inject.valid = 0;
	init_segments(run);
	run->cr0 = (run->cr0 & (X86_CR0_CD | X86_CR0_NW)) | X86_CR0_ET;
	run->cr2 = run->cr3 = run->cr4 = run->cr8 = run->efer = 0;
	dr = guest_debug_registers(v);
	memset(dr, 0, sizeof(run->dr));
	dr[6] = DR6_FIXED;
	dr[7] = DR7_FIXED;
	v->nmi_pending = 0;
	v->smm.pending = false; /* it is not in SMM, where INIT would wait */
	mmio_registers_set(v);
	return 0;
}

int vcpu_take_sipi(struct mullion_vcpu *v, u8 vector)
{
	struct mullion_run *run = v->run;
	int ret = vcpu_change(v, MULLION_GROUP_RIP | MULLION_GROUP_SEG);

	if (ret)
		return ret;
	run->seg[MULLION_CS].selector = vector << 8;
	run->seg[MULLION_CS].base = vector << 12;
	run->rip = 0;
	return 0;
}
