// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMIs of the service domain: sends `count` of them to processor `cpu`, one after the other at
 * ever other moments, whatever runs there: its Linux, root mode, or a guest. Each must arrive in
 * Linux's handler on that processor, once. Loading fails with EIO if one was lost or doubled.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <asm/apic.h>
#include <asm/nmi.h>

static uint count = 5000;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "how many NMIs to send");
static uint cpu = 1;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "the processor they go to");

static atomic_t expected, arrived, strayed;

/* Nothing else makes NMIs on an emulated machine: one more than expected is one too many. */
static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	bool wanted = smp_processor_id() == cpu &&
		      atomic_read(&arrived) < atomic_read(&expected);

	atomic_inc(wanted ? &arrived : &strayed);
	return NMI_HANDLED;
}

static bool send_one(void)
{
	unsigned int patience;

	atomic_inc(&expected);
	apic->send_IPI(cpu, NMI_VECTOR);
	for (patience = 0; patience < 1000000; patience++) {
		if (atomic_read(&arrived) == atomic_read(&expected))
			return true;
		cpu_relax();
	}
	return false;
}

static int __init nmi_init(void)
{
	unsigned int sent, i;
	int ret;

	if (cpu >= nr_cpu_ids || !cpu_online(cpu) || cpu == raw_smp_processor_id()) {
		pr_err("nmi: processor %u cannot be sent NMIs from here\n", cpu);
		return -EINVAL;
	}
	ret = register_nmi_handler(NMI_LOCAL, on_nmi, 0, "mullion-test");
	if (ret)
		return ret;
	for (sent = 0; sent < count && send_one(); sent++) {
		for (i = 0; i < sent * 7 % 1009; i++)
			cpu_relax();
		cond_resched();
	}
	unregister_nmi_handler(NMI_LOCAL, "mullion-test");
	pr_info("nmi: %u of %u arrived, and %d that were not sent\n", sent, count,
		atomic_read(&strayed));
	return sent == count && !atomic_read(&strayed) ? 0 : -EIO;
}

static void __exit nmi_exit(void)
{
}

module_init(nmi_init);
module_exit(nmi_exit);
MODULE_DESCRIPTION("NMIs find the service domain");
MODULE_LICENSE("GPL");
