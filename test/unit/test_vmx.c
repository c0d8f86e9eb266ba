// SPDX-License-Identifier: GPL-2.0-only
/* vmx/: registers, exits. */
#include "support.h"

#include <string.h>

#include "hv/apic.h"
#include "hv/event.h"
#include "hv/log.h"
#include "hv/phys.h"
#include "hv/vm.h"
#include "hv/x86.h"
#include "vmx/vmx.h"

struct vmx_features vmx_features;
const char vmx_exit[1];

static uint64_t vmcs[0x7000];
static struct vcpu vcpu;
static struct mullion_run page;
static _Alignas(4096) uint32_t apic_page[1024];
static int loads;

uint64_t vmread(enum vmcs_field field)
{
	assert_true(field < 0x7000 && loads > 0);
	return vmcs[field];
}

/* Refuses what an entry would refuse because of its width. */
void vmwrite(enum vmcs_field field, uint64_t value)
{
	unsigned int width = field >> 13 & 3;

	assert_true(field < 0x7000 && loads > 0);
	assert_true(width != 0 || value <= UINT16_MAX);
	assert_true(width != 2 || value <= UINT32_MAX);
	vmcs[field] = value;
}

void vmx_load(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	loads++;
}

void vmx_unload(struct vcpu *v)
{
	(void)v;
}

bool log_budget(void)
{
	return false;
}

void vmx_write_controls(bool service)
{
	(void)service;
}

uint64_t vmx_msr_bitmap(enum msr_bitmap which)
{
	return 0x1000 * which;
}

uint64_t virt_to_phys(const void *va)
{
	return (uint64_t)va;
}

static int setup(void **state)
{
	(void)state;
	memset(vmcs, 0, sizeof(vmcs));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&page, 0, sizeof(page));
	memset(apic_page, 0, sizeof(apic_page));
	vcpu.apic = apic_page;
	loads = 1; /* run() loads before it decodes */
	return 0;
}

static void test_segments(void **state)
{
	static const struct {
		enum mullion_seg seg;
		uint16_t attr;
		uint64_t access;
		uint16_t back;
	} rows[] = {
		{ MULLION_CS, 0xa9b, 0xa09b, 0xa9b },
		{ MULLION_DS, 0xc93, 0xc093, 0xc93 },
		{ MULLION_SS, 0x0f2, 0x00f3, 0x0f3 },	/* becomes accessed */
		{ MULLION_ES, 0x013, 0x10013, 0x013 },	/* not present: unusable */
		{ MULLION_LDTR, 0x082, 0x0082, 0x082 }, /* stays a table */
		{ MULLION_LDTR, 0x002, 0x10002, 0x002 },
		{ MULLION_TR, 0x089, 0x008b, 0x08b }, /* becomes busy */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mullion_segment *s = &page.seg[rows[i].seg];

		*s = (struct mullion_segment){ 0x1234, rows[i].attr, 0xfffff, 0xffff800012345678 };
		vmx_set_state(&vcpu, MULLION_GROUP_SEG, &page);
		assert_int_equal(vmcs[SEGMENT_FIELD(GUEST_ES_ACCESS, rows[i].seg)], rows[i].access);
		memset(&page, 0xff, sizeof(page));
		vmx_get_state(&vcpu, MULLION_GROUP_SEG, &page);
		assert_int_equal(s->attr, rows[i].back);
		assert_int_equal(s->selector, 0x1234);
		assert_int_equal(s->limit, 0xfffff);
		assert_true(s->base == 0xffff800012345678);
	}
	/* What the processor leaves of a register that is unusable. */
	vmcs[GUEST_GS_ACCESS] = ACCESS_UNUSABLE | 0x93;
	vmx_get_state(&vcpu, MULLION_GROUP_SEG, &page);
	assert_int_equal(page.seg[MULLION_GS].attr, 0x13);
}

