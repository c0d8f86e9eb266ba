// SPDX-License-Identifier: GPL-2.0-only
/* What the fuzzer's guests are made of, and running them. */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/debugreg.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "fuzz.h"

/* ---- Code ---- */

struct snippet {
	u8 length;
	u8 bytes[10];
};

/* Instructions that exit or come near it; operands are what stands in the registers. */
static const struct snippet snippets[] = {
	{ 2, { 0x0f, 0xa2 } }, /* CPUID */
	{ 3, { 0x66, 0x0f, 0xa2 } },
	{ 4, { 0x48, 0xf3, 0x0f, 0xa2 } },
	{ 2, { 0x0f, 0x32 } },                               /* RDMSR */
	{ 2, { 0x0f, 0x30 } },                               /* WRMSR */
	{ 7, { 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32 } }, /* of EFER */
	{ 7, { 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x30 } },
	{ 7, { 0xb9, 0x77, 0x02, 0x00, 0x00, 0x0f, 0x30 } }, /* of PAT */
	{ 7, { 0xb9, 0x03, 0x01, 0x00, 0xc0, 0x0f, 0x30 } }, /* of TSC_AUX */
	{ 2, { 0x0f, 0x33 } },                               /* RDPMC */
	{ 2, { 0x0f, 0x31 } },                               /* RDTSC */
	{ 1, { 0xf4 } },                                     /* HLT */
	{ 1, { 0xec } },                                     /* IN, OUT */
	{ 1, { 0xed } },
	{ 1, { 0xee } },
	{ 1, { 0xef } },
	{ 2, { 0xe4, 0x60 } },
	{ 2, { 0xf3, 0x6c } }, /* INS, OUTS */
	{ 2, { 0xf3, 0x6f } },
	{ 3, { 0x0f, 0x22, 0xc0 } }, /* MOV CR0, CR3, CR8 */
	{ 3, { 0x0f, 0x22, 0xd8 } },
	{ 4, { 0x44, 0x0f, 0x22, 0xc0 } },
	{ 4, { 0xf0, 0x0f, 0x22, 0xc0 } }, /* LOCK MOV CR0: CR8 */
	{ 3, { 0x0f, 0x23, 0xc0 } },       /* MOV DR0, from DR6 */
	{ 3, { 0x0f, 0x21, 0xf0 } },
	{ 3, { 0x0f, 0x01, 0xd1 } }, /* XSETBV */
	{ 3, { 0x0f, 0x01, 0xd9 } }, /* VMMCALL */
	{ 3, { 0x0f, 0x01, 0xc1 } }, /* VMCALL */
	{ 3, { 0x0f, 0x01, 0xd8 } }, /* VMRUN */
	{ 3, { 0x0f, 0x01, 0xda } }, /* VMLOAD, VMSAVE */
	{ 3, { 0x0f, 0x01, 0xdb } },
	{ 3, { 0x0f, 0x01, 0xdc } }, /* STGI, CLGI */
	{ 3, { 0x0f, 0x01, 0xdd } },
	{ 3, { 0x0f, 0x01, 0xde } }, /* SKINIT, INVLPGA */
	{ 3, { 0x0f, 0x01, 0xdf } },
	{ 2, { 0x0f, 0x08 } }, /* INVD, WBINVD */
	{ 2, { 0x0f, 0x09 } },
	{ 3, { 0x0f, 0x01, 0xc8 } }, /* MONITOR, MWAIT */
	{ 3, { 0x0f, 0x01, 0xc9 } },
	{ 1, { 0xfb } }, /* STI, CLI, POPF, IRET */
	{ 1, { 0xfa } },
	{ 1, { 0x9d } },
	{ 1, { 0xcf } },
	{ 2, { 0x8e, 0xd0 } }, /* MOV SS, POP SS */
	{ 1, { 0x17 } },
	{ 1, { 0xcc } }, /* INT3, INT, ICEBP */
	{ 2, { 0xcd, 0x21 } },
	{ 1, { 0xf1 } },
	{ 2, { 0x0f, 0x0b } },       /* UD2 */
	{ 3, { 0x0f, 0x01, 0x38 } }, /* INVLPG */
	{ 3, { 0x0f, 0xae, 0x08 } }, /* FXRSTOR, XRSTOR */
	{ 3, { 0x0f, 0xae, 0x28 } },
	{ 3, { 0x0f, 0x00, 0xd8 } }, /* LTR, LLDT */
	{ 3, { 0x0f, 0x00, 0xd0 } },
	{ 2, { 0x0f, 0x05 } }, /* SYSCALL, SYSENTER */
	{ 2, { 0x0f, 0x34 } },
	{ 2, { 0xf3, 0xaa } }, /* REP STOSB, MOVSD */
	{ 2, { 0xf3, 0xa5 } },
	{ 5, { 0xbc, 0x00, 0x7c, 0x00, 0x00 } }, /* MOV ESP */
	{ 7, { 0x89, 0x04, 0x25, 0xb0, 0x00, 0x00, 0x20 } }, /* GUEST_APIC: EOI, TPR, ICR, ID */
	{ 7, { 0x89, 0x04, 0x25, 0x80, 0x00, 0x00, 0x20 } },
	{ 7, { 0x89, 0x04, 0x25, 0x00, 0x03, 0x00, 0x20 } },
	{ 7, { 0x8b, 0x04, 0x25, 0x20, 0x00, 0x00, 0x20 } },
	{ 7, { 0x8b, 0x14, 0x25, 0x80, 0x00, 0x00, 0x20 } },
	{ 7, { 0xb9, 0x0b, 0x08, 0x00, 0x00, 0x0f, 0x30 } }, /* the same of x2APIC, SELF IPI */
	{ 7, { 0xb9, 0x08, 0x08, 0x00, 0x00, 0x0f, 0x30 } },
	{ 7, { 0xb9, 0x3f, 0x08, 0x00, 0x00, 0x0f, 0x30 } },
	{ 7, { 0xb9, 0x08, 0x08, 0x00, 0x00, 0x0f, 0x32 } },
	{ 2, { 0xeb, 0xfe } },                   /* JMP to itself */
	{ 3, { 0x0f, 0x22, 0xe0 } },             /* wild from here: MOV CR4 */
	{ 3, { 0x0f, 0x23, 0xf8 } },             /* MOV DR7 */
	{ 3, { 0x0f, 0x01, 0x10 } },             /* LGDT, LIDT */
	{ 3, { 0x0f, 0x01, 0x18 } },
};
#define WILD_SNIPPETS 4

