// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs: making them, their turns on a processor, their state; contracts in vcpu.h. */
#include "hv/vcpu.h"

#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/exit.h"
#include "hv/fpu.h"
#include "hv/lib/string.h"
#include "hv/msr.h"
#include "hv/panic.h"
#include "hv/phys.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "hv/x86.h"

_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU fills one frame");
_Static_assert(sizeof(struct mullion_cpuid) * MULLION_CPUID_MAX <= PAGE_SIZE, "so does its CPUID");

/* Segments after INIT. */
#define ATTR_CODE 0x9b
#define ATTR_DATA 0x93
#define ATTR_LDT 0x82
#define ATTR_TSS 0x8b

#define REQUESTS                                                                                   \
	(MULLION_REQUEST_IRQ_WINDOW | MULLION_REQUEST_NMI_WINDOW | MULLION_REQUEST_CR8_EXIT |      \
	 MULLION_REQUEST_DEBUG | MULLION_REQUEST_SINGLE_STEP | MULLION_REQUEST_MSR_EXIT)

/* Registers after INIT, APM vol. 2 table 14-1, SDM vol. 3A table 10-1. */
static void set_init_state(struct vcpu *v)
{
	struct mullion_run state = {
		.rip = 0xfff0,
		.rflags = RFLAGS_FIXED,
		.cr0 = CR0_ET,
		.dr = { [6] = DR6_RESET, [7] = DR7_RESET },
		.msr.pat = PAT_RESET,
		.gdtr.limit = 0xffff,
		.idtr.limit = 0xffff,
	};

	for (int i = 0; i < MULLION_SEGS; i++)
		state.seg[i] = (struct mullion_segment){ .attr = ATTR_DATA, .limit = 0xffff };
	state.seg[MULLION_CS] = (struct mullion_segment){
		.selector = 0xf000, .attr = ATTR_CODE, .limit = 0xffff, .base = 0xffff0000,
	};
	state.seg[MULLION_LDTR].attr = ATTR_LDT;
	state.seg[MULLION_TR].attr = ATTR_TSS;
	vendor->set_state(v, MULLION_GROUPS & ~(MULLION_GROUP_FPU | MULLION_GROUP_CR8), &state);
}

void vcpu_renew(struct vcpu *v)
{
	vendor->unload(v);
	memset(v->control, 0, PAGE_SIZE);
	vendor->vcpu_init(v);
	set_init_state(v);
	if (!v->is_service)
		vendor->trap_dr(v, true);
	vendor->unload(v);
}

struct vcpu *vcpu_make(struct vm *vm, uint16_t index, hpa_t frames[MULLION_VCPU_PAGES],
		       struct mullion_run *run, uint32_t *apic)
{
	struct vcpu *v = phys_to_virt(frames[0].raw);

	v->vm = vm;
	v->index = index;
	v->is_service = vm == &service_vm;
	v->run = run;
	v->apic = apic;
	v->control = phys_to_virt(frames[1].raw);
	v->control_hpa = frames[1];
	v->fpu = phys_to_virt(frames[2].raw);
	v->cpuid = phys_to_virt(frames[3].raw);
	fpu_init(v);
	vcpu_renew(v);
	return v;
}

int64_t vcpu_create(uint64_t id, uint64_t index, uint64_t run_pfn, uint64_t apic_pfn)
{
	struct vm *vm = vm_get(id);
	hpa_t frames[MULLION_VCPU_PAGES];
	struct vcpu *v;

	if (!vm)
		return -MULLION_ENOENT;
	if (index >= MULLION_MAX_VCPUS || run_pfn == apic_pfn)
		return -MULLION_EINVAL;
	if (vm->vcpus[index])
		return -MULLION_EEXIST;
	if (!frame_shareable(run_pfn, 1) || !frame_shareable(apic_pfn, 1))
		return -MULLION_EPERM;
	if (vm->pool.count < MULLION_VCPU_PAGES)
		return -MULLION_ENOMEM;

	for (unsigned int i = 0; i < MULLION_VCPU_PAGES; i++)
		frames[i] = pool_get(&vm->pool);
	frame_share(run_pfn);
	frame_share(apic_pfn);
	v = vcpu_make(vm, (uint16_t)index, frames, phys_to_virt(run_pfn << PAGE_SHIFT),
		      phys_to_virt(apic_pfn << PAGE_SHIFT));
	vm->vcpu_count++;
	__atomic_store_n(&vm->vcpus[index], v, __ATOMIC_RELEASE);
	return 0;
}

/*
 * Takes a vCPU for this processor's use, without a lock: the VM is published as held
 * before it is looked at again, and VM_DESTROY marks the VM before it looks who holds it.
 */
