/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a machine can run Mullion, and what to change if it cannot. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum answer {
	ANSWER_UNKNOWN,
	ANSWER_NO,
	ANSWER_YES,
};

/* What was found, under Linux with or without Mullion. Strings are "" when there is nothing. */
struct doctor_facts {
	bool on_mullion;
	char hypervisor[13]; /* the signature of another hypervisor */

	char processor[13]; /* the vendor, as CPUID spells it */
	bool nx;
	bool virtualization;     /* CPUID has SVM or VMX, whichever is this vendor's */
	enum answer switched_on; /* by firmware */
	enum answer nested_paging;
	enum answer unrestricted; /* VT-x only */
	uint32_t asids;           /* AMD-V only */
	uint32_t processors;      /* online */
	uint64_t memory_mib;      /* that Linux has */

	enum answer secure_boot;
	bool iommu;                       /* Linux uses one */
	bool image;                       /* the hypervisor is installed */
	bool menu;                        /* and in the boot menu */
	bool module_built, module_loaded; /* for the kernel that runs */
	bool linux_kvm;                   /* kvm_amd or kvm_intel is loaded */
	bool kvm_builtin;                 /* and cannot be left out */
	const char *rival;                /* a loaded module that virtualizes by itself, or NULL */
	char kernel[65];                  /* its release */
	char missing[160];                /* why Mullion did not stay at this boot */
};

/* Asks the processor and the files of this system. */
void doctor_examine(struct doctor_facts *facts);

/* Prints a line for each thing that matters, and what follows from all. -> whether this machine
 * can run Mullion, or does. */
bool doctor_judge(FILE *out, const struct doctor_facts *facts);

/* Whether a line of the file has `before` in it, and after it `word`. Its end counts as a space, so
 * that " word " is found as the last one, too. */
bool doctor_file_says(const char *path, const char *before, const char *word);

/* Why Mullion went away again, from the command line that it gave Linux; see main.c of root
 * mode. */
void doctor_find_missing(char *reason, size_t size, const char *cmdline);

#endif
