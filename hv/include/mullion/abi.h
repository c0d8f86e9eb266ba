/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between the service domain and Mullion's root mode.
 *
 * This header is the whole contract: how root mode is found, the hypercalls,
 * and the run page through which a vCPU's exits and registers travel. It is
 * compiled into root mode, the kernel module and the tools unchanged, and it
 * compiles alone. Any change to a layout or a meaning advances
 * MULLION_ABI_VERSION; both sides refuse to work across versions.
 *
 * Units: addresses and sizes are bytes, `pfn` is a 4 KiB frame number. `hpa`
 * is a machine-physical address, which for the service domain is also its own
 * physical address; `gpa` is a guest-physical address.
 */
#ifndef MULLION_ABI_H
#define MULLION_ABI_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif

#define MULLION_ABI_VERSION 4

/*
 * Discovery. CPUID MULLION_CPUID_BASE returns the highest leaf in EAX and the
 * twelve bytes of MULLION_SIGNATURE in EBX, ECX, EDX; leaf BASE + 1 returns
 * MULLION_ABI_VERSION in EAX. Only the service domain sees these leaves.
 */
#define MULLION_CPUID_BASE 0x40000000u
#define MULLION_CPUID_ABI (MULLION_CPUID_BASE + 1)
#define MULLION_SIGNATURE "Mullion\0\0\0\0\0"

/*
 * Hypercalls: VMMCALL on AMD-V, VMCALL on VT-x, without prefixes, from the service
 * domain at CPL 0 only (elsewhere: #UD). RAX holds the number, RDI, RSI, RDX, RCX and R8
 * the arguments. RAX returns a value >= 0, or one of the negative errors; every
 * other register is preserved. Root mode checks everything first and then acts
 * without failing: an error means that nothing has changed, except where a call
 * says that it counts what it has done.
 *
 * Every call is bounded. A call that has more to do than one call may do
 * returns the number of pages that it dealt with; the caller goes on from there.
 */
enum mullion_hypercall {
	/* () -> MULLION_ABI_VERSION. */
	MULLION_HC_VERSION = 0,

	/* (hpa, first) Writes a struct mullion_info to the service domain's page, with the VMs
	 * from identifier `first` on, as far as they fit. */
	MULLION_HC_INFO = 1,

	/* (hpa, position) Writes a struct mullion_log to the page: log text from
	 * byte `position` of all that was ever logged, or from the oldest kept. */
	MULLION_HC_LOG_READ = 2,

	/* (pfn, count) Donates `count` frames and founds a VM on them.
	 * -> VM identifier >= 1. At least MULLION_VM_MIN_PAGES frames.
	 * -MULLION_EAGAIN while a processor may still have translations of the frames:
	 * bring every processor through root mode (any hypercall does) and call again. */
	MULLION_HC_VM_CREATE = 3,

	/* (vm, pfn, count) Donates `count` more frames to the VM's pool, from
	 * which its vCPUs and nested tables are made. -> 0, or -MULLION_EAGAIN as above. */
	MULLION_HC_VM_DONATE = 4,

	/* (vm) Ends the VM: no vCPU runs again and every guest mapping goes.
	 * -> 0 when done, -MULLION_EAGAIN when there is more to do (call again).
	 * -MULLION_EBUSY while one of its vCPUs is running. Once called, every other
	 * call says -MULLION_ENOENT for the VM, whatever this one has answered. */
	MULLION_HC_VM_DESTROY = 5,

	/* (pfn, count) Takes back frames of ended VMs, scrubbed. Afterwards they
	 * are the service domain's again. -> frames given back (>= 1); the VM's
	 * identifier is free when its last frame has gone back. */
	MULLION_HC_RECLAIM = 6,

	/* (vm, gpa, hpa, count, MULLION_MAP_*) Maps `count` contiguous 4 KiB frames
	 * of the service domain, in larger pages where alignment allows, in place
	 * of nothing: -MULLION_EEXIST where something else is mapped; mapping the
	 * same frame again only changes permissions, and takes none away.
	 * -> frames mapped (>= 1), -MULLION_ENOMEM when the pool has no frame for
	 * a table (donate, then call again). */
	MULLION_HC_VM_MAP = 7,

