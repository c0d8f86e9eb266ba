// SPDX-License-Identifier: GPL-2.0-only
/* Processor features and tables; contracts in cpu.h. */
#include "hv/cpu.h"

#include "hv/trap.h"
#include "hv/x86.h"

struct cpu *cpus[CPU_MAX];
uint32_t cpu_count;
struct cpu_features cpu_features;

/* A code segment for 64-bit mode and one data segment (APM vol. 2 4.8). */
static const uint64_t gdt[] = {
	0,
	0x00af9b000000ffff,
	0x00cf93000000ffff,
};
_Static_assert(ROOT_CS == 1 * 8 && ROOT_DS == 2 * 8, "selectors index the table");

struct descriptor_table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* Physical address bits that say how memory is encrypted, if it is (APM vol. 2 7.10). */
static uint32_t encryption_bits(bool amd, uint32_t max_extended)
{
	if (!amd || max_extended < 0x8000001f || !(rdmsr(MSR_SYSCFG) & SYSCFG_MEM_ENCRYPT))
		return 0;
	return cpuid(0x8000001f, 0).ebx >> 6 & 0x3f;
}

void cpu_features_init(void)
{
	struct cpuid_regs vendor_id = cpuid(0, 0);
	struct cpuid_regs basic = cpuid(1, 0);
	uint32_t max_extended = cpuid(0x80000000, 0).eax;
	struct cpuid_regs extended = cpuid(0x80000001, 0);
	struct cpu_features *f = &cpu_features;

	/* "AuthenticAMD" and "HygonGenuine", by their last four bytes. */
	f->amd = vendor_id.ecx == 0x444d4163 || vendor_id.ecx == 0x656e6975;
	f->syscall_msrs = !f->amd;
	f->pages_1g = extended.edx & BIT(26);
	f->nx = extended.edx & BIT(20);
	f->rdtscp = extended.edx & BIT(27);
	f->xsave = basic.ecx & BIT(26);
	f->physical_bits = 36;
	if (max_extended >= 0x80000008) {
		struct cpuid_regs sizes = cpuid(0x80000008, 0);

		f->physical_bits = (uint8_t)(sizes.eax - encryption_bits(f->amd, max_extended));
		f->fpu_keeps_pointers = f->amd && !(sizes.ebx & BIT(2));
		f->ibpb = sizes.ebx & BIT(12);
		f->spec_ctrl = sizes.ebx & (BIT(14) | BIT(15) | BIT(24));
	}
	if (!f->amd && vendor_id.eax >= 7)
		f->ibpb = f->spec_ctrl = cpuid(7, 0).edx & BIT(26);
	f->efer = EFER_SCE | EFER_LME | EFER_NXE;
	if (f->amd)
		f->efer |= EFER_LMSLE | EFER_FFXSR | EFER_TCE;
	if (max_extended >= 0x80000021 && cpuid(0x80000021, 0).eax & BIT(8))
		f->efer |= EFER_AIBRSE;
	if (f->xsave) {
		struct cpuid_regs leaf13 = cpuid(13, 0);

		f->xcr0 = (uint64_t)leaf13.edx << 32 | leaf13.eax;
		f->xsaves = cpuid(13, 1).eax & BIT(3);
		f->guest_xcr0 = f->xcr0 &
				(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU);
	}
}

void cpu_tables_load(void)
{
	const struct descriptor_table gdtr = { sizeof(gdt) - 1, (uint64_t)gdt };
	struct descriptor_table idtr;

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %2, %%ds\n\t"
			 "mov %2, %%es\n\t"
			 "mov %2, %%ss\n\t"
			 "mov %3, %%fs\n\t"
			 "mov %3, %%gs"
			 :
			 : "m"(gdtr), "i"(ROOT_CS), "r"(ROOT_DS), "r"(0)
			 : "rax", "memory");
	idtr.limit = TRAP_VECTORS * sizeof(struct idt_gate) - 1;
	idtr.base = (uint64_t)trap_idt();
	__asm__ volatile("lidt %0" ::"m"(idtr));

	/* x87 and SSE are root mode's only to switch; nothing of it may trap. */
	write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) & ~(CR0_EM | CR0_TS | CR0_AM));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE |
		  (cpu_features.xsave ? CR4_OSXSAVE : 0));
}
