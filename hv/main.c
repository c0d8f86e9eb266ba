// SPDX-License-Identifier: GPL-2.0-only
/* The boot, in order. */
#include "hv/boot/image.h"
#include "hv/boot/linux.h"
#include "hv/boot/multiboot.h"
#include "hv/boot/options.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/phys.h"
#include "hv/print.h"
#include "hv/root_memory.h"
#include "hv/smp.h"
#include "hv/system.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "hv/x86.h"

const struct vendor *vendor;
struct acpi_info system_acpi;
uint64_t system_boot_ticks;

static struct boot_info boot;

uint32_t system_features(void)
{
	return vendor->features() | (cpu_features.pages_1g ? MULLION_FEATURE_1G_PAGES : 0) |
	       (cpu_features.xsave ? MULLION_FEATURE_XSAVE : 0);
}

/* Physical memory as the boot page tables show it, later that which root mode's tables map. */
void *phys_map(uint64_t pa, size_t len)
{
	if (pa >= 4 * GIB || len > 4 * GIB - pa)
		return NULL;
	for (uint64_t pfn = pa >> PAGE_SHIFT; frame_end() && pfn << PAGE_SHIFT < pa + len; pfn++) {
		if (frame_kind(pfn) == FRAME_ABSENT)
			return NULL;
	}
	return phys_to_virt(pa);
}

/* cpus[0] is the processor that this runs on, wherever it stands in the MADT. */
static void put_boot_processor_first(struct acpi_info *acpi)
{
	uint32_t own = cpuid(1, 0).ebx >> 24;

	for (uint32_t i = 1; i < acpi->processor_count; i++) {
		if (acpi->apic_id[i] == own) {
			acpi->apic_id[i] = acpi->apic_id[0];
			acpi->apic_id[0] = own;
		}
	}
}

static _Noreturn void give_up(const char *why)
{
	pr_err("Mullion cannot boot: %s", why);
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void load_linux(struct linux_entry *entry)
{
	const char *error = linux_load(entry, &boot);

	if (error)
		give_up(error);
}

/* What this machine lacks, or NULL with the vendor chosen. */
static const char *choose_vendor(void)
{
	if (!cpu_features.nx)
		return "no-execute page protection (NX) is missing; switch it on in the "
		       "firmware setup";
	vendor = cpu_features.amd ? &svm_vendor : &vmx_vendor;
	return vendor->probe();
}

/* Linux gets the machine as the boot loader left it, and at the end of its command line why. */
static _Noreturn void boot_without_us(const char *missing)
{
	static char cmdline[LINUX_CMDLINE_SIZE];
	struct linux_entry entry;

	pr_err("Mullion cannot run here: %s. Booting Linux without it.", missing);
	if (boot.module_count) {
		hv_snprintf(cmdline, sizeof(cmdline), "%s mullion.missing=\"%s\"",
			    boot.modules[0].cmdline, missing);
		boot.modules[0].cmdline = cmdline;
	}
	/* The code that starts Linux is still running while Linux is put into place. */
	memmap_add(&boot.memmap, (uint64_t)image_start, (uint64_t)(image_end - image_start),
		   MEMMAP_ROOT);
	load_linux(&entry);
	linux_start_native(&entry);
}

/* The state in which a boot loader enters Linux by its 32-bit protocol. */
static void set_linux_entry(struct vcpu *v, const struct linux_entry *entry)
{
	static struct mullion_run state;
	const struct mullion_segment code = { 0x10, 0xc9b, 0xffffffff, 0 };
	const struct mullion_segment data = { 0x18, 0xc93, 0xffffffff, 0 };

	vendor->get_state(v, MULLION_GROUP_SEG | MULLION_GROUP_CR, &state);
	for (unsigned int i = MULLION_ES; i <= MULLION_GS; i++)
		state.seg[i] = i == MULLION_CS ? code : data;
	state.gpr[MULLION_RSI] = entry->boot_params_pa;
	state.rip = entry->entry_pa;
	state.rflags = RFLAGS_FIXED;
	state.cr0 = CR0_PE | CR0_ET;
	vendor->set_state(
		v, MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR,
		&state);
}

/* On the boot processor's own stack. */
static _Noreturn void start_service_domain(void)
{
	struct linux_entry entry;

	vendor->cpu_on(this_cpu());
	root_make_vcpus();
	smp_start();
	load_linux(&entry);
	set_linux_entry(cpus[0]->service, &entry);
	pr_info("%s, %u processor%s, root mode keeps %lu KiB; Linux starts at %x", vendor->name,
		cpu_count, cpu_count == 1 ? "" : "s", frame_totals.root * PAGE_SIZE / KIB,
		entry.entry_pa);
	/* From here on the console is the service domain's; errors still reach it. */
	if (options.loglevel < LOG_DEBUG)
		log_set_level(LOG_ERROR);
	system_boot_ticks = rdtsc() - boot_tsc;
	vcpu_loop();
}

_Noreturn void hv_main(uint32_t magic, uint32_t info_pa);

void hv_main(uint32_t magic, uint32_t info_pa)
{
	const char *error, *missing;
	uint32_t processors;

	options_take(""); /* the defaults, until the command line can be read */
	error = multiboot_parse(&boot, magic, info_pa);
	if (error)
		give_up(error);
	options_take(boot.cmdline);
	pr_info("Mullion " MULLION_VERSION ", loaded by %s", boot.loader);

	cpu_features_init();
	memmap_log(&boot.memmap);
	error = acpi_parse(&system_acpi, boot.rsdp);
	if (error)
		pr_warn("ACPI: %s", error);
	put_boot_processor_first(&system_acpi);
	processors = min(max(system_acpi.processor_count, 1u), (uint32_t)CPU_MAX);
	if (system_acpi.processor_count > CPU_MAX)
		pr_warn("%u processors found, %u used", system_acpi.processor_count, CPU_MAX);
	missing = choose_vendor();
	if (missing)
		boot_without_us(missing);

	error = root_memory_init(&boot, processors);
	if (error)
		give_up(error);
	root_stack_switch(cpus[0], start_service_domain);
}
