// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "stat.h"
#include "text.h"

#define LABEL_WIDTH 14
#define COLUMN_WIDTH 13
#define NS_PER_SECOND 1e9

/* The vCPUs of one VM. */
struct group {
	uint32_t vm;
	const struct stat_row *rows;
	size_t count;
	const struct stat_sample *before; /* NULL: not rates */
	double seconds;                   /* since then */
};

/* The group that begins with row `first`. */
static struct group group_at(const struct stat_sample *sample, size_t first)
{
	struct group group = { .vm = sample->rows[first].vm, .rows = &sample->rows[first] };

	while (first + group.count < sample->count &&
	       sample->rows[first + group.count].vm == group.vm)
		group.count++;
	return group;
}

static const struct mullion_admin_owner *find_owner(const struct machine *machine, uint32_t vm)
{
	for (size_t i = 0; i < machine->count; i++) {
		if (machine->guests[i].vm.vm == vm && machine->guests[i].owner.comm[0])
			return &machine->guests[i].owner;
	}
	return NULL;
}

static uint64_t count_before(const struct stat_sample *before, const struct stat_row *row,
			     unsigned int stat)
{
	for (size_t i = 0; i < before->count; i++) {
		if (before->rows[i].vm == row->vm && before->rows[i].index == row->index)
			return before->rows[i].stat.count[stat];
	}
	return 0;
}

/* What the table shows for vCPU `i` of the group. */
static uint64_t value(const struct group *group, size_t i, unsigned int stat)
{
	const struct stat_row *row = &group->rows[i];
	uint64_t now = row->stat.count[stat], then;

	if (!group->before)
		return now;
	then = count_before(group->before, row, stat);
	return (uint64_t)((double)(now < then ? now : now - then) / group->seconds + 0.5);
}

static uint64_t sum(const struct group *group, unsigned int stat)
{
	uint64_t total = 0;

	for (size_t i = 0; i < group->count; i++)
		total += value(group, i, stat);
	return total;
}

/* Column 0 is the sum where there are several vCPUs. */
static bool has_sum(const struct group *group)
{
	return group->count > 1;
}

static void print_headings(FILE *out, const struct group *group, size_t first, size_t end)
{
	fprintf(out, "%-*s", LABEL_WIDTH, "");
	for (size_t column = first; column < end; column++) {
		char heading[COLUMN_WIDTH];

		if (has_sum(group) && column == 0)
			snprintf(heading, sizeof(heading), "all");
		else
			snprintf(heading, sizeof(heading), "%s %u",
				 group->vm == MULLION_SERVICE_VM ? "CPU" : "vCPU",
				 group->rows[column - has_sum(group)].index);
		fprintf(out, "%*s", COLUMN_WIDTH, heading);
	}
	fputc('\n', out);
}

static void print_counter(FILE *out, const struct group *group, unsigned int stat, size_t first,
			  size_t end)
{
	bool total = stat == MULLION_STAT_EXITS || stat == MULLION_STAT_TO_SERVICE;

	if (!total && !sum(group, stat))
		return;
	fprintf(out, "%s%-*s", total ? "" : "  ", LABEL_WIDTH - (total ? 0 : 2), text_stat(stat));
	for (size_t column = first; column < end; column++)
		fprintf(out, "%*" PRIu64, COLUMN_WIDTH,
			has_sum(group) && column == 0 ?
				sum(group, stat) :
				value(group, column - has_sum(group), stat));
	fputc('\n', out);
}

static void print_group(FILE *out, const struct group *group, unsigned int width)
{
	size_t columns = group->count + has_sum(group), at_once = columns;

	if (width)
		at_once = width < LABEL_WIDTH + COLUMN_WIDTH ? 1 :
							       (width - LABEL_WIDTH) / COLUMN_WIDTH;
	for (size_t first = 0; first < columns; first += at_once) {
		size_t end = columns - first < at_once ? columns : first + at_once;

		print_headings(out, group, first, end);
		for (unsigned int stat = 0; stat < MULLION_STAT_COUNT; stat++)
			print_counter(out, group, stat, first, end);
	}
}

static void print_title(FILE *out, const struct stat_sample *sample, const struct group *group)
{
	const struct mullion_admin_owner *owner = find_owner(&sample->machine, group->vm);

	if (group->vm == MULLION_SERVICE_VM)
		fputs("Service domain", out);
	else
		fprintf(out, "VM %u", group->vm);
	if (owner) {
		fputs(" (", out);
		text_print_safe(out, owner->comm, strlen(owner->comm));
		fprintf(out, ", PID %d", (int)owner->pid);
		if (owner->smm_of)
			fprintf(out, ", system management mode of VM %u", owner->smm_of);
		fputc(')', out);
	}
	if (group->before)
		fprintf(out, ", per second over %.1f s", group->seconds);
	fputc('\n', out);
}

void stat_print(FILE *out, const struct stat_sample *sample, const struct stat_sample *before,
		unsigned int width)
{
	for (size_t first = 0; first < sample->count;) {
		struct group group = group_at(sample, first);

		if (before && sample->time_ns > before->time_ns) {
			group.before = before;
			group.seconds = (double)(sample->time_ns - before->time_ns) / NS_PER_SECOND;
		}
		if (first)
			fputc('\n', out);
		print_title(out, sample, &group);
		print_group(out, &group, width);
		first += group.count;
	}
}

static void json_vcpu(struct json *j, const struct stat_row *row)
{
	json_object(j, NULL);
	json_number(j, "index", row->index);
	for (unsigned int stat = 0; stat < MULLION_STAT_COUNT; stat++)
		json_number(j, text_stat(stat), row->stat.count[stat]);
	json_hex(j, "last_exit_code", row->stat.last_exit_code);
	json_hex(j, "last_rip", row->stat.last_rip);
	json_end(j);
}

void stat_print_json(FILE *out, const struct stat_sample *sample)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_number(&j, "time_ns", sample->time_ns);
	json_array(&j, "vms");
	for (size_t first = 0; first < sample->count;) {
		struct group group = group_at(sample, first);
		const struct mullion_admin_owner *owner = find_owner(&sample->machine, group.vm);

		json_object(&j, NULL);
		json_number(&j, "vm", group.vm);
		if (owner) {
			json_number(&j, "pid", (uint32_t)owner->pid);
			json_string(&j, "process", owner->comm);
			if (owner->smm_of)
				json_number(&j, "smm_of", owner->smm_of);
		}
		json_array(&j, "vcpus");
		for (size_t i = 0; i < group.count; i++)
			json_vcpu(&j, &group.rows[i]);
		json_end(&j);
		json_end(&j);
		first += group.count;
	}
	json_end(&j);
	json_end(&j);
}