	/* (vm, gpa, count) Unmaps guest frames; holes are skipped. -> frames dealt
	 * with (>= 1), or -MULLION_EAGAIN while a processor may still use an old
	 * translation: bring the VM's running vCPUs to an exit and call again. The
	 * frames stay shared, and cannot be donated, until the call has succeeded.
	 * -MULLION_ENOMEM when a large page must be split and the pool is empty. */
	MULLION_HC_VM_UNMAP = 8,

	/* (vm, gpa, count) Takes write permission from guest frames. Returns as
	 * VM_UNMAP does. */
	MULLION_HC_VM_PROTECT = 9,

	/* (vm, index, run_pfn, apic_pfn) Creates vCPU `index` with the service domain's
	 * pages `run_pfn` as its run page and `apic_pfn`, another one, as its APIC page, in the
	 * state after INIT. -> 0. The pages stay shared until the VM's end. */
	MULLION_HC_VCPU_CREATE = 10,

	/* (vm, index) Loads the run page's `dirty` groups, enters the guest and
	 * returns with an exit in the run page. -> 0; errors leave the run page
	 * alone. The caller masks interrupts; one that arrives ends the run. */
	MULLION_HC_VCPU_RUN = 11,

	/* (vm, index, groups) Loads the `dirty` groups, then stores `groups` into
	 * the run page, without running. -> 0. */
	MULLION_HC_VCPU_STATE = 12,

	/* (vm, index, hpa, count) Sets the vCPU's CPUID table from `count` (up to
	 * MULLION_CPUID_MAX) struct mullion_cpuid on the service domain's page. */
	MULLION_HC_VCPU_CPUID = 13,

	/* (vm, index, hpa) Writes a struct mullion_vcpu_stat to the page; index
	 * MULLION_SERVICE_VM for vm reads the service domain's own, per processor. */
	MULLION_HC_VCPU_STAT = 14,

	MULLION_HC_COUNT = 15,
};

/* Errors, numbered as Linux numbers them. Returned negated. */
enum mullion_error {
	MULLION_EPERM = 1,   /* not yours: the frame has another owner */
	MULLION_ENOENT = 2,  /* no such VM, vCPU or mapping */
	MULLION_EAGAIN = 11, /* not yet: see the call */
	MULLION_ENOMEM = 12, /* the VM's pool (or root mode's) is empty */
	MULLION_EBUSY = 16,  /* in use: shared, running, or being ended */
	MULLION_EEXIST = 17, /* already there */
	MULLION_EINVAL = 22, /* an argument out of its range */
	MULLION_ENOSPC = 28, /* no free identifier */
	MULLION_ENOSYS = 38, /* no such hypercall */
};

#define MULLION_SERVICE_VM 0
#define MULLION_MAX_VMS 1024
#define MULLION_MAX_VCPUS 64
#define MULLION_MAX_BATCH 512  /* frames that one call takes at the most */
#define MULLION_VM_MIN_PAGES 2 /* the VM itself and its topmost nested table */
#define MULLION_VCPU_PAGES 4   /* frames a vCPU takes from the pool */
#define MULLION_MAX_GPA (1ull << 46)

/* Flags of VM_MAP. Every mapping is readable. */
#define MULLION_MAP_WRITE (1u << 0)
#define MULLION_MAP_EXEC (1u << 1)

/* An event on its way into a vCPU: the encoding both vendors use (APM vol. 2
 * 15.20, SDM vol. 3C 25.8.3), unpacked. */
enum mullion_event_type {
	MULLION_EVENT_INTERRUPT = 0,
	MULLION_EVENT_NMI = 2,
	MULLION_EVENT_EXCEPTION = 3,
	MULLION_EVENT_SOFT_INTERRUPT = 4,
};

struct mullion_event {
	uint8_t valid; /* 0 or 1 */
	uint8_t type;  /* enum mullion_event_type */
	uint8_t vector;
	uint8_t has_error; /* 0 or 1 */
	uint32_t error;
};