static void test_control_registers(void **state)
{
	(void)state;
	page.cr0 = CR0_CD | CR0_NW;
	page.cr2 = 0x1000;
	page.cr3 = BIT(63) | 0x2000;
	vmx_set_state(&vcpu, MULLION_GROUP_CR, &page);
	assert_int_equal(vmcs[GUEST_CR0], CR0_NE | CR0_ET);
	assert_int_equal(vmcs[GUEST_CR4], CR4_VMXE | CR4_MCE);
	assert_int_equal(vmcs[GUEST_CR3], 0x2000);
	assert_true(vmx_of(&vcpu)->flush && vmx_of(&vcpu)->reload_pdptes);
	memset(&page, 0xff, sizeof(page));
	vmx_get_state(&vcpu, MULLION_GROUP_CR, &page);
	assert_int_equal(page.cr0, CR0_CD | CR0_NW | CR0_ET);
	assert_int_equal(page.cr2, 0x1000);
	assert_int_equal(page.cr4, 0);

	/* A guest has no bits whose state nobody switches; the service domain has. */
	page = (struct mullion_run){ .cr4 = BIT(23) | CR4_PAE };
	vmx_set_state(&vcpu, MULLION_GROUP_CR, &page);
	assert_int_equal(vmcs[GUEST_CR4], CR4_VMXE | CR4_MCE | CR4_PAE);
	vcpu.is_service = true;
	vmx_set_state(&vcpu, MULLION_GROUP_CR, &page);
	assert_int_equal(vmcs[GUEST_CR4], CR4_VMXE | CR4_PAE | BIT(23));
}

static void test_efer(void **state)
{
	(void)state;
	vmx_set_efer(&vcpu, EFER_LME | EFER_SVME);
	assert_int_equal(vmcs[GUEST_EFER], EFER_LME);
	assert_int_equal(vmcs[ENTRY_CONTROLS] & ENTRY_IA32E, 0);
	page = (struct mullion_run){ .cr0 = CR0_PG | CR0_PE, .cr4 = CR4_PAE,
				     .efer = EFER_LME | EFER_SCE };
	vmx_set_state(&vcpu, MULLION_GROUP_CR, &page);
	assert_int_equal(vmcs[GUEST_EFER], EFER_LME | EFER_LMA | EFER_SCE);
	assert_int_equal(vmcs[ENTRY_CONTROLS] & ENTRY_IA32E, ENTRY_IA32E);
}

static void test_rip(void **state)
{
	(void)state;
	page.rip = 0x1000;
	page.rflags = ~0ull & ~RFLAGS_IF;
	page.interruptibility = MULLION_BLOCK_STI | MULLION_BLOCK_NMI;
	vmx_set_state(&vcpu, MULLION_GROUP_RIP, &page);
	assert_int_equal(vmcs[GUEST_RFLAGS], 0x3f7dd7);
	assert_int_equal(vmcs[GUEST_INTERRUPTIBILITY], BLOCKED_BY_MOV_SS | BLOCKED_BY_NMI);
	assert_int_equal(vmcs[GUEST_PENDING_DEBUG], PENDING_BS);
	vmx_get_state(&vcpu, MULLION_GROUP_RIP, &page);
	assert_int_equal(page.interruptibility, MULLION_BLOCK_STI | MULLION_BLOCK_NMI);

	page.rflags = RFLAGS_IF;
	vmx_set_state(&vcpu, MULLION_GROUP_RIP, &page);
	assert_int_equal(vmcs[GUEST_RFLAGS], RFLAGS_IF | RFLAGS_FIXED);
	assert_int_equal(vmcs[GUEST_INTERRUPTIBILITY], BLOCKED_BY_STI | BLOCKED_BY_NMI);
	assert_int_equal(vmcs[GUEST_PENDING_DEBUG], 0);

	assert_false(vmx_skip(&vcpu, 3));
	assert_int_equal(vmcs[GUEST_RIP], 0x1003);
	assert_int_equal(vmcs[GUEST_INTERRUPTIBILITY], BLOCKED_BY_NMI);
	vmcs[GUEST_RFLAGS] |= RFLAGS_TF;
	vmcs[GUEST_RIP] = 0xfffffffe;
	assert_true(vmx_skip(&vcpu, 3));
	assert_int_equal(vmcs[GUEST_RIP], 1);
	vmcs[GUEST_RIP] = 0xfffffffe;
	vmcs[GUEST_CS_ACCESS] = 0xa09b;
	vmx_skip(&vcpu, 3);
	assert_true(vmcs[GUEST_RIP] == 0x100000001);
}

