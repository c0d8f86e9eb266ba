// SPDX-License-Identifier: GPL-2.0-only
/* The payload `modes`: protected mode without paging and with both kinds of 32-bit paging,
 * 16-bit protected mode, real mode, V86 mode. */
#include "modes.h"

#define VGA 0xb8000
#define VECTOR 0x62

extern const uint8_t trap_entries[], v86_leave[];
extern const uint8_t protected16_code[], protected16_code_end[], real_code[], real_code_end[];
extern const uint8_t v86_code[], v86_code_end[], v86_cli[], v86_cli_end[];
extern const uint8_t v86_in[], v86_in_end[], v86_hlt[], v86_hlt_end[];
void protected16_call(uint32_t code);
uint32_t real_call(void);
void v86_enter(uint32_t eflags);
void trap_handle(struct trap_frame *frame);
void tables_init(void);
void main(void);

volatile struct trap trap;
volatile uintptr_t trap_resume;
bool (*volatile trap_hook)(struct trap_frame *frame);

struct gate idt[256];
uint32_t tss[26 + 8192 / 4 + 1];
static uint8_t inner_stack[8192] __attribute__((aligned(16)));

void trap_forget(void)
{
	trap = (struct trap){ .vector = VEC_NONE };
}

void trap_handle(struct trap_frame *frame)
{
	if (trap_hook && trap_hook(frame))
		return;
	trap.count++;
	trap.vector = frame->vector;
	trap.error = frame->error;
	trap.rip = frame->rip;
	trap.cs = frame->cs;
	trap.cr2 = read_cr2();
	trap.dr6 = read_dr6();
	trap.rflags = frame->rflags;
	if (!trap_resume) {
		print("Bail out! unexpected trap %u, error %x at %x:%x\n", frame->vector,
		      frame->error, frame->cs, frame->rip);
		outb(0xf4, 1);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	/* Out of V86 mode the rest of the frame stays on the stack that is left. */
	frame->rip = trap_resume;
	trap_resume = 0;
	frame->cs = 0x08;
	frame->rflags = 2;
}

void set_trap_gate(unsigned int vector)
{
	uint32_t offset = (uint32_t)trap_entries + 16 * vector;

	idt[vector] = (struct gate){ (uint16_t)offset, SEL_CODE32_FLAT, 0,
				     vector == VEC_BP ? 0xee : 0x8e, (uint16_t)(offset >> 16) };
}

void tables_init(void)
{
	const struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint32_t)idt };
	uint32_t base = (uint32_t)tss;

	for (unsigned int i = 0; i < 256; i++)
		set_trap_gate(i);
	__asm__ volatile("lidt %0" ::"m"(pointer));
	memset(tss, 0xff, sizeof(tss));
	memset(tss, 0, 26 * 4);
	tss[1] = (uint32_t)inner_stack + sizeof(inner_stack);
	tss[2] = 0x10;
	tss[25] = 26 * 4 << 16;
	gdt[SEL_TSS32 / 8] = (sizeof(tss) - 1) | (uint64_t)(base & 0xffffff) << 16 | 0x89ull << 40 |
			     (uint64_t)(base >> 24) << 56;
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS32));
	trap_forget();
}

/* ---- What is tested in protected mode, with whatever paging there is ---- */

static volatile uint32_t steps, step_rip, timers;

static bool hook(struct trap_frame *frame)
{
	if (frame->vector == VEC_DB) {
		if (steps++ == 0)
			step_rip = frame->rip;
		return true;
	}
	if (frame->vector != VECTOR)
		return false;
	timers++;
	apic_write(APIC_EOI, 0);
	return true;
}

static void start_timer(void)
{
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, VECTOR);
	apic_write(APIC_TIMER_INITIAL, 100000);
}

