// SPDX-License-Identifier: GPL-2.0-only
/* The model; contracts in test_vm_model.h. */
#include "test_vm_model.h"

#include <string.h>

struct guest guests[VMS + 1];
uint8_t owner[RAM_FRAMES];
bool scribbled[RAM_FRAMES];

const struct window windows[WINDOWS] = {
	{ 0, 3 * PT_ENTRIES },
	{ (1ul << 27) - 40, 80 },
	{ (1ul << 18) - PT_ENTRIES, 2 * PT_ENTRIES },
	{ (MULLION_MAX_GPA >> PAGE_SHIFT) - PT_ENTRIES, PT_ENTRIES },
};

enum frame_kind kind_of(uint64_t pfn)
{
	return pfn < RAM_FRAMES && owner[pfn] ? FRAME_DONATED : boot_kind(pfn);
}

struct page *page_of(struct guest *g, uint64_t gfn)
{
	uint64_t index = 0;

	for (size_t i = 0; i < WINDOWS; i++) {
		if (gfn - windows[i].first < windows[i].count)
			return &g->pages[index + gfn - windows[i].first];
		index += windows[i].count;
	}
	return NULL;
}

static uint64_t pattern(uint64_t pfn)
{
	return pfn * 0x9e3779b97f4a7c15ull;
}

void fill_frame(uint64_t pfn)
{
	uint64_t *words = (uint64_t *)(memory + (pfn << PAGE_SHIFT));

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		words[i] = pattern(pfn);
	scribbled[pfn] = false;
}

void model_create(void)
{
	memset(guests, 0, sizeof(guests));
	memset(owner, 0, sizeof(owner));
	for (uint64_t pfn = 0; pfn < RAM_FRAMES; pfn++) {
		if (kind_of(pfn) == FRAME_SERVICE)
			fill_frame(pfn);
	}
}

/* ---- Processors ---- */

void check_translation(struct guest *g, const struct translation *t)
{
	struct page *page;

	if (!g) {
		assert_int_equal(t->pfn, t->gfn);
		assert_true(kind_of(t->pfn) == FRAME_SERVICE || kind_of(t->pfn) == FRAME_ABSENT);
		return;
	}
	page = page_of(g, t->gfn);
	assert_non_null(page);
	assert_true(page->state != NOTHING);
	assert_int_equal(t->pfn, page->pfn);
	assert_true(page->may_write || !t->write);
	assert_int_equal(kind_of(t->pfn), FRAME_SERVICE);
}

void check_processors(void)
{
	for (struct processor *p = processors; p < processors + PROCESSORS; p++) {
		struct vcpu *v = p->cpu.current;

		for (size_t i = 0; p->inside && i < TLB_SIZE; i++) {
			if (p->tlb[i].asid == *asid_of(v))
				check_translation(guest_of(v), &p->tlb[i]);
		}
	}
}

void check_pool(void)
{
	uint64_t frame = root_pool.first;

	for (uint64_t i = 0; i < root_pool.count; i++) {
		for (struct processor *p = processors; p < processors + PROCESSORS; p++) {
			uint32_t asid = *asid_of(p->cpu.current);

			for (size_t j = 0; p->inside && j < WALKS; j++)
				assert_false(p->tables[j].asid == asid &&
					     p->tables[j].pfn == frame >> PAGE_SHIFT);
		}
		frame = *(uint64_t *)phys_to_virt(frame);
	}
}

/* ---- All that root mode keeps, against the model ---- */

static uint32_t shares[RAM_FRAMES];
static bool used[RAM_FRAMES];

static void use_frame(uint64_t pa, enum frame_kind kind, uint64_t number)
{
	uint64_t pfn = pa >> PAGE_SHIFT;

	assert_int_equal(pa % PAGE_SIZE, 0);
	assert_int_equal(frame_kind(pfn), kind);
	assert_int_equal(frame_number(pfn), number);
	assert_false(used[pfn]);
	used[pfn] = true;
}

static uint32_t use_pool(const struct pool *pool, enum frame_kind kind, uint64_t number)
{
	uint64_t frame = pool->first;

	for (uint64_t i = 0; i < pool->count; i++) {
		use_frame(frame, kind, number);
		frame = *(uint64_t *)phys_to_virt(frame);
	}
	return (uint32_t)pool->count;
}

static uint64_t bits_of(bool write, bool exec)
{
	return nested_format.leaf | (write ? nested_format.write : 0) |
	       (exec ? 0 : nested_format.no_exec);
}

static void check_service_leaf(uint64_t gfn, uint64_t entry, int level)
{
	uint64_t pfn = (entry & PT_ADDRESS) >> PAGE_SHIFT;
	uint64_t end = min(pfn + (pt_span(level) >> PAGE_SHIFT), (uint64_t)RAM_FRAMES);

	if (!(entry & 1)) {
		assert_int_equal(entry, PT_ZOMBIE);
		assert_int_equal(level, 1);
		return;
	}
	assert_int_equal(pfn, gfn);
	assert_int_equal(entry & ~PT_ADDRESS, bits_of(true, true) | (level > 1 ? PT_LARGE : 0));
	for (; pfn < end; pfn++)
		assert_true(kind_of(pfn) == FRAME_SERVICE || kind_of(pfn) == FRAME_ABSENT);
}

