// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process of the service domain beside a running guest: fills its x87, SSE and AVX
 * registers with values of its own (beginning with 0x70, 'p'), works or sleeps for a while,
 * and looks that they are still its own. Ends by SIGTERM with status 0, or 1 if a value got
 * lost; a guest's would begin with 0x67 ('g').
 */
#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define IMAGE_SIZE 4096

static const struct {
	uint32_t offset, size, count;
} places[] = { { 32, 8, 8 }, { 160, 16, 16 }, { 576, 16, 16 } };

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static void fill(uint8_t *image, uint64_t turn, uint64_t components)
{
	memset(image, 0, IMAGE_SIZE);
	memcpy(image, "\x7f\x03", 2);
	image[4] = 0xff; /* all x87 registers in use */
	memcpy(image + 24, "\x80\x1f", 2);
	memcpy(image + 512, &components, sizeof(components));
	for (uint32_t p = 0; p < (components & 4 ? 3 : 2); p++) {
		for (uint32_t i = 0; i < places[p].count; i++) {
			uint64_t value = 0x7000000000000000 | turn << 16 | (0x20 * p + i) << 8 |
					 0x70;
			uint64_t upper = places[p].size == 16 ? ~value : 0x4000;

			memcpy(image + places[p].offset + 16 * i, &value, 8);
			memcpy(image + places[p].offset + 16 * i + 8, &upper, 8);
		}
	}
}

static int differs(const uint8_t *got, const uint8_t *wanted, uint64_t components, uint64_t turn)
{
	for (uint32_t p = 0; p < (components & 4 ? 3 : 2); p++) {
		for (uint32_t i = 0; i < places[p].count; i++) {
			uint32_t at = places[p].offset + 16 * i;
			uint64_t value;

			if (memcmp(got + at, wanted + at, places[p].size) == 0)
				continue;
			memcpy(&value, got + at, 8);
			printf("probe: turn %lu: register %u of kind %u became %#lx\n", turn, i, p,
			       value);
			return 1;
		}
	}
	return 0;
}

/* Loads all of `set`, passes the time, stores all in `got`; no C code in between. */
static void turn_once(const uint8_t *set, uint8_t *got, long spins, uint64_t mask)
{
	__asm__ volatile(
		"xrstor64 (%[set])\n"
		"mov %[spins], %%rcx\n"
		"1: dec %%rcx\n"
		"jnz 1b\n"
		"mov $24, %%eax\n" /* sched_yield */
		"syscall\n"
		"mov %[low], %%eax\n"
		"xsave64 (%[got])"
		:
		: [set] "r"(set), [got] "r"(got), [spins] "r"(spins), [low] "r"((uint32_t)mask),
		  "a"((uint32_t)mask), "d"(0)
		: "rcx", "r11", "memory");
}

int main(void)
{
	static uint8_t set[IMAGE_SIZE] __attribute__((aligned(64)));
	static uint8_t got[IMAGE_SIZE] __attribute__((aligned(64)));
	uint32_t eax, ebx, ecx, edx, low, high;
	uint64_t turn, components;
	int failed = 0;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) {
		printf("probe: needs a processor and a kernel with XSAVE\n");
		return 2;
	}
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	components = low & 7;
	signal(SIGTERM, end);
	for (turn = 0; !ended && !failed; turn++) {
		fill(set, turn, components);
		memset(got, 0, sizeof(got));
		turn_once(set, got, 20000, components);
		failed = differs(got, set, components, turn);
		if (turn % 16 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	printf("probe: %lu turns, %s\n", turn, failed ? "FAILED" : "nothing foreign seen");
	return failed;
}
