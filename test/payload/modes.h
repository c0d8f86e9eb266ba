/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the payload `modes` share: tables of 32-bit protected mode. */
#ifndef PAYLOAD_MODES_H
#define PAYLOAD_MODES_H

#include "payload.h"

#define LOW_CODE 0x7000 /* where code of 16 bits is copied to */
#define RESULTS 0x5000  /* and where it leaves its results */

#define SEL_CODE32_FLAT 0x08
#define SEL_DATA_FLAT 0x10
#define SEL_CODE16 0x18
#define SEL_DATA16 0x20
#define SEL_TSS32 0x28
#define GDT_SIZE (6 * 8)

struct gate {
	uint16_t offset_low, selector;
	uint8_t zero, type;
	uint16_t offset_high;
};

extern uint64_t gdt[GDT_SIZE / 8];
extern struct gate idt[256];
/* The TSS of the one task that all but modes_tasks.c run in. */
extern uint32_t tss[26 + 8192 / 4 + 1];

/* The gate that `vector` has from the start. */
void set_trap_gate(unsigned int vector);

/* modes_tasks.c */
void test_tasks(void);
void test_tasks_paged(void);

#endif
