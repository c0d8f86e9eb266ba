// SPDX-License-Identifier: GPL-2.0-only
/* The fuzzer's own pages, and who holds them. */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "fuzz.h"
#include "hypercall.h"

/* Two of the largest blocks, which hold whole 2 MiB pages, and small change. */
#define LARGE_PIECES 2
#define LARGE_ORDER 10
#define SMALL_ORDER 2
#define PIECE_MAX (1u << LARGE_ORDER)

static struct piece {
	u64 pfn;
	u32 order;
	u16 owner[PIECE_MAX];
} pieces[ARENA_PIECES];
static u64 donated;

int arena_make(void)
{
	for (u32 i = 0; i < ARENA_PIECES; i++) {
		u32 order = i < LARGE_PIECES ? LARGE_ORDER : SMALL_ORDER;
		struct page *page = alloc_pages(GFP_KERNEL, order);

		if (!page) {
			arena_free();
			return -ENOMEM;
		}
		pieces[i].pfn = page_to_pfn(page);
		pieces[i].order = order;
	}
	return 0;
}

void arena_free(void)
{
	for (u32 i = 0; i < ARENA_PIECES; i++) {
		struct piece *p = &pieces[i];
		bool ours = true;

		if (!p->pfn)
			continue;
		for (u32 j = 0; j < 1u << p->order; j++)
			ours = ours && !p->owner[j];
		if (ours)
			__free_pages(pfn_to_page(p->pfn), p->order);
		else
			fuzz_fail("the pages from %#llx are lost", p->pfn);
		p->pfn = 0;
	}
}

u32 arena_piece_count(void)
{
	return ARENA_PIECES;
}

struct frames arena_piece(u32 piece)
{
	return (struct frames){ pieces[piece].pfn, 1u << pieces[piece].order };
}

struct frames arena_range(u32 most)
{
	const struct piece *p =
		&pieces[one_in(3) ? random_below(LARGE_PIECES) : random_below(ARENA_PIECES)];
	u32 size = 1u << p->order;
	u32 at = random_below(size);

	/* Alignment that suits large pages, often. */
	if (one_in(3))
		at &= ~511u;
	return (struct frames){ p->pfn + at, 1 + random_below(min(most, size - at)) };
}

static u16 *owner_of(u64 pfn)
{
	for (u32 i = 0; i < ARENA_PIECES; i++) {
		struct piece *p = &pieces[i];

		if (pfn >= p->pfn && pfn - p->pfn < 1u << p->order)
			return &p->owner[pfn - p->pfn];
	}
	return NULL;
}

u64 arena_own_page(void)
{
	for (u32 i = 0; i < 100; i++) {
		u64 pfn = arena_range(1).pfn;

		if (!*owner_of(pfn))
			return pfn;
	}
	return 0;
}

void *arena_address(u64 pfn)
{
	return pfn_to_kaddr(pfn);
}

u16 arena_owner(u64 pfn)
{
	u16 *owner = owner_of(pfn);

	return owner ? *owner : 0;
}

void arena_donated(struct frames range, u16 vm)
{
	for (u64 i = 0; i < range.count; i++) {
		u16 *owner = owner_of(range.pfn + i);

		if (!owner || *owner) {
			fuzz_fail("frame %#llx donated to VM %u, which it cannot be", range.pfn + i,
				  vm);
			continue;
		}
		*owner = vm;
		donated++;
	}
}

void arena_returned(struct frames range)
{
	for (u64 i = 0; i < range.count; i++) {
		u16 *owner = owner_of(range.pfn + i);
		const u64 *page = arena_address(range.pfn + i);

		if (!owner || !*owner) {
			fuzz_fail("frame %#llx given back, which was not donated", range.pfn + i);
			continue;
		}
		*owner = 0;
		donated--;
		if (memchr_inv(page, 0, PAGE_SIZE))
			fuzz_fail("frame %#llx given back with something in it", range.pfn + i);
	}
}

u64 arena_donated_count(void)
{
	return donated;
}
