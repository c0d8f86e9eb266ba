// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolation from within: the service domain's kernel reaches for everything that is not its
 * own. Each try must fault, and only fault. Everything happens while the module is loaded;
 * loading fails with EIO if something was to be had.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <asm/msr.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>

#include "hypercall.h"

static unsigned int failures;

#define fail(format, ...)                                                                          \
	do {                                                                                       \
		if (failures++ < 20)                                                               \
			pr_err("poke: " format "\n", ##__VA_ARGS__);                               \
	} while (0)

static long call(u64 number, u64 a1, u64 a2, u64 a3)
{
	const u64 arg[5] = { a1, a2, a3, 0, 0 };
	bool changed = false;

	return patient_hypercall(number, arg, &changed);
}

/* ---- Frames that must not be reachable ---- */

static bool try_exchange(void *at)
{
	u64 value = 0x5a5a5a5a5a5a5a5a;
	u8 done = 0;

	asm volatile("1: lock xadd %[value], (%[at])\n\t"
		     "movb $1, %[done]\n\t"
		     "2:" _ASM_EXTABLE(1b, 2b)
		     : [value] "+r"(value), [done] "+q"(done)
		     : [at] "r"(at)
		     : "memory");
	return done;
}

/* -> bytes of `size` that REP MOVSB could copy. */
static size_t try_copy(void *to, const void *from, size_t size)
{
	size_t left = size;

	asm volatile("1: rep movsb\n\t"
		     "2:" _ASM_EXTABLE(1b, 2b)
		     : "+c"(left), "+D"(to), "+S"(from)
		     :
		     : "memory");
	return size - left;
}

/* All ways to reach into a frame that is mapped at `at`. */
static void poke_frame(void *at, u64 pfn)
{
	static u8 buffer[64];
	u64 value;

	for (unsigned int offset = 0; offset < PAGE_SIZE; offset += PAGE_SIZE / 4 - 2) {
		if (try_read(at + offset, &value))
			fail("frame %#llx + %#x: read %#llx", pfn, offset, value);
		if (try_write(at + offset, 0xa5a5a5a5a5a5a5a5))
			fail("frame %#llx + %#x: written", pfn, offset);
	}
	if (try_exchange(at + 8))
		fail("frame %#llx: locked exchange", pfn);
	if (try_copy(buffer, at, sizeof(buffer)) || try_copy(at, buffer, sizeof(buffer)))
		fail("frame %#llx: copied", pfn);
}

/* ---- All of RAM, and what is reserved in its midst ---- */

static u64 hidden, image_hidden;

static void scan_frame(void *at, u64 pfn, const struct mullion_info *info, bool ram)
{
	u64 value;

	if (try_read(at, &value))
		return;
	hidden++;
	image_hidden += pfn >= info->image_start >> PAGE_SHIFT &&
			pfn < PAGE_ALIGN(info->image_end) >> PAGE_SHIFT;
	if (ram)
		fail("frame %#llx of this kernel's RAM cannot be read", pfn);
	poke_frame(at, pfn);
}

static void scan_reserved(u64 start, u64 end, const struct mullion_info *info)
{
	for (u64 at = PAGE_ALIGN_DOWN(start); at < end; at += PAGE_SIZE) {
		void __iomem *page = ioremap_cache(at, PAGE_SIZE);

		if (!page) {
			fail("%#llx cannot be mapped", at);
			continue;
		}
		scan_frame((__force void *)page, at >> PAGE_SHIFT, info, false);
		iounmap(page);
		cond_resched();
	}
}

static void scan_ram(u64 start, u64 end, const struct mullion_info *info)
{
	for (u64 at = PAGE_ALIGN(start); at + PAGE_SIZE <= end; at += PAGE_SIZE) {
		scan_frame(__va(at), at >> PAGE_SHIFT, info, true);
		cond_resched();
	}
}

/* Device registers are left alone: only what lies below the end of RAM, and below 4 GiB the
 * end of the RAM there, is looked at. */
static void scan(const struct mullion_info *info)
{
	const struct resource *r;
	u64 low_end = 0;

	for (r = iomem_resource.child; r; r = r->sibling) {
		if (r->flags & IORESOURCE_SYSRAM && r->start < 1ull << 32)
			low_end = r->end + 1;
	}
	for (r = iomem_resource.child; r; r = r->sibling) {
		if (r->flags & IORESOURCE_SYSRAM)
			scan_ram(r->start, r->end + 1, info);
		else if (!strcmp(r->name, "Reserved") && r->start < low_end)
			scan_reserved(r->start, r->end + 1, info);
	}
	if (hidden != info->root_frames)
		fail("%llu frames are hidden, but root mode has %llu", hidden, info->root_frames);
	if (image_hidden != (PAGE_ALIGN(info->image_end) - info->image_start) >> PAGE_SHIFT)
		fail("only %llu frames of root mode's image are hidden", image_hidden);
}

/* ---- Donated frames ---- */

static void check_donated(void)
{
	const unsigned int order = 3, count = 1 << order;
	void *block = (void *)__get_free_pages(GFP_KERNEL, order);
	u64 pfn = virt_to_phys(block) >> PAGE_SHIFT, value;
	long vm, ret;

	if (!block) {
		fail("no memory");
		return;
	}
	/* Half is donated: accesses that begin in the other half reach into it. */
	memset(block, 0x77, count * PAGE_SIZE);
	vm = call(MULLION_HC_VM_CREATE, pfn + count / 2, count / 2, 0);
	if (vm <= 0) {
		fail("VM_CREATE returned %ld", vm);
		return;
	}
	for (unsigned int i = 0; i < count / 2; i++) {
		if (!try_read(block + i * PAGE_SIZE, &value))
			fail("a frame beside a donated one cannot be read");
		poke_frame(block + (count / 2 + i) * PAGE_SIZE, pfn + count / 2 + i);
	}
	if (try_read(block + count / 2 * PAGE_SIZE - 4, &value) ||
	    try_write(block + count / 2 * PAGE_SIZE - 4, ~0ull))
		fail("an access across the edge of a donated frame succeeded");
	if (try_copy(block, block + count / 2 * PAGE_SIZE - 16, 32) != 16)
		fail("a copy went on beyond the edge of a donated frame");

	ret = call(MULLION_HC_VM_DESTROY, vm, 0, 0);
	if (ret || call(MULLION_HC_RECLAIM, pfn + count / 2, count / 2, 0) != count / 2) {
		fail("frames %#llx are lost: VM_DESTROY returned %ld", pfn + count / 2, ret);
		return;
	}
	if (memchr_inv(block + count / 2 * PAGE_SIZE, 0, count / 2 * PAGE_SIZE))
		fail("a frame came back with something in it");
	free_pages((unsigned long)block, order);
}

/* ---- Root mode's memory as page tables ---- */

/*
 * An address whose page-table walk leads through a frame of root mode: whatever stands
 * there must not be used as a page table. The address is that of a 2 MiB page of this
 * kernel's, which is put back.
 */
static void check_walk(u64 root_pfn)
{
	const unsigned int order = 9;
	void *block = (void *)__get_free_pages(GFP_KERNEL, order);
	unsigned long flags;
	unsigned int level;
	pte_t *entry, old;
	bool readable;
	u64 value;

	if (!block) {
		fail("no memory");
		return;
	}
	entry = lookup_address((unsigned long)block, &level);
	if (level != PG_LEVEL_2M) {
		pr_info("poke: no large page at %px, page walks are not tried\n", block);
	} else {
		local_irq_save(flags);
		old = READ_ONCE(*entry);
		WRITE_ONCE(*entry, __pte(root_pfn << PAGE_SHIFT | _KERNPG_TABLE_NOENC));
		asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" ::: "rax", "memory");
		asm volatile("invlpg (%0)" ::"r"(block) : "memory");
		readable = try_read(block, &value);
		WRITE_ONCE(*entry, old);
		asm volatile("invlpg (%0)" ::"r"(block) : "memory");
		local_irq_restore(flags);
		if (readable)
			fail("a page table in frame %#llx led to %#llx", root_pfn, value);
	}
	free_pages((unsigned long)block, order);
}

/* ---- Instructions and MSRs of a hypervisor ---- */

/* Whether the instruction at `label` with RAX = `address` can be executed. */
#define TRY_INSN(bytes, address)                                                                   \
	({                                                                                         \
		u8 done_ = 0;                                                                      \
		asm volatile("1: " bytes "\n\t"                                                    \
			     "movb $1, %[done]\n\t"                                                \
			     "2:" _ASM_EXTABLE(1b, 2b)                                             \
			     : [done] "+q"(done_)                                                  \
			     : "a"(address), "c"(0)                                                \
			     : "memory");                                                          \
		done_;                                                                             \
	})

static void check_instructions(u64 root_address)
{
	if (TRY_INSN(".byte 0x0f, 0x01, 0xda", root_address))
		fail("VMLOAD was executed");
	if (TRY_INSN(".byte 0x0f, 0x01, 0xdb", root_address))
		fail("VMSAVE was executed");
	if (TRY_INSN(".byte 0x0f, 0x01, 0xd8", root_address))
		fail("VMRUN was executed");
	if (TRY_INSN(".byte 0x0f, 0x01, 0xdc", root_address))
		fail("STGI was executed");
	if (TRY_INSN(".byte 0x0f, 0x01, 0xdd", root_address))
		fail("CLGI was executed");
	if (TRY_INSN(".byte 0x0f, 0x01, 0xde", root_address))
		fail("SKINIT was executed");
	if (TRY_INSN(".byte 0x0f, 0x01, 0xdf", root_address))
		fail("INVLPGA was executed");
}

#define MSR_HSAVE 0xc0010117

/* MSRs that would open root mode: writing faults or changes nothing. */
static void check_msrs(u64 root_address)
{
	static const u32 msrs[] = { MSR_VM_CR,       MSR_HSAVE,        MSR_K8_TOP_MEM1,
				    MSR_K8_TOP_MEM2, MSR_AMD64_SYSCFG, 0xc0010058,
				    0xc0010111,      0xc0010112,       0xc0010113 };
	u64 before, after, efer;

	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
		if (rdmsrl_safe(msrs[i], &before))
			continue;
		wrmsrl_safe(msrs[i], before ^ (root_address | 0x18));
		if (rdmsrl_safe(msrs[i], &after) || after != before)
			fail("MSR %#x could be changed from %#llx to %#llx", msrs[i], before,
			     after);
	}
	if (!rdmsrl_safe(MSR_HSAVE, &after) && after)
		fail("the host save area shows: %#llx", after);
	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		fail("EFER.SVME shows");
	wrmsrl_safe(MSR_EFER, efer | EFER_SVME);
	rdmsrl(MSR_EFER, after);
	if (after != efer)
		fail("EFER became %#llx", after);
}

