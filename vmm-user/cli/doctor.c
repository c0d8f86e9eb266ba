// SPDX-License-Identifier: GPL-2.0-only
#include "doctor.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "command.h"
#include "text.h"

#define PROCESSORS_MAX 64  /* that root mode brings up */
#define ASIDS_MIN 3        /* none, the service domain's, a guest's */
#define MEMORY_MIN_MIB 192 /* for Linux with an initramfs, on Mullion */

struct diagnosis {
	FILE *out;
	unsigned int problems;
};

static __attribute__((format(printf, 3, 4))) void line(const struct diagnosis *d, const char *mark,
						       const char *format, ...)
{
	va_list args;

	fprintf(d->out, "%-8s ", mark);
	va_start(args, format);
	vfprintf(d->out, format, args);
	va_end(args);
	fputc('\n', d->out);
}

#define fine(d, ...) line(d, "ok", __VA_ARGS__)
#define note(d, ...) line(d, "note", __VA_ARGS__)
#define problem(d, ...) ((d)->problems++, line(d, "PROBLEM", __VA_ARGS__))

static void judge_amd(struct diagnosis *d, const struct doctor_facts *facts)
{
	if (facts->nested_paging != ANSWER_YES)
		problem(d, "the processor's AMD-V has no nested paging (NPT)");
	else if (facts->asids < ASIDS_MIN)
		problem(d, "the processor's AMD-V has too few address-space identifiers (%u)",
			facts->asids);
	else
		fine(d, "AMD-V with nested paging");
}

static void judge_intel(struct diagnosis *d, const struct doctor_facts *facts)
{
	if (facts->nested_paging == ANSWER_NO)
		problem(d, "the processor's VT-x has no nested paging (EPT)");
	else if (facts->unrestricted == ANSWER_NO)
		problem(d, "the processor's VT-x has no unrestricted guests");
	else if (facts->nested_paging == ANSWER_YES && facts->unrestricted == ANSWER_YES)
		fine(d, "VT-x with EPT and unrestricted guests");
	else
		note(d, "VT-x; Linux does not say whether it has EPT and unrestricted guests");
}

static void judge_processor(struct diagnosis *d, const struct doctor_facts *facts)
{
	bool amd = !strcmp(facts->processor, "AuthenticAMD") ||
		   !strcmp(facts->processor, "HygonGenuine");
	const char *technology = amd ? "AMD-V (SVM)" : "VT-x (VMX)";

	if (!facts->virtualization && facts->hypervisor[0])
		problem(d,
			"the processor of this virtual machine has no %s: switch on nested "
			"virtualization where the machine is configured",
			technology);
	else if (!facts->virtualization)
		problem(d, "the processor has no %s", technology);
	else if (facts->switched_on == ANSWER_NO)
		problem(d, "%s is switched off: switch on %s in the firmware setup", technology,
			amd ? "SVM mode" : "Intel Virtualization Technology");
	else if (amd)
		judge_amd(d, facts);
	else
		judge_intel(d, facts);
	if (facts->virtualization && facts->switched_on == ANSWER_UNKNOWN)
		note(d,
		     "whether the firmware has switched %s off cannot be seen: run this as root "
		     "after 'modprobe msr'",
		     technology);
	if (!facts->nx)
		problem(d, "no-execute page protection (NX) is missing: switch it on in the "
			   "firmware setup");
	if (facts->processors > PROCESSORS_MAX)
		note(d, "%u processors, of which Mullion uses %u", facts->processors,
		     PROCESSORS_MAX);
}

/* Root mode keeps 1 MiB for a processor and 1/2000 of all, or somewhat less. */
static void judge_memory(struct diagnosis *d, const struct doctor_facts *facts)
{
	if (facts->memory_mib < MEMORY_MIN_MIB)
		problem(d, "%" PRIu64 " MiB of memory are too little: %d MiB are needed",
			facts->memory_mib, MEMORY_MIN_MIB);
	else
		fine(d, "%" PRIu64 " MiB of memory, of which Mullion keeps about %" PRIu64,
		     facts->memory_mib, facts->processors + facts->memory_mib / 2000);
}

/* What the boot loader needs. */
static void judge_boot(struct diagnosis *d, const struct doctor_facts *facts)
{
	if (facts->secure_boot == ANSWER_YES)
		problem(d,
			"Secure Boot is on, under which GRUB starts no hypervisor: switch it off "
			"in the firmware setup");
	else
		fine(d, "Secure Boot is off");
	if (!facts->image)
		problem(d, "/boot/mullion is not there: install the package mullion");
	else if (!facts->menu)
		problem(d, "GRUB's menu does not have Mullion: run 'update-grub'");
	else
		fine(d, "Mullion is in GRUB's menu");
	if (facts->missing[0]) {
		fputs("note     at this boot Mullion went away again: ", d->out);
		text_print_safe(d->out, facts->missing, strlen(facts->missing));
		fputc('\n', d->out);
	}
}

static void judge_module(struct diagnosis *d, const struct doctor_facts *facts)
{
	if (facts->kvm_builtin)
		problem(d,
			"Linux %s has its own KVM built in, which takes /dev/kvm: use a kernel that "
			"has it as a module, as Debian's do",
			facts->kernel);
	if (facts->rival)
		note(d,
		     "the module %s takes the processor's virtualization for itself, which it "
		     "cannot on Mullion: remove it",
		     facts->rival);
	if (!facts->module_built)
		problem(d,
			"there is no module mullion for Linux %s: install its headers "
			"(linux-headers-%s), or see 'dkms status'",
			facts->kernel, facts->kernel);
	else if (facts->on_mullion && facts->linux_kvm)
		problem(d, "Linux's own KVM is loaded, too: 'modprobe -r kvm_amd kvm_intel', then "
			   "'modprobe mullion'");
	else if (facts->on_mullion && !facts->module_loaded)
		problem(d, "the module is not loaded: 'modprobe mullion'; if that fails, the "
			   "kernel's log says why");
	else
		fine(d, "the module for Linux %s is %s", facts->kernel,
		     facts->on_mullion ? "loaded" : "built");
}

bool doctor_judge(FILE *out, const struct doctor_facts *facts)
{
	struct diagnosis d = { .out = out };

	if (facts->on_mullion) {
		fine(&d, "this Linux runs on Mullion");
	} else {
		judge_processor(&d, facts);
		judge_memory(&d, facts);
		judge_boot(&d, facts);
	}
	judge_module(&d, facts);
	if (facts->iommu)
		note(&d, "the IOMMU is left to Linux: Mullion does not keep devices from its own "
			 "memory with it");
	if (facts->on_mullion)
		fputs(d.problems ? "\nMullion runs, but no guest can.\n" : "\nMullion runs.\n",
		      out);
	else if (d.problems)
		fputs("\nThis machine cannot run Mullion as it is.\n", out);
	else
		fputs("\nThis machine can run Mullion: reboot, and take its entry in the menu.\n",
		      out);
	return !d.problems;
}

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct doctor_facts facts;
	int c = getopt_long(argc, argv, "h", options, NULL);

	if (c == 'h')
		return command_help(&doctor_command);
	if (c != -1)
		return command_misused(&doctor_command, NULL);
	if (optind < argc)
		return command_misused(&doctor_command, "unexpected argument '%s'", argv[optind]);
	doctor_examine(&facts);
	return doctor_judge(stdout, &facts) ? STATUS_OK : STATUS_FAILURE;
}

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "",
	.summary = "Says whether this machine can run Mullion, and what to change if not",
	.help = "  -h, --help  this text\n",
	.run = run,
};
