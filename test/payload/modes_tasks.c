// SPDX-License-Identifier: GPL-2.0-only
/* Hardware task switches of 32-bit protected mode: by JMP, CALL and IRET, and through task gates
 * by INT, exceptions and interrupts (APM vol. 2 12.3). VT-x leaves them to software. */
#include "modes.h"

#define SEL_MAIN SEL_TSS32 /* the task that everything else runs in */
#define SEL_TASK 0x30
#define SEL_TASK_GATE 0x38
#define SEL_TASK16 0x40
#define SEL_LDT 0x48
#define SEL_USER_CODE3 0x53
#define SEL_USER_DATA3 0x5b
#define SEL_NOT_PRESENT 0x60
#define SEL_NONE 0xfff8
#define SELECTORS 13
#define SEL_IN_LDT (8 | 4)

#define TSS_AVAILABLE 0x89
#define TSS16_AVAILABLE 0x81
#define TSS_BUSY 2
#define TYPE_LDT 0x82
#define GATE_TASK 0xe5 /* for ring 3, too */
#define FLAG_DF (1u << 10)
#define FLAG_OF (1u << 11)
#define FLAG_NT (1u << 14)
#define DR6_BT (1u << 15)
#define DR7_L0 1u
#define DR7_G1 8u

#define VECTOR_INT 0x41
#define VECTOR_TIMER 0x63

struct tss {
	uint32_t link, stacks[6], cr3, eip, eflags;
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, io_map;
};

struct tss16 {
	uint16_t link, stacks[6], ip, flags;
	uint16_t ax, cx, dx, bx, sp, bp, si, di;
	uint16_t es, cs, ss, ds, ldt;
};

/* What the task finds in its registers and on top of its stack. */
struct frame {
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax, eflags, top;
};

static uint64_t table[SELECTORS], ldt[2];
static volatile struct tss task;
static volatile struct tss16 task16;
static volatile struct tss *const main_task = (volatile struct tss *)tss;
static uint8_t stack[4096] __attribute__((aligned(16)));

/* How a turn of the task goes, and what it saw. */
extern volatile uint8_t task_drops_error, task_jumps;
extern volatile uint32_t task_turns, task_cs;
volatile uint8_t task_drops_error, task_jumps;
volatile uint32_t task_turns, task_cs;
static uint32_t task_skips; /* bytes of the main task's instruction */
static const volatile uint32_t *task_reads;
static struct {
	struct frame frame;
	uint32_t cr0, cr3, dr7, word;
	uint16_t tr, ds, fs;
} seen;

extern const uint8_t task_start[], task_user_start[], task_timer_start[], task_recover[];
void task_turn(const struct frame *frame);
void timer_turn(void);

/* In the new task. IRET leaves it, and the next CALL comes back to behind that. */
__asm__(".text\n"
	"task_start:\n"
	"	pushfl\n"
	"	pushal\n"
	"	push %esp\n"
	"	call task_turn\n"
	"	add $4, %esp\n"
	"	popal\n"
	"	popfl\n"
	"	cmpb $0, task_drops_error\n"
	"	je 1f\n"
	"	add $4, %esp\n"
	"1:	cmpb $0, task_jumps\n"
	"	jne 2f\n"
	"	iret\n"
	"	jmp task_start\n"
	"2:	ljmp $0x28, $0\n"
	"	jmp task_start\n"
	"task_user_start:\n"
	"	mov %cs, task_cs\n"
	"	incl task_turns\n"
	"	iret\n"
	"	jmp task_user_start\n"
	"task_timer_start:\n"
	"	call timer_turn\n"
	"	iret\n"
	"	jmp task_timer_start\n"
	"task_recover:\n" /* from a fault in the new task */
	"	ljmp $0x28, $0\n");

void task_turn(const struct frame *frame)
{
	task_turns++;
	seen.frame = *frame;
	seen.cr0 = read_cr0();
	seen.cr3 = read_cr3();
	seen.dr7 = read_dr7();
	__asm__ volatile("str %0" : "=m"(seen.tr));
	__asm__ volatile("mov %%cs, %0" : "=r"(task_cs));
	__asm__ volatile("mov %%ds, %0" : "=m"(seen.ds));
	__asm__ volatile("mov %%fs, %0" : "=m"(seen.fs));
	seen.word = task_reads ? *task_reads : 0;
	main_task->eip += task_skips;
	outb(0x21, 0xff); /* an exit, in this task */
}

void timer_turn(void)
{
	task_turns++;
	apic_write(APIC_EOI, 0);
}

