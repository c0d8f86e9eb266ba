// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns and sees which memory, under random hypercalls: hv/hypercall.c and what it calls, on
 * processors with ASIDs, TLBs and table caches of our own, against a model of the ABI.
 *
 * MULLION_TEST_ROUNDS=N in the environment makes it longer, MULLION_TEST_SEED=N starts elsewhere.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#undef skip /* is a member of struct vendor */
#define this_cpu cpu_of_root_mode
#include "hv/cpu.h"
#undef this_cpu

static struct cpu *this_cpu(void);

#include "hv/vcpu.c"
#include "hv/vm.c"

#include "hv/hypercall.h"
#include "hv/log.h"
#include "hv/system.h"

#define ROUNDS 16
#define STEPS 20000

/* ---- The machine: RAM with a hole and root mode's block in it ---- */

#define RAM_FRAMES (6 * PT_ENTRIES - 13)
#define HOLE_START 0xa0
#define HOLE_END 0x100
#define ROOT_START PT_ENTRIES
#define ROOT_END (ROOT_START + 120)
#define PROCESSORS 3
#define ASID_END 6
#define TLB_SIZE 24
#define WALKS 4

static struct pool root_pool;
static uint64_t root_tables; /* frames that are for the service domain's tables */

struct translation {
	uint32_t asid; /* 0: none */
	uint64_t gfn, pfn;
	bool write;
};

struct processor {
	struct cpu cpu;
	bool inside; /* runs cpu.current; otherwise it is in root mode */
	struct translation tlb[TLB_SIZE];
	/* Level-1 tables that it remembers: gfn is the first one's, pfn the table's. */
	struct translation tables[WALKS];
};

static struct processor processors[PROCESSORS];
static struct processor *at; /* where things happen */

static struct cpu *this_cpu(void)
{
	return &at->cpu;
}

void *phys_to_virt(uint64_t pa)
{
	assert_true(pa < RAM_FRAMES * PAGE_SIZE);
	return memory + pa;
}

uint64_t virt_to_phys(const void *va)
{
	return (uint64_t)((const uint8_t *)va - memory);
}

/* ---- What root mode's other files would do ---- */

struct cpu *cpus[CPU_MAX];
uint32_t cpu_count;
struct cpu_features cpu_features;
uint64_t system_boot_ticks;
char image_start[1], image_end[1];

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint_error(format, args);
	va_end(args);
	abort();
}

uint32_t system_features(void)
{
	return 0;
}

size_t log_read(uint64_t position, char *buf, size_t size, uint64_t *first)
{
	memset(buf, 'x', size);
	*first = position;
	return size;
}

void fpu_init(struct vcpu *v)
{
	v->fpu[0] = 1;
}

void fpu_switch(struct vcpu *from, struct vcpu *to)
{
	from->fpu[1] = to->fpu[1] = 1;
}

void fpu_get(const struct vcpu *v, uint8_t *image)
{
	image[0] = v->fpu[0];
}

void fpu_set(struct vcpu *v, const uint8_t *image)
{
	v->fpu[0] = image[0];
}

bool fpu_xcr0_valid(uint64_t value)
{
	return value & 1;
}

void msr_load_guest(struct vcpu *v)
{
	(void)v;
}

void msr_save_guest(struct vcpu *v)
{
	(void)v;
}

size_t guest_fetch(const struct vm *vm, const struct mullion_run *state, uint8_t *buffer,
		   size_t size)
{
	(void)vm, (void)state, (void)buffer, (void)size;
	return 0;
}

bool insn_decode(const uint8_t *bytes, unsigned int count, bool code64, enum insn_kind kind,
		 struct insn *insn)
{
	(void)bytes, (void)count, (void)code64, (void)kind, (void)insn;
	return false;
}

void exit_handle(struct vcpu *v, const struct vm_exit *x)
{
	(void)v, (void)x;
}

static void stub_vcpu(struct vcpu *v)
{
	(void)v;
}

static void stub_get(struct vcpu *v, uint32_t groups, struct mullion_run *run)
{
	(void)v, (void)groups;
	run->dr[7] = 0;
}

static void stub_set(struct vcpu *v, uint32_t groups, const struct mullion_run *run)
{
	(void)v, (void)groups, (void)run;
}

static void stub_trap_dr(struct vcpu *v, bool on)
{
	(void)v, (void)on;
}