/* What tame guests have in registers: CR0, EFER, ports, addresses; no bytes among them that
 * make a wild instruction of a jump into their middle. */
static const u32 values[] = { 0, 1, 0x11, 0x44055, 0x80000011, 0x100, 0x900, 0x60, 0x3f8, 0x1000, 0x3000 };

static void fill_code(void *page)
{
	u32 kinds = ARRAY_SIZE(snippets) - (fuzz_wild ? 0 : WILD_SNIPPETS);
	u8 *code = page;
	u32 at = 0;

	memset(code, 0x90, PAGE_SIZE);
	if (fuzz_wild)
		random_fill(code, PAGE_SIZE);
	while (at < PAGE_SIZE - 64) {
		const struct snippet *s = &snippets[random_below(kinds)];

		/* The endless loop ends by an interrupt only: seldom. */
		if (s->bytes[0] == 0xeb && !one_in(50))
			continue;
		memcpy(code + at, s->bytes, s->length);
		at += s->length;
		/* Registers for the next one, or noise. */
		if (one_in(2)) {
			code[at] = 0xb8 + random_below(8); /* MOV r, imm */
			if (!fuzz_wild)
				memcpy(code + at + 1, &values[random_below(ARRAY_SIZE(values))], 4);
			at += 5;
		} else if (one_in(6)) {
			at += random_below(8);
		}
	}
}

/* ---- Pages ---- */

#define POOL_CODE 32
#define POOL_TABLES 2

static u64 code_pool[POOL_CODE], table_pool[POOL_TABLES];

static u64 pool_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	return page ? page_to_pfn(page) : 0;
}

int guest_make_pool(void)
{
	for (u32 i = 0; i < POOL_TABLES; i++) {
		table_pool[i] = pool_page();
		if (!table_pool[i])
			return -ENOMEM;
	}
	*(u64 *)arena_address(table_pool[0]) = (GUEST_TABLES + PAGE_SIZE) | _PAGE_TABLE_NOENC;
	*(u64 *)arena_address(table_pool[1]) = _PAGE_TABLE_NOENC | _PAGE_PSE;
	for (u32 i = 0; i < POOL_CODE; i++) {
		code_pool[i] = pool_page();
		if (!code_pool[i])
			return -ENOMEM;
		fill_code(arena_address(code_pool[i]));
	}
	return 0;
}

static void free_pages_of(const u64 *pool, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (pool[i])
			__free_page(pfn_to_page(pool[i]));
	}
}

