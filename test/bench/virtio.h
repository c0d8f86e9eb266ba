/* SPDX-License-Identifier: GPL-2.0-only */
/* A driver for a virtio-blk device on PCI, as small as one can be: a read of one sector at a time. */
#ifndef BENCH_VIRTIO_H
#define BENCH_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the first such device of bus 0 with one queue, the end of whose requests it tells by
 * MSI-X with this vector. False: there is none, or not one of virtio 1.0 with MSI-X below 4 GiB. */
bool virtio_start(uint8_t vector);

/* Accesses to 32 bits of the device's memory, which the device keeps and does nothing by. */
void virtio_register_read(void);
void virtio_register_write(void);

/* Puts a request in the queue: before the last one is answered there must not be another. */
void virtio_ask(void);

/* Tells the device to look at its queue. */
void virtio_kick(void);

#endif
