// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payload `bench`: what operations cost that a hypervisor has a hand in, in ticks of the
 * time-stamp counter. A Multiboot image, so any virtual machine monitor boots it.
 *
 * Before and after each operation's rounds it prints a line and halts until an NMI, so that
 * somebody outside may read counters meanwhile:
 *	start
 *	end
 *	result NAME ROUNDS TICKS
 * TICKS is the least of ten equal parts, ten times: without the interrupts of others that came
 * in between. The first operation, nothing, is what that and the loop cost by themselves. The
 * last line is "done". Arguments: rounds=N (2000), only=N (the operation of that number alone),
 * unattended=1 (halts nowhere).
 */
#include "payload.h"

#define VECTOR 0x60
#define PIC_MASK 0x21
#define PIT_CONTROL 0x43
#define POST_CODES 0x80
#define PM_TIMER 0x608 /* q35, where SeaBIOS puts it */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define HPET 0xfed00000ull
#define HPET_STATUS 0x20
#define MSR_TSC_ADJUST 0x3b
#define MSR_PAT 0x277
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define CR4_PGE (1u << 7)
#define FRESH_MEMORY 0x2000000ull
#define FRESH_STEP 4096
#define PARTS 10

void main(void);

static uint64_t round_number;
static bool amd;

static void nothing(void)
{
}

static void op_cpuid(void)
{
	cpuid(0, 0);
}

static void hypercall(void)
{
	uint64_t number = ~0ull; /* none that exists */

	if (amd)
		__asm__ volatile("vmmcall" : "+a"(number)::"memory");
	else
		__asm__ volatile("vmcall" : "+a"(number)::"memory");
}

/* The two that are emulated are answered in different places on Mullion: PAT in root mode,
 * TSC_ADJUST in the service domain's kernel. */
static void msr_read_pat(void)
{
	rdmsr(MSR_PAT);
}

static void msr_write_pat(void)
{
	wrmsr(MSR_PAT, 0x0007040600070406);
}

static void msr_read_tsc_adjust(void)
{
	rdmsr(MSR_TSC_ADJUST);
}

static void msr_write_tsc_adjust(void)
{
	wrmsr(MSR_TSC_ADJUST, 0);
}

static void msr_read_direct(void)
{
	rdmsr(MSR_KERNEL_GS_BASE);
}

static void msr_write_direct(void)
{
	wrmsr(MSR_KERNEL_GS_BASE, round_number);
}

static void cr0_wp(void)
{
	write_cr0(read_cr0() ^ CR0_WP);
}

static void cr4_pge(void)
{
	write_cr4(read_cr4() ^ CR4_PGE);
}

static void debug_register(void)
{
	write_dr0(round_number);
}

static void port_in_kernel(void)
{
	inb(PIC_MASK);
}

static void port_write_in_kernel(void)
{
	outb(PIC_MASK, 0xff);
}

static void port_in_qemu(void)
{
	inb(POST_CODES);
}

static void pm_timer(void)
{
	inl(PM_TIMER);
}

static void pci_config(void)
{
	outl(PCI_ADDRESS, 0x80000000);
	inl(PCI_DATA);
}

static void mmio_read(void)
{
	(void)*(volatile uint32_t *)HPET;
}

static void mmio_write(void)
{
	*(volatile uint32_t *)(HPET + HPET_STATUS) = 0;
}

static void fresh_page(void)
{
	*(volatile uint8_t *)(FRESH_MEMORY + round_number * FRESH_STEP) = 1;
}

static void apic_tpr(void)
{
	apic_write(APIC_TPR, round_number & 0x10);
}

static void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

static void self_ipi(void)
{
	apic_write(APIC_ICR_LOW, 1u << 18 | 1u << 14 | VECTOR);
	__asm__ volatile("sti; nop; cli");
}

/* Held back by the TPR, and let through by it. */
static void self_ipi_tpr(void)
{
	apic_write(APIC_TPR, 0xf0);
	apic_write(APIC_ICR_LOW, 1u << 18 | 1u << 14 | VECTOR);
	__asm__ volatile("sti");
	apic_write(APIC_TPR, 0);
	__asm__ volatile("nop; cli");
}

