/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log messages. Each goes into a ring of the last LOG_SIZE bytes and, if it is
 * important enough, to the console. Any processor may log at any time.
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

#define LOG_SIZE 65536
#define LOG_LINE_MAX 256 /* longer lines are cut */

/* Messages up to `level` reach the console, and messages up to `level`, but at
 * least LOG_INFO, the ring. Until set: LOG_INFO. */
void log_set_level(enum log_level level);

/* Logs one line. The format is print.h's; no '\n' at its end is needed. */
void log_print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_vprint(enum log_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

#define pr_err(...) log_print(LOG_ERROR, __VA_ARGS__)
#define pr_warn(...) log_print(LOG_WARN, __VA_ARGS__)
#define pr_info(...) log_print(LOG_INFO, __VA_ARGS__)
#define pr_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/* For messages that guests or the service domain can cause at will: true for a burst of
 * LOG_BURST, and then for about one in a second. */
#define LOG_BURST 32
bool log_budget(void);

/*
 * Copies up to `size` bytes of the log to `buf`, starting with byte `position`
 * of all that was ever logged, or with the oldest byte kept if that is later,
 * or with the end if `position` is beyond it. *first becomes the position of
 * buf[0]. Returns the number of bytes copied.
 */
size_t log_read(uint64_t position, char *buf, size_t size, uint64_t *first);

#endif
