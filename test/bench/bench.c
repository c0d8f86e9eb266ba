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
 * in between. The first operation, nothing, is what that and the loop cost by themselves. Of an
 * operation whose device or processor the machine has not got it prints only "skipped NAME". The
 * last line is "done". Arguments: rounds=N (2000), only=N (the operation of that number alone),
 * unattended=1 (halts nowhere).
 *
 * The machine is a q35 with a second serial port that nobody reads, a second processor, a
 * virtio-blk device, and 320 MiB of RAM, of which the hypervisor may have the last 64 in small
 * pages only.
 */
#include "payload.h"
#include "second.h"
#include "virtio.h"

#define VECTOR 0x60
#define PIC_MASK 0x21
#define PIT_CONTROL 0x43
#define PM_TIMER 0x608      /* q35, where SeaBIOS puts it */
#define PM_TIMER_XEN 0xb008 /* Xen's machine, which is no q35 */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define MSR_TSC_ADJUST 0x3b
#define MSR_PAT 0x277
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define CR4_PGE (1u << 7)
#define FRESH_LARGE 0x4000000ull
#define FRESH_SMALL 0x10000000ull
#define FRESH_END 0x13000000ull /* firmware has the rest */
#define SMALL_PAGE 0x1000
#define LARGE_PAGE 0x200000
#define IOAPIC 0xfec00000ull
#define IOAPIC_DATA 0x10
#define IOAPIC_ENTRY(pin) (0x10 + 2 * (pin))
#define COM2 0x2f8
#define COM2_IRQ 3
#define COM_IER 1
#define COM_IER_EMPTY 2
#define COM_IIR 2
#define COM_MCR 4
#define COM_SCRATCH 7
#define COM_MCR_OUT2 8 /* lets the interrupt out */
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
	inb(COM2 + COM_SCRATCH);
}

static uint16_t pm_timer_port;

static void pm_timer(void)
{
	inl(pm_timer_port);
}

/* Where a timer counts. */
static bool pm_timer_prepare(void)
{
	static const uint16_t ports[] = { PM_TIMER, PM_TIMER_XEN };

	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		uint32_t first = inl(ports[i]);

		pm_timer_port = ports[i];
		for (unsigned int reads = 0; reads < 100; reads++) {
			if (inl(pm_timer_port) != first)
				return true;
		}
	}
	return false;
}

static void pci_config(void)
{
	outl(PCI_ADDRESS, 0x80000000);
	inl(PCI_DATA);
}

static void fresh_small(void)
{
	*(volatile uint8_t *)(FRESH_SMALL + round_number * SMALL_PAGE) = 1;
}

static void fresh_large(void)
{
	*(volatile uint8_t *)(FRESH_LARGE + round_number * LARGE_PAGE) = 1;
}

/* Whether all of the fresh memory is there. */
static bool fresh_memory(void)
{
	return ram_size() + 0x100000 >= FRESH_END;
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

/* To the other processor, which halts, and back to this one, which does meanwhile. */
static void ipi_round_trip(void)
{
	uint32_t seen = interrupts;

	second_ask(VECTOR);
	while (interrupts - seen < 2)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)IOAPIC = reg;
	*(volatile uint32_t *)(IOAPIC + IOAPIC_DATA) = value;
}

/* A byte that the port has sent at once: it asks for the next by an interrupt, until somebody
 * looks what it wants. */
static void device_interrupt(void)
{
	uint32_t seen = interrupts;

	__asm__ volatile("sti");
	outb(COM2, 0);
	while (interrupts == seen)
		__asm__ volatile("pause");
	__asm__ volatile("cli");
	inb(COM2 + COM_IIR);
}

