// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory. The VGA's text buffer holds what is written to it, byte by byte, yet each
 * access to it is the device's: so it serves for every instruction that a hypervisor must
 * emulate.
 */
#include "memory.h"

#define VGA ((volatile uint8_t *)0xb8000)
#define VGA_SIZE 0x8000
#define HPET 0xfed00000ull
#define ROM ((volatile uint8_t *)0xffff0000)

static uint8_t ram[8192] __attribute__((aligned(4096)));

static uint64_t pattern(uint32_t i)
{
	return 0x0123456789abcdefull * (2 * i + 1);
}

/* Loads by one instruction, for the compiler not to choose others. */
#define LOAD(insn, type, at)                                                                       \
	({                                                                                         \
		uint64_t value_ = ~0ull;                                                           \
		__asm__ volatile(insn : "+a"(value_) : "r"(at) : "memory");                        \
		(type) value_;                                                                     \
	})

void test_device_widths(void)
{
	for (uint32_t i = 0; i < 64; i++) {
		volatile uint8_t *at = VGA + 16 + i * 3; /* all alignments */
		uint64_t value = pattern(i);

		__asm__ volatile("mov %0, (%1)" ::"r"(value), "r"(at) : "memory");
		CHECK_EQ(LOAD("mov (%1), %0", uint64_t, at), value);
		CHECK_EQ(LOAD("movl (%1), %%eax", uint64_t, at), (uint32_t)value);
		CHECK_EQ(LOAD("movw (%1), %%ax", uint64_t, at),
			 0xffffffffffff0000 | (uint16_t)value);
		CHECK_EQ(LOAD("movb (%1), %%al", uint64_t, at),
			 0xffffffffffffff00 | (uint8_t)value);
		CHECK_EQ(LOAD("movb (%1), %%ah", uint64_t, at), 0xffffffffffff00ff | (value & 0xff)
											     << 8);
		__asm__ volatile("movl %0, (%1)" ::"r"((uint32_t)~value), "r"(at) : "memory");
		__asm__ volatile("movw %0, 4(%1)" ::"r"((uint16_t)i), "r"(at) : "memory");
		__asm__ volatile("movb %0, 6(%1)" ::"q"((uint8_t)(i + 1)), "r"(at) : "memory");
		CHECK_EQ(LOAD("mov (%1), %0", uint64_t, at),
			 (value & 0xff00000000000000) | (uint64_t)(i + 1) << 48 |
				 (uint64_t)i << 32 | (uint32_t)~value);
	}
	/* Immediates, which are cut or extended. */
	__asm__ volatile("movq $-2, (%0); movl $0x12345678, 8(%0); movw $0x4321, 12(%0);"
			 "movb $0x99, 14(%0)" ::"r"(VGA)
			 : "memory");
	CHECK_EQ(*(volatile uint64_t *)VGA, 0xfffffffffffffffe);
	CHECK_EQ(*(volatile uint64_t *)(VGA + 8) & 0xffffffffffffff, 0x99432112345678);
	/* Addressing: base, index, scale, displacement, absolute, upper registers. */
	__asm__ volatile("mov %0, %%r13; mov $4, %%r14; movl $77, 0x10(%%r13, %%r14, 8)" ::"r"(VGA)
			 : "r13", "r14", "memory");
	CHECK_EQ(LOAD("movl 0xb8030, %%eax", uint32_t, 0), 77);
	CHECK_EQ(*(volatile uint32_t *)(VGA + 0x30), 77);
	/* By segment. */
	wrmsr(0xc0000101, 0xb8000);
	__asm__ volatile("movb $0x66, %%gs:0x40" ::: "memory");
	CHECK_EQ(VGA[0x40], 0x66);
	wrmsr(0xc0000101, 0);
}

