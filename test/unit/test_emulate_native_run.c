// SPDX-License-Identifier: GPL-2.0-only
#include "test_emulate_native.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <asm/ldt.h>

/* The registers of struct native_state are loaded, the code runs and comes back
 * to native_exit or native_exit_taken, and they are stored. Nothing but MOV may
 * stand between the instruction under test and PUSHFQ. */
__asm__(".text\n"
	".globl native_way_near, native_way_far\n"
	"native_run:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rdi, native_current(%rip)\n"
	"	mov %rsp, native_stack(%rip)\n"
	"	lea 144(%rdi), %rax\n"
	"	cmpb $0, native_has_avx(%rip)\n"
	"	je 1f\n"
	"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	vmovups 32*\\n(%rax), %ymm\\n\n"
	"	.endr\n"
	"	jmp 2f\n"
	"1:\n"
	"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	movups 32*\\n(%rax), %xmm\\n\n"
	"	.endr\n"
	"2:	movzwl native_data(%rip), %eax\n"
	"	test %eax, %eax\n"
	"	jz 5f\n"
	"	mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
	"5:	pushq 128(%rdi); popfq\n"
	"	mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
	"	mov 32(%rdi), %rsp; mov 40(%rdi), %rbp; mov 48(%rdi), %rsi\n"
	"	mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
	"	mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14\n"
	"	mov 120(%rdi), %r15; mov 56(%rdi), %rdi\n"
	"	jmp *native_way(%rip)\n"
	"native_way_near:\n"
	"	jmp *native_entry(%rip)\n"
	"native_way_far:\n"
	"	ljmpl *native_entry(%rip)\n"
	".globl native_exit_taken\n"
	"native_exit_taken:\n"
	"	movb $1, native_taken(%rip)\n"
	".globl native_exit\n"
	"native_exit:\n"
	"	mov %rsp, native_rsp(%rip)\n"
	"	mov %rdi, native_rdi(%rip)\n"
	"	mov native_stack(%rip), %rsp\n"
	"	mov native_current(%rip), %rdi\n"
	"	pushfq\n"
	"	cld\n"
	"	popq 128(%rdi)\n"
	"	mov %rax, 0(%rdi); mov %rcx, 8(%rdi); mov %rdx, 16(%rdi); mov %rbx, 24(%rdi)\n"
	"	mov %rbp, 40(%rdi); mov %rsi, 48(%rdi)\n"
	"	mov %r8, 64(%rdi); mov %r9, 72(%rdi); mov %r10, 80(%rdi); mov %r11, 88(%rdi)\n"
	"	mov %r12, 96(%rdi); mov %r13, 104(%rdi); mov %r14, 112(%rdi); mov %r15, 120(%rdi)\n"
	"	mov native_rsp(%rip), %rax; mov %rax, 32(%rdi)\n"
	"	mov native_rdi(%rip), %rax; mov %rax, 56(%rdi)\n"
	"	lea 144(%rdi), %rax\n"
	"	cmpb $0, native_has_avx(%rip)\n"
	"	je 3f\n"
	"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	vmovups %ymm\\n, 32*\\n(%rax)\n"
	"	.endr\n"
	"	vzeroupper\n"
	"	jmp 4f\n"
	"3:\n"
	"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	movups %xmm\\n, 32*\\n(%rax)\n"
	"	.endr\n"
	"4:	xor %eax, %eax; mov %eax, %ds; mov %eax, %es\n"
	"	mov $0x2b, %eax; mov %eax, %ss\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".data\n"
	".balign 8\n"
	"native_current: .quad 0\n"
	"native_stack: .quad 0\n"
	"native_rsp: .quad 0\n"
	"native_rdi: .quad 0\n"
	".globl native_entry, native_way, native_data\n"
	"native_entry: .quad 0\n"
	"native_way: .quad 0\n"
	"native_data: .short 0\n"
	".globl native_taken\n"
	"native_taken: .byte 0\n"
	".globl native_has_avx\n"
	"native_has_avx: .byte 0\n"
	".text\n");

_Static_assert(offsetof(struct native_state, rflags) == 128, "known to the assembly");
_Static_assert(offsetof(struct native_state, vector) == 144, "known to the assembly");

extern void native_run(struct native_state *state);
extern void native_way_near(void);
extern void native_way_far(void);
extern uint64_t native_entry, native_way;
extern uint16_t native_data;
extern uint8_t native_taken, native_has_avx;

static sigjmp_buf escape;
static const int signals[] = { SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGTRAP };

static void on_signal(int number)
{
	siglongjmp(escape, number);
}

