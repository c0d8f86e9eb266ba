// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine checks find the service domain: waits until processor `cpu` has taken `count` of them, in
 * a handler of its own, and has root mode called there meanwhile so that they come there, too,
 * also when it is about to answer with an exception.
 * Reads root mode's log when it is ready, which a debugger outside may wait for. Loading fails
 * with EIO if one was lost or came too often. Linux must not have page tables of their own for
 * user mode (nopti), for they lack the handler.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <asm/desc.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>

#include "hypercall.h"

static uint count = 100;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "how many machine checks will come");
static uint cpu = 1;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "the processor that they come to");
static uint seconds = 60;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long to wait");

/* Nothing but memory and registers: it may interrupt anything, on the stack of double faults. */
u32 machine_checks_arrived;
void machine_check_entry(void);
asm(".pushsection .text\n"
    "machine_check_entry:\n"
    "	lock incl machine_checks_arrived(%rip)\n"
    "	push %rax\n"
    "	push %rcx\n"
    "	push %rdx\n"
    "	mov $0x17a, %ecx\n" /* MCG_STATUS: until it is 0 no other one can come */
    "	xor %eax, %eax\n"
    "	xor %edx, %edx\n"
    "	wrmsr\n"
    "	pop %rdx\n"
    "	pop %rcx\n"
    "	pop %rax\n"
    "	iretq\n"
    ".popsection");

static struct desc_ptr linux_idt;
static gate_desc *our_idt;

static void hook(void *unused)
{
	const struct desc_ptr pointer = { IDT_ENTRIES * sizeof(gate_desc) - 1,
					  (unsigned long)our_idt };
	unsigned long handler = (unsigned long)machine_check_entry;
	gate_desc *gate = &our_idt[X86_TRAP_MC];

	asm volatile("sidt %0" : "=m"(linux_idt));
	memcpy(our_idt, (void *)linux_idt.address, pointer.size + 1);
	*gate = our_idt[X86_TRAP_DF];
	gate->offset_low = (u16)handler;
	gate->offset_middle = (u16)(handler >> 16);
	gate->offset_high = (u32)(handler >> 32);
	asm volatile("lidt %0" ::"m"(pointer));
	cr4_set_bits(X86_CR4_MCE); /* the cloud kernel has nothing for machine checks */
}

static void unhook(void *unused)
{
	cr4_clear_bits(X86_CR4_MCE);
	asm volatile("lidt %0" ::"m"(linux_idt));
}

static int call_root_mode(void *unused)
{
	const u64 arg[5] = {};
	bool changed;
	int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < 100; i++) {
			raw_hypercall(MULLION_HC_VERSION, arg, &changed);
			wrmsrl_safe(MSR_IA32_FEAT_CTL, 0); /* locked: a #GP by root mode */
		}
		cond_resched();
	}
	return 0;
}

static void wait_for_all(void)
{
	unsigned long end = jiffies + seconds * HZ;
	uint turn = 0, seen = 0;

	while (seen < count && time_before(jiffies, end)) {
		if (seen != READ_ONCE(machine_checks_arrived)) {
			seen = READ_ONCE(machine_checks_arrived);
			pr_info("machine checks: number %u\n", seen); /* that the next may come */
		}
		udelay(turn++ * 7 % 101);
		cond_resched();
	}
	mdelay(100); /* for what must not come */
}

static void tell_debugger(void)
{
	void *page = (void *)__get_free_page(GFP_KERNEL);
	const u64 arg[5] = { page ? virt_to_phys(page) : 0 };
	bool changed;

	if (page)
		raw_hypercall(MULLION_HC_LOG_READ, arg, &changed);
	free_page((unsigned long)page);
}

static int __init machine_check_init(void)
{
	struct task_struct *caller;
	int ret;

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	our_idt = (gate_desc *)__get_free_page(GFP_KERNEL);
	if (!our_idt)
		return -ENOMEM;
	caller = kthread_create(call_root_mode, NULL, "root-mode-calls");
	ret = PTR_ERR_OR_ZERO(caller);
	if (!ret) {
		smp_call_function_single(cpu, hook, NULL, 1);
		kthread_bind(caller, cpu);
		wake_up_process(caller);
		pr_info("machine checks: ready\n");
		tell_debugger();
		wait_for_all();
		kthread_stop(caller);
		smp_call_function_single(cpu, unhook, NULL, 1);
		pr_info("machine checks: %u of %u arrived\n", machine_checks_arrived, count);
		ret = machine_checks_arrived == count ? 0 : -EIO;
	}
	free_page((unsigned long)our_idt);
	return ret;
}

static void __exit machine_check_exit(void)
{
}

module_init(machine_check_init);
module_exit(machine_check_exit);
MODULE_DESCRIPTION("Machine checks find the service domain");
MODULE_LICENSE("GPL");
