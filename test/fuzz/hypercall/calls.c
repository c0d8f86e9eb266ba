// SPDX-License-Identifier: GPL-2.0-only
/* Sequences of hypercalls, sound and unsound. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "fuzz.h"
#include "hypercall.h"

struct fuzz_vm vms[FUZZ_VMS];

#define CREATE_MOST 24

long fuzz_call(u64 number, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	const u64 arg[5] = { a1, a2, a3, a4, a5 };
	bool changed = false;
	long ret;

	if (fuzz_trace)
		pr_info("hypercall_fuzz: %llu: %llu(%#llx, %#llx, %#llx, %#llx, %#llx)\n",
			totals.calls, number, a1, a2, a3, a4, a5);
	ret = raw_hypercall(number, arg, &changed);
	totals.calls++;
	totals.succeeded += ret >= 0;
	if (changed)
		fuzz_fail("hypercall %llu changed a register that it must preserve", number);
	if (ret < -MULLION_ENOSYS)
		fuzz_fail("hypercall %llu returned %ld, which is no error of the interface", number,
			  ret);
	return ret;
}

long fuzz_call_patiently(u64 number, u64 a1, u64 a2, u64 a3)
{
	const u64 arg[5] = { a1, a2, a3 };
	bool changed = false;
	long ret = patient_hypercall(number, arg, &changed);

	totals.calls++;
	totals.succeeded += ret >= 0;
	if (changed)
		fuzz_fail("hypercall %llu changed a register that it must preserve", number);
	return ret;
}

/* ---- VMs ---- */

struct fuzz_vm *vm_find(u16 id)
{
	for (u32 i = 0; i < FUZZ_VMS; i++) {
		if (id && vms[i].id == id)
			return &vms[i];
	}
	return NULL;
}

struct fuzz_vm *vm_any(void)
{
	u32 start = random_below(FUZZ_VMS);

	for (u32 i = 0; i < FUZZ_VMS; i++) {
		struct fuzz_vm *vm = &vms[(start + i) % FUZZ_VMS];

		if (vm->id)
			return vm;
	}
	return NULL;
}

/* An identifier: mostly one that exists. */
static u64 some_vm(void)
{
	struct fuzz_vm *vm = one_in(12) ? NULL : vm_any();

	return vm ? vm->id : one_in(2) ? random_below(MULLION_MAX_VMS) : random_odd();
}

static u64 some_index(void)
{
	return one_in(10) ? random_odd() : random_below(FUZZ_VCPUS);
}

/* A vCPU: mostly one that exists. */
static void some_vcpu(u64 *id, u64 *index)
{
	*id = some_vm();
	*index = some_index();
	for (u32 i = 0; i < 40 && !one_in(30); i++) {
		const struct fuzz_vm *vm = &vms[random_below(FUZZ_VMS)];
		u32 candidate = random_below(FUZZ_VCPUS);

		if (vm->id && !vm->ending && vm->run_pfn[candidate]) {
			*id = vm->id;
			*index = candidate;
			return;
		}
	}
}

static u64 some_gpa(void)
{
	u64 gpa;

	if (one_in(20))
		return random_odd();
	gpa = (u64)random_below(GUEST_MEMORY >> PAGE_SHIFT) << PAGE_SHIFT;
	if (one_in(3))
		gpa &= ~((2ull << 20) - 1);
	if (one_in(20))
		gpa += MULLION_MAX_GPA - GUEST_MEMORY / 2;
	return gpa;
}

static u64 some_count(void)
{
	return one_in(8) ? random_odd() : 1 + random_below(one_in(2) ? 8 : 600);
}

/* Where root mode may write a page: one of ours, or none. */
static u64 some_page(void)
{
	u64 pfn = one_in(8) ? refused_pfn() : arena_own_page();
	u64 address = (pfn ? pfn : refused_pfn()) << PAGE_SHIFT;

	return one_in(20) ? address + 1 + random_below(4095) : address;
}

/* ---- Memory changing hands ---- */

static struct frames some_donation(void)
{
	struct frames r = one_in(8) ? refused_range() : arena_range(CREATE_MOST);

	if (one_in(30) && r.count)
		r.count = MULLION_MAX_BATCH + 1 + random_odd() % (1ull << 62);
	return r;
}

static void note_donation(struct fuzz_vm *vm, struct frames r)
{
	arena_donated(r, vm->id);
	vm->donated += r.count;
}

