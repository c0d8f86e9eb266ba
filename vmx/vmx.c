/* SPDX-License-Identifier: GPL-2.0-only */
/* VT-x on a processor: finding it, switching it on, controls (SDM vol. 3C 24, 25, vol. 3D A). */
#include "vmx/vmx.h"

#include "hv/apic.h"
#include "hv/lib/string.h"
#include "hv/msr.h"
#include "hv/panic.h"
#include "hv/phys.h"
#include "hv/x86.h"

#define FEATURES_ECX_VMX BIT(5)
#define LEAF7_EDX_MD_CLEAR BIT(10)
#define LEAF7_EDX_L1D_FLUSH BIT(28)
#define LEAF7_EDX_ARCH_CAPABILITIES BIT(29)

#define MSR_FEATURE_CONTROL 0x3au
#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMX BIT(2)
#define MSR_ARCH_CAPABILITIES 0x10au
#define ARCH_RDCL_NO BIT(0)
#define ARCH_SKIP_L1D_FLUSH BIT(3)
#define ARCH_MDS_NO BIT(5)

#define MSR_VMX_BASIC 0x480u
#define BASIC_REVISION 0x7fffffffull
#define BASIC_TRUE_CONTROLS BIT(55)
#define BASIC_ANY_ERROR_CODE BIT(56)
#define EXC_OLD ((1u << (EXC_AC + 1)) - 1) /* without that bit others have none (28.2.1.3) */
#define MSR_VMX_MISC 0x485u
#define MISC_TIMER_RATE 0x1full
#define MSR_VMX_CR0_FIXED0 0x486u /* FIXED1 and those of CR4 follow */
#define MSR_VMX_CPU_CONTROLS2 0x48bu
#define MSR_VMX_EPT_VPID 0x48cu
#define MSR_VMX_TRUE_PIN 0x48du
#define MSR_VMX_TRUE_CPU 0x48eu
#define MSR_VMX_TRUE_EXIT 0x48fu
#define MSR_VMX_TRUE_ENTRY 0x490u

#define EPT_FOUR_LEVELS BIT(6)
#define EPT_WRITE_BACK BIT(14)
#define EPT_2M_PAGES BIT(16)
#define EPT_1G_PAGES BIT(17)
#define EPT_INVEPT BIT(20)
#define EPT_INVEPT_SINGLE BIT(25)
#define EPT_NEEDED                                                                                 \
	(EPT_FOUR_LEVELS | EPT_WRITE_BACK | EPT_2M_PAGES | EPT_INVEPT | EPT_INVEPT_SINGLE)

/* After so long without an exit a guest makes one, should no interrupt come: on Bochs 2.7 none
 * does while a guest has RFLAGS.IF clear. A few milliseconds, in which a real one comes. */
#define TURN_TSC_TICKS (1u << 24)

struct vmx_features vmx_features;