static bool device_interrupt_prepare(void)
{
	ioapic_write(IOAPIC_ENTRY(COM2_IRQ) + 1, apic_read(APIC_ID));
	ioapic_write(IOAPIC_ENTRY(COM2_IRQ), VECTOR);
	outb(COM2 + COM_MCR, COM_MCR_OUT2);
	if (inb(COM2 + COM_MCR) != COM_MCR_OUT2)
		return false;
	outb(COM2 + COM_IER, COM_IER_EMPTY);
	inb(COM2 + COM_IIR);
	__asm__ volatile("sti; nop; cli");
	return true;
}

/* A request whose end comes by MSI-X; the processor halts meanwhile. */
static void virtio_request(void)
{
	uint32_t seen = interrupts;

	virtio_ask();
	virtio_kick();
	while (interrupts == seen)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static bool virtio_prepare(void)
{
	return virtio_start(VECTOR);
}

static const struct operation {
	const char *name;
	void (*run)(void);
	enum { EVEN, UNEVEN } parts; /* that are not alike count all */
	bool (*prepare)(void);       /* before the rounds; false: the machine has it not */
	uint64_t most;               /* rounds; 0: any number */
} operations[] = {
	{ .name = "nothing", .run = nothing },
	{ .name = "cpuid", .run = op_cpuid },
	{ .name = "hypercall", .run = hypercall },
	{ .name = "msr-read-pat", .run = msr_read_pat },
	{ .name = "msr-write-pat", .run = msr_write_pat },
	{ .name = "msr-read-tsc-adjust", .run = msr_read_tsc_adjust },
	{ .name = "msr-write-tsc-adjust", .run = msr_write_tsc_adjust },
	{ .name = "msr-read-direct", .run = msr_read_direct },
	{ .name = "msr-write-direct", .run = msr_write_direct },
	{ .name = "cr0-wp", .run = cr0_wp },
	{ .name = "cr4-pge", .run = cr4_pge },
	{ .name = "mov-dr", .run = debug_register },
	{ .name = "port-read-kernel", .run = port_in_kernel },
	{ .name = "port-write-kernel", .run = port_write_in_kernel },
	{ .name = "port-read-qemu", .run = port_in_qemu },
	{ .name = "pm-timer-read", .run = pm_timer, .prepare = pm_timer_prepare },
	{ .name = "pci-config-read", .run = pci_config },
	{ .name = "mmio-read-qemu", .run = virtio_register_read, .prepare = virtio_prepare },
	{ .name = "mmio-write-qemu", .run = virtio_register_write, .prepare = virtio_prepare },
	{ .name = "fresh-4k",
	  .run = fresh_small,
	  .parts = UNEVEN,
	  .prepare = fresh_memory,
	  .most = (FRESH_END - FRESH_SMALL) / SMALL_PAGE },
	{ .name = "fresh-2m",
	  .run = fresh_large,
	  .parts = UNEVEN,
	  .prepare = fresh_memory,
	  .most = (FRESH_SMALL - FRESH_LARGE) / LARGE_PAGE },
	{ .name = "apic-tpr-write", .run = apic_tpr },
	{ .name = "apic-eoi-write", .run = apic_eoi },
	{ .name = "self-ipi", .run = self_ipi },
	{ .name = "self-ipi-tpr", .run = self_ipi_tpr },
	{ .name = "halt-timer", .run = halt },
	{ .name = "device-interrupt",
	  .run = device_interrupt,
	  .prepare = device_interrupt_prepare },
	{ .name = "virtio-kick", .run = virtio_kick, .prepare = virtio_prepare },
	{ .name = "virtio-request", .run = virtio_request, .prepare = virtio_prepare },
	{ .name = "ipi-round-trip", .run = ipi_round_trip, .prepare = second_start },
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

	if (op->most && rounds > op->most)
		rounds = op->most / PARTS * PARTS;
	if (op->prepare && !op->prepare()) {
		print("skipped %s\n", op->name);
		return;
	}
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
	print("result %s %u %lu\n", op->name, (uint32_t)rounds,
	      op->parts == UNEVEN ? sum : least * PARTS);
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
