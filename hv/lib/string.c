// SPDX-License-Identifier: GPL-2.0-only
/*
 * The string instructions do the work: in microcode they are as fast as loops
 * over vector registers, which root mode must not touch.
 */
#include <stdint.h>

#include "hv/lib/string.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *to = dst;
	size_t words = n / 8;

	__asm__ volatile("rep movsq\n\t"
			 "mov %3, %%rcx\n\t"
			 "rep movsb"
			 : "+D"(to), "+S"(src), "+c"(words)
			 : "r"(n & 7)
			 : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	size_t distance = (uintptr_t)dst - (uintptr_t)src;

	/* Forwards is right unless dst lies within the source behind its start. There it goes
	 * in pieces, the last one first, so short that none overlaps its own source. */
	for (; distance && distance < n; n -= distance)
		memcpy((char *)dst + n - distance, (const char *)src + n - distance, distance);
	return memcpy(dst, src, n);
}

void *memset(void *dst, int c, size_t n)
{
	void *to = dst;
	size_t words = n / 8;

	__asm__ volatile("rep stosq\n\t"
			 "mov %2, %%rcx\n\t"
			 "rep stosb"
			 : "+D"(to), "+c"(words)
			 : "r"(n & 7), "a"((uint8_t)c * 0x0101010101010101ull)
			 : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strnlen(const char *s, size_t n)
{
	size_t length = 0;

	while (length < n && s[length])
		length++;
	return length;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		if (!*a)
			break;
	}
	return 0;
}
