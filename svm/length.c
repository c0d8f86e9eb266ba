// SPDX-License-Identifier: GPL-2.0-only
/* Instruction lengths for processors that do not save the next RIP (APM vol. 2 15.7.1). */
#include "hv/guest_memory.h"
#include "hv/insn.h"
#include "hv/lib/string.h"
#include "svm/svm.h"

/*
 * A page that code was read from before is tried first. That its frame is the VM's still, the
 * VM's generation says. It may be out of date by what the guest has done to its page tables
 * since: then an instruction that the exit confirms stands there too, if perhaps with other
 * prefixes.
 */
static uint8_t plain_length(const struct vcpu *v, const struct vm_exit *x)
{
	const struct vmcb_save *s = &vmcb_of(v)->save;
	uint64_t linear = is_code64(s->efer, &s->cs) ? s->rip : (uint32_t)(s->cs.base + s->rip);
	const struct guest_code *c = &v->code[(linear >> PAGE_SHIFT) % GUEST_CODE_PAGES];
	uint32_t word;

	if (c->page != linear >> PAGE_SHIFT || c->cr3 != s->cr3 ||
	    c->generation != v->tlb_generation ||
	    (linear & ~PAGE_MASK) > PAGE_SIZE - sizeof(word))
		return 0;
	memcpy(&word, c->bytes + (linear & ~PAGE_MASK), sizeof(word));
	return insn_plain_length(x->kind, word);
}

static COLD uint8_t decoded_length(struct vcpu *v, struct vm_exit *x)
{
	struct mullion_run state;
	uint8_t bytes[INSN_MAX_LENGTH];

	svm_get_code(v, &state);
	return insn_length(x->kind, bytes, guest_code(v, &state, bytes),
			   is_code64(state.efer, &state.seg[MULLION_CS]), &x->cr.gpr);
}

void svm_find_length(struct vcpu *v, struct vm_exit *x)
{
	struct svm_vcpu *sv = svm_of(v);

	x->insn_len = plain_length(v, x);
	if (!x->insn_len)
		x->insn_len = decoded_length(v, x);
	if (x->insn_len) {
		sv->lengthless = 0;
		return;
	}
	/* Once may be another processor's doing; then it is code that cannot be read. */
	x->kind = sv->lengthless == x->rip + 1 ? EXIT_PRIVILEGED : EXIT_RETRY;
	sv->lengthless = x->rip + 1;
}
