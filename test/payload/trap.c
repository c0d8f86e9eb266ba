// SPDX-License-Identifier: GPL-2.0-only
/* Traps and interrupts of the 64-bit payloads, and the descriptor tables they need. */
#include "payload.h"

#define TSS_SIZE 0x68
#define IO_BITMAP_SIZE (8192 + 1)
#define IST_DOUBLE_FAULT 1
#define USER_RETURN_VECTOR 0x80

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

extern uint64_t gdt[];
extern const uint8_t trap_entries[];
extern const uint8_t stack_top[];
uint64_t user_enter(const void *rip, uint64_t rsp, uint64_t rflags);
void trap_handle(struct trap_frame *frame);
void tables_init(void);

volatile struct trap trap;
volatile uintptr_t trap_resume;
bool (*volatile trap_hook)(struct trap_frame *frame);

static struct gate idt[256];
static uint8_t tss[TSS_SIZE + IO_BITMAP_SIZE] __attribute__((aligned(16)));
static uint8_t inner_stack[16384] __attribute__((aligned(16)));
static uint8_t fault_stack[4096] __attribute__((aligned(16)));
static uint8_t user_stack[8192] __attribute__((aligned(16)));

void trap_forget(void)
{
	trap = (struct trap){ .vector = VEC_NONE };
}

static void note(const struct trap_frame *frame)
{
	trap.count++;
	trap.vector = (uint32_t)frame->vector;
	trap.error = (uint32_t)frame->error;
	trap.rip = frame->rip;
	trap.cs = frame->cs;
	trap.rflags = frame->rflags;
	trap.cr2 = read_cr2();
	trap.dr6 = read_dr6();
}

void trap_handle(struct trap_frame *frame)
{
	if (trap_hook && trap_hook(frame))
		return;
	note(frame);
	if (!trap_resume) {
		print("Bail out! unexpected trap %lu, error %lx at %lx, CR2 %lx\n", frame->vector,
		      frame->error, frame->rip, read_cr2());
		outb(0xf4, 1);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	frame->rip = trap_resume;
	trap_resume = 0;
	frame->rflags &= ~(uint64_t)(FLAG_TF | FLAG_RF | FLAG_AC);
	if (frame->cs & 3) {
		frame->cs = SEL_CODE;
		frame->ss = SEL_DATA;
		frame->rsp = (uint64_t)stack_top; /* user_leave has its own */
		frame->rflags &= ~(uint64_t)(FLAG_IF | FLAG_IOPL);
	}
}

static void set_gate(unsigned int vector, uint8_t type)
{
	uint64_t offset = (uint64_t)trap_entries + 16 * vector;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)offset,
		.selector = SEL_CODE,
		.ist = vector == VEC_DF ? IST_DOUBLE_FAULT : 0,
		.type = type,
		.offset_middle = (uint16_t)(offset >> 16),
		.offset_high = (uint32_t)(offset >> 32),
	};
}

void idt_break(unsigned int vector, bool broken)
{
	set_gate(vector, broken ? 0x0e : 0x8e);
}

void idt_user(unsigned int vector)
{
	set_gate(vector, 0xee);
}

void tss_allow_port(uint16_t port, bool allow)
{
	uint8_t *byte = &tss[TSS_SIZE + port / 8];

	*byte = (uint8_t)(allow ? *byte & ~(1u << port % 8) : *byte | 1u << port % 8);
}

void tables_init(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t base = (uint64_t)tss, limit = sizeof(tss) - 1;
	uint64_t stack = (uint64_t)inner_stack + sizeof(inner_stack);
	uint64_t ist = (uint64_t)fault_stack + sizeof(fault_stack);

	for (unsigned int i = 0; i < 256; i++)
		set_gate(i, i == VEC_BP || i == USER_RETURN_VECTOR ? 0xee : 0x8e);
	__asm__ volatile("lidt %0" ::"m"(pointer));

	memset(tss + TSS_SIZE, 0xff, IO_BITMAP_SIZE);
	memcpy(tss + 4, &stack, sizeof(stack));
	memcpy(tss + 36, &ist, sizeof(ist));
	tss[0x66] = TSS_SIZE;
	gdt[SEL_TSS / 8] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			   (limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
	trap_forget();
}

/* ---- Ring 3 ---- */

/* Where a function of ring 3 returns to. */
static void user_returned(void)
{
	__asm__ volatile("int %0" ::"i"(USER_RETURN_VECTOR));
}

static uint64_t user_result;
static bool (*user_next_hook)(struct trap_frame *frame);

static bool user_hook(struct trap_frame *frame)
{
	if (user_next_hook && user_next_hook(frame))
		return true;
	if (frame->vector == USER_RETURN_VECTOR)
		user_result = frame->rax;
	return false;
}

/* Everything becomes ring 3's: what tells rings apart here is their privileges. */
static void map_for_user(void)
{
	uint64_t *root = (uint64_t *)(read_cr3() & ~0xfffull);
	uint64_t *pointers = (uint64_t *)(root[0] & ~0xfffull);

	root[0] |= PTE_USER;
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t *directory = (uint64_t *)(pointers[i] & ~0xfffull);

		pointers[i] |= PTE_USER;
		for (unsigned int j = 0; j < 512; j++)
			directory[j] |= PTE_USER;
	}
	write_cr3(read_cr3());
}

uint64_t user_call(uint64_t (*function)(void), uint64_t rflags)
{
	uint64_t *top = (uint64_t *)(user_stack + sizeof(user_stack)) - 1;

	*top = (uint64_t)user_returned;
	map_for_user();
	trap_forget();
	user_next_hook = trap_hook;
	trap_hook = user_hook;
	user_result = 0;
	user_enter(function, (uint64_t)top, rflags);
	trap_hook = user_next_hook;
	if (trap.vector == USER_RETURN_VECTOR)
		trap_forget();
	return user_result;
}

/* ---- A window of small pages ---- */

volatile uint64_t *window_pte(uint64_t address)
{
	static uint64_t tables[3][512] __attribute__((aligned(4096)));
	uint64_t *root = (uint64_t *)(read_cr3() & ~0xfffull);
	const uint64_t bits = PTE_PRESENT | PTE_WRITE | PTE_USER;

	root[WINDOW >> 39 & 511] = (uint64_t)tables[0] | bits;
	tables[0][WINDOW >> 30 & 511] = (uint64_t)tables[1] | bits;
	tables[1][WINDOW >> 21 & 511] = (uint64_t)tables[2] | bits;
	return &tables[2][address >> 12 & 511];
}