static void check_protected(void)
{
	uint32_t eax = 0, ebx, ecx, edx, at, low, high;

	__asm__ volatile(".byte 0x66, 0x2e; cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	CHECK_EQ(ebx, cpuid(0, 0).ebx);
	outb(0x21, 0x77);
	CHECK_EQ(inb(0x21), 0x77);
	outb(0x21, 0xff);
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_EFER));
	CHECK_EQ(low & (EFER_LME | EFER_LMA), 0);

	/* Device memory: 32-bit operands, absolute addresses, strings. */
	__asm__ volatile("movl $0x13572468, 0xb8010; notb 0xb8011; addw $1, 0xb8012" ::: "memory");
	CHECK_EQ(*(volatile uint32_t *)(VGA + 0x10), 0x1358db68);
	memcpy((void *)(VGA + 0x20), trap_entries, 100);
	CHECK_EQ(memcmp((void *)(VGA + 0x20), trap_entries, 100), 0);
	CHECK_EQ(apic_read(APIC_VERSION) & 0xf0, 0x10);

	TRY("ud2");
	CHECK_TRAP(VEC_UD, 0);
	TRY("mov %0, %%ds", ::"r"(0xf0));
	CHECK_TRAP(VEC_GP, 0xf0);
	TRY("int3");
	CHECK_TRAP(VEC_BP, 0);
	TRY("mov $0x7fffffff, %%eax; add %%eax, %%eax; into", ::: "eax", "cc");
	CHECK_TRAP(VEC_OF, 0);

	trap_hook = hook;
	steps = 0;
	__asm__ volatile("pushf; pushf; orl $0x100, (%%esp); popf\n\t"
			 "cpuid\n"
			 "modes_stepped%=: mov $modes_stepped%=, %0; popf"
			 : "=S"(at), "=a"(eax)
			 : "a"(0)
			 : "ebx", "ecx", "edx", "memory");
	CHECK_EQ(step_rip, at);
	CHECK_EQ(steps, 3);
	timers = 0;
	start_timer();
	__asm__ volatile("sti; hlt; cli");
	CHECK_EQ(timers, 1);
	trap_hook = NULL;
}

static void test_unpaged(void)
{
	check_protected();
}

/* ---- Paging ---- */

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t table[1024] __attribute__((aligned(4096)));
static uint64_t pae_pointers[4] __attribute__((aligned(32)));
static uint64_t pae_directories[4][512] __attribute__((aligned(4096)));
static uint64_t pae_table[512] __attribute__((aligned(4096)));

/* An address that only the page tables know; it leads to the text screen. */
#define ALIAS 0xc0000000u
#define ABSENT (ALIAS + 0x1000)

static void check_paged(void)
{
	*(volatile uint32_t *)(VGA + 4) = 0x600df00d;
	CHECK_EQ(*(volatile uint32_t *)(ALIAS + 4), 0x600df00d);
	*(volatile uint16_t *)(ALIAS + 4) = 0x1234;
	CHECK_EQ(*(volatile uint32_t *)(VGA + 4), 0x600d1234);
	TRY("movl (%0), %%eax", ::"r"(ABSENT + 8) : "eax");
	CHECK_TRAP(VEC_PF, 0);
	CHECK_EQ(trap.cr2, ABSENT + 8);
	TRY("movl %%eax, (%0)", ::"r"(ALIAS + 0xffe) : "memory");
	CHECK_TRAP(VEC_PF, 2);
	CHECK_EQ(trap.cr2, ABSENT);
	check_protected();
}

static void paging_off(void)
{
	write_cr0(read_cr0() & ~CR0_PG);
	write_cr4(read_cr4() & ~(CR4_PSE | CR4_PAE));
}

