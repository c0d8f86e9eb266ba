// SPDX-License-Identifier: GPL-2.0-only
#include "log_lines.h"

#include <string.h>

static void hand_on(struct log_lines *lines, const struct log_sink *sink)
{
	sink->line(sink->context, lines->start, lines->text, lines->length);
	lines->length = 0;
	lines->start = lines->next;
}

void log_lines_flush(struct log_lines *lines, const struct log_sink *sink)
{
	if (lines->length)
		hand_on(lines, sink);
}

/* Makes `position` the place to go on from. */
static void seek(struct log_lines *lines, uint64_t position, const struct log_sink *sink)
{
	if (position != lines->next) {
		log_lines_flush(lines, sink);
		if (lines->started && position > lines->next)
			sink->lost(sink->context, position - lines->next);
		lines->skipping = true;
		lines->next = position;
	}
	lines->started = true;
}

void log_lines_feed(struct log_lines *lines, uint64_t position, const char *text, size_t length,
		    const struct log_sink *sink)
{
	seek(lines, position, sink);
	for (size_t i = 0; i < length; i++) {
		lines->next++;
		if (text[i] == '\n') {
			if (!lines->skipping)
				hand_on(lines, sink);
			lines->skipping = false;
			lines->start = lines->next;
		} else if (!lines->skipping) {
			lines->text[lines->length++] = text[i];
			if (lines->length == LOG_LINE_MAX)
				hand_on(lines, sink);
		}
	}
}

const char *log_line_level(const char *text, size_t length, size_t *skip)
{
	static const struct {
		const char *prefix, *level;
	} levels[] = {
		{ "mullion: error: ", "error" },
		{ "mullion: warning: ", "warning" },
		{ "mullion: debug: ", "debug" },
		{ "mullion: ", "info" },
		{ "", "info" },
	};
	size_t i = 0;

	for (;; i++) {
		*skip = strlen(levels[i].prefix);
		if (*skip <= length && !memcmp(text, levels[i].prefix, *skip))
			return levels[i].level;
	}
}
