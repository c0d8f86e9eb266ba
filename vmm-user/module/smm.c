// SPDX-License-Identifier: GPL-2.0-only
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/processor-flags.h>

#include "apic.h"
#include "control_regs.h"
#include "guest_walk.h"
#include "memory.h"
#include "smm.h"
#include "smm_map.h"
#include "vcpu.h"
#include "vm.h"

#define ATTR_SMM 0x893 /* present, writable, accessed; in pages. CS, too */
#define LIMIT_SMM 0xffffffffu
#define DR7_RESET 0x400u

/* Registers of the run page and of struct smm_state, member by member. */
#define COPY_REGISTERS(to, from)                                                                   \
	do {                                                                                       \
		memcpy((to)->gpr, (from)->gpr, sizeof((to)->gpr));                                 \
		memcpy((to)->seg, (from)->seg, sizeof((to)->seg));                                 \
		(to)->gdtr = (from)->gdtr;                                                         \
		(to)->idtr = (from)->idtr;                                                         \
		(to)->rip = (from)->rip;                                                           \
		(to)->rflags = (from)->rflags;                                                     \
		(to)->cr0 = (from)->cr0;                                                           \
		(to)->cr3 = (from)->cr3;                                                           \
		(to)->cr4 = (from)->cr4;                                                           \
		(to)->efer = (from)->efer;                                                         \
	} while (0)

struct smm_switch {
	struct smm_state state;
	u8 map[SMM_MAP_SIZE];
};

static u64 map_address(const struct mullion_vcpu *v)
{
	return v->msrs.smbase + SMM_MAP_OFFSET;
}

/* -- In -------------------------------------------------------------------- */

static bool is_awaited(const struct mullion_vcpu *v)
{
	return v->smm.pending && !v->smm.active &&
	       (v->mp_state == KVM_MP_STATE_RUNNABLE || v->mp_state == KVM_MP_STATE_HALTED);
}

bool smm_is_due(const struct mullion_vcpu *v)
{
	return is_awaited(v) && !v->run->inject.valid;
}

bool smm_is_held_up(const struct mullion_vcpu *v)
{
	return is_awaited(v) && v->run->inject.valid;
}

/* What a handler finds (SDM vol. 3C 32.5.1, APM vol. 2 10.3.3). All groups count as changed. */
static void enter_handler(struct mullion_vcpu *v)
{
	struct mullion_run *run = v->run;
	unsigned int i;

	run->rip = SMM_ENTRY;
	run->rflags = X86_EFLAGS_FIXED;
	run->interruptibility = MULLION_BLOCK_NMI;
	run->cr0 &= ~(u64)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	run->cr4 = run->efer = 0;
	run->idtr = (struct mullion_table){};
	guest_debug_registers(v)[7] = DR7_RESET;
	for (i = MULLION_ES; i <= MULLION_GS; i++)
		run->seg[i] = (struct mullion_segment){ .attr = ATTR_SMM, .limit = LIMIT_SMM };
	run->seg[MULLION_CS].selector = v->msrs.smbase >> 4;
	run->seg[MULLION_CS].base = v->msrs.smbase;
}

static void save(struct mullion_vcpu *v, struct smm_switch *s)
{
	const u64 *dr = guest_debug_registers(v);

	COPY_REGISTERS(&s->state, v->run);
	s->state.dr6 = dr[6];
	s->state.dr7 = dr[7];
	s->state.smbase = v->msrs.smbase;
	s->state.halted = v->mp_state == KVM_MP_STATE_HALTED;
	s->state.shadow = v->run->interruptibility & MULLION_BLOCK_STI;
	smm_map_save(s->map, &s->state, guest_has_long_mode(v));
	/* Where SMRAM is no RAM the state is lost, as on the bus. */
	space_write(&v->vm->spaces[SPACE_SMM], v, map_address(v), s->map, SMM_MAP_SIZE);
}

int smm_take(struct mullion_vcpu *v)
{
	struct smm_switch *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!s)
		return -ENOMEM;
	ret = vcpu_go(v, SPACE_SMM);
	if (ret)
		goto out;
	save(v, s);
	v->smm.active = true;
	v->smm.pending = false;
	v->smm.inside_nmi = v->run->interruptibility & MULLION_BLOCK_NMI;
	v->msrs.smi_count++;
	v->mp_state = KVM_MP_STATE_RUNNABLE;
	enter_handler(v);
out:
	kfree(s);
	return ret;
}

/* -- Out ------------------------------------------------------------------- */

static bool state_valid(const struct mullion_vcpu *v, const struct smm_state *s)
{
	bool long_code = s->seg[MULLION_CS].attr >> 9 & 1;

	return smm_state_sound(s, v->emulate.phys_bits) &&
	       mode_valid(v, s->cr0, s->cr4, s->efer, long_code);
}

static void restore(struct mullion_vcpu *v, const struct smm_state *s)
{
	struct mullion_run *run = v->run;
	u64 *dr = guest_debug_registers(v);

	COPY_REGISTERS(run, s);
	run->cr0 |= X86_CR0_ET;
	run->interruptibility = (s->shadow ? MULLION_BLOCK_STI : 0) |
				(v->smm.inside_nmi ? MULLION_BLOCK_NMI : 0);
	dr[6] = s->dr6;
	dr[7] = s->dr7;
	v->msrs.smbase = s->smbase;
	/* HLT's waiting is done here only where the APIC is. */
	if (s->halted && v->apic)
		v->mp_state = KVM_MP_STATE_HALTED;
}

int smm_resume(struct mullion_vcpu *v)
{
	struct smm_switch *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	int ret = EXIT_TO_USER;

	if (!s)
		return -ENOMEM;
	v->kvm_run->exit_reason = KVM_EXIT_SHUTDOWN;
	if (space_read(&v->vm->spaces[SPACE_SMM], map_address(v), s->map, SMM_MAP_SIZE))
		goto out;
	smm_map_load(&s->state, s->map, guest_has_long_mode(v));
	if (!state_valid(v, &s->state))
		goto out;
	ret = vcpu_go(v, SPACE_NORMAL);
	if (ret)
		goto out;
	v->smm.active = false;
	restore(v, &s->state);
	if (guest_debug_steps(v))
		v->debug.step_due = true;
	ret = EXIT_CONTINUE;
out:
	kfree(s);
	return ret;
}

/* -- User space ------------------------------------------------------------ */

void smm_get_events(struct mullion_vcpu *v, struct kvm_vcpu_events *events)
{
	events->flags |= KVM_VCPUEVENT_VALID_SMM;
	events->smi.smm = v->smm.active;
	events->smi.pending = v->smm.pending;
	events->smi.smm_inside_nmi = v->smm.active && v->smm.inside_nmi;
	events->smi.latched_init = v->apic && READ_ONCE(v->apic->init);
}

int smm_set_events(struct mullion_vcpu *v, const struct kvm_vcpu_events *events)
{
	int ret;

	if (!(events->flags & KVM_VCPUEVENT_VALID_SMM))
		return 0;
	ret = vcpu_go(v, events->smi.smm ? SPACE_SMM : SPACE_NORMAL);
	if (ret)
		return ret;
	apic_take_requests(v); /* replaced, too */
	v->smm.active = events->smi.smm;
	v->smm.inside_nmi = events->smi.smm_inside_nmi;
	v->smm.pending = events->smi.pending;
	if (v->apic)
		apic_latch_init(v, events->smi.latched_init);
	return 0;
}
