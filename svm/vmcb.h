/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine control block, APM vol. 2 appendix B, and the exit codes,
 * appendix C. Names follow the manual.
 */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include <mullion/abi.h>

#include "hv/types.h"

/*
 * Exit codes. The number of an exit below VMEXIT_NPF is also the number of the
 * bit that intercepts it, counted from the start of the VMCB.
 */
enum vmexit {
	VMEXIT_CR8_WRITE = 0x18,
	VMEXIT_DR0_READ = 0x20,
	VMEXIT_DR15_WRITE = 0x3f,
	VMEXIT_EXCP0 = 0x40, /* + vector */
	VMEXIT_EXCP31 = 0x5f,
	VMEXIT_INTR = 0x60,
	VMEXIT_NMI = 0x61,
	VMEXIT_SMI = 0x62,
	VMEXIT_INIT = 0x63,
	VMEXIT_VINTR = 0x64,
	VMEXIT_CR0_SEL_WRITE = 0x65,
	VMEXIT_RDPMC = 0x6f,
	VMEXIT_CPUID = 0x72,
	VMEXIT_IRET = 0x74,
	VMEXIT_INVD = 0x76,
	VMEXIT_HLT = 0x78,
	VMEXIT_INVLPGA = 0x7a,
	VMEXIT_IOIO = 0x7b,
	VMEXIT_MSR = 0x7c,
	VMEXIT_FERR_FREEZE = 0x7e,
	VMEXIT_SHUTDOWN = 0x7f,
	VMEXIT_VMRUN = 0x80,
	VMEXIT_VMMCALL = 0x81,
	VMEXIT_VMLOAD = 0x82,
	VMEXIT_VMSAVE = 0x83,
	VMEXIT_STGI = 0x84,
	VMEXIT_CLGI = 0x85,
	VMEXIT_SKINIT = 0x86,
	VMEXIT_ICEBP = 0x88,
	VMEXIT_WBINVD = 0x89,
	VMEXIT_MONITOR = 0x8a,
	VMEXIT_MWAIT = 0x8b,
	VMEXIT_MWAIT_CONDITIONAL = 0x8c,
	VMEXIT_XSETBV = 0x8d,
	VMEXIT_RDPRU = 0x8e,
	VMEXIT_NPF = 0x400,
};

/* VMRUN refused the state. The manual's is 64 bits of ones, QEMU's software CPU stores 32. */
#define VMEXIT_INVALID 0xffffffffu

/* vintr */
#define V_TPR 0xffull
#define V_TPR_CR8 0xfull /* the bits that CR8 has */
#define V_IRQ BIT(8)
#define V_IGN_TPR BIT(20)
#define V_INTR_MASKING BIT(24)
#define V_VECTOR(vector) ((uint64_t)(vector) << 32)

/* interrupt_shadow */
#define INTERRUPT_SHADOW BIT(0)

/* tlb_control */
#define TLB_FLUSH_ALL 1u
#define TLB_FLUSH_GUEST 3u /* this ASID's; with FlushByAsid */

/* nested_control */
#define NP_ENABLE BIT(0)

/* eventinj and exitintinfo, 15.20: hv/event.h */

/* exitinfo1 of VMEXIT_IOIO, 15.10.2; bits 4-6 are the size in bytes */
#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_REP BIT(3)
#define IOIO_SIZE_SHIFT 4
#define IOIO_PORT_SHIFT 16

/* exitinfo1 of VMEXIT_NPF, 15.25.6 */
#define NPF_PRESENT BIT(0)
#define NPF_WRITE BIT(1)
#define NPF_FETCH BIT(4)
#define NPF_WALK BIT(33)

/* exitinfo1 of VMEXIT_CRn_WRITE with decode assists, 15.8.1 */
#define CR_IS_MOV BIT(63)
#define CR_GPR 0xfull

/* clean: what the processor may take from its copy of the VMCB, 15.15.3 */
#define CLEAN_I BIT(0)    /* intercepts, TSC offset, PAUSE filter */
#define CLEAN_IOPM BIT(1) /* IOPM and MSRPM addresses */
#define CLEAN_ASID BIT(2)
#define CLEAN_TPR BIT(3) /* vintr */
#define CLEAN_NP BIT(4)  /* nested CR3, G_PAT */
#define CLEAN_CRX BIT(5) /* CR0, CR3, CR4, EFER */
#define CLEAN_DRX BIT(6) /* DR6, DR7 */
#define CLEAN_DT BIT(7)  /* GDTR, IDTR */
#define CLEAN_SEG BIT(8) /* CS, DS, SS, ES, CPL */
#define CLEAN_CR2 BIT(9)
#define CLEAN_ALL 0x3ffu

