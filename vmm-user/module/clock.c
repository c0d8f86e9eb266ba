// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time: the guest's TSC, and the kvmclock that is computed from it.
 *
 * A VM's clock is a straight line through one point: at host TSC `clock_tsc` it showed `clock_ns`,
 * and it advances with the TSC at the frequency that Linux measured. All vCPUs are told the same
 * line, so none is ahead of another. It is offered only where Linux trusts the TSC.
 */
#include <linux/kvm_para.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/timekeeping.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>

#include "apic.h"
#include "clock.h"
#include "memory.h"
#include "msr.h"
#include "vcpu.h"
#include "vm.h"

bool clock_available(void)
{
	return tsc_khz && !check_tsc_unstable();
}

/* ns = ((ticks << shift) * mul) >> 32, for negative shift ticks >> -shift. */
static void clock_scale(u32 *mul, s8 *shift)
{
	u64 ns = NSEC_PER_MSEC, ticks = tsc_khz;

	*shift = 0;
	while (ns >= ticks) {
		ticks <<= 1;
		(*shift)++;
	}
	while (2 * ns < ticks) {
		ns <<= 1;
		(*shift)--;
	}
	*mul = div64_u64(ns << 32, ticks);
}

static u64 ticks_to_ns(u64 ticks)
{
	return tsc_khz ? mul_u64_u64_div_u64(ticks, NSEC_PER_MSEC, tsc_khz) : 0;
}

void clock_init(struct mullion_vm *vm)
{
	vm->clock_tsc = rdtsc_ordered();
	vm->clock_ns = 0;
}

/* -- The TSC --------------------------------------------------------------- */

u64 vcpu_get_tsc(const struct mullion_vcpu *v)
{
	return rdtsc_ordered() + v->tsc_offset;
}

/* Whether user space means the moment of its last setting: 0 (a vCPU's start), or what that
 * counter has come to, within a second. */
static bool same_moment(const struct mullion_vm *vm, u64 value, u64 host)
{
	s64 off = value - (vm->tsc_value + host - vm->tsc_host);

	return vm->tsc_set && (!value || abs(off) < 1000ll * tsc_khz);
}

void vcpu_set_tsc_offset(struct mullion_vcpu *v, u64 offset)
{
	WRITE_ONCE(v->tsc_offset, offset);
	/* Root mode's copy, the clock page, and the deadline follow. */
	v->run->msr.tsc_offset = offset;
	v->run->dirty |= MULLION_GROUP_TSC;
	v->clock_due = true;
	apic_tsc_changed(v);
}

void vcpu_set_tsc(struct mullion_vcpu *v, u64 value, bool host)
{
	struct mullion_vm *vm = v->vm;
	u64 now, offset;

	mutex_lock(&vm->lock);
	now = rdtsc_ordered();
	offset = value - now;
	if (host) {
		if (same_moment(vm, value, now)) {
			offset = vm->tsc_offset;
		} else {
			vm->tsc_set = true;
			vm->tsc_offset = offset;
		}
		vm->tsc_value = now + offset;
		vm->tsc_host = now;
	} else {
		/* The guest's own write shows in TSC_ADJUST (SDM vol. 3B 18.17.3). */
		v->msrs.tsc_adjust += offset - v->tsc_offset;
	}
	mutex_unlock(&vm->lock);
	vcpu_set_tsc_offset(v, offset);
}

void clock_start_tsc(struct mullion_vcpu *v)
{
	vcpu_set_tsc(v, 0, true);
}

/* -- The clock that user space saves --------------------------------------- */

/* Where processors' TSCs differ, `tsc` may be behind the line's point. */
static u64 clock_now(const struct mullion_vm *vm, u64 tsc)
{
	return vm->clock_ns + ticks_to_ns(max_t(s64, tsc - vm->clock_tsc, 0));
}

int vm_get_clock(struct mullion_vm *vm, struct kvm_clock_data *data)
{
	memset(data, 0, sizeof(*data));
	mutex_lock(&vm->lock);
	local_irq_disable();
	data->host_tsc = rdtsc_ordered();
	data->realtime = ktime_get_real_ns();
	local_irq_enable();
	data->clock = clock_now(vm, data->host_tsc);
	mutex_unlock(&vm->lock);
	data->flags = CLOCK_FLAGS;
	return 0;
}

