/* SPDX-License-Identifier: GPL-2.0-only */
/* AMD-V on a processor: finding it, switching it on, permission maps (APM vol. 2 chapter 15). */
#include "svm/svm.h"

#include "hv/lib/string.h"
#include "hv/msr.h"
#include "hv/phys.h"
#include "hv/x86.h"
#include "svm/translate.h"

#define CPUID_EXTENDED 0x80000000u
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_EXTENDED_SIZES 0x80000008u
#define CPUID_SVM 0x8000000au

#define FEATURES_ECX_SVM BIT(2)
#define SIZES_EBX_RDPRU BIT(4)
#define SVM_EDX_NP BIT(0)
#define SVM_EDX_NRIPS BIT(3)
#define SVM_EDX_VMCB_CLEAN BIT(5)
#define SVM_EDX_FLUSH_BY_ASID BIT(6)
#define SVM_EDX_DECODE_ASSISTS BIT(7)

#define MSR_VM_CR 0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)

struct svm_features svm_features;

/* Guests: every port exits. The three bytes' worth of bits after port ffff are looked at
 * by accesses that cross it. */
static uint8_t iopm[12 * KIB] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msrpm_service[MSRPM_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msrpm_guest[MSRPM_SIZE] __attribute__((aligned(PAGE_SIZE)));

uint64_t svm_iopm(void)
{
	return virt_to_phys(iopm);
}

uint64_t svm_msrpm(bool service)
{
	return virt_to_phys(service ? msrpm_service : msrpm_guest);
}

static void msrpm_set(void *map, uint32_t index, bool read, bool write)
{
	uint8_t *bytes = map;
	int32_t bit = msrpm_bit(index);

	if (bit < 0) /* beyond the map every access exits */
		return;
	bytes[bit / 8] &= ~(3u << bit % 8);
	bytes[bit / 8] |= ((read ? 0u : 1u) | (write ? 0u : 2u)) << bit % 8;
}

static void msrpm_build(uint8_t *map, bool service)
{
	memset(map, msr_passes_by_default(service) ? 0 : 0xff, MSRPM_SIZE);
	msr_for_each_exception(service, msrpm_set, map);
}

static const char *svm_probe(void)
{
	struct cpuid_regs r;

	if (cpuid(CPUID_EXTENDED, 0).eax < CPUID_SVM ||
	    !(cpuid(CPUID_EXTENDED_FEATURES, 0).ecx & FEATURES_ECX_SVM))
		return "the processor has no AMD-V (SVM)";
	if ((rdmsr(MSR_VM_CR) & (VM_CR_SVMDIS | VM_CR_LOCK)) == (VM_CR_SVMDIS | VM_CR_LOCK))
		return "AMD-V (SVM) is switched off by firmware (VM_CR.SVMDIS)";
	r = cpuid(CPUID_SVM, 0);
	if (!(r.edx & SVM_EDX_NP))
		return "the processor's AMD-V has no nested paging (NPT)";
	if (r.ebx < 3)
		return "the processor's AMD-V has too few address-space identifiers (ASIDs)";

	svm_features = (struct svm_features){
		.next_rip = r.edx & SVM_EDX_NRIPS,
		.decode_assists = r.edx & SVM_EDX_DECODE_ASSISTS,
		.flush_by_asid = r.edx & SVM_EDX_FLUSH_BY_ASID,
		.rdpru = cpuid(CPUID_EXTENDED_SIZES, 0).ebx & SIZES_EBX_RDPRU,
		.clean_bits = r.edx & SVM_EDX_VMCB_CLEAN ? CLEAN_ALL : 0,
		.asid_end = r.ebx,
	};
	return NULL;
}

static uint32_t svm_feature_bits(void)
{
	return MULLION_FEATURE_SVM | (svm_features.next_rip ? MULLION_FEATURE_NEXT_RIP : 0) |
	       (svm_features.decode_assists ? MULLION_FEATURE_DECODE_ASSISTS : 0) |
	       (svm_features.flush_by_asid ? MULLION_FEATURE_FLUSH_BY_ASID : 0) |
	       (svm_features.clean_bits ? MULLION_FEATURE_CLEAN_BITS : 0);
}

/*
 * Root mode has GIF=0 for ever after, so nothing interrupts it, and RFLAGS.IF=1, because
 * that is what decides whether a physical interrupt makes a guest exit (15.21.1).
 */
static void svm_cpu_on(struct cpu *cpu)
{
	uint64_t vm_cr = rdmsr(MSR_VM_CR);

	if (cpu->id == 0) {
		memset(iopm, 0xff, sizeof(iopm));
		msrpm_build(msrpm_service, true);
		msrpm_build(msrpm_guest, false);
	}

	if (vm_cr & VM_CR_SVMDIS)
		wrmsr(MSR_VM_CR, vm_cr & ~VM_CR_SVMDIS);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, cpu->vendor_area.raw);

	/* The first vCPU begins a generation, and so flushes whatever firmware left. */
	cpu->asid_generation = 0;
	cpu->next_asid = svm_features.asid_end;

	__asm__ volatile("clgi; sti" ::: "memory");
}

/*
 * Nested tables are walked as the guest's user accesses (15.25.5), so every entry has the
 * user bit. Entry 0 of the PAT is write-back, entry 3 uncacheable. Accessed and dirty bits
 * are set in advance: nothing reads them, and the processor need not write them.
 */
#define NPT_PRESENT BIT(0)
#define NPT_WRITE BIT(1)
#define NPT_USER BIT(2)
#define NPT_PWT BIT(3)
#define NPT_PCD BIT(4)
#define NPT_ACCESSED BIT(5)
#define NPT_DIRTY BIT(6)
#define NPT_NO_EXEC BIT(63)

static const struct pt_format npt_format = {
	.present = NPT_PRESENT,
	.table = NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED,
	.leaf = NPT_PRESENT | NPT_USER | NPT_ACCESSED | NPT_DIRTY,
	.write = NPT_WRITE,
	.no_exec = NPT_NO_EXEC,
	.uncached = NPT_PCD | NPT_PWT,
	.largest_leaf = 3,
};

const struct vendor svm_vendor = {
	.name = "AMD-V",
	.probe = svm_probe,
	.features = svm_feature_bits,
	.nested_format = &npt_format,
	.cpu_on = svm_cpu_on,
	.vcpu_init = svm_vcpu_init,
	.run = svm_run,
	.unload = svm_unload,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
	.get_code = svm_get_code,
	.skip = svm_skip,
	.trap_dr = svm_trap_dr,
	.tlb_flush = svm_tlb_flush,
	.get_efer = svm_get_efer,
	.set_efer = svm_set_efer,
	.dump = svm_dump,
};
