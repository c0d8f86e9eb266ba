/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the payload guests share. A payload is a Multiboot image that checks the machine it
 * runs on, prints TAP lines to the first serial port, and ends through QEMU's
 * isa-debug-exit device at port 0xf4: QEMU's status is 1 if all is well, else 3.
 *
 * Code is 64-bit but for the payload `modes`, which is 32-bit and below. All memory up to
 * 4 GiB is mapped where it is, writable, executable, and not for ring 3.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- Tests ---- */

struct test {
	const char *name;
	void (*run)(void);
};

/* Runs the tests and ends the machine. */
_Noreturn void tests_run(const struct test *tests, unsigned int count);

/* Knows %s, %c, %d, %u, %x and %lx. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The running test has failed; says why. */
void fail(const char *file, int line, const char *what, uint64_t got, uint64_t wanted);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail(__FILE__, __LINE__, #condition, 0, 1);                                \
	} while (0)

#define CHECK_EQ(got, wanted)                                                                      \
	do {                                                                                       \
		uint64_t got_ = (uint64_t)(got), wanted_ = (uint64_t)(wanted);                     \
		if (got_ != wanted_)                                                               \
			fail(__FILE__, __LINE__, #got, got_, wanted_);                             \
	} while (0)

/* The running test cannot be made on this machine; says why. */
void skip(const char *why);

/*
 * Whether the processor at the bottom is QEMU's software one (the argument emulated=1), and
 * whether there is no hypervisor on it: for the few places where it departs from the manual.
 */
bool emulated(void);
bool on_tcg(void);

/* ---- Memory and strings ---- */

void *memset(void *at, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* The words of the command line that QEMU's -append gives: whether `word` is one, and the
 * number behind "name=". */
uint64_t argument(const char *name, uint64_t otherwise);

/* Bytes of contiguous RAM from 1 MiB up, as the boot loader says. */
uint64_t ram_size(void);

/* ---- The processor ---- */

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t rdmsr(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t index, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* MSRs that a guest reads and writes without exits, and bits of them that may have any value. */
extern const struct msr_bits {
	uint32_t index;
	uint64_t bits;
} direct_msrs[];
unsigned int direct_msr_count(void);

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

#define DEFINE_REGISTER(name)                                                                      \
	static inline uintptr_t read_##name(void)                                                  \
	{                                                                                          \
		uintptr_t value;                                                                   \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value)::"memory");                   \
		return value;                                                                      \
	}                                                                                          \
	static inline void write_##name(uintptr_t value)                                           \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name ::"r"(value) : "memory");                      \
	}

DEFINE_REGISTER(cr0)
DEFINE_REGISTER(cr2)
DEFINE_REGISTER(cr3)
DEFINE_REGISTER(cr4)
DEFINE_REGISTER(dr0)
DEFINE_REGISTER(dr1)
DEFINE_REGISTER(dr2)
DEFINE_REGISTER(dr3)
DEFINE_REGISTER(dr6)
DEFINE_REGISTER(dr7)
#ifdef __x86_64__
DEFINE_REGISTER(cr8)
#endif
#undef DEFINE_REGISTER

static inline void invlpg(const volatile void *at)
{
	__asm__ volatile("invlpg (%0)" ::"r"(at) : "memory");
}

#define CR0_PE (1u << 0)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_PG (1u << 31)
#define CR4_VME (1u << 0)
#define CR4_TSD (1u << 2)
#define CR4_DE (1u << 3)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXSAVE (1u << 18)
#define FLAG_TF (1u << 8)
#define FLAG_IF (1u << 9)
#define FLAG_IOPL (3u << 12)
#define FLAG_RF (1u << 16)
#define FLAG_VM (1u << 17)
#define FLAG_AC (1u << 18)

#define MSR_EFER 0xc0000080u
#define EFER_SCE 1u
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)
#define EFER_SVME (1u << 12)

/* ---- Traps ---- */

enum vector {
	VEC_DE = 0,
	VEC_DB = 1,
	VEC_NMI = 2,
	VEC_BP = 3,
	VEC_OF = 4,
	VEC_BR = 5,
	VEC_UD = 6,
	VEC_NM = 7,
	VEC_DF = 8,
	VEC_TS = 10,
	VEC_NP = 11,
	VEC_SS = 12,
	VEC_GP = 13,
	VEC_PF = 14,
	VEC_MF = 16,
	VEC_AC = 17,
	VEC_NONE = 255,
};

