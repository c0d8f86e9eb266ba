/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU: what a vCPU file descriptor stands for. */
#ifndef MULLION_VCPU_H
#define MULLION_VCPU_H

#include <linux/irq_work.h>
#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/signal_types.h>
#include <mullion/abi.h>

#include "dirty_ring.h"
#include "emulate.h"
#include "smm.h"

struct mullion_apic;
struct mullion_space;
struct mullion_vm;
struct kvm_x86_mce;

#define NMIS_MAX 2 /* that wait: one to be delivered, one latched behind it (SDM vol. 3A 6.7.1) */
#define MULLION_MCE_BANKS 32
#define MULLION_MTRR_FIXED 11
#define MULLION_MTRR_PAIRS 8

/* MSRs that only the module knows. */
struct vcpu_msrs {
	u64 apic_base;
	u64 platform_info;
	u64 misc_enable;
	u64 power_ctl;
	u64 ucode_rev;
	u64 hwcr;
	u64 tsc_adjust;
	u64 mtrr_def_type;
	u64 mtrr_fixed[MULLION_MTRR_FIXED];
	u64 mtrr_variable[2 * MULLION_MTRR_PAIRS]; /* base, mask, base, ... */
	u64 mcg_cap, mcg_status, mcg_ctl;
	u64 mce_banks[4 * MULLION_MCE_BANKS]; /* CTL, STATUS, ADDR, MISC, ... */
	u64 kvm_wall_clock, kvm_system_time, kvm_steal_time, kvm_pv_eoi, kvm_async_pf;
	u64 smbase, smi_count;
};

/*
 * Registers live in root mode and, group by group, in the run page. `valid` there says which
 * groups hold the vCPU's values, `dirty` which were changed here and go in with the next entry.
 * Read a group after vcpu_load(), change it after vcpu_change().
 *
 * Events. run->inject holds what the next entry delivers: what an exit interrupted, an exception
 * that emulation raised, or what was taken from nmi_pending and irq_pending when its time had
 * come. It stays there until the entry took it. With the APIC in the kernel root mode takes
 * interrupts from there; irq_pending then is what user space's PIC asks for, if that is where it is.
 */
struct mullion_vcpu {
	struct mullion_vm *vm;
	struct mullion_space *space; /* in which it is; changed by its own thread: vcpu_go() */
	u32 admitted;                /* space_bit()s: where root mode has a vCPU for it */
	u32 id;                      /* user space's number: the APIC identifier */
	u32 index;                   /* root mode's number */
	int cpu;                     /* that it is running on, or -1 */
	struct task_struct *task;    /* in KVM_RUN, else NULL; read under RCU */
	bool added;                  /* one of vm->vcpus, which the VM frees */

	struct irq_work kick; /* does nothing, but ends a turn that it is queued before */

	struct mutex mutex; /* all that follows; held by every ioctl of the vCPU */

	struct mullion_run *run; /* the pages shared with root mode */
	u32 *apic_page;
	struct kvm_run *kvm_run; /* pages shared with user space, never trusted */
	u8 *pio;

	u8 nmi_pending; /* up to NMIS_MAX */
	bool irq_pending;
	u8 irq_vector;
	struct vcpu_smm smm;
	u32 mp_state;
	struct mullion_apic *apic; /* NULL: in user space */

	/* Finishes what the last exit to user space began, on the next KVM_RUN. -> as
	 * handle_exit() in run.c. NULL: nothing is left to do. */
	int (*complete)(struct mullion_vcpu *v);
	struct {
		u64 rip, next_rip; /* of the instruction, and past it */
		u8 size;
	} port_read; /* the IN under way, while complete finishes it */

	struct emulate_context emulate;
	unsigned int posted_next; /* first access of emulate.posted not yet delivered */

	struct {
		u32 control;   /* KVM_GUESTDBG_*; 0: no debugger */
		bool step_due; /* an instruction was completed that the debugger steps over */
		u64 user[8], guest[8]; /* debug registers: see guest_debug.c */
		u8 int3_length;        /* user space was told of an INT3 of as many bytes, */
		u64 int3_rip;          /* here, and may give it back; 0 bytes: of none */
	} debug;