void guest_free_pool(void)
{
	free_pages_of(code_pool, POOL_CODE);
	free_pages_of(table_pool, POOL_TABLES);
}

u64 guest_code_page(u64 *flags)
{
	u64 pfn;

	*flags = MULLION_MAP_EXEC;
	if (!fuzz_wild)
		return code_pool[random_below(POOL_CODE)];
	*flags |= MULLION_MAP_WRITE;
	pfn = arena_own_page();
	if (pfn)
		fill_code(arena_address(pfn));
	return pfn;
}

u64 guest_table_page(u32 number)
{
	return table_pool[number];
}

u32 guest_fill_cpuid(void *page)
{
	struct mullion_cpuid *table = page;
	u32 count = random_below(MULLION_CPUID_MAX + 1);

	random_fill(table, PAGE_SIZE);
	for (u32 i = 0; i < count; i++) {
		table[i].function = one_in(2) ? random_below(0x20) :
						0x80000000u + random_below(0x20);
		table[i].flags = random_below(2);
		table[i].index = random_below(4);
	}
	return count;
}

/* ---- States ---- */

static void set_segments(struct mullion_run *run, u16 code, u16 data)
{
	for (u32 i = 0; i < MULLION_SEGS; i++) {
		run->seg[i] = (struct mullion_segment){
			.selector = 0x10,
			.attr = i == MULLION_CS ? code : data,
			.limit = code == 0x9b ? 0xffff : 0xffffffff,
		};
	}
	run->seg[MULLION_LDTR].attr = 0x82;
	run->seg[MULLION_TR].attr = 0x8b;
	run->seg[MULLION_TR].limit = 0x67;
}

/* A state that the processor accepts: real mode, protected mode, or long mode. Outside real
 * mode no descriptor is within the limits, so that a tame guest's first event ends its run,
 * and its paging is that of the page tables at GUEST_TABLES. */
static void fill_sound(struct mullion_run *run)
{
	u32 mode = random_below(3);

	memset(run, 0, offsetof(struct mullion_run, xsave));
	for (u32 i = 0; i < MULLION_GPRS; i++)
		run->gpr[i] = random_below(1 << 22);
	run->rip = random_below(one_in(4) ? 1 << 22 : 1 << 12);
	run->rflags = 2 | (random_u64() & 0x244dd5);
	run->cr0 = X86_CR0_ET | (mode ? X86_CR0_PE : 0) | (mode == 2 ? X86_CR0_PG : 0);
	run->cr3 = fuzz_wild ? random_below(1 << 10) << PAGE_SHIFT : GUEST_TABLES;
	run->cr4 = X86_CR4_PAE;
	run->efer = mode == 2 ? EFER_LME | EFER_LMA : 0;
	run->xcr0 = one_in(2) ? 1 : 7;
	run->dr[6] = 0xffff0ff0;
	run->dr[7] = one_in(4) ? 0x400 | (random_u64() & 0xffff23ff) : 0x400;
	run->msr.pat = 0x0007040600070406;
	set_segments(run, mode == 0 ? 0x9b : mode == 1 ? 0xc9b : 0xa9b, mode ? 0xc93 : 0x93);
	run->gdtr.base = run->idtr.base = random_below(1 << 20);
	run->gdtr.limit = fuzz_wild ? 0xffff : 0;
	run->idtr.limit = fuzz_wild || !mode ? 0xffff : 0;
	run->dirty = MULLION_GROUPS & ~MULLION_GROUP_FPU;
}

static void flip_some(struct mullion_run *run)
{
	u8 *bytes = (u8 *)run;
	u32 size = one_in(2) ? offsetof(struct mullion_run, xsave) : sizeof(*run);

	for (u32 i = 1 + random_below(6); i; i--)
		bytes[random_below(size)] ^= 1u << random_below(8);
}

/* As random as the processor bears. */
static void fill_wild(struct mullion_run *run)
{
	switch (random_below(8)) {
	case 0:
		random_fill(run, sizeof(*run));
		break;
	case 1:
		fill_sound(run);
		flip_some(run);
		break;
	case 2:
	case 3:
	case 4:
		fill_sound(run);
		break;
	case 5:
		flip_some(run);
		run->dirty = random_u64();
		break;
	default:
		break; /* goes on from where it was */
	}
}

