// SPDX-License-Identifier: GPL-2.0-only
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hv/log.h"
#include "hv/phys.h"

uint8_t *memory;
static size_t memory_size;
static bool memory_is_strict;
static void **copies;
static size_t copy_count;

void memory_create(size_t size)
{
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	memory_size = size;
	memory_is_strict = false;
}

static void copies_free(void)
{
	while (copy_count)
		free(copies[--copy_count]);
	free(copies);
	copies = NULL;
}

void memory_destroy(void)
{
	copies_free();
	munmap(memory, memory_size);
	memory = NULL;
}

void memory_strict(bool strict)
{
	copies_free();
	memory_is_strict = strict;
}

void *phys_map(uint64_t pa, size_t len)
{
	void *copy;

	if (len > memory_size || pa > memory_size - len)
		return NULL;
	if (!memory_is_strict)
		return memory + pa;
	copy = malloc(len);
	assert_true(copy || !len);
	memcpy(copy, memory + pa, len);
	copies = realloc(copies, (copy_count + 1) * sizeof(*copies));
	assert_non_null(copies);
	copies[copy_count++] = copy;
	return copy;
}

void put8(uint64_t pa, uint8_t value)
{
	memory[pa] = value;
}

void put32(uint64_t pa, uint32_t value)
{
	memcpy(memory + pa, &value, sizeof(value));
}

void put64(uint64_t pa, uint64_t value)
{
	memcpy(memory + pa, &value, sizeof(value));
}

void put_string(uint64_t pa, const char *text)
{
	memcpy(memory + pa, text, strlen(text) + 1);
}

static char messages[65536];
static size_t messages_length;

/* Weak: the test of hv/log.c links the real one. */
__attribute__((weak)) void log_print(enum log_level level, const char *format, ...)
{
	va_list args;
	int length;

	(void)level;
	va_start(args, format);
	length = vsnprintf(messages + messages_length, sizeof(messages) - messages_length, format,
			   args);
	va_end(args);
	if (length > 0 && (size_t)length < sizeof(messages) - messages_length)
		messages_length += (size_t)length;
}

bool log_has(const char *part)
{
	return strstr(messages, part) != NULL;
}

void log_forget(void)
{
	messages_length = 0;
	messages[0] = '\0';
}

static uint64_t random_state;

void random_seed(uint64_t seed)
{
	random_state = seed;
}

/* A linear congruential generator with Knuth's multiplier; its upper half. */
uint32_t random_next(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 32);
}
