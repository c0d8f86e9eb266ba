/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of svm/ share. The way in from hv/ is svm_vendor alone. */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include "hv/vendor.h"
#include "svm/vmcb.h"

/* What the processors offer (CPUID 8000_000A and 8000_0008), read by svm_probe(). */
struct svm_features {
	bool next_rip;
	bool decode_assists;
	bool flush_by_asid;
	bool rdpru;
	uint32_t clean_bits; /* CLEAN_ALL, or 0 if the processor keeps no copies */
	uint32_t asid_end;   /* ASIDs are 1 .. asid_end - 1 */
};
extern struct svm_features svm_features;

static inline struct vmcb *vmcb_of(const struct vcpu *v)
{
	return v->control;
}

/* What a VMCB has no room for: v->vendor_state. */
struct svm_vcpu {
	uint64_t lengthless; /* 1 + RIP of the last instruction that was not found */
};

static inline struct svm_vcpu *svm_of(const struct vcpu *v)
{
	_Static_assert(sizeof(struct svm_vcpu) <= sizeof(v->vendor_state), "fits");
	return (struct svm_vcpu *)v->vendor_state;
}

/* Physical addresses of the permission maps. */
uint64_t svm_msrpm(bool service);
uint64_t svm_iopm(void);

/* Members of svm_vendor; contracts in hv/vendor.h. */
void svm_vcpu_init(struct vcpu *v);
void svm_get_code(struct vcpu *v, struct mullion_run *state);
bool svm_skip(struct vcpu *v, uint8_t len);
void svm_trap_dr(struct vcpu *v, bool on);
void svm_tlb_flush(struct vcpu *v);
uint64_t svm_get_efer(struct vcpu *v);
void svm_set_efer(struct vcpu *v, uint64_t value);
void svm_dump(struct vcpu *v);
void svm_get_state(struct vcpu *v, uint32_t groups, struct mullion_run *run);
void svm_set_state(struct vcpu *v, uint32_t groups, const struct mullion_run *run);
void svm_run(struct vcpu *v, struct vm_exit *x);
void svm_unload(struct vcpu *v);

/* x->insn_len, and the operand of EXIT_CR_WRITE, from the bytes at RIP. If these cannot be read
 * or say otherwise (another processor changed them) the guest is entered again as it is, and
 * the second time in the same place it gets #GP. */
void svm_find_length(struct vcpu *v, struct vm_exit *x);

/* The VMCB has v's FS, GS, TR, LDTR and system-call MSRs; the processor may hold them too. */
void svm_sync(struct vcpu *v);

/*
 * entry.S: loads the general registers but RAX and RSP from `gpr`, runs the VMCB
 * at physical address `vmcb` until the next exit, and stores them again.
 */
void svm_enter(uint64_t *gpr, uint64_t vmcb);

#endif
