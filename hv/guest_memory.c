// SPDX-License-Identifier: GPL-2.0-only
/* Reading a vCPU's memory; contracts in guest_memory.h. */
#include "hv/guest_memory.h"

#include "hv/lib/string.h"
#include "hv/phys.h"
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

static bool read_entry(const struct vm *vm, uint64_t address, unsigned int size, uint64_t *entry)
{
	hpa_t at;

	*entry = 0;
	if (!guest_translate(vm, gpa(address), &at))
		return false;
	memcpy(entry, phys_to_virt(at.raw), size);
	return *entry & PTE_PRESENT;
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

bool guest_walk(const struct vm *vm, const struct mullion_run *state, uint64_t linear, gpa_t *out)
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

		if (!read_entry(vm, table + index * mode.entry_size, mode.entry_size, &entry))
			return false;
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

		if (!guest_walk(vm, state, at, &where) || !guest_translate(vm, where, &frame))
			break;
		memcpy(buffer + done, phys_to_virt(frame.raw), part);
		done += part;
	}
	return done;
}

size_t guest_fetch(const struct vm *vm, const struct mullion_run *state, uint8_t *buffer,
		   size_t size)
{
	const struct mullion_segment *cs = &state->seg[MULLION_CS];
	uint64_t linear = is_code64(state->efer, cs) ? state->rip :
						       (uint32_t)(cs->base + state->rip);

	return guest_read(vm, state, linear, buffer, size);
}
