/* SPDX-License-Identifier: GPL-2.0-only */
/* The tests of the payload `memory`. */
#ifndef PAYLOAD_MEMORY_H
#define PAYLOAD_MEMORY_H

#include "payload.h"

void main(void);

/* memory_device.c */
void test_device_widths(void);
void test_device_change(void);
void test_device_extend(void);
void test_device_strings(void);
void test_device_cross(void);
void test_device_sse(void);
void test_device_registers(void);
void test_device_paging(void);
void test_rom(void);

/* memory_ram.c */
void test_self_modifying(void);
void test_fresh_code(void);
void test_apart(void);
void test_demand(void);
void test_ram(void);

#endif
