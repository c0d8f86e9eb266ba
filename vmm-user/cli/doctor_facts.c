// SPDX-License-Identifier: GPL-2.0-only
/* What a machine is like; contracts in doctor.h. */
#include <cpuid.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "device.h"
#include "doctor.h"

#define FEATURES_ECX_VMX (1u << 5)
#define EXTENDED_ECX_SVM (1u << 2)
#define EXTENDED_EDX_NX (1u << 20)
#define SVM_EDX_NP (1u << 0)
#define MSR_VM_CR 0xc0010114 /* AMD's manual, volume 2, 15.30.1 */
#define VM_CR_SVMDIS (1u << 4)

#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-" EFI_GLOBAL

bool doctor_file_says(const char *path, const char *before, const char *word)
{
	FILE *file = fopen(path, "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while (file && !found && (length = getline(&line, &size, file)) > 0) {
		const char *at;

		if (line[length - 1] == '\n')
			line[length - 1] = ' ';
		at = strstr(line, before);
		found = at && strstr(at + strlen(before), word);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static bool read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(text, 1, size - 1, file) : 0;

	text[length] = '\0';
	if (file)
		fclose(file);
	return length > 0;
}

static enum answer yes_or_no(bool yes)
{
	return yes ? ANSWER_YES : ANSWER_NO;
}

static void examine_amd(struct doctor_facts *facts)
{
	int msr = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	uint32_t a, b, c, d;
	uint64_t vm_cr;

	if (__get_cpuid(0x8000000a, &a, &b, &c, &d)) {
		facts->nested_paging = yes_or_no(d & SVM_EDX_NP);
		facts->asids = b;
	}
	if (msr >= 0 && pread(msr, &vm_cr, sizeof(vm_cr), MSR_VM_CR) == sizeof(vm_cr))
		facts->switched_on = yes_or_no(!(vm_cr & VM_CR_SVMDIS));
	else if (facts->linux_kvm) /* which refuses to load otherwise */
		facts->switched_on = ANSWER_YES;
	if (msr >= 0)
		close(msr);
}

/* Linux leaves the flag out where the firmware has switched VT-x off. */
static void examine_intel(struct doctor_facts *facts)
{
	facts->switched_on = yes_or_no(doctor_file_says("/proc/cpuinfo", "flags\t\t:", " vmx "));
	if (doctor_file_says("/proc/cpuinfo", "vmx flags", ":")) {
		facts->nested_paging =
			yes_or_no(doctor_file_says("/proc/cpuinfo", "vmx flags", " ept "));
		facts->unrestricted = yes_or_no(
			doctor_file_says("/proc/cpuinfo", "vmx flags", " unrestricted_guest "));
	}
}

static void examine_processor(struct doctor_facts *facts)
{
	uint32_t a, b = 0, c = 0, d = 0, features = 0, extended = 0;

	if (__get_cpuid(0, &a, &b, &c, &d)) {
		memcpy(facts->processor, &b, 4);
		memcpy(facts->processor + 4, &d, 4);
		memcpy(facts->processor + 8, &c, 4);
	}
	if (__get_cpuid(1, &a, &b, &c, &d))
		features = c;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
		extended = c;
		facts->nx = d & EXTENDED_EDX_NX;
	}
	facts->processors = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	facts->memory_mib = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >>
			    20;
	facts->virtualization = features & FEATURES_ECX_VMX || extended & EXTENDED_ECX_SVM;
	if (extended & EXTENDED_ECX_SVM)
		examine_amd(facts);
	else if (features & FEATURES_ECX_VMX)
		examine_intel(facts);
}

void doctor_find_missing(char *reason, size_t size, const char *cmdline)
{
	static const char word[] = "mullion.missing=\"";
	const char *start = strstr(cmdline, word);

	*reason = '\0';
	if (start) {
		start += sizeof(word) - 1;
		snprintf(reason, size, "%.*s", (int)strcspn(start, "\"\n"), start);
	}
}

static bool has_entries(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool found = false;

	while (directory && (entry = readdir(directory)))
		found |= entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return found;
}

/* The variable's attributes come before its value. */
static enum answer secure_boot(void)
{
	uint8_t variable[5];
	int file = open(SECURE_BOOT, O_RDONLY | O_CLOEXEC);
	ssize_t got = file < 0 ? 0 : read(file, variable, sizeof(variable));

	if (file >= 0)
		close(file);
	return yes_or_no(got == sizeof(variable) && variable[4] == 1);
}

/* Whether that kernel's list of modules (dep, builtin) has `name`, and `after` behind it. */
static bool kernel_lists(const char *kernel, const char *list, const char *name, const char *after)
{
	char path[128];

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.%s", kernel, list);
	return doctor_file_says(path, name, after);
}

/* VirtualBox's and VMware's. */
static const char *rival(void)
{
	static const char *const names[] = { "vboxdrv", "vmmon" };
	char before[16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(before, sizeof(before), "%s ", names[i]);
		if (doctor_file_says("/proc/modules", before, ""))
			return names[i];
	}
	return NULL;
}

void doctor_examine(struct doctor_facts *facts)
{
	const struct discovery found = device_discover();
	struct utsname system;
	char cmdline[4096];

	memset(facts, 0, sizeof(*facts));
	facts->on_mullion = !strcmp(found.signature, MULLION_SIGNATURE);
	if (!facts->on_mullion)
		memcpy(facts->hypervisor, found.signature, sizeof(facts->hypervisor));
	facts->linux_kvm = doctor_file_says("/proc/modules", "kvm_amd ", "") ||
			   doctor_file_says("/proc/modules", "kvm_intel ", "");
	facts->module_loaded = doctor_file_says("/proc/modules", "mullion ", "");
	examine_processor(facts);
	facts->secure_boot = secure_boot();
	facts->iommu = has_entries("/sys/class/iommu");
	facts->image = !access("/boot/mullion", F_OK);
	facts->menu = doctor_file_says("/boot/grub/grub.cfg", "multiboot2", "/mullion");
	if (!uname(&system))
		snprintf(facts->kernel, sizeof(facts->kernel), "%s", system.release);
	facts->module_built = kernel_lists(facts->kernel, "dep", "/mullion.ko", ":");
	facts->kvm_builtin = kernel_lists(facts->kernel, "builtin", "/kvm/kvm-", "");
	facts->rival = rival();
	if (read_file("/proc/cmdline", cmdline, sizeof(cmdline)))
		doctor_find_missing(facts->missing, sizeof(facts->missing), cmdline);
}
