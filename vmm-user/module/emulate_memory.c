// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linear memory: translation, and the split of an access between RAM and devices.
 *
 * A device read that was answered is kept until the instruction (of a REP: the
 * iteration) is over, because a later read of the same instruction may need user
 * space, and then the instruction starts anew.
 */
#include "emulate_internal.h"

#define DEVICE_BYTES 8u

static int page_fault(struct emulation *e, uint64_t linear, uint32_t error)
{
	e->ctx->fault_address = linear;
	return emulate_raise(e, VECTOR_PF, error);
}

/* Translates one address, within `access`. */
static int translate(struct emulation *e, uint64_t linear, unsigned int access, uint64_t *gpa)
{
	const struct emulate_context *ctx = e->ctx;
	const struct guest_paging paging = emulate_paging(ctx);
	/* Plain reads and writes repeat within a REP: they are remembered. */
	bool plain = !(access & ~GUEST_WALK_WRITE);
	unsigned int slot = access & GUEST_WALK_WRITE ? 1 : 0;
	uint64_t page = linear & ~(uint64_t)(PAGE_BYTES - 1);
	struct guest_walk walk;

	if (plain && e->translation[slot].valid && e->translation[slot].page == page) {
		*gpa = e->translation[slot].gpa | (linear & (PAGE_BYTES - 1));
		return EMULATE_DONE;
	}
	switch (guest_walk(&paging, &ctx->ops->ram, ctx->opaque, linear, access, &walk)) {
	case GUEST_WALK_OK:
		break;
	case GUEST_WALK_FAULT:
		return page_fault(e, linear, walk.error);
	case GUEST_WALK_RETRY:
		return EMULATE_AGAIN;
	}
	if (plain) {
		e->translation[slot].valid = true;
		e->translation[slot].page = page;
		e->translation[slot].gpa = walk.gpa & ~(uint64_t)(PAGE_BYTES - 1);
	}
	*gpa = walk.gpa;
	return EMULATE_DONE;
}

int emulate_map(struct emulation *e, uint64_t linear, unsigned int size, unsigned int access,
		struct span *span)
{
	unsigned int first = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
	uint64_t second;
	int status;

	if (first > size)
		first = size;
	span->size[0] = first;
	span->size[1] = size - first;
	status = translate(e, linear, access, &span->gpa[0]);
	if (status || !span->size[1])
		return status;
	second = linear + first;
	if (e->mode != MODE_LONG)
		second &= 0xffffffff;
	return translate(e, second, access, &span->gpa[1]);
}

/* The kept answer to the read that comes next, or NULL. Reads come in the same
 * order as before; what does not fit belongs to another course of events. */
static struct emulate_access *kept_read(struct emulate_context *ctx, uint8_t kind, uint64_t address,
					unsigned int size, unsigned int count)
{
	struct emulate_access *kept = &ctx->kept[ctx->kept_used];

	if (ctx->kept_used < ctx->kept_count && kept->kind == kind && kept->address == address &&
	    kept->size == size && kept->count == count) {
		ctx->kept_used++;
		return kept;
	}
	ctx->kept_count = ctx->kept_used;
	return NULL;
}

static int device_read(struct emulation *e, uint64_t gpa, uint8_t *data, unsigned int size)
{
	struct emulate_context *ctx = e->ctx;
	struct emulate_access access = {
		.kind = EMULATE_MMIO_READ,
		.size = size,
		.count = 1,
		.address = gpa,
	};
	const struct emulate_access *kept = kept_read(ctx, EMULATE_MMIO_READ, gpa, size, 1);

	if (kept) {
		memcpy(data, kept->data, size);
		return EMULATE_DONE;
	}
	if (ctx->kept_count == EMULATE_KEPT_MAX)
		return EMULATE_UNHANDLED;
	if (ctx->ops->mmio_read(ctx->opaque, gpa, access.data, size)) {
		ctx->pending = access;
		return EMULATE_PENDING;
	}
	ctx->kept[ctx->kept_count++] = access;
	ctx->kept_used = ctx->kept_count;
	memcpy(data, access.data, size);
	return EMULATE_DONE;
}

static int post(struct emulation *e, const struct emulate_access *access)
{
	struct emulate_context *ctx = e->ctx;

	if (ctx->posted_count == EMULATE_POSTED_MAX)
		return EMULATE_UNHANDLED;
	ctx->posted[ctx->posted_count++] = *access;
	return EMULATE_DONE;
}

static int device_write(struct emulation *e, uint64_t gpa, const uint8_t *data, unsigned int size)
{
	struct emulate_context *ctx = e->ctx;
	struct emulate_access access = {
		.kind = EMULATE_MMIO_WRITE,
		.size = size,
		.count = 1,
		.address = gpa,
	};

	memcpy(access.data, data, size);
	if (ctx->ops->mmio_write(ctx->opaque, gpa, access.data, size))
		return post(e, &access);
	return EMULATE_DONE;
}

