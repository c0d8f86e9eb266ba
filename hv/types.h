/* SPDX-License-Identifier: GPL-2.0-only */
/* Address kinds, page geometry and the few general macros of root mode. */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A machine-physical address; for the service domain its own physical address too. */
typedef struct {
	uint64_t raw;
} hpa_t;

/* A guest-physical address. */
typedef struct {
	uint64_t raw;
} gpa_t;

static inline hpa_t hpa(uint64_t raw)
{
	return (hpa_t){ raw };
}

static inline gpa_t gpa(uint64_t raw)
{
	return (gpa_t){ raw };
}

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define KIB (1ul << 10)
#define MIB (1ul << 20)
#define GIB (1ul << 30)

#define BIT(n) (1ul << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Kept out of its callers, which are on the way of every exit. */
#define COLD __attribute__((cold, noinline))

/* Stays a function by its name, for debuggers to stop at. */
#define STOP __attribute__((noinline))

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
	return value & ~(alignment - 1);
}

#endif