static uint64_t descriptor(const volatile void *at, uint32_t limit, uint8_t type)
{
	uint32_t base = (uint32_t)at;

	return limit | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)type << 40 |
	       (uint64_t)(base >> 24) << 56;
}

static bool is_busy(unsigned int selector)
{
	return *(volatile uint64_t *)&table[selector / 8] >> 40 & TSS_BUSY;
}

static void load_table(const void *at, uint16_t size)
{
	const struct {
		uint16_t limit;
		const void *base;
	} __attribute__((packed)) pointer = { (uint16_t)(size - 1), at };

	__asm__ volatile("lgdt %0" ::"m"(pointer) : "memory");
}

/* The task as it starts: with values of its own in all registers. */
static void set_task(const uint8_t *start)
{
	task = (struct tss){
		.cr3 = read_cr3(),
		.eip = (uint32_t)start,
		.eflags = FLAG_OF | 2,
		.eax = 0x10000001,
		.ecx = 0x20000002,
		.edx = 0x30000003,
		.ebx = 0x40000004,
		.esp = (uint32_t)stack + sizeof(stack) - 16,
		.ebp = 0x60000006,
		.esi = 0x70000007,
		.edi = 0x80000008,
		.es = SEL_DATA_FLAT,
		.cs = SEL_CODE32_FLAT,
		.ss = SEL_DATA_FLAT,
		.ds = SEL_DATA_FLAT,
		.fs = SEL_IN_LDT,
		.ldt = SEL_LDT,
		.io_map = sizeof(task),
	};
	table[SEL_TASK / 8] = descriptor(&task, sizeof(task) - 1, TSS_AVAILABLE);
	ldt[1] = 0x00cf92000000ffff; /* not accessed yet */
	task_drops_error = task_jumps = 0;
	task_turns = task_skips = 0;
}

static void set_gate(unsigned int vector, uint16_t selector)
{
	idt[vector] = (struct gate){ 0, selector, 0, GATE_TASK, 0 };
}

static void begin(void)
{
	memcpy(table, gdt, GDT_SIZE);
	table[SEL_TASK_GATE / 8] = (uint64_t)SEL_TASK << 16 | (uint64_t)GATE_TASK << 40;
	table[SEL_LDT / 8] = descriptor(ldt, sizeof(ldt) - 1, TYPE_LDT);
	table[SEL_USER_CODE3 / 8] = 0x00cffb000000ffff;
	table[SEL_USER_DATA3 / 8] = 0x00cff3000000ffff;
	table[SEL_NOT_PRESENT / 8] = 0x00cf13000000ffff;
	load_table(table, sizeof(table));
	main_task->cr3 = read_cr3();
	trap_hook = NULL;
}

static void end(void)
{
	/* The main task is busy there, too. */
	load_table(gdt, GDT_SIZE);
	__asm__ volatile("clts");
}

/* What code of the main task that switches must find as it was afterwards: general registers
 * but ESP, which must be sound, and a flag. */
extern uint32_t main_flags;
uint32_t main_flags;
#define SWITCH(code)                                                                               \
	do {                                                                                       \
		uint32_t a = 0xa1a1a1a1, b = 0xb2b2b2b2, c = 0xc3c3c3c3, d = 0xd4d4d4d4,           \
			 si = 0x51515151, di = 0xd1d1d1d1;                                         \
		__asm__ volatile("push %%ebp\n\tmov $0xbbbbbbbb, %%ebp\n\tstd\n\t" code "\n\t"     \
				 "pushfl\n\tpopl main_flags\n\tcld\n\t"                            \
				 "cmp $0xbbbbbbbb, %%ebp\n\tje 1f\n\tinc %%eax\n1:\tpop %%ebp"     \
				 : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(si), "+D"(di)          \
				 :                                                                 \
				 : "memory", "cc");                                                \
		CHECK_EQ(a, 0xa1a1a1a1);                                                           \
		CHECK_EQ(b, 0xb2b2b2b2);                                                           \
		CHECK_EQ(c, 0xc3c3c3c3);                                                           \
		CHECK_EQ(d, 0xd4d4d4d4);                                                           \
		CHECK_EQ(si, 0x51515151);                                                          \
		CHECK_EQ(di, 0xd1d1d1d1);                                                          \
		CHECK_EQ(*(volatile uint32_t *)&main_flags &(FLAG_DF | FLAG_NT), FLAG_DF);         \
	} while (0)

