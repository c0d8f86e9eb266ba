/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pair of 8259A interrupt controllers of a PC, the second cascaded to input 2 of the first
 * (8259A datasheet; for ELCR the PIIX's), as state without locks or side effects. Pure C: the
 * same file builds into mullion.ko and into the tests on the host.
 */
#ifndef MULLION_PIC_H
#define MULLION_PIC_H

#include <linux/kvm.h>

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#define PIC_INPUTS 16
#define PIC_CASCADE 2

/* Ports. */
#define PIC_MASTER 0x20
#define PIC_SLAVE 0xa0
#define PIC_ELCR 0x4d0

struct pic {
	struct kvm_pic_state chip[2]; /* master, slave */
	uint8_t sources[PIC_INPUTS];  /* a bit for each source that drives the input */
};

void pic_reset(struct pic *p);

/* Source `source` (0-7) drives or releases an input. -> 1 when that requested an interrupt, 0 when
 * it had been requested already, -1 when the input is masked. */
int pic_set_input(struct pic *p, unsigned int input, unsigned int source, bool level);

/* Whether INT is asserted. */
bool pic_output(const struct pic *p);

/*
 * The processor acknowledges INT. -> the vector, of a spurious interrupt when nothing is
 * requested any more. *ended: inputs whose interrupt ends with this (automatic EOI), as a mask.
 */
uint8_t pic_acknowledge(struct pic *p, uint16_t *ended);

/* Whether a port is one of the PIC's. */
bool pic_has_port(uint16_t port);

/* Port accesses, a byte each. *ended: inputs whose interrupt was ended by it. */
void pic_write(struct pic *p, uint16_t port, uint8_t value, uint16_t *ended);
uint8_t pic_read(struct pic *p, uint16_t port, uint16_t *ended);

/* Takes a chip's state from user space. */
void pic_restore(struct pic *p, unsigned int chip, const struct kvm_pic_state *state);

#endif