static void stub_tlb_flush(struct vcpu *v)
{
	v->asid_generation = 0;
}

/* Like the NPT's. */
static const struct pt_format format = {
	.present = BIT(0),
	.table = BIT(0) | BIT(1) | BIT(2),
	.leaf = BIT(0) | BIT(2),
	.write = BIT(1),
	.no_exec = BIT(63),
};

static const struct vendor stub = {
	.nested_format = &format,
	.vcpu_init = stub_vcpu,
	.unload = stub_vcpu,
	.get_state = stub_get,
	.set_state = stub_set,
	.trap_dr = stub_trap_dr,
	.tlb_flush = stub_tlb_flush,
};
const struct vendor *vendor = &stub;

/* ---- The model ---- */

/* Where guests have memory: around the borders of tables of every level. */
static const struct window {
	uint64_t first, count; /* guest frames */
} windows[] = {
	{ 0, 3 * PT_ENTRIES },
	{ (1ul << 27) - 40, 80 },
	{ (1ul << 18) - PT_ENTRIES, 2 * PT_ENTRIES },
	{ (MULLION_MAX_GPA >> PAGE_SHIFT) - PT_ENTRIES, PT_ENTRIES },
};
#define GUEST_FRAMES (6 * PT_ENTRIES + 80)
#define VMS 8 /* more are not created */

struct page {
	enum { NOTHING, MAPPED, ZOMBIE } state;
	uint64_t pfn;
	bool write, exec; /* mapped so */
	bool may_write;   /* translations that say so may be in use still */
};

static struct guest {
	enum { NONE, ALIVE, ENDING, ENDED } state;
	uint32_t donated;
	uint64_t has_vcpu; /* bit mask */
	uint64_t run_pfn[MULLION_MAX_VCPUS];
	struct page pages[GUEST_FRAMES];
} guests[VMS + 1];

static uint8_t owner[RAM_FRAMES];  /* of donated frames: the VM; otherwise 0 */
static bool scribbled[RAM_FRAMES]; /* root mode was told to write here */

static enum frame_kind kind_of(uint64_t pfn)
{
	if (pfn >= RAM_FRAMES || (pfn >= HOLE_START && pfn < HOLE_END))
		return FRAME_ABSENT;
	if (pfn >= ROOT_START && pfn < ROOT_END)
		return FRAME_ROOT;
	return owner[pfn] ? FRAME_DONATED : FRAME_SERVICE;
}

