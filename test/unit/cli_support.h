/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that the command's functions print, for its tests. */
#ifndef UNIT_CLI_SUPPORT_H
#define UNIT_CLI_SUPPORT_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>

struct printed {
	FILE *out;
	char *text;
	size_t length;
};

static inline FILE *print_begin(struct printed *p)
{
	p->out = open_memstream(&p->text, &p->length);
	assert_non_null(p->out);
	return p->out;
}

/* Ends the printing and compares. */
static inline void print_check(struct printed *p, const char *expected)
{
	fclose(p->out);
	assert_string_equal(p->text, expected);
	free(p->text);
}

#endif