static void test_other_registers(void **state)
{
	(void)state;
	for (size_t i = 0; i < MULLION_GPRS; i++)
		page.gpr[i] = i + 1;
	memset(&page.msr, 0xff, sizeof(page.msr));
	memset(page.dr, 0xff, sizeof(page.dr));
	page.cr8 = 0xff;
	vmx_set_state(&vcpu, MULLION_GROUPS, &page);
	assert_int_equal(apic_page[APIC_TPR / 4], 0xf0);
	apic_page[APIC_TPR / 4] = 0xf3; /* the subclass stays */
	vmx_set_state(&vcpu, MULLION_GROUP_CR8, &page);
	assert_int_equal(apic_page[APIC_TPR / 4], 0xf3);
	assert_int_equal(vcpu.tsc_aux, UINT32_MAX);
	assert_int_equal(vcpu.spec_ctrl, 7);
	assert_true(vcpu.lstar == UINT64_MAX && vmcs[TSC_OFFSET] == UINT64_MAX);
	assert_int_equal(vmcs[GUEST_DEBUGCTL], 2);
	assert_int_equal(vmcs[GUEST_DR7], UINT32_MAX);
	memset(&page, 0, sizeof(page));
	vmx_get_state(&vcpu, MULLION_GROUPS, &page);
	assert_int_equal(page.gpr[MULLION_R15], 16);
	assert_int_equal(page.cr8, 0xf);
	assert_true(page.dr[3] == UINT64_MAX && page.dr[6] == UINT32_MAX);
	assert_true(page.msr.kernel_gs_base == UINT64_MAX && page.msr.tsc_offset == UINT64_MAX);
}

static struct vm_exit decode(uint32_t reason, uint64_t qualification)
{
	struct vm_exit x;

	vmcs[EXIT_REASON] = reason;
	vmcs[EXIT_QUALIFICATION] = qualification;
	vmcs[GUEST_RIP] = 0x1000;
	vmcs[EXIT_INSN_LENGTH] = 2;
	vmx_exit_decode(&vcpu, &x);
	return x;
}

static void test_exits(void **state)
{
	struct vm_exit x;

	(void)state;
	x = decode(REASON_CPUID, 0);
	assert_true(x.kind == EXIT_CPUID && x.insn_len == 2 && x.rip == 0x1000);
	assert_int_equal(decode(REASON_INTERRUPT, 0).insn_len, 0);
	assert_int_equal(decode(REASON_VMXON, 0).kind, EXIT_FORBIDDEN);
	assert_int_equal(decode(REASON_TIMER, 0).kind, EXIT_INTERRUPT);
	assert_int_equal(decode(63, 0).kind, EXIT_UNKNOWN);
	assert_int_equal(decode(0xffff, 0).kind, EXIT_UNKNOWN);
	assert_int_equal(decode(REASON_ENTRY_FAILED | 33, 0).kind, EXIT_REFUSED);

	x = decode(REASON_IO, 0x03f80000 | BIT(5) | BIT(4) | BIT(3) | 3);
	assert_true(x.kind == EXIT_IO && x.io.port == 0x3f8 && x.io.size == 4);
	assert_int_equal(x.io.flags, MULLION_IO_IN | MULLION_IO_STRING | MULLION_IO_REP);
	assert_int_equal(x.io.next_rip, 0x1002);

	vmcs[GUEST_PHYSICAL_ADDRESS] = 0xfee00300;
	x = decode(REASON_EPT_VIOLATION, BIT(1) | BIT(3) | BIT(7) | BIT(8));
	assert_true(x.kind == EXIT_NESTED_FAULT && x.memory.gpa == 0xfee00300);
	assert_int_equal(x.memory.access, MULLION_ACCESS_WRITE | MULLION_ACCESS_PRESENT);
	x = decode(REASON_EPT_VIOLATION, BIT(0) | BIT(7));
	assert_int_equal(x.memory.access, MULLION_ACCESS_WALK);
	assert_int_equal(vmcs[GUEST_INTERRUPTIBILITY], 0);
	decode(REASON_EPT_VIOLATION, BIT(0) | EVENT_NMI_UNBLOCKED);
	assert_int_equal(vmcs[GUEST_INTERRUPTIBILITY], BLOCKED_BY_NMI);

	assert_int_equal(decode(REASON_VMCALL, 0).kind, EXIT_HYPERCALL);
	vmcs[GUEST_SS_ACCESS] = 3 << 5;
	assert_int_equal(decode(REASON_VMCALL, 0).kind, EXIT_FORBIDDEN);
}

