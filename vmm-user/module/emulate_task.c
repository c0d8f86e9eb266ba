// SPDX-License-Identifier: GPL-2.0-only
/*
 * Task switches (SDM vol. 3A 8.2, 8.3; APM vol. 2 12.2, 12.3). Whatever may fail while the old
 * task still counts comes first; then the old task is put away, and what fails afterwards fails
 * in the new one.
 */
#include "emulate_internal.h"

#define TSS_MAX 104
#define TSS_LINK 0
#define TSS_CR3 0x1c  /* 32-bit only */
#define TSS_TRAP 0x64 /* 32-bit only: bit 0 */

#define TYPE_TSS 1u /* SEG_TYPE, and: */
#define TYPE_BUSY 2u
#define TYPE_32 8u
#define DESCRIPTOR_BUSY (1ull << 41)

#define TRIES 16 /* at what another processor changes, too */

/* Instruction pointer, flags and the eight general registers follow each other. */
static const struct format {
	uint8_t size;
	uint8_t width; /* of these registers */
	uint8_t ip;
	uint8_t seg, segs; /* the first selector, and how many, of `width` bytes each */
	uint8_t ldt;
} format16 = { 0x2c, 2, 0x0e, 0x22, 4, 0x2a }, format32 = { 0x68, 4, 0x20, 0x48, 6, 0x60 };

static const struct format *format_of(const struct mullion_segment *tss)
{
	return tss->attr & TYPE_32 ? &format32 : &format16;
}

struct task_switch {
	struct emulation e;
	struct emulate_task *task;
	bool nested;                /* the new task returns to the old one */
	bool leaves;                /* the old one is not busy any more */
	struct mullion_segment tss; /* the new task's */
	uint8_t image[TSS_MAX];
	uint8_t old_image[64]; /* from format.ip to behind the selectors */

	/* What will be written. */
	uint64_t descriptor;
	struct span descriptor_at, old_descriptor_at, old_image_at, link_at;
};

static uint32_t field(const uint8_t *image, unsigned int width)
{
	uint32_t value = 0;

	memcpy(&value, image, width);
	return value;
}

/* Finds and reads up to 64 bytes of a system structure, which must be in RAM. */
static int find(struct emulation *e, uint64_t linear, void *data, unsigned int size,
		unsigned int access, struct span *span)
{
	const struct emulate_context *ctx = e->ctx;
	uint8_t *to = data;
	int status = emulate_map(e, linear & 0xffffffff, size, access | GUEST_WALK_IMPLICIT, span);

	for (unsigned int i = 0; !status && i < 2 && span->size[i]; to += span->size[i++])
		if (ctx->ops->ram.read(ctx->opaque, span->gpa[i], to, span->size[i]))
			status = EMULATE_UNHANDLED;
	return status;
}

/* What find() has found; memory that cannot be written stays as it is. */
static void put(struct emulation *e, const struct span *span, const void *data)
{
	const struct emulate_context *ctx = e->ctx;
	const uint8_t *from = data;

	for (unsigned int i = 0; i < 2 && span->size[i]; from += span->size[i++])
		ctx->ops->ram.write(ctx->opaque, span->gpa[i], from, span->size[i]);
}

/* The processor has checked privileges; memory may have changed since. */
static int find_tss(struct task_switch *s)
{
	const struct emulate_context *ctx = s->e.ctx;
	uint16_t selector = s->task->selector;
	bool returns = s->task->source == MULLION_TASK_IRET;
	unsigned int bad = returns ? VECTOR_TS : VECTOR_GP;
	const struct format *format;
	struct span span;
	int status;

	if (selector & 4 || !(selector & ~3u) || (selector | 7u) > ctx->gdtr.limit)
		return emulate_raise(&s->e, bad, selector & ~3u);
	status = find(&s->e, ctx->gdtr.base + (selector & ~7u), &s->descriptor, 8,
		      returns ? 0 : GUEST_WALK_WRITE, &s->descriptor_at);
	if (status)
		return status;
	emulate_unpack_descriptor(&s->tss, selector, s->descriptor);
	if ((s->tss.attr & (SEG_S | SEG_TYPE) & ~TYPE_32) != (TYPE_TSS | (returns ? TYPE_BUSY : 0)))
		return emulate_raise(&s->e, bad, selector & ~3u);
	if (!(s->tss.attr & SEG_PRESENT))
		return emulate_raise(&s->e, VECTOR_NP, selector & ~3u);
	format = format_of(&s->tss);
	if (s->tss.limit < format->size - 1u)
		return emulate_raise(&s->e, VECTOR_TS, selector & ~3u);
	status = find(&s->e, s->tss.base, s->image, format16.size, 0, &span);
	if (!status && format == &format32)
		status = find(&s->e, s->tss.base + format16.size, s->image + format16.size,
			      format32.size - format16.size, 0, &span);
	if (!status && s->nested)
		status = find(&s->e, s->tss.base + TSS_LINK, s->image, 2, GUEST_WALK_WRITE,
			      &s->link_at);
	return status;
}