/* Why VCPU_RUN returned. */
enum mullion_exit_reason {
	MULLION_EXIT_NONE = 0,
	MULLION_EXIT_INTERRUPT = 1,   /* a physical interrupt or NMI is pending */
	MULLION_EXIT_IO = 2,          /* exit.io */
	MULLION_EXIT_MEMORY = 3,      /* exit.memory: no mapping, or not permitted */
	MULLION_EXIT_MSR = 4,         /* exit.msr: not answered in root mode */
	MULLION_EXIT_HLT = 5,         /* RIP is past the HLT */
	MULLION_EXIT_IRQ_WINDOW = 6,  /* as requested by the module */
	MULLION_EXIT_NMI_WINDOW = 7,  /* as requested */
	MULLION_EXIT_SHUTDOWN = 8,    /* triple fault; the vCPU needs a reset */
	MULLION_EXIT_HYPERCALL = 9,   /* VMCALL/VMMCALL at CPL 0; RIP is on it */
	MULLION_EXIT_FAIL_ENTRY = 10, /* exit.fail: the processor refused the state */
	MULLION_EXIT_CR8 = 11,        /* the guest wrote CR8: new value in `cr8` */
	MULLION_EXIT_UNDEFINED = 12,  /* #UD is due for the instruction at RIP, unless the module
				 * does something else about it */
	MULLION_EXIT_DEBUG = 13,      /* exit.debug: #DB or #BP wanted by `request` */
	MULLION_EXIT_TASK_SWITCH = 14, /* exit.task: VT-x leaves it to software */
	MULLION_EXIT_COUNT = 15,
};

/* exit.task.source: what switches (SDM vol. 3C 25.4.2). RIP is on the instruction and insn_len
 * its length; for a task gate that an event goes through, not an instruction's, insn_len is 0,
 * and `pending` the event, of which the switch is the delivery. */
enum mullion_task_source {
	MULLION_TASK_CALL = 0,
	MULLION_TASK_IRET = 1,
	MULLION_TASK_JMP = 2,
	MULLION_TASK_GATE = 3, /* in the IDT */
};

/* exit.memory.access; what the guest attempted. */
#define MULLION_ACCESS_WRITE (1u << 0)
#define MULLION_ACCESS_FETCH (1u << 1)
#define MULLION_ACCESS_PRESENT (1u << 2) /* mapped, but not so permitted */
#define MULLION_ACCESS_WALK (1u << 3)    /* by the guest's own page walk */

/* exit.io.flags */
#define MULLION_IO_IN (1u << 0)
#define MULLION_IO_STRING (1u << 1)
#define MULLION_IO_REP (1u << 2)

/* mullion_run.request: set by the module, kept until it clears them. */
#define MULLION_REQUEST_IRQ_WINDOW (1u << 0)  /* exit once an IRQ can be taken */
#define MULLION_REQUEST_NMI_WINDOW (1u << 1)  /* exit once an NMI can be taken */
#define MULLION_REQUEST_CR8_EXIT (1u << 2)    /* exit when the guest lowers CR8 */
#define MULLION_REQUEST_DEBUG (1u << 3)       /* exit on #DB and #BP */
#define MULLION_REQUEST_SINGLE_STEP (1u << 4) /* with DEBUG: exit after one instruction */
#define MULLION_REQUEST_MSR_EXIT (1u << 5)    /* exit on every RDMSR and WRMSR */

/* mullion_run.interruptibility */
#define MULLION_BLOCK_STI (1u << 0) /* interrupt shadow of STI or MOV SS */
#define MULLION_BLOCK_NMI (1u << 1) /* between an NMI and its IRET */

/* Register groups of the run page: bits of `dirty`, `wanted` and `valid`. */
#define MULLION_GROUP_GPR (1u << 0) /* gpr */
#define MULLION_GROUP_RIP (1u << 1) /* rip, rflags, interruptibility */
#define MULLION_GROUP_SEG (1u << 2) /* segments, gdtr, idtr */
#define MULLION_GROUP_CR (1u << 3)  /* cr0, cr2, cr3, cr4, efer, xcr0 */
#define MULLION_GROUP_CR8 (1u << 4) /* cr8 */
#define MULLION_GROUP_DR (1u << 5)  /* dr */
#define MULLION_GROUP_MSR (1u << 6) /* msr, but for its tsc_offset */
#define MULLION_GROUP_TSC (1u << 7) /* msr.tsc_offset */
#define MULLION_GROUP_FPU (1u << 8) /* xsave */
#define MULLION_GROUPS 0x1ffu
/* The groups that every exit stores. */
#define MULLION_GROUPS_ALWAYS (MULLION_GROUP_RIP | MULLION_GROUP_CR8)

