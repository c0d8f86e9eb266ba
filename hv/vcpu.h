/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs: of guests, and one per processor of the service domain. */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <mullion/abi.h>

#include "hv/guest_memory.h"
#include "hv/types.h"

struct vm;
struct cpu;

/*
 * Fills one frame; the vendor's control block, the FPU image and the CPUID
 * table have a frame each (MULLION_VCPU_PAGES in all).
 */
struct vcpu {
	/* Offsets known to the entry code (static asserts in the vendors' files).
	 * RAX and RSP are here too: the vendor moves them from and to its block. */
	uint64_t gpr[MULLION_GPRS];

	struct vm *vm;
	uint16_t index;
	bool is_service;
	bool busy;               /* a processor is at work with it: see vcpu_get() */
	bool shutdown;           /* ended in a triple fault; only new state revives it */
	struct mullion_run *run; /* guests: the shared run page; NULL for the service domain */
	volatile uint32_t *apic; /* guests: the shared APIC page; see apic.h */

	/* Vendor's block and what goes with it. */
	void *control;
	hpa_t control_hpa;
	uint64_t asid_generation; /* of the processor it last ran on */
	struct cpu *last_cpu;

	/* The VM's tlb_generation that this vCPU's translations are up to. */
	uint64_t tlb_generation;

	/* MULLION_REQUEST_*: of the module for this turn, and with what the APIC waits for. */
	uint32_t asked, request;
	uint64_t apic_base; /* mullion_run.apic_base, in this turn */
	bool apic_changed;  /* apic_evaluate() is due */
	uint32_t turn_exits; /* that were answered in root mode since VCPU_RUN */
	/* An event to be taken on the next entry; also what an exit interrupted. */
	struct mullion_event inject;

	bool nmi_blocked;  /* between an NMI and its IRET */
	bool nmi_stepping; /* vendor: steps over that IRET */
	bool dr_live;      /* DR0-3 hold the guest's values on the processor */
	bool dr_armed;     /* DR7 enables breakpoints: DR0-3 must be live */

	struct guest_code code[GUEST_CODE_PAGES]; /* by the low bits of `page` */
	struct guest_move moves[GUEST_MOVES];     /* by those of RIP */
	uint64_t xcr0;
	uint64_t dr[4];                                      /* DR0-3 while not live */
	uint64_t tsc_aux, spec_ctrl, xss;                    /* while not running */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base; /* VT-x: while not running */
	uint64_t vendor_state[16]; /* the vendor's own, what its block has no room for */
	uint64_t tsc_offset;
	uint8_t *fpu; /* XSAVE image */
	struct mullion_cpuid *cpuid;
	uint32_t cpuid_count;

	struct mullion_vcpu_stat stat;
};

/* Why the vendor's run() came back: the exit in the vendor's own terms made neutral, and where it
 * is counted. The names follow the processor's events, what becomes of them is exit.c's. */
enum exit_kind {
	/* By an instruction, of insn_len bytes. */
	EXIT_CPUID = MULLION_STAT_CPUID,
	EXIT_RDMSR = MULLION_STAT_MSR_READ,
	EXIT_WRMSR = MULLION_STAT_MSR_WRITE,
	EXIT_HLT = MULLION_STAT_HLT,
	EXIT_HYPERCALL = MULLION_STAT_HYPERCALL,
	EXIT_CR_WRITE = MULLION_STAT_CR, /* MOV to CR8: cr */
	EXIT_XSETBV = MULLION_STAT_XSETBV,
	EXIT_INVD = MULLION_STAT_INVD,
	EXIT_WBINVD = MULLION_STAT_WBINVD,
	EXIT_BY_INSN = EXIT_WBINVD,

