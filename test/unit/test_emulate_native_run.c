// SPDX-License-Identifier: GPL-2.0-only
#include "test_emulate_native.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The registers of struct native_state are loaded, the code runs and comes back
 * to native_exit or native_exit_taken, and they are stored. Nothing but MOV may
 * stand between the instruction under test and PUSHFQ. */
__asm__(".text\n"
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
	"2:	pushq 128(%rdi); popfq\n"
	"	mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
	"	mov 32(%rdi), %rsp; mov 40(%rdi), %rbp; mov 48(%rdi), %rsi\n"
	"	mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
	"	mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14\n"
	"	mov 120(%rdi), %r15; mov 56(%rdi), %rdi\n"
	"	jmp *native_entry(%rip)\n"
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
	"4:	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".data\n"
	".balign 8\n"
	"native_current: .quad 0\n"
	"native_stack: .quad 0\n"
	"native_rsp: .quad 0\n"
	"native_rdi: .quad 0\n"
	".globl native_entry\n"
	"native_entry: .quad 0\n"
	".globl native_taken\n"
	"native_taken: .byte 0\n"
	".globl native_has_avx\n"
	"native_has_avx: .byte 0\n"
	".text\n");

_Static_assert(offsetof(struct native_state, rflags) == 128, "known to the assembly");
_Static_assert(offsetof(struct native_state, vector) == 144, "known to the assembly");

extern void native_run(struct native_state *state);
extern uint64_t native_entry;
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

void native_init(void)
{
	native_has_avx = __builtin_cpu_supports("avx") != 0;
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

bool native_avx(void)
{
	return native_has_avx;
}

bool native_cpu_has(enum native_feature feature)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return false;
	switch (feature) {
	case NATIVE_MOVBE:
		return c & (1u << 22);
	case NATIVE_POPCNT:
		return c & (1u << 23);
	case NATIVE_CX16:
		return c & (1u << 13);
	case NATIVE_SSE41:
		return c & (1u << 19);
	case NATIVE_AVX:
		return native_has_avx;
	case NATIVE_LZCNT:
		return __get_cpuid(0x80000001, &a, &b, &c, &d) && c & (1u << 5);
	case NATIVE_BMI1:
		return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & (1u << 3);
	default:
		return true;
	}
}

void native_place(uint64_t rip, const uint8_t *bytes, unsigned int length, uint64_t target)
{
	/* jmp *0(%rip), and the address. */
	static const uint8_t jump[6] = { 0xff, 0x25 };
	uint64_t exits[2] = { (uint64_t)native_exit, (uint64_t)native_exit_taken };

	memcpy((void *)rip, bytes, length);
	memcpy((void *)(rip + length), jump, 6);
	memcpy((void *)(rip + length + 6), &exits[0], 8);
	if (target) {
		memcpy((void *)target, jump, 6);
		memcpy((void *)(target + 6), &exits[1], 8);
	}
	native_entry = rip;
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