static struct page *page_of(struct guest *g, uint64_t gfn)
{
	uint64_t index = 0;

	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
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

static void fill_frame(uint64_t pfn)
{
	uint64_t *words = (uint64_t *)(memory + (pfn << PAGE_SHIFT));

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		words[i] = pattern(pfn);
	scribbled[pfn] = false;
}

static uint64_t below(uint64_t n)
{
	return random_next() % n;
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

/* ---- A processor's own view ---- */

static struct guest *guest_of(const struct vcpu *v)
{
	return v->is_service ? NULL : &guests[v->vm->id];
}

static uint32_t *asid_of(struct vcpu *v)
{
	return v->control;
}

static void enter(struct processor *p)
{
	struct vcpu *v = p->cpu.current;

	at = p;
	publish(&p->cpu, v);
	if (v->last_cpu != &p->cpu) {
		v->last_cpu = &p->cpu;
		v->asid_generation = 0;
	}
	if (!v->asid_generation || v->asid_generation != p->cpu.asid_generation) {
		if (p->cpu.next_asid >= ASID_END) {
			p->cpu.next_asid = 1;
			p->cpu.asid_generation++;
			memset(p->tlb, 0, sizeof(p->tlb));
			memset(p->tables, 0, sizeof(p->tables));
		}
		v->asid_generation = p->cpu.asid_generation;
		*asid_of(v) = p->cpu.next_asid++;
	}
	p->inside = true;
}

static struct translation *find_cached(struct translation *cache, size_t size, uint32_t asid,
				       uint64_t gfn)
{
	for (size_t i = 0; i < size; i++) {
		if (cache[i].asid == asid && cache[i].gfn == gfn)
			return &cache[i];
	}
	return NULL;
}

/* As the processor does it: through the TLB, a remembered table, or from the root down. */
static bool translate(struct processor *p, uint64_t gfn, struct translation *out)
{
	struct vcpu *v = p->cpu.current;
	uint32_t asid = *asid_of(v);
	uint64_t first = gfn & ~(PT_ENTRIES - 1ul), entry;
	struct translation *hit = find_cached(p->tlb, TLB_SIZE, asid, gfn);
	struct translation *known = find_cached(p->tables, WALKS, asid, first);
	uint64_t table = known ? known->pfn : v->vm->nested.root.raw >> PAGE_SHIFT;

	if (hit) {
		*out = *hit;
		return true;
	}
	for (int level = known ? 1 : 4;; level--) {
		uint64_t span = pt_span(level) >> PAGE_SHIFT;

		entry = ((uint64_t *)(memory + (table << PAGE_SHIFT)))[gfn / span % PT_ENTRIES];
		if (!(entry & 1))
			return false;
		table = (entry & PT_ADDRESS) >> PAGE_SHIFT;
		if (level == 1 || entry & PT_LARGE) {
			*out = (struct translation){ asid, gfn, table + gfn % span, entry & 2 };
			p->tlb[below(TLB_SIZE)] = *out;
			return true;
		}
		if (level == 2)
			p->tables[below(WALKS)] = (struct translation){ asid, first, table, false };
	}
}

static void check_translation(struct guest *g, const struct translation *t)
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

/* What processors may use without another entry must be right at any time. */
static void check_processors(void)
{
	for (struct processor *p = processors; p < processors + PROCESSORS; p++) {
		struct vcpu *v = p->cpu.current;

		for (size_t i = 0; p->inside && i < TLB_SIZE; i++) {
			if (p->tlb[i].asid == *asid_of(v))
				check_translation(guest_of(v), &p->tlb[i]);
		}
	}
}

/* Nor may the pool have tables that a processor still walks. */
static void check_pool(void)
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
	return format.leaf | (write ? format.write : 0) | (exec ? 0 : format.no_exec);
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
		frames += MULLION_VCPU_PAGES;
	}
	for (unsigned int i = 0; i < GUEST_FRAMES; i++)
		expected += g->pages[i].state != NOTHING;
	assert_int_equal(mapped, expected);
	assert_int_equal(vm->shared, mapped);
	assert_int_equal(frames, g->donated);
	return g->donated;
}

/* -> tables of the service domain that wait until processors have forgotten them. */
static uint64_t check_all(void)
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

/* Root mode has written to no frame of the service domain's but where it was told to. */
static void check_contents(void)
{
	for (uint64_t pfn = 0; pfn < RAM_FRAMES; pfn++) {
		const uint64_t *words = (uint64_t *)(memory + (pfn << PAGE_SHIFT));

		if (kind_of(pfn) != FRAME_SERVICE || scribbled[pfn])
			continue;
		for (unsigned int i = 0; i < PT_ENTRIES; i++)
			assert_int_equal(words[i], pattern(pfn));
	}
}

/* ---- Arguments ---- */

static uint64_t any_number(void)
{
	return (uint64_t)random_next() << 32 | random_next();
}

/* Mostly a VM that lives. */
static uint64_t any_id(void)
{
	uint64_t id = 1 + below(VMS);

	if (one_in(40))
		return any_number() >> below(64);
	for (unsigned int tries = 0; tries < 10 && guests[id].state != ALIVE; tries++)
		id = 1 + below(VMS);
	return id;
}

/* Mostly a vCPU that exists. */
static uint64_t any_index(uint64_t id)
{
	uint64_t index = below(4);

	if (one_in(20))
		return any_number() >> below(64);
	while (id >= 1 && id <= VMS && guests[id].has_vcpu & 15 &&
	       !(guests[id].has_vcpu >> index & 1))
		index = below(4);
	return index;
}

static uint64_t any_pfn(void)
{
	static const uint64_t edges[] = { 0,
					  HOLE_START - 1,
					  HOLE_START,
					  HOLE_END,
					  ROOT_START - 1,
					  ROOT_START,
					  ROOT_END - 1,
					  ROOT_END,
					  RAM_FRAMES - 1,
					  RAM_FRAMES,
					  UINT64_MAX,
					  UINT64_MAX >> PAGE_SHIFT };

	if (one_in(20))
		return edges[below(ARRAY_SIZE(edges))];
	return one_in(40) ? any_number() >> below(64) : below(RAM_FRAMES);
}