static void create(void)
{
	struct frames r = some_donation();
	struct fuzz_vm *row = NULL;
	long id;

	for (u32 i = 0; i < FUZZ_VMS; i++) {
		if (!vms[i].id)
			row = &vms[i];
	}
	if (!row)
		return;
	id = fuzz_call(MULLION_HC_VM_CREATE, r.pfn, r.count, random_odd(), 0, 0);
	if (id < 0)
		return;
	if (id == 0 || id >= MULLION_MAX_VMS || vm_find(id))
		fuzz_fail("VM_CREATE returned %ld", id);
	*row = (struct fuzz_vm){ .id = id };
	note_donation(row, r);
}

static void donate(void)
{
	u64 id = some_vm();
	struct fuzz_vm *vm = vm_find(id);
	struct frames r = some_donation();
	long ret = fuzz_call(MULLION_HC_VM_DONATE, id, r.pfn, r.count, 0, 0);

	if (ret < 0)
		return;
	if (!vm || id >> 16 || vm->ending || ret)
		fuzz_fail("VM_DONATE(%llu) returned %ld", id, ret);
	else
		note_donation(vm, r);
}

/* One call, or all that it takes. */
static void destroy(struct fuzz_vm *vm, bool wholly)
{
	long ret = wholly ? fuzz_call_patiently(MULLION_HC_VM_DESTROY, vm->id, 0, 0) :
			    fuzz_call(MULLION_HC_VM_DESTROY, vm->id, 0, 0, 0, 0);

	if (ret == 0 && vm->ended)
		fuzz_fail("VM %u destroyed twice", vm->id);
	else if (ret == -MULLION_ENOENT && !vm->ended)
		fuzz_fail("VM %u is gone", vm->id);
	else if (ret && ret != -MULLION_EAGAIN && !vm->ended)
		fuzz_fail("VM_DESTROY of VM %u returned %ld", vm->id, ret);
	vm->ending = true;
	vm->ended |= ret == 0;
}

static void destroy_some(void)
{
	struct fuzz_vm *vm = vm_any();

	if (one_in(4))
		fuzz_call(MULLION_HC_VM_DESTROY, one_in(2) ? 0 : MULLION_MAX_VMS + random_odd() / 2,
			  0, 0, 0, 0);
	else if (vm)
		destroy(vm, one_in(2));
}

static void reclaim(struct frames r)
{
	long ret = fuzz_call_patiently(MULLION_HC_RECLAIM, r.pfn, r.count, 0);

	if (ret <= 0)
		return;
	if (ret > r.count) {
		fuzz_fail("RECLAIM of %llu frames gave %ld back", r.count, ret);
		return;
	}
	for (u64 i = 0; i < ret; i++) {
		struct fuzz_vm *vm = vm_find(arena_owner(r.pfn + i));

		if (!vm || !vm->ended) {
			fuzz_fail("RECLAIM gave frame %#llx back, of a VM that has not ended",
				  r.pfn + i);
		} else if (--vm->donated == 0) {
			memset(vm, 0, sizeof(*vm));
		}
	}
	arena_returned((struct frames){ r.pfn, ret });
}

/* A range that begins with a frame of a VM that has ended; any, if none is found. */
static struct frames some_reclaimable(void)
{
	struct frames r = arena_range(64);

	for (u32 i = 0; i < 64; i++) {
		const struct fuzz_vm *vm = vm_find(arena_owner(r.pfn));

		if (vm && vm->ended)
			break;
		r = arena_range(64);
	}
	return r;
}

static void reclaim_some(void)
{
	struct frames r = one_in(4) ? arena_range(64) : some_reclaimable();

	if (one_in(20))
		r = arena_piece(random_below(arena_piece_count()));
	if (one_in(10))
		r = refused_range();
	if (one_in(20))
		r.count = random_odd();
	reclaim(r);
}

/* ---- Guest memory ---- */

/* What is mapped writable is the fuzzer's own; reading may be anything. */
static void map(void)
{
	struct frames r = one_in(8) ? refused_range() : arena_range(600);
	u64 flags = one_in(10) ? random_odd() : random_below(4);
	u64 gpa = some_gpa();

	if (one_in(6))
		gpa = (gpa & ~((2ull << 20) - 1)) | ((r.pfn & 511) << PAGE_SHIFT);
	if (one_in(10)) {
		r.pfn = random_below(1 << 20);
		flags &= ~(u64)MULLION_MAP_WRITE;
	}
	if (!fuzz_wild)
		flags &= ~(u64)MULLION_MAP_EXEC;
	fuzz_call(MULLION_HC_VM_MAP, some_vm(), gpa,
		  (r.pfn << PAGE_SHIFT) + (one_in(30) ? random_below(4096) : 0),
		  one_in(30) ? random_odd() : r.count, flags);
}

