// SPDX-License-Identifier: GPL-2.0-only
/* Root mode's own memory; contracts in root_memory.h. */
#include "hv/root_memory.h"

#include "hv/boot/image.h"
#include "hv/lib/string.h"
#include "hv/phys.h"
#include "hv/system.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "hv/x86.h"

/* Long-mode page tables of root mode itself (APM vol. 2 5.3). */
static const struct pt_format long_mode_format = {
	.present = BIT(0),
	.table = BIT(0) | BIT(1),
	.leaf = BIT(0),
	.write = BIT(1),
	.no_exec = BIT(63),
	.uncached = BIT(3) | BIT(4),
};

uint64_t root_low_page;

static struct pool pool;
static struct address_space root_space = { .format = &long_mode_format, .pool = &pool };

/*
 * Frames for tables. The physical mapping and the service domain's each take one for a GiB
 * and up to four for every entry of the memory map; a donated frame makes a hole that takes one
 * for the 2 MiB around it: enough for that in an eighth of RAM, unless root mode, which has
 * `others` bytes beside the pool, would keep more than 1 MiB a processor and 1/2000 of RAM.
 */
static uint64_t pool_frames(const struct memmap *map, uint32_t processors, uint64_t others)
{
	uint64_t gib = align_up(memmap_ram_end(map, UINT64_MAX), GIB) / GIB;
	uint64_t least = 32 + 8 * map->count + 2 * gib + processors * (MULLION_VCPU_PAGES + 1ull);
	uint64_t budget = max(others, processors * MIB + memmap_ram_bytes(map) / 2000);

	return max(least, min(least + gib * PT_ENTRIES / 8, (budget - others) / PAGE_SIZE));
}

/* Where root mode's block lies: bytes for the frame table, stacks, then the pool. */
struct layout {
	uint64_t start, size, table_size, stack_size;
	uint64_t low, end; /* of the frame table */
};

static const char *reserve(struct boot_info *boot, uint32_t processors, struct layout *layout)
{
	/* Linux looks through everything from 512 KiB to 1 MiB for firmware's tables. */
	const struct memmap_request low = {
		.size = PAGE_SIZE, .align = PAGE_SIZE, .min = PAGE_SIZE, .limit = 512 * KIB
	};
	struct memmap_request block = { .align = pt_span(2), .min = MIB, .limit = 4 * GIB };
	static struct memmap free; /* of modules too */
	bool fits = memmap_add(&boot->memmap, (uint64_t)image_start,
			       (uint64_t)(image_end - image_start), MEMMAP_ROOT);

	layout->low = memmap_ram_end(&boot->memmap, 4 * GIB) >> PAGE_SHIFT;
	layout->end = memmap_ram_end(&boot->memmap, UINT64_MAX) >> PAGE_SHIFT;
	layout->table_size = frame_table_size(layout->low, layout->end);
	layout->stack_size = processors * CPU_STACK_SIZE;
	layout->size = align_up(layout->table_size, CPU_STACK_SIZE) + layout->stack_size;
	layout->size += PAGE_SIZE *
			pool_frames(&boot->memmap, processors,
				    layout->size + PAGE_SIZE + (uint64_t)(image_end - image_start));
	free = boot->memmap;
	for (uint32_t i = 0; i < boot->module_count; i++)
		fits = fits &&
		       memmap_add(&free, boot->modules[i].start,
				  boot->modules[i].end - boot->modules[i].start, MEMMAP_ROOT);
	block.size = layout->size;
	layout->start = memmap_find(&free, &block);
	if (!layout->start)
		return "there is too little memory below 4 GiB for root mode";
	root_low_page = memmap_find(&free, &low);
	fits = fits && memmap_add(&boot->memmap, layout->start, layout->size, MEMMAP_ROOT) &&
	       memmap_add(&boot->memmap, root_low_page, root_low_page ? PAGE_SIZE : 0, MEMMAP_ROOT);
	return fits ? NULL : "the firmware's memory map has too many entries";
}

static void fill_frame_table(const struct memmap *map, const struct layout *layout)
{
	frame_init(phys_to_virt(layout->start), layout->low, layout->end);
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];

		if (memmap_is_memory(e->type))
			frame_mark(hpa(e->start), hpa(e->end),
				   e->type == MEMMAP_ROOT ? FRAME_ROOT : FRAME_SERVICE);
	}
}

