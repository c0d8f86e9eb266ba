// SPDX-License-Identifier: GPL-2.0-only
#include "info.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "json.h"
#include "text.h"

#define FRAME_SIZE UINT64_C(4096)
#define FEATURE_BITS 32
#define TECHNOLOGY_BITS (MULLION_FEATURE_SVM | MULLION_FEATURE_VMX)

static void print_size(FILE *out, const char *before, uint64_t frames, const char *after)
{
	char size[TEXT_SIZE_MAX];

	fprintf(out, "%s%s%s", before, text_size(size, frames * FRAME_SIZE), after);
}

/* Names of the features but the vendor's technology; a bit without a name as "bit N". */
static void print_features(FILE *out, uint32_t features)
{
	features &= ~TECHNOLOGY_BITS;
	fputs("Features:    ", out);
	if (!features)
		fputs(" none", out);
	for (unsigned int bit = 0; bit < FEATURE_BITS; bit++) {
		if (!(features >> bit & 1))
			continue;
		if (text_feature(bit))
			fprintf(out, " %s", text_feature(bit));
		else
			fprintf(out, " bit %u", bit);
	}
	fputc('\n', out);
}

/* What a guest has: its VM, with the memory of the one that it has for system management mode. */
static struct mullion_vm_info total(const struct machine *machine, const struct guest *guest)
{
	struct mullion_vm_info sum = guest->vm;

	for (size_t i = 0; i < machine->count; i++) {
		const struct guest *other = &machine->guests[i];

		if (other->owner.smm_of != sum.vm)
			continue;
		sum.donated += other->vm.donated;
		sum.pool += other->vm.pool;
		sum.shared += other->vm.shared;
	}
	return sum;
}

static void print_guest(FILE *out, const struct machine *machine, const struct guest *guest)
{
	const struct mullion_admin_owner *owner = &guest->owner;
	const struct mullion_vm_info vm = total(machine, guest);
	char size[TEXT_SIZE_MAX];

	fprintf(out, "%5u  %5u", vm.vm, vm.vcpus);
	fprintf(out, "  %10s", text_size(size, vm.donated * FRAME_SIZE));
	fprintf(out, "  %10s", text_size(size, vm.pool * FRAME_SIZE));
	fprintf(out, "  %10s", text_size(size, vm.shared * FRAME_SIZE));
	if (owner->comm[0]) {
		fprintf(out, "  %7d  ", (int)owner->pid);
		text_print_safe(out, owner->comm, strlen(owner->comm));
	}
	fputc('\n', out);
}

static void print_guests(FILE *out, const struct machine *machine)
{
	size_t count = 0;

	for (size_t i = 0; i < machine->count; i++)
		count += !machine->guests[i].owner.smm_of;
	fprintf(out, "Guests:       %zu\n", count);
	if (!count)
		return;
	fprintf(out, "\n%5s  %5s  %10s  %10s  %10s  %7s  %s\n", "VM", "vCPUs", "donated", "unused",
		"mapped", "PID", "process");
	for (size_t i = 0; i < machine->count; i++)
		if (!machine->guests[i].owner.smm_of)
			print_guest(out, machine, &machine->guests[i]);
}

void info_print(FILE *out, const struct machine *machine)
{
	const struct mullion_info *info = &machine->info;

	fputs("Hypervisor:   Mullion ", out);
	text_print_safe(out, info->version, strlen(info->version));
	fprintf(out, ", interface version %u\n", info->abi_version);
	fprintf(out, "Processors:   %u, %s\n", info->processors, text_technology(info->features));
	print_features(out, info->features);
	fprintf(out, "Guests' XCR0: 0x%" PRIx64 "\n", info->xcr0_mask);
	fprintf(out, "Boot:         %" PRIu64 " TSC ticks until Linux's first instruction\n",
		info->boot_instructions);
	print_size(out, "RAM:          ", info->ram_frames, "\n");
	print_size(out, "Root mode:    ", info->root_frames, ", ");
	print_size(out, "", info->root_free, " of it unused");
	fprintf(out, "; image at 0x%" PRIx64 "-0x%" PRIx64 "\n", info->image_start,
		info->image_end);
	print_size(out, "Donated:      ", info->donated,
		   " of the service domain's memory, to run guests\n");
	print_size(out, "Mapped:       ", info->shared,
		   " of the service domain's memory, into guests\n");
	print_guests(out, machine);
}