/* An instruction leaves the same behind, flags too, in the device as in RAM. */
#define CHANGE(insn, before)                                                                       \
	do {                                                                                       \
		uint64_t flags_device_, flags_ram_;                                                \
		volatile uint64_t in_ram_ = (before);                                              \
		*(volatile uint64_t *)VGA = (before);                                              \
		__asm__ volatile("push $2; popfq; " insn "; pushfq; pop %0"                        \
				 : "=r"(flags_device_)                                             \
				 : "r"(VGA), "a"(0x5aull), "c"(3ull)                               \
				 : "memory", "cc");                                                \
		__asm__ volatile("push $2; popfq; " insn "; pushfq; pop %0"                        \
				 : "=r"(flags_ram_)                                                \
				 : "r"(&in_ram_), "a"(0x5aull), "c"(3ull)                          \
				 : "memory", "cc");                                                \
		CHECK_EQ(*(volatile uint64_t *)VGA, in_ram_);                                      \
		CHECK_EQ(flags_device_, flags_ram_);                                               \
	} while (0)

void test_device_change(void)
{
	static const uint64_t values[] = { 0,
					   1,
					   0x7f,
					   0x80,
					   0xff,
					   0x7fffffff,
					   0x80000000,
					   0xffffffff,
					   0x7fffffffffffffff,
					   0x8000000000000000,
					   0xffffffffffffffff,
					   0x5a,
					   0x123456789abcdef0 };

	for (uint32_t i = 0; i < ARRAY_SIZE(values); i++) {
		CHANGE("addb %%al, (%1)", values[i]);
		CHANGE("addl $0x12345, (%1)", values[i]);
		CHANGE("add %%rax, (%1)", values[i]);
		CHANGE("adcw %%ax, (%1)", values[i]);
		CHANGE("sub %%rax, (%1)", values[i]);
		CHANGE("sbbb $1, (%1)", values[i]);
		CHANGE("andl %%eax, (%1)", values[i]);
		CHANGE("orw $0x55, (%1)", values[i]);
		CHANGE("xorb %%al, (%1)", values[i]);
		CHANGE("cmpl %%eax, (%1)", values[i]);
		CHANGE("cmpb $0x5a, (%1)", values[i]);
		CHANGE("testb $0x80, (%1)", values[i]);
		CHANGE("test %%rax, (%1)", values[i]);
		CHANGE("incb (%1)", values[i]);
		CHANGE("decl (%1)", values[i]);
		CHANGE("notq (%1)", values[i]);
		CHANGE("negw (%1)", values[i]);
		CHANGE("lock orl %%eax, (%1)", values[i]);
		CHANGE("btsl $5, (%1)", values[i]);
		CHANGE("btrl $3, (%1)", values[i]);
		CHANGE("xchg %%al, (%1)", values[i]);
		CHANGE("lock cmpxchgl %%ecx, (%1)", values[i]);
		CHANGE("push (%1); popq 8(%1)", values[i]);
	}
	*(volatile uint32_t *)VGA = 0x11112222;
	CHECK_EQ(LOAD("mov $0x33334444, %%eax; xchg %%eax, (%1)", uint32_t, VGA), 0x11112222);
	CHECK_EQ(*(volatile uint32_t *)VGA, 0x33334444);
	CHECK_EQ(LOAD("mov $0x10, %%eax; lock xadd %%eax, (%1)", uint32_t, VGA), 0x33334444);
	CHECK_EQ(*(volatile uint32_t *)VGA, 0x33334454);
}

