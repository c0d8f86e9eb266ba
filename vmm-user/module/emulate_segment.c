// SPDX-License-Identifier: GPL-2.0-only
/* Segmentation (APM vol. 2 chapter 4, SDM vol. 3A chapters 3 and 5). */
#include "emulate_internal.h"

bool emulate_canonical(const struct emulation *e, uint64_t address)
{
	unsigned int spare = e->ctx->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(address << spare) >> spare) == address;
}

/* Whether a segment's type permits an access, in protected mode. */
static bool type_permits(unsigned int attr, unsigned int access)
{
	if (attr & SEG_TYPE_CODE) {
		if (access & GUEST_WALK_WRITE)
			return false;
		return access & GUEST_WALK_FETCH || attr & SEG_TYPE_WRITABLE;
	}
	return !(access & GUEST_WALK_WRITE) || attr & SEG_TYPE_WRITABLE;
}

/* Whether offset..last lies within the limit. */
static bool within_limit(const struct mullion_segment *segment, bool protected, uint64_t offset,
			 uint64_t last)
{
	bool down = protected && !(segment->attr & SEG_TYPE_CODE) && segment->attr & SEG_TYPE_DOWN;

	if (!down)
		return last <= segment->limit;
	return offset > segment->limit && last <= (segment->attr & SEG_BIG ? 0xffffffff : 0xffff);
}

/* Checks an access and finds its linear address. False: the segment refuses. */
static bool check_access(const struct emulation *e, unsigned int segment, uint64_t offset,
			 unsigned int size, unsigned int access, uint64_t *linear)
{
	const struct mullion_segment *seg = &e->ctx->seg[segment];
	bool protected = e->mode == MODE_PROTECTED;
	uint64_t last = offset + size - 1;

	if (e->mode == MODE_LONG) {
		uint64_t base = segment == MULLION_FS || segment == MULLION_GS ? seg->base : 0;

		*linear = base + offset;
		return emulate_canonical(e, *linear) && emulate_canonical(e, base + last);
	}
	if (protected && (!(seg->attr & SEG_PRESENT) || !type_permits(seg->attr, access)))
		return false;
	*linear = (seg->base + offset) & 0xffffffff;
	return within_limit(seg, protected, offset, last);
}

int emulate_linear(struct emulation *e, unsigned int segment, uint64_t offset, unsigned int size,
		   unsigned int access, uint64_t *linear)
{
	if (check_access(e, segment, offset, size, access, linear))
		return EMULATE_DONE;
	return emulate_raise(e, segment == MULLION_SS ? VECTOR_SS : VECTOR_GP, 0);
}

bool emulate_permits(const struct emulation *e, unsigned int segment, uint64_t offset,
		     unsigned int size, unsigned int access)
{
	uint64_t linear;

	return check_access(e, segment, offset, size, access, &linear);
}

/* Where a selector's descriptor is. */
static int descriptor_address(struct emulation *e, uint16_t selector, uint64_t *linear)
{
	const struct emulate_context *ctx = e->ctx;
	const struct mullion_segment *ldt = &ctx->seg[MULLION_LDTR];
	unsigned int last = selector | 7;

	if (selector & 4) {
		if (!(ldt->attr & SEG_PRESENT) || last > ldt->limit)
			return emulate_raise(e, e->selector_fault, selector & ~3u);
		*linear = ldt->base + (selector & ~7u);
	} else {
		if (last > ctx->gdtr.limit)
			return emulate_raise(e, e->selector_fault, selector & ~3u);
		*linear = ctx->gdtr.base + (selector & ~7u);
	}
	if (e->mode != MODE_LONG)
		*linear &= 0xffffffff;
	else if (!emulate_canonical(e, *linear))
		return emulate_raise(e, e->selector_fault, selector & ~3u);
	return EMULATE_DONE;
}

void emulate_unpack_descriptor(struct mullion_segment *seg, uint16_t selector, uint64_t descriptor)
{
	uint32_t limit = (descriptor & 0xffff) | ((descriptor >> 32) & 0xf0000);

	seg->selector = selector;
	seg->attr = ((descriptor >> 40) & 0xff) | ((descriptor >> 44) & 0xf00);
	seg->limit = seg->attr & SEG_GRANULAR ? limit << 12 | 0xfff : limit;
	seg->base = ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000);
}

