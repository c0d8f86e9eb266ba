// SPDX-License-Identifier: GPL-2.0-only
/* Starting processors; contracts in smp.h. */
#include "hv/smp.h"

#include "hv/apic.h"
#include "hv/boot/image.h"
#include "hv/cpu.h"
#include "hv/guest_memory.h"
#include "hv/insn.h"
#include "hv/lib/string.h"
#include "hv/log.h"
#include "hv/panic.h"
#include "hv/phys.h"
#include "hv/root_memory.h"
#include "hv/system.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "hv/x86.h"

/* Fields of the local APIC's ICR (APM vol. 2 16.5, SDM vol. 3A 11.6). */
#define ICR_MODE(icr) ((icr) >> 8 & 7)
#define ICR_MODE_INIT 5
#define ICR_MODE_SIPI 6
#define ICR_BUSY BIT(12)
#define ICR_ASSERT BIT(14)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
#define ICR_ALL_BUT_SELF 3

/* No clock is calibrated this early: ticks of the fastest TSC make the delays long enough. */
#define TICKS_PER_US 5000ull
#define INIT_DELAY_US 10000
#define SIPI_DELAY_US 200
#define START_TIMEOUT_US 100000
#define AWAKE_TICKS (1ull << 36)

extern const char ap_trampoline[], ap_trampoline_end[];
extern uint64_t ap_stack;
uint64_t ap_stack;

static uint64_t apic_page;           /* physical */
static uint32_t processors_to_start; /* until the APIC may be the service domain's */

static void delay(uint64_t us)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < us * TICKS_PER_US)
		cpu_relax();
}

static volatile uint32_t *apic_register(uint32_t offset)
{
	return phys_to_virt(apic_page + offset);
}

static void send(uint32_t apic_id, uint32_t icr)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC) {
		wrmsr(MSR_X2APIC + APIC_ICR_LOW / 16, (uint64_t)apic_id << 32 | icr);
		return;
	}
	*apic_register(APIC_ICR_HIGH) = apic_id << 24;
	*apic_register(APIC_ICR_LOW) = icr;
	while (*apic_register(APIC_ICR_LOW) & ICR_BUSY)
		cpu_relax();
}

/* ---- Into root mode ---- */

/* Sleeps until the service domain starts this processor. -> the SIPI's vector. */
static uint8_t wait_for_sipi(struct cpu *cpu)
{
	bool can_sleep = cpuid(1, 0).ecx & BIT(3);
	uint64_t start = rdtsc();

	/* Before most Linuxes have started it, it does not sleep: Bochs 2.7 would not wake it. */
	while (!__atomic_load_n(&cpu->sipi, __ATOMIC_ACQUIRE)) {
		if (!can_sleep || rdtsc() - start < AWAKE_TICKS) {
			cpu_relax();
			continue;
		}
		__asm__ volatile("monitor" ::"a"(&cpu->sipi), "c"(0), "d"(0));
		if (!__atomic_load_n(&cpu->sipi, __ATOMIC_ACQUIRE))
			__asm__ volatile("mwait" ::"a"(0), "c"(0) : "memory");
	}
	return (uint8_t)cpu->sipi;
}

/* Real mode at the page that the SIPI names (APM vol. 2 16.5, SDM vol. 3A 9.4). */
static void set_sipi_state(struct vcpu *v, uint8_t vector)
{
	struct mullion_run state;

	vendor->get_state(v, MULLION_GROUP_SEG | MULLION_GROUP_RIP, &state);
	state.seg[MULLION_CS].selector = (uint16_t)(vector << 8);
	state.seg[MULLION_CS].base = (uint64_t)vector << 12;
	state.rip = 0;
	vendor->set_state(v, MULLION_GROUP_SEG | MULLION_GROUP_RIP, &state);
}

_Noreturn void ap_main(void);

void ap_main(void)
{
	struct cpu *cpu = this_cpu();

	cpu_tables_load();
	root_tables_load();
	vendor->cpu_on(cpu);
	__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
	set_sipi_state(cpu->service, wait_for_sipi(cpu));
	vcpu_loop();
}

_Noreturn void smp_retire(void)
{
	struct cpu *cpu = this_cpu();

	pr_warn("processor %u got INIT, and stays off until the machine is reset", cpu->id);
	__atomic_store_n(&cpu->running_vm, NULL, __ATOMIC_RELEASE);
	for (;;) {
		__atomic_store_n(&cpu->sipi, 0, __ATOMIC_RELAXED);
		wait_for_sipi(cpu);
	}
}