static void test_apicv(void **state)
{
	struct vm_exit x;

	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		apic_page[(APIC_TMR + 0x10 * i) / 4] = 0x10101010 * i;
	vmx_set_in_service(&vcpu, 0x41, 0);
	assert_int_equal(vmcs[GUEST_INTERRUPT_STATUS], 0x4100);
	assert_true(vmcs[EOI_EXIT0] == 0x1010101000000000 && vmcs[EOI_EXIT3] == 0x7070707060606060);
	vmx_set_in_service(&vcpu, 0x41, 0x30);
	assert_true(vmcs[EOI_EXIT0] == ~0ull && vmcs[EOI_EXIT3] == ~0ull);
	/* An EOI that exits has not been made yet. */
	vmcs[GUEST_PENDING_DEBUG] = PENDING_BS;
	x = decode(REASON_EOI, 0x71);
	assert_true(x.kind == EXIT_WRMSR && x.insn_len == 0 && x.rip == 0x1000);
	assert_int_equal(apic_page[(APIC_ISR + 0x30) / 4], 1u << 0x11);
	assert_int_equal(vmcs[GUEST_PENDING_DEBUG], 0);
}

#define MOV_TO_CR(number, gpr) ((number) | (gpr) << 8)

static void test_cr_access(void **state)
{
	struct vm_exit x;

	(void)state;
	x = decode(REASON_CR_ACCESS, MOV_TO_CR(8, MULLION_R9));
	assert_true(x.kind == EXIT_CR_WRITE && x.cr.gpr == MULLION_R9);
	assert_int_equal(x.insn_len, 2);

	vcpu.gpr[MULLION_RBX] = CR0_NE | CR0_PG | CR0_CD;
	x = decode(REASON_CR_ACCESS, MOV_TO_CR(0, MULLION_RBX));
	assert_int_equal(x.kind, EXIT_RETRY);
	assert_int_equal(vmcs[CR0_SHADOW], CR0_NE | CR0_CD);
	vcpu.gpr[MULLION_RBX] = CR0_NW;
	x = decode(REASON_CR_ACCESS, MOV_TO_CR(0, MULLION_RBX));
	assert_int_equal(x.kind, EXIT_PRIVILEGED);

	vcpu.gpr[MULLION_RCX] = CR4_MCE | CR4_PAE;
	x = decode(REASON_CR_ACCESS, MOV_TO_CR(4, MULLION_RCX));
	assert_true(x.kind == EXIT_RETRY && vmcs[CR4_SHADOW] == CR4_MCE);
	vcpu.gpr[MULLION_RCX] = CR4_VMXE;
	x = decode(REASON_CR_ACCESS, MOV_TO_CR(4, MULLION_RCX));
	assert_true(x.kind == EXIT_PRIVILEGED && vmcs[CR4_SHADOW] == CR4_MCE);
	vcpu.is_service = true;
	x = decode(REASON_CR_ACCESS, MOV_TO_CR(4, MULLION_RCX));
	assert_true(x.kind == EXIT_RETRY && vmcs[CR4_SHADOW] & CR4_VMXE);
}

static struct vm_exit decode_task_switch(uint8_t event, enum mullion_task_source source)
{
	vmcs[IDT_VECTORING] = EVENT_VALID | (uint64_t)event << EVENT_TYPE_SHIFT | 0x41;
	return decode(REASON_TASK_SWITCH, (uint64_t)source << 30 | 0x28);
}

