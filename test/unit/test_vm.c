// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns and sees which memory, under random hypercalls: hv/hypercall.c and what it calls, on
 * the machine of test_vm_machine.c, against the model of test_vm_model.c.
 *
 * MULLION_TEST_ROUNDS=N in the environment makes it longer, MULLION_TEST_SEED=N starts elsewhere.
 */
#include "test_vm_model.h"

#include <stdlib.h>
#include <string.h>

#include "hv/hypercall.h"

#define ROUNDS 16
#define STEPS 20000

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
	const struct window *w = &windows[one_in(2) ? 0 : below(WINDOWS)];

	return w->first + below(w->count);
}

/* ---- Hypercalls, and what they promise ---- */

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	struct vcpu *v = here->cpu.service;
	uint64_t before[MULLION_GPRS];

	assert_ptr_equal(here->cpu.current, v);
	here->inside = false;
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

/* As call(), and when that says "again", sometimes so, which must help. */
static int64_t call_again(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	struct processor *caller = here;
	int64_t result = call(number, a, b, c, 0, 0);

	if (result == -MULLION_EAGAIN && one_in(2)) {
		kick_all();
		here = caller;
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
	for (size_t i = 0; i < WINDOWS; i++) {
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
	uint64_t pfn = any_pfn(), apic_pfn = one_in(20) ? pfn : any_pfn();
	int64_t result = call(MULLION_HC_VCPU_CREATE, id, index, pfn, apic_pfn, 0);

	if (result) {
		assert_true(is_error(result));
		return;
	}
	assert_non_null(alive(id));
	assert_int_equal(kind_of(pfn), FRAME_SERVICE);
	assert_int_equal(kind_of(apic_pfn), FRAME_SERVICE);
	assert_int_not_equal(pfn, apic_pfn);
	alive(id)->has_vcpu |= BIT(index);
	alive(id)->run_pfn[index] = pfn;
	alive(id)->apic_pfn[index] = apic_pfn;
	scribbled[pfn] = scribbled[apic_pfn] = true;
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
	if (processor_translate(p, gfn, &t)) {
		check_translation(g, &t);
	} else if (!g) {
		bool lacking = root_pool.count < PT_MAKE_TABLES;
		bool visible = kind_of(gfn) == FRAME_SERVICE || kind_of(gfn) == FRAME_ABSENT;
		bool filled;

		here = p;
		p->inside = false;
		filled = service_fault(gpa(gfn << PAGE_SHIFT), false);
		assert_true(visible ? filled || lacking : !filled);
	}
}

static void step(void)
{
	struct processor *p = &processors[below(PROCESSORS)];

	here = p;
	if (!p->inside) {
		processor_enter(p);
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
	service_fault(gpa(0), false);
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
		model_create();
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
