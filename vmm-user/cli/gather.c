// SPDX-License-Identifier: GPL-2.0-only
/* mullion report: what somebody needs who is to find out what went wrong. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

/* Of the boot loader's configuration only what starts systems: the rest may hold passwords. */
static const char *const parts[] = {
	"mullion --version",
	"mullion doctor",
	"mullion info",
	"mullion dmesg",
	"mullion stat",
	"uname -a",
	"cat /etc/os-release",
	"cat /proc/cmdline",
	"dpkg-query -l 'mullion*' 'qemu-system-x86' 'libvirt-daemon' 'linux-image-*' 'grub-*'",
	"dkms status",
	"tail -n 60 /var/lib/dkms/mullion/*/build/make.log",
	"cat /etc/default/mullion",
	("grep -E '^[[:space:]]*(set default|menuentry|submenu|multiboot2|module2|linux|initrd)' "
	 "/boot/grub/grub.cfg"),
	"cat /proc/modules",
	"sed '/^$/q' /proc/cpuinfo",
	"cat /proc/meminfo",
	"cat /proc/iomem",
	"lspci -nn",
	"ls -l /dev/kvm /dev/mullion",
	"dmesg",
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* A part that fails says so in the report, which goes on. */
static void write_part(FILE *out, const char *part)
{
	char command[512], *line = NULL;
	size_t size = 0;
	FILE *pipe;

	fprintf(out, "==== %s\n", part);
	snprintf(command, sizeof(command), "exec 2>&1 </dev/null; %s", part);
	pipe = popen(command, "re");
	while (pipe && getline(&line, &size, pipe) >= 0)
		fputs(line, out);
	if (!pipe || pclose(pipe))
		fputs("(this failed)\n", out);
	fputc('\n', out);
	free(line);
}

static enum exit_status write_report(const char *path)
{
	/* Some of it only root may read elsewhere. */
	mode_t mask = umask(S_IRWXG | S_IRWXO);
	FILE *out = fopen(path, "wxe");
	bool failed;

	umask(mask);
	if (!out) {
		report_error("%s cannot be made: %s", path, strerror(errno));
		return STATUS_FAILURE;
	}
	setenv("LC_ALL", "C", 1);
	for (size_t i = 0; i < PARTS; i++)
		write_part(out, parts[i]);
	failed = ferror(out);
	if (fclose(out) || failed) {
		report_error("%s could not be written: %s", path, strerror(errno));
		return STATUS_FAILURE;
	}
	printf("%s holds the report. Read it before you give it to somebody.\n", path);
	return STATUS_OK;
}

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const time_t now = time(NULL);
	const char *path = NULL;
	char name[64];

	for (int c; (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
		if (c == 'h')
			return command_help(&report_command);
		if (c != 'o')
			return command_misused(&report_command, NULL);
		path = optarg;
	}
	if (optind < argc)
		return command_misused(&report_command, "unexpected argument '%s'", argv[optind]);
	if (geteuid())
		report_warning("not run as root: most of the report will be missing");
	strftime(name, sizeof(name), "mullion-report-%Y%m%d-%H%M%S.txt", gmtime(&now));
	return write_report(path ? path : name);
}

const struct command report_command = {
	.name = "report",
	.arguments = "[--output FILE]",
	.summary = "Gathers in one file what is needed to find out what went wrong",
	.help = "  -o, --output FILE  which must not exist (default: mullion-report-TIME.txt)\n"
		"  -h, --help         this text\n",
	.run = run,
};
