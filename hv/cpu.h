/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-processor data and what the processors can do. */
#ifndef HV_CPU_H
#define HV_CPU_H

#include "hv/types.h"

struct vcpu;
struct vm;

#define CPU_MAX 64
#define CPU_STACK_SIZE (16 * KIB)

/*
 * One processor. The struct stands at the top of its processor's stack, in one
 * block of CPU_STACK_SIZE aligned to that size, so this_cpu() is a mask of RSP:
 * no segment register is root mode's across a world switch.
 */
struct cpu {
	uint32_t id; /* 0 is the boot processor */
	uint32_t apic_id;
	bool online;          /* in root mode's hands */
	uint32_t sipi;        /* 0x100 + vector once the service domain has started it */
	struct vcpu *current; /* runs next */
	struct vcpu *service; /* this processor's vCPU of the service domain */

	/* The VM that this processor entered last, and with which generation (see
	 * vm.h). */
	struct vm *running_vm;
	uint64_t running_generation;

	/* The guest VM that a hypercall on this processor is at work with: while it
	 * stands here the VM's frames are not reclaimed (see vcpu_get()). */
	struct vm *holds;

	/* The vCPU whose VMLOAD/VMSAVE state (or loaded VMCS) the processor holds. */
	struct vcpu *loaded;
	/* The serial number of the last guest VM that ran here: another one asks for an IBPB. */
	uint64_t last_guest;

	/* Address-space identifiers, handed out by generation (vendor's). */
	uint32_t next_asid;
	uint64_t asid_generation;

	/* NMIs and machine checks (bits by vector) that came in root mode, on their way to the
	 * service domain. Changed atomically, for they come at any time. */
	uint32_t latched;

	hpa_t vendor_area; /* AMD: host save area; VT-x: VMXON region */
};

extern struct cpu *cpus[CPU_MAX];
extern uint32_t cpu_count;

static inline struct cpu *this_cpu(void)
{
	uint64_t rsp;

	__asm__("mov %%rsp, %0" : "=r"(rsp));
	return (struct cpu *)(align_down(rsp, CPU_STACK_SIZE) + CPU_STACK_SIZE -
			      sizeof(struct cpu));
}

/* Features that root mode acts on, the same for all processors; read once. */
struct cpu_features {
	bool amd; /* AMD or Hygon: SVM; otherwise VT-x is looked for */
	bool pages_1g;
	bool nx;
	bool xsave, xsaves;
	bool fpu_keeps_pointers; /* XRSTOR leaves the last x87 instruction's address alone */
	bool rdtscp;
	bool spec_ctrl;
	bool syscall_msrs; /* are not switched by the processor: VT-x */
	bool ibpb;
	bool apicv; /* VT-x: interrupts end, and x2APIC is read, on a guest's APIC page */
	uint8_t physical_bits;
	uint64_t efer;       /* bits that software may set */
	uint64_t xcr0;       /* every bit the processor supports */
	uint64_t guest_xcr0; /* those a guest may set; root mode switches these */
};
extern struct cpu_features cpu_features;

void cpu_features_init(void);

/* Loads GDT, IDT and control registers of root mode on the calling processor. */
void cpu_tables_load(void);

#endif
