// SPDX-License-Identifier: GPL-2.0-only
/* Steal time: how long a vCPU's thread waited for a processor while the guest wanted to run. */
#include <linux/kvm_para.h>
#include <linux/sched.h>

#include "memory.h"
#include "msr.h"
#include "vcpu.h"
#include "vm.h"

#define ADDRESS (~0x3full) /* the rest of the MSR: bit 0 enables, the others are reserved */

static u64 run_delay(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

bool steal_available(void)
{
	return IS_ENABLED(CONFIG_SCHED_INFO);
}

int steal_set(struct mullion_vcpu *v, u32 index, u64 value, bool host)
{
	if (value & ~(ADDRESS | KVM_MSR_ENABLED))
		return MSR_INVALID;
	v->msrs.kvm_steal_time = value;
	v->steal_seen = run_delay();
	v->steal_due = value & KVM_MSR_ENABLED;
	return MSR_OK;
}

void steal_update(struct mullion_vcpu *v)
{
	u64 gpa = v->msrs.kvm_steal_time & ADDRESS, now;
	struct mullion_space *space = &v->vm->spaces[SPACE_NORMAL]; /* the kernel's, as in clock.c */
	struct kvm_steal_time st;

	if (!(v->msrs.kvm_steal_time & KVM_MSR_ENABLED))
		return;
	now = run_delay();
	if (now == v->steal_seen && !v->steal_due)
		return;
	if (space_read(space, gpa, &st, sizeof(st)))
		return;
	st.version |= 1;
	if (space_write(space, v, gpa + offsetof(struct kvm_steal_time, version), &st.version,
			sizeof(st.version)))
		return;
	smp_wmb();
	st.steal += now - v->steal_seen;
	space_write(space, v, gpa + offsetof(struct kvm_steal_time, steal), &st.steal,
		    sizeof(st.steal));
	smp_wmb();
	st.version++;
	space_write(space, v, gpa + offsetof(struct kvm_steal_time, version), &st.version,
		    sizeof(st.version));
	v->steal_seen = now;
	v->steal_due = false;
}