static void json_features(struct json *j, uint32_t features)
{
	char number[16];

	json_array(j, "features");
	for (unsigned int bit = 0; bit < FEATURE_BITS; bit++) {
		if (!((features & ~TECHNOLOGY_BITS) >> bit & 1))
			continue;
		snprintf(number, sizeof(number), "bit_%u", bit);
		json_string(j, NULL, text_feature(bit) ? text_feature(bit) : number);
	}
	json_end(j);
}

static void json_guest(struct json *j, const struct machine *machine, const struct guest *guest)
{
	const struct mullion_admin_owner *owner = &guest->owner;
	const struct mullion_vm_info vm = total(machine, guest);

	json_object(j, NULL);
	json_number(j, "vm", vm.vm);
	json_number(j, "vcpus", vm.vcpus);
	json_number(j, "donated", vm.donated * FRAME_SIZE);
	json_number(j, "unused", vm.pool * FRAME_SIZE);
	json_number(j, "mapped", vm.shared * FRAME_SIZE);
	if (owner->comm[0]) {
		json_number(j, "pid", (uint32_t)owner->pid);
		json_string(j, "process", owner->comm);
	}
	json_end(j);
}

void info_print_json(FILE *out, const struct machine *machine)
{
	const struct mullion_info *info = &machine->info;
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "version", info->version);
	json_number(&j, "abi", info->abi_version);
	json_number(&j, "processors", info->processors);
	json_string(&j, "technology", text_technology(info->features));
	json_features(&j, info->features);
	json_hex(&j, "guest_xcr0", info->xcr0_mask);
	json_number(&j, "boot_ticks", info->boot_instructions);
	json_object(&j, "memory");
	json_number(&j, "ram", info->ram_frames * FRAME_SIZE);
	json_number(&j, "root", info->root_frames * FRAME_SIZE);
	json_number(&j, "root_unused", info->root_free * FRAME_SIZE);
	json_number(&j, "donated", info->donated * FRAME_SIZE);
	json_number(&j, "mapped", info->shared * FRAME_SIZE);
	json_end(&j);
	json_object(&j, "image");
	json_hex(&j, "start", info->image_start);
	json_hex(&j, "end", info->image_end);
	json_end(&j);
	json_array(&j, "guests");
	for (size_t i = 0; i < machine->count; i++)
		if (!machine->guests[i].owner.smm_of)
			json_guest(&j, machine, &machine->guests[i]);
	json_end(&j);
	json_end(&j);
}

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct machine machine;
	bool as_json = false, read;
	int device;

	for (int c; (c = getopt_long(argc, argv, "jh", options, NULL)) != -1;) {
		if (c == 'h')
			return command_help(&info_command);
		if (c != 'j')
			return command_misused(&info_command, NULL);
		as_json = true;
	}
	if (optind < argc)
		return command_misused(&info_command, "unexpected argument '%s'", argv[optind]);
	device = device_open();
	if (device < 0)
		return STATUS_FAILURE;
	read = device_read_machine(device, &machine);
	close(device);
	if (!read)
		return STATUS_FAILURE;
	(as_json ? info_print_json : info_print)(stdout, &machine);
	return STATUS_OK;
}

const struct command info_command = {
	.name = "info",
	.arguments = "[--json]",
	.summary = "Shows the hypervisor, the memory it owns, and its guests",
	.help = "  -j, --json  as JSON; sizes are in bytes\n"
		"  -h, --help  this text\n",
	.run = run,
};
