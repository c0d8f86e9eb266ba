/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The root-mode image in memory, as hv.lds lays it out. It is linked where it
 * runs: a symbol's address is its physical address. Every boundary is
 * page-aligned; sections follow each other in this order.
 */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include <stdint.h>

extern char image_start[];                /* = text_start */
extern char text_start[], text_end[];     /* read, execute */
extern char rodata_start[], rodata_end[]; /* read */
extern char data_start[], image_end[];    /* read, write: .data, then .bss */

/* The TSC on arrival from the boot loader. */
extern uint64_t boot_tsc;

#endif
