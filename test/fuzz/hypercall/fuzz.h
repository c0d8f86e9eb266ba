/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall fuzzer. It plays a service domain that has lost its mind, but not its
 * memory: it knows which of its pages root mode holds, so that it can take them back, and
 * it never names a page of the kernel around it where root mode would be right to take or
 * write it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <linux/types.h>
#include <mullion/abi.h>

/* ---- Random numbers ---- */

void random_start(u64 seed);
u64 random_u64(void);
/* 0 to limit - 1. */
u32 random_below(u32 limit);
/* True once in `n` times. */
static inline bool one_in(u32 n)
{
	return random_below(n) == 0;
}
/* A number from where checks go wrong: small, a limit, a power of two, all ones, any. */
u64 random_odd(void);
void random_fill(void *at, size_t size);

/* ---- Counting and complaining ---- */

struct fuzz_totals {
	u64 calls, succeeded, failures;
	u64 runs, exits[MULLION_EXIT_COUNT];
};
extern struct fuzz_totals totals;

/* Reports something that must not be, once a kind; the test has failed. */
#define fuzz_fail(format, ...)                                                                     \
	do {                                                                                       \
		if (totals.failures++ < 20)                                                        \
			pr_err("hypercall_fuzz: call %llu: " format "\n", totals.calls,            \
			       ##__VA_ARGS__);                                                     \
	} while (0)

extern uint fuzz_runs;
extern bool fuzz_trace, fuzz_wild;

/* One hypercall, counted; complains if registers change. */
long fuzz_call(u64 number, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);

/* The same, again and again until the answer is not -EAGAIN. */
long fuzz_call_patiently(u64 number, u64 a1, u64 a2, u64 a3);

/* ---- The arena: the pages that the fuzzer may lose ---- */

#define ARENA_PIECES 40

struct frames {
	u64 pfn, count;
};

int arena_make(void);
/* Frees what is ours; complains about what is not. */
void arena_free(void);

u32 arena_piece_count(void);
struct frames arena_piece(u32 piece);

/* Any range within one piece, of at most `most` pages. */
struct frames arena_range(u32 most);
/* A page that is not donated, or 0. */
u64 arena_own_page(void);
void *arena_address(u64 pfn);

/* The VM that holds an arena page, 0: it is ours. */
u16 arena_owner(u64 pfn);
/* Notes that the range changed hands, and complains where it could not have. */
void arena_donated(struct frames range, u16 vm);
void arena_returned(struct frames range);

u64 arena_donated_count(void);

/* A page frame that is certainly not the service domain's RAM. */
u64 refused_pfn(void);
/* A range that is certainly not, or not wholly. */
struct frames refused_range(void);

/* ---- VMs that exist ---- */

#define FUZZ_VCPUS 3

struct fuzz_vm {
	u16 id; /* 0: the row is free */
	bool ending, ended;
	u32 donated;
	u64 run_pfn[FUZZ_VCPUS]; /* 0: no such vCPU */
	u64 apic_pfn[FUZZ_VCPUS];
};

#define FUZZ_VMS 12
extern struct fuzz_vm vms[FUZZ_VMS];

struct fuzz_vm *vm_find(u16 id);
/* One of those that exist, or NULL. */
struct fuzz_vm *vm_any(void);

/* ---- Calls ---- */

/* Makes one random call, or a few that belong together. */
void fuzz_step(void);
/* Ends every VM and takes everything back. */
void fuzz_take_back(void);
/* Donates the whole arena and takes it back, so that the tables of the nested paging are in
 * the same state before and after. */
void fuzz_settle(void);
/* Founds VMs until there is no identifier left. */
void fuzz_exhaust_identifiers(void);

/* ---- Guests ---- */

/*
 * Wild guests run in random states and execute anything. QEMU 7.2's software processor does
 * not survive that: it dies of a busy TSS in 32-bit mode and of a host's CR0 that it does not
 * restore, and has crashed, too (docs/figures.md). Tame guests begin each run in a sound state
 * and execute only pages of code_pool, which nobody writes.
 */

#define GUEST_MEMORY (8ull << 20)
/* Where a tame guest's page tables are in its memory: two pages, mapping the first GiB. */
#define GUEST_TABLES (GUEST_MEMORY - 2 * PAGE_SIZE)
/* Where its APIC is: at an address at which nothing is mapped. */
#define GUEST_APIC 0x20000000ull

/* Makes the pages that tame guests execute. -> 0 or -ENOMEM. */
int guest_make_pool(void);
void guest_free_pool(void);
/* A page with code for a guest to execute, or 0; flags: those to map it with. */
u64 guest_code_page(u64 *flags);
/* Page table number 0 or 1 of tame guests. */
u64 guest_table_page(u32 number);

/* Puts something into a run page, from sound states to noise. */
void guest_fill_run_page(struct mullion_run *run);
/* Puts into it what the next run is to begin with. */
void guest_prepare_run(struct mullion_run *run);
/* Fills a page with a CPUID table. -> rows. */
u32 guest_fill_cpuid(void *page);
/* VCPU_RUN; checks that the service domain's own registers survive. -> what it returned. */
long guest_run(u64 vm, u64 index, const struct mullion_run *run);

#endif