static void check_refusals(u64 root_pfn)
{
	static const u32 calls[] = { MULLION_HC_INFO, MULLION_HC_LOG_READ };

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		if (call(calls[i], root_pfn << PAGE_SHIFT, 0, 0) != -MULLION_EPERM)
			fail("hypercall %u wrote to root mode's frame %#llx", calls[i], root_pfn);
	}
	if (call(MULLION_HC_VM_CREATE, root_pfn, 2, 0) != -MULLION_EPERM)
		fail("root mode's frame %#llx could be donated", root_pfn);
	if (call(MULLION_HC_RECLAIM, root_pfn, 1, 0) != -MULLION_EPERM)
		fail("root mode's frame %#llx could be reclaimed", root_pfn);
}

static int __init poke_init(void)
{
	struct mullion_info *info;
	u64 root_pfn;

	if (!mullion_present()) {
		pr_err("poke: no Mullion of ABI version %u below this kernel\n",
		       MULLION_ABI_VERSION);
		return -ENODEV;
	}
	info = (void *)get_zeroed_page(GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	if (call(MULLION_HC_INFO, virt_to_phys(info), 0, 0))
		fail("INFO failed");
	root_pfn = info->image_start >> PAGE_SHIFT;

	scan(info);
	check_donated();
	check_walk(root_pfn);
	check_instructions(info->image_start);
	check_msrs(info->image_start);
	check_refusals(root_pfn);
	if (call(MULLION_HC_VERSION, 0, 0, 0) != MULLION_ABI_VERSION)
		fail("VERSION no longer answers");

	pr_info("poke: %llu frames hidden, %llu of them root mode's image; %u failures\n", hidden,
		image_hidden, failures);
	free_page((unsigned long)info);
	return failures ? -EIO : 0;
}

static void __exit poke_exit(void)
{
}

module_init(poke_init);
module_exit(poke_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Reaching for what is Mullion's");