static int find_old(struct task_switch *s)
{
	const struct emulate_context *ctx = s->e.ctx;
	const struct mullion_segment *old = &ctx->seg[MULLION_TR];
	const struct format *format = format_of(old);
	uint64_t descriptor;
	int status = find(&s->e, old->base + format->ip, s->old_image,
			  format->seg + format->segs * format->width - format->ip, GUEST_WALK_WRITE,
			  &s->old_image_at);

	if (status || !s->leaves)
		return status;
	if ((old->selector | 7u) > ctx->gdtr.limit)
		return emulate_raise(&s->e, VECTOR_TS, old->selector & ~3u);
	return find(&s->e, ctx->gdtr.base + (old->selector & ~7u), &descriptor, 8, GUEST_WALK_WRITE,
		    &s->old_descriptor_at);
}

/* The old task as it goes on when it is switched to again. */
static void save_old(struct task_switch *s)
{
	const struct emulate_context *ctx = s->e.ctx;
	const struct format *format = format_of(&ctx->seg[MULLION_TR]);
	uint64_t rip = ctx->rip + s->task->insn_len, rflags = ctx->rflags;
	uint8_t *to = s->old_image;

	if (s->task->source == MULLION_TASK_IRET)
		rflags &= ~FLAG_NT;
	memcpy(to, &rip, format->width);
	memcpy(to += format->width, &rflags, format->width);
	for (unsigned int i = MULLION_RAX; i <= MULLION_RDI; i++)
		memcpy(to += format->width, &ctx->gpr[i], format->width);
	to = s->old_image + format->seg - format->ip;
	for (unsigned int i = 0; i < format->segs; i++, to += format->width)
		memcpy(to, &ctx->seg[i].selector, 2);
	put(&s->e, &s->old_image_at, s->old_image);
}

/* The point of no return. -> EMULATE_AGAIN, and nothing is changed, if another processor was
 * quicker. */
static int leave_old(struct task_switch *s)
{
	struct emulation *e = &s->e;
	uint16_t link = e->ctx->seg[MULLION_TR].selector;
	uint64_t old;

	if (s->task->source != MULLION_TASK_IRET &&
	    emulate_span_exchange(e, &s->descriptor_at, s->descriptor,
				  s->descriptor | DESCRIPTOR_BUSY))
		return EMULATE_AGAIN;
	save_old(s);
	for (unsigned int tries = 0; s->leaves && tries < TRIES; tries++) {
		old = 0;
		if (emulate_span_read(e, &s->old_descriptor_at, &old) ||
		    emulate_span_exchange(e, &s->old_descriptor_at, old, old & ~DESCRIPTOR_BUSY) !=
			    EMULATE_AGAIN)
			break;
	}
	if (s->nested)
		put(e, &s->link_at, &link);
	return EMULATE_DONE;
}

/* Selectors without descriptors: what a fault before they are loaded finds. */
static void clear_segments(struct emulate_context *ctx, const struct format *format,
			   const uint8_t *image)
{
	bool v86 = ctx->rflags & FLAG_VM;

	for (unsigned int i = 0; i < MULLION_LDTR; i++) {
		struct mullion_segment *seg = &ctx->seg[i];
		unsigned int at = format->seg + i * format->width;
		unsigned int type = i == MULLION_CS ? SEG_TYPE_CODE : 0;
		bool needed = i == MULLION_CS || i == MULLION_SS || v86;

		*seg = (struct mullion_segment){
			.selector = i < format->segs ? (uint16_t)field(image + at, 2) : 0,
		};
		if (needed)
			seg->attr = SEG_PRESENT | SEG_S | ctx->cpl << SEG_DPL_SHIFT |
				    SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED | (v86 ? 0 : type);
		if (v86) {
			seg->base = (uint64_t)seg->selector << 4;
			seg->limit = 0xffff;
		}
	}
	ctx->seg[MULLION_LDTR] = (struct mullion_segment){
		.selector = (uint16_t)field(image + format->ldt, 2),
	};
}

