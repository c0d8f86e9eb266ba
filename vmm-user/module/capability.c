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
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_NR_VCPUS, MULLION_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPUS, MULLION_MAX_VCPUS },
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
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_IRQ_ROUTING, IRQ_ROUTES_MAX },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_X2APIC_API,
	  KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
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
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_MSR_PLATFORM_INFO, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
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
	case KVM_CAP_TSC_DEADLINE_TIMER:
	case KVM_CAP_KVMCLOCK_CTRL:
		return clock_available();
	}
	for (i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i].cap == cap)
			return capabilities[i].value;
	return 0;
}
