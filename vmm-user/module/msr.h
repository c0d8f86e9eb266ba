/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of MSRs that the module knows: what each holds and who may change it. */
#ifndef MULLION_MSR_H
#define MULLION_MSR_H

#include <linux/types.h>

struct mullion_vcpu;

#define MSR_LISTED (1u << 0)  /* in KVM_GET_MSR_INDEX_LIST: state to save and restore */
#define MSR_FEATURE (1u << 1) /* in KVM_GET_MSR_FEATURE_INDEX_LIST */
#define MSR_HOST (1u << 2)    /* user space only: guests do not reach the module with it */
#define MSR_QUIET (1u << 3)   /* reads 0 and ignores writes without a word */
#define MSR_ADDRESS (1u << 4) /* guests write canonical addresses only */

/* What accessors answer besides negative errors. */
enum msr_result {
	MSR_OK = 0,
	MSR_INVALID = 1, /* the guest gets #GP; user space a short count */
	MSR_UNKNOWN = 2,
};

/*
 * One MSR, or `count` consecutive ones. The value is where `get` and `set` say, or, without
 * them, in the vCPU's own msrs at `own`, or in the run page's `group` at `run_offset`.
 */
struct msr_row {
	u32 index;
	u16 count; /* 0 counts as 1 */
	u16 own;   /* offset in struct vcpu_msrs, or 0: apic_base has accessors */
	u16 run_offset;
	u16 group;
	u8 flags;
	u64 defined;           /* other bits are refused; 0: all are */
	u32 pv_feature;        /* of KVM's MSRs: the bits of CPUID that offer them */
	bool (*present)(void); /* NULL: always; else whether this machine offers it */
	int (*get)(struct mullion_vcpu *v, u32 index, u64 *value);
	int (*set)(struct mullion_vcpu *v, u32 index, u64 value, bool host);
};

extern const struct msr_row msr_rows[];
extern const unsigned int msr_row_count;

/* The row of an MSR, or NULL. */
const struct msr_row *msr_find(u32 index);

/* -> enum msr_result or a negative error. `host`: asked by user space. */
int msr_get(struct mullion_vcpu *v, u32 index, u64 *value, bool host);
int msr_set(struct mullion_vcpu *v, u32 index, u64 value, bool host);

/* Value of a feature MSR on this machine. -> enum msr_result. */
int msr_feature(u32 index, u64 *value);

#endif
