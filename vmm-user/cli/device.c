// SPDX-License-Identifier: GPL-2.0-only
#include "device.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "text.h"

#define DEVICE_PATH "/dev/" MULLION_ADMIN_DEVICE
#define FEATURES_ECX_HYPERVISOR (1u << 31)

struct discovery device_discover(void)
{
	struct discovery found = { .signature = "" };
	uint32_t a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & FEATURES_ECX_HYPERVISOR))
		return found;
	__cpuid(MULLION_CPUID_BASE, a, b, c, d);
	memcpy(found.signature, &b, 4);
	memcpy(found.signature + 4, &c, 4);
	memcpy(found.signature + 8, &d, 4);
	if (!strcmp(found.signature, MULLION_SIGNATURE) && a >= MULLION_CPUID_ABI)
		__cpuid(MULLION_CPUID_ABI, found.abi, b, c, d);
	return found;
}

static void explain_hypervisor(FILE *out, const char *signature)
{
	fputs("this Linux does not run on Mullion", out);
	if (signature[0]) {
		fputs(", but on a hypervisor that calls itself '", out);
		text_print_safe(out, signature, strlen(signature));
		fputc('\'', out);
	}
	fputs(". Boot it from the entry with Mullion in the boot loader's menu", out);
}

static void explain_open(FILE *out, int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		fputs(DEVICE_PATH " is not there: the kernel module is not loaded. Load it with "
				  "'modprobe mullion'; if that fails, the kernel's log says why",
		      out);
		break;
	case EACCES:
	case EPERM:
		fputs("no permission to open " DEVICE_PATH ": run this as root", out);
		break;
	default:
		fprintf(out, DEVICE_PATH " cannot be opened: %s", strerror(error));
	}
}

bool device_explain(FILE *out, const struct discovery *found, int open_error,
		    const struct mullion_admin_version *version)
{
	bool ours = !strcmp(found->signature, MULLION_SIGNATURE);

	if (ours && found->abi == MULLION_ABI_VERSION && !open_error &&
	    version->admin == MULLION_ADMIN_VERSION && version->abi == MULLION_ABI_VERSION)
		return false;
	fputs("mullion: error: ", out);
	if (!ours)
		explain_hypervisor(out, found->signature);
	else if (found->abi != MULLION_ABI_VERSION)
		fprintf(out,
			"the Mullion that runs speaks version %u of its interface, this command "
			"version %u. Reboot if another Mullion was installed meanwhile, or else use "
			"the command and the module that were built with it",
			found->abi, MULLION_ABI_VERSION);
	else if (open_error)
		explain_open(out, open_error);
	else
		fprintf(out,
			"the module that is loaded offers version %u.%u of " DEVICE_PATH
			", this command needs %u.%u. Load the module that was built with it",
			version->abi, version->admin, MULLION_ABI_VERSION, MULLION_ADMIN_VERSION);
	fputc('\n', out);
	return true;
}

int device_open(void)
{
	const struct discovery found = device_discover();
	struct mullion_admin_version version = { 0 };
	int fd = open(DEVICE_PATH, O_RDWR | O_CLOEXEC);
	int error = fd < 0 ? errno : 0;

	/* A request that fails leaves version 0, which nobody has. */
	if (fd >= 0)
		(void)ioctl(fd, MULLION_ADMIN_GET_VERSION, &version);
	if (!device_explain(stderr, &found, error, &version))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool request(int device, unsigned long number, void *argument, const char *what)
{
	if (ioctl(device, number, argument) >= 0)
		return true;
	report_error("root mode did not answer the request for %s: %s", what, strerror(errno));
	return false;
}

static void read_owner(int device, struct guest *guest)
{
	guest->owner.vm = guest->vm.vm;
	if (ioctl(device, MULLION_ADMIN_OWNER, &guest->owner) < 0)
		memset(&guest->owner, 0, sizeof(guest->owner));
	guest->owner.comm[sizeof(guest->owner.comm) - 1] = '\0';
}

bool device_read_machine(int device, struct machine *machine)
{
	struct mullion_admin_info part = { .first = 1 };
	size_t listed;

	memset(machine, 0, sizeof(*machine));
	do {
		if (!request(device, MULLION_ADMIN_INFO, &part, "information"))
			return false;
		machine->info = part.info;
		machine->info.version[sizeof(machine->info.version) - 1] = '\0';
		listed = part.info.vm_listed;
		for (size_t i = 0; i < listed && i < MULLION_INFO_VMS; i++) {
			struct guest *guest = &machine->guests[machine->count];

			if (machine->count == MULLION_MAX_VMS)
				return true;
			guest->vm = part.info.vms[i];
			read_owner(device, guest);
			machine->count++;
			part.first = guest->vm.vm + 1u;
		}
	} while (listed >= MULLION_INFO_VMS);
	return true;
}

bool device_read_log(int device, struct mullion_log *log)
{
	if (!request(device, MULLION_ADMIN_LOG, log, "the log"))
		return false;
	if (log->length > sizeof(log->text))
		log->length = sizeof(log->text);
	return true;
}

int device_read_stat(int device, uint32_t vm, uint32_t index, struct mullion_vcpu_stat *stat)
{
	struct mullion_admin_stat query = { .vm = vm, .index = index };

	if (ioctl(device, MULLION_ADMIN_STAT, &query) < 0) {
		if (errno == ENOENT)
			return 0;
		report_error("root mode did not answer the request for counters: %s",
			     strerror(errno));
		return -1;
	}
	*stat = query.stat;
	return 1;
}
