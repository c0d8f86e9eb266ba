// SPDX-License-Identifier: GPL-2.0-only
/*
 * The service domain's memory: an identity mapping that is filled as it is
 * touched, with holes where frames are root mode's or donated.
 */
#include "hv/vm.h"

#include "hv/cpu.h"
#include "hv/panic.h"
#include "hv/phys.h"

struct vm service_vm;

/* Tables no longer linked, until every processor has forgotten them. */
static struct pool limbo;

static void recycle_tables(void)
{
	while (limbo.count && vm_flushed(&service_vm))
		pool_put(service_vm.nested.pool, pool_get(&limbo));
}

/* What is not RAM is devices, or firmware's. */
static uint64_t identity_leaf(uint64_t address, int level)
{
	bool ram = frame_kind(address >> PAGE_SHIFT) != FRAME_ABSENT;
	uint32_t type = service_vm.nested.format->typed && !ram ? PT_UNCACHED : 0;

	return pt_make_leaf(&service_vm.nested, hpa(align_down(address, pt_span(level))), level,
			    PT_WRITE | PT_EXEC | type);
}

/* Whether one leaf at `level` fits all frames around `address`. */
static bool leaf_fits(uint64_t address, int level)
{
	uint64_t pfn = align_down(address, pt_span(level)) >> PAGE_SHIFT;
	uint64_t count = pt_span(level) >> PAGE_SHIFT;

	return frame_visible(pfn, count) &&
	       (!service_vm.nested.format->typed || frame_uniform(pfn, count));
}

int64_t service_unlink(uint64_t pfn, uint64_t count)
{
	bool changed = false;

	recycle_tables();
	/* 512 frames touch at the most two level-1 tables and their parents. */
	if (service_vm.nested.pool->count < 2 * PT_MAKE_TABLES)
		return -MULLION_ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t *entry = pt_make(&service_vm.nested, (pfn + i) << PAGE_SHIFT, 1);

		changed |= pt_present(&service_vm.nested, *entry);
		pt_write(entry, PT_ZOMBIE);
	}
	if (changed)
		__atomic_add_fetch(&service_vm.tlb_generation, 1, __ATOMIC_SEQ_CST);
	return vm_flushed(&service_vm) ? 0 : -MULLION_EAGAIN;
}

/* Replaces the table below `level` by one leaf, if it maps all that the leaf would. */
static bool join(uint64_t address, int level)
{
	uint64_t *parent = pt_make(&service_vm.nested, address, level);
	const uint64_t *table;

	if (!parent || !pt_present(&service_vm.nested, *parent) || pt_is_leaf(*parent, level))
		return false;
	table = phys_to_virt(*parent & PT_ADDRESS);
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		if (!pt_present(&service_vm.nested, table[i]) || !pt_is_leaf(table[i], level - 1))
			return false;
	}
	if (!leaf_fits(address, level))
		return false;
	pt_write(parent, identity_leaf(address, level));
	__atomic_add_fetch(&service_vm.tlb_generation, 1, __ATOMIC_SEQ_CST);
	pool_put(&limbo, hpa(virt_to_phys(table)));
	return true;
}

void service_link(uint64_t pfn, uint64_t count)
{
	uint64_t start = pfn << PAGE_SHIFT, end = (pfn + count) << PAGE_SHIFT;

	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		uint64_t *entry = pt_make(&service_vm.nested, at, 1);

		ASSERT(entry); /* the table exists since the frame was unlinked */
		pt_write(entry, identity_leaf(at, 1));
	}
	for (uint64_t at = align_down(start, pt_span(2)); at < end; at += pt_span(2))
		if (join(at, 2) && service_vm.nested.largest_leaf >= 3)
			join(at, 3);
	recycle_tables();
}

uint64_t service_free_tables(void)
{
	return service_vm.nested.pool->count + limbo.count;
}

static bool fill(uint64_t address, bool write)
{
	int level;
	uint64_t *entry;
	if (address >= min(BIT(cpu_features.physical_bits), pt_span(PT_LEVELS + 1)) ||
	    !frame_visible(address >> PAGE_SHIFT, 1))
		return false;
	entry = pt_find(&service_vm.nested, address, &level);
	if (pt_present(&service_vm.nested, *entry))
		return !write || pt_writable(&service_vm.nested, *entry); /* another was first */
	level = min(level, service_vm.nested.largest_leaf);
	while (level > 1 && !leaf_fits(address, level))
		level--;
	entry = pt_make(&service_vm.nested, address, level);
	if (!entry)
		return false;
	pt_write(entry, identity_leaf(address, level));
	return true;
}

bool service_fault(gpa_t address, bool write)
{
	bool filled;

	spin_lock(&memory_lock);
	recycle_tables();
	filled = fill(address.raw, write);
	spin_unlock(&memory_lock);
	return filled;
}