struct trap_frame {
#ifdef __x86_64__
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
#else
	uint32_t handler_es, handler_ds; /* of protected mode */
	uint32_t edi, esi, ebp, esp_, ebx, edx, ecx, eax;
	uint32_t vector, error;
	uint32_t rip, cs, rflags;
	uint32_t rsp, ss;        /* from another ring only */
	uint32_t es, ds, fs, gs; /* from V86 mode only */
#endif
};

/* The last trap since trap_forget(). */
struct trap {
	uint32_t count;
	uint32_t vector, error; /* VEC_NONE: none */
	uintptr_t rip, cs, cr2, dr6, rflags;
};
extern volatile struct trap trap;

/* Where execution goes on after the next exception; 0: nowhere, then it is fatal unless
 * trap_hook takes it. */
extern volatile uintptr_t trap_resume;

/* Called for every trap and interrupt first; true: dealt with. */
extern bool (*volatile trap_hook)(struct trap_frame *frame);

void trap_forget(void);

/* The code of one or more instructions, in which a trap leads to behind the last. Operands as
 * of asm. */
#ifdef __x86_64__
#define STORE_WORD "movq"
#else
#define STORE_WORD "movl"
#endif
#define TRY(code, ...)                                                                             \
	do {                                                                                       \
		trap_forget();                                                                     \
		__asm__ volatile(STORE_WORD " $9f, trap_resume\n\t" code "\n\t"                    \
					    "9: " STORE_WORD " $0, trap_resume" __VA_ARGS__);      \
	} while (0)

#define CHECK_TRAP(wanted_vector, wanted_error)                                                    \
	do {                                                                                       \
		CHECK_EQ(trap.vector, wanted_vector);                                              \
		CHECK_EQ(trap.error, wanted_error);                                                \
	} while (0)
#define CHECK_NO_TRAP() CHECK_EQ(trap.vector, VEC_NONE)

/* ---- 64-bit only: descriptor tables, ring 3, paging, the local APIC ---- */

#define SEL_CODE32 0x08
#define SEL_DATA 0x10
#define SEL_CODE 0x18
#define SEL_USER_CODE32 0x20
#define SEL_USER_DATA 0x28
#define SEL_USER_CODE 0x30
#define SEL_TSS 0x38
#define SEL_ABSENT 0x48 /* a data segment that is not present */
#define SEL_LIMIT 0x50  /* beyond the table */

/* Makes an IDT gate for `vector` without a handler, or puts it right again. */
void idt_break(unsigned int vector, bool broken);

/* Vectors from 32: as an interrupt, or an INT of ring 3. */
void idt_user(unsigned int vector);

/* The I/O permission bit of one port in the TSS. */
void tss_allow_port(uint16_t port, bool allow);

/*
 * Calls `function` in ring 3 with these flags, on a stack of its own. A trap there ends it,
 * as does its return. -> its return value, if it returned.
 */
uint64_t user_call(uint64_t (*function)(void), uint64_t rflags);

/* Page-table bits. */
#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_USER 4ull
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY (1ull << 6)
#define PTE_LARGE (1ull << 7)
#define PTE_NX (1ull << 63)

/* The 4 KiB entry for `address` in a window of 2 MiB that nothing else uses. */
#define WINDOW 0x8000000000ull
volatile uint64_t *window_pte(uint64_t address);

#define APIC_BASE 0xfee00000ull
#define APIC_ID 0x20
#define APIC_VERSION 0x30
#define APIC_TPR 0x80
#define APIC_EOI 0xb0
#define APIC_SPURIOUS 0xf0
#define APIC_ICR_LOW 0x300
#define APIC_ICR_ASSERT (1u << 14)
#define APIC_ICR_HIGH 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE 0x3e0

static inline uint32_t apic_read(uint32_t reg)
{
	return *(volatile uint32_t *)(uintptr_t)(APIC_BASE + reg);
}

static inline void apic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(uintptr_t)(APIC_BASE + reg) = value;
}

void apic_enable(void);
/* Sends this processor an interrupt, or an NMI. */
void apic_self_ipi(uint8_t vector);
void apic_self_nmi(void);
/* One interrupt after about `ticks` of the bus clock. */
void apic_timer(uint8_t vector, uint32_t ticks);

/* Counts interrupts of `vector` and acknowledges them. */
void interrupt_count(uint8_t vector);
extern volatile uint32_t interrupts;
extern volatile uintptr_t interrupt_rip; /* where the last one came in */

#endif