	struct dirty_ring ring;
	struct vcpu_msrs msrs;
	u64 steal_seen; /* the thread's waiting time that the guest knows of, in ns */
	bool steal_due; /* the guest's page must be written though nothing is new */
	u64 tsc_offset; /* guest's TSC - processor's; root mode has a copy */
	u32 cpuid_told; /* space_bit()s: where root mode has this, if it is more than nothing: */
	u32 cpuid_count;
	struct kvm_cpuid_entry2 *cpuid; /* a copy of what was set; kvmalloc */

	bool has_run;
	bool enforce_pv;   /* KVM's MSRs exist only where the guest's CPUID says so */
	bool shutdown_due; /* the next KVM_RUN is a shutdown */
	bool clock_due;    /* the guest's clock page must be written before entry */
	bool clock_stopped;
	bool sigmask_set;
	sigset_t sigmask;
};

/* -- vcpu.c ---------------------------------------------------------------- */

/* KVM_CREATE_VCPU; vm->lock not held. -> vCPU file descriptor or a negative error. */
int vcpu_create_fd(struct mullion_vm *vm, u32 id);

/* Frees what vcpu_create_fd() made; the VM has ended. */
void vcpu_free(struct mullion_vcpu *v);

/* -- state.c: the run page's groups; reset.c --------------------------------- */

/* Makes `groups` (MULLION_GROUP_*) readable in the run page. -> 0, or -EIO when the VM has
 * ended. */
int vcpu_load(struct mullion_vcpu *v, u32 groups);

/* Makes one group readable and marks it as changed. -> as vcpu_load(). */
int vcpu_change(struct mullion_vcpu *v, u32 groups);

/* RIP to `rip`, as the completion of an instruction: ends the interrupt shadow, and raises #DB
 * if the guest is single-stepping. RIP is loaded (it is after every exit). -> 0 or -EIO. */
int vcpu_advance(struct mullion_vcpu *v, u64 rip);

/* Raises an exception on the next entry. An interrupt that was on its way comes later. */
void vcpu_raise(struct mullion_vcpu *v, u8 vector, bool has_error, u32 error);

/* Raises #DB with DR6.BS. -> 0 or -EIO. */
int vcpu_raise_step(struct mullion_vcpu *v);

/* INIT; the APIC is not concerned. SIPI, which starts what INIT has stopped. -> 0 or -EIO. */
int vcpu_take_init(struct mullion_vcpu *v);
int vcpu_take_sipi(struct mullion_vcpu *v, u8 vector);

/* Whether an interrupt would be delivered with the next entry. RIP is loaded. */
bool vcpu_irq_open(const struct mullion_vcpu *v);

/* Whether user space may give one now: it would be delivered, and none is waiting. */
bool vcpu_accepts_irq(const struct mullion_vcpu *v);

/* An interrupt that was acknowledged already is delivered first. */
void vcpu_queue_irq(struct mullion_vcpu *v, u8 vector);

/* -- run.c ----------------------------------------------------------------- */

/* KVM_RUN. */
int vcpu_run(struct mullion_vcpu *v);

/* What handlers of exits answer, besides negative errors. */
enum exit_action {
	EXIT_TO_USER = 0, /* kvm_run is filled */
	EXIT_CONTINUE = 1,
};

/* Fills kvm_run for KVM_EXIT_INTERNAL_ERROR. -> EXIT_TO_USER. */
int exit_internal_error(struct mullion_vcpu *v, u32 suberror, const u64 *data, u32 count);

/* -- io.c, mmio.c ---------------------------------------------------------- */

int exit_io(struct mullion_vcpu *v);
int exit_memory(struct mullion_vcpu *v);
int exit_emulate(struct mullion_vcpu *v);
int exit_task_switch(struct mullion_vcpu *v); /* task.c */

/* Prepares the emulator; the guest's CPUID sets physical address width and page sizes. */
void mmio_init(struct mullion_vcpu *v);
void mmio_cpuid_changed(struct mullion_vcpu *v);

/* The registers were set from outside: what an emulation under way holds may be out of date. */
void mmio_registers_set(struct mullion_vcpu *v);