static void map_at(uint64_t address, size_t size, int protection)
{
	void *at = mmap((void *)address, size, protection,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (at == (void *)address)
		return;
	perror("mapping memory for the processor's side of the test");
	exit(1);
}

/* CPUID exits to the hypervisor where there is one: it is asked once. */
static uint32_t features;

static void find_features(void)
{
	unsigned int a, b, c, d;

	features = 1u << NATIVE_ALWAYS | (uint32_t)native_has_avx << NATIVE_AVX;
	if (__get_cpuid(1, &a, &b, &c, &d))
		features |= (c >> 22 & 1) << NATIVE_MOVBE | (c >> 23 & 1) << NATIVE_POPCNT |
			    (c >> 13 & 1) << NATIVE_CX16 | (c >> 19 & 1) << NATIVE_SSE41;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		features |= (c >> 5 & 1) << NATIVE_LZCNT;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		features |= (b >> 3 & 1) << NATIVE_BMI1;
}

bool native_cpu_has(enum native_feature feature)
{
	return features >> feature & 1;
}

void native_init(void)
{
	native_has_avx = __builtin_cpu_supports("avx") != 0;
	find_features();
	map_at(NATIVE_DATA, NATIVE_DATA_SIZE, PROT_READ | PROT_WRITE);
	map_at(NATIVE_CODE, NATIVE_CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
}

void native_catch_signals(void)
{
	static uint8_t stack[64 * 1024];
	stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&alternative, NULL);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

const struct native_mode native_modes[] = {
	[NATIVE_64] = { .width = 64 },
	[NATIVE_32] = { .width = 32, .code = 0x07, .data = 0x0f },
	[NATIVE_16] = { .width = 16, .code = 0x17, .data = 0x1f,
			.code_base = NATIVE_CODE, .data_base = NATIVE_DATA },
};

/* The ways out of narrow code: in it a far jump, and where that leads, in the
 * last bytes of the code's page. */
#define STUBS (NATIVE_CODE + NATIVE_CODE_SIZE - 256)
#define STUB_64(taken) (STUBS + (taken)*16)
#define STUB_NARROW(width, taken) (STUBS + 32 + ((width) == 16) * 32 + (taken)*16)
#define SELECTOR_64 0x33

static bool set_descriptor(unsigned int entry, bool code, bool big, uint32_t base)
{
	struct user_desc descriptor = {
		.entry_number = entry,
		.base_addr = base,
		.limit = big ? 0xfffff : 0xffff,
		.seg_32bit = big,
		.contents = code ? 2 : 0,
		.limit_in_pages = big,
		.useable = 1,
	};

	return syscall(SYS_modify_ldt, 1, &descriptor, sizeof(descriptor)) == 0;
}

/* jmp *0(%rip), and the address. */
static void place_jump(uint64_t at, uint64_t target)
{
	static const uint8_t jump[6] = { 0xff, 0x25 };

	memcpy((void *)at, jump, 6);
	memcpy((void *)(at + 6), &target, 8);
}

/* Jumps to the way out, whatever the code around is. */
static void place_exit(const struct native_mode *mode, uint64_t at, bool taken)
{
	uint8_t *to = (uint8_t *)at;
	uint32_t offset = (uint32_t)STUB_64(taken);
	uint16_t selector = SELECTOR_64;

	if (mode->width == 64) {
		place_jump(at, (uint64_t)(taken ? native_exit_taken : native_exit));
		return;
	}
	if (mode->width == 16)
		*to++ = 0x66;
	*to++ = 0xea;
	memcpy(to, &offset, 4);
	memcpy(to + 4, &selector, 2);
}

bool native_has_mode(enum native_width width)
{
	static bool made, has;

	if (width == NATIVE_64)
		return true;
	if (!made) {
		made = true;
		has = set_descriptor(0, true, true, 0) && set_descriptor(1, false, true, 0) &&
		      set_descriptor(2, true, false, NATIVE_CODE) &&
		      set_descriptor(3, false, false, NATIVE_DATA);
		for (int taken = 0; taken < 2; taken++) {
			place_jump(STUB_64(taken),
				   (uint64_t)(taken ? native_exit_taken : native_exit));
			place_exit(&native_modes[NATIVE_32], STUB_NARROW(32, taken), taken);
			place_exit(&native_modes[NATIVE_16], STUB_NARROW(16, taken), taken);
		}
	}
	return has;
}

uint64_t native_taken_address(enum native_width width)
{
	const struct native_mode *mode = &native_modes[width];

	if (width == NATIVE_64)
		return (uint64_t)native_exit_taken;
	return STUB_NARROW(mode->width, 1) - mode->code_base;
}

void native_place(enum native_width width, uint64_t rip, const uint8_t *bytes, unsigned int length,
		  uint64_t target)
{
	const struct native_mode *mode = &native_modes[width];
	uint64_t linear = rip + mode->code_base;

	memcpy((void *)linear, bytes, length);
	place_exit(mode, linear + length, false);
	if (target)
		place_exit(mode, target + mode->code_base, true);
	native_data = mode->data;
	native_way = (uint64_t)(width == NATIVE_64 ? native_way_near : native_way_far);
	native_entry = width == NATIVE_64 ? rip : rip | (uint64_t)mode->code << 32;
}

int native_execute(struct native_state *state)
{
	int number;

	native_taken = 0;
	number = sigsetjmp(escape, 1);
	if (!number)
		native_run(state);
	state->taken = native_taken;
	return number;
}
