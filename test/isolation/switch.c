// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers across the switch between the service domain and a guest. The module founds a
 * guest of its own, fills every switched register on both sides with values that name the
 * side, enters the guest, which does nothing but HLT, and looks that each side still has its
 * own. Everything happens while the module is loaded; loading fails with EIO if a value got
 * lost or crossed over.
 *
 * Values begin with 0x70 ('p', probe) here, and with 0x67 ('g', guest) there.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "hypercall.h"

static uint turns = 20000;
module_param(turns, uint, 0444);
MODULE_PARM_DESC(turns, "how often to switch");

static unsigned int failures;

#define fail(format, ...)                                                                          \
	do {                                                                                       \
		if (failures++ < 20)                                                               \
			pr_err("switch: " format "\n", ##__VA_ARGS__);                             \
	} while (0)

static void check(const char *side, const char *what, u32 number, u64 got, u64 wanted)
{
	if (got != wanted)
		fail("%s's %s %u became %#llx, not %#llx", side, what, number, got, wanted);
}

static u64 probe_value(u32 turn, u32 reg)
{
	return 0x7000000000000000 | (u64)turn << 16 | reg << 8 | 0x70;
}

static u64 guest_value(u32 turn, u32 reg)
{
	return 0x6700000000000000 | (u64)turn << 16 | reg << 8 | 0x67;
}

/* An address that every processor takes for canonical. */
static u64 address_value(u64 value)
{
	return value & 0x00007fffffffffff;
}

static long call(u64 number, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	const u64 arg[5] = { a1, a2, a3, a4, a5 };
	bool changed = false;
	long ret = number == MULLION_HC_VCPU_RUN ? raw_hypercall(number, arg, &changed) :
						   patient_hypercall(number, arg, &changed);

	if (changed)
		fail("hypercall %llu changed general registers", number);
	return ret;
}

/* ---- Extended state: the XSAVE image's places that hold values of ours ---- */

#define IMAGE_SIZE MULLION_XSAVE_SIZE
#define IMAGE_MXCSR 24
#define IMAGE_COMPONENTS 512

static const struct place {
	u32 offset, size, count;
} places[] = { { 32, 8, 8 }, { 160, 16, 16 }, { 576, 16, 16 } };

static u64 components;

static void fill_image(u8 *image, u32 turn, u64 (*value)(u32, u32))
{
	memset(image, 0, IMAGE_SIZE);
	*(u16 *)image = 0x37f;
	image[4] = 0xff; /* all x87 registers in use */
	*(u32 *)(image + IMAGE_MXCSR) = 0x1f80 | (value(turn, 0) & 0x3f);
	*(u64 *)(image + IMAGE_COMPONENTS) = components;
	for (u32 p = 0; p < (components & 4 ? 3 : 2); p++) {
		for (u32 i = 0; i < places[p].count; i++) {
			u64 *at = (u64 *)(image + places[p].offset + 16 * i);

			at[0] = value(turn, 0x20 + 0x20 * p + i);
			at[1] = places[p].size == 16 ? ~at[0] : 0x4000;
		}
	}
}

static void check_image(const char *side, const u8 *got, const u8 *wanted)
{
	check(side, "x87 control word", 0, *(u16 *)got, *(u16 *)wanted);
	check(side, "MXCSR", 0, *(u32 *)(got + IMAGE_MXCSR), *(u32 *)(wanted + IMAGE_MXCSR));
	for (u32 p = 0; p < (components & 4 ? 3 : 2); p++) {
		for (u32 i = 0; i < places[p].count; i++) {
			u32 offset = places[p].offset + 16 * i;

			if (memcmp(got + offset, wanted + offset, places[p].size))
				fail("%s's %s register %u became %#llx, not %#llx", side,
				     p == 0 ? "x87" :
				     p == 1 ? "XMM" :
					      "upper YMM",
				     i, *(u64 *)(got + offset), *(u64 *)(wanted + offset));
		}
	}
}

/* ---- MSRs that are switched ---- */

static const struct msr_row {
	u32 index;
	u64 bits;  /* that may be anything */
	u32 guest; /* where the run page has it; 0: nowhere */
} rows[] = {
#define IN_RUN_PAGE(field) offsetof(struct mullion_run, field)
	{ MSR_STAR, ~0ull << 32, IN_RUN_PAGE(msr.star) },
	{ MSR_LSTAR, 0x00007fffffffffff, IN_RUN_PAGE(msr.lstar) },
	{ MSR_CSTAR, 0x00007fffffffffff, IN_RUN_PAGE(msr.cstar) },
	{ MSR_SYSCALL_MASK, 0x3f7fd5, IN_RUN_PAGE(msr.sfmask) },
	{ MSR_KERNEL_GS_BASE, 0x00007fffffffffff, IN_RUN_PAGE(msr.kernel_gs_base) },
	{ MSR_FS_BASE, 0x00007fffffffffff, IN_RUN_PAGE(seg[MULLION_FS].base) },
	{ MSR_IA32_SYSENTER_CS, 0xffff, IN_RUN_PAGE(msr.sysenter_cs) },
	{ MSR_IA32_SYSENTER_ESP, 0x7fffffff, IN_RUN_PAGE(msr.sysenter_esp) },
	{ MSR_IA32_SYSENTER_EIP, 0x7fffffff, IN_RUN_PAGE(msr.sysenter_eip) },
	{ MSR_TSC_AUX, 0xffffffff, IN_RUN_PAGE(msr.tsc_aux) },
};

static u64 msr_value(u64 value, const struct msr_row *row)
{
	return value * 0x10001 & row->bits;
}

static bool has_row(const struct msr_row *row)
{
	return row->index != MSR_TSC_AUX || boot_cpu_has(X86_FEATURE_RDTSCP);
}

/* ---- The guest's side, through the run page ---- */

static void fill_guest(struct mullion_run *run, u32 turn)
{
	for (u32 i = 0; i < MULLION_GPRS; i++)
		run->gpr[i] = guest_value(turn, i);
	for (u32 i = 0; i < 4; i++)
		run->dr[i] = address_value(guest_value(turn, 0x90 + i));
	run->dr[6] = 0xffff0ff0;
	/* Half of the turns with breakpoints on, so that the registers must be loaded. */
	run->dr[7] = turn & 1 ? 0x455 : 0x400;
	run->cr2 = guest_value(turn, 0x98);
	run->xcr0 = components;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		*(u64 *)((u8 *)run + rows[i].guest) =
			msr_value(guest_value(turn, 0xa0 + i), &rows[i]);
	run->msr.pat = turn & 1 ? 0x0007040600070406 : 0x0406000700070406;
	fill_image(run->xsave, turn, guest_value);
	run->rip = 0;
	run->rflags = 2;
	run->dirty = MULLION_GROUPS & ~MULLION_GROUP_TSC;
	run->wanted = MULLION_GROUPS;
}

static void check_guest(const struct mullion_run *run, u32 turn)
{
	static u8 wanted[IMAGE_SIZE];

	if (run->exit.reason != MULLION_EXIT_HLT && run->exit.reason != MULLION_EXIT_INTERRUPT)
		fail("the guest left for reason %u", run->exit.reason);
	if (run->valid != MULLION_GROUPS)
		fail("only groups %#x are valid", run->valid);
	for (u32 i = 0; i < MULLION_GPRS; i++)
		check("guest", "general register", i, run->gpr[i], guest_value(turn, i));
	for (u32 i = 0; i < 4; i++)
		check("guest", "debug register", i, run->dr[i],
		      address_value(guest_value(turn, 0x90 + i)));
	check("guest", "debug register", 7, run->dr[7], turn & 1 ? 0x455 : 0x400);
	check("guest", "CR", 2, run->cr2, guest_value(turn, 0x98));
	check("guest", "XCR", 0, run->xcr0, components);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (has_row(&rows[i]))
			check("guest", "MSR", rows[i].index, *(u64 *)((u8 *)run + rows[i].guest),
			      msr_value(guest_value(turn, 0xa0 + i), &rows[i]));
	}
	check("guest", "PAT", 0, run->msr.pat, turn & 1 ? 0x0007040600070406 : 0x0406000700070406);
	fill_image(wanted, turn, guest_value);
	check_image("guest", run->xsave, wanted);
}

