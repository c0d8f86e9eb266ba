// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CHECK_EXTENSION: only what works is here. */
#include "clock.h"
#include "vcpu.h"
#include "vm.h"

static const struct {
	long cap;
	long value;
} capabilities[] = {
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	/* More can be made, and run. But stock device models start them by an APIC in the kernel;
	 * with their own, Debian's QEMU 7.2.22 never takes a SIPI back, and hangs. */
	{ KVM_CAP_NR_VCPUS, 1 },
	{ KVM_CAP_MAX_VCPUS, 1 },
	{ KVM_CAP_MAX_VCPU_ID, VCPU_ID_MAX },
	{ KVM_CAP_NR_MEMSLOTS, MULLION_SLOTS_MAX },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_COALESCED_PIO, 1 },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	/* Device models insist on it, even when all interrupt controllers are their own. */
	{ KVM_CAP_IRQ_ROUTING, 1 },
	{ KVM_CAP_MCE, MULLION_MCE_BANKS },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XSAVE2, sizeof(struct kvm_xsave) },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
};

long capability_value(long cap)
{
	unsigned int i;

	switch (cap) {
	case KVM_CAP_XCRS:
		return cpuid_xcr0_mask() != 0;
	case KVM_CAP_ADJUST_CLOCK:
		return clock_available() ? CLOCK_FLAGS : 0;
	case KVM_CAP_KVMCLOCK_CTRL:
		return clock_available();
	}
	for (i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i].cap == cap)
			return capabilities[i].value;
	return 0;
}