static void unmap(void)
{
	fuzz_call(MULLION_HC_VM_UNMAP, some_vm(), some_gpa(), some_count(), 0, 0);
}

static void protect(void)
{
	fuzz_call(MULLION_HC_VM_PROTECT, some_vm(), some_gpa(), some_count(), 0, 0);
}

static void map_code(u64 id, u64 gpa)
{
	u64 flags, pfn = guest_code_page(&flags);

	if (pfn)
		fuzz_call(MULLION_HC_VM_MAP, id, gpa, pfn << PAGE_SHIFT, 1, flags);
}

/* Low memory with code in it and page tables, so that guests have something to do. */
static void furnish(void)
{
	struct fuzz_vm *vm = vm_any();
	u32 pages = 1 + random_below(16);

	if (!vm)
		return;
	for (u32 i = 0; i < pages; i++)
		map_code(vm->id, i << PAGE_SHIFT);
	for (u32 i = 0; i < 2; i++)
		fuzz_call(MULLION_HC_VM_MAP, vm->id, GUEST_TABLES + i * PAGE_SIZE,
			  guest_table_page(i) << PAGE_SHIFT, 1, MULLION_MAP_WRITE);
}

/* ---- vCPUs ---- */

static void vcpu_create(void)
{
	u64 id = some_vm(), index = some_index();
	u64 pfn = one_in(10) ? refused_pfn() : arena_own_page();
	u64 apic_pfn = one_in(10) ? refused_pfn() : one_in(10) ? pfn : arena_own_page();
	struct fuzz_vm *vm = vm_find(id);
	long ret = fuzz_call(MULLION_HC_VCPU_CREATE, id, index, pfn ? pfn : refused_pfn(),
			     apic_pfn ? apic_pfn : refused_pfn(), 0);

	if (ret)
		return;
	if (!vm || vm->ending || id >> 16 || index >= MULLION_MAX_VCPUS || arena_owner(pfn) ||
	    arena_owner(apic_pfn) || pfn == apic_pfn)
		fuzz_fail("VCPU_CREATE(%llu, %llu, %#llx, %#llx) succeeded", id, index, pfn,
			  apic_pfn);
	else if (index < FUZZ_VCPUS) {
		vm->run_pfn[index] = pfn;
		vm->apic_pfn[index] = apic_pfn;
	}
}

/* The run page of a vCPU that exists, or NULL. */
static struct mullion_run *run_page(u64 id, u64 index)
{
	struct fuzz_vm *vm = id >> 16 ? NULL : vm_find(id);

	/* The page stays shared, and so ours, until the VM has ended. */
	if (!vm || vm->ended || index >= FUZZ_VCPUS || !vm->run_pfn[index])
		return NULL;
	return arena_address(vm->run_pfn[index]);
}

/* An APIC page that is now in force or not, with requests, some of which may be deliverable, or
 * with nothing on it that makes sense. */
static void furnish_apic(u64 id, u64 index, struct mullion_run *run)
{
	u32 *page = arena_address(vm_find(id)->apic_pfn[index]);

	if (one_in(3))
		run->apic_base = one_in(4) ? random_u64() : one_in(2) ? 0xfee00c00 : GUEST_APIC | 0x800;
	if (one_in(8))
		random_fill(page, PAGE_SIZE);
	if (one_in(3)) /* ISR, TMR and IRR */
		memset((u8 *)page + 0x100, 0, 0x180);
	page[0xf0 / 4] = 0x1ff;
	page[0x200 / 4 + 4 * random_below(8)] = 1u << random_below(32);
}