enum mullion_gpr {
	MULLION_RAX, MULLION_RCX, MULLION_RDX, MULLION_RBX,
	MULLION_RSP, MULLION_RBP, MULLION_RSI, MULLION_RDI,
	MULLION_R8, MULLION_R9, MULLION_R10, MULLION_R11,
	MULLION_R12, MULLION_R13, MULLION_R14, MULLION_R15,
	MULLION_GPRS,
};

enum mullion_seg {
	MULLION_ES, MULLION_CS, MULLION_SS, MULLION_DS,
	MULLION_FS, MULLION_GS, MULLION_LDTR, MULLION_TR,
	MULLION_SEGS,
};

/* A segment register. `attr` holds bits 8-15 and 20-23 of the descriptor's
 * second word in bits 0-7 and 8-11 (the VMCB's form, APM vol. 2 15.5.1). An
 * unusable segment has the present bit (7) clear. */
struct mullion_segment {
	uint16_t selector;
	uint16_t attr;
	uint32_t limit; /* in bytes, expanded by the granularity bit */
	uint64_t base;
};

struct mullion_table { /* GDTR, IDTR */
	uint64_t base;
	uint16_t limit;
	uint16_t pad[3];
};

/* The MSRs that the guest uses directly. */
struct mullion_msrs {
	uint64_t star, lstar, cstar, sfmask;
	uint64_t kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat;
	uint64_t tsc_aux;
	uint64_t spec_ctrl;
	uint64_t debugctl;
	uint64_t tsc_offset; /* guest TSC - processor TSC, modulo 2^64 */
};

struct mullion_exit_io {
	uint16_t port;
	uint8_t size;  /* 1, 2, 4 */
	uint8_t flags; /* MULLION_IO_* */
	uint32_t pad;
	uint64_t next_rip;
};

struct mullion_exit_memory {
	uint64_t gpa;
	uint32_t access; /* MULLION_ACCESS_* */
	uint32_t pad;
};

struct mullion_exit_task {
	uint16_t selector; /* of the new task's TSS */
	uint16_t source;   /* enum mullion_task_source */
	uint32_t pad;
};

struct mullion_exit {
	uint32_t reason;    /* enum mullion_exit_reason */
	uint8_t insn_len;   /* bytes at RIP, 0: unknown */
	uint8_t insn_count; /* valid bytes in insn, 0 without decode assists */
	uint16_t pad;
	uint8_t insn[16];
	struct mullion_event pending; /* was being delivered: must be injected again */
	union {
		struct mullion_exit_io io;
		struct mullion_exit_memory memory;
		struct {
			uint32_t index;
			uint32_t write; /* 0 or 1 */
			uint64_t value; /* of a write */
		} msr;                  /* RIP is on WRMSR or RDMSR; insn_len 0: it is behind it */
		struct {
			uint64_t code; /* the vendor's own exit code */
			uint64_t info[2];
		} fail;
		struct {
			uint32_t vector; /* 1 or 3 */
			uint32_t pad;
			uint64_t dr6;
		} debug;
		struct mullion_exit_task task;
		uint8_t bytes[32];
	};
};

#define MULLION_XSAVE_SIZE 3072

/*
 * The run page. While VCPU_RUN or VCPU_STATE is under way the page is root
 * mode's to read and write; otherwise it is the module's. Root mode copies
 * what it reads before it checks it: a module that writes at the wrong time
 * harms only its own guest.
 *
 * Before entry root mode loads each group in `dirty`, clears `dirty`, takes
 * `inject` (and clears its `valid`), and reads `request`. On exit it stores the
 * groups of GROUPS_ALWAYS, those that the exit reason needs, and `wanted`, and
 * sets `valid` to exactly the groups which now hold the vCPU's values.
 */