static void start_one(struct cpu *cpu)
{
	uint32_t sipi = (uint32_t)(ICR_MODE_SIPI << 8 | ICR_ASSERT | root_low_page >> PAGE_SHIFT);

	__atomic_store_n(&ap_stack, align_down((uint64_t)cpu, 16), __ATOMIC_RELEASE);
	send(cpu->apic_id, ICR_MODE_INIT << 8 | ICR_ASSERT);
	delay(INIT_DELAY_US);
	for (uint64_t us = 0; us < START_TIMEOUT_US; us += SIPI_DELAY_US) {
		if (us < 2 * SIPI_DELAY_US && !cpu->online)
			send(cpu->apic_id, sipi);
		delay(SIPI_DELAY_US);
		if (__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
			return;
	}
	/* If it finds no stack when it comes after all, it halts. If it has taken it just now, it
	 * will be there. */
	if (__atomic_exchange_n(&ap_stack, 0, __ATOMIC_ACQ_REL))
		pr_warn("processor %u (APIC %u) does not start", cpu->id, cpu->apic_id);
	else
		while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
			cpu_relax();
}

static void protect_apic(void)
{
	uint64_t *entry = pt_make(&service_vm.nested, apic_page, 1);

	if (!entry)
		panic("no table is left for the APIC's page");
	pt_write(entry, pt_make_leaf(&service_vm.nested, hpa(apic_page), 1, PT_UNCACHED));
}

void smp_start(void)
{
	bool sure = system_acpi.processor_count == cpu_count;

	cpus[0]->online = true;
	if (sure && cpu_count == 1)
		return;
	apic_page = rdmsr(MSR_APIC_BASE) & PT_ADDRESS;
	if (!root_map_device(hpa(apic_page), PAGE_SIZE))
		panic("no table is left for the APIC's page");
	if (root_low_page)
		memcpy(phys_to_virt(root_low_page), ap_trampoline,
		       (size_t)(ap_trampoline_end - ap_trampoline));
	for (uint32_t i = 1; i < cpu_count && root_low_page; i++)
		start_one(cpus[i]);
	for (uint32_t i = 1; i < cpu_count; i++)
		sure = sure && cpus[i]->online;
	/* A processor that root mode does not hold must never be started: where there may be
	 * one, the APIC stays protected. */
	processors_to_start = sure ? cpu_count - 1 : UINT32_MAX;
	protect_apic();
}

/* ---- Out of it again ---- */

static void start_by_sipi(struct cpu *cpu, uint8_t vector)
{
	uint32_t none = 0;

	if (!cpu->online)
		return;
	if (!__atomic_compare_exchange_n(&cpu->sipi, &none, 0x100u | vector, false,
					 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return;
	if (__atomic_sub_fetch(&processors_to_start, 1, __ATOMIC_RELAXED) == 0) {
		int level;
		uint64_t *entry = pt_find(&service_vm.nested, apic_page, &level);

		pt_write(entry, *entry | service_vm.nested.format->write);
	}
}

/* Whether an ICR value is one of those that do not reach the hardware; SIPIs are obeyed. */
static bool take_icr(uint32_t icr, uint32_t apic_id)
{
	bool others = ICR_SHORTHAND(icr) == ICR_ALL_BUT_SELF;

	if (ICR_MODE(icr) == ICR_MODE_INIT)
		return true;
	if (ICR_MODE(icr) != ICR_MODE_SIPI)
		return false;
	for (uint32_t i = 1; i < cpu_count; i++) {
		if (others ? cpus[i] != this_cpu() : cpus[i]->apic_id == apic_id)
			start_by_sipi(cpus[i], (uint8_t)icr);
	}
	return true;
}

bool smp_icr_write(uint64_t value)
{
	return take_icr((uint32_t)value, (uint32_t)(value >> 32)) ||
	       wrmsr_safe(MSR_X2APIC + APIC_ICR_LOW / 16, value);
}

bool smp_apic_write(struct vcpu *v, const struct vm_exit *x)
{
	uint32_t offset = x->memory.gpa & ~PAGE_MASK;
	struct insn_move move;
	uint32_t value, old;

	if (!apic_page || (x->memory.gpa & PAGE_MASK) != apic_page ||
	    !(x->memory.access & MULLION_ACCESS_WRITE) || offset % 16 ||
	    !guest_move(v, &move) || move.load)
		return false;

	value = move.immediate ? move.value : (uint32_t)v->gpr[move.gpr];
	old = *apic_register(offset);
	if (offset != APIC_ICR_LOW || !take_icr(value, *apic_register(APIC_ICR_HIGH) >> 24))
		*apic_register(offset) = value;
	if (move.exchange)
		v->gpr[move.gpr] = old;
	vcpu_skip(v, move.length);
	return true;
}