static void check_main_goes_on(bool task_busy)
{
	uint16_t tr;

	__asm__ volatile("str %0" : "=m"(tr));
	CHECK_EQ(tr, SEL_MAIN);
	CHECK_EQ(read_cr0() & CR0_TS, CR0_TS);
	CHECK_EQ(is_busy(SEL_MAIN), 1);
	CHECK_EQ(is_busy(SEL_TASK), task_busy);
	__asm__ volatile("clts");
}

static void check_first_turn(bool nested)
{
	CHECK_EQ(task_turns, 1);
	CHECK_EQ(seen.frame.eax, 0x10000001);
	CHECK_EQ(seen.frame.ecx, 0x20000002);
	CHECK_EQ(seen.frame.edx, 0x30000003);
	CHECK_EQ(seen.frame.ebx, 0x40000004);
	CHECK_EQ(seen.frame.ebp, 0x60000006);
	CHECK_EQ(seen.frame.esi, 0x70000007);
	CHECK_EQ(seen.frame.edi, 0x80000008);
	CHECK_EQ(seen.frame.eflags, FLAG_OF | 2 | (nested ? FLAG_NT : 0));
	CHECK_EQ(seen.cr0 & CR0_TS, CR0_TS);
	CHECK_EQ(seen.tr, SEL_TASK);
	CHECK_EQ(task_cs, SEL_CODE32_FLAT);
	CHECK_EQ(seen.ds, SEL_DATA_FLAT);
	CHECK_EQ(seen.fs, SEL_IN_LDT);
	if (!emulated()) /* QEMU's software processor does not mark descriptors as accessed */
		CHECK_EQ(*(volatile uint64_t *)&ldt[1] >> 40 & 1, 1);
	CHECK_EQ(task.link & 0xffff, nested ? SEL_MAIN : 0);
	check_main_goes_on(false);
}

static void check_jmp(void)
{
	set_task(task_start);
	task_jumps = 1;
	SWITCH("ljmp $0x30, $0");
	check_first_turn(false);
	SWITCH("ljmp $0x30, $0");
	CHECK_EQ(task_turns, 2);
	check_main_goes_on(false);
}

static void check_call(void)
{
	set_task(task_start);
	SWITCH("lcall $0x30, $0");
	check_first_turn(true);
	CHECK_EQ(task.eflags & FLAG_NT, 0);
	SWITCH("lcall $0x30, $0");
	CHECK_EQ(task_turns, 2);
	SWITCH("lcall $0x38, $0"); /* through the gate */
	CHECK_EQ(task_turns, 3);
	check_main_goes_on(false);
}

static void check_int(void)
{
	set_task(task_start);
	set_gate(VECTOR_INT, SEL_TASK);
	SWITCH("int $0x41");
	check_first_turn(true);
	SWITCH("int $0x41");
	CHECK_EQ(task_turns, 2);
	set_trap_gate(VECTOR_INT);
}

/* The task's return would repeat the instruction that faults. */
#define BAD_SELECTOR "push %%esi\n\tmov $0xfff8, %%esi\n\tmov %%esi, %%fs\n\tpop %%esi"

static void check_exceptions(void)
{
	set_task(task_start);
	set_gate(VEC_GP, SEL_TASK);
	task_drops_error = 1;
	task_skips = 2;
	SWITCH(BAD_SELECTOR);
	check_first_turn(true);
	CHECK_EQ(seen.frame.top, SEL_NONE);
	CHECK_EQ(seen.frame.esp, (uint32_t)stack + sizeof(stack) - 16 - 4 - 4);

	/* The usual purpose of task gates. #GP cannot be delivered, for it has no gate. */
	set_task(task_start);
	set_gate(VEC_DF, SEL_TASK);
	idt[VEC_GP].type = 0;
	task_drops_error = 1;
	task_skips = 2;
	SWITCH(BAD_SELECTOR);
	check_first_turn(true);
	CHECK_EQ(seen.frame.top, 0);
	set_trap_gate(VEC_DF);
	set_trap_gate(VEC_GP);
}

static void check_interrupt(void)
{
	set_task(task_timer_start);
	set_gate(VECTOR_TIMER, SEL_TASK);
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	for (unsigned int i = 1; i <= 5; i++) {
		apic_write(APIC_TIMER_INITIAL, 20000);
		SWITCH("sti\n\thlt\n\tcli");
		CHECK_EQ(task_turns, i);
		check_main_goes_on(false);
		CHECK_EQ(main_task->eflags & FLAG_IF, FLAG_IF);
	}
	set_trap_gate(VECTOR_TIMER);
}