/* Rights to load `seg` into a segment register; the vector of the fault, or -1 (APM vol. 2
 * 4.10.1; CS and LDTR: SDM vol. 3A table 8-1). */
static int load_violation(const struct emulation *e, unsigned int segment,
			  const struct mullion_segment *seg)
{
	unsigned int rpl = seg->selector & 3, cpl = e->ctx->cpl;
	unsigned int dpl = (seg->attr >> SEG_DPL_SHIFT) & 3;
	bool code = seg->attr & SEG_TYPE_CODE, conforming = code && seg->attr & SEG_TYPE_DOWN;
	bool present = seg->attr & SEG_PRESENT;

	if (segment == MULLION_LDTR)
		return present && (seg->attr & (SEG_S | SEG_TYPE)) == SEG_LDT ? -1 :
										e->selector_fault;
	if (!(seg->attr & SEG_S))
		return e->selector_fault;
	switch (segment) {
	case MULLION_CS:
		if (!code || (conforming ? dpl > rpl : dpl != rpl))
			return e->selector_fault;
		break;
	case MULLION_SS:
		if (rpl != cpl || dpl != cpl || code || !(seg->attr & SEG_TYPE_WRITABLE))
			return e->selector_fault;
		return present ? -1 : VECTOR_SS;
	default:
		if (code && !(seg->attr & SEG_TYPE_WRITABLE))
			return e->selector_fault;
		if (!conforming && (dpl < cpl || dpl < rpl))
			return e->selector_fault;
	}
	return present ? -1 : VECTOR_NP;
}

static int load_null(struct emulation *e, unsigned int segment, uint16_t selector)
{
	struct mullion_segment *seg = &e->ctx->seg[segment];

	if (segment == MULLION_CS ||
	    (segment == MULLION_SS &&
	     (e->mode != MODE_LONG || e->ctx->cpl == 3 || (selector & 3) != e->ctx->cpl)))
		return emulate_raise(e, e->selector_fault, 0);
	seg->selector = selector;
	/* SS.DPL stays: it is the CPL. */
	seg->attr = segment == MULLION_SS ? e->ctx->cpl << SEG_DPL_SHIFT : 0;
	e->ctx->changed |= MULLION_GROUP_SEG;
	return EMULATE_DONE;
}

int emulate_load_segment(struct emulation *e, unsigned int segment, uint16_t selector)
{
	struct mullion_segment seg;
	uint64_t linear = 0, descriptor = 0;
	struct span span;
	int status, vector;

	if (segment != MULLION_LDTR && (e->mode == MODE_REAL || e->mode == MODE_V86)) {
		e->ctx->seg[segment].selector = selector;
		e->ctx->seg[segment].base = (uint64_t)selector << 4;
		e->ctx->changed |= MULLION_GROUP_SEG;
		return EMULATE_DONE;
	}
	if (!(selector & ~3u))
		return load_null(e, segment, selector);
	status = descriptor_address(e, selector, &linear);
	if (!status)
		status = emulate_map(e, linear, 8, GUEST_WALK_IMPLICIT, &span);
	if (!status)
		status = emulate_span_read(e, &span, &descriptor);
	if (status)
		return status;
	emulate_unpack_descriptor(&seg, selector, descriptor);
	vector = load_violation(e, segment, &seg);
	if (vector >= 0)
		return emulate_raise(e, (unsigned int)vector, selector & ~3u);
	if (segment != MULLION_LDTR && !(seg.attr & SEG_TYPE_ACCESSED)) {
		status = emulate_map(e, linear, 8, GUEST_WALK_IMPLICIT | GUEST_WALK_WRITE, &span);
		if (!status)
			status = emulate_span_exchange(e, &span, descriptor,
						       descriptor | 1ull << 40);
		if (status)
			return status;
		seg.attr |= SEG_TYPE_ACCESSED;
	}
	e->ctx->seg[segment] = seg;
	e->ctx->changed |= MULLION_GROUP_SEG;
	return EMULATE_DONE;
}
