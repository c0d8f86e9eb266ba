/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM: what a VM file descriptor stands for. */
#ifndef MULLION_VM_H
#define MULLION_VM_H

#include <linux/kref.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <mullion/abi.h>

#include "irqchip.h"
#include "space.h"

struct mullion_vcpu;
struct msr_filter;

/* What KVM does differently from a processor, unless it is told not to. */
#define VM_QUIRKS                                                                                  \
	(KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | KVM_X86_QUIRK_FIX_HYPERCALL_INSN |                   \
	 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)
#define VM_MANUAL_PROTECT (KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)
#define VM_USER_MSR                                                                                \
	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_FILTER)

#define MULLION_SLOTS_MAX 512
#define VCPU_ID_MAX 255 /* xAPIC identifiers are below; 255 is the broadcast */
#define MULLION_GFN_MAX (MULLION_MAX_GPA >> PAGE_SHIFT)

/*
 * Life: the VM's and its vCPUs' file descriptors hold references. When its creator's address
 * space goes (which precedes the closing of files when a process is killed), the VM is ended:
 * nothing is mapped or runs any more, its frames stay donated. With the last reference they are
 * taken back.
 *
 * Locks, outermost first: lock; slots_lock; slots_srcu (read); mmu_lock. vcpu->mutex is outside
 * all of them.
 */
struct mullion_vm {
	struct kref refs;
	struct mm_struct *mm; /* of the creator; held by `notifier` */
	struct mmu_notifier notifier;
	bool ended; /* set once, under lock: no call gets in any more */
	bool gone;  /* set once, after that: nothing is mapped any more */

	struct mutex lock; /* vcpus (writers), devices, clock */
	u32 vcpu_count;
	struct mullion_vcpu *vcpus[MULLION_MAX_VCPUS]; /* only ever added to */

	struct mutex slots_lock; /* changes of spaces' `slots`, and dirty logs */
	bool manual_protect;  /* pages are logged anew when user space says so; under slots_lock */
	u32 dirty_ring_bytes; /* each vCPU's; 0: slots have bitmaps. Set once, under lock */
	bool log_starts_full; /* every page counts as written when logging begins; likewise */
	struct srcu_struct slots_srcu;
	struct mullion_space spaces[MULLION_SPACES];

	/* Mappings follow the creator's page tables: a fault notes invalidate_seq, looks the page
	 * up and maps it under mmu_lock, unless an invalidation began meanwhile. */
	spinlock_t mmu_lock;
	unsigned long invalidate_seq;
	unsigned int invalidating;            /* ranges under way */
	u64 invalidate_start, invalidate_end; /* hva, covering them all */

	bool hide_platform_info;                    /* from guests: MSR_PLATFORM_INFO */
	bool exit_on_unemulated;                    /* KVM_CAP_EXIT_ON_EMULATION_FAILURE */
	u64 quirks_off;                             /* KVM_X86_QUIRK_* */
	bool exception_payload, triple_fault_event; /* parts of struct kvm_vcpu_events */
	u32 user_msr; /* KVM_MSR_EXIT_REASON_*: accesses that user space answers */
	struct msr_filter __rcu *msr_filter; /* writers: under lock */
	bool msr_exits; /* every access to an MSR must exit, for the filter's sake */
	u32 boot_id;    /* of the vCPU that starts; under lock */
	u32 id_limit;   /* vCPU identifiers are below; under lock */

	/* Devices answered in the kernel. */
	struct irqchip irqchip;
	struct list_head ioeventfds;      /* see ioeventfd.c */
	struct list_head coalesced_zones; /* see coalesced.c */
	spinlock_t coalesced_lock;
	struct kvm_coalesced_mmio_ring *coalesced_ring; /* a page, shared with user space */

	u64 clock_tsc, clock_ns; /* the guest clock showed clock_ns at that host TSC; under lock */

	/* The last TSC that was set, so that vCPUs set alike run alike; under lock. */
	bool tsc_set;
	u64 tsc_value, tsc_host, tsc_offset;
};

static inline bool vm_has_quirk(const struct mullion_vm *vm, u64 quirk)
{
	return !(READ_ONCE(vm->quirks_off) & quirk);
}

/* A new VM of the calling process. -> VM file descriptor or a negative error. */
int vm_create_fd(void);

void vm_get(struct mullion_vm *vm);
void vm_put(struct mullion_vm *vm);

/* Ends the VM now, for good: -EIO from all of its ioctls afterwards. May sleep. */
void vm_end(struct mullion_vm *vm);

/* -> 0 when the caller may use the VM, -EIO when it is not its creator's address space or the VM
 * has ended. */
int vm_check_caller(const struct mullion_vm *vm);

/* Value of KVM_CHECK_EXTENSION for `cap`; 0 for what is not there. */
long capability_value(long cap);

#endif
