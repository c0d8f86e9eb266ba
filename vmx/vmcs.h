/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual-machine control structure: its fields (SDM vol. 3D appendix B), their bits
 * (vol. 3C chapter 25) and basic exit reasons (appendix C). Names follow the manual.
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "hv/types.h"

/* The fields in use, once: they make the enumeration, the reset and the dump. Those of the
 * segment registers follow each other in the order of enum mullion_seg. */
#define VMCS_SEGMENT(F, name, seg)                                                                 \
	F(GUEST_##name##_SELECTOR, 0x0800 + 2 * (seg))                                             \
	F(GUEST_##name##_LIMIT, 0x4800 + 2 * (seg))                                                \
	F(GUEST_##name##_ACCESS, 0x4814 + 2 * (seg))                                               \
	F(GUEST_##name##_BASE, 0x6806 + 2 * (seg))

#define VMCS_FIELDS(F)                                                                             \
	VMCS_SEGMENT(F, ES, 0) VMCS_SEGMENT(F, CS, 1)                                              \
	VMCS_SEGMENT(F, SS, 2) VMCS_SEGMENT(F, DS, 3)                                              \
	VMCS_SEGMENT(F, FS, 4) VMCS_SEGMENT(F, GS, 5)                                              \
	VMCS_SEGMENT(F, LDTR, 6) VMCS_SEGMENT(F, TR, 7)                                            \
	F(VPID, 0x0000) F(GUEST_INTERRUPT_STATUS, 0x0810) F(EOI_EXIT0, 0x201c)                     \
	F(EOI_EXIT1, 0x201e) F(EOI_EXIT2, 0x2020) F(EOI_EXIT3, 0x2022)                             \
	F(HOST_ES_SELECTOR, 0x0c00) F(HOST_CS_SELECTOR, 0x0c02)                                    \
	F(HOST_SS_SELECTOR, 0x0c04) F(HOST_DS_SELECTOR, 0x0c06) F(HOST_FS_SELECTOR, 0x0c08)        \
	F(HOST_GS_SELECTOR, 0x0c0a) F(HOST_TR_SELECTOR, 0x0c0c) F(MSR_BITMAP, 0x2004)              \
	F(TSC_OFFSET, 0x2010) F(VIRTUAL_APIC_ADDRESS, 0x2012) F(EPT_POINTER, 0x201a)               \
	F(XSS_EXITING_BITMAP, 0x202c) F(GUEST_PHYSICAL_ADDRESS, 0x2400)                            \
	F(VMCS_LINK_POINTER, 0x2800) F(GUEST_DEBUGCTL, 0x2802) F(GUEST_PAT, 0x2804)                \
	F(GUEST_EFER, 0x2806) F(GUEST_PDPTE0, 0x280a) F(GUEST_PDPTE1, 0x280c)                      \
	F(GUEST_PDPTE2, 0x280e) F(GUEST_PDPTE3, 0x2810) F(HOST_PAT, 0x2c00) F(HOST_EFER, 0x2c02)   \
	F(PIN_CONTROLS, 0x4000) F(CPU_CONTROLS, 0x4002) F(EXCEPTION_BITMAP, 0x4004)                \
	F(PAGE_FAULT_MASK, 0x4006) F(PAGE_FAULT_MATCH, 0x4008) F(CR3_TARGET_COUNT, 0x400a)         \
	F(EXIT_CONTROLS, 0x400c) F(EXIT_MSR_STORE_COUNT, 0x400e) F(EXIT_MSR_LOAD_COUNT, 0x4010)    \
	F(ENTRY_CONTROLS, 0x4012) F(ENTRY_MSR_LOAD_COUNT, 0x4014) F(ENTRY_INTERRUPTION, 0x4016)    \
	F(ENTRY_ERROR_CODE, 0x4018) F(ENTRY_INSN_LENGTH, 0x401a) F(TPR_THRESHOLD, 0x401c)          \
	F(CPU_CONTROLS2, 0x401e) F(INSTRUCTION_ERROR, 0x4400) F(EXIT_REASON, 0x4402)               \
	F(EXIT_INTERRUPTION, 0x4404) F(EXIT_ERROR_CODE, 0x4406) F(IDT_VECTORING, 0x4408)           \
	F(IDT_VECTORING_ERROR_CODE, 0x440a) F(EXIT_INSN_LENGTH, 0x440c)                            \
	F(GUEST_GDTR_LIMIT, 0x4810) F(GUEST_IDTR_LIMIT, 0x4812) F(GUEST_INTERRUPTIBILITY, 0x4824)  \
	F(GUEST_ACTIVITY, 0x4826) F(GUEST_SYSENTER_CS, 0x482a) F(PREEMPTION_TIMER, 0x482e)         \
	F(HOST_SYSENTER_CS, 0x4c00) F(CR0_MASK, 0x6000) F(CR4_MASK, 0x6002) F(CR0_SHADOW, 0x6004)  \
	F(CR4_SHADOW, 0x6006) F(EXIT_QUALIFICATION, 0x6400) F(GUEST_CR0, 0x6800)                   \
	F(GUEST_CR3, 0x6802) F(GUEST_CR4, 0x6804) F(GUEST_GDTR_BASE, 0x6816)                       \
	F(GUEST_IDTR_BASE, 0x6818) F(GUEST_DR7, 0x681a) F(GUEST_RSP, 0x681c) F(GUEST_RIP, 0x681e)  \
	F(GUEST_RFLAGS, 0x6820) F(GUEST_PENDING_DEBUG, 0x6822) F(GUEST_SYSENTER_ESP, 0x6824)       \
	F(GUEST_SYSENTER_EIP, 0x6826) F(HOST_CR0, 0x6c00) F(HOST_CR3, 0x6c02) F(HOST_CR4, 0x6c04)  \
	F(HOST_FS_BASE, 0x6c06) F(HOST_GS_BASE, 0x6c08) F(HOST_TR_BASE, 0x6c0a)                    \
	F(HOST_GDTR_BASE, 0x6c0c) F(HOST_IDTR_BASE, 0x6c0e) F(HOST_SYSENTER_ESP, 0x6c10)           \
	F(HOST_SYSENTER_EIP, 0x6c12) F(HOST_RSP, 0x6c14) F(HOST_RIP, 0x6c16)

#define VMCS_ENUM(name, encoding) name = encoding,
enum vmcs_field { VMCS_FIELDS(VMCS_ENUM) };
#undef VMCS_ENUM

#define SEGMENT_FIELD(first, seg) ((enum vmcs_field)((first) + 2 * (seg)))

/* Bits 11:10 of an encoding: what the field is for. */
#define FIELD_IS_READ_ONLY(field) (((field) >> 10 & 3) == 1)

/* PIN_CONTROLS */
#define PIN_INTERRUPT BIT(0)
#define PIN_NMI BIT(3)
#define PIN_VIRTUAL_NMIS BIT(5)
#define PIN_TIMER BIT(6)

/* CPU_CONTROLS: exits, but for those named otherwise */
#define CPU_INTERRUPT_WINDOW BIT(2)
#define CPU_USE_TSC_OFFSET BIT(3)
#define CPU_HLT BIT(7)
#define CPU_MWAIT BIT(10)
#define CPU_RDPMC BIT(11)
#define CPU_CR8_LOAD BIT(19)
#define CPU_TPR_SHADOW BIT(21)
#define CPU_NMI_WINDOW BIT(22)
#define CPU_MOV_DR BIT(23)
#define CPU_IO BIT(24)
#define CPU_USE_MSR_BITMAP BIT(28)
#define CPU_MONITOR BIT(29)
#define CPU_SECONDARY BIT(31)

/* CPU_CONTROLS2 */
#define CPU2_EPT BIT(1)
#define CPU2_RDTSCP BIT(3)
#define CPU2_X2APIC BIT(4)
#define CPU2_VPID BIT(5)
#define CPU2_WBINVD BIT(6)
#define CPU2_UNRESTRICTED BIT(7)
#define CPU2_APICV (BIT(8) | BIT(9)) /* APIC registers, interrupt delivery */
#define CPU2_INVPCID BIT(12)
#define CPU2_XSAVES BIT(20)
#define CPU2_USER_WAIT BIT(26)

/* EXIT_CONTROLS, ENTRY_CONTROLS */
#define EXIT_SAVE_DEBUG BIT(2)
#define EXIT_TO_64BIT BIT(9)
#define EXIT_SAVE_PAT BIT(18)
#define EXIT_LOAD_PAT BIT(19)
#define EXIT_SAVE_EFER BIT(20)
#define EXIT_LOAD_EFER BIT(21)
#define ENTRY_LOAD_DEBUG BIT(2)
#define ENTRY_IA32E BIT(9) /* kept by the processor with unrestricted guests, 28.3.3 */
#define ENTRY_LOAD_PAT BIT(14)
#define ENTRY_LOAD_EFER BIT(15)

/* EPT_POINTER: tables of four levels, in write-back memory */
#define EPTP_FORMAT (3ull << 3 | 6)

/* The interruption fields, besides what hv/event.h has of them: */
#define EVENT_NMI_UNBLOCKED BIT(12) /* by IRET, before it faulted; in qualifications too */
/* Types besides those of enum mullion_event_type. */
#define EVENT_PRIVILEGED_SOFTWARE 5 /* INT1 */
#define EVENT_SOFTWARE_EXCEPTION 6  /* INT3, INTO */

/* Access rights: bits 7:0 and 15:12 as in a descriptor, and: */
#define ACCESS_UNUSABLE BIT(16)

/* GUEST_INTERRUPTIBILITY */
#define BLOCKED_BY_STI BIT(0)
#define BLOCKED_BY_MOV_SS BIT(1)
#define BLOCKED_BY_NMI BIT(3)

/* GUEST_PENDING_DEBUG */
#define PENDING_BS BIT(14)

/* Basic exit reasons. */
enum vmx_reason {
	REASON_EXCEPTION_OR_NMI = 0,
	REASON_INTERRUPT = 1,
	REASON_TRIPLE_FAULT = 2,
	REASON_INIT = 3,
	REASON_SIPI = 4,
	REASON_INTERRUPT_WINDOW = 7,
	REASON_NMI_WINDOW = 8,
	REASON_TASK_SWITCH = 9,
	REASON_CPUID = 10,
	REASON_GETSEC = 11,
	REASON_HLT = 12,
	REASON_INVD = 13,
	REASON_RDPMC = 15,
	REASON_VMCALL = 18,
	REASON_VMCLEAR = 19,
	REASON_VMXON = 27,
	REASON_CR_ACCESS = 28,
	REASON_MOV_DR = 29,
	REASON_IO = 30,
	REASON_RDMSR = 31,
	REASON_WRMSR = 32,
	REASON_MWAIT = 36,
	REASON_MONITOR = 39,
	REASON_EOI = 45,
	REASON_EPT_VIOLATION = 48,
	REASON_INVEPT = 50,
	REASON_TIMER = 52,
	REASON_INVVPID = 53,
	REASON_WBINVD = 54,
	REASON_XSETBV = 55,
	REASON_COUNT = 64,
};
#define REASON_ENTRY_FAILED BIT(31)

#ifdef HV_HOST_TEST
/* Unit tests on the host supply a VMCS of their own. */
uint64_t vmread(enum vmcs_field field);
void vmwrite(enum vmcs_field field, uint64_t value);
#else
static inline uint64_t vmread(enum vmcs_field field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((uint64_t)field) : "cc");
	return value;
}

/* Without effect on fields that the processor lacks. */
static inline void vmwrite(enum vmcs_field field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" ::"r"((uint64_t)field), "r"(value) : "cc", "memory");
}
#endif

/* Sets or clears `bits` of a field. */
static inline void vmcs_switch(enum vmcs_field field, uint64_t bits, bool on)
{
	uint64_t old = vmread(field), value = on ? old | bits : old & ~bits;

	if (value != old)
		vmwrite(field, value);
}

#endif
