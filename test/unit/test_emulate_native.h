/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs single instructions on the processor that the test itself runs on. */
#ifndef TEST_EMULATE_NATIVE_H
#define TEST_EMULATE_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The same addresses on both sides; below 2^31, for every form of addressing. */
#define NATIVE_DATA 0x10000000ull
#define NATIVE_DATA_SIZE 0x3000ull
#define NATIVE_CODE 0x20000000ull
#define NATIVE_CODE_SIZE 0x1000ull

struct native_state {
	uint64_t gpr[16]; /* in the order of their numbers */
	uint64_t rflags;
	uint64_t taken; /* out: it came back by native_exit_taken */
	uint8_t vector[16][32];
};

enum native_feature {
	NATIVE_ALWAYS, NATIVE_MOVBE, NATIVE_POPCNT, NATIVE_CX16, NATIVE_SSE41, NATIVE_LZCNT,
	NATIVE_BMI1, NATIVE_AVX,
};

enum native_width { NATIVE_64, NATIVE_32, NATIVE_16 };

/* 64-bit code, 32-bit code with flat segments, and 16-bit code with segments of
 * 64 KiB at NATIVE_CODE and NATIVE_DATA. */
struct native_mode {
	unsigned int width;
	uint16_t code, data; /* selectors; 0: those of 64-bit code */
	uint64_t code_base, data_base;
};
extern const struct native_mode native_modes[];

/* Ways out of the code, for 64-bit code. */
extern void native_exit(void);
extern void native_exit_taken(void);

void native_init(void);
/* Once in each test: the test framework has handlers of its own. */
void native_catch_signals(void);
bool native_cpu_has(enum native_feature feature);

/* Whether the kernel lets us run such code. */
bool native_has_mode(enum native_width width);

/* Where (as an offset in the code segment) an instruction may jump to, and be
 * counted as taken. */
uint64_t native_taken_address(enum native_width width);

/* Puts an instruction at offset `rip` of the code segment, and behind it, and at
 * offset `target` if that is not 0, the ways out. */
void native_place(enum native_width width, uint64_t rip, const uint8_t *bytes, unsigned int length,
		  uint64_t target);

/* Runs what was placed. -> 0, or the number of the signal that it ended in; then
 * the registers are not updated. */
int native_execute(struct native_state *state);

#endif
