// SPDX-License-Identifier: GPL-2.0-only
#include "test_emulate_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct region *find(struct machine *m, uint64_t gpa, unsigned int size)
{
	for (unsigned int i = 0; i < MACHINE_REGIONS; i++) {
		struct region *r = &m->region[i];

		if (r->kind != REGION_NONE && gpa >= r->base && gpa - r->base < r->size &&
		    size <= r->size - (gpa - r->base))
			return r;
	}
	return NULL;
}

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "the emulator broke its contract: %s\n", what);
	abort();
}

static void check_page(uint64_t gpa, unsigned int size)
{
	check(size >= 1 && (gpa & 4095) + size <= 4096, "an access crosses a page");
}

static int ram_read(void *opaque, uint64_t gpa, void *data, unsigned int size)
{
	struct machine *m = opaque;
	struct region *r = find(m, gpa, size);

	check_page(gpa, size);
	check(size <= 64, "RAM accesses have 1-64 bytes");
	if (!r || r->kind == REGION_DEVICE)
		return GUEST_MEMORY_DEVICE;
	memcpy(data, r->bytes + (gpa - r->base), size);
	return GUEST_MEMORY_OK;
}

static int ram_write(void *opaque, uint64_t gpa, const void *data, unsigned int size)
{
	struct machine *m = opaque;
	struct region *r = find(m, gpa, size);

	check_page(gpa, size);
	check(size <= 64, "RAM accesses have 1-64 bytes");
	if (!r || r->kind != REGION_RAM)
		return GUEST_MEMORY_DEVICE;
	memcpy(r->bytes + (gpa - r->base), data, size);
	return GUEST_MEMORY_OK;
}

static int ram_cmpxchg(void *opaque, uint64_t gpa, uint64_t expected, uint64_t desired,
		       unsigned int size)
{
	struct machine *m = opaque;
	struct region *r = find(m, gpa, size);

	check_page(gpa, size);
	check(size == 1 || size == 2 || size == 4 || size == 8,
	      "compare-exchanges have 1, 2, 4 or 8 bytes");
	if (!r || r->kind != REGION_RAM)
		return GUEST_MEMORY_DEVICE;
	if (m->contend) {
		m->contend--;
		return GUEST_MEMORY_CHANGED;
	}
	if (memcmp(r->bytes + (gpa - r->base), &expected, size))
		return GUEST_MEMORY_CHANGED;
	memcpy(r->bytes + (gpa - r->base), &desired, size);
	return GUEST_MEMORY_OK;
}

static bool answers_at_once(struct machine *m)
{
	return m->answer == ANSWER_AT_ONCE || (m->answer == ANSWER_IN_TURNS && m->turn++ & 1);
}

static void device_read(struct machine *m, uint64_t gpa, void *data, unsigned int size)
{
	struct region *r = find(m, gpa, size);

	m->device_reads++;
	if (r)
		memcpy(data, r->bytes + (gpa - r->base), size);
	else
		memset(data, 0xff, size);
}

static void device_write(struct machine *m, uint64_t gpa, const void *data, unsigned int size)
{
	struct region *r = find(m, gpa, size);

	m->device_writes++;
	if (r && r->kind == REGION_DEVICE)
		memcpy(r->bytes + (gpa - r->base), data, size);
}

static int mmio_read(void *opaque, uint64_t gpa, void *data, unsigned int size)
{
	struct machine *m = opaque;

	check_page(gpa, size);
	check(size <= 8, "device accesses have 1-8 bytes");
	if (!answers_at_once(m))
		return GUEST_MEMORY_PENDING;
	device_read(m, gpa, data, size);
	return GUEST_MEMORY_OK;
}

static int mmio_write(void *opaque, uint64_t gpa, const void *data, unsigned int size)
{
	struct machine *m = opaque;

	check_page(gpa, size);
	check(size <= 8, "device accesses have 1-8 bytes");
	if (!answers_at_once(m))
		return GUEST_MEMORY_PENDING;
	device_write(m, gpa, data, size);
	return GUEST_MEMORY_OK;
}

static void check_port(unsigned int size, unsigned int count)
{
	check(size == 1 || size == 2 || size == 4, "port elements have 1, 2 or 4 bytes");
	check(count >= 1 && size * count <= EMULATE_IO_MAX, "a port access is too long");
}

static void read_port(struct machine *m, uint8_t *data, unsigned int bytes)
{
	m->port_accesses++;
	for (unsigned int i = 0; i < bytes; i++)
		data[i] = m->port_next++;
}

static void write_port(struct machine *m, const uint8_t *data, unsigned int bytes)
{
	m->port_accesses++;
	for (unsigned int i = 0; i < bytes && m->port_out_size < MACHINE_PORTS; i++)
		m->port_out[m->port_out_size++] = data[i];
}