/* ---- Our side ---- */

struct own_state {
	u64 msr[ARRAY_SIZE(rows)];
	unsigned long dr[4];
	unsigned long cr2;
};

static void set_debug_registers(const unsigned long dr[4])
{
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

static void get_debug_registers(unsigned long dr[4])
{
	get_debugreg(dr[0], 0);
	get_debugreg(dr[1], 1);
	get_debugreg(dr[2], 2);
	get_debugreg(dr[3], 3);
}

static void save_own(struct own_state *s)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (has_row(&rows[i]))
			rdmsrl(rows[i].index, s->msr[i]);
	}
	get_debug_registers(s->dr);
	s->cr2 = read_cr2();
}

static void load_own(const struct own_state *s)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (has_row(&rows[i]))
			wrmsrl(rows[i].index, s->msr[i]);
	}
	set_debug_registers(s->dr);
	write_cr2(s->cr2);
}

static void make_probe(struct own_state *s, u32 turn)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		s->msr[i] = msr_value(probe_value(turn, 0xa0 + i), &rows[i]);
	for (u32 i = 0; i < 4; i++)
		s->dr[i] = address_value(probe_value(turn, 0x90 + i));
	s->cr2 = probe_value(turn, 0x98);
}

static void check_probe(const struct own_state *got, const struct own_state *wanted)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (has_row(&rows[i]))
			check("service domain", "MSR", rows[i].index, got->msr[i], wanted->msr[i]);
	}
	for (u32 i = 0; i < 4; i++)
		check("service domain", "debug register", i, got->dr[i], wanted->dr[i]);
	check("service domain", "CR", 2, got->cr2, wanted->cr2);
}