static int64_t vcpu_get(uint64_t id, uint64_t index, struct vcpu **out)
{
	struct cpu *cpu = this_cpu();
	int64_t error = -MULLION_ENOENT;
	struct vm *vm;
	struct vcpu *v;

	if (id == MULLION_SERVICE_VM || id >= MULLION_MAX_VMS || index >= MULLION_MAX_VCPUS)
		return -MULLION_EINVAL;
	vm = __atomic_load_n(&vm_slots[id].vm, __ATOMIC_ACQUIRE);
	if (!vm)
		return -MULLION_ENOENT;
	__atomic_store_n(&cpu->holds, vm, __ATOMIC_SEQ_CST);
	/* In this order: a VM whose frame is gone may say anything, but its slot does not. */
	if (__atomic_load_n(&vm->ending, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&vm_slots[id].vm, __ATOMIC_SEQ_CST) != vm)
		goto fail;
	v = __atomic_load_n(&vm->vcpus[index], __ATOMIC_ACQUIRE);
	if (!v)
		goto fail;
	error = -MULLION_EBUSY;
	if (__atomic_exchange_n(&v->busy, true, __ATOMIC_ACQUIRE))
		goto fail;
	*out = v;
	return 0;
fail:
	__atomic_store_n(&cpu->holds, NULL, __ATOMIC_RELEASE);
	return error;
}

static void vcpu_put(struct vcpu *v)
{
	vendor->unload(v);
	__atomic_store_n(&v->busy, false, __ATOMIC_RELEASE);
	__atomic_store_n(&this_cpu()->holds, NULL, __ATOMIC_RELEASE);
}

/* ---- The run page ---- */

static void load_groups(struct vcpu *v)
{
	struct mullion_run *run = v->run;
	uint32_t dirty = __atomic_exchange_n(&run->dirty, 0, __ATOMIC_RELAXED) & MULLION_GROUPS;

	if (!dirty)
		return;
	if (dirty & MULLION_GROUP_CR) {
		uint64_t xcr0 = __atomic_load_n(&run->xcr0, __ATOMIC_RELAXED);

		if (fpu_xcr0_valid(xcr0))
			v->xcr0 = xcr0;
		v->shutdown = false;
	}
	if (dirty & MULLION_GROUP_DR)
		v->dr_armed = __atomic_load_n(&run->dr[7], __ATOMIC_RELAXED) & DR7_ENABLES;
	if (dirty & MULLION_GROUP_FPU)
		fpu_set(v, run->xsave);
	vendor->set_state(v, dirty, run);
}

static void store_groups(struct vcpu *v, uint32_t groups)
{
	struct mullion_run *run = v->run;

	groups &= MULLION_GROUPS;
	if (groups & MULLION_GROUP_CR)
		run->xcr0 = v->xcr0;
	if (groups & MULLION_GROUP_FPU)
		fpu_get(v, run->xsave);
	vendor->get_state(v, groups, run);
	run->valid = groups;
}

/* The event that the module wants injected, if it is one that can be. */
static void take_event(struct vcpu *v)
{
	struct mullion_event e = v->run->inject;
	bool sound = e.valid == 1 && e.has_error <= 1;

	switch (e.type) {
	case MULLION_EVENT_INTERRUPT:
	case MULLION_EVENT_SOFT_INTERRUPT:
		sound = sound && !e.has_error;
		break;
	case MULLION_EVENT_NMI:
		sound = sound && !e.has_error;
		e.vector = EXC_NMI;
		break;
	case MULLION_EVENT_EXCEPTION:
		sound = sound && e.vector < 32 && e.vector != EXC_NMI;
		break;
	default:
		sound = false;
	}
	if (sound)
		v->inject = e;
	v->run->inject.valid = 0;
}

int64_t vcpu_state(uint64_t id, uint64_t index, uint64_t groups)
{
	struct vcpu *v;
	int64_t error;

	if (groups & ~(uint64_t)MULLION_GROUPS)
		return -MULLION_EINVAL;
	error = vcpu_get(id, index, &v);
	if (error)
		return error;
	load_groups(v);
	store_groups(v, (uint32_t)groups | MULLION_GROUPS_ALWAYS);
	vcpu_put(v);
	return 0;
}

int64_t vcpu_cpuid(uint64_t id, uint64_t index, uint64_t table, uint64_t count)
{
	struct vcpu *v;
	int64_t error;

	if (count > MULLION_CPUID_MAX || table & ~PAGE_MASK)
		return -MULLION_EINVAL;
	if (frame_kind(table >> PAGE_SHIFT) != FRAME_SERVICE)
		return -MULLION_EPERM;
	error = vcpu_get(id, index, &v);
	if (error)
		return error;
	memcpy(v->cpuid, phys_to_virt(table), count * sizeof(*v->cpuid));
	v->cpuid_count = (uint32_t)count;
	vcpu_put(v);
	return 0;
}

/* ---- Debug registers ---- */