/* What is no RAM: each GiB of it costs a table. */
static uint64_t any_device(void)
{
	static const uint64_t places[] = { RAM_FRAMES + 7, 0xfee00, 0xfffff, 1ul << 27,
					   (1ul << 36) - 1 };

	return places[below(ARRAY_SIZE(places))];
}

static uint64_t any_donated(void)
{
	uint64_t pfn = any_pfn();

	for (unsigned int tries = 0; tries < 20 && kind_of(pfn) != FRAME_DONATED; tries++)
		pfn = any_pfn();
	return pfn;
}

static uint64_t any_count(void)
{
	if (one_in(40))
		return any_number() >> below(64);
	return one_in(6) ? MULLION_MAX_BATCH - 2 + below(4) : below(one_in(3) ? 200 : 12);
}

static uint64_t any_gfn(void)
{
	const struct window *w = &windows[one_in(2) ? 0 : below(ARRAY_SIZE(windows))];

	return w->first + below(w->count);
}

/* ---- Hypercalls, and what they promise ---- */

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	struct vcpu *v = at->cpu.service;
	uint64_t before[MULLION_GPRS];

	assert_ptr_equal(at->cpu.current, v);
	at->inside = false;
	v->gpr[MULLION_RAX] = number;
	v->gpr[MULLION_RDI] = a;
	v->gpr[MULLION_RSI] = b;
	v->gpr[MULLION_RDX] = c;
	v->gpr[MULLION_RCX] = d;
	v->gpr[MULLION_R8] = e;
	memcpy(before, v->gpr, sizeof(before));
	hypercall(v);
	assert_memory_equal(before + 1, v->gpr + 1, sizeof(before) - sizeof(before[0]));
	assert_false(memory_lock.next != memory_lock.serving);
	return (int64_t)v->gpr[MULLION_RAX];
}

/* Every processor comes to an exit and back into the service domain. */
static void kick_all(void)
{
	for (struct processor *p = processors; p < processors + PROCESSORS; p++) {
		at = p;
		p->inside = false;
		if (!p->cpu.current->is_service)
			vcpu_leave(p->cpu.current, 0);
		enter(p);
	}
}

/* As call(), and when that says "again", sometimes so, which must help. */
static int64_t call_again(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	struct processor *here = at;
	int64_t result = call(number, a, b, c, 0, 0);

	if (result == -MULLION_EAGAIN && one_in(2)) {
		kick_all();
		at = here;
		result = call(number, a, b, c, 0, 0);
		assert_int_not_equal(result, -MULLION_EAGAIN);
	}
	return result;
}

static bool is_error(int64_t result)
{
	switch (-result) {
	case MULLION_EPERM:
	case MULLION_ENOENT:
	case MULLION_EAGAIN:
	case MULLION_ENOMEM:
	case MULLION_EBUSY:
	case MULLION_EEXIST:
	case MULLION_EINVAL:
	case MULLION_ENOSPC:
	case MULLION_ENOSYS:
		return true;
	default:
		return false;
	}
}

static struct guest *alive(uint64_t id)
{
	return id >= 1 && id <= VMS && guests[id].state == ALIVE ? &guests[id] : NULL;
}

static void donated(struct guest *g, uint64_t pfn, uint64_t count)
{
	assert_true(count <= MULLION_MAX_BATCH);
	for (uint64_t i = pfn; i < pfn + count; i++) {
		assert_int_equal(kind_of(i), FRAME_SERVICE);
		owner[i] = (uint8_t)(g - guests);
	}
	g->donated += (uint32_t)count;
}

/* A stretch of frames that look donatable, or arguments that are anything. */
static uint64_t donation(uint64_t *count)
{
	uint64_t pfn = any_pfn();

	*count = any_count();
	if (one_in(8))
		return pfn;
	*count = one_in(10) ? MULLION_MAX_BATCH + below(2) : 1 + below(one_in(4) ? 200 : 16);
	for (unsigned int tries = 0; tries < 300 && !frame_donatable(pfn, *count); tries++)
		pfn = below(RAM_FRAMES);
	return pfn;
}

