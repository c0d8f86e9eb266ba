// SPDX-License-Identifier: GPL-2.0-only
/* `mullion dmesg`: the log that root mode keeps. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "device.h"
#include "dmesg.h"
#include "json.h"
#include "text.h"

#define FOLLOW_INTERVAL_NS 250000000

void dmesg_line(void *context, uint64_t position, const char *text, size_t length)
{
	struct dmesg_output *output = context;

	(void)position;
	symbols_print_text(output->symbols, output->out, text, length);
	fputc('\n', output->out);
}

static void json_marks(struct json *j, const struct symbols *symbols, const char *text,
		       size_t length)
{
	struct address_mark mark = { .end = 0 };

	if (!symbols || !symbols_next_mark(symbols, text, length, 0, &mark))
		return;
	json_array(j, "symbols");
	do {
		json_object(j, NULL);
		json_hex(j, "address", mark.address);
		json_string(j, "function", mark.symbol->name);
		json_number(j, "offset", mark.address - mark.symbol->start);
		json_number(j, "size", mark.symbol->size);
		json_end(j);
	} while (symbols_next_mark(symbols, text, length, mark.end, &mark));
	json_end(j);
}

void dmesg_line_json(void *context, uint64_t position, const char *text, size_t length)
{
	struct dmesg_output *output = context;
	size_t prefix;
	const char *level = log_line_level(text, length, &prefix);

	json_object(&output->json, NULL);
	json_number(&output->json, "position", position);
	json_string(&output->json, "level", level);
	json_text(&output->json, "text", text + prefix, length - prefix);
	json_marks(&output->json, output->symbols, text + prefix, length - prefix);
	json_end(&output->json);
}

static void lost(void *context, uint64_t bytes)
{
	(void)context;
	report_warning("%" PRIu64 " bytes of the log were overwritten before they could be read",
		       bytes);
}

/* Hands on what there is in the log from log->next on. -> false: an error, reported. */
static bool read_on(int device, struct mullion_log *log, struct log_lines *lines,
		    const struct log_sink *sink)
{
	do {
		if (!device_read_log(device, log))
			return false;
		log_lines_feed(lines, log->first, log->text, log->length, sink);
	} while (log->length == sizeof(log->text));
	return true;
}

static enum exit_status print_log(int device, struct dmesg_output *output, bool follow, bool json)
{
	const struct log_sink sink = { json ? dmesg_line_json : dmesg_line, lost, output };
	const struct timespec pause = { .tv_nsec = FOLLOW_INTERVAL_NS };
	struct mullion_log log = { .next = 0 };
	struct log_lines lines = { .started = false };

	if (json && !follow)
		json_array(&output->json, NULL);
	while (read_on(device, &log, &lines, &sink)) {
		if (!follow) {
			log_lines_flush(&lines, &sink);
			if (json)
				json_end(&output->json);
			return STATUS_OK;
		}
		if (fflush(output->out))
			return STATUS_FAILURE; /* main() says so */
		nanosleep(&pause, NULL);
	}
	return STATUS_FAILURE;
}

/* The symbols of the image that runs. A file that was asked for must be right; the default one may
 * be missing. -> false: an error, reported. */
static bool open_symbols(int device, const char *file, struct symbols **symbols)
{
	struct machine machine;

	*symbols = NULL;
	if (!file && access(SYMBOLS_DEFAULT_FILE, F_OK) != 0)
		return true;
	if (!device_read_machine(device, &machine))
		return false;
	*symbols = symbols_open(file ? file : SYMBOLS_DEFAULT_FILE, stderr);
	if (*symbols &&
	    !symbols_match(*symbols, machine.info.image_start, machine.info.image_end)) {
		report_warning("%s is not of the Mullion that runs: addresses stay numbers",
			       file ? file : SYMBOLS_DEFAULT_FILE);
		symbols_close(*symbols);
		*symbols = NULL;
	}
	return *symbols || !file;
}

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'w' },
		{ "elf", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct dmesg_output output = { .out = stdout, .json = { .out = stdout } };
	enum exit_status status = STATUS_FAILURE;
	bool follow = false, json = false;
	const char *file = NULL;
	int device;

	for (int c; (c = getopt_long(argc, argv, "we:jh", options, NULL)) != -1;) {
		switch (c) {
		case 'w':
			follow = true;
			break;
		case 'e':
			file = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return command_help(&dmesg_command);
		default:
			return command_misused(&dmesg_command, NULL);
		}
	}
	if (optind < argc)
		return command_misused(&dmesg_command, "unexpected argument '%s'", argv[optind]);
	device = device_open();
	if (device < 0)
		return STATUS_FAILURE;
	if (open_symbols(device, file, &output.symbols))
		status = print_log(device, &output, follow, json);
	symbols_close(output.symbols);
	close(device);
	return status;
}

const struct command dmesg_command = {
	.name = "dmesg",
	.arguments = "[--follow] [--elf FILE] [--json]",
	.summary = "Shows the hypervisor's log, with its addresses resolved to functions",
	.help = "  -w, --follow    wait for more, until interrupted\n"
		"  -e, --elf FILE  the hypervisor with symbols\n"
		"                  (default: " SYMBOLS_DEFAULT_FILE ")\n"
		"  -j, --json      an array of lines as JSON; with --follow one line's object after\n"
		"                  the other\n"
		"  -h, --help      this text\n",
	.run = run,
};