static void fill_control(struct mullion_run *run)
{
	if (one_in(4))
		run->request = random_u64();
	else if (one_in(4))
		run->request = 0;
	if (one_in(6)) {
		random_fill(&run->inject, sizeof(run->inject));
		run->inject.valid = one_in(4) ? run->inject.valid : 1;
		run->inject.type = one_in(4) ? run->inject.type : random_below(5);
		run->inject.has_error &= one_in(4) ? 0xff : 1;
	}
	if (one_in(4))
		run->wanted = random_u64();
}

void guest_fill_run_page(struct mullion_run *run)
{
	fill_wild(run);
	fill_control(run);
}

void guest_prepare_run(struct mullion_run *run)
{
	if (fuzz_wild) {
		guest_fill_run_page(run);
		return;
	}
	fill_sound(run);
	run->dr[7] &= ~0xffull; /* no breakpoints */
	fill_control(run);
}

/* ---- Running ---- */

/* The service domain's registers that a guest's turn must leave alone. */
struct host_state {
	u64 msr[10];
	u64 cr0, cr2, cr3, cr4;
	unsigned long dr[6];
	u64 xcr0;
	u16 ds, es, fs, gs;
};

/*
 * Not the PAT: QEMU 7.2's software processor looks for a MSR's bit in the permission map with
 * all 64 bits of RCX, so that guest code with one set above bit 31 writes the MSR itself.
 */
static const u32 host_msrs[10] = {
	MSR_STAR,
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_SYSCALL_MASK,
	MSR_FS_BASE,
	MSR_GS_BASE,
	MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS,
	MSR_IA32_SYSENTER_ESP,
	MSR_IA32_SYSENTER_EIP,
};

static void host_state_read(struct host_state *s)
{
	memset(s, 0, sizeof(*s));
	for (u32 i = 0; i < ARRAY_SIZE(host_msrs); i++)
		rdmsrl(host_msrs[i], s->msr[i]);
	s->cr0 = read_cr0();
	s->cr2 = read_cr2();
	s->cr3 = __read_cr3();
	s->cr4 = __read_cr4();
	get_debugreg(s->dr[0], 0);
	get_debugreg(s->dr[1], 1);
	get_debugreg(s->dr[2], 2);
	get_debugreg(s->dr[3], 3);
	get_debugreg(s->dr[4], 6);
	get_debugreg(s->dr[5], 7);
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		s->xcr0 = xgetbv(0);
	asm volatile("mov %%ds, %0" : "=r"(s->ds));
	asm volatile("mov %%es, %0" : "=r"(s->es));
	asm volatile("mov %%fs, %0" : "=r"(s->fs));
	asm volatile("mov %%gs, %0" : "=r"(s->gs));
}

static void complain_state(const struct host_state *before, const struct host_state *after)
{
	const u64 *b = (const u64 *)before, *a = (const u64 *)after;

	for (u32 i = 0; i < sizeof(*before) / sizeof(u64); i++) {
		if (a[i] != b[i])
			fuzz_fail("a guest's turn changed word %u of the state: %llx became %llx",
				  i, b[i], a[i]);
	}
}

static void trace_run_page(const struct mullion_run *run)
{
	pr_info("hypercall_fuzz: dirty %#x request %#x inject %d/%u/%u rip %#llx rflags %#llx\n",
		run->dirty, run->request, run->inject.valid, run->inject.type, run->inject.vector,
		run->rip, run->rflags);
	pr_info("hypercall_fuzz: cr0 %#llx cr3 %#llx cr4 %#llx efer %#llx cr8 %#llx dr7 %#llx\n",
		run->cr0, run->cr3, run->cr4, run->efer, run->cr8, run->dr[7]);
	for (u32 i = 0; i < MULLION_SEGS; i++)
		pr_info("hypercall_fuzz: segment %u: %#x %#x %#x %#llx\n", i, run->seg[i].selector,
			run->seg[i].attr, run->seg[i].limit, run->seg[i].base);
}

long guest_run(u64 vm, u64 index, const struct mullion_run *run)
{
	struct host_state before, after;
	unsigned long flags;
	long ret;

	if (fuzz_trace && run)
		trace_run_page(run);
	local_irq_save(flags);
	host_state_read(&before);
	ret = fuzz_call(MULLION_HC_VCPU_RUN, vm, index, 0, 0, 0);
	host_state_read(&after);
	local_irq_restore(flags);
	if (memcmp(&before, &after, sizeof(before)))
		complain_state(&before, &after);
	totals.runs++;
	/* A guest may have the page mapped and write what it likes. */
	if (!ret && run && run->exit.reason < MULLION_EXIT_COUNT)
		totals.exits[run->exit.reason]++;
	return ret;
}