/* Only an instruction has a length; hardware leaves anything in the field for other events. */
static void test_task_switch(void **state)
{
	struct vm_exit x;

	(void)state;
	x = decode_task_switch(MULLION_EVENT_INTERRUPT, MULLION_TASK_CALL);
	assert_true(x.kind == EXIT_TASK_SWITCH && x.task.selector == 0x28 && x.insn_len == 2);
	assert_int_equal(x.task.source, MULLION_TASK_CALL);
	for (unsigned int type = 0; type < 7; type++) {
		x = decode_task_switch((uint8_t)type, MULLION_TASK_GATE);
		assert_int_equal(x.task.source, MULLION_TASK_GATE);
		assert_int_equal(x.insn_len, type >= MULLION_EVENT_SOFT_INTERRUPT ? 2 : 0);
	}
}

static struct vm_exit decode_exception(uint8_t type, uint8_t vector, uint64_t more,
				       uint64_t qualification)
{
	vmcs[EXIT_INTERRUPTION] = EVENT_VALID | (uint64_t)type << EVENT_TYPE_SHIFT | vector | more;
	return decode(REASON_EXCEPTION_OR_NMI, qualification);
}

static void test_exceptions(void **state)
{
	struct vm_exit x;

	(void)state;
	vmcs[EXIT_ERROR_CODE] = 0x18;
	x = decode_exception(MULLION_EVENT_EXCEPTION, EXC_AC, EVENT_ERROR_VALID, 0);
	assert_true(x.kind == EXIT_EXCEPTION && x.exception.vector == EXC_AC);
	assert_true(x.exception.error == 0x18 && x.insn_len == 0);

	vmx_of(&vcpu)->dr6 = DR6_RESET | 1;
	x = decode_exception(MULLION_EVENT_EXCEPTION, EXC_DB, 0, DR6_BS | 2);
	assert_int_equal(vmx_of(&vcpu)->dr6, DR6_RESET | DR6_BS | 2);
	assert_int_equal(x.rip, 0x1000);

	x = decode_exception(EVENT_SOFTWARE_EXCEPTION, EXC_BP, 0, 0);
	assert_true(x.exception.vector == EXC_BP && x.rip == 0x1000 && x.insn_len == 2);
	x = decode_exception(EVENT_PRIVILEGED_SOFTWARE, EXC_DB, 0, 0);
	assert_true(x.rip == 0x1002 && vmcs[GUEST_RIP] == 0x1002);

	decode_exception(MULLION_EVENT_EXCEPTION, EXC_AC, EVENT_NMI_UNBLOCKED, 0);
	assert_int_equal(vmcs[GUEST_INTERRUPTIBILITY], BLOCKED_BY_NMI);
	/* While an event was being delivered the bit says nothing. */
	vmcs[GUEST_INTERRUPTIBILITY] = 0;
	vmcs[IDT_VECTORING] = EVENT_VALID;
	decode_exception(MULLION_EVENT_EXCEPTION, EXC_AC, EVENT_NMI_UNBLOCKED, 0);
	assert_int_equal(vmcs[GUEST_INTERRUPTIBILITY], 0);
}

static void test_dump(void **state)
{
	(void)state;
	vmcs[GUEST_TR_BASE] = 0xfeedface;
	log_forget();
	vmx_dump(&vcpu);
	assert_true(log_has("GUEST_TR_BASE"));
	assert_true(log_has("feedface"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_segments, setup),
		cmocka_unit_test_setup(test_control_registers, setup),
		cmocka_unit_test_setup(test_efer, setup),
		cmocka_unit_test_setup(test_rip, setup),
		cmocka_unit_test_setup(test_other_registers, setup),
		cmocka_unit_test_setup(test_exits, setup),
		cmocka_unit_test_setup(test_apicv, setup),
		cmocka_unit_test_setup(test_cr_access, setup),
		cmocka_unit_test_setup(test_task_switch, setup),
		cmocka_unit_test_setup(test_exceptions, setup),
		cmocka_unit_test_setup(test_dump, setup),
	};

	return cmocka_run_group_tests_name("vmx", tests, NULL, NULL);
}