struct mullion_run {
	uint32_t dirty;
	uint32_t wanted;
	uint32_t valid;
	uint32_t request;            /* MULLION_REQUEST_* */
	struct mullion_event inject; /* taken into the guest on entry */
	uint32_t interruptibility;   /* MULLION_BLOCK_* */
	uint32_t pad;
	struct mullion_exit exit;

	uint64_t gpr[MULLION_GPRS];
	uint64_t rip;
	uint64_t rflags;
	uint64_t cr0, cr2, cr3, cr4, efer, xcr0;
	uint64_t cr8;   /* 0-15 */
	uint64_t dr[8]; /* 4 and 5 unused */
	struct mullion_msrs msr;
	struct mullion_segment seg[MULLION_SEGS];
	struct mullion_table gdtr, idtr;
	/* IA32_APIC_BASE: the APIC page is in force while bit 11 is set. See below. */
	uint64_t apic_base;
	uint8_t reserved[1024 - 632];
	/* The standard (not compacted) XSAVE image, SDM vol. 1 13.4. */
	uint8_t xsave[MULLION_XSAVE_SIZE];
};

/*
 * The APIC page: a guest's local APIC, with its registers at their architectural offsets (SDM
 * vol. 3A table 11-1, APM vol. 2 table 16-2). Root mode looks at it while run.apic_base has the
 * APIC enabled. Then fixed interrupts are requested by setting a bit of IRR, and are root mode's
 * alone to deliver: at the beginning of a turn, and after what the guest does in it, the highest
 * request whose class is above that of CR8 and of ISR goes from IRR to ISR and into the guest,
 * before which `inject` comes. It is in exit.pending, no more in IRR, if its delivery was
 * interrupted.
 *
 * Whose the registers are:
 *	IRR, ISR, TPR, ICR	the turn's: root mode's, and the processor's, in one; between turns
 *		the module's, which interrupts a turn to make a request. TPR bits 7:4 are CR8:
 *		GROUP_CR8 comes with each change between turns.
 *	TMR	whether a request was level-triggered: bits change at any time, with one atomic
 *		instruction, and before a turn finds the request
 *	others	the module's; root mode reads ID, SPIV and those that read as they stand
 * In a turn root mode answers, in xAPIC mode MOV at the page that run.apic_base names, if nothing
 * is mapped there, in x2APIC mode the MSRs: writes of EOI, unless TMR has the vector's bit set,
 * of TPR, ICR's upper half, ICR for fixed interrupts by the shorthand "self", and SELF IPI; reads
 * of registers that read as they stand, and TPR. All other accesses are exits.
 */
struct mullion_cpuid {
	uint32_t function;
	uint32_t index;
	uint32_t flags; /* MULLION_CPUID_INDEXED */
	uint32_t eax, ebx, ecx, edx;
	uint32_t pad;
};
#define MULLION_CPUID_INDEXED (1u << 0) /* `index` counts: ECX selects a subleaf */
#define MULLION_CPUID_MAX 128

/* Processor features that root mode found and uses: bits of info.features. */
#define MULLION_FEATURE_SVM (1u << 0)
#define MULLION_FEATURE_VMX (1u << 1)
#define MULLION_FEATURE_NEXT_RIP (1u << 2)
#define MULLION_FEATURE_DECODE_ASSISTS (1u << 3)
#define MULLION_FEATURE_FLUSH_BY_ASID (1u << 4)
#define MULLION_FEATURE_CLEAN_BITS (1u << 5)
#define MULLION_FEATURE_1G_PAGES (1u << 6)
#define MULLION_FEATURE_XSAVE (1u << 7)
#define MULLION_FEATURE_APICV (1u << 8)

/* One VM in mullion_info. */
struct mullion_vm_info {
	uint16_t vm;
	uint16_t vcpus;
	uint32_t donated; /* frames it holds */
	uint32_t pool;    /* of them, free in its pool */
	uint32_t shared;  /* guest frames mapped, in 4 KiB */
};

#define MULLION_INFO_VMS 200

