/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formatted text: the part of printf() that root mode uses.
 *   %d %i %u %x %X with h, hh, l, ll or z before them; %c %s %p %%
 *   flags '0', '-' and '#' (for x); width and, for %s, precision: digits or '*'
 * %p prints 0x and 16 digits; %s of NULL prints (null).
 */
#ifndef HV_PRINT_H
#define HV_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most `size` bytes to `buf`, a NUL always included if size > 0.
 * Returns the length of the text that was written, without the NUL. A
 * conversion that is not known is copied as it stands. */
size_t hv_snprintf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t hv_vsnprintf(char *buf, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif
