// SPDX-License-Identifier: GPL-2.0-only
/* Instruction lengths for processors that do not save the next RIP (APM vol. 2 15.7.1). */
#include "hv/guest_memory.h"
#include "hv/insn.h"
#include "hv/lib/string.h"
#include "hv/phys.h"
#include "svm/svm.h"

/* Of the instruction at `linear`, in the remembered page, which holds all that it may be. */
static uint8_t length_in_page(const struct vcpu *v, struct vm_exit *x, uint64_t linear, bool code64)
{
	uint8_t bytes[INSN_MAX_LENGTH];

	memcpy(bytes, svm_of(v)->code + (linear & ~PAGE_MASK), sizeof(bytes));
	return insn_length(x->kind, bytes, sizeof(bytes), code64, &x->cr.gpr);
}

/* Looks where RIP leads to, and remembers the page for the next time. */
static COLD uint8_t walk_length(struct vcpu *v, struct vm_exit *x, uint64_t linear, bool one_page,
				bool code64)
{
	const struct vmcb_save *s = &vmcb_of(v)->save;
	struct svm_vcpu *sv = svm_of(v);
	struct mullion_run state;
	uint8_t bytes[INSN_MAX_LENGTH];
	gpa_t page;
	hpa_t frame;

	state.rip = s->rip;
	state.cr0 = s->cr0;
	state.cr3 = s->cr3;
	state.cr4 = s->cr4;
	state.efer = s->efer;
	state.seg[MULLION_CS] = s->cs;
	if (!one_page)
		return insn_length(x->kind, bytes,
				   (unsigned int)guest_fetch(v->vm, &state, bytes, sizeof(bytes)),
				   code64, &x->cr.gpr);
	if (!guest_walk(v->vm, &state, linear & PAGE_MASK, &page) ||
	    !guest_translate(v->vm, page, &frame))
		return 0;
	sv->code = phys_to_virt(frame.raw);
	sv->code_page = linear >> PAGE_SHIFT;
	sv->code_cr3 = s->cr3;
	sv->code_generation = v->tlb_generation;
	return length_in_page(v, x, linear, code64);
}

/*
 * The page that code was last read from is tried first. That its frame is the VM's still, the
 * VM's generation says. It may be out of date by what the guest has done to its page tables
 * since: then an instruction that the exit confirms stands there too, if perhaps with other
 * prefixes, but the operand of a MOV to CR8 nothing would confirm.
 */
void svm_find_length(struct vcpu *v, struct vm_exit *x)
{
	const struct vmcb_save *s = &vmcb_of(v)->save;
	struct svm_vcpu *sv = svm_of(v);
	bool code64 = is_code64(s->efer, &s->cs);
	uint64_t linear = code64 ? s->rip : (uint32_t)(s->cs.base + s->rip);
	bool one_page = (linear & ~PAGE_MASK) <= PAGE_SIZE - INSN_MAX_LENGTH;

	if (sv->code_page == linear >> PAGE_SHIFT && sv->code_cr3 == s->cr3 &&
	    sv->code_generation == v->tlb_generation && one_page && x->kind != EXIT_CR_WRITE)
		x->insn_len = length_in_page(v, x, linear, code64);
	if (!x->insn_len)
		x->insn_len = walk_length(v, x, linear, one_page, code64);
	if (x->insn_len) {
		sv->lengthless = 0;
		return;
	}
	/* Once may be another processor's doing; then it is code that cannot be read. */
	x->kind = sv->lengthless == x->rip + 1 ? EXIT_PRIVILEGED : EXIT_RETRY;
	sv->lengthless = x->rip + 1;
}
