/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's VMCS: its beginning, and small changes to it. */
#include "vmx/vmx.h"

#include "hv/apic.h"
#include "hv/log.h"
#include "hv/phys.h"
#include "hv/trap.h"
#include "hv/vm.h"
#include "hv/x86.h"

#define ACCESS_LONG BIT(13) /* of access rights */

#define CR4_GUEST                                                                                  \
	(0x7ff /* VME to OSXMMEXCPT */ | BIT(11) /* UMIP */ | CR4_LA57 | BIT(16) /* FSGSBASE */ |  \
	 BIT(17) /* PCIDE */ | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PKE)

/* The name of every field, for the dump, and the order of the reset. */
#define VMCS_ROW(name, encoding) { #name, encoding },
static const struct {
	const char *name;
	enum vmcs_field field;
} fields[] = { VMCS_FIELDS(VMCS_ROW) };

/* NE must be 1 in VMX operation. The caches stay on whatever a guest writes: CD and NW are
 * the processor's, not the vCPU's, and entry and exit do not switch them. */
uint64_t vmx_cr0_mask(const struct vcpu *v)
{
	return v->is_service ? CR0_NE : CR0_NE | CR0_CD | CR0_NW;
}

/* VMXE must be 1, and machine checks in a guest are root mode's. Of the other bits a guest
 * has those whose state is switched. */
uint64_t vmx_cr4_mask(const struct vcpu *v)
{
	return v->is_service ? CR4_VMXE : (uint32_t)~CR4_GUEST | CR4_MCE;
}

struct descriptor_table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* What the processor loads on every exit, the same on all processors. Root mode uses no TSS:
 * its TR only has to be other than null. */
static void write_host_state(void)
{
	struct descriptor_table gdtr, idtr;

	__asm__("sgdt %0\n\tsidt %1" : "=m"(gdtr), "=m"(idtr));
	vmwrite(HOST_CS_SELECTOR, ROOT_CS);
	vmwrite(HOST_SS_SELECTOR, ROOT_DS);
	vmwrite(HOST_DS_SELECTOR, ROOT_DS);
	vmwrite(HOST_ES_SELECTOR, ROOT_DS);
	vmwrite(HOST_TR_SELECTOR, ROOT_DS);
	vmwrite(HOST_GDTR_BASE, gdtr.base);
	vmwrite(HOST_IDTR_BASE, idtr.base);
	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(HOST_PAT, PAT_RESET);
	vmwrite(HOST_RIP, (uint64_t)vmx_exit);
}

void vmx_vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *vx = vmx_of(v);

	*(uint32_t *)v->control = vmx_features.revision;
	*vx = (struct vmx_vcpu){ .dr6_live = vx->dr6_live, .active = true };
	vmx_unload(v); /* VMCLEAR makes it a VMCS */
	vmx_load(v);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!FIELD_IS_READ_ONLY(fields[i].field))
			vmwrite(fields[i].field, 0);
	}

	vmx_write_controls(v->is_service);
	vmwrite(EXCEPTION_BITMAP,
		v->is_service ? 0 : BIT(EXC_DB) | BIT(EXC_UD) | BIT(EXC_AC) | BIT(EXC_MC));
	vmwrite(MSR_BITMAP, vmx_msr_bitmap(v->is_service ? BITMAP_SERVICE : BITMAP_GUEST));
	vmwrite(VIRTUAL_APIC_ADDRESS, virt_to_phys((const void *)v->apic));
	vmwrite(EPT_POINTER, v->vm->nested.root.raw | EPTP_FORMAT);
	/* Translations are tagged with the EPT pointer too (30.3.1): the index will do. */
	vmwrite(VPID, v->index + 1u);
	vmwrite(PREEMPTION_TIMER, v->is_service ? 0 : vmx_features.turn_limit);
	vmwrite(CR0_MASK, vmx_cr0_mask(v));
	vmwrite(CR4_MASK, vmx_cr4_mask(v));
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	write_host_state();
	v->last_cpu = NULL;
}

