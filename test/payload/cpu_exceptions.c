// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions: vectors, error codes, addresses. */
#include "cpu.h"

/* The error code that names an entry of the IDT; QEMU's software processor has its own. */
static uint32_t idt_error(unsigned int vector)
{
	return vector << (emulated() ? 4 : 3) | 2;
}

void test_exceptions_plain(void)
{
	uint64_t rax = 1, rdx = 0;

	TRY("div %2", : "+a"(rax), "+d"(rdx) : "r"(0ull));
	CHECK_TRAP(VEC_DE, 0);
	TRY("ud2");
	CHECK_TRAP(VEC_UD, 0);
	TRY("8: int3; nop");
	CHECK_TRAP(VEC_BP, 0);
	TRY("mov $8f, %%eax; 8: int3", ::: "rax");
	CHECK_TRAP(VEC_BP, 0);
	TRY("mov $8f, %%rax; push %%rax; popq %0; int3; 8:", : "=m"(rax)::"rax");
	CHECK_EQ(trap.rip, rax); /* behind INT3 */
	for (unsigned int vector = 0x30; vector < 0x33; vector++) {
		TRY("int $0x30");
		CHECK_TRAP(0x30, 0);
	}
	TRY(".byte 0x0f, 0xff"); /* UD0, or an opcode that is none */
	CHECK_EQ(trap.vector, VEC_UD);
	TRY(".byte 0xf0, 0x90"); /* LOCK NOP */
	CHECK_TRAP(VEC_UD, 0);
	TRY("mov (%0), %%eax", ::"r"(0x800000000000) : "rax"); /* not canonical */
	CHECK_TRAP(VEC_GP, 0);
	/* RBP's segment is the stack's. */
	TRY("mov %%rbp, %%rbx; mov %0, %%rbp; mov (%%rbp), %%eax",
	    "; mov %%rbx, %%rbp" ::"r"(0x800000000000)
	    : "rax", "rbx");
	CHECK_TRAP(emulated() ? VEC_GP : VEC_SS, 0);
	TRY("jmp *%0", ::"r"(0x800000000000));
	CHECK_TRAP(VEC_GP, 0);
}

void test_exceptions_segments(void)
{
	TRY("mov %0, %%ds", ::"r"(SEL_LIMIT));
	CHECK_TRAP(VEC_GP, SEL_LIMIT);
	TRY("mov %0, %%es", ::"r"(SEL_ABSENT));
	CHECK_TRAP(VEC_NP, SEL_ABSENT);
	TRY("mov %0, %%ss", ::"r"(SEL_ABSENT));
	CHECK_TRAP(VEC_SS, SEL_ABSENT);
	TRY("mov %0, %%ss", ::"r"(SEL_CODE));
	CHECK_TRAP(VEC_GP, SEL_CODE);
	TRY("lldt %w0", ::"r"(SEL_DATA));
	CHECK_TRAP(VEC_GP, SEL_DATA);
	TRY("ltr %w0", ::"r"(SEL_TSS)); /* busy */
	CHECK_TRAP(VEC_GP, SEL_TSS);
	TRY("mov %0, %%fs", ::"r"(SEL_DATA));
	CHECK_NO_TRAP();
	TRY("mov %0, %%fs", ::"r"(0));
	CHECK_NO_TRAP();
	idt_break(0x31, true);
	TRY("int $0x31");
	CHECK_TRAP(VEC_NP, idt_error(0x31));
	idt_break(0x31, false);
}

static uint64_t user_read(void)
{
	return *(volatile uint32_t *)WINDOW;
}

static uint64_t user_write(void)
{
	*(volatile uint32_t *)WINDOW = 1;
	return 0;
}

static uint64_t user_fetch(void)
{
	return ((uint64_t(*)(void))WINDOW)();
}

static uint8_t page[4096] __attribute__((aligned(4096)));

/* An access through an entry with these bits, and the error code that it must give;
 * ~0: none. */
