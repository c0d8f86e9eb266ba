// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypercall fuzzer's module: everything happens while it is loaded, and loading fails
 * with EIO if root mode did something that it must not.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "fuzz.h"
#include "hypercall.h"

static ulong seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "where the random numbers start");
static ulong calls = 100000;
module_param(calls, ulong, 0444);
MODULE_PARM_DESC(calls, "hypercalls to make");
static ulong seconds;
module_param(seconds, ulong, 0444);
MODULE_PARM_DESC(seconds, "time after which to stop (default: no limit)");
uint fuzz_runs = 30;
module_param_named(runs, fuzz_runs, uint, 0444);
MODULE_PARM_DESC(runs,
		 "weight of VCPU_RUN among the calls, the others' sum being 124: a guest that "
		 "loops takes the time of thousands of other calls");
bool fuzz_trace;
module_param_named(trace, fuzz_trace, bool, 0444);
MODULE_PARM_DESC(trace, "print each call before it is made");
bool fuzz_wild;
module_param_named(wild, fuzz_wild, bool, 0444);
MODULE_PARM_DESC(wild, "guests in random states that execute anything: QEMU 7.2's software "
		       "processor does not survive them");

struct fuzz_totals totals;

/* ---- Random numbers: xorshift64*, Marsaglia and Vigna ---- */

static u64 random_state;

void random_start(u64 start)
{
	random_state = start * 0x9e3779b97f4a7c15 + 1;
}

u64 random_u64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1d;
}

u32 random_below(u32 limit)
{
	return (random_u64() >> 32) * limit >> 32;
}

u64 random_odd(void)
{
	static const u64 edges[] = {
		0,
		1,
		2,
		3,
		63,
		64,
		65,
		127,
		128,
		129,
		511,
		512,
		513,
		1023,
		1024,
		4095,
		4096,
		MULLION_MAX_GPA - 4096,
		MULLION_MAX_GPA,
		MULLION_MAX_GPA - 1,
		~0ull,
		~0ull << 12,
		~0ull >> 12,
		1ull << 52,
		(1ull << 52) - 4096,
	};

	switch (random_below(4)) {
	case 0:
		return random_u64();
	case 1:
		return (1ull << random_below(64)) - random_below(2);
	default:
		return edges[random_below(ARRAY_SIZE(edges))];
	}
}

void random_fill(void *at, size_t size)
{
	for (size_t i = 0; i + 8 <= size; i += 8)
		*(u64 *)(at + i) = random_u64();
}

/* ---- What root mode says about itself ---- */

static struct mullion_info *info;

static int read_info(void)
{
	long ret = fuzz_call(MULLION_HC_INFO, virt_to_phys(info), 0, 0, 0, 0);

	if (ret)
		fuzz_fail("INFO returned %ld", ret);
	return ret;
}

/* Beyond any RAM of the machines that this runs on: 16 TiB. */
#define FAR_PFN (1ull << 32)

u64 refused_pfn(void)
{
	u64 first = info->image_start >> PAGE_SHIFT;
	u64 count = (info->image_end >> PAGE_SHIFT) - first;

	switch (random_below(5)) {
	case 0: /* the local APIC, the I/O APIC */
		return one_in(2) ? 0xfee00 : 0xfec00;
	case 1: /* the VGA's memory */
		return 0xa0 + random_below(0x20);
	case 2:
		return FAR_PFN + random_u64() % (~0ull - FAR_PFN);
	case 3: /* where a sum with a count, or a shift, overflows */
		return one_in(2) ? ~0ull - random_below(4) : (1ull << 52) - 1 - random_below(4);
	default:
		return first + random_below(count);
	}
}

struct frames refused_range(void)
{
	return (struct frames){ refused_pfn(), one_in(3) ? random_odd() : 1 + random_below(24) };
}

static void check_info(void)
{
	if (read_info())
		return;
	if (info->donated != arena_donated_count())
		fuzz_fail("root mode holds %llu donated frames, not %llu", info->donated,
			  arena_donated_count());
}

static void check_end(u64 root_free, u64 root_frames)
{
	if (fuzz_call(MULLION_HC_VERSION, 0, 0, 0, 0, 0) != MULLION_ABI_VERSION)
		fuzz_fail("VERSION no longer answers");
	if (read_info())
		return;
	if (info->donated || info->shared || info->vm_count)
		fuzz_fail("at the end %llu frames are donated, %llu shared, to %u VMs",
			  info->donated, info->shared, info->vm_count);
	if (info->root_free != root_free || info->root_frames != root_frames)
		fuzz_fail("root mode had %llu of %llu frames free, and has %llu of %llu", root_free,
			  root_frames, info->root_free, info->root_frames);
}

static void fuzz(void)
{
	unsigned long end = jiffies + seconds * HZ;
	u64 next_check = 0;

	while (totals.calls < calls && !(seconds && time_after(jiffies, end)) &&
	       !fatal_signal_pending(current) && totals.failures < 100) {
		fuzz_step();
		if (totals.calls >= next_check) {
			check_info();
			next_check = totals.calls + 1000;
		}
		cond_resched();
	}
}

static void say_totals(void)
{
	pr_info("hypercall_fuzz: seed %lu: %llu calls, %llu succeeded; %llu guest turns\n", seed,
		totals.calls, totals.succeeded, totals.runs);
	for (u32 i = 0; i < MULLION_EXIT_COUNT; i++)
		pr_info("hypercall_fuzz: %llu exits of reason %u\n", totals.exits[i], i);
}

static int __init fuzz_init(void)
{
	u64 root_free, root_frames;
	int ret;

	if (!mullion_present()) {
		pr_err("hypercall_fuzz: no Mullion of ABI version %u below this kernel\n",
		       MULLION_ABI_VERSION);
		return -ENODEV;
	}
	info = (void *)get_zeroed_page(GFP_KERNEL);
	ret = info ? arena_make() : -ENOMEM;
	if (ret) {
		free_page((unsigned long)info);
		return ret;
	}
	random_start(seed);
	ret = guest_make_pool();
	if (ret)
		goto out;
	read_info();
	fuzz_settle();
	fuzz_exhaust_identifiers();
	fuzz_settle();
	read_info();
	root_free = info->root_free;
	root_frames = info->root_frames;

	fuzz();
	fuzz_take_back();
	fuzz_settle();
	check_end(root_free, root_frames);
	say_totals();
	pr_info("hypercall_fuzz: %s, %llu failures\n", totals.failures ? "FAILED" : "passed",
		totals.failures);
	ret = totals.failures ? -EIO : 0;
out:
	guest_free_pool();
	arena_free();
	free_page((unsigned long)info);
	return ret;
}

static void __exit fuzz_exit(void)
{
}

module_init(fuzz_init);
module_exit(fuzz_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Random hypercalls to Mullion");