static uint8_t msr_bitmap[BITMAPS][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

/*
 * The controls and the MSRs that say which of them must and may be 1 (A.2 to A.5). The
 * service domain has no more than `both`: its interrupts, HLT, I/O, CR3 and CR8 are its own.
 */
static const struct controls {
	enum vmcs_field field;
	uint32_t msr;
	uint32_t both, guest; /* needed */
	uint32_t at_times;    /* needed, but 0 to begin with */
	uint32_t service;     /* instructions that need no one's leave, where there are any */
	uint32_t offered;     /* those of them that guests may have */
} controls[] = {
	{ .field = PIN_CONTROLS, .msr = MSR_VMX_TRUE_PIN,
	  .guest = PIN_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMIS | PIN_TIMER },
	{ .field = CPU_CONTROLS, .msr = MSR_VMX_TRUE_CPU,
	  .both = CPU_USE_MSR_BITMAP | CPU_SECONDARY,
	  .guest = CPU_USE_TSC_OFFSET | CPU_HLT | CPU_MWAIT | CPU_MONITOR | CPU_RDPMC |
		   CPU_TPR_SHADOW | CPU_IO | CPU_MOV_DR,
	  .at_times = CPU_INTERRUPT_WINDOW | CPU_NMI_WINDOW | CPU_CR8_LOAD },
	{ .field = CPU_CONTROLS2, .msr = MSR_VMX_CPU_CONTROLS2,
	  .both = CPU2_EPT | CPU2_VPID | CPU2_UNRESTRICTED,
	  .guest = CPU2_WBINVD,
	  .service = CPU2_RDTSCP | CPU2_INVPCID | CPU2_XSAVES | CPU2_USER_WAIT,
	  .offered = CPU2_RDTSCP | CPU2_INVPCID },
	{ .field = EXIT_CONTROLS, .msr = MSR_VMX_TRUE_EXIT,
	  .both = EXIT_SAVE_DEBUG | EXIT_TO_64BIT | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
		  EXIT_SAVE_EFER | EXIT_LOAD_EFER },
	{ .field = ENTRY_CONTROLS, .msr = MSR_VMX_TRUE_ENTRY,
	  .both = ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
	  .at_times = ENTRY_IA32E },
};

void vmx_write_controls(bool service)
{
	for (const struct controls *c = controls; c < controls + ARRAY_SIZE(controls); c++) {
		uint64_t may_must = rdmsr(c->msr);
		uint32_t wanted = c->both | (service ? c->service : c->guest | c->offered);

		vmwrite(c->field, (wanted & may_must >> 32) | (uint32_t)may_must);
	}
	vmcs_switch(CPU_CONTROLS2, CPU2_APICV, cpu_features.apicv && !service);
}

uint64_t vmx_msr_bitmap(enum msr_bitmap which)
{
	return virt_to_phys(msr_bitmap[which]);
}

/* One bit for each MSR of two ranges, for reads and then for writes (25.6.9). */
static void bitmap_set(void *map, uint32_t index, bool read, bool write)
{
	const uint32_t range = 0x2000, high = 0xc0000000;
	uint8_t *byte = map, bit = 1u << index % 8;

	if (index - high < range)
		byte += KIB;
	else if (index >= range) /* every access exits */
		return;
	byte += index % range / 8;
	*byte = read ? *byte & ~bit : *byte | bit;
	byte += 2 * KIB;
	*byte = write ? *byte & ~bit : *byte | bit;
}

static void bitmap_build(enum msr_bitmap which)
{
	bool service = which == BITMAP_SERVICE;

	memset(msr_bitmap[which], msr_passes_by_default(service) ? 0 : 0xff, PAGE_SIZE);
	msr_for_each_exception(service, bitmap_set, msr_bitmap[which]);
	if (which == BITMAP_X2APIC)
		apic_for_each_msr(bitmap_set, msr_bitmap[which]);
}

/*
 * Nested paging in EPT's format. The memory type stands in bits 5:3: 6 is write-back, 0
 * uncacheable; the vCPU's own PAT can weaken it. Accessed and dirty bits are not asked for.
 */
#define EPT_READ BIT(0)
#define EPT_WRITE BIT(1)
#define EPT_EXEC BIT(2)
#define EPT_TYPE_WRITE_BACK (6ull << 3)

static struct pt_format ept_format = {
	.present = EPT_READ | EPT_WRITE | EPT_EXEC,
	.table = EPT_READ | EPT_WRITE | EPT_EXEC,
	.leaf = EPT_READ,
	.write = EPT_WRITE,
	.exec = EPT_EXEC,
	.cached = EPT_TYPE_WRITE_BACK,
	.typed = true,
	.largest_leaf = 2,
};

static const char *check_controls(void)
{
	uint32_t may2 = rdmsr(MSR_VMX_TRUE_CPU) >> 63 ? rdmsr(MSR_VMX_CPU_CONTROLS2) >> 32 : 0;

	if (!(may2 & CPU2_EPT))
		return "the processor's VT-x has no nested paging (EPT)";
	if (!(may2 & CPU2_UNRESTRICTED))
		return "the processor's VT-x runs no real mode (unrestricted guest)";
	for (const struct controls *c = controls; c < controls + ARRAY_SIZE(controls); c++) {
		if ((c->both | c->guest | c->at_times) & ~(rdmsr(c->msr) >> 32))
			return "the processor's VT-x is too old (VPID, virtual NMIs, TPR shadow, "
			       "preemption timer, PAT and EFER switching are needed)";
	}
	return NULL;
}

/* What is to be cleared before a guest runs (SDM vol. 4, IA32_ARCH_CAPABILITIES). */
static void find_leaks(void)
{
	uint32_t edx = cpuid(0, 0).eax >= 7 ? cpuid(7, 0).edx : 0;
	uint64_t safe = edx & LEAF7_EDX_ARCH_CAPABILITIES ? rdmsr(MSR_ARCH_CAPABILITIES) : 0;

	vmx_features.flush_l1d = edx & LEAF7_EDX_L1D_FLUSH &&
				 !(safe & (ARCH_RDCL_NO | ARCH_SKIP_L1D_FLUSH));
	vmx_features.clear_buffers = edx & LEAF7_EDX_MD_CLEAR && !(safe & ARCH_MDS_NO);
}

static const char *vmx_probe(void)
{
	const char *missing;
	uint64_t basic, ept;

	if (!(cpuid(1, 0).ecx & FEATURES_ECX_VMX))
		return "the processor has no VT-x (VMX)";
	if ((rdmsr(MSR_FEATURE_CONTROL) & (FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX)) ==
	    FEATURE_CONTROL_LOCK)
		return "VT-x is switched off by firmware (IA32_FEATURE_CONTROL); switch it on in "
		       "the firmware setup";
	basic = rdmsr(MSR_VMX_BASIC);
	if (!(basic & BASIC_TRUE_CONTROLS))
		return "the processor's VT-x is too old (no true control registers)";
	missing = check_controls();
	if (missing)
		return missing;
	ept = rdmsr(MSR_VMX_EPT_VPID);
	if (EPT_NEEDED & ~ept)
		return "the processor's EPT is too old (four levels, write-back, 2 MiB pages and "
		       "INVEPT are needed)";
	if (ept & EPT_1G_PAGES)
		ept_format.largest_leaf = 3;

	cpu_features.apicv = !((CPU2_X2APIC | CPU2_APICV) & ~(rdmsr(MSR_VMX_CPU_CONTROLS2) >> 32));
	vmx_features.revision = basic & BASIC_REVISION;
	vmx_features.with_error = EXC_WITH_ERROR & (basic & BASIC_ANY_ERROR_CODE ? ~0u : EXC_OLD);
	vmx_features.turn_limit = TURN_TSC_TICKS >> (rdmsr(MSR_VMX_MISC) & MISC_TIMER_RATE);
	vmx_features.cr0_on = rdmsr(MSR_VMX_CR0_FIXED0);
	vmx_features.cr0_off = ~rdmsr(MSR_VMX_CR0_FIXED0 + 1);
	vmx_features.cr4_on = rdmsr(MSR_VMX_CR0_FIXED0 + 2);
	vmx_features.cr4_off = ~rdmsr(MSR_VMX_CR0_FIXED0 + 3);
	find_leaks();
	return NULL;
}

static uint32_t vmx_feature_bits(void)
{
	return MULLION_FEATURE_VMX | (cpu_features.apicv ? MULLION_FEATURE_APICV : 0);
}

/* Root mode has RFLAGS.IF=0 for ever after: every exit clears it. */
static void vmx_cpu_on(struct cpu *cpu)
{
	uint64_t feature_control = rdmsr(MSR_FEATURE_CONTROL);
	bool failed;

	for (enum msr_bitmap which = 0; cpu->id == 0 && which < BITMAPS; which++)
		bitmap_build(which);
	if (!(feature_control & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL,
		      feature_control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	write_cr0((read_cr0() | vmx_features.cr0_on) & ~vmx_features.cr0_off);
	write_cr4((read_cr4() | vmx_features.cr4_on) & ~vmx_features.cr4_off);
	*(uint32_t *)phys_to_virt(cpu->vendor_area.raw) = vmx_features.revision;
	__asm__ volatile("vmxon %1" : "=@ccna"(failed) : "m"(cpu->vendor_area) : "memory");
	ASSERT(!failed);
}

const struct vendor vmx_vendor = {
	.name = "VT-x",
	.probe = vmx_probe,
	.features = vmx_feature_bits,
	.nested_format = &ept_format,
	.cpu_on = vmx_cpu_on,
	.vcpu_init = vmx_vcpu_init,
	.run = vmx_run,
	.unload = vmx_unload,
	.get_state = vmx_get_state,
	.set_state = vmx_set_state,
	.get_code = vmx_get_code,
	.skip = vmx_skip,
	.trap_dr = vmx_trap_dr,
	.set_in_service = vmx_set_in_service,
	.tlb_flush = vmx_tlb_flush,
	.get_efer = vmx_get_efer,
	.set_efer = vmx_set_efer,
	.dump = vmx_dump,
};