int emulate_span_read(struct emulation *e, const struct span *span, void *data)
{
	struct emulate_context *ctx = e->ctx;
	uint8_t *to = data;
	unsigned int piece, done;

	for (piece = 0; piece < 2 && span->size[piece]; piece++) {
		uint64_t gpa = span->gpa[piece];
		unsigned int size = span->size[piece];

		if (ctx->ops->ram.read(ctx->opaque, gpa, to, size) == GUEST_MEMORY_OK) {
			to += size;
			continue;
		}
		for (done = 0; done < size; done += DEVICE_BYTES) {
			unsigned int part = size - done < DEVICE_BYTES ? size - done : DEVICE_BYTES;
			int status = device_read(e, gpa + done, to, part);

			if (status)
				return status;
			to += part;
		}
	}
	return EMULATE_DONE;
}

int emulate_span_write(struct emulation *e, const struct span *span, const void *data)
{
	struct emulate_context *ctx = e->ctx;
	const uint8_t *from = data;
	unsigned int piece, done;

	for (piece = 0; piece < 2 && span->size[piece]; piece++) {
		uint64_t gpa = span->gpa[piece];
		unsigned int size = span->size[piece];

		if (ctx->ops->ram.write(ctx->opaque, gpa, from, size) == GUEST_MEMORY_OK) {
			from += size;
			continue;
		}
		for (done = 0; done < size; done += DEVICE_BYTES) {
			unsigned int part = size - done < DEVICE_BYTES ? size - done : DEVICE_BYTES;
			int status = device_write(e, gpa + done, from, part);

			if (status)
				return status;
			from += part;
		}
	}
	return EMULATE_DONE;
}

int emulate_span_exchange(struct emulation *e, const struct span *span, uint64_t expected,
			  uint64_t desired)
{
	struct emulate_context *ctx = e->ctx;

	/* A locked access across pages is not atomic here. */
	if (!span->size[1]) {
		switch (ctx->ops->ram.cmpxchg(ctx->opaque, span->gpa[0], expected, desired,
					      span->size[0])) {
		case GUEST_MEMORY_OK:
			return EMULATE_DONE;
		case GUEST_MEMORY_CHANGED:
			return EMULATE_AGAIN;
		default:
			break;
		}
	}
	return emulate_span_write(e, span, &desired);
}

int emulate_read(struct emulation *e, unsigned int segment, uint64_t offset, void *data,
		 unsigned int size)
{
	struct span span;
	uint64_t linear;
	int status = emulate_linear(e, segment, offset, size, 0, &linear);

	if (!status)
		status = emulate_map(e, linear, size, 0, &span);
	return status ? status : emulate_span_read(e, &span, data);
}

int emulate_write(struct emulation *e, unsigned int segment, uint64_t offset, const void *data,
		  unsigned int size)
{
	struct span span;
	uint64_t linear;
	int status = emulate_linear(e, segment, offset, size, GUEST_WALK_WRITE, &linear);

	if (!status)
		status = emulate_map(e, linear, size, GUEST_WALK_WRITE, &span);
	return status ? status : emulate_span_write(e, &span, data);
}

int emulate_read_system(struct emulation *e, uint64_t linear, void *data, unsigned int size)
{
	struct span span;
	int status = emulate_map(e, linear, size, GUEST_WALK_IMPLICIT, &span);

	return status ? status : emulate_span_read(e, &span, data);
}

int emulate_port_in(struct emulation *e, uint16_t port, unsigned int size, unsigned int count)
{
	struct emulate_context *ctx = e->ctx;

	/* The data of a kept port read is still in ctx->io. */
	if (kept_read(ctx, EMULATE_PORT_IN, port, size, count))
		return EMULATE_DONE;
	if (ctx->ops->port_in(ctx->opaque, port, ctx->io, size, count)) {
		ctx->pending = (struct emulate_access){
			.kind = EMULATE_PORT_IN,
			.size = size,
			.count = count,
			.address = port,
		};
		return EMULATE_PENDING;
	}
	return EMULATE_DONE;
}

int emulate_port_out(struct emulation *e, uint16_t port, unsigned int size, unsigned int count)
{
	struct emulate_context *ctx = e->ctx;
	struct emulate_access access = {
		.kind = EMULATE_PORT_OUT,
		.size = size,
		.count = count,
		.address = port,
	};

	if (ctx->ops->port_out(ctx->opaque, port, ctx->io, size, count))
		return post(e, &access);
	return EMULATE_DONE;
}
