/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines out of the pieces in which root mode's log is read. */
#ifndef CLI_LOG_LINES_H
#define CLI_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 1024 /* longer ones are handed on in parts; root mode's are shorter */

/* What happens with the log, in order. `position` counts the bytes that were ever logged. */
struct log_sink {
	void (*line)(void *context, uint64_t position, const char *text, size_t length);
	/* Bytes that were overwritten before they could be read. */
	void (*lost)(void *context, uint64_t bytes);
	void *context;
};

/* Zeroed at first. */
struct log_lines {
	bool started;
	bool skipping;  /* to the end of a line whose beginning is lost */
	uint64_t next;  /* position of the byte to come */
	uint64_t start; /* position of text[0] */
	size_t length;
	char text[LOG_LINE_MAX]; /* the line under way */
};

/* Takes `length` bytes of the log that begin at `position`. What is missing before the first piece
 * is not counted as lost. */
void log_lines_feed(struct log_lines *lines, uint64_t position, const char *text, size_t length,
		    const struct log_sink *sink);

/* Hands on a last line without an end. */
void log_lines_flush(struct log_lines *lines, const struct log_sink *sink);

/* The level of a line, "error", "warning", "info" or "debug". *skip becomes the length of the
 * prefix that says so. */
const char *log_line_level(const char *text, size_t length, size_t *skip);

#endif
