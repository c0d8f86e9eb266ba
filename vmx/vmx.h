/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vmx/ share. The way in from hv/ is vmx_vendor alone. */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include "hv/vendor.h"
#include "vmx/vmcs.h"

/* What the processors offer and ask for, read by vmx_probe(). */
struct vmx_features {
	uint32_t revision;        /* of the VMCS format */
	uint32_t turn_limit;      /* in ticks of the preemption timer */
	uint32_t with_error;      /* exceptions that an entry may inject with an error code */
	uint64_t cr0_on, cr0_off; /* bits that must be 1 in VMX operation, and 0 */
	uint64_t cr4_on, cr4_off;
	bool flush_l1d; /* before a guest's turn: L1 terminal fault */
	bool clear_buffers; /* before every entry of a guest: MDS */
};
extern struct vmx_features vmx_features;

/* What a VMCS has no room for: v->vendor_state. */
struct vmx_vcpu {
	uint64_t cr2, rsp; /* while in root mode; GUEST_RSP holds `rsp` */
	uint64_t dr6;	   /* while not live */
	uint32_t armed;	   /* what the controls stand for, see run.c */
	bool active;	   /* its VMCS may be cached by the last processor */
	bool launched, dr6_live;
	bool flush;	   /* translations go before the next entry */
	bool reload_pdptes;
};

static inline struct vmx_vcpu *vmx_of(struct vcpu *v)
{
	_Static_assert(sizeof(struct vmx_vcpu) <= sizeof(v->vendor_state), "fits");
	return (struct vmx_vcpu *)v->vendor_state;
}

/* The VM-execution, exit and entry controls of a guest or of the service domain go to the
 * current VMCS. */
void vmx_write_controls(bool service);

/* Which MSRs exit: a guest's bitmap, the service domain's, or that of a guest in x2APIC mode
 * whose APIC the processor answers for. */
enum msr_bitmap { BITMAP_GUEST, BITMAP_SERVICE, BITMAP_X2APIC, BITMAPS };
uint64_t vmx_msr_bitmap(enum msr_bitmap which);

/* Bits of the control registers that are not a vCPU's own: it sees them in a shadow. */
uint64_t vmx_cr0_mask(const struct vcpu *v);
uint64_t vmx_cr4_mask(const struct vcpu *v);

/* Makes v's VMCS the current one, to which vmread() and vmwrite() go. */
void vmx_load(struct vcpu *v);

/* DR6, which no VMCS holds. */
uint64_t vmx_get_dr6(struct vcpu *v);
void vmx_set_dr6(struct vcpu *v, uint64_t value);

/* Members of vmx_vendor; contracts in hv/vendor.h. */
void vmx_vcpu_init(struct vcpu *v);
void vmx_get_code(struct vcpu *v, struct mullion_run *state);
bool vmx_skip(struct vcpu *v, uint8_t len);
void vmx_trap_dr(struct vcpu *v, bool on);
void vmx_set_in_service(struct vcpu *v, uint8_t vector, uint8_t waiting);
void vmx_tlb_flush(struct vcpu *v);
uint64_t vmx_get_efer(struct vcpu *v);
void vmx_set_efer(struct vcpu *v, uint64_t value);
void vmx_dump(struct vcpu *v);
void vmx_get_state(struct vcpu *v, uint32_t groups, struct mullion_run *run);
void vmx_set_state(struct vcpu *v, uint32_t groups, const struct mullion_run *run);
void vmx_run(struct vcpu *v, struct vm_exit *x);
void vmx_unload(struct vcpu *v);

/* Fills `x` from the current VMCS after an exit of `v`. */
void vmx_exit_decode(struct vcpu *v, struct vm_exit *x);

enum entry_result { ENTRY_DONE, ENTRY_FAILED, ENTRY_ABORTED };

/*
 * entry.S: enters the current VMCS with the general registers but RSP from `gpr`, and
 * stores them there after the exit. ENTRY_FAILED: the processor refused the VMCS, nothing
 * was entered. ENTRY_ABORTED: the same, because *latched is not 0, or became so before the
 * very instruction that enters.
 */
enum entry_result vmx_enter(uint64_t *gpr, bool launched, const uint32_t *latched);

/* entry.S: HOST_RIP. */
extern const char vmx_exit[];

#endif