static void do_create(void)
{
	uint64_t count, pfn = donation(&count), free = 1;
	int64_t result;

	while (free <= VMS && guests[free].state != NONE)
		free++;
	if (free > VMS)
		return;
	result = call_again(MULLION_HC_VM_CREATE, pfn, count, 0);
	assert_int_not_equal(result, 0);
	if (result < 0) {
		assert_true(is_error(result));
		return;
	}
	assert_int_equal(result, free);
	assert_true(count >= MULLION_VM_MIN_PAGES);
	guests[free].state = ALIVE;
	donated(&guests[free], pfn, count);
}

static void do_donate(void)
{
	uint64_t id = any_id(), count, pfn = donation(&count);
	int64_t result = call_again(MULLION_HC_VM_DONATE, id, pfn, count);

	if (result == 0) {
		assert_non_null(alive(id));
		donated(alive(id), pfn, count);
	} else {
		assert_true(is_error(result));
	}
}

static void do_reclaim(uint64_t pfn, uint64_t count)
{
	int64_t result = call(MULLION_HC_RECLAIM, pfn, count, 0, 0, 0);

	check_pool();
	assert_int_not_equal(result, 0);
	assert_true(result > 0 || is_error(result));
	assert_true(result <= MULLION_MAX_BATCH && (result < 0 || (uint64_t)result <= count));
	for (uint64_t i = pfn; result > 0 && i < pfn + (uint64_t)result; i++) {
		struct guest *g = &guests[owner[i]];
		static const uint8_t zeroes[PAGE_SIZE];

		assert_int_equal(g->state, ENDED);
		assert_memory_equal(memory + (i << PAGE_SHIFT), zeroes, PAGE_SIZE);
		owner[i] = 0;
		fill_frame(i);
		if (--g->donated == 0)
			memset(g, 0, sizeof(*g));
	}
}

static void do_map(void)
{
	uint64_t id = any_id(), gfn = any_gfn(), pfn = any_pfn(), count = any_count(),
		 flags = below(4);
	struct guest *g = alive(id);
	struct page *page = g ? page_of(g, gfn) : NULL;
	int64_t result;

	if (one_in(3)) { /* 2 MiB pages */
		gfn &= ~(PT_ENTRIES - 1ul);
		pfn = below(RAM_FRAMES / PT_ENTRIES) * PT_ENTRIES;
		count = PT_ENTRIES;
	} else if (page && page->state == MAPPED && one_in(2)) {
		pfn = page->pfn;
	}
	if (one_in(30))
		flags = any_number();
	/* Only where the model looks. */
	if (!page_of(&guests[0], gfn))
		return;
	while (count && count <= MULLION_MAX_BATCH && !page_of(&guests[0], gfn + count - 1))
		count--;
	result = call(MULLION_HC_VM_MAP, id, gfn << PAGE_SHIFT | (one_in(50) ? 8 : 0),
		      pfn << PAGE_SHIFT, count, flags);
	if (result < 0) {
		assert_true(is_error(result));
		return;
	}
	assert_non_null(g);
	assert_true(result > 0 && (uint64_t)result <= count && count <= MULLION_MAX_BATCH);
	assert_true(flags < 4);
	for (uint64_t i = 0; i < (uint64_t)result; i++) {
		page = page_of(g, gfn + i);
		assert_non_null(page);
		assert_int_equal(kind_of(pfn + i), FRAME_SERVICE);
		assert_true(page->state == NOTHING ||
			    (page->state == MAPPED && page->pfn == pfn + i));
		page->write |= flags & MULLION_MAP_WRITE;
		page->exec |= !!(flags & MULLION_MAP_EXEC);
		page->may_write |= page->write;
		page->state = MAPPED;
		page->pfn = pfn + i;
	}
}

/* What of a range has been unlinked when the call says "again". */
static void resync(struct guest *g, struct page *page, uint64_t gfn)
{
	struct vm *vm = vm_slots[g - guests].vm;
	int level;
	uint64_t entry = *pt_find(&vm->nested, gfn << PAGE_SHIFT, &level);
	uint64_t offset = gfn % (pt_span(level) >> PAGE_SHIFT);

	if (page->state == NOTHING)
		return;
	if (entry == 0) {
		assert_int_equal(g->state, ENDING);
		*page = (struct page){ 0 };
		return;
	}
	assert_int_equal(((entry & PT_ADDRESS) >> PAGE_SHIFT) + offset, page->pfn);
	assert_true(page->state == MAPPED || !(entry & 1));
	page->state = entry & 1 ? MAPPED : ZOMBIE;
	assert_true(page->write || !(entry & 1) || !(entry & 2));
	page->write = entry & 2;
}

