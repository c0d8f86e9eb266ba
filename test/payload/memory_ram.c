// SPDX-License-Identifier: GPL-2.0-only
/* RAM: code that is written before it runs, and the tables over it. */
#include "memory.h"

/* Beyond the image. */
#define FREE_RAM 0x1000000ull

static uint8_t pages[4][4096] __attribute__((aligned(4096)));

/* MOV EAX, value; RET */
static void write_code(uint8_t *at, uint32_t value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static uint32_t call(const uint8_t *at)
{
	uint32_t result;

	__asm__ volatile("call *%1" : "=a"(result) : "r"(at) : "memory");
	return result;
}

void test_self_modifying(void)
{
	uint32_t result;

	for (uint32_t i = 0; i < 500; i++) {
		write_code(pages[0], i);
		CHECK_EQ(call(pages[0]), i);
		/* Across two pages. */
		write_code(pages[1] - 3, i ^ 0x55aa55aa);
		CHECK_EQ(call(pages[1] - 3), i ^ 0x55aa55aa);
	}
	/* The next instruction but one, in the stream that is running. */
	for (uint32_t i = 0; i < 100; i++) {
		__asm__ volatile("movl %1, smc_here + 1\n\t"
				 "jmp 1f\n"
				 "1:\n"
				 "smc_here: mov $0x11111111, %0"
				 : "=a"(result)
				 : "r"(i)
				 : "memory");
		CHECK_EQ(result, i);
	}
	/* By way of another address. */
	*window_pte(WINDOW) = (uint64_t)pages[2] | PTE_PRESENT | PTE_WRITE;
	invlpg((void *)WINDOW);
	for (uint32_t i = 0; i < 500; i++) {
		write_code((uint8_t *)WINDOW, i);
		CHECK_EQ(call(pages[2]), i);
	}
	*window_pte(WINDOW) = 0;
	invlpg((void *)WINDOW);
}

/* Each page is run where nothing ever was, and in turns through one address. */
void test_fresh_code(void)
{
	for (uint32_t i = 0; i < 500; i++) {
		uint8_t *page = (uint8_t *)FREE_RAM + i * 0x5000ull;

		write_code(page + 100, i);
		CHECK_EQ(call(page + 100), i);
	}
	for (uint32_t i = 0; i < 500; i++) {
		*window_pte(WINDOW) = (FREE_RAM + i * 0x5000ull) | PTE_PRESENT;
		invlpg((void *)WINDOW);
		CHECK_EQ(call((const uint8_t *)WINDOW + 100), i);
	}
	*window_pte(WINDOW) = 0;
	invlpg((void *)WINDOW);
}

void test_apart(void)
{
	*window_pte(WINDOW) = (uint64_t)pages[3] | PTE_PRESENT | PTE_WRITE;
	*window_pte(WINDOW + 4096) = (uint64_t)pages[1] | PTE_PRESENT | PTE_WRITE;
	write_cr3(read_cr3());
	for (uint32_t i = 1; i < 8; i++) {
		volatile uint64_t *at = (volatile uint64_t *)(WINDOW + 4096 - i);
		uint64_t value = 0x0123456789abcdefull * (2 * i + 1);

		*at = value;
		CHECK_EQ(pages[3][4095], value >> 8 * (i - 1) & 0xff);
		CHECK_EQ(pages[1][0], value >> 8 * i & 0xff);
		__asm__ volatile("lock addq $1, (%0)" ::"r"(at) : "memory");
		CHECK_EQ(*at, value + 1);
	}
	*window_pte(WINDOW) = *window_pte(WINDOW + 4096) = 0;
	write_cr3(read_cr3());
}

/* ---- Demand paging, as an operating system does it ---- */

static volatile uint32_t faults;

static bool page_in(struct trap_frame *frame)
{
	uint64_t address = read_cr2();

	if (frame->vector != VEC_PF || address < WINDOW || address >= WINDOW + (2 << 20))
		return false;
	*window_pte(address) = (FREE_RAM + (address - WINDOW) * 3 / 4096 * 4096) | PTE_PRESENT |
			       PTE_WRITE;
	faults++;
	return true;
}

void test_demand(void)
{
	trap_hook = page_in;
	for (uint32_t turn = 0; turn < 4; turn++) {
		uint32_t stride = turn * 2 + 1;

		for (uint32_t i = 0; i < 512; i++)
			*window_pte(WINDOW + i * 4096ull) = 0;
		write_cr3(read_cr3());
		faults = 0;
		for (uint32_t i = 0; i < 512; i++) {
			uint32_t page = i * stride % 512;

			*(volatile uint32_t *)(WINDOW + page * 4096ull + turn * 4) = page + turn;
		}
		CHECK_EQ(faults, 512);
		for (uint32_t page = 0; page < 512; page++)
			CHECK_EQ(*(volatile uint32_t *)(WINDOW + page * 4096ull + turn * 4),
				 page + turn);
		CHECK_EQ(faults, 512);
		/* A string that pages in as it goes. */
		for (uint32_t i = 0; i < 512; i += 2)
			*window_pte(WINDOW + i * 4096ull) = 0;
		write_cr3(read_cr3());
		memset((void *)WINDOW, (int)turn, 2 << 20);
		CHECK_EQ(faults, 768);
		CHECK_EQ(*(volatile uint8_t *)(WINDOW + (2 << 20) - 1), turn);
	}
	trap_hook = NULL;
	for (uint32_t i = 0; i < 512; i++)
		*window_pte(WINDOW + i * 4096ull) = 0;
	write_cr3(read_cr3());
}

/* A value of its own in every page of RAM, written upwards, read downwards. */
void test_ram(void)
{
	uint64_t end = 0x100000 + ram_size(), at;

	CHECK(ram_size() >= 32 << 20);
	for (at = FREE_RAM; at < end; at += 4096) {
		*(volatile uint64_t *)at = at * 0x9e3779b97f4a7c15ull;
		*(volatile uint64_t *)(at + 4088) = ~at;
	}
	for (at = end - 4096; at >= FREE_RAM; at -= 4096) {
		if (*(volatile uint64_t *)at != at * 0x9e3779b97f4a7c15ull ||
		    *(volatile uint64_t *)(at + 4088) != ~at) {
			CHECK_EQ(*(volatile uint64_t *)at, at * 0x9e3779b97f4a7c15ull);
			return;
		}
	}
}