/* A port access. -> true if a device in the kernel took it. */
bool port_read_in_kernel(struct mullion_vcpu *v, u16 port, void *data, unsigned int size);
bool port_write_in_kernel(struct mullion_vcpu *v, u16 port, const void *data, unsigned int size);

/* -- guest_debug.c --------------------------------------------------------- */

#define GUEST_DEBUG_VALID                                                                          \
	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP |                  \
	 KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |                \
	 KVM_GUESTDBG_BLOCKIRQ)

int vcpu_set_guest_debug(struct mullion_vcpu *v, const struct kvm_guest_debug *debug);
/* Where the guest's own DR0-7 are; group DR is loaded. */
u64 *guest_debug_registers(struct mullion_vcpu *v);
/* Whether a debugger stops the guest behind each instruction. */
bool guest_debug_steps(const struct mullion_vcpu *v);
/* Before an entry, with a debugger: prepares the debug registers. -> MULLION_REQUEST_*. */
u32 guest_debug_request(struct mullion_vcpu *v);
/* After an exit: a #DB that root mode raised for a step is the debugger's. */
void guest_debug_collect(struct mullion_vcpu *v);
/* debug.step_due: tells user space. */
int guest_debug_stepped(struct mullion_vcpu *v);
/* User space has #BP raised: goes past the INT3 that it was told of, if RIP is still there, as the
 * delivery wants it. RIP is loaded and will be stored. */
void guest_debug_pass_int3(struct mullion_vcpu *v);
int exit_debug(struct mullion_vcpu *v);

/* -- undefined.c, pv_hypercall.c ------------------------------------------- */

int exit_undefined(struct mullion_vcpu *v);
/* Serves the call at RIP, of exit.insn_len bytes if that is known. */
int exit_hypercall(struct mullion_vcpu *v);

/* -- msr.c ----------------------------------------------------------------- */

int exit_msr(struct mullion_vcpu *v);
/* Completes the RDMSR, with `value`, or the WRMSR at which root mode has stopped. */
int msr_answer(struct mullion_vcpu *v, u64 value);
void msr_reset(struct mullion_vcpu *v);

/* KVM_GET_MSRS, KVM_SET_MSRS on a vCPU. -> entries dealt with, or a negative error. */
long vcpu_get_msrs(struct mullion_vcpu *v, struct kvm_msrs __user *arg);
long vcpu_set_msrs(struct mullion_vcpu *v, struct kvm_msrs __user *arg);
/* The same and the lists on /dev/kvm. */
long msr_get_features(struct kvm_msrs __user *arg);
long msr_list(struct kvm_msr_list __user *arg, bool features);
int vcpu_setup_mce(struct mullion_vcpu *v, u64 mcg_cap);
int vcpu_inject_mce(struct mullion_vcpu *v, const struct kvm_x86_mce *mce);
u64 mce_capabilities(void);

/* -- clock.c --------------------------------------------------------------- */

/* Starts a new vCPU's time-stamp counter, at 0 together with the VM's others. */
void clock_start_tsc(struct mullion_vcpu *v);
/* Sets or reads the guest's time-stamp counter. `host`: by user space, which sets several vCPUs
 * one after the other and means the same moment. */
void vcpu_set_tsc(struct mullion_vcpu *v, u64 value, bool host);
u64 vcpu_get_tsc(const struct mullion_vcpu *v);
/* MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK: kvmclock. -> enum msr_result. */
int clock_set_system_time(struct mullion_vcpu *v, u64 value);
int clock_set_wall_clock(struct mullion_vcpu *v, u64 value);
/* Sets v->tsc_offset, and what follows from it. */
void vcpu_set_tsc_offset(struct mullion_vcpu *v, u64 offset);
/* Writes the guest's clock page when it is due. */
void clock_update(struct mullion_vcpu *v);

/* -- steal.c --------------------------------------------------------------- */

/* Whether guests are offered MSR_KVM_STEAL_TIME; writing it (-> enum msr_result); before an entry,
 * with interrupts on: brings the guest's page up to date. */
bool steal_available(void);
int steal_set(struct mullion_vcpu *v, u32 index, u64 value, bool host);
void steal_update(struct mullion_vcpu *v);

/* -- cpuid.c --------------------------------------------------------------- */

/* Lists what guests are offered, once. -> 0 or -ENOMEM. */
int cpuid_init(void);
void cpuid_exit(void);