void test_device_extend(void)
{
	*(volatile uint64_t *)VGA = 0xfedcba9876543280;
	CHECK_EQ(LOAD("movzbl (%1), %%eax", uint64_t, VGA), 0x80);
	CHECK_EQ(LOAD("movzbw (%1), %%ax", uint64_t, VGA), 0xffffffffffff0080);
	CHECK_EQ(LOAD("movzwl 6(%1), %%eax", uint64_t, VGA), 0xfedc);
	CHECK_EQ(LOAD("movzwq 6(%1), %%rax", uint64_t, VGA), 0xfedc);
	CHECK_EQ(LOAD("movsbl (%1), %%eax", uint64_t, VGA), 0xffffff80);
	CHECK_EQ(LOAD("movsbq (%1), %%rax", uint64_t, VGA), 0xffffffffffffff80);
	CHECK_EQ(LOAD("movswq 6(%1), %%rax", uint64_t, VGA), 0xfffffffffffffedc);
	CHECK_EQ(LOAD("movslq 4(%1), %%rax", uint64_t, VGA), 0xfffffffffedcba98);
	CHECK_EQ(LOAD("mov $1, %%eax; addl (%1), %%eax", uint32_t, VGA), 0x76543281);
	CHECK_EQ(LOAD("xor %%eax, %%eax; cmpl $0, (%1); sete %%al", uint32_t, VGA), 0);
	CHECK_EQ(LOAD("btl $7, (%1); setc %%al", uint8_t, VGA), 1);
	CHECK_EQ(LOAD("xor %%eax, %%eax; orb (%1), %%al", uint32_t, VGA), 0x80);
}

static void fill_ram(void)
{
	for (uint32_t i = 0; i < sizeof(ram); i++)
		ram[i] = (uint8_t)(i * 37 + (i >> 8));
}

/* REP instruction between two places. */
#define DEFINE_STRING(name, insn)                                                                  \
	static void name(const volatile void *from, volatile void *to, uint64_t count, bool down)  \
	{                                                                                          \
		uint64_t flags = 2 | (down ? 1u << 10 : 0);                                        \
                                                                                                   \
		__asm__ volatile("push %3; popfq; rep " insn "; cld"                               \
				 : "+S"(from), "+D"(to), "+c"(count)                               \
				 : "r"(flags), "a"(0x1122334455667788)                             \
				 : "memory", "cc");                                                \
		CHECK_EQ(count, 0);                                                                \
	}

DEFINE_STRING(rep_movsb, "movsb")
DEFINE_STRING(rep_movsw, "movsw")
DEFINE_STRING(rep_movsl, "movsl")
DEFINE_STRING(rep_movsq, "movsq")
DEFINE_STRING(rep_stosb, "stosb")
DEFINE_STRING(rep_stosq, "stosq")

void test_device_strings(void)
{
	uint64_t left;
	const volatile uint8_t *at;

	fill_ram();
	rep_movsb(ram + 3, VGA + 5, 777, false);
	CHECK_EQ(memcmp((const void *)(VGA + 5), ram + 3, 777), 0);
	rep_movsw(ram, VGA, 500, false);
	CHECK_EQ(memcmp((const void *)VGA, ram, 1000), 0);
	rep_movsl(ram + 100, VGA + 0x800, 250, false);
	CHECK_EQ(memcmp((const void *)(VGA + 0x800), ram + 100, 1000), 0);
	rep_movsq(VGA + 0x800, VGA + 0x2000, 125, false); /* within the device */
	CHECK_EQ(memcmp((const void *)(VGA + 0x2000), ram + 100, 1000), 0);
	memset(ram + 4096, 0, 4096);
	rep_movsq(VGA + 0x800, ram + 4100, 100, false); /* and back */
	CHECK_EQ(memcmp(ram + 4100, ram + 100, 800), 0);
	rep_movsb(ram + 200, VGA + 0x1200, 100, true); /* downwards */
	CHECK_EQ(memcmp((const void *)(VGA + 0x1200 - 99), ram + 101, 100), 0);
	rep_stosb(ram, VGA, 100, false);
	CHECK_EQ(VGA[99], 0x88);
	CHECK_EQ(VGA[100], ram[100]);
	rep_stosq(ram, VGA + 0x1000, 20, false);
	CHECK_EQ(*(volatile uint64_t *)(VGA + 0x1000 + 19 * 8), 0x1122334455667788);

	/* Scanning and comparing stop where they should. */
	rep_movsb(ram, VGA, 300, false);
	VGA[150] ^= 0xff;
	left = 300;
	at = VGA;
	__asm__ volatile("repe cmpsb" : "+S"(at), "+c"(left) : "D"(ram) : "memory", "cc");
	CHECK_EQ(at, VGA + 151);
	CHECK_EQ(left, 149);
	left = 300;
	at = VGA;
	__asm__ volatile("repne scasb" : "+D"(at), "+c"(left) : "a"(VGA[77]) : "memory", "cc");
	CHECK(at <= VGA + 78 && at[-1] == VGA[77]);
	at = VGA + 8;
	__asm__ volatile("lodsl" : "+S"(at), "=a"(left) : : "memory");
	CHECK_EQ(at, VGA + 12);
	CHECK_EQ((uint32_t)left, *(volatile uint32_t *)(VGA + 8));
}

