// SPDX-License-Identifier: GPL-2.0-only
/* vmx/run.c with a processor of our own: events that come while root mode is on its way in. */
#include "support.h"

#include <string.h>

#define this_cpu cpu_of_root_mode
#include "hv/cpu.h"
#undef this_cpu
#define read_cr2 cr2_of_root_mode
#define write_cr2 set_cr2_of_root_mode
#include "hv/x86.h"
#undef read_cr2
#undef write_cr2

static struct cpu processor;

static struct cpu *this_cpu(void)
{
	return &processor;
}

static uint64_t read_cr2(void)
{
	return 0;
}

static void write_cr2(uint64_t value)
{
	(void)value;
}

#include "vmx/run.c"

#define NMI_BIT (1u << EXC_NMI)
#define MC_BIT (1u << EXC_MC)

struct vmx_features vmx_features;
struct cpu_features cpu_features;

static uint64_t vmcs[0x7000];
static struct vm vm;
static struct vcpu vcpu;
static struct vm_exit x;

/* What comes before the instruction that enters, and what was delivered by it. */
static uint32_t coming;
static int entries;
static uint64_t delivered, rip;
static bool exits_at_once;

uint64_t vmread(enum vmcs_field field)
{
	return vmcs[field];
}

void vmwrite(enum vmcs_field field, uint64_t value)
{
	vmcs[field] = value;
}

uint64_t vmx_msr_bitmap(enum msr_bitmap which)
{
	return 0x1000 * which;
}

bool guest_translate(const struct vm *of, gpa_t address, hpa_t *out)
{
	(void)of;
	(void)address;
	(void)out;
	return false;
}

/* As entry.S and trap.c do it, and the processor: the event, and then the timer. */
enum entry_result vmx_enter(uint64_t *gpr, bool launched, const uint32_t *latched)
{
	assert_ptr_equal(gpr, vcpu.gpr);
	(void)launched;
	processor.latched |= coming;
	if (coming || *latched) {
		coming = 0;
		return ENTRY_ABORTED;
	}
	entries++;
	delivered = vmcs[ENTRY_INTERRUPTION];
	rip = vmcs[GUEST_RIP];
	exits_at_once = vmcs[PIN_CONTROLS] & PIN_TIMER;
	vmcs[ENTRY_INTERRUPTION] = 0; /* the exit clears its valid bit */
	return ENTRY_DONE;
}

void vmx_exit_decode(struct vcpu *v, struct vm_exit *exit)
{
	assert_ptr_equal(v, &vcpu);
	*exit = (struct vm_exit){ .kind = exits_at_once ? EXIT_RETRY : EXIT_CPUID };
}

static int setup(void **state)
{
	(void)state;
	memset(vmcs, 0, sizeof(vmcs));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&processor, 0, sizeof(processor));
	vcpu.vm = &vm;
	vcpu.is_service = true;
	processor.loaded = &vcpu; /* VMPTRLD and INVEPT need a processor */
	vcpu.last_cpu = &processor;
	vmcs[GUEST_RIP] = 0x1000;
	vmcs[GUEST_CR0] = CR0_PE;
	coming = 0;
	entries = 0;
	return 0;
}

/* Until an entry has exited; what it delivered, as type << 8 | vector, 0 for nothing. A bound,
 * for what never enters would otherwise hang. */
static unsigned int enter_once(void)
{
	int before = entries;

	for (int patience = 0; entries == before; patience++) {
		assert_true(patience < 10);
		vmx_run(&vcpu, &x);
	}
	return delivered & EVENT_VALID ? delivered & 0x7ff : 0;
}

#define NMI (MULLION_EVENT_NMI << 8 | EXC_NMI)
#define EXCEPTION(vector) (MULLION_EVENT_EXCEPTION << 8 | (vector))

static void raise(uint8_t vector)
{
	vcpu.inject = (struct mullion_event){ .valid = 1, .type = MULLION_EVENT_EXCEPTION,
					      .vector = vector };
}

static void test_latched(void **state)
{
	(void)state;
	assert_int_equal(enter_once(), 0);
	processor.latched = NMI_BIT;
	assert_int_equal(enter_once(), NMI);
	assert_int_equal(x.kind, EXIT_CPUID);
	assert_int_equal(processor.latched, 0);
	assert_int_equal(enter_once(), 0);

	/* Both: the machine check is first, the NMI next, without an instruction between. */
	processor.latched = NMI_BIT | MC_BIT;
	assert_int_equal(enter_once(), EXCEPTION(EXC_MC));
	assert_true(exits_at_once);
	assert_int_equal(enter_once(), NMI);
	assert_false(exits_at_once);
	assert_int_equal(processor.latched, 0);
}

/* The service domain is due an exception of its own when an NMI has come. */
static void test_waits_for_exception(void **state)
{
	(void)state;
	raise(EXC_UD);
	processor.latched = NMI_BIT;
	assert_int_equal(enter_once(), EXCEPTION(EXC_UD));
	assert_int_equal(x.kind, EXIT_RETRY);
	assert_int_equal(enter_once(), NMI);
	assert_int_equal(x.kind, EXIT_CPUID);

	/* It comes later: on the way in. */
	raise(EXC_UD);
	coming = NMI_BIT;
	assert_int_equal(enter_once(), EXCEPTION(EXC_UD));
	assert_int_equal(x.kind, EXIT_RETRY);
	assert_int_equal(enter_once(), NMI);
	assert_int_equal(enter_once(), 0);
}

/* An NMI is on its way into the service domain when the next event comes. */
static void test_second_event(void **state)
{
	(void)state;
	processor.latched = coming = NMI_BIT;
	assert_int_equal(enter_once(), NMI);
	assert_false(exits_at_once);
	assert_int_equal(processor.latched, 0);
	assert_int_equal(enter_once(), 0);

	processor.latched = NMI_BIT;
	coming = MC_BIT;
	assert_int_equal(enter_once(), NMI);
	assert_true(exits_at_once);
	assert_int_equal(enter_once(), EXCEPTION(EXC_MC));
	assert_false(exits_at_once);

	/* Never an NMI into the handler of the first. */
	processor.latched = NMI_BIT;
	coming = NMI_BIT | MC_BIT;
	assert_int_equal(enter_once(), NMI);
	assert_int_equal(enter_once(), EXCEPTION(EXC_MC));
	assert_int_equal(enter_once(), 0);
}

/* No guest is entered as long as the service domain is due something. */
static void test_guest_waits(void **state)
{
	(void)state;
	vcpu.is_service = false;
	vcpu.inject = (struct mullion_event){ .valid = 1, .type = MULLION_EVENT_SOFT_INTERRUPT,
					      .vector = 0x80 };
	coming = NMI_BIT;
	vmx_run(&vcpu, &x);
	assert_int_equal(x.kind, EXIT_RETRY);
	vmx_run(&vcpu, &x);
	assert_int_equal(x.kind, EXIT_NMI);
	assert_int_equal(entries, 0);
	assert_true(vcpu.inject.valid && vmcs[GUEST_RIP] == 0x1000);
	assert_false(vmcs[ENTRY_INTERRUPTION] & EVENT_VALID);

	processor.latched = 0; /* the service domain has taken it */
	assert_int_equal(enter_once(), MULLION_EVENT_SOFT_INTERRUPT << 8 | 0x80);
	assert_int_equal(rip, 0x1000 - 2);
	assert_false(vcpu.inject.valid);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_latched, setup),
		cmocka_unit_test_setup(test_waits_for_exception, setup),
		cmocka_unit_test_setup(test_second_event, setup),
		cmocka_unit_test_setup(test_guest_waits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
