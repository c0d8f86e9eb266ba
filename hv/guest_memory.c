// SPDX-License-Identifier: GPL-2.0-only
/* Reading a vCPU's memory; contracts in guest_memory.h. */
#include "hv/guest_memory.h"

#include "hv/insn.h"
#include "hv/lib/string.h"
#include "hv/phys.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "hv/x86.h"

#define PTE_PRESENT BIT(0)

bool guest_translate(const struct vm *vm, gpa_t gpa_value, hpa_t *out)
{
	uint64_t entry, offset;
	int level;

	if (gpa_value.raw >= MULLION_MAX_GPA)
		return false;
	/* The service domain's too, so that nothing is read that is being taken from it. Another
	 * processor may split the leaf between its being found and read. */
	do {
		entry = *pt_find(&vm->nested, gpa_value.raw, &level);
	} while (pt_present(&vm->nested, entry) && !pt_is_leaf(entry, level));
	offset = pt_span(level) - 1;
	*out = hpa((entry & PT_ADDRESS & ~offset) | (gpa_value.raw & offset));
	return pt_present(&vm->nested, entry) &&
	       frame_kind(out->raw >> PAGE_SHIFT) == FRAME_SERVICE;
}

/* Read once: the guest may change it. -> where it is, or NULL if it is not present. */
static const uint64_t *read_entry(const struct vm *vm, uint64_t address, unsigned int size,
				  uint64_t *entry)
{
	const void *where;
	hpa_t at;

	if (!guest_translate(vm, gpa(address), &at))
		return NULL;
	where = phys_to_virt(at.raw);
	*entry = size == 8 ? *(const volatile uint64_t *)where : *(const volatile uint32_t *)where;
	return *entry & PTE_PRESENT ? where : NULL;
}

/* How a paging mode's tables look (APM vol. 2 5.2, 5.3). */
struct paging_mode {
	unsigned int levels;
	unsigned int entry_size;
	unsigned int index_bits;
};

static struct paging_mode mode_of(const struct mullion_run *state)
{
	if (state->efer & EFER_LMA)
		return (struct paging_mode){ state->cr4 & CR4_LA57 ? 5 : 4, 8, 9 };
	if (state->cr4 & CR4_PAE)
		return (struct paging_mode){ 3, 8, 9 };
	return (struct paging_mode){ 2, 4, 10 };
}

bool guest_walk(const struct vm *vm, const struct mullion_run *state, uint64_t linear, gpa_t *out,
		struct guest_code *path)
{
	struct paging_mode mode = mode_of(state);
	bool long_mode = state->efer & EFER_LMA;
	uint64_t table = state->cr3 & (mode.levels == 3 ? 0xffffffe0ull : PT_ADDRESS);

	if (!(state->cr0 & CR0_PG)) {
		*out = gpa(linear & 0xffffffffu);
		return true;
	}
	if (!long_mode)
		linear &= 0xffffffffu;
	for (unsigned int level = mode.levels;; level--) {
		unsigned int shift = PAGE_SHIFT + mode.index_bits * (level - 1);
		uint64_t index = linear >> shift & (BIT(mode.index_bits) - 1);
		uint64_t offset = linear & (BIT(shift) - 1), entry;
		bool large = level > 1 && level <= (long_mode ? 3u : 2u);
		const uint64_t *where =
			read_entry(vm, table + index * mode.entry_size, mode.entry_size, &entry);

		if (!where)
			return false;
		if (path) {
			path->entry[level - 1] = where;
			path->value[level - 1] = entry;
		}
		if (large && entry & PT_LARGE && mode.entry_size == 4 && state->cr4 & CR4_PSE) {
			/* A 4 MiB page: address bits 39:32 stand in bits 20:13. */
			*out = gpa((entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32 | offset);
			return true;
		}
		if (level == 1 || (large && entry & PT_LARGE && mode.entry_size == 8)) {
			*out = gpa((entry & PT_ADDRESS & ~(BIT(shift) - 1)) | offset);
			return true;
		}
		table = entry & PT_ADDRESS;
	}
}

size_t guest_read(const struct vm *vm, const struct mullion_run *state, uint64_t linear,
		  uint8_t *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		uint64_t at = linear + done;
		size_t part = min(size - done, (size_t)(PAGE_SIZE - (at & ~PAGE_MASK)));
		gpa_t where;
		hpa_t frame;

		if (!guest_walk(vm, state, at, &where, NULL) || !guest_translate(vm, where, &frame))
			break;
		memcpy(buffer + done, phys_to_virt(frame.raw), part);
		done += part;
	}
	return done;
}