struct vmcb_control {
	uint32_t intercepts[6];
	uint8_t reserved_018[0x3c - 0x18];
	uint16_t pause_filter_threshold;
	uint16_t pause_filter_count;
	uint64_t iopm_base_pa;
	uint64_t msrpm_base_pa;
	uint64_t tsc_offset;
	uint32_t guest_asid;
	uint8_t tlb_control;
	uint8_t reserved_05d[3];
	uint64_t vintr;
	uint64_t interrupt_shadow;
	uint64_t exitcode;
	uint64_t exitinfo1;
	uint64_t exitinfo2;
	uint64_t exitintinfo;
	uint64_t nested_control;
	uint64_t avic_apic_bar;
	uint64_t ghcb;
	uint64_t eventinj;
	uint64_t n_cr3;
	uint64_t lbr_control;
	uint32_t clean;
	uint32_t reserved_0c4;
	uint64_t nrip;
	uint8_t bytes_fetched;
	uint8_t guest_instruction[15];
	uint8_t reserved_0e0[0x3e0 - 0xe0];

	/* Left to the host by the manual: Mullion's own, see run.c. */
	uint64_t step_rip;
	uint8_t stepping;      /* RFLAGS.TF is ours */
	uint8_t step_guest_tf; /* what it was before */
	uint8_t reserved_3ea[2];
	uint32_t armed; /* what the intercepts stand for */
	uint8_t reserved_3f0[0x400 - 0x3f0];
};

struct vmcb_save {
	/* The interface has taken over the form, and the order of the first six. */
	union {
		struct mullion_segment seg[MULLION_GS + 1];
		struct mullion_segment all[10];
		struct {
			struct mullion_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
		};
	};
	uint8_t reserved_0a0[0xcb - 0xa0];
	uint8_t cpl;
	uint8_t reserved_0cc[4];
	uint64_t efer;
	uint8_t reserved_0d8[0x148 - 0xd8];
	uint64_t cr4;
	uint64_t cr3;
	uint64_t cr0;
	uint64_t dr7;
	uint64_t dr6;
	uint64_t rflags;
	uint64_t rip;
	uint8_t reserved_180[0x1d8 - 0x180];
	uint64_t rsp;
	uint8_t reserved_1e0[0x1f8 - 0x1e0];
	uint64_t rax;
	uint64_t star;
	uint64_t lstar;
	uint64_t cstar;
	uint64_t sfmask;
	uint64_t kernel_gs_base;
	uint64_t sysenter_cs;
	uint64_t sysenter_esp;
	uint64_t sysenter_eip;
	uint64_t cr2;
	uint8_t reserved_248[0x268 - 0x248];
	uint64_t g_pat;
	uint64_t dbgctl;
	uint8_t reserved_278[0xc00 - 0x278];
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};

/* One behind each gap. */
#define VMCB_ASSERT(field, offset)                                                                 \
	_Static_assert(offsetof(struct vmcb, field) == (offset), "VMCB: " #field)
VMCB_ASSERT(control.pause_filter_threshold, 0x3c);
VMCB_ASSERT(control.iopm_base_pa, 0x40);
VMCB_ASSERT(control.guest_asid, 0x58);
VMCB_ASSERT(control.vintr, 0x60);
VMCB_ASSERT(control.nrip, 0xc8);
VMCB_ASSERT(control.step_rip, 0x3e0);
VMCB_ASSERT(save, 0x400);
VMCB_ASSERT(save.cpl, 0x4cb);
VMCB_ASSERT(save.efer, 0x4d0);
VMCB_ASSERT(save.cr4, 0x548);
VMCB_ASSERT(save.rsp, 0x5d8);
VMCB_ASSERT(save.rax, 0x5f8);
VMCB_ASSERT(save.g_pat, 0x668);
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "VMCB size");

/* The fields in `group` (CLEAN_*) have changed. */
static inline void vmcb_touch(struct vmcb *b, uint64_t group)
{
	b->control.clean &= ~(uint32_t)group;
}

/* Intercept the exit `code` (below VMEXIT_NPF), or not. */
static inline void vmcb_intercept(struct vmcb *b, enum vmexit code, bool on)
{
	uint32_t *word = &b->control.intercepts[code / 32];
	uint32_t value = on ? *word | 1u << code % 32 : *word & ~(1u << code % 32);

	if (value != *word) {
		*word = value;
		vmcb_touch(b, CLEAN_I);
	}
}

#endif