static void halt(void)
{
	apic_timer(VECTOR, 1);
	__asm__ volatile("sti; hlt; cli");
}

static const struct operation {
	const char *name;
	void (*run)(void);
	enum { EVEN, UNEVEN } parts; /* that are not alike count all */
} operations[] = {
	{ "nothing", nothing, EVEN },
	{ "cpuid", op_cpuid, EVEN },
	{ "hypercall", hypercall, EVEN },
	{ "msr-read-pat", msr_read_pat, EVEN },
	{ "msr-write-pat", msr_write_pat, EVEN },
	{ "msr-read-tsc-adjust", msr_read_tsc_adjust, EVEN },
	{ "msr-write-tsc-adjust", msr_write_tsc_adjust, EVEN },
	{ "msr-read-direct", msr_read_direct, EVEN },
	{ "msr-write-direct", msr_write_direct, EVEN },
	{ "cr0-wp", cr0_wp, EVEN },
	{ "cr4-pge", cr4_pge, EVEN },
	{ "mov-dr", debug_register, EVEN },
	{ "port-read-kernel", port_in_kernel, EVEN },
	{ "port-write-kernel", port_write_in_kernel, EVEN },
	{ "port-read-qemu", port_in_qemu, EVEN },
	{ "pm-timer-read", pm_timer, EVEN },
	{ "pci-config-read", pci_config, EVEN },
	{ "mmio-read-qemu", mmio_read, EVEN },
	{ "mmio-write-qemu", mmio_write, EVEN },
	{ "fresh-page", fresh_page, UNEVEN },
	{ "apic-tpr-write", apic_tpr, EVEN },
	{ "apic-eoi-write", apic_eoi, EVEN },
	{ "self-ipi", self_ipi, EVEN },
	{ "self-ipi-tpr", self_ipi_tpr, EVEN },
	{ "halt-timer", halt, EVEN },
};

static volatile uint32_t nmis;
static bool (*interrupt_hook)(struct trap_frame *frame);

static bool count_nmi(struct trap_frame *frame)
{
	if (frame->vector != VEC_NMI)
		return interrupt_hook(frame);
	nmis++;
	return true;
}

/* Prints a line, and halts until the NMI that whoever reads the counters then sends. */
#define SAY_AND_WAIT(...)                                                                          \
	do {                                                                                       \
		uint32_t seen = nmis;                                                              \
		print(__VA_ARGS__);                                                                \
		while (nmis == seen && !argument("unattended", 0))                                 \
			__asm__ volatile("hlt" ::: "memory");                                      \
	} while (0)

static void measure(const struct operation *op, uint64_t rounds)
{
	uint64_t least = UINT64_MAX, sum = 0;

	SAY_AND_WAIT("start\n");
	for (unsigned int part = 1; part <= PARTS; part++) {
		uint64_t ticks = rdtsc();

		for (round_number = rounds * (part - 1) / PARTS;
		     round_number < rounds * part / PARTS; round_number++)
			op->run();
		ticks = rdtsc() - ticks;
		sum += ticks;
		least = ticks < least ? ticks : least;
	}
	SAY_AND_WAIT("end\n");
	print("result %s %u %lu\n", op->name, (uint32_t)rounds, op->parts == UNEVEN ? sum : least * PARTS);
}

void main(void)
{
	uint64_t rounds = argument("rounds", 2000) / PARTS * PARTS;

	amd = cpuid(0, 0).ecx == 0x444d4163; /* "cAMD" */
	apic_enable();
	interrupt_count(VECTOR);
	interrupt_hook = trap_hook;
	trap_hook = count_nmi;
	for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
		if (argument("only", i) == i)
			measure(&operations[i], rounds);
	}
	print("done\n");
	outb(0xf4, 0);
	for (;;)
		__asm__ volatile("cli; hlt");
}