static void page_case(uint64_t bits, uint64_t (*access)(void), bool user, uint32_t error)
{
	page[0] = 0xc3; /* RET */
	*window_pte(WINDOW) = (uint64_t)page | bits;
	write_cr3(read_cr3());
	write_cr2(0);
	if (user)
		user_call(access, 2);
	else
		TRY("mov %%rsp, %%rbx; call *%0", "; mov %%rbx, %%rsp" ::"r"(access)
		    : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	if (error == ~0u) {
		CHECK_NO_TRAP();
		return;
	}
	CHECK_TRAP(VEC_PF, error);
	CHECK_EQ(trap.cr2, WINDOW);
}

/* Address bit 51 is reserved on processors with fewer. */
static uint32_t reserved_bit_error(void)
{
	if (cpuid(0x80000008, 0).eax % 256 > 51)
		return ~0u;
	return emulated() ? 8 : 9;
}

void test_exceptions_page(void)
{
	const uint64_t p = PTE_PRESENT, w = PTE_WRITE, u = PTE_USER, nx = PTE_NX;

	page_case(0, user_read, false, 0);
	page_case(0, user_write, false, 2);
	page_case(0, user_fetch, false, 0x10);
	page_case(p, user_read, false, ~0u);
	page_case(p, user_write, false, 3);
	page_case(p | w, user_write, false, ~0u);
	page_case(p | w, user_fetch, false, ~0u);
	page_case(p | nx, user_fetch, false, 0x11);
	page_case(0, user_read, true, 4);
	page_case(0, user_write, true, 6);
	page_case(p | w, user_read, true, 5);
	page_case(p | w, user_write, true, 7);
	page_case(p | u, user_write, true, 7);
	page_case(p | w | u, user_write, true, ~0u);
	page_case(p | u | nx, user_fetch, true, 0x15);
	page_case(p | 1ull << 51, user_read, false, reserved_bit_error());

	/* Accessed and dirty bits. */
	*window_pte(WINDOW) = (uint64_t)page | p | w;
	invlpg((void *)WINDOW);
	user_read();
	CHECK_EQ(*window_pte(WINDOW) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED);
	user_write();
	CHECK_EQ(*window_pte(WINDOW) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);

	/* CR2 of an access across two pages is where the fault is. */
	*window_pte(WINDOW + 4096) = 0;
	invlpg((void *)(WINDOW + 4096));
	TRY("mov (%0), %%eax", ::"r"(WINDOW + 4094) : "rax");
	CHECK_TRAP(VEC_PF, 0);
	CHECK_EQ(trap.cr2, WINDOW + 4096);
	*window_pte(WINDOW) = 0;
	invlpg((void *)WINDOW);
}

void test_exceptions_double(void)
{
	/* #NP while #PF is delivered. With nested paging QEMU's software processor forgets the
	 * first when the second comes. */
	idt_break(VEC_PF, true);
	TRY("mov (%0), %%eax", ::"r"(WINDOW) : "rax");
	idt_break(VEC_PF, false);
	if (emulated() && !on_tcg())
		CHECK_TRAP(VEC_NP, idt_error(VEC_PF));
	else
		CHECK_TRAP(VEC_DF, 0);
	/* #NP while #UD is delivered is no double fault. */
	idt_break(VEC_UD, true);
	TRY("ud2");
	idt_break(VEC_UD, false);
	/* Bit 0: the event in delivery was no INT instruction (SDM vol. 3A 6.13). */
	CHECK_TRAP(VEC_NP, idt_error(VEC_UD) | !emulated());
	/* #NP while #GP is. */
	idt_break(VEC_GP, true);
	TRY("mov %0, %%ds", ::"r"(SEL_LIMIT));
	idt_break(VEC_GP, false);
	CHECK_TRAP(VEC_DF, 0);
}

static uint64_t user_misaligned(void)
{
	static volatile uint32_t words[2];

	return *(volatile uint32_t *)((uintptr_t)words + 1);
}

void test_exceptions_alignment(void)
{
	if (emulated()) {
		skip("QEMU's software processor has no #AC");
		return;
	}
	write_cr0(read_cr0() | CR0_AM);
	user_call(user_misaligned, 2);
	CHECK_NO_TRAP();
	user_call(user_misaligned, 2 | FLAG_AC);
	CHECK_TRAP(VEC_AC, 0);
	for (unsigned int i = 0; i < 10; i++)
		user_call(user_misaligned, 2 | FLAG_AC);
	CHECK_TRAP(VEC_AC, 0);
	write_cr0(read_cr0() & ~(uint64_t)CR0_AM);
	user_call(user_misaligned, 2 | FLAG_AC);
	CHECK_NO_TRAP();
}

#define USER_INSN(name, code)                                                                      \
	static uint64_t name(void)                                                                 \
	{                                                                                          \
		__asm__ volatile(code ::: "rax", "rbx", "rcx", "rdx", "memory");                   \
		return 0;                                                                          \
	}

USER_INSN(user_hlt, "hlt")
USER_INSN(user_cli, "cli")
USER_INSN(user_clts, "clts")
USER_INSN(user_wbinvd, "wbinvd")
USER_INSN(user_invd, "invd")
USER_INSN(user_invlpg, "invlpg (%%rsp)")
USER_INSN(user_read_cr0, "mov %%cr0, %%rax")
USER_INSN(user_write_cr8, "mov %%rax, %%cr8")
USER_INSN(user_read_dr7, "mov %%dr7, %%rax")
USER_INSN(user_lgdt, "lgdt (%%rsp)")
USER_INSN(user_int, "int $0x33") /* the gate is ring 0's */
USER_INSN(user_cpuid, "xor %%eax, %%eax; cpuid")

void test_exceptions_privilege(void)
{
	static uint64_t (*const privileged[])(void) = {
		user_hlt,    user_cli,      user_clts,      user_wbinvd,   user_invd,
		user_invlpg, user_read_cr0, user_write_cr8, user_read_dr7, user_lgdt,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(privileged); i++) {
		user_call(privileged[i], 2);
		CHECK_TRAP(VEC_GP, 0);
	}
	user_call(user_int, 2);
	CHECK_TRAP(VEC_GP, idt_error(0x33));
	idt_user(0x33);
	user_call(user_int, 2);
	CHECK_TRAP(0x33, 0);
	idt_break(0x33, false);
	user_call(user_cpuid, 2);
	CHECK_NO_TRAP();
}

/* ---- SYSCALL ---- */

static volatile uint64_t syscall_flags, syscall_rip;

/* The kernel's side of SYSCALL: notes RCX and R11, and goes back. RSP is ring 3's. */
__asm__("	.text\n"
	"syscall_entry:\n"
	"	mov %rcx, syscall_rip\n"
	"	mov %r11, syscall_flags\n"
	"	swapgs\n"
	"	push %rcx\n"
	"	xor %eax, %eax\n"
	"	cpuid\n"
	"	pop %rcx\n"
	"	mov syscall_flags, %r11\n"
	"	swapgs\n"
	"	mov $0x55, %eax\n"
	"	sysretq\n");
extern const uint8_t syscall_entry[];

static uint64_t user_syscall(void)
{
	uint64_t result = 0;

	__asm__ volatile("stc; syscall" : "+a"(result)::"rcx", "r11", "rbx", "rdx", "memory");
	return result;
}

void test_syscall(void)
{
	wrmsr(0xc0000081, (uint64_t)(SEL_USER_CODE32 | 3) << 48 | (uint64_t)SEL_CODE32 << 32);
	wrmsr(0xc0000082, (uint64_t)syscall_entry);
	wrmsr(0xc0000084, FLAG_IF | FLAG_TF);
	TRY("syscall", ::: "rcx", "r11"); /* EFER.SCE is off */
	CHECK_TRAP(VEC_UD, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(0xc0000101, 0x1111);
	wrmsr(0xc0000102, 0x2222);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(user_call(user_syscall, 2), 0x55);
	CHECK_EQ(syscall_flags & 1, 1); /* STC */
	CHECK_EQ(rdmsr(0xc0000101), 0x1111);
	CHECK_EQ(rdmsr(0xc0000102), 0x2222);
	__asm__ volatile("swapgs");
	cpuid(0, 0);
	CHECK_EQ(rdmsr(0xc0000101), 0x2222);
	CHECK_EQ(rdmsr(0xc0000102), 0x1111);
	wrmsr(0xc0000101, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(uint64_t)EFER_SCE);
}
