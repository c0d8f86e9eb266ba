/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of root mode's log, printed. */
#ifndef CLI_DMESG_H
#define CLI_DMESG_H

#include <stdio.h>

#include "json.h"
#include "log_lines.h"
#include "symbols.h"

struct dmesg_output {
	FILE *out;
	struct json json;        /* writes to `out` */
	struct symbols *symbols; /* NULL: addresses stay numbers */
};

/* For log_sink.line; `context` is a struct dmesg_output. */
void dmesg_line(void *context, uint64_t position, const char *text, size_t length);
void dmesg_line_json(void *context, uint64_t position, const char *text, size_t length);

#endif
