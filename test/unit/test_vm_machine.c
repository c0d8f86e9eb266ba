// SPDX-License-Identifier: GPL-2.0-only
/* The machine of test_vm.c: memory, processors, and what root mode's other files would do. */
#include "test_vm_machine.h"

#include <stdlib.h>
#include <string.h>

static struct cpu *this_cpu(void);

#include "hv/vcpu.c"
#include "hv/vm.c"

#include "hv/hypercall.h"
#include "hv/log.h"
#include "hv/system.h"

#define ASID_END 6

struct processor processors[PROCESSORS];
struct processor *here;
struct pool root_pool;
uint64_t root_tables;

static struct cpu *this_cpu(void)
{
	return &here->cpu;
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
struct cpu_features cpu_features = { .physical_bits = 48 };
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

void apic_evaluate(struct vcpu *v)
{
	v->request = v->asked;
}

void panic_check(void)
{
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
const struct pt_format nested_format = {
	.present = BIT(0),
	.table = BIT(0) | BIT(1) | BIT(2),
	.leaf = BIT(0) | BIT(2),
	.write = BIT(1),
	.no_exec = BIT(63),
};

static const struct vendor stub = {
	.nested_format = &nested_format,
	.vcpu_init = stub_vcpu,
	.unload = stub_vcpu,
	.get_state = stub_get,
	.set_state = stub_set,
	.trap_dr = stub_trap_dr,
	.tlb_flush = stub_tlb_flush,
};
const struct vendor *vendor = &stub;

/* ---- Processors ---- */

void processor_enter(struct processor *p)
{
	struct vcpu *v = p->cpu.current;

	here = p;
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

bool processor_translate(struct processor *p, uint64_t gfn, struct translation *out)
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

void kick_all(void)
{
	for (struct processor *p = processors; p < processors + PROCESSORS; p++) {
		here = p;
		p->inside = false;
		if (!p->cpu.current->is_service)
			vcpu_leave(p->cpu.current, 0);
		processor_enter(p);
	}
}

/* ---- Boot ---- */

enum frame_kind boot_kind(uint64_t pfn)
{
	if (pfn >= RAM_FRAMES || (pfn >= HOLE_START && pfn < HOLE_END))
		return FRAME_ABSENT;
	return pfn >= ROOT_START && pfn < ROOT_END ? FRAME_ROOT : FRAME_SERVICE;
}

static void map_service(uint64_t first, uint64_t end)
{
	assert_true(pt_map_range(&service_vm.nested, first << PAGE_SHIFT, hpa(first << PAGE_SHIFT),
				 (end - first) << PAGE_SHIFT, PT_WRITE | PT_EXEC));
}

void machine_create(void)
{
	static uint16_t frame_table[2 * PAGE_SIZE / sizeof(uint16_t)];
	uint64_t next = ROOT_START;

	memory_create(RAM_FRAMES * PAGE_SIZE);
	memset(&frame_totals, 0, sizeof(frame_totals));
	frame_init(frame_table, RAM_FRAMES, RAM_FRAMES);
	for (uint64_t pfn = 0; pfn < RAM_FRAMES; pfn++) {
		if (boot_kind(pfn) != FRAME_ABSENT)
			frame_mark(hpa(pfn << PAGE_SHIFT), hpa((pfn + 1) << PAGE_SHIFT),
				   boot_kind(pfn));
	}
	memset(processors, 0, sizeof(processors));
	memset(&service_vm, 0, sizeof(service_vm));
	service_vm.tlb_generation = 1;
	cpu_count = PROCESSORS;
	for (uint32_t i = 0; i < PROCESSORS; i++) {
		hpa_t frames[MULLION_VCPU_PAGES];

		for (unsigned int j = 0; j < MULLION_VCPU_PAGES; j++)
			frames[j] = hpa(next++ << PAGE_SHIFT);
		here = &processors[i];
		cpus[i] = &here->cpu;
		here->cpu.service = here->cpu.current =
			vcpu_make(&service_vm, (uint16_t)i, frames, NULL, NULL);
		here->cpu.next_asid = ASID_END;
	}
	root_tables = one_in(3) ? 8 + below(16) : ROOT_END - next;
	root_pool = (struct pool){ 0 };
	for (uint64_t i = 0; i < root_tables; i++)
		pool_put(&root_pool, hpa(next++ << PAGE_SHIFT));
	service_vm.nested = (struct address_space){
		.format = &nested_format,
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