static void check_ring3(void)
{
	set_task(task_user_start);
	task.cs = SEL_USER_CODE3;
	task.ss = task.ds = task.es = SEL_USER_DATA3;
	task.fs = 0;
	task_cs = 0;
	SWITCH("lcall $0x30, $0");
	CHECK_EQ(task_turns, 1);
	CHECK_EQ(task_cs, SEL_USER_CODE3);
	check_main_goes_on(false);
	CHECK_EQ(task.cs, SEL_USER_CODE3);
}

/* mov %ax, RESULTS; then IRET; back to the start */
static const uint8_t code16[] = { 0xa3, RESULTS & 0xff, RESULTS >> 8, 0xcf, 0xeb, 0xfa };

static void check_16(void)
{
	volatile uint32_t *result = (volatile uint32_t *)RESULTS;

	memcpy((void *)LOW_CODE, code16, sizeof(code16));
	task16 = (struct tss16){
		.ip = LOW_CODE,
		.flags = 2,
		.ax = 0x1616,
		.sp = 0x6ff0,
		.es = SEL_DATA16,
		.cs = SEL_CODE16,
		.ss = SEL_DATA16,
		.ds = SEL_DATA16,
	};
	table[SEL_TASK16 / 8] = descriptor(&task16, sizeof(task16) - 1, TSS16_AVAILABLE);
	for (unsigned int i = 1; i <= 2; i++) {
		*result = 0;
		SWITCH("lcall $0x40, $0");
		CHECK_EQ(*result, 0x1616);
		CHECK_EQ(task16.link, SEL_MAIN);
		CHECK_EQ(task16.ip, LOW_CODE + 4);
		CHECK_EQ(is_busy(SEL_TASK16), 0);
	}
	check_main_goes_on(false);
}

/* mov %ax, RESULTS; then INT through the main task's gate. */
static const uint8_t code_v86[] = { 0xa3, RESULTS & 0xff, RESULTS >> 8, 0xcd, VECTOR_INT };

static void check_v86(void)
{
	memcpy((void *)LOW_CODE, code_v86, sizeof(code_v86));
	*(volatile uint32_t *)RESULTS = 0;
	set_task(0);
	task.eflags = FLAG_VM | FLAG_IOPL | 2;
	task.cs = LOW_CODE >> 4;
	task.esp = 0x6ff0;
	task.ss = task.ds = task.es = task.fs = 0;
	task.eax = 0x8686;
	set_gate(VECTOR_INT, SEL_MAIN);
	/* The main task is the V86 task's callee then. */
	SWITCH("ljmp $0x30, $0\n\tpushfl\n\tandl $~0x4000, (%%esp)\n\tpopfl");
	CHECK_EQ(*(volatile uint32_t *)RESULTS, 0x8686);
	CHECK_EQ(main_task->link & 0xffff, SEL_TASK);
	CHECK_EQ(task.eflags & (FLAG_VM | FLAG_IOPL), FLAG_VM | FLAG_IOPL);
	CHECK_EQ(task.cs & 0xffff, LOW_CODE >> 4);
	CHECK_EQ(task.eip, sizeof(code_v86));
	check_main_goes_on(true);
	set_trap_gate(VECTOR_INT);
}

static volatile uint32_t debug_traps, debug_dr6, debug_rip;

static bool debug_hook(struct trap_frame *frame)
{
	if (frame->vector != VEC_DB)
		return false;
	debug_traps++;
	debug_dr6 = read_dr6();
	debug_rip = frame->rip;
	write_dr6(0xffff0ff0);
	return true;
}

static void check_debug(void)
{
	set_task(task_start);
	write_dr0(0x50000);
	write_dr1(0x50000);
	write_dr7(0x400 | DR7_L0 | DR7_G1);
	SWITCH("lcall $0x30, $0");
	check_first_turn(true);
	CHECK_EQ(seen.dr7 & 0xff, DR7_G1);
	write_dr7(0x400);
	if (emulated()) /* QEMU's software processor does not look at the flag */
		return;
	set_task(task_start);
	task.trap = 1;
	debug_traps = 0;
	trap_hook = debug_hook;
	SWITCH("lcall $0x30, $0");
	check_first_turn(true);
	CHECK_EQ(debug_traps, 1);
	CHECK_EQ(debug_dr6 & DR6_BT, DR6_BT);
	CHECK_EQ(debug_rip, (uint32_t)task_start);
	trap_hook = NULL;
}

