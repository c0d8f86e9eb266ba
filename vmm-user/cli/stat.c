// SPDX-License-Identifier: GPL-2.0-only
#include "stat.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

#define NS_PER_SECOND 1000000000
#define INTERVAL_MIN 0.1
#define INTERVAL_MAX 86400.0
#define WIDTH_DEFAULT 80

struct request {
	long vm;               /* -1: all, the service domain too */
	double interval;       /* seconds, 0: once */
	unsigned long samples; /* how many to print, 0: until interrupted */
	bool json;
};

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

static unsigned int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return WIDTH_DEFAULT;
	return size.ws_col;
}

static bool append(struct stat_sample *sample, const struct stat_row *row)
{
	struct stat_row *rows = realloc(sample->rows, (sample->count + 1) * sizeof(*sample->rows));

	if (!rows) {
		report_error("%s", strerror(errno));
		return false;
	}
	sample->rows = rows;
	rows[sample->count++] = *row;
	return true;
}

/* Adds the vCPUs of a VM, which may end at any time. -> false: an error, reported. */
static bool sample_vm(int device, struct stat_sample *sample, uint32_t vm, unsigned int vcpus,
		      unsigned int index_end)
{
	struct stat_row row = { .vm = vm };

	for (row.index = 0; vcpus && row.index < index_end; row.index++) {
		int found = device_read_stat(device, vm, row.index, &row.stat);

		if (found < 0 || (found && !append(sample, &row)))
			return false;
		vcpus -= (unsigned int)found;
	}
	return true;
}

static bool take_sample(int device, const struct request *request, struct stat_sample *sample)
{
	uint32_t processors;

	free(sample->rows);
	memset(sample, 0, sizeof(*sample));
	if (!device_read_machine(device, &sample->machine))
		return false;
	sample->time_ns = now_ns();
	processors = sample->machine.info.processors;
	if (request->vm <= MULLION_SERVICE_VM &&
	    !sample_vm(device, sample, MULLION_SERVICE_VM, processors, processors))
		return false;
	if (request->vm > MULLION_SERVICE_VM)
		return sample_vm(device, sample, (uint32_t)request->vm, MULLION_MAX_VCPUS,
				 MULLION_MAX_VCPUS);
	for (size_t i = 0; request->vm < 0 && i < sample->machine.count; i++) {
		const struct mullion_vm_info *vm = &sample->machine.guests[i].vm;

		if (!sample_vm(device, sample, vm->vm, vm->vcpus, MULLION_MAX_VCPUS))
			return false;
	}
	return true;
}

/* Sleeps until the time has come, counted from the start so that the intervals do not drift. */
static void wait_for(uint64_t time_ns)
{
	const struct timespec time = { .tv_sec = (time_t)(time_ns / NS_PER_SECOND),
				       .tv_nsec = (long)(time_ns % NS_PER_SECOND) };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

static enum exit_status show(int device, const struct request *request)
{
	struct stat_sample samples[2] = { 0 };
	enum exit_status status = STATUS_OK;
	uint64_t interval = (uint64_t)(request->interval * NS_PER_SECOND), next = now_ns();
	bool rates = interval && !request->json;

	for (unsigned long n = 0; status == STATUS_OK; n++) {
		struct stat_sample *now = &samples[n % 2], *before = &samples[(n + 1) % 2];

		if (!take_sample(device, request, now)) {
			status = STATUS_FAILURE;
		} else if (request->vm >= 0 && !now->count) {
			report_error("there is no VM %ld with a vCPU; 'mullion info' lists the VMs",
				     request->vm);
			status = STATUS_FAILURE;
		} else if (request->json) {
			stat_print_json(stdout, now);
		} else if (!rates || n) {
			if (n > 1)
				putchar('\n');
			stat_print(stdout, now, rates ? before : NULL, terminal_width());
		}
		if (fflush(stdout))
			status = STATUS_FAILURE; /* main() says so */
		if (!interval || (request->samples && n + !rates >= request->samples))
			break;
		next += interval;
		wait_for(next);
	}
	free(samples[0].rows);
	free(samples[1].rows);
	return status;
}

static bool parse_number(const char *text, unsigned long max, unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	return !errno && end != text && !*end && text[0] != '-' && *number <= max;
}

static bool parse_interval(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && *seconds >= INTERVAL_MIN && *seconds <= INTERVAL_MAX;
}

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vm", required_argument, NULL, 'v' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request request = { .vm = -1 };
	enum exit_status status;
	unsigned long number;
	int device;

	for (int c; (c = getopt_long(argc, argv, "v:i:n:jh", options, NULL)) != -1;) {
		switch (c) {
		case 'v':
			if (!parse_number(optarg, MULLION_MAX_VMS - 1, &number))
				return command_misused(&stat_command,
						       "--vm %s: a VM's number, 1 to %u, or 0",
						       optarg, MULLION_MAX_VMS - 1);
			request.vm = (long)number;
			break;
		case 'i':
			if (!parse_interval(optarg, &request.interval))
				return command_misused(&stat_command,
						       "--interval %s: seconds, %.1f to %.0f",
						       optarg, INTERVAL_MIN, INTERVAL_MAX);
			break;
		case 'n':
			if (!parse_number(optarg, 1ul << 30, &request.samples) || !request.samples)
				return command_misused(&stat_command,
						       "--count %s: a number, 1 or more", optarg);
			break;
		case 'j':
			request.json = true;
			break;
		case 'h':
			return command_help(&stat_command);
		default:
			return command_misused(&stat_command, NULL);
		}
	}
	if (optind < argc)
		return command_misused(&stat_command, "unexpected argument '%s'", argv[optind]);
	if (request.samples && request.interval == 0)
		return command_misused(&stat_command, "--count needs --interval");
	device = device_open();
	if (device < 0)
		return STATUS_FAILURE;
	status = show(device, &request);
	close(device);
	return status;
}

const struct command stat_command = {
	.name = "stat",
	.arguments = "[--vm N] [--interval S [--count N]] [--json]",
	.summary = "Shows exits from the guests and the service domain, by vCPU and reason",
	.help = "  -v, --vm N        only that VM, as 'mullion info' numbers them; 0 is the service\n"
		"                    domain\n"
		"  -i, --interval S  exits per second, every S seconds (0.1 or more)\n"
		"  -n, --count N     end after N intervals\n"
		"  -j, --json        all counters as JSON; with --interval one object a line\n"
		"  -h, --help        this text\n",
	.run = run,
};