struct mullion_info {
	uint32_t abi_version;
	uint32_t features; /* MULLION_FEATURE_* */
	char version[32];  /* NUL-terminated, of the hypervisor */
	uint32_t processors;
	uint32_t vm_count;               /* VMs alive or with frames not yet reclaimed */
	uint64_t ram_frames;             /* usable RAM in the machine */
	uint64_t root_frames;            /* root mode's own, image included */
	uint64_t root_free;              /* of them, free in root mode's table pool */
	uint64_t donated;                /* frames donated by the service domain, all VMs */
	uint64_t shared;                 /* frames of the service domain mapped into guests,
				* counted once a mapping */
	uint64_t image_start, image_end; /* hpa of root mode's image */
	uint64_t xcr0_mask;              /* XCR0 bits a guest may set; 0 without XSAVE */
	uint64_t boot_instructions; /* TSC from entry to the service domain's first instruction */
	uint64_t vm_listed;         /* entries of `vms` */
	struct mullion_vm_info vms[MULLION_INFO_VMS]; /* by ascending identifier */
};

#define MULLION_LOG_TEXT 4072
struct mullion_log {
	uint64_t first; /* position of text[0] in all that was ever logged */
	uint64_t next;  /* position to ask for next; equals the end when all is read */
	uint32_t length;
	uint32_t pad;
	char text[MULLION_LOG_TEXT]; /* not NUL-terminated */
};

/* Exit counters of a vCPU by reason. The order is ABI. */
enum mullion_stat {
	MULLION_STAT_EXITS, /* all of them */
	MULLION_STAT_CPUID,
	MULLION_STAT_MSR_READ,
	MULLION_STAT_MSR_WRITE,
	MULLION_STAT_HLT,
	MULLION_STAT_HYPERCALL,
	MULLION_STAT_CR,
	MULLION_STAT_XSETBV,
	MULLION_STAT_INVD,
	MULLION_STAT_WBINVD,
	MULLION_STAT_INTERRUPT,
	MULLION_STAT_NMI,
	MULLION_STAT_EXCEPTION,
	MULLION_STAT_IO,
	MULLION_STAT_MEMORY,
	MULLION_STAT_DR,
	MULLION_STAT_FORBIDDEN,  /* instructions that are #UD */
	MULLION_STAT_PRIVILEGED, /* and #GP */
	MULLION_STAT_TASK_SWITCH,
	MULLION_STAT_IRQ_WINDOW,
	MULLION_STAT_NMI_WINDOW,
	MULLION_STAT_SHUTDOWN,
	MULLION_STAT_INIT_SIPI,
	MULLION_STAT_REFUSED, /* the processor did not enter */
	MULLION_STAT_RETRY,   /* of the vendor's own */
	MULLION_STAT_UNKNOWN,
	MULLION_STAT_TO_SERVICE, /* of all, those that left root mode to the module */
	MULLION_STAT_COUNT,
};

struct mullion_vcpu_stat {
	uint64_t count[MULLION_STAT_COUNT];
	uint64_t last_exit_code; /* the vendor's own */
	uint64_t last_rip;
};

#ifdef __KERNEL__
#define MULLION_ASSERT(x) static_assert(x)
#else
#define MULLION_ASSERT(x) _Static_assert(x, #x)
#endif
MULLION_ASSERT(offsetof(struct mullion_run, inject) == 16);
MULLION_ASSERT(offsetof(struct mullion_run, exit) == 32);
MULLION_ASSERT(sizeof(struct mullion_exit) == 64);
MULLION_ASSERT(offsetof(struct mullion_run, gpr) == 96);
MULLION_ASSERT(offsetof(struct mullion_run, rip) == 224);
MULLION_ASSERT(offsetof(struct mullion_run, apic_base) == 624);
MULLION_ASSERT(offsetof(struct mullion_run, xsave) == 1024);
MULLION_ASSERT(sizeof(struct mullion_run) == 4096);
MULLION_ASSERT(sizeof(struct mullion_segment) == 16);
MULLION_ASSERT(sizeof(struct mullion_cpuid) * MULLION_CPUID_MAX == 4096);
MULLION_ASSERT(sizeof(struct mullion_log) == 4096);
MULLION_ASSERT(sizeof(struct mullion_info) <= 4096);
MULLION_ASSERT(sizeof(struct mullion_vcpu_stat) <= 4096);

#endif
