/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between hv/, which decides, and svm/ and vmx/, which translate.
 *
 * Chosen once at boot. All functions run in root mode on the calling processor
 * with interrupts off; those that take a vCPU are called on the processor that
 * runs it, or while it runs nowhere.
 */
#ifndef HV_VENDOR_H
#define HV_VENDOR_H

#include "hv/cpu.h"
#include "hv/paging.h"
#include "hv/vcpu.h"

/* A group of root mode's own: msr.pat. */
#define GROUP_PAT (1u << 31)

struct vendor {
	const char *name; /* "AMD-V" or "VT-x" */

	/* NULL if this machine has all that Mullion needs of the vendor's
	 * technology; otherwise what is missing, as a phrase for one log line. */
	const char *(*probe)(void);

	/* MULLION_FEATURE_* that the processor has and this vendor uses. */
	uint32_t (*features)(void);

	/* The format of nested page tables. */
	const struct pt_format *nested_format;

	/* Turns virtualization on, on the calling processor; cpu->vendor_area is a zeroed frame. */
	void (*cpu_on)(struct cpu *cpu);

	/* Fills v->control (a zeroed frame) but for the registers, with the intercepts
	 * of a guest or of the service domain (v->is_service). */
	void (*vcpu_init)(struct vcpu *v);

	/*
	 * Enters `v` once: takes v->inject and v->request into account, runs until
	 * the next exit, fills `x`. An event whose delivery the exit interrupted is
	 * in v->inject again.
	 */
	void (*run)(struct vcpu *v, struct vm_exit *x);

	/* What the calling processor still holds of v's registers goes to v's control block.
	 * Called before another processor may run v, set its state or free it. */
	void (*unload)(struct vcpu *v);

	/* Registers between v (control block and struct) and the run page's layout, for the
	 * groups GPR, RIP, SEG, CR (but for xcr0), CR8, DR, MSR and TSC, and for msr.pat
	 * alone; XCR0 and FPU are hv's. `run` is root mode's own memory or shared. set_state takes each value once,
	 * makes reserved bits harmless, and never fails: an invalid combination shows as
	 * EXIT_REFUSED. */
	void (*get_state)(struct vcpu *v, uint32_t groups, struct mullion_run *run);
	void (*set_state)(struct vcpu *v, uint32_t groups, const struct mullion_run *run);

	/* Where v's code is: rip, cr0, cr3, cr4, efer and CS. What is get_state()'s may be the
	 * processor's real control registers here. */
	void (*get_code)(struct vcpu *v, struct mullion_run *state);

	/* RIP := RIP + len; clears the interrupt shadow. -> true if RFLAGS.TF was
	 * set, so that a single-step #DB is due. */
	bool (*skip)(struct vcpu *v, uint8_t len);

	/* Intercepts of debug-register accesses on or off. */
	void (*trap_dr)(struct vcpu *v, bool on);

	/*
	 * Where processors end interrupts on the APIC page by themselves (cpu_features.apicv): the
	 * highest vector that is in service (0: none). Ends of vectors that TMR marks, or of any if
	 * `waiting` is not 0, are exits, WRMSR of no length.
	 */
	void (*set_in_service)(struct vcpu *v, uint8_t vector, uint8_t waiting);

	/* Translations of v's address space are gone before its next instruction. */
	void (*tlb_flush)(struct vcpu *v);

	/* The guest's EFER, without SVME. */
	uint64_t (*get_efer)(struct vcpu *v);
	void (*set_efer)(struct vcpu *v, uint64_t value);

	/* Prints the control block to the log. */
	void (*dump)(struct vcpu *v);
};

extern const struct vendor svm_vendor, vmx_vendor;
extern const struct vendor *vendor; /* the chosen one */

#endif