/* DR0-3 are switched only for guests that use them. */
static void swap_debug_registers(struct vcpu *from, struct vcpu *to)
{
	from->dr[0] = read_dr0();
	from->dr[1] = read_dr1();
	from->dr[2] = read_dr2();
	from->dr[3] = read_dr3();
	write_dr0(to->dr[0]);
	write_dr1(to->dr[1]);
	write_dr2(to->dr[2]);
	write_dr3(to->dr[3]);
}

void vcpu_use_debug_registers(struct vcpu *v)
{
	if (v->dr_live)
		return;
	swap_debug_registers(this_cpu()->service, v);
	v->dr_live = true;
	vendor->trap_dr(v, false);
}

/* ---- Turns ---- */

int64_t vcpu_run(uint64_t id, uint64_t index)
{
	struct cpu *cpu = this_cpu();
	struct vcpu *v;
	int64_t error = vcpu_get(id, index, &v);

	if (error)
		return error;
	load_groups(v);
	if (v->shutdown) {
		v->run->exit.reason = MULLION_EXIT_SHUTDOWN;
		vcpu_put(v);
		return 0;
	}
	take_event(v);
	v->asked = __atomic_load_n(&v->run->request, __ATOMIC_RELAXED) & REQUESTS;
	v->apic_base = __atomic_load_n(&v->run->apic_base, __ATOMIC_RELAXED);
	apic_evaluate(v);

	fpu_switch(cpu->service, v);
	msr_load_guest(v);
	if (v->dr_armed)
		vcpu_use_debug_registers(v);
	if (cpu_features.ibpb && cpu->last_guest != v->vm->serial)
		wrmsr(MSR_PRED_CMD, 1);
	cpu->last_guest = v->vm->serial;
	v->turn_exits = 0;
	cpu->current = v;
	return 0;
}

void vcpu_leave(struct vcpu *v, uint32_t groups)
{
	struct cpu *cpu = this_cpu();
	struct mullion_run *run = v->run;

	v->stat.count[MULLION_STAT_TO_SERVICE]++;
	fpu_switch(v, cpu->service);
	msr_save_guest(v);
	groups |= __atomic_load_n(&run->wanted, __ATOMIC_RELAXED) | MULLION_GROUPS_ALWAYS;
	if (v->dr_live) {
		swap_debug_registers(v, cpu->service);
		v->dr_live = false;
		vendor->trap_dr(v, true);
		groups |= MULLION_GROUP_DR;
	}
	run->exit.pending = v->inject;
	v->inject.valid = 0;
	store_groups(v, groups);
	if (groups & MULLION_GROUP_DR)
		v->dr_armed = run->dr[7] & DR7_ENABLES;
	cpu->current = cpu->service;
	vcpu_put(v);
}

/* Publishes what this processor is about to enter and brings v's translations up to date. */
static void publish(struct cpu *cpu, struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (cpu->running_vm != vm) {
		__atomic_store_n(&cpu->running_generation, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&cpu->running_vm, vm, __ATOMIC_SEQ_CST);
	}
	cpu->running_generation = __atomic_load_n(&vm->tlb_generation, __ATOMIC_SEQ_CST);
	if (v->tlb_generation != cpu->running_generation) {
		v->tlb_generation = cpu->running_generation;
		vendor->tlb_flush(v);
	}
}

void vcpu_loop(void)
{
	struct cpu *cpu = this_cpu();

	for (;;) {
		struct vcpu *v = cpu->current;
		struct vm_exit x;

		panic_check();
		publish(cpu, v);
		vendor->run(v, &x);
		exit_handle(v, &x);
	}
}

/* ---- Events and instructions ---- */

static bool contributory(uint8_t vector)
{
	return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

STOP void vcpu_inject_exception(struct vcpu *v, uint8_t vector, uint32_t error)
{
	const struct mullion_event *first = &v->inject;

	if (first->valid && first->type == MULLION_EVENT_EXCEPTION) {
		if (first->vector == EXC_DF) {
			v->shutdown = true;
			return;
		}
		if (contributory(vector) ? contributory(first->vector) || first->vector == EXC_PF :
					   vector == EXC_PF && first->vector == EXC_PF) {
			vector = EXC_DF;
			error = 0;
		}
	}
	v->inject = (struct mullion_event){
		.valid = 1,
		.type = MULLION_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = EXC_WITH_ERROR >> vector & 1,
		.error = error,
	};
}

static COLD void raise_step(struct vcpu *v)
{
	struct mullion_run state;

	vendor->get_state(v, MULLION_GROUP_DR, &state);
	state.dr[6] |= DR6_BS;
	vendor->set_state(v, MULLION_GROUP_DR, &state);
	vcpu_inject_exception(v, EXC_DB, 0);
}

void vcpu_skip(struct vcpu *v, uint8_t length)
{
	if (vendor->skip(v, length))
		raise_step(v);
}