static void load_registers(struct task_switch *s)
{
	struct emulate_context *ctx = s->e.ctx;
	const struct format *format = format_of(&s->tss);
	const uint8_t *from = s->image + format->ip;

	ctx->rip = field(from, format->width);
	ctx->rflags = field(from += format->width, format->width) | 2;
	if (s->nested)
		ctx->rflags |= FLAG_NT;
	for (unsigned int i = MULLION_RAX; i <= MULLION_RDI; i++)
		ctx->gpr[i] = field(from += format->width, format->width);
	if (format == &format32 && ctx->cr0 & CR0_PG)
		ctx->cr3 = field(s->image + TSS_CR3, 4);
	ctx->cr0 |= CR0_TS;
	ctx->cpl = ctx->rflags & FLAG_VM ? 3 : field(s->image + format->seg + format->width, 2) & 3;
	clear_segments(ctx, format, s->image);
	ctx->seg[MULLION_TR] = s->tss;
	ctx->seg[MULLION_TR].attr |= TYPE_BUSY;
	ctx->interruptibility &= ~MULLION_BLOCK_STI;
	if (s->task->source == MULLION_TASK_IRET)
		ctx->interruptibility &= ~MULLION_BLOCK_NMI;
	else if (s->e.external && s->task->event.type == MULLION_EVENT_NMI)
		ctx->interruptibility |= MULLION_BLOCK_NMI;
	ctx->changed = MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR;
}

static int load_segments(struct emulation *e)
{
	static const uint8_t order[] = { MULLION_LDTR, MULLION_CS, MULLION_SS, MULLION_ES,
					 MULLION_DS,   MULLION_FS, MULLION_GS };
	int status = EMULATE_DONE;

	for (unsigned int i = 0; !status && i < sizeof(order); i++) {
		uint16_t selector = e->ctx->seg[order[i]].selector;

		if (order[i] == MULLION_LDTR && selector & 4)
			return emulate_raise(e, VECTOR_TS, selector & ~3u);
		for (unsigned int tries = 0; tries < TRIES; tries++) {
			status = emulate_load_segment(e, order[i], selector);
			if (status != EMULATE_AGAIN)
				break;
		}
	}
	return status;
}

/* The new task's first steps, which are the processor's. */
static int enter_new(struct task_switch *s)
{
	struct emulation *e = &s->e;
	const struct format *format = format_of(&s->tss);
	uint8_t external = e->external;
	int status;

	load_registers(s);
	emulate_begin(e, e->ctx);
	e->selector_fault = VECTOR_TS;
	e->external = external;
	status = load_segments(e);
	if (!status && external && s->task->event.has_error)
		status = emulate_push(e, s->task->event.error, format->width);
	memcpy(e->ctx->gpr, e->gpr, sizeof(e->ctx->gpr));
	if (!status && !emulate_permits(e, MULLION_CS, e->ctx->rip, 1, GUEST_WALK_FETCH))
		status = emulate_raise(e, VECTOR_GP, 0);
	e->ctx->posted_count = 0; /* by descriptors and stacks that are not in RAM */
	s->task->trap = !status && format == &format32 && s->image[TSS_TRAP] & 1;
	return status;
}

static bool contributory(uint8_t vector)
{
	return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/* A fault in the delivery of an exception (SDM vol. 3A table 6-5). */
static void combine(struct emulate_context *ctx, struct emulate_task *task)
{
	uint8_t first = task->event.vector, second = ctx->fault.vector;

	if (task->insn_len || task->event.type != MULLION_EVENT_EXCEPTION)
		return;
	task->shutdown = first == VECTOR_DF;
	if (contributory(second) ? contributory(first) || first == VECTOR_PF :
				   second == VECTOR_PF && first == VECTOR_PF) {
		ctx->fault.vector = VECTOR_DF;
		ctx->fault.error = 0;
	}
}

enum emulate_result emulate_task_switch(struct emulate_context *ctx, struct emulate_task *task)
{
	bool gate = task->source == MULLION_TASK_GATE;
	struct task_switch s = {
		.task = task,
		.nested = gate || task->source == MULLION_TASK_CALL,
		.leaves = !gate && task->source != MULLION_TASK_CALL,
	};
	int status;

	task->switched = task->trap = task->shutdown = false;
	emulate_begin(&s.e, ctx);
	s.e.external = gate && !task->insn_len;
	status = find_tss(&s);
	if (!status)
		status = find_old(&s);
	if (!status)
		status = leave_old(&s);
	if (!status) {
		task->switched = true;
		status = enter_new(&s);
	}
	if (status == EMULATE_FAULT) {
		combine(ctx, task);
		emulate_finish_fault(ctx);
	} else if (status && (task->switched || status == EMULATE_PENDING)) {
		status = EMULATE_UNHANDLED;
	}
	return status;
}