int vm_set_clock(struct mullion_vm *vm, const struct kvm_clock_data *data)
{
	u64 clock = data->clock;
	u32 i;

	if (data->flags & ~CLOCK_FLAGS)
		return -EINVAL;
	if (data->flags & KVM_CLOCK_REALTIME) {
		u64 now = ktime_get_real_ns();

		/* Time that went by on the way, but never backwards. */
		if (now > data->realtime)
			clock += now - data->realtime;
	}
	mutex_lock(&vm->lock);
	vm->clock_tsc = rdtsc_ordered();
	vm->clock_ns = clock;
	for (i = 0; i < vm->vcpu_count; i++)
		WRITE_ONCE(vm->vcpus[i]->clock_due, true);
	mutex_unlock(&vm->lock);
	return 0;
}

/* -- The pages in the guest ------------------------------------------------ */

/* Writes a structure that begins with its version, odd while it is being written, where the guest's
 * kernel has it, whatever space the vCPU is in. */
static void versioned_write(struct mullion_vcpu *v, u64 gpa, void *data, unsigned int size)
{
	struct mullion_space *space = &v->vm->spaces[SPACE_NORMAL];
	u32 *version = data;

	*version |= 1;
	space_write(space, v, gpa, version, sizeof(*version));
	smp_wmb();
	space_write(space, v, gpa + sizeof(*version), version + 1, size - sizeof(*version));
	smp_wmb();
	(*version)++;
	space_write(space, v, gpa, version, sizeof(*version));
}

/* The structures are aligned to their words, so that no word crosses a page. */
static bool structure_address(u64 gpa)
{
	return IS_ALIGNED(gpa, sizeof(u32));
}

int clock_set_wall_clock(struct mullion_vcpu *v, u64 value)
{
	struct pvclock_wall_clock wall = {};
	struct mullion_vm *vm = v->vm;
	u64 ns;

	if (!structure_address(value))
		return MSR_INVALID;
	v->msrs.kvm_wall_clock = value;
	if (!value)
		return MSR_OK;
	mutex_lock(&vm->lock);
	ns = ktime_get_real_ns() - clock_now(vm, rdtsc_ordered());
	mutex_unlock(&vm->lock);
	space_read(&vm->spaces[SPACE_NORMAL], value, &wall.version, sizeof(wall.version));
	wall.sec = div_u64_rem(ns, NSEC_PER_SEC, &wall.nsec);
	versioned_write(v, value, &wall, sizeof(wall));
	return MSR_OK;
}

int clock_set_system_time(struct mullion_vcpu *v, u64 value)
{
	if (!structure_address(value & ~(u64)KVM_MSR_ENABLED))
		return MSR_INVALID;
	v->msrs.kvm_system_time = value;
	v->clock_due = true;
	return MSR_OK;
}

int vcpu_clock_stopped(struct mullion_vcpu *v)
{
	if (!(v->msrs.kvm_system_time & KVM_MSR_ENABLED))
		return -EINVAL;
	v->clock_stopped = true;
	v->clock_due = true;
	return 0;
}

void clock_update(struct mullion_vcpu *v)
{
	struct pvclock_vcpu_time_info info = {};
	u64 gpa = v->msrs.kvm_system_time & ~(u64)KVM_MSR_ENABLED;
	struct mullion_vm *vm = v->vm;

	if (likely(!READ_ONCE(v->clock_due)))
		return;
	WRITE_ONCE(v->clock_due, false);
	if (!(v->msrs.kvm_system_time & KVM_MSR_ENABLED))
		return;
	space_read(&vm->spaces[SPACE_NORMAL], gpa, &info.version, sizeof(info.version));
	mutex_lock(&vm->lock);
	info.tsc_timestamp = vm->clock_tsc + v->tsc_offset;
	info.system_time = vm->clock_ns;
	mutex_unlock(&vm->lock);
	clock_scale(&info.tsc_to_system_mul, &info.tsc_shift);
	info.flags = PVCLOCK_TSC_STABLE_BIT;
	if (v->clock_stopped)
		info.flags |= PVCLOCK_GUEST_STOPPED;
	v->clock_stopped = false;
	versioned_write(v, gpa, &info, sizeof(info));
}