bool vmx_skip(struct vcpu *v, uint8_t len)
{
	uint64_t rip, next;

	vmx_load(v);
	rip = vmread(GUEST_RIP);
	next = rip + len;
	if ((rip ^ next) >> 32 && !(vmread(GUEST_CS_ACCESS) & ACCESS_LONG))
		next = (uint32_t)next;
	vmwrite(GUEST_RIP, next);
	vmcs_switch(GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI | BLOCKED_BY_MOV_SS, false);
	vmcs_switch(GUEST_RFLAGS, RFLAGS_RF, false);
	return vmread(GUEST_RFLAGS) & RFLAGS_TF || v->request & MULLION_REQUEST_SINGLE_STEP;
}

uint64_t vmx_get_dr6(struct vcpu *v)
{
	return v->is_service || vmx_of(v)->dr6_live ? read_dr6() : vmx_of(v)->dr6;
}

void vmx_set_dr6(struct vcpu *v, uint64_t value)
{
	if (v->is_service || vmx_of(v)->dr6_live)
		write_dr6(value);
	else
		vmx_of(v)->dr6 = value;
}

/* While a guest's accesses to debug registers exit the processor's DR6 is the service
 * domain's, otherwise the guest's. */
void vmx_trap_dr(struct vcpu *v, bool on)
{
	struct vmx_vcpu *vx = vmx_of(v), *service = vmx_of(this_cpu()->service);

	vmx_load(v);
	vmcs_switch(CPU_CONTROLS, CPU_MOV_DR, on);
	if (vx->dr6_live != on)
		return;
	*(on ? &vx->dr6 : &service->dr6) = read_dr6();
	write_dr6(on ? service->dr6 : vx->dr6);
	vx->dr6_live = !on;
}

/* SDM vol. 3C 30.1.4. Requests are not for the processor to find: it is told of none. */
void vmx_set_in_service(struct vcpu *v, uint8_t vector, uint8_t waiting)
{
	vmx_load(v);
	vmwrite(GUEST_INTERRUPT_STATUS, (uint64_t)vector << 8);
	for (uint32_t i = 0; i < 256; i += 64)
		vmwrite(EOI_EXIT0 + i / 32, (waiting ? ~0ull : APIC_WORD(v, APIC_TMR, i)) |
						    (uint64_t)APIC_WORD(v, APIC_TMR, i + 32) << 32);
}

void vmx_tlb_flush(struct vcpu *v)
{
	vmx_of(v)->flush = true;
}

uint64_t vmx_get_efer(struct vcpu *v)
{
	vmx_load(v);
	return vmread(GUEST_EFER);
}

/* LMA follows from LME and CR0.PG (SDM vol. 3A 10.8.5). */
void vmx_set_efer(struct vcpu *v, uint64_t value)
{
	uint64_t efer = value & (EFER_SCE | EFER_LME | EFER_NXE);

	vmx_load(v);
	if (efer & EFER_LME && vmread(GUEST_CR0) & CR0_PG)
		efer |= EFER_LMA;
	if (efer == vmread(GUEST_EFER))
		return;
	vmwrite(GUEST_EFER, efer);
	vmcs_switch(ENTRY_CONTROLS, ENTRY_IA32E, efer & EFER_LMA);
	vmx_tlb_flush(v);
}

void vmx_dump(struct vcpu *v)
{
	vmx_load(v);
	pr_warn("VMCS at %lx:", v->control_hpa.raw);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i += 2)
		pr_warn("  %-24s %016lx  %-24s %016lx", fields[i].name, vmread(fields[i].field),
			i + 1 < ARRAY_SIZE(fields) ? fields[i + 1].name : "",
			i + 1 < ARRAY_SIZE(fields) ? vmread(fields[i + 1].field) : 0);
}
