// SPDX-License-Identifier: GPL-2.0-only
#include "smm_map.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#define REVISION_32 0x00020000u /* bit 17: SMBASE can be changed; no I/O restart */
#define REVISION_64 0x00020064u

#define RFLAGS_FIXED (1ull << 1)
#define RFLAGS_VM (1ull << 17)
#define RFLAGS_DEFINED 0x3f7fd7ull
#define CR0_PG (1ull << 31)
#define CR4_LA57 (1ull << 12)
#define CR4_PCIDE (1ull << 17)
#define CR3_NO_FLUSH (1ull << 63) /* of MOV to CR3, never in it */
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define DR6_ONES 0xffff0ff0u
#define DR7_ONES 0x400u
#define ATTR_PRESENT (1u << 7)
#define ATTR_LONG (1u << 9)

/* One walk over the map, in one direction. Offsets are SMM_MAP_OFFSET's. */
struct transfer {
	uint8_t *map;
	bool load;
};

/* The layouts' own offsets, as manuals give them, to ours. */
#define AT(offset) ((offset) - (SMM_MAP_OFFSET - 0x8000u))

static void field(const struct transfer *t, unsigned int offset, void *value, unsigned int size)
{
	if (t->load)
		memcpy(value, t->map + AT(offset), size);
	else
		memcpy(t->map + AT(offset), value, size);
}

static void flag(const struct transfer *t, unsigned int offset, bool *value)
{
	uint8_t byte = *value;

	field(t, offset, &byte, 1);
	*value = byte & 1;
}

static void segment_64(const struct transfer *t, unsigned int offset, struct mullion_segment *s)
{
	/* A descriptor's bits 8-15 and 20-23, with what stands between them as 0. */
	uint16_t attr = (s->attr & 0xff) | (s->attr & 0xf00) << 4;

	field(t, offset, &s->selector, 2);
	field(t, offset + 2, &attr, 2);
	field(t, offset + 4, &s->limit, 4);
	field(t, offset + 8, &s->base, 8);
	s->attr = (attr & 0xff) | (attr >> 4 & 0xf00);
}

static void layout_64(const struct transfer *t, struct smm_state *s)
{
	uint32_t revision = REVISION_64;
	unsigned int i;

	for (i = 0; i < MULLION_GPRS; i++)
		field(t, 0x7ff8 - 8 * i, &s->gpr[i], 8);
	field(t, 0x7f78, &s->rip, 8);
	field(t, 0x7f70, &s->rflags, 8);
	field(t, 0x7f68, &s->dr6, 8);
	field(t, 0x7f60, &s->dr7, 8);
	field(t, 0x7f58, &s->cr0, 8);
	field(t, 0x7f50, &s->cr3, 8);
	field(t, 0x7f48, &s->cr4, 8);
	field(t, 0x7f00, &s->smbase, 4);
	field(t, 0x7efc, &revision, 4);
	field(t, 0x7ed0, &s->efer, 8);
	flag(t, 0x7ecb, &s->shadow);
	flag(t, 0x7ec9, &s->halted);
	for (i = MULLION_ES; i <= MULLION_GS; i++)
		segment_64(t, 0x7e00 + 16 * i, &s->seg[i]);
	field(t, 0x7e64, &s->gdtr.limit, 2);
	field(t, 0x7e68, &s->gdtr.base, 8);
	segment_64(t, 0x7e70, &s->seg[MULLION_LDTR]);
	field(t, 0x7e84, &s->idtr.limit, 2);
	field(t, 0x7e88, &s->idtr.base, 8);
	segment_64(t, 0x7e90, &s->seg[MULLION_TR]);
}

static void segment_32(const struct transfer *t, unsigned int selector, unsigned int rest,
		       struct mullion_segment *s)
{
	/* A descriptor's second word without base and limit. */
	uint32_t attr = (uint32_t)(s->attr & 0xff) << 8 | (uint32_t)(s->attr & 0xf00) << 12;

	field(t, selector, &s->selector, 2);
	field(t, rest, &attr, 4);
	field(t, rest + 4, &s->limit, 4);
	field(t, rest + 8, &s->base, 4);
	s->attr = (attr >> 8 & 0xff) | (attr >> 12 & 0xf00);
}

