// SPDX-License-Identifier: GPL-2.0-only
/* IN, OUT, INS, OUTS. The PIC's mask register at 0x21 and the PCI configuration registers
 * hold what is written to them. */
#include "cpu.h"

#define PIC_MASK 0x21
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_HOST_BRIDGE 0x80000000u

void test_io_widths(void)
{
	uint32_t id;
	uint64_t rax;

	for (unsigned int i = 0; i < 256; i += 17) {
		outb(PIC_MASK, (uint8_t)i);
		CHECK_EQ(inb(PIC_MASK), i);
	}
	outb(PIC_MASK, 0xff);

	outl(PCI_ADDRESS, PCI_HOST_BRIDGE);
	CHECK_EQ(inl(PCI_ADDRESS), PCI_HOST_BRIDGE);
	id = inl(PCI_DATA);
	CHECK_EQ(id & 0xffff, 0x8086);
	CHECK_EQ(inw(PCI_DATA), id & 0xffff);
	CHECK_EQ(inw(PCI_DATA + 2), id >> 16);
	for (uint16_t i = 0; i < 4; i++)
		CHECK_EQ(inb((uint16_t)(PCI_DATA + i)), id >> (8 * i) & 0xff);

	/* Narrow results leave the rest of RAX alone, 32-bit ones clear it. */
	__asm__ volatile("mov $-1, %%rax; inb %%dx, %%al" : "=a"(rax) : "d"(PCI_DATA));
	CHECK_EQ(rax, 0xffffffffffffff86);
	__asm__ volatile("mov $-1, %%rax; inw %%dx, %%ax" : "=a"(rax) : "d"(PCI_DATA));
	CHECK_EQ(rax, 0xffffffffffff8086);
	__asm__ volatile("mov $-1, %%rax; inl %%dx, %%eax" : "=a"(rax) : "d"(PCI_DATA));
	CHECK_EQ(rax, id);
	/* Prefixes. */
	__asm__ volatile("mov $-1, %%rax; .byte 0x48; inl %%dx, %%eax" : "=a"(rax) : "d"(PCI_DATA));
	CHECK_EQ(rax, id);
	__asm__ volatile("mov $-1, %%rax; .byte 0x67, 0xf3, 0x66; .byte 0xed"
			 : "=a"(rax)
			 : "d"(PCI_DATA));
	CHECK_EQ(rax & 0xffff, id & 0xffff);
	/* Immediate ports. */
	__asm__ volatile("mov $0x5a, %%al; outb %%al, $0x21; mov $0, %%eax; inb $0x21, %%al"
			 : "=a"(rax));
	CHECK_EQ(rax, 0x5a);
	outb(PIC_MASK, 0xff);
}

static uint8_t buffer[8192] __attribute__((aligned(4096)));

/* Functions of an instruction with REP. -> RDI or RSI behind it. */
#define DEFINE_REP(insn, index)                                                                    \
	static uint8_t *rep_##insn(uint16_t port, uint8_t *at, uint64_t count, bool down)          \
	{                                                                                          \
		uint64_t flags = 2 | (down ? 1u << 10 : 0);                                        \
                                                                                                   \
		__asm__ volatile("push %3; popfq; rep " #insn "; cld"                              \
				 : "+c"(count), "+" index(at)                                      \
				 : "d"(port), "r"(flags)                                           \
				 : "memory", "cc");                                                \
		CHECK_EQ(count, 0);                                                                \
		return at;                                                                         \
	}

DEFINE_REP(insb, "D")
DEFINE_REP(insw, "D")
DEFINE_REP(insl, "D")
DEFINE_REP(outsb, "S")

void test_io_strings(void)
{
	uint16_t *words = (uint16_t *)buffer;
	uint32_t id;

	outl(PCI_ADDRESS, PCI_HOST_BRIDGE);
	id = inl(PCI_DATA);
	memset(buffer, 0, sizeof(buffer));
	CHECK_EQ(rep_insw(PCI_DATA, buffer, 100, false), buffer + 200);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(words[i], id & 0xffff);
	CHECK_EQ(words[100], 0);

	/* Across a page, and downwards. */
	memset(buffer, 0, sizeof(buffer));
	CHECK_EQ(rep_insl(PCI_DATA, buffer + 4090, 4, false), buffer + 4106);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(memcmp(buffer + 4090 + 4 * i, &id, 4), 0);
	memset(buffer, 0, sizeof(buffer));
	CHECK_EQ(rep_insb(PCI_DATA + 1, buffer + 4100, 8, true), buffer + 4092);
	CHECK_EQ(buffer[4100], id >> 8 & 0xff);
	CHECK_EQ(buffer[4093], id >> 8 & 0xff);
	CHECK_EQ(buffer[4092], 0);
	/* None. */
	CHECK_EQ(rep_insb(PCI_DATA, buffer, 0, false), buffer);
	CHECK_EQ(buffer[0], 0);

	for (unsigned int i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(i * 7);
	CHECK_EQ(rep_outsb(PIC_MASK, buffer + 4000, 200, false), buffer + 4200);
	CHECK_EQ(inb(PIC_MASK), (uint8_t)(4199 * 7));
	CHECK_EQ(rep_outsb(PIC_MASK, buffer + 4200, 200, true), buffer + 4000);
	CHECK_EQ(inb(PIC_MASK), (uint8_t)(4001 * 7));
	outb(PIC_MASK, 0xff);

	/* A fault in the midst of one: what was read until then stands. */
	*window_pte(WINDOW) = (uint64_t)buffer | PTE_PRESENT | PTE_WRITE;
	*window_pte(WINDOW + 4096) = 0;
	write_cr3(read_cr3());
	memset(buffer, 0, 4096);
	TRY("rep insb", ::"D"(WINDOW + 4090), "c"(10), "d"(PCI_DATA + 1) : "memory");
	CHECK_TRAP(VEC_PF, 2);
	CHECK_EQ(trap.cr2, WINDOW + 4096);
	CHECK_EQ(buffer[4095], id >> 8 & 0xff);
	CHECK_EQ(buffer[4089], 0);
	*window_pte(WINDOW) = 0;
	invlpg((void *)WINDOW);
}

static uint64_t user_in(void)
{
	return inb(PIC_MASK);
}

static uint64_t user_in_word(void)
{
	return inw(PIC_MASK);
}

static uint64_t user_ins(void)
{
	void *at = buffer;

	__asm__ volatile("insb" : "+D"(at) : "d"(PIC_MASK) : "memory");
	return buffer[0];
}

void test_io_permission(void)
{
	outb(PIC_MASK, 0xfb);
	user_call(user_in, 2);
	CHECK_TRAP(VEC_GP, 0);
	user_call(user_ins, 2);
	CHECK_TRAP(VEC_GP, 0);
	CHECK_EQ(user_call(user_in, 2 | FLAG_IOPL), 0xfb);
	tss_allow_port(PIC_MASK, true);
	CHECK_EQ(user_call(user_in, 2), 0xfb);
	CHECK_EQ(user_call(user_ins, 2), 0xfb);
	user_call(user_in_word, 2); /* its second port is not allowed */
	CHECK_TRAP(VEC_GP, 0);
	tss_allow_port(PIC_MASK, false);
	user_call(user_in, 2);
	CHECK_TRAP(VEC_GP, 0);
	outb(PIC_MASK, 0xff);
}