/* Does, roughly, what a device model would do about an exit. */
static void answer(u64 id, struct mullion_run *run)
{
	const struct mullion_exit e = run->exit;
	u64 pfn;

	switch (e.reason) {
	case MULLION_EXIT_IO:
		run->gpr[MULLION_RAX] = random_u64();
		run->rip = e.io.next_rip;
		run->dirty |= MULLION_GROUP_RIP | MULLION_GROUP_GPR;
		break;
	case MULLION_EXIT_UNDEFINED:
		if (one_in(2)) {
			run->inject = (struct mullion_event){ .valid = 1,
							      .type = MULLION_EVENT_EXCEPTION,
							      .vector = 6 };
			break;
		}
		fallthrough;
	case MULLION_EXIT_MSR:
	case MULLION_EXIT_HYPERCALL:
		run->rip += e.insn_len ? e.insn_len : 3;
		run->dirty |= MULLION_GROUP_RIP;
		break;
	case MULLION_EXIT_MEMORY:
		if (e.memory.access & MULLION_ACCESS_PRESENT)
			break;
		if (e.memory.access & MULLION_ACCESS_FETCH) {
			map_code(id, e.memory.gpa & PAGE_MASK);
			break;
		}
		pfn = arena_own_page();
		if (pfn)
			fuzz_call(MULLION_HC_VM_MAP, id, e.memory.gpa & PAGE_MASK,
				  pfn << PAGE_SHIFT, 1, MULLION_MAP_WRITE);
		break;
	case MULLION_EXIT_IRQ_WINDOW:
		run->inject = (struct mullion_event){ .valid = 1, .vector = random_u64() };
		run->request = 0;
		break;
	case MULLION_EXIT_NMI_WINDOW:
		run->inject = (struct mullion_event){ .valid = 1, .type = MULLION_EVENT_NMI };
		run->request = 0;
		break;
	case MULLION_EXIT_SHUTDOWN:
	case MULLION_EXIT_FAIL_ENTRY:
		guest_prepare_run(run);
		break;
	}
	if (e.pending.valid && !one_in(4))
		run->inject = e.pending;
}

static void vcpu_run(void)
{
	u64 id, index;
	struct mullion_run *run;
	u32 turns = 1 + random_below(12);

	some_vcpu(&id, &index);
	run = run_page(id, index);
	if (run)
		guest_prepare_run(run);
	while (turns--) {
		if (run)
			furnish_apic(id, index, run);
		if (guest_run(id, index, run))
			break;
		if (run && !one_in(4))
			answer(id, run);
	}
}

static void vcpu_state(void)
{
	u64 id, index, groups = one_in(4) ? random_odd() : random_u64() & MULLION_GROUPS;
	struct mullion_run *run;
	long ret;

	some_vcpu(&id, &index);
	run = run_page(id, index);
	if (run && one_in(2))
		guest_fill_run_page(run);
	ret = fuzz_call(MULLION_HC_VCPU_STATE, id, index, groups, 0, 0);
	if (run && !ret && (run->dirty & MULLION_GROUPS || (run->valid & groups) != groups))
		fuzz_fail("VCPU_STATE of groups %#llx left dirty %#x, valid %#x", groups,
			  run->dirty, run->valid);
}

static void vcpu_cpuid(void)
{
	u64 id, index, pfn = arena_own_page();
	u32 count = pfn ? guest_fill_cpuid(arena_address(pfn)) : 0;

	some_vcpu(&id, &index);
	fuzz_call(MULLION_HC_VCPU_CPUID, id, index,
		  pfn && !one_in(8) ? pfn << PAGE_SHIFT : some_page(),
		  one_in(8) ? random_odd() : count, 0);
}

/* ---- Reports, and no calls at all ---- */

static void report(void)
{
	switch (random_below(3)) {
	case 0:
		fuzz_call(MULLION_HC_INFO, some_page(), 0, 0, 0, 0);
		break;
	case 1:
		fuzz_call(MULLION_HC_LOG_READ, some_page(), random_odd(), 0, 0, 0);
		break;
	case 2:
		fuzz_call(MULLION_HC_VCPU_STAT, one_in(4) ? MULLION_SERVICE_VM : some_vm(),
			  some_index(), some_page(), 0, 0);
		break;
	}
}

/* Numbers that stand for no call, some of which would if their upper half were dropped. */
static void no_call(void)
{
	u64 number = MULLION_HC_COUNT + random_odd() / 2;

	if (one_in(2))
		number = random_below(MULLION_HC_COUNT) | (1ull << (32 + random_below(32)));
	if (fuzz_call(number, refused_pfn(), random_odd(), random_odd(), random_odd(),
		      random_odd()) != -MULLION_ENOSYS)
		fuzz_fail("hypercall number %#llx did something", number);
}

/* What root mode holds reads as nothing. */
static void peek(void)
{
	struct frames r = arena_range(1);
	u64 value;
	bool ours = !arena_owner(r.pfn);

	if (try_read(arena_address(r.pfn), &value) != ours)
		fuzz_fail("a frame that is %s could%s be read", ours ? "ours" : "donated",
			  ours ? " not" : "");
}

