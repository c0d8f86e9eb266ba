// SPDX-License-Identifier: GPL-2.0-only
/* mullion running: the question that scripts and udev's rules have. */
#include <getopt.h>
#include <string.h>

#include "command.h"
#include "device.h"

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const struct discovery found = device_discover();
	int c = getopt_long(argc, argv, "h", options, NULL);

	if (c == 'h')
		return command_help(&running_command);
	if (c != -1)
		return command_misused(&running_command, NULL);
	if (optind < argc)
		return command_misused(&running_command, "unexpected argument '%s'", argv[optind]);
	return strcmp(found.signature, MULLION_SIGNATURE) ? STATUS_FAILURE : STATUS_OK;
}

const struct command running_command = {
	.name = "running",
	.arguments = "",
	.summary = "Succeeds where this Linux runs on Mullion, without a word",
	.help = "  -h, --help  this text\n",
	.run = run,
};