void test_device_cross(void)
{
	fill_ram();
	/* From page to page of the device. */
	for (uint32_t i = 1; i < 8; i++) {
		volatile uint64_t *at = (volatile uint64_t *)(VGA + 0x1000 - i);

		*at = pattern(i);
		CHECK_EQ(*at, pattern(i));
		CHECK_EQ(VGA[0x1000], pattern(i) >> 8 * i & 0xff);
		CHECK_EQ(VGA[0xfff], pattern(i) >> 8 * (i - 1) & 0xff);
	}
	rep_movsb(ram, VGA + 0x1f00, 0x800, false);
	CHECK_EQ(memcmp((const void *)(VGA + 0x1f00), ram, 0x800), 0);
	/* From RAM into the device and out of it, in one access. */
	*window_pte(WINDOW) = (uint64_t)ram | PTE_PRESENT | PTE_WRITE;
	*window_pte(WINDOW + 4096) = (uint64_t)VGA | PTE_PRESENT | PTE_WRITE;
	*window_pte(WINDOW + 8192) = (uint64_t)ram | PTE_PRESENT | PTE_WRITE;
	write_cr3(read_cr3());
	for (uint32_t i = 1; i < 8; i++) {
		volatile uint64_t *in = (volatile uint64_t *)(WINDOW + 4096 - i);
		volatile uint64_t *out = (volatile uint64_t *)(WINDOW + 8192 - i);

		*in = pattern(i);
		CHECK_EQ(*in, pattern(i));
		CHECK_EQ(ram[4095], pattern(i) >> 8 * (i - 1) & 0xff);
		CHECK_EQ(VGA[0], pattern(i) >> 8 * i & 0xff);
		*out = ~pattern(i);
		CHECK_EQ(*out, ~pattern(i));
		CHECK_EQ(VGA[0xfff], ~pattern(i) >> 8 * (i - 1) & 0xff);
		CHECK_EQ(ram[0], ~pattern(i) >> 8 * i & 0xff);
	}
	/* The second page is not there: nothing is written, and CR2 names it. */
	*window_pte(WINDOW + 8192) = 0;
	write_cr3(read_cr3());
	VGA[0xfff] = 0x42;
	TRY("movl $-1, (%0)", ::"r"(WINDOW + 8191) : "memory");
	CHECK_TRAP(VEC_PF, 2);
	CHECK_EQ(trap.cr2, WINDOW + 8192);
	CHECK_EQ(VGA[0xfff], 0x42);
	*window_pte(WINDOW) = *window_pte(WINDOW + 4096) = 0;
	write_cr3(read_cr3());
}