static void for_pages(struct guest *g, uint64_t gfn, uint64_t count,
		      void (*act)(struct guest *g, struct page *page, uint64_t gfn))
{
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		for (uint64_t at_gfn = windows[i].first;
		     at_gfn < windows[i].first + windows[i].count; at_gfn++) {
			if (at_gfn - gfn < count)
				act(g, page_of(g, at_gfn), at_gfn);
		}
	}
}

static void forget(struct guest *g, struct page *page, uint64_t gfn)
{
	(void)g, (void)gfn;
	*page = (struct page){ 0 };
}

static void write_protect(struct guest *g, struct page *page, uint64_t gfn)
{
	(void)g, (void)gfn;
	page->write = page->may_write = false;
}

static void do_weaken(uint64_t number, void (*act)(struct guest *, struct page *, uint64_t))
{
	uint64_t id = any_id(), gfn = any_gfn(), count = any_count();
	struct guest *g = alive(id);
	int64_t result;

	if (one_in(4))
		gfn &= ~(PT_ENTRIES - 1ul);
	if (one_in(20))
		gfn = below(1u << 31), count = any_number() >> 40;
	result = call_again(number, id, gfn << PAGE_SHIFT | (one_in(50) ? 1 : 0), count);
	assert_int_not_equal(result, 0);
	if (result > 0) {
		assert_non_null(g);
		assert_true((uint64_t)result <= count);
		for_pages(g, gfn, (uint64_t)result, act);
	} else {
		assert_true(is_error(result));
		if (result == -MULLION_EAGAIN)
			for_pages(g, gfn, count, resync);
	}
}

static bool is_running(uint64_t id)
{
	for (struct processor *p = processors; p < processors + PROCESSORS; p++) {
		if (!p->cpu.current->is_service && p->cpu.current->vm->id == id)
			return true;
	}
	return false;
}

static int64_t do_destroy(uint64_t id)
{
	struct guest *g = id >= 1 && id <= VMS ? &guests[id] : NULL;
	int64_t result = call(MULLION_HC_VM_DESTROY, id, 0, 0, 0, 0);

	if (!g || g->state == NONE || g->state == ENDED) {
		assert_int_equal(result, -MULLION_ENOENT);
		return result;
	}
	g->state = ENDING;
	assert_int_equal(result == -MULLION_EBUSY, is_running(id));
	if (result == 0) {
		g->state = ENDED;
		g->has_vcpu = 0;
		for_pages(g, 0, UINT64_MAX, forget);
	} else {
		assert_true(result == -MULLION_EBUSY || result == -MULLION_EAGAIN);
		for_pages(g, 0, UINT64_MAX, resync);
	}
	return result;
}

static void do_vcpu_create(void)
{
	uint64_t id = any_id(), index = one_in(20) ? any_number() >> below(64) : below(4);
	uint64_t pfn = any_pfn();
	int64_t result = call(MULLION_HC_VCPU_CREATE, id, index, pfn, 0, 0);

	if (result) {
		assert_true(is_error(result));
		return;
	}
	assert_non_null(alive(id));
	assert_int_equal(kind_of(pfn), FRAME_SERVICE);
	alive(id)->has_vcpu |= BIT(index);
	alive(id)->run_pfn[index] = pfn;
	scribbled[pfn] = true;
	memset(memory + (pfn << PAGE_SHIFT), 0, sizeof(struct mullion_run));
}

static void do_vcpu(uint64_t number)
{
	uint64_t id = any_id(), index = any_index(id);
	uint64_t pfn = any_pfn(), page = pfn << PAGE_SHIFT | (one_in(40) ? 4 : 0),
		 count = any_count();
	bool exists = alive(id) && index < MULLION_MAX_VCPUS && alive(id)->has_vcpu >> index & 1;
	int64_t result;

	if (number == MULLION_HC_VCPU_STATE)
		page = below(MULLION_GROUPS + 1) | (one_in(40) ? BIT(40) : 0);
	if (number == MULLION_HC_VCPU_STAT && one_in(4))
		id = MULLION_SERVICE_VM;
	if (number == MULLION_HC_VCPU_STAT && id == MULLION_SERVICE_VM)
		exists = index < PROCESSORS;
	if (exists && id != MULLION_SERVICE_VM) /* breakpoints would be the test's own */
		vm_slots[id].vm->vcpus[index]->run->dr[7] = 0;
	result = call(number, id, index, page, count, 0);
	if (result) {
		assert_true(is_error(result));
		return;
	}
	assert_true(exists);
	if (number == MULLION_HC_VCPU_STAT)
		scribbled[pfn] = true;
}

