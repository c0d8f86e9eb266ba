/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command of `mullion` is, and what all commands share. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILURE = 1,
	STATUS_USAGE = 2,
};

struct command {
	const char *name;
	const char *arguments; /* as the usage line shows them */
	const char *summary;   /* one line, without a full stop */
	const char *help;      /* options and what is worth knowing, in lines */

	/* argv[0] is "mullion NAME"; options are getopt_long()'s to take. -> exit status. */
	enum exit_status (*run)(int argc, char **argv);
};

extern const struct command info_command;
extern const struct command dmesg_command;
extern const struct command stat_command;
extern const struct command symbolize_command;
extern const struct command running_command;
extern const struct command doctor_command;
extern const struct command report_command;

/* The help text, on standard output. -> STATUS_OK. */
enum exit_status command_help(const struct command *command);

/* Says on standard error how the command was used wrongly and where help is; `format` NULL after
 * getopt_long(), which has said it. -> STATUS_USAGE. */
enum exit_status command_misused(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "mullion: error: ..." and "mullion: warning: ...", a line on standard error. */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