	EXIT_INTERRUPT = MULLION_STAT_INTERRUPT, /* physical, still pending */
	EXIT_NMI = MULLION_STAT_NMI, /* physical; AMD: still pending; VT-x: to be passed on */
	EXIT_EXCEPTION = MULLION_STAT_EXCEPTION,   /* exception */
	EXIT_IO = MULLION_STAT_IO,                 /* io */
	EXIT_NESTED_FAULT = MULLION_STAT_MEMORY,   /* memory */
	EXIT_DR_ACCESS = MULLION_STAT_DR,          /* any access to a debug register */
	EXIT_FORBIDDEN = MULLION_STAT_FORBIDDEN,   /* an instruction that the guest has not: #UD */
	EXIT_PRIVILEGED = MULLION_STAT_PRIVILEGED, /* one that the guest may not: #GP(0) */
	EXIT_TASK_SWITCH = MULLION_STAT_TASK_SWITCH, /* task */
	EXIT_IRQ_WINDOW = MULLION_STAT_IRQ_WINDOW,
	EXIT_NMI_WINDOW = MULLION_STAT_NMI_WINDOW,
	EXIT_SHUTDOWN = MULLION_STAT_SHUTDOWN,
	EXIT_INIT = MULLION_STAT_INIT_SIPI,  /* an INIT signal */
	EXIT_REFUSED = MULLION_STAT_REFUSED, /* entry failed: the state is invalid */
	EXIT_RETRY = MULLION_STAT_RETRY,     /* dealt with by the vendor, or nothing to do */
	EXIT_UNKNOWN = MULLION_STAT_UNKNOWN,
};

struct vm_exit {
	enum exit_kind kind;
	uint64_t code; /* the vendor's */
	uint64_t info[2];
	uint64_t rip;
	uint8_t insn_len;   /* bytes of the instruction at RIP; 0: none, or unknown */
	uint8_t insn_count; /* decode assists: valid bytes in insn */
	uint8_t insn[15];
	union {
		struct {
			uint8_t vector;
			uint32_t error;
		} exception;
		struct mullion_exit_io io;
		struct mullion_exit_memory memory;
		struct {
			uint8_t gpr; /* the operand, enum mullion_gpr */
		} cr;
		struct mullion_exit_task task;
	};
};

/*
 * Makes vCPU `index` of `vm` from four zeroed frames, in the state after INIT
 * (APM vol. 2 14.1.3, SDM vol. 3A 10.1.1), for guests with `run` and `apic` as
 * their shared pages.
 */
struct vcpu *vcpu_make(struct vm *vm, uint16_t index, hpa_t frames[MULLION_VCPU_PAGES],
		       struct mullion_run *run, uint32_t *apic);

/* Makes v's control block anew, in the state after INIT. */
void vcpu_renew(struct vcpu *v);

/* Hypercalls of the same names; vm and index checked by the callee. */
int64_t vcpu_create(uint64_t vm, uint64_t index, uint64_t run_pfn, uint64_t apic_pfn);
int64_t vcpu_run(uint64_t vm, uint64_t index);
int64_t vcpu_state(uint64_t vm, uint64_t index, uint64_t groups);
int64_t vcpu_cpuid(uint64_t vm, uint64_t index, uint64_t hpa, uint64_t count);

/* Ends the guest's turn: fills the run page's always-stored groups, `groups`
 * and what the module wants, and makes the service domain this processor's
 * current vCPU again. The caller has filled run->exit. */
void vcpu_leave(struct vcpu *v, uint32_t groups);

/* The guest touches debug registers, or DR7 asks for breakpoints: DR0-3 become its own for
 * the rest of its turn. */
void vcpu_use_debug_registers(struct vcpu *v);

/* Enters whatever is current on this processor, for ever. */
_Noreturn void vcpu_loop(void);

/* Queues an exception as the guest's own mistake; `error` counts for those of EXC_WITH_ERROR.
 * While another one is queued the two become #DF, or on top of #DF a shutdown (APM vol. 2
 * table 8-8, SDM vol. 3A table 6-5). */
void vcpu_inject_exception(struct vcpu *v, uint8_t vector, uint32_t error);

/* RIP past the `length` bytes of an instruction, with the effects on interrupt
 * shadow and single step that completing an instruction has. */
void vcpu_skip(struct vcpu *v, uint8_t length);

#endif
