/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Emulation of one x86 instruction that touched a device.
 *
 * A nested fault on an address without RAM says where the guest reached, not
 * with what instruction: this fetches the instruction from guest memory, decodes
 * and executes it on a register file, and asks the caller for RAM, devices and
 * ports by callbacks. All modes: real, virtual-8086, 16- and 32-bit protected,
 * 64-bit. Pure C, no allocation, no recursion, bounded loops, less than 1 KiB of
 * stack: the same files build into mullion.ko and into the tests and fuzzers on
 * the host. Guests are hostile: an instruction can fault the guest and nothing
 * else.
 *
 * How to use it, for each vCPU one context:
 *
 *	emulate_init(ctx, &ops, vcpu);           once
 *
 *	emulate_load(ctx, run);                  on an exit; groups GPR, RIP, SEG, CR
 *	                                         must be valid in the run page
 * again:
 *	switch (emulate_insn(ctx)) {
 *	case EMULATE_DONE:       finished
 *	case EMULATE_AGAIN:      a REP instruction with more to do, at an
 *	                         iteration's boundary: either call again or run the
 *	                         guest (an interrupt may be taken in between)
 *		emulate_store(ctx, run);
 *		deliver ctx->posted[0..posted_count) in order, through user space,
 *		then ctx->posted_count = 0; the guest runs only after that
 *		if (ctx->single_step) inject #DB with DR6.BS
 *	case EMULATE_PENDING:    ctx->pending is a read that user space must answer
 *		emulate_store(ctx, run);         (a REP may have moved on)
 *		exit to user space; then put the data into ctx->pending.data (or
 *		ctx->io for a port), emulate_complete(ctx), goto again. No load in
 *		between; if registers were set meanwhile: emulate_abandon(ctx).
 *	case EMULATE_FAULT:      inject ctx->fault
 *		emulate_store(ctx, run);
 *	case EMULATE_UNHANDLED:  KVM_INTERNAL_ERROR_EMULATION with ctx->insn
 *		emulate_store(ctx, run);         (here, too)
 *	}
 *
 * Resuming is a restart: a device read that was answered is kept, and the next
 * run of the same instruction takes it from there instead of asking again.
 * Writes are an instruction's last act, so those that only user space can take
 * are posted and the instruction is complete before the exit.
 */
#ifndef MULLION_EMULATE_H
#define MULLION_EMULATE_H

#include "guest_walk.h"
#include <mullion/abi.h>

enum emulate_result {
	EMULATE_DONE = 0,
	EMULATE_AGAIN,
	EMULATE_PENDING,
	EMULATE_FAULT,
	EMULATE_UNHANDLED,
};

#define EMULATE_INSN_MAX 15  /* bytes of the longest instruction */
#define EMULATE_IO_MAX 1024  /* bytes of one string port access */
#define EMULATE_POSTED_MAX 8 /* more than any one instruction writes */
#define EMULATE_KEPT_MAX 8   /* more than any one instruction reads */
#define EMULATE_BATCH 256    /* iterations of a REP in one call */

enum emulate_access_kind {
	EMULATE_MMIO_READ = 1,
	EMULATE_MMIO_WRITE,
	EMULATE_PORT_IN,
	EMULATE_PORT_OUT,
};

/* An access that only user space can take. */
struct emulate_access {
	uint8_t kind;     /* enum emulate_access_kind */
	uint8_t size;     /* MMIO: 1-8 bytes; port: 1, 2 or 4 bytes an element */
	uint16_t count;   /* elements: 1, for a port up to EMULATE_IO_MAX / size */
	uint64_t address; /* gpa or port */
	uint8_t data[8];  /* of MMIO; a port's data is in emulate_context.io */
};

/*
 * What the emulator asks of its caller. Calls never cross a 4 KiB page; data is
 * little-endian as in memory. Answers are enum guest_memory_result; anything
 * but OK leaves the caller's side unchanged.
 */
struct emulate_ops {
	/* Asked first, for every access. */
	struct guest_ram_ops ram;

	/* Where RAM answered DEVICE: 1-8 bytes at a gpa, as the guest accessed
	 * them (wider accesses come in pieces of 8). -> OK when it was dealt with
	 * in the kernel, PENDING when user space must. */
	int (*mmio_read)(void *opaque, uint64_t gpa, void *data, unsigned int size);
	int (*mmio_write)(void *opaque, uint64_t gpa, const void *data, unsigned int size);

	/* `count` elements of `size` (1, 2, 4) bytes, one after the other at the
	 * same port; size * count <= EMULATE_IO_MAX. -> OK or PENDING. */
	int (*port_in)(void *opaque, uint16_t port, void *data, unsigned int size,
		       unsigned int count);
	int (*port_out)(void *opaque, uint16_t port, const void *data, unsigned int size,
			unsigned int count);

	/* The guest's XSAVE image (MULLION_XSAVE_SIZE bytes, standard format), or
	 * NULL when it cannot be had. `write` says that it will be changed. Asked
	 * only by instructions with XMM operands. */
	void *(*xsave)(void *opaque, bool write);
};

struct emulate_context {
	const struct emulate_ops *ops;
	void *opaque; /* passed to every callback */