static void check_guest_leaf(struct guest *g, uint64_t gfn, uint64_t entry, int level)
{
	bool present = entry & 1;

	for (uint64_t i = 0; i < pt_span(level) >> PAGE_SHIFT; i++) {
		uint64_t pfn = ((entry & PT_ADDRESS) >> PAGE_SHIFT) + i;
		struct page *page = page_of(g, gfn + i);

		assert_non_null(page);
		assert_int_equal(page->state, present ? MAPPED : ZOMBIE);
		assert_int_equal(page->pfn, pfn);
		assert_int_equal(entry & ~PT_ADDRESS,
				 (present ? bits_of(page->write, page->exec) : PT_ZOMBIE) |
					 (level > 1 ? PT_LARGE : 0));
		shares[pfn]++;
	}
}

/* -> tables used; adds the frames mapped to *mapped. */
static uint32_t check_tables(struct guest *g, uint64_t table, uint64_t gfn, int level,
			     uint64_t *mapped)
{
	uint32_t tables = 1;

	use_frame(table, g ? FRAME_DONATED : FRAME_ROOT, g ? (uint64_t)(g - guests) : 0);
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		uint64_t entry = ((uint64_t *)phys_to_virt(table))[i];
		uint64_t span = pt_span(level) >> PAGE_SHIFT;

		if (entry & 1 && level > 1 && !(entry & PT_LARGE)) {
			tables += check_tables(g, entry & PT_ADDRESS, gfn + i * span, level - 1,
					       mapped);
		} else if (entry) {
			if (g)
				check_guest_leaf(g, gfn + i * span, entry, level);
			else
				check_service_leaf(gfn + i * span, entry, level);
			*mapped += span;
		}
	}
	return tables;
}

static uint32_t check_guest(struct guest *g)
{
	uint16_t id = (uint16_t)(g - guests);
	const struct vm *vm = vm_slots[id].vm;
	uint64_t mapped = 0, expected = 0;
	uint32_t frames = 1;

	assert_int_equal(vm_slots[id].donated, g->donated);
	assert_int_equal(vm_slots[id].state, g->state == NONE  ? VM_FREE :
					     g->state == ENDED ? VM_ENDED :
								 VM_ALIVE);
	if (g->state == NONE || g->state == ENDED) {
		assert_null(vm);
		return g->donated;
	}
	use_frame(virt_to_phys(vm), FRAME_DONATED, id);
	frames += check_tables(g, vm->nested.root.raw, 0, PT_LEVELS, &mapped);
	frames += use_pool(&vm->pool, FRAME_DONATED, id);
	for (unsigned int i = 0; i < MULLION_MAX_VCPUS; i++) {
		assert_int_equal(!!vm->vcpus[i], g->has_vcpu >> i & 1);
		if (!vm->vcpus[i])
			continue;
		use_frame(virt_to_phys(vm->vcpus[i]), FRAME_DONATED, id);
		use_frame(vm->vcpus[i]->control_hpa.raw, FRAME_DONATED, id);
		use_frame(virt_to_phys(vm->vcpus[i]->fpu), FRAME_DONATED, id);
		use_frame(virt_to_phys(vm->vcpus[i]->cpuid), FRAME_DONATED, id);
		shares[g->run_pfn[i]]++;
		shares[g->apic_pfn[i]]++;
		frames += MULLION_VCPU_PAGES;
	}
	for (unsigned int i = 0; i < GUEST_FRAMES; i++)
		expected += g->pages[i].state != NOTHING;
	assert_int_equal(mapped, expected);
	assert_int_equal(vm->shared, mapped);
	assert_int_equal(frames, g->donated);
	return g->donated;
}

uint64_t check_all(void)
{
	uint64_t donated = 0, shared = 0, ignored = 0, tables;

	memset(shares, 0, sizeof(shares));
	memset(used, 0, sizeof(used));
	for (unsigned int id = 1; id <= VMS; id++)
		donated += check_guest(&guests[id]);
	tables = check_tables(NULL, service_vm.nested.root.raw, 0, PT_LEVELS, &ignored);
	tables += use_pool(&root_pool, FRAME_ROOT, 0);
	assert_true(tables <= root_tables);
	for (uint64_t pfn = 0; pfn < RAM_FRAMES; pfn++) {
		assert_int_equal(frame_kind(pfn), kind_of(pfn));
		assert_int_equal(frame_number(pfn),
				 kind_of(pfn) == FRAME_DONATED ? owner[pfn] : shares[pfn]);
		shared += shares[pfn];
	}
	assert_int_equal(frame_totals.donated, donated);
	assert_int_equal(frame_totals.shares, shared);
	check_processors();
	return root_tables - tables;
}

void check_contents(void)
{
	for (uint64_t pfn = 0; pfn < RAM_FRAMES; pfn++) {
		const uint64_t *words = (uint64_t *)(memory + (pfn << PAGE_SHIFT));

		if (kind_of(pfn) != FRAME_SERVICE || scribbled[pfn])
			continue;
		for (unsigned int i = 0; i < PT_ENTRIES; i++)
			assert_int_equal(words[i], pattern(pfn));
	}
}
