/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the emulator's tests: guest-physical memory in a few regions,
 * each RAM, ROM or a device that behaves like memory, and a port that counts.
 * Devices answer at once, through user space, or by turns, so that one test
 * covers the plain and the resumed course of an instruction.
 */
#ifndef TEST_EMULATE_MACHINE_H
#define TEST_EMULATE_MACHINE_H

#include "vmm-user/module/emulate.h"

#include <stdbool.h>
#include <stdint.h>

enum region_kind { REGION_NONE, REGION_RAM, REGION_ROM, REGION_DEVICE };
enum answer { ANSWER_AT_ONCE, ANSWER_PENDING, ANSWER_IN_TURNS };

struct region {
	enum region_kind kind;
	uint64_t base;
	uint64_t size;
	uint8_t *bytes; /* the test's */
};

#define MACHINE_REGIONS 6
#define MACHINE_PORTS 2048

struct machine {
	struct emulate_context ctx;
	struct region region[MACHINE_REGIONS];
	enum answer answer;
	unsigned int turn;
	unsigned int device_reads, device_writes; /* pieces that reached the device */
	unsigned int pendings;                    /* exits to user space for a read */
	unsigned int agains;
	unsigned int contend; /* compare-exchanges that shall fail first */
	uint8_t port_out[MACHINE_PORTS];
	unsigned int port_out_size;
	uint8_t port_next; /* what the next byte read from a port will be */
	unsigned int port_accesses;
	uint8_t xsave[MULLION_XSAVE_SIZE];
};

/* An empty machine in real mode with flat 64 KiB segments. */
void machine_init(struct machine *m);
void machine_add(struct machine *m, enum region_kind kind, uint64_t base, void *bytes,
		 uint64_t size);

/* Modes: segments, control registers, CPL 0; paging stays off. */
void machine_set_protected(struct machine *m, bool big);
void machine_set_long(struct machine *m);
void machine_set_cpl(struct machine *m, unsigned int cpl);

/* Where a gpa lies in the machine's memory; NULL outside. */
uint8_t *machine_memory(struct machine *m, uint64_t gpa);

/* Runs one instruction to its end, as the module would: answers pending reads,
 * delivers posted writes, goes on with a REP. */
enum emulate_result machine_run(struct machine *m);

#endif