	/* Set by the caller after emulate_init, from the guest's CPUID. */
	uint8_t phys_bits; /* MAXPHYADDR, 32-52 */
	bool gib_pages;

	/* The register file, loaded by emulate_load; changed by EMULATE_DONE and
	 * EMULATE_AGAIN, and by whole iterations of a REP with any result. After
	 * EMULATE_FAULT, RF is set as the frame of a fault wants it. */
	uint64_t gpr[MULLION_GPRS];
	uint64_t rip;
	uint64_t rflags;
	uint64_t cr0, cr3, cr4, efer, xcr0;
	struct mullion_segment seg[MULLION_SEGS];
	struct mullion_table gdtr;
	uint32_t interruptibility; /* MULLION_BLOCK_* */
	uint8_t cpl;
	uint32_t changed; /* MULLION_GROUP_* to store since the last load */

	/* The access that made the exit, as the processor translated it: set by the caller
	 * after emulate_load, if it was by the instruction itself (not by a page walk). */
	struct {
		bool known;
		bool write;
		uint64_t gpa;
	} translated;

	/* Results. */
	struct mullion_event fault; /* with EMULATE_FAULT; type EXCEPTION */
	uint64_t fault_address;     /* CR2, when fault.vector is 14 */
	bool single_step;           /* with DONE and AGAIN: #DB is due, for TF */
	struct emulate_access pending;
	struct emulate_access posted[EMULATE_POSTED_MAX];
	unsigned int posted_count;
	uint8_t io[EMULATE_IO_MAX];

	/* The instruction: bytes fetched (0-15 are known), and its length once it
	 * is decoded, else 0. A caller that has the bytes from the processor
	 * (decode assists) sets both after emulate_load; else they are 0. */
	uint8_t insn[EMULATE_INSN_MAX + 1];
	uint8_t insn_count;
	uint8_t insn_length;

	/* Private: the registers as an instruction under way sees them, and the
	 * device reads of this instruction that were answered. */
	uint64_t work[MULLION_GPRS];
	struct emulate_access kept[EMULATE_KEPT_MAX];
	unsigned int kept_count;
	unsigned int kept_used;
};

/* How the vCPU translates linear addresses, by the registers that are loaded. */
static inline struct guest_paging emulate_paging(const struct emulate_context *ctx)
{
	return (struct guest_paging){
		.cr0 = ctx->cr0,
		.cr3 = ctx->cr3,
		.cr4 = ctx->cr4,
		.efer = ctx->efer,
		.rflags = ctx->rflags,
		.cpl = ctx->cpl,
		.phys_bits = ctx->phys_bits,
		.gib_pages = ctx->gib_pages,
	};
}

/* Prepares a context: everything zero but `ops`, `opaque`, and phys_bits 40. */
void emulate_init(struct emulate_context *ctx, const struct emulate_ops *ops, void *opaque);

/* Takes the register file from a run page and starts a new instruction: whatever
 * was kept of another is dropped. CPL is SS.DPL; 0 in real mode, 3 in V86. */
void emulate_load(struct emulate_context *ctx, const struct mullion_run *run);

/* Gives changed registers back and sets the run page's `dirty` for them. CR2 of a
 * page fault goes with them. The fault itself is for the caller to inject. */
void emulate_store(struct emulate_context *ctx, struct mullion_run *run);

/* Executes the instruction at CS:RIP. See the top for what follows. */
enum emulate_result emulate_insn(struct emulate_context *ctx);

/* Keeps the data that user space gave for ctx->pending, for the next emulate_insn. */
void emulate_complete(struct emulate_context *ctx);

/* Forgets a pending read and all that was kept: the registers are not the ones
 * that asked for it any more (they were set, or the vCPU was reset). */
void emulate_abandon(struct emulate_context *ctx);

/* Fetches and decodes only. -> EMULATE_DONE with ctx->insn_length 1-15,
 * EMULATE_FAULT (fetch fault, more than 15 bytes), or EMULATE_UNHANDLED when the
 * bytes cannot be had or are no instruction known to the decoder. Registers are
 * left alone, but for RF as in emulate_insn. */
enum emulate_result emulate_length(struct emulate_context *ctx);

/* A task switch, for processors that leave it to software. */
struct emulate_task {
	uint16_t selector;          /* of the new task's TSS */
	uint8_t source;             /* enum mullion_task_source */
	uint8_t insn_len;           /* of the instruction at RIP that switches; 0: an event does */
	struct mullion_event event; /* with insn_len 0: what is delivered by the switch */

	/* Results. */
	bool switched; /* the registers, and a fault, are the new task's, and the event has
			* been delivered */
	bool trap;     /* with DONE: #DB is due, with DR6.BT */
	bool shutdown; /* with FAULT: it is one too many, after #DF */
};

/*
 * Switches to another task (SDM vol. 3A 8.3, APM vol. 2 12.3). The register file is loaded, as
 * for an instruction. -> EMULATE_DONE, EMULATE_FAULT, EMULATE_AGAIN (not switched: run the
 * guest, it will be back), or EMULATE_UNHANDLED (a TSS or descriptor that is not in RAM). Of
 * DR7 the local enables are the caller's to clear when `switched`.
 */
enum emulate_result emulate_task_switch(struct emulate_context *ctx, struct emulate_task *task);

#endif