void test_device_sse(void)
{
	fill_ram();
	__asm__ volatile("movdqu (%0), %%xmm3; movdqu %%xmm3, (%1)" ::"r"(ram + 1), "r"(VGA + 1)
			 : "memory");
	CHECK_EQ(memcmp((const void *)(VGA + 1), ram + 1, 16), 0);
	__asm__ volatile("movaps (%0), %%xmm4; movaps %%xmm4, (%1)" ::"r"(ram + 32), "r"(VGA + 32)
			 : "memory");
	CHECK_EQ(memcmp((const void *)(VGA + 32), ram + 32, 16), 0);
	__asm__ volatile("movdqa (%0), %%xmm9; movdqa %%xmm9, (%1)" ::"r"(VGA + 32), "r"(ram + 64)
			 : "memory");
	CHECK_EQ(memcmp(ram + 64, ram + 32, 16), 0);
	__asm__ volatile("movups (%0), %%xmm1; movntps %%xmm1, (%1)" ::"r"(ram + 16), "r"(VGA + 48)
			 : "memory");
	CHECK_EQ(memcmp((const void *)(VGA + 48), ram + 16, 16), 0);
	__asm__ volatile("movnti %0, (%1)" ::"r"(0x12345678), "r"(VGA) : "memory");
	CHECK_EQ(*(volatile uint32_t *)VGA, 0x12345678);
}

void test_device_registers(void)
{
	uint32_t version = apic_read(APIC_VERSION), period;
	uint64_t before, after;

	CHECK((version & 0xff) >= 0x10 && (version & 0xff) <= 0x1f);
	for (uint32_t i = 0; i < 256; i += 16) {
		apic_write(APIC_TPR, i);
		CHECK_EQ(apic_read(APIC_TPR), i);
	}
	apic_write(APIC_TPR, 0);
	CHECK_EQ(LOAD("movl 0xfee00030, %%eax", uint32_t, 0), version);

	period = *(volatile uint32_t *)(HPET + 4);
	if (period == 0 || period > 100000000) {
		skip("no HPET");
		return;
	}
	CHECK_EQ(*(volatile uint64_t *)HPET >> 32, period);
	*(volatile uint32_t *)(HPET + 0x10) |= 1; /* on */
	before = *(volatile uint64_t *)(HPET + 0xf0);
	for (uint32_t i = 0; i < 1000; i++)
		cpuid(0, 0);
	after = *(volatile uint64_t *)(HPET + 0xf0);
	CHECK(after > before);
	*(volatile uint32_t *)(HPET + 0x10) &= ~1u;
}

void test_device_paging(void)
{
	/* The walk marks the entry as it does for memory. */
	*window_pte(WINDOW) = (uint64_t)VGA | PTE_PRESENT | PTE_WRITE;
	invlpg((void *)WINDOW);
	CHECK_EQ(*(volatile uint8_t *)WINDOW, VGA[0]);
	CHECK_EQ(*window_pte(WINDOW) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED);
	*(volatile uint8_t *)WINDOW = 0x31;
	CHECK_EQ(VGA[0], 0x31);
	CHECK_EQ(*window_pte(WINDOW) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
	/* Permission comes first. */
	*window_pte(WINDOW) = (uint64_t)VGA | PTE_PRESENT;
	invlpg((void *)WINDOW);
	TRY("movb $1, (%0)", ::"r"(WINDOW) : "memory");
	CHECK_TRAP(VEC_PF, 3);
	TRY("orb $1, (%0)", ::"r"(WINDOW) : "memory");
	CHECK_TRAP(VEC_PF, 3);
	CHECK_EQ(VGA[0], 0x31);
	*window_pte(WINDOW) = 0;
	invlpg((void *)WINDOW);
}

void test_rom(void)
{
	uint8_t before[16];

	for (uint32_t i = 0; i < 16; i++)
		before[i] = ROM[0xfff0 + i];
	CHECK_EQ(before[0], 0xea); /* the jump at the reset vector */
	for (uint32_t i = 0; i < 16; i++)
		ROM[0xfff0 + i] = (uint8_t)~before[i];
	__asm__ volatile("orl $-1, (%0); incb 4(%0)" ::"r"(ROM + 0xfff0) : "memory");
	for (uint32_t i = 0; i < 16; i++)
		CHECK_EQ(ROM[0xfff0 + i], before[i]);
}