static void do_report(uint64_t number)
{
	uint64_t pfn = any_pfn();
	int64_t result = call(number, pfn << PAGE_SHIFT, any_number() >> below(64), 0, 0, 0);

	if (result)
		assert_int_equal(result, -MULLION_EPERM);
	else
		scribbled[pfn] = true;
}

static void do_anything(void)
{
	uint64_t number = one_in(4) ? any_number() : MULLION_HC_COUNT;
	int64_t result;

	if (number < MULLION_HC_COUNT)
		return;
	result = call(number, any_number(), any_number(), any_number(), any_number(), any_number());
	assert_int_equal(result, -MULLION_ENOSYS);
}

static void do_hypercall(void)
{
	static const struct {
		unsigned int weight;
		uint64_t number;
	} calls[] = {
		{ 12, MULLION_HC_VM_CREATE },  { 16, MULLION_HC_VM_DONATE },
		{ 2, MULLION_HC_VM_DESTROY },  { 10, MULLION_HC_RECLAIM },
		{ 40, MULLION_HC_VM_MAP },     { 30, MULLION_HC_VM_UNMAP },
		{ 10, MULLION_HC_VM_PROTECT }, { 10, MULLION_HC_VCPU_CREATE },
		{ 20, MULLION_HC_VCPU_RUN },   { 3, MULLION_HC_VCPU_STATE },
		{ 2, MULLION_HC_VCPU_CPUID },  { 2, MULLION_HC_VCPU_STAT },
		{ 2, MULLION_HC_INFO },        { 1, MULLION_HC_LOG_READ },
		{ 1, MULLION_HC_COUNT },
	};
	uint64_t choice = below(161);
	size_t i = 0;

	while (choice >= calls[i].weight)
		choice -= calls[i++].weight;
	switch (calls[i].number) {
	case MULLION_HC_VM_CREATE:
		return do_create();
	case MULLION_HC_VM_DONATE:
		return do_donate();
	case MULLION_HC_VM_DESTROY:
		if (one_in(4))
			do_destroy(1 + below(VMS));
		return;
	case MULLION_HC_RECLAIM:
		return do_reclaim(any_donated(), any_count());
	case MULLION_HC_VM_MAP:
		return do_map();
	case MULLION_HC_VM_UNMAP:
		return do_weaken(MULLION_HC_VM_UNMAP, forget);
	case MULLION_HC_VM_PROTECT:
		return do_weaken(MULLION_HC_VM_PROTECT, write_protect);
	case MULLION_HC_VCPU_CREATE:
		return do_vcpu_create();
	case MULLION_HC_INFO:
	case MULLION_HC_LOG_READ:
		return do_report(calls[i].number);
	case MULLION_HC_COUNT:
		return do_anything();
	default:
		return do_vcpu(calls[i].number);
	}
}

/* ---- Turns ---- */

static void touch(struct processor *p)
{
	struct vcpu *v = p->cpu.current;
	struct guest *g = guest_of(v);
	struct translation t;
	uint64_t gfn = g ? any_gfn() : one_in(20) ? any_device() : any_pfn();

	if (gfn >> (48 - PAGE_SHIFT))
		return;
	if (translate(p, gfn, &t)) {
		check_translation(g, &t);
	} else if (!g) {
		bool lacking = root_pool.count < PT_MAKE_TABLES;
		bool visible = kind_of(gfn) == FRAME_SERVICE || kind_of(gfn) == FRAME_ABSENT;
		bool filled;

		at = p;
		p->inside = false;
		filled = service_fault(gpa(gfn << PAGE_SHIFT));
		assert_true(visible ? filled || lacking : !filled);
	}
}