static void layout_32(const struct transfer *t, struct smm_state *s)
{
	uint32_t revision = REVISION_32;
	unsigned int i;

	field(t, 0x7ffc, &s->cr0, 4);
	field(t, 0x7ff8, &s->cr3, 4);
	field(t, 0x7ff4, &s->rflags, 4);
	field(t, 0x7ff0, &s->rip, 4);
	for (i = MULLION_RAX; i <= MULLION_RDI; i++)
		field(t, 0x7fd0 + 4 * i, &s->gpr[i], 4);
	field(t, 0x7fcc, &s->dr6, 4);
	field(t, 0x7fc8, &s->dr7, 4);
	segment_32(t, 0x7fc4, 0x7f5c, &s->seg[MULLION_TR]);
	segment_32(t, 0x7fc0, 0x7f78, &s->seg[MULLION_LDTR]);
	for (i = MULLION_ES; i <= MULLION_SS; i++)
		segment_32(t, 0x7fa8 + 4 * i, 0x7f84 + 12 * i, &s->seg[i]);
	for (i = MULLION_DS; i <= MULLION_GS; i++)
		segment_32(t, 0x7fa8 + 4 * i, 0x7f2c + 12 * (i - MULLION_DS), &s->seg[i]);
	field(t, 0x7f74, &s->gdtr.base, 4);
	field(t, 0x7f70, &s->gdtr.limit, 2);
	field(t, 0x7f58, &s->idtr.base, 4);
	field(t, 0x7f54, &s->idtr.limit, 2);
	flag(t, 0x7f1a, &s->shadow);
	field(t, 0x7f14, &s->cr4, 4);
	flag(t, 0x7f02, &s->halted);
	field(t, 0x7efc, &revision, 4);
	field(t, 0x7ef8, &s->smbase, 4);
}

void smm_map_save(uint8_t *map, const struct smm_state *state, bool wide)
{
	const struct transfer t = { .map = map, .load = false };
	struct smm_state copy = *state;

	memset(map, 0, SMM_MAP_SIZE);
	(wide ? layout_64 : layout_32)(&t, &copy);
}

void smm_map_load(struct smm_state *state, const uint8_t *map, bool wide)
{
	const struct transfer t = { .map = (uint8_t *)map, .load = true };
	unsigned int i;

	memset(state, 0, sizeof(*state));
	(wide ? layout_64 : layout_32)(&t, state);
	state->rflags = (state->rflags & RFLAGS_DEFINED) | RFLAGS_FIXED;
	state->dr6 |= DR6_ONES;
	state->dr7 |= DR7_ONES;
	state->efer &= ~EFER_LMA;
	if (state->efer & EFER_LME && state->cr0 & CR0_PG)
		state->efer |= EFER_LMA;
	/* Only FS and GS have bases of 64 bits, and RIP where the code is of 64. */
	for (i = MULLION_ES; i <= MULLION_DS; i++)
		state->seg[i].base = (uint32_t)state->seg[i].base;
	if (!(state->efer & EFER_LMA && state->seg[MULLION_CS].attr & ATTR_LONG))
		state->rip = (uint32_t)state->rip;
}

/* -- RSM's checks ------------------------------------------------------------ */

static bool is_canonical(uint64_t address, uint64_t cr4)
{
	unsigned int shift = cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(address << shift) >> shift) == address;
}

static bool bases_sound(const struct smm_state *s)
{
	const struct mullion_segment *ldtr = &s->seg[MULLION_LDTR];

	return is_canonical(s->seg[MULLION_FS].base, s->cr4) &&
	       is_canonical(s->seg[MULLION_GS].base, s->cr4) &&
	       is_canonical(s->seg[MULLION_TR].base, s->cr4) &&
	       (!(ldtr->attr & ATTR_PRESENT) || is_canonical(ldtr->base, s->cr4)) &&
	       is_canonical(s->gdtr.base, s->cr4) && is_canonical(s->idtr.base, s->cr4);
}

bool smm_state_sound(const struct smm_state *s, unsigned int phys_bits)
{
	bool long_mode = s->efer & EFER_LMA;

	if (s->cr3 & CR3_NO_FLUSH || s->cr3 >> phys_bits)
		return false;
	if (s->cr4 & CR4_PCIDE && !long_mode)
		return false;
	if (long_mode && s->rflags & RFLAGS_VM)
		return false;
	if (s->dr6 >> 32 || s->dr7 >> 32)
		return false;
	return is_canonical(s->rip, s->cr4) && bases_sound(s);
}