/* ---- What goes wrong before the switch, and after it ---- */

static void check_refusals(void)
{
	set_task(task_start);
	TRY("lcall $0x28, $0"); /* busy */
	CHECK_TRAP(VEC_GP, SEL_MAIN);
	table[SEL_TASK / 8] &= ~(1ull << 47);
	TRY("lcall $0x30, $0");
	CHECK_TRAP(VEC_NP, SEL_TASK);
	table[SEL_TASK / 8] = descriptor(&task, sizeof(task) - 2, TSS_AVAILABLE);
	TRY("lcall $0x30, $0");
	CHECK_TRAP(VEC_TS, SEL_TASK);
	CHECK_EQ(task_turns, 0);
	CHECK_EQ(is_busy(SEL_TASK), 0);
	CHECK_EQ(is_busy(SEL_MAIN), 1);
}

/* The register holds what could not be loaded, and the handler is to return. */
static bool repair_hook(struct trap_frame *frame)
{
	frame->handler_ds = SEL_DATA_FLAT;
	return false;
}

static void check_fault_in_new_task(uint16_t ds, enum vector vector)
{
	set_task(task_start);
	task.ds = ds;
	trap_forget();
	trap_resume = (uint32_t)task_recover;
	trap_hook = repair_hook;
	/* The fault's handler, in the new task, leads to the jump back. */
	SWITCH("ljmp $0x30, $0");
	trap_hook = NULL;
	CHECK_TRAP(vector, ds & ~3u);
	if (!emulated()) /* QEMU's software processor goes back to the jump */
		CHECK_EQ(trap.rip, (uint32_t)task_start);
	CHECK_EQ(task_turns, 0);
	check_main_goes_on(false);
}

void test_tasks(void)
{
	begin();
	check_jmp();
	check_call();
	check_int();
	check_exceptions();
	check_interrupt();
	check_ring3();
	check_16();
	check_v86();
	check_debug();
	check_refusals();
	check_fault_in_new_task(SEL_NONE, VEC_TS);
	check_fault_in_new_task(SEL_NOT_PRESENT, VEC_NP);
	check_fault_in_new_task(SEL_LDT, VEC_TS); /* no data segment */
	end();
}

/* ---- With paging ---- */

#define WORD 0x800000  /* here in the main task, */
#define OTHER 0xc00000 /* and there in the other one */
#define NOWHERE 0x40000000

void test_tasks_paged(void)
{
	static uint32_t directories[2][1024] __attribute__((aligned(4096)));
	uint32_t at;

	for (uint32_t i = 0; i < 1024; i++)
		directories[0][i] = i << 22 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	directories[0][NOWHERE >> 22] = 0;
	memcpy(directories[1], directories[0], sizeof(directories[0]));
	directories[1][WORD >> 22] = OTHER | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	*(volatile uint32_t *)WORD = 0x11111111;
	*(volatile uint32_t *)OTHER = 0x22222222;
	write_cr4(read_cr4() | CR4_PSE);
	write_cr3((uint32_t)directories[0]);
	write_cr0(read_cr0() | CR0_PG);
	begin();

	set_task(task_start);
	task.cr3 = (uint32_t)directories[1];
	task_reads = (const volatile uint32_t *)WORD;
	for (unsigned int i = 1; i <= 3; i++) {
		SWITCH("lcall $0x30, $0");
		CHECK_EQ(task_turns, i);
		CHECK_EQ(seen.cr3, (uint32_t)directories[1]);
		CHECK_EQ(seen.word, 0x22222222);
		CHECK_EQ(read_cr3(), (uint32_t)directories[0]);
		CHECK_EQ(*(volatile uint32_t *)WORD, 0x11111111);
		check_main_goes_on(false);
	}
	task_reads = NULL;

	/* A TSS that is not there is a page fault of the old task's. */
	at = NOWHERE;
	table[SEL_TASK / 8] = descriptor((void *)at, sizeof(task) - 1, TSS_AVAILABLE);
	TRY("lcall $0x30, $0");
	CHECK_EQ(trap.vector, VEC_PF);
	CHECK_EQ(trap.cr2 & ~0x7fu, NOWHERE);
	CHECK_EQ(trap.cs, SEL_CODE32_FLAT);
	CHECK_EQ(is_busy(SEL_TASK), 0);
	CHECK_EQ(is_busy(SEL_MAIN), 1);

	end();
	write_cr0(read_cr0() & ~CR0_PG);
	write_cr4(read_cr4() & ~CR4_PSE);
}
