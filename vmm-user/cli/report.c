// SPDX-License-Identifier: GPL-2.0-only
/* Messages to the person at the terminal; contracts in command.h. */
#include <stdarg.h>
#include <stdio.h>

#include "command.h"

enum exit_status command_help(const struct command *command)
{
	printf("Usage: mullion %s %s\n%s.\n\n%s", command->name, command->arguments,
	       command->summary, command->help);
	return STATUS_OK;
}

enum exit_status command_misused(const struct command *command, const char *format, ...)
{
	va_list args;

	if (format) {
		fprintf(stderr, "mullion %s: ", command->name);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	fprintf(stderr, "Try 'mullion %s --help'.\n", command->name);
	return STATUS_USAGE;
}

void report_error(const char *format, ...)
{
	va_list args;

	fputs("mullion: error: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void report_warning(const char *format, ...)
{
	va_list args;

	fputs("mullion: warning: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