static bool map_section(const char *start, const char *end, uint32_t flags)
{
	return pt_map_range(&root_space, (uint64_t)start, hpa((uint64_t)start),
			    (uint64_t)(end - start), flags);
}

/* All RAM but the image, which has an entry of its own. */
static bool map_memory(const struct memmap *map)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];
		uint64_t start = align_up(e->start, PAGE_SIZE);
		uint64_t end = align_down(e->end, PAGE_SIZE);

		if (memmap_is_memory(e->type) && start < end && start != (uint64_t)image_start &&
		    !pt_map_range(&root_space, PHYS_OFFSET + start, hpa(start), end - start,
				  PT_WRITE))
			return false;
	}
	return true;
}

void root_tables_load(void)
{
	write_cr3(root_space.root.raw);
}

static bool make_root_tables(const struct memmap *map)
{
	root_space.root = pool_get(&pool);
	root_space.largest_leaf = cpu_features.pages_1g ? 3 : 2;
	return map_section(text_start, text_end, PT_EXEC) &&
	       map_section(rodata_start, rodata_end, 0) &&
	       map_section(data_start, image_end, PT_WRITE) && map_memory(map);
}

bool root_map_device(hpa_t start, uint64_t size)
{
	return pt_map_range(&root_space, PHYS_OFFSET + start.raw, start, size,
			    PT_WRITE | PT_UNCACHED);
}

/* RAM is mapped at once, so that touching it never takes a table that might be lacking; the
 * rest of the address space on its first touch. */
static bool make_service_vm(const struct memmap *map)
{
	service_vm.id = MULLION_SERVICE_VM;
	service_vm.tlb_generation = 1;
	service_vm.nested = (struct address_space){
		.format = vendor->nested_format,
		.root = pool_get(&pool),
		.largest_leaf = cpu_features.pages_1g ? vendor->nested_format->largest_leaf : 2,
		.pool = &pool,
	};
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_entry *e = &map->entry[i];
		uint64_t start = align_up(e->start, PAGE_SIZE);
		uint64_t end = align_down(e->end, PAGE_SIZE);

		if (memmap_is_memory(e->type) && e->type != MEMMAP_ROOT && start < end &&
		    !pt_map_range(&service_vm.nested, start, hpa(start), end - start,
				  PT_WRITE | PT_EXEC))
			return false;
	}
	return true;
}

static void make_cpu(uint32_t id, uint8_t *stack)
{
	struct cpu *cpu = (struct cpu *)(stack + CPU_STACK_SIZE - sizeof(*cpu));

	memset(cpu, 0, sizeof(*cpu));
	cpu->id = id;
	cpu->apic_id = id < system_acpi.processor_count ? system_acpi.apic_id[id] : 0;
	cpu->vendor_area = pool_get(&pool);
	cpus[id] = cpu;
}

void root_make_vcpus(void)
{
	for (uint16_t id = 0; id < cpu_count; id++) {
		hpa_t frames[MULLION_VCPU_PAGES];

		for (unsigned int i = 0; i < MULLION_VCPU_PAGES; i++)
			frames[i] = pool_get(&pool);
		cpus[id]->service = vcpu_make(&service_vm, id, frames, NULL, NULL);
		cpus[id]->current = cpus[id]->service;
	}
}

const char *root_memory_init(struct boot_info *boot, uint32_t processors)
{
	static const char too_small[] = "root mode's memory is too small for its page tables";
	struct layout layout;
	const char *error = reserve(boot, processors, &layout);
	uint64_t stacks, first;

	if (error)
		return error;
	stacks = align_up(layout.start + layout.table_size, CPU_STACK_SIZE);
	first = stacks + layout.stack_size;
	for (uint64_t at = first; at + PAGE_SIZE <= layout.start + layout.size; at += PAGE_SIZE)
		pool_put(&pool, hpa(at));
	cpu_tables_load();
	if (!make_root_tables(&boot->memmap))
		return too_small;
	root_tables_load();
	fill_frame_table(&boot->memmap, &layout);
	if (!make_service_vm(&boot->memmap))
		return too_small;
	for (cpu_count = 0; cpu_count < processors; cpu_count++)
		make_cpu(cpu_count, phys_to_virt(stacks + cpu_count * CPU_STACK_SIZE));
	return NULL;
}

void root_stack_switch(struct cpu *cpu, void (*function)(void))
{
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%1"
			 :
			 : "r"(align_down((uint64_t)cpu, 16)), "r"(function)
			 : "memory");
	__builtin_unreachable();
}