static const struct step {
	void (*make)(void);
	u32 weight;
} steps[] = {
	{ create, 10 },     { donate, 10 },   { destroy_some, 2 }, { reclaim_some, 20 },
	{ map, 20 },        { unmap, 15 },    { protect, 8 },      { furnish, 6 },
	{ vcpu_create, 8 }, { vcpu_run }, { vcpu_state, 10 },  { vcpu_cpuid, 4 },
	{ report, 6 },      { no_call, 3 },   { peek, 2 },
};

static u32 weight_of(const struct step *step)
{
	return step->make == vcpu_run ? fuzz_runs : step->weight;
}

void fuzz_step(void)
{
	u32 sum = 0, choice;

	for (u32 i = 0; i < ARRAY_SIZE(steps); i++)
		sum += weight_of(&steps[i]);
	choice = random_below(sum);
	for (u32 i = 0;; i++) {
		if (choice < weight_of(&steps[i])) {
			steps[i].make();
			return;
		}
		choice -= weight_of(&steps[i]);
	}
}

/* ---- Bringing everything back ---- */

static void reclaim_piece(struct frames piece)
{
	for (u64 i = 0; i < piece.count; i++) {
		if (arena_owner(piece.pfn + i))
			reclaim((struct frames){ piece.pfn + i,
						 min_t(u64, piece.count - i, MULLION_MAX_BATCH) });
	}
}

void fuzz_take_back(void)
{
	for (u32 i = 0; i < FUZZ_VMS; i++) {
		if (vms[i].id && !vms[i].ended)
			destroy(&vms[i], true);
	}
	for (u32 i = 0; i < arena_piece_count(); i++)
		reclaim_piece(arena_piece(i));
}

/* All VM identifiers there are, each with `least` pages from the arena's large pieces. */
void fuzz_exhaust_identifiers(void)
{
	struct frames r = arena_piece(0);
	u32 made = 0, second = 0;
	long ret;

	for (;;) {
		u64 pfn = r.pfn + MULLION_VM_MIN_PAGES * (made - second);

		if (made - second == r.count / MULLION_VM_MIN_PAGES) {
			second = made;
			r = arena_piece(1);
			continue;
		}
		ret = fuzz_call_patiently(MULLION_HC_VM_CREATE, pfn, MULLION_VM_MIN_PAGES, 0);
		if (ret < 0)
			break;
		made++;
		arena_donated((struct frames){ pfn, MULLION_VM_MIN_PAGES }, ret);
		cond_resched();
	}
	if (made != MULLION_MAX_VMS - 1 || ret != -MULLION_ENOSPC)
		fuzz_fail("%u VMs could be founded, then error %ld", made, ret);
	for (u32 id = 1; id <= made; id++) {
		ret = fuzz_call_patiently(MULLION_HC_VM_DESTROY, id, 0, 0);
		if (ret)
			fuzz_fail("VM_DESTROY of VM %u returned %ld", id, ret);
	}
	for (u32 i = 0; i < 2; i++) {
		r = arena_piece(i);
		while (r.count && arena_owner(r.pfn)) {
			ret = fuzz_call_patiently(MULLION_HC_RECLAIM, r.pfn,
						  min_t(u64, r.count, MULLION_MAX_BATCH), 0);
			if (ret <= 0) {
				fuzz_fail("RECLAIM of %#llx returned %ld", r.pfn, ret);
				break;
			}
			arena_returned((struct frames){ r.pfn, ret });
			r.pfn += ret;
			r.count -= ret;
		}
	}
}

void fuzz_settle(void)
{
	for (u32 i = 0; i < arena_piece_count(); i++) {
		struct frames piece = arena_piece(i);
		struct frames head = { piece.pfn, min_t(u64, piece.count, MULLION_MAX_BATCH) };
		long id = fuzz_call_patiently(MULLION_HC_VM_CREATE, head.pfn, head.count, 0);

		if (id <= 0) {
			fuzz_fail("VM_CREATE of %llu frames from %#llx returned %ld", head.count,
				  head.pfn, id);
			continue;
		}
		vms[0] = (struct fuzz_vm){ .id = id };
		note_donation(&vms[0], head);
		if (piece.count > head.count) {
			struct frames tail = { piece.pfn + head.count, piece.count - head.count };

			if (fuzz_call_patiently(MULLION_HC_VM_DONATE, id, tail.pfn, tail.count))
				fuzz_fail("VM_DONATE of %llu frames from %#llx failed", tail.count,
					  tail.pfn);
			else
				note_donation(&vms[0], tail);
		}
		fuzz_take_back();
	}
}
