// SPDX-License-Identifier: GPL-2.0-only
/* mullion(8): looks at the hypervisor from the service domain. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mullion/abi.h>

#include "command.h"

static const struct command *const commands[] = {
	&info_command,
	&dmesg_command,
	&stat_command,
	&symbolize_command,
	&doctor_command,
	&report_command,
	&running_command,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

static void print_usage(FILE *out)
{
	fputs("Usage: mullion COMMAND [OPTION...]\n"
	      "Shows the state of the Mullion hypervisor that this Linux runs on.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n"
	      "  --help      this text; 'mullion COMMAND --help' for a command's options\n"
	      "  --version   the version of this command\n\n"
	      "Exit status: 0 success, 1 failure, 2 wrong usage. More in mullion(8).\n",
	      out);
}

static enum exit_status unknown_command(const char *name)
{
	fprintf(stderr, "mullion: no command '%s'\nTry 'mullion --help'.\n", name);
	return STATUS_USAGE;
}

static enum exit_status help(int argc, char **argv)
{
	const struct command *command = argc > 2 ? find_command(argv[2]) : NULL;

	if (command)
		return command_help(command);
	if (argc > 2)
		return unknown_command(argv[2]);
	print_usage(stdout);
	return STATUS_OK;
}

static enum exit_status dispatch(int argc, char **argv)
{
	const struct command *command;
	char name[32];

	if (argc < 2) {
		print_usage(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argc, argv);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("mullion %s (interface version %u)\n", MULLION_VERSION, MULLION_ABI_VERSION);
		return STATUS_OK;
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	snprintf(name, sizeof(name), "mullion %s", command->name);
	argv[1] = name; /* what getopt_long() puts before its complaints */
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	enum exit_status status = dispatch(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		report_error("the output could not be written: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	return (int)status;
}
