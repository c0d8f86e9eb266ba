// SPDX-License-Identifier: GPL-2.0-only
/* `mullion symbolize`: for logs that were kept elsewhere, as from a serial console. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "symbols.h"
#include "text.h"

static enum exit_status filter(const struct symbols *symbols)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, stdin)) > 0) {
		while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
			length--;
		symbols_print_text(symbols, stdout, line, (size_t)length);
		putchar('\n');
	}
	free(line);
	if (ferror(stdin)) {
		report_error("standard input cannot be read: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	return STATUS_OK;
}

static bool parse_address(const char *text, uint64_t *address)
{
	char *end;

	errno = 0;
	*address = strtoull(text, &end, 16);
	return !errno && end != text && !*end && text[0] != '-';
}

static enum exit_status look_up(const struct symbols *symbols, char **addresses)
{
	enum exit_status status = STATUS_OK;

	for (; *addresses; addresses++) {
		const struct symbol *symbol;
		uint64_t address;

		if (!parse_address(*addresses, &address))
			return command_misused(&symbolize_command, "'%s' is no hexadecimal address",
					       *addresses);
		symbol = symbols_find(symbols, address);
		printf("0x%" PRIx64 " ", address);
		if (symbol) {
			text_print_safe(stdout, symbol->name, strlen(symbol->name));
			printf("+0x%" PRIx64 "/0x%" PRIx64 "\n", address - symbol->start,
			       symbol->size);
		} else {
			puts("??");
			status = STATUS_FAILURE;
		}
	}
	return status;
}

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "elf", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *file = SYMBOLS_DEFAULT_FILE;
	enum exit_status status;
	struct symbols *symbols;

	for (int c; (c = getopt_long(argc, argv, "e:h", options, NULL)) != -1;) {
		if (c == 'h')
			return command_help(&symbolize_command);
		if (c != 'e')
			return command_misused(&symbolize_command, NULL);
		file = optarg;
	}
	symbols = symbols_open(file, stderr);
	if (!symbols)
		return STATUS_FAILURE;
	status = optind < argc ? look_up(symbols, argv + optind) : filter(symbols);
	symbols_close(symbols);
	return status;
}

const struct command symbolize_command = {
	.name = "symbolize",
	.arguments = "[--elf FILE] [ADDRESS...]",
	.summary = "Names the hypervisor's functions at addresses, or in a log on standard input",
	.help = "  -e, --elf FILE  the hypervisor with symbols\n"
		"                  (default: " SYMBOLS_DEFAULT_FILE ")\n"
		"  -h, --help      this text\n"
		"Works anywhere, for instance on what a serial console received:\n"
		"  mullion symbolize --elf build/mullion.elf <serial.log\n",
	.run = run,
};