static void step(void)
{
	struct processor *p = &processors[below(PROCESSORS)];

	at = p;
	if (!p->inside) {
		enter(p);
	} else if (!one_in(3)) {
		touch(p);
	} else if (p->cpu.current->is_service) {
		do_hypercall();
	} else if (one_in(3)) {
		p->inside = false;
		if (one_in(2))
			vcpu_leave(p->cpu.current, random_next());
	}
	check_processors();
}

static void map_service(uint64_t first, uint64_t end)
{
	assert_true(pt_map_range(&service_vm.nested, first << PAGE_SHIFT, hpa(first << PAGE_SHIFT),
				 (end - first) << PAGE_SHIFT, PT_WRITE | PT_EXEC));
}

static void machine_create(void)
{
	static uint16_t frame_table[RAM_FRAMES];
	uint64_t next = ROOT_START;

	memory_create(RAM_FRAMES * PAGE_SIZE);
	memset(&frame_totals, 0, sizeof(frame_totals));
	frame_init(frame_table, RAM_FRAMES);
	for (uint64_t pfn = 0; pfn < RAM_FRAMES; pfn++) {
		if (kind_of(pfn) != FRAME_ABSENT)
			frame_mark(hpa(pfn << PAGE_SHIFT), hpa((pfn + 1) << PAGE_SHIFT),
				   kind_of(pfn));
		if (kind_of(pfn) == FRAME_SERVICE)
			fill_frame(pfn);
	}
	memset(processors, 0, sizeof(processors));
	memset(&service_vm, 0, sizeof(service_vm));
	service_vm.tlb_generation = 1;
	cpu_count = PROCESSORS;
	for (uint32_t i = 0; i < PROCESSORS; i++) {
		hpa_t frames[MULLION_VCPU_PAGES];

		for (unsigned int j = 0; j < MULLION_VCPU_PAGES; j++)
			frames[j] = hpa(next++ << PAGE_SHIFT);
		at = &processors[i];
		cpus[i] = &at->cpu;
		at->cpu.service = at->cpu.current =
			vcpu_make(&service_vm, (uint16_t)i, frames, NULL);
		at->cpu.next_asid = ASID_END;
	}
	root_tables = one_in(3) ? 8 + below(16) : ROOT_END - next;
	root_pool = (struct pool){ 0 };
	for (uint64_t i = 0; i < root_tables; i++)
		pool_put(&root_pool, hpa(next++ << PAGE_SHIFT));
	service_vm.nested = (struct address_space){
		.format = &format,
		.root = pool_get(&root_pool),
		.largest_leaf = one_in(2) ? 2 : 3,
		.pool = &root_pool,
	};
	if (one_in(2)) {
		map_service(0, HOLE_START);
		map_service(HOLE_END, ROOT_START);
		map_service(ROOT_END, RAM_FRAMES);
	}
}

/* Ends every VM and takes all frames back. */
static void clean_up(void)
{
	for (unsigned int id = 1; id <= VMS; id++) {
		struct guest *g = &guests[id];

		for (unsigned int i = 0; g->state == ALIVE || g->state == ENDING; i++) {
			kick_all();
			assert_true(i < 1000);
			do_destroy(id);
		}
	}
	for (uint64_t pfn = 0; pfn < RAM_FRAMES; pfn++) {
		if (kind_of(pfn) != FRAME_DONATED)
			continue;
		kick_all();
		do_reclaim(pfn, MULLION_MAX_BATCH);
		assert_int_equal(kind_of(pfn), FRAME_SERVICE);
	}
	kick_all();
	service_fault(gpa(0));
	assert_int_equal(check_all(), 0);
	assert_int_equal(frame_totals.donated, 0);
	assert_int_equal(frame_totals.shares, 0);
	check_contents();
}

static uint32_t from_environment(const char *name, uint32_t otherwise)
{
	const char *value = getenv(name);

	return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

static void test_random_calls(void **state)
{
	uint32_t rounds = from_environment("MULLION_TEST_ROUNDS", ROUNDS);
	uint32_t seed = from_environment("MULLION_TEST_SEED", 1);

	(void)state;
	for (uint32_t round = 0; round < rounds; round++) {
		random_seed(seed + round);
		print_message("seed %u\n", seed + round);
		machine_create();
		for (unsigned int i = 0; i < STEPS; i++) {
			step();
			if (i % 64 == 0)
				check_all();
		}
		clean_up();
		memory_destroy();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