static void take_turn(u64 vm, struct mullion_run *run, u32 turn)
{
	static u8 image_set[IMAGE_SIZE] __aligned(64), image_got[IMAGE_SIZE] __aligned(64);
	struct own_state own, probe, after;
	unsigned long flags;
	u64 xcr0;
	long ret;

	fill_guest(run, turn);
	make_probe(&probe, turn);
	fill_image(image_set, turn, probe_value);

	kernel_fpu_begin();
	local_irq_save(flags);
	save_own(&own);
	load_own(&probe);
	asm volatile("xrstor64 (%0)" ::"r"(image_set), "a"(-1), "d"(-1) : "memory");
	/* Nothing between these that could use what was filled, or fault. */
	ret = call(MULLION_HC_VCPU_RUN, vm, 0, 0, 0, 0);
	asm volatile("xsave64 (%0)" ::"r"(image_got), "a"(-1), "d"(-1) : "memory");
	save_own(&after);
	xcr0 = xgetbv(0);
	load_own(&own);
	local_irq_restore(flags);
	kernel_fpu_end();

	if (ret)
		fail("VCPU_RUN returned %ld", ret);
	check("service domain", "XCR", 0, xcr0, components);
	check_probe(&after, &probe);
	check_image("service domain", image_got, image_set);
	check_guest(run, turn);
}

/* ---- The guest ---- */

#define DONATED 16

static void take_turns(u64 pool_pfn, struct mullion_run *run, void *apic, u8 *code)
{
	long vm = call(MULLION_HC_VM_CREATE, pool_pfn, DONATED, 0, 0, 0);
	long ret;

	if (vm <= 0) {
		fail("VM_CREATE returned %ld", vm);
		return;
	}
	ret = call(MULLION_HC_VCPU_CREATE, vm, 0, virt_to_phys(run) >> PAGE_SHIFT,
		   virt_to_phys(apic) >> PAGE_SHIFT, 0);
	if (!ret)
		ret = call(MULLION_HC_VM_MAP, vm, 0, virt_to_phys(code), 1, MULLION_MAP_EXEC);
	/* The state after INIT, but executing at 0. */
	if (ret == 1)
		ret = call(MULLION_HC_VCPU_STATE, vm, 0, MULLION_GROUPS, 0, 0);
	if (ret) {
		fail("the guest could not be made: error %ld", ret);
	} else {
		run->seg[MULLION_CS].selector = 0;
		run->seg[MULLION_CS].base = 0;
		for (u32 turn = 0; turn < turns && failures < 20; turn++) {
			take_turn(vm, run, turn);
			cond_resched();
		}
	}

	ret = call(MULLION_HC_VM_DESTROY, vm, 0, 0, 0, 0);
	if (ret)
		fail("VM_DESTROY returned %ld", ret);
	ret = call(MULLION_HC_RECLAIM, pool_pfn, DONATED, 0, 0, 0);
	if (ret != DONATED)
		fail("RECLAIM returned %ld", ret);
}

static int __init switch_init(void)
{
	unsigned int order = get_order(DONATED * PAGE_SIZE);
	void *pool, *run, *apic, *code;

	if (!mullion_present()) {
		pr_err("switch: no Mullion of ABI version %u below this kernel\n",
		       MULLION_ABI_VERSION);
		return -ENODEV;
	}
	if (!boot_cpu_has(X86_FEATURE_XSAVE)) {
		pr_err("switch: needs a processor with XSAVE\n");
		return -ENODEV;
	}
	components = xgetbv(0) & 7;
	pool = (void *)__get_free_pages(GFP_KERNEL, order);
	run = (void *)get_zeroed_page(GFP_KERNEL);
	apic = (void *)get_zeroed_page(GFP_KERNEL);
	code = (void *)get_zeroed_page(GFP_KERNEL);
	if (!pool || !run || !apic || !code) {
		fail("no memory");
	} else {
		memset(code, 0xf4, PAGE_SIZE); /* HLT */
		take_turns(virt_to_phys(pool) >> PAGE_SHIFT, run, apic, code);
	}
	free_page((unsigned long)code);
	free_page((unsigned long)apic);
	free_page((unsigned long)run);
	free_pages((unsigned long)pool, order);
	pr_info("switch: %u turns, %u failures\n", turns, failures);
	return failures ? -EIO : 0;
}

static void __exit switch_exit(void)
{
}

module_init(switch_init);
module_exit(switch_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Registers across the switch between Mullion's domains");
