/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formatted text: the part of printf() that root mode uses.
 *   %u %x, with l before them for 64 bits; %s, with .* before it; %%
 *   flag '-' or '0', and a width in digits
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