static int port_in(void *opaque, uint16_t port, void *data, unsigned int size, unsigned int count)
{
	struct machine *m = opaque;

	(void)port;
	check_port(size, count);
	if (!answers_at_once(m))
		return GUEST_MEMORY_PENDING;
	read_port(m, data, size * count);
	return GUEST_MEMORY_OK;
}

static int port_out(void *opaque, uint16_t port, const void *data, unsigned int size,
		    unsigned int count)
{
	struct machine *m = opaque;

	(void)port;
	check_port(size, count);
	if (!answers_at_once(m))
		return GUEST_MEMORY_PENDING;
	write_port(m, data, size * count);
	return GUEST_MEMORY_OK;
}

static void *xsave(void *opaque, bool write)
{
	struct machine *m = opaque;

	(void)write;
	return m->xsave;
}

static const struct emulate_ops ops = {
	.ram = { .read = ram_read, .write = ram_write, .cmpxchg = ram_cmpxchg },
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.port_in = port_in,
	.port_out = port_out,
	.xsave = xsave,
};

static void set_segments(struct machine *m, uint16_t data_attr, uint16_t code_attr, uint32_t limit)
{
	for (unsigned int i = MULLION_ES; i <= MULLION_GS; i++)
		m->ctx.seg[i] = (struct mullion_segment){
			.attr = i == MULLION_CS ? code_attr : data_attr,
			.limit = limit,
		};
}

void machine_init(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	emulate_init(&m->ctx, &ops, m);
	m->ctx.rflags = 2;
	m->ctx.cr0 = 0x10;
	m->ctx.cr4 = 1 << 9 | 1 << 18; /* OSFXSR, OSXSAVE */
	m->ctx.xcr0 = 7;
	set_segments(m, 0x93, 0x9b, 0xffff);
}

void machine_add(struct machine *m, enum region_kind kind, uint64_t base, void *bytes,
		 uint64_t size)
{
	for (unsigned int i = 0; i < MACHINE_REGIONS; i++) {
		if (m->region[i].kind != REGION_NONE)
			continue;
		m->region[i] = (struct region){ kind, base, size, bytes };
		return;
	}
	check(false, "too many regions in a test");
}

void machine_set_protected(struct machine *m, bool big)
{
	m->ctx.cr0 |= 1;
	if (big)
		set_segments(m, 0xc93, 0xc9b, 0xffffffff);
	else
		set_segments(m, 0x93, 0x9b, 0xffff);
}

void machine_set_long(struct machine *m)
{
	m->ctx.cr0 |= 1;
	m->ctx.efer = 1 << 8 | 1 << 10; /* LME, LMA */
	set_segments(m, 0xc93, 0xa9b, 0xffffffff);
}

void machine_set_cpl(struct machine *m, unsigned int cpl)
{
	m->ctx.cpl = cpl;
	for (unsigned int i = MULLION_ES; i <= MULLION_GS; i++)
		m->ctx.seg[i].attr = (m->ctx.seg[i].attr & ~0x60) | cpl << 5;
}

uint8_t *machine_memory(struct machine *m, uint64_t gpa)
{
	struct region *r = find(m, gpa, 1);

	return r ? r->bytes + (gpa - r->base) : NULL;
}

static void deliver_posted(struct machine *m)
{
	struct emulate_context *ctx = &m->ctx;

	check(ctx->posted_count <= EMULATE_POSTED_MAX, "too many posted writes");
	for (unsigned int i = 0; i < ctx->posted_count; i++) {
		const struct emulate_access *a = &ctx->posted[i];

		if (a->kind == EMULATE_MMIO_WRITE)
			device_write(m, a->address, a->data, a->size);
		else
			write_port(m, ctx->io, a->size * a->count);
	}
	ctx->posted_count = 0;
}

enum emulate_result machine_run(struct machine *m)
{
	struct emulate_context *ctx = &m->ctx;

	for (unsigned int rounds = 0; rounds < 100000; rounds++) {
		enum emulate_result result = emulate_insn(ctx);

		switch (result) {
		case EMULATE_PENDING:
			check(ctx->posted_count == 0, "a read is pending behind a write");
			m->pendings++;
			if (ctx->pending.kind == EMULATE_MMIO_READ)
				device_read(m, ctx->pending.address, ctx->pending.data,
					    ctx->pending.size);
			else
				read_port(m, ctx->io, ctx->pending.size * ctx->pending.count);
			emulate_complete(ctx);
			break;
		case EMULATE_AGAIN:
			m->agains++;
			deliver_posted(m);
			if (ctx->single_step)
				return result;
			break;
		default:
			deliver_posted(m);
			return result;
		}
	}
	check(false, "an instruction does not end");
	return EMULATE_UNHANDLED;
}