static uint64_t code_address(const struct mullion_run *state)
{
	const struct mullion_segment *cs = &state->seg[MULLION_CS];

	return is_code64(state->efer, cs) ? state->rip : (uint32_t)(cs->base + state->rip);
}

size_t guest_fetch(const struct vm *vm, const struct mullion_run *state, uint8_t *buffer,
		   size_t size)
{
	return guest_read(vm, state, code_address(state), buffer, size);
}

static COLD bool find_code(struct vcpu *v, const struct mullion_run *state, uint64_t linear)
{
	struct guest_code *c = &v->code[(linear >> PAGE_SHIFT) % GUEST_CODE_PAGES];
	gpa_t page;
	hpa_t frame;

	*c = (struct guest_code){ .page = linear >> PAGE_SHIFT, .cr3 = state->cr3 };
	for (unsigned int i = 0; i < GUEST_CODE_LEVELS; i++)
		c->entry[i] = &c->value[i];
	if (mode_of(state).levels != GUEST_CODE_LEVELS ||
	    !guest_walk(v->vm, state, linear & PAGE_MASK, &page, c) ||
	    !guest_translate(v->vm, page, &frame))
		return false;
	c->bytes = phys_to_virt(frame.raw);
	c->generation = v->tlb_generation;
	return true;
}

size_t guest_code(struct vcpu *v, const struct mullion_run *state, uint8_t *bytes)
{
	uint64_t linear = code_address(state), offset = linear & ~PAGE_MASK;
	const struct guest_code *c = &v->code[(linear >> PAGE_SHIFT) % GUEST_CODE_PAGES];
	bool known = c->page == linear >> PAGE_SHIFT && c->cr3 == state->cr3 &&
		     c->generation == v->tlb_generation && state->efer & EFER_LMA;

#pragma GCC unroll 4
	for (unsigned int i = 0; i < GUEST_CODE_LEVELS && known; i++)
		known = *(const volatile uint64_t *)c->entry[i] == c->value[i];
	if (offset > PAGE_SIZE - INSN_MAX_LENGTH || (!known && !find_code(v, state, linear)))
		return guest_fetch(v->vm, state, bytes, INSN_MAX_LENGTH);
	memcpy(bytes, c->bytes + offset, INSN_MAX_LENGTH);
	return INSN_MAX_LENGTH;
}

bool guest_move(struct vcpu *v, struct insn_move *move)
{
	struct mullion_run state;
	struct guest_move *known;
	uint64_t bytes[2] = { 0, 0 };
	size_t count;
	bool code64;

	vendor->get_code(v, &state);
	code64 = is_code64(state.efer, &state.seg[MULLION_CS]);
	if (!code64 && !(state.seg[MULLION_CS].attr & SEGMENT_32))
		return false;
	count = guest_code(v, &state, (uint8_t *)bytes);
	bytes[1] |= (code64 ? 2ull : 1ull) << 56;
	known = &v->moves[state.rip % GUEST_MOVES];
	if (count == INSN_MAX_LENGTH && known->bytes[0] == bytes[0] && known->bytes[1] == bytes[1]) {
		*move = known->move;
		return true;
	}
	if (!insn_decode_move((const uint8_t *)bytes, count, code64, move))
		return false;
	*known = (struct guest_move){ { bytes[0], bytes[1] }, *move };
	return true;
}
