/* SPDX-License-Identifier: GPL-2.0-only */
/* What the unit tests share: cmocka, captured log messages, physical memory. */
#ifndef UNIT_SUPPORT_H
#define UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/*
 * Physical memory of a machine: one block at 0, zeroed and page-aligned, which
 * phys_map() reaches. In strict mode each call returns a copy of exactly the bytes
 * asked for, so that the address sanitizer sees every read beyond them; writes
 * are lost then.
 */
extern uint8_t *memory;
void memory_create(size_t size);
void memory_destroy(void);
void memory_strict(bool strict);

void put8(uint64_t pa, uint8_t value);
void put32(uint64_t pa, uint32_t value);
void put64(uint64_t pa, uint64_t value);
void put_string(uint64_t pa, const char *text);

/* The messages logged since the last log_forget(), unless the code under test
 * has hv/log.c itself. */
bool log_has(const char *part);
void log_forget(void);

/* Reproducible pseudo-random numbers. */
uint32_t random_next(void);
void random_seed(uint64_t seed);

#endif