/* KVM_GET_SUPPORTED_CPUID; KVM_SET_CPUID2, KVM_GET_CPUID2. */
long cpuid_get_supported(struct kvm_cpuid2 __user *arg);
long vcpu_set_cpuid(struct mullion_vcpu *v, struct kvm_cpuid2 __user *arg);
long vcpu_get_cpuid(struct mullion_vcpu *v, struct kvm_cpuid2 __user *arg);
const struct kvm_cpuid_entry2 *vcpu_cpuid(const struct mullion_vcpu *v, u32 function, u32 index);
/* Whether the guest has MWAIT, by its CPUID; and all of KVM's own features in `mask`, which counts
 * only where user space wants it so. */
bool vcpu_has_mwait(const struct mullion_vcpu *v);
bool vcpu_has_pv(const struct mullion_vcpu *v, u32 mask);
/* CPUID mirrors something that has changed. -> 0 or a negative error. */
int vcpu_refresh_cpuid(struct mullion_vcpu *v);
/* Sees to it that CPUID answers the same in `space`, where v is admitted. Control registers are
 * loaded. -> 0 or a negative error. */
int vcpu_tell_cpuid(struct mullion_vcpu *v, const struct mullion_space *space);
/* The first entry of a leaf in what is offered, or NULL. */
const struct kvm_cpuid_entry2 *cpuid_offered(u32 function);
/* XCR0 bits that guests may set; bytes of their XSAVE image. */
u64 cpuid_xcr0_mask(void);

/* -- regs.c, fpu.c, events.c ----------------------------------------------- */

int vcpu_get_regs(struct mullion_vcpu *v, struct kvm_regs *regs);
int vcpu_set_regs(struct mullion_vcpu *v, const struct kvm_regs *regs);
/* The form without PDPTRs has sregs2's layout up to apic_base. */
int vcpu_get_sregs(struct mullion_vcpu *v, struct kvm_sregs *sregs);
int vcpu_set_sregs(struct mullion_vcpu *v, const struct kvm_sregs *sregs);
int vcpu_get_sregs2(struct mullion_vcpu *v, struct kvm_sregs2 *sregs);
int vcpu_set_sregs2(struct mullion_vcpu *v, const struct kvm_sregs2 *sregs);
int vcpu_get_debugregs(struct mullion_vcpu *v, struct kvm_debugregs *regs);
int vcpu_set_debugregs(struct mullion_vcpu *v, const struct kvm_debugregs *regs);
int vcpu_get_fpu(struct mullion_vcpu *v, struct kvm_fpu *fpu);
int vcpu_set_fpu(struct mullion_vcpu *v, const struct kvm_fpu *fpu);
int vcpu_get_xsave(struct mullion_vcpu *v, struct kvm_xsave *xsave);
int vcpu_set_xsave(struct mullion_vcpu *v, const struct kvm_xsave *xsave);
int vcpu_get_xcrs(struct mullion_vcpu *v, struct kvm_xcrs *xcrs);
int vcpu_set_xcrs(struct mullion_vcpu *v, const struct kvm_xcrs *xcrs);
int vcpu_get_events(struct mullion_vcpu *v, struct kvm_vcpu_events *events);
int vcpu_set_events(struct mullion_vcpu *v, const struct kvm_vcpu_events *events);
/* An interrupt that is on its way into the guest makes room for what goes first: it is requested
 * again, unless it came from the PIC. */
void vcpu_put_back_irq(struct mullion_vcpu *v);
int vcpu_interrupt(struct mullion_vcpu *v, u32 vector);
int vcpu_nmi(struct mullion_vcpu *v);

/* -- sync_regs.c ------------------------------------------------------------ */

/* Takes what user space has changed in kvm_run before KVM_RUN, and stores what it wants there
 * after it. -> 0, -EINVAL for unknown parts, or what the ioctls answer. */
int sync_regs_in(struct mullion_vcpu *v);
int sync_regs_out(struct mullion_vcpu *v);

/* KVM_TRANSLATE: the guest's page tables, walked for a supervisor's read. guest_ram.c. */
int vcpu_translate(struct mullion_vcpu *v, struct kvm_translation *t);

#endif
