// SPDX-License-Identifier: GPL-2.0-only
/* FPU and extended state: the run page has the standard XSAVE image (SDM vol. 1 13.4). */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm_types.h>
#include <linux/string.h>
#include <asm/fpu/types.h>

#include "control_regs.h"
#include "vcpu.h"

#define MXCSR_DEFINED 0xffffu

static struct xregs_state *image(struct mullion_vcpu *v)
{
	static_assert(sizeof(struct xregs_state) <= MULLION_XSAVE_SIZE);
	return (struct xregs_state *)v->run->xsave;
}

int vcpu_get_xsave(struct mullion_vcpu *v, struct kvm_xsave *xsave)
{
	int ret = vcpu_load(v, MULLION_GROUP_FPU);

	if (ret)
		return ret;
	memset(xsave, 0, sizeof(*xsave));
	static_assert(MULLION_XSAVE_SIZE <= sizeof(xsave->region));
	memcpy(xsave->region, v->run->xsave, MULLION_XSAVE_SIZE);
	return 0;
}

int vcpu_set_xsave(struct mullion_vcpu *v, const struct kvm_xsave *xsave)
{
	const struct xregs_state *given = (const struct xregs_state *)xsave->region;
	u64 legacy = XFEATURE_MASK_FP | XFEATURE_MASK_SSE;
	int ret;

	if (given->header.xfeatures & ~(cpuid_xcr0_mask() | legacy) || given->header.xcomp_bv ||
	    given->i387.mxcsr & ~MXCSR_DEFINED)
		return -EINVAL;
	ret = vcpu_change(v, MULLION_GROUP_FPU);
	if (ret)
		return ret;
	memcpy(v->run->xsave, xsave->region, MULLION_XSAVE_SIZE);
	return 0;
}

int vcpu_get_fpu(struct mullion_vcpu *v, struct kvm_fpu *fpu)
{
	const struct fxregs_state *fx = &image(v)->i387;
	int ret = vcpu_load(v, MULLION_GROUP_FPU);

	if (ret)
		return ret;
	memset(fpu, 0, sizeof(*fpu));
	memcpy(fpu->fpr, fx->st_space, sizeof(fpu->fpr));
	fpu->fcw = fx->cwd;
	fpu->fsw = fx->swd;
	fpu->ftwx = fx->twd;
	fpu->last_opcode = fx->fop;
	fpu->last_ip = fx->rip;
	fpu->last_dp = fx->rdp;
	memcpy(fpu->xmm, fx->xmm_space, sizeof(fpu->xmm));
	fpu->mxcsr = fx->mxcsr;
	return 0;
}

int vcpu_set_fpu(struct mullion_vcpu *v, const struct kvm_fpu *fpu)
{
	struct xregs_state *xsave = image(v);
	struct fxregs_state *fx = &xsave->i387;
	int ret;

	if (fpu->mxcsr & ~MXCSR_DEFINED)
		return -EINVAL;
	ret = vcpu_change(v, MULLION_GROUP_FPU);
	if (ret)
		return ret;
	memcpy(fx->st_space, fpu->fpr, sizeof(fpu->fpr));
	fx->cwd = fpu->fcw;
	fx->swd = fpu->fsw;
	fx->twd = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fpu->xmm));
	fx->mxcsr = fpu->mxcsr;
	xsave->header.xfeatures |= XFEATURE_MASK_FP | XFEATURE_MASK_SSE;
	return 0;
}

int vcpu_get_xcrs(struct mullion_vcpu *v, struct kvm_xcrs *xcrs)
{
	int ret = vcpu_load(v, MULLION_GROUP_CR);

	if (ret)
		return ret;
	memset(xcrs, 0, sizeof(*xcrs));
	if (!cpuid_xcr0_mask())
		return 0;
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].xcr = 0;
	xcrs->xcrs[0].value = v->run->xcr0;
	return 0;
}

int vcpu_set_xcrs(struct mullion_vcpu *v, const struct kvm_xcrs *xcrs)
{
	u32 i;

	if (xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++) {
		int ret;

		if (xcrs->xcrs[i].xcr != 0)
			continue;
		if (!xcr0_valid(xcrs->xcrs[i].value))
			return -EINVAL;
		ret = vcpu_change(v, MULLION_GROUP_CR);
		if (ret)
			return ret;
		v->run->xcr0 = xcrs->xcrs[i].value;
	}
	return 0;
}