static void test_paged(void)
{
	for (uint32_t i = 0; i < 1024; i++)
		directory[i] = i << 22 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	memset(table, 0, sizeof(table));
	table[0] = VGA | PTE_PRESENT | PTE_WRITE;
	directory[ALIAS >> 22] = (uint32_t)table | PTE_PRESENT | PTE_WRITE;
	write_cr4(read_cr4() | CR4_PSE);
	write_cr3((uint32_t)directory);
	write_cr0(read_cr0() | CR0_PG);
	check_paged();
	CHECK_EQ(table[0] & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
	paging_off();
}

static void test_pae(void)
{
	for (uint32_t i = 0; i < 2048; i++)
		pae_directories[i / 512][i % 512] = (uint64_t)i << 21 | PTE_PRESENT | PTE_WRITE |
						    PTE_LARGE;
	for (uint32_t i = 0; i < 4; i++)
		pae_pointers[i] = (uint32_t)pae_directories[i] | PTE_PRESENT;
	memset(pae_table, 0, sizeof(pae_table));
	pae_table[0] = VGA | PTE_PRESENT | PTE_WRITE;
	pae_directories[ALIAS >> 30][0] = (uint32_t)pae_table | PTE_PRESENT | PTE_WRITE;
	write_cr4(read_cr4() | CR4_PAE);
	write_cr3((uint32_t)pae_pointers);
	write_cr0(read_cr0() | CR0_PG);
	check_paged();
	CHECK_EQ(pae_table[0] & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
	paging_off();
}

/* ---- 16-bit code ---- */

static volatile uint32_t *const results = (volatile uint32_t *)RESULTS;

static void copy_low(const uint8_t *code, const uint8_t *end)
{
	memset((void *)RESULTS, 0, 0x200);
	memcpy((void *)LOW_CODE, code, (size_t)(end - code));
}

/* What the macro `exits` of modes_code.S leaves behind. */
static void check_results(void)
{
	uint32_t id;

	outl(0xcf8, 0x80000000);
	id = inl(0xcfc);
	CHECK_EQ(results[0], cpuid(0, 0).ebx);
	CHECK_EQ(results[1], 0x5a);
	CHECK_EQ(results[2], id & 0xffff);
	CHECK_EQ(results[3], id);
	CHECK_EQ(results[4], RESULTS + 0x108);
	CHECK_EQ(results[0x40], (id & 0xffff) * 0x10001);
	CHECK_EQ(results[0x41], (id & 0xffff) * 0x10001);
	CHECK_EQ(results[0x42], 0);
	CHECK_EQ(results[5], RESULTS + 0x12c);
	CHECK_EQ(results[0x48], id);
	CHECK_EQ(results[0x4a], id);
	CHECK_EQ(results[0x4b], 0);
	CHECK_EQ(results[6], RESULTS + 0x105);
	CHECK_EQ(results[7], id & 0xff);
}

static void test_protected16(void)
{
	copy_low(protected16_code, protected16_code_end);
	protected16_call(LOW_CODE);
	check_results();
	CHECK_EQ(results[8] & (EFER_LME | EFER_LMA), 0);
}

static void test_real(void)
{
	for (unsigned int turn = 0; turn < 20; turn++) {
		copy_low(real_code, real_code_end);
		start_timer();
		real_call();
		check_results();
		CHECK_EQ(results[9], 0x12345679);
		CHECK_EQ(results[10], results[0x41]);
		CHECK_EQ(results[11], 3); /* two INTs, the timer */
		CHECK_EQ(results[12], 2); /* #UD, #DE */
		apic_write(APIC_EOI, 0);
	}
}

static void run_v86(const uint8_t *code, const uint8_t *end, uint32_t flags)
{
	copy_low(code, end);
	trap_forget();
	trap_resume = (uint32_t)v86_leave;
	v86_enter(flags | FLAG_VM | 2);
}

static void test_v86(void)
{
	uint8_t *bitmap = (uint8_t *)&tss[26];

	/* Ports are the bitmap's matter there, and all else is IOPL's. */
	memset(bitmap, 0, 8192);
	for (unsigned int turn = 0; turn < 20; turn++) {
		run_v86(v86_code, v86_code_end, FLAG_IOPL);
		CHECK_TRAP(VEC_BP, 0);
		check_results();
		CHECK_EQ(results[8] & FLAG_IOPL, FLAG_IOPL);
		CHECK_EQ(trap.rflags & FLAG_VM, FLAG_VM);
	}
	run_v86(v86_cli, v86_cli_end, FLAG_IOPL);
	CHECK_TRAP(VEC_BP, 0);
	run_v86(v86_cli, v86_cli_end, 0);
	CHECK_TRAP(VEC_GP, 0);
	CHECK_EQ(trap.rip, LOW_CODE);
	run_v86(v86_hlt, v86_hlt_end, FLAG_IOPL);
	CHECK_TRAP(VEC_GP, 0);
	run_v86(v86_in, v86_in_end, FLAG_IOPL);
	CHECK_TRAP(VEC_BP, 0);
	memset(bitmap, 0xff, 8192);
	run_v86(v86_in, v86_in_end, FLAG_IOPL);
	CHECK_TRAP(VEC_GP, 0);
	CHECK_EQ(trap.rip, LOW_CODE);
}

static const struct test tests[] = {
	{ "32-bit protected mode without paging", test_unpaged },
	{ "32-bit protected mode with 32-bit paging", test_paged },
	{ "32-bit protected mode with PAE paging", test_pae },
	{ "16-bit protected mode", test_protected16 },
	{ "real mode", test_real },
	{ "V86 mode", test_v86 },
	{ "task switches", test_tasks },
	{ "task switches with paging", test_tasks_paged },
	{ "32-bit protected mode again", test_unpaged },
};

void main(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(APIC_SPURIOUS, 0x1ff);
	tests_run(tests, ARRAY_SIZE(tests));
}
