// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_GUEST_DEBUG: a debugger outside the guest, with breakpoints and single steps.
 *
 * While it has hardware breakpoints the processor's debug registers are the debugger's, and the
 * guest's own wait in debug.guest. DR7.GD makes each of the guest's accesses to them a #DB, which
 * is answered here from that copy; the guest does not notice.
 */
#include <linux/string.h>
#include <uapi/asm/debugreg.h>
#include <asm/processor-flags.h>

#include "vcpu.h"
#include "vm.h"

#define EMULATE_GROUPS                                                                             \
	(MULLION_GROUP_GPR | MULLION_GROUP_RIP | MULLION_GROUP_SEG | MULLION_GROUP_CR)
#define ATTR_LONG (1u << 9)

/* What debug registers hold of a value (SDM vol. 3B 18.2, APM vol. 2 13.1.1). */
#define DR6_ONES 0xffff0ff0u
#define DR6_BITS (DR_STEP | DR_BD | 0x800fu)
#define DR_BD (1u << 13)             /* of DR6 */
#define DR_GENERAL_DETECT (1u << 13) /* of DR7 */
#define DR7_ONES 0x400u
#define DR7_BITS 0xffff23ffu

static u64 dr6_value(u64 value)
{
	return (value & DR6_BITS) | DR6_ONES;
}

static u64 dr7_value(u64 value)
{
	return (value & DR7_BITS) | DR7_ONES;
}

u64 *guest_debug_registers(struct mullion_vcpu *v)
{
	return v->debug.control & KVM_GUESTDBG_USE_HW_BP ? v->debug.guest : v->run->dr;
}

bool guest_debug_steps(const struct mullion_vcpu *v)
{
	return v->debug.control & KVM_GUESTDBG_SINGLESTEP;
}

/* Whether the debugger takes all #DB. */
static bool takes_db(const struct mullion_vcpu *v)
{
	return v->debug.control & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP);
}

/* -- What user space asks for ---------------------------------------------- */

static int raise_for_user(struct mullion_vcpu *v, u32 control)
{
	int ret;

	if (v->run->inject.valid)
		return -EBUSY;
	if (control & KVM_GUESTDBG_INJECT_DB) {
		vcpu_raise(v, DB_VECTOR, false, 0);
		return 0;
	}
	/* RIP is on the INT3, and past it when that is delivered. */
	ret = vcpu_change(v, MULLION_GROUP_RIP);
	if (ret)
		return ret;
	v->run->rip++;
	vcpu_raise(v, BP_VECTOR, false, 0);
	return 0;
}

int vcpu_set_guest_debug(struct mullion_vcpu *v, const struct kvm_guest_debug *debug)
{
	u32 control = debug->control;
	bool had = v->debug.control & KVM_GUESTDBG_USE_HW_BP, has;
	unsigned int i;
	int ret;

	if (control & ~GUEST_DEBUG_VALID)
		return -EINVAL;
	ret = vcpu_change(v, MULLION_GROUP_DR);
	if (!ret && control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP))
		ret = raise_for_user(v, control);
	if (ret)
		return ret;
	if (!(control & KVM_GUESTDBG_ENABLE))
		control = 0;
	has = control & KVM_GUESTDBG_USE_HW_BP;
	if (has && !had)
		memcpy(v->debug.guest, v->run->dr, sizeof(v->debug.guest));
	else if (had && !has)
		memcpy(v->run->dr, v->debug.guest, sizeof(v->debug.guest));
	v->debug.control = control;
	v->debug.step_due = false;
	for (i = 0; i < 4; i++)
		v->debug.user[i] = debug->arch.debugreg[i];
	v->debug.user[6] = DR6_ONES;
	v->debug.user[7] = dr7_value(debug->arch.debugreg[7]);
	return 0;
}

u32 guest_debug_request(struct mullion_vcpu *v)
{
	struct mullion_run *run = v->run;
	u32 request = MULLION_REQUEST_DEBUG;

	v->debug.int3_length = 0;
	if (v->debug.control & KVM_GUESTDBG_USE_HW_BP) {
		/* Anew for each entry: a #DB has changed DR6 and perhaps DR7. */
		memcpy(run->dr, v->debug.user, sizeof(run->dr));
		run->dr[7] |= DR_GENERAL_DETECT;
		run->dirty |= MULLION_GROUP_DR;
	}
	if (guest_debug_steps(v))
		request |= MULLION_REQUEST_SINGLE_STEP;
	return takes_db(v) || v->debug.control & KVM_GUESTDBG_USE_SW_BP ? request : 0;
}

/* -- What the guest does --------------------------------------------------- */

static int to_user(struct mullion_vcpu *v, u8 vector, u64 dr6)
{
	struct kvm_run *user = v->kvm_run;
	int ret = vcpu_load(v, MULLION_GROUP_SEG | MULLION_GROUP_CR);
	bool wide;

	if (ret)
		return ret;
	wide = v->run->efer & EFER_LMA && v->run->seg[MULLION_CS].attr & ATTR_LONG;
	user->exit_reason = KVM_EXIT_DEBUG;
	memset(&user->debug.arch, 0, sizeof(user->debug.arch));
	user->debug.arch.exception = vector;
	user->debug.arch.pc = wide ? v->run->rip :
				     (u32)(v->run->seg[MULLION_CS].base + v->run->rip);
	user->debug.arch.dr6 = dr6;
	user->debug.arch.dr7 = v->debug.user[7];
	return EXIT_TO_USER;
}

/* The #DB was the debugger's: the guest's DR6 does not tell of it. */
static int db_to_user(struct mullion_vcpu *v, u64 dr6)
{
	struct mullion_run *run = v->run;
	int ret = vcpu_change(v, MULLION_GROUP_DR);

	if (ret)
		return ret;
	if (!(v->debug.control & KVM_GUESTDBG_USE_HW_BP) && !(run->rflags & X86_EFLAGS_TF))
		run->dr[6] &= ~(u64)DR_STEP;
	return to_user(v, DB_VECTOR, dr6_value(dr6));
}

/* DR4 and DR5 are names of DR6 and DR7, unless the guest wants to be told. -> -1: #UD. */
static int register_number(const struct emulate_context *ctx, unsigned int number)
{
	if (number != 4 && number != 5)
		return number < 8 ? number : -1;
	return ctx->cr4 & X86_CR4_DE ? -1 : number + 2;
}

/* Executes the MOV to or from a debug register that is at RIP. */
static int move(struct mullion_vcpu *v)
{
	struct emulate_context *ctx = &v->emulate;
	u64 *dr = v->debug.guest, mask = U32_MAX, value;
	unsigned int gpr;
	u8 rex = 0, modrm;
	const u8 *last;
	int ret, number;

	ret = vcpu_load(v, EMULATE_GROUPS);
	if (ret)
		return ret;
	emulate_load(ctx, v->run);
	ctx->insn_count = 0;
	if (emulate_length(ctx) != EMULATE_DONE || ctx->insn_length < 3)
		return EXIT_CONTINUE; /* other code is there by now */
	last = ctx->insn + ctx->insn_length - 3;
	modrm = last[2];
	if (last[0] != 0x0f || (last[1] & 0xfd) != 0x21)
		return EXIT_CONTINUE;
	if (ctx->efer & EFER_LMA && ctx->seg[MULLION_CS].attr & ATTR_LONG) {
		mask = U64_MAX;
		if (ctx->insn_length > 3 && (last[-1] & 0xf0) == 0x40)
			rex = last[-1];
	}
	number = register_number(ctx, (modrm >> 3 & 7) | (rex & 4 ? 8 : 0));
	gpr = (modrm & 7) | (rex & 1 ? 8 : 0);
	if (number < 0) {
		vcpu_raise(v, UD_VECTOR, false, 0);
		return EXIT_CONTINUE;
	}
	if (ctx->cpl) {
		vcpu_raise(v, GP_VECTOR, true, 0);
		return EXIT_CONTINUE;
	}
	if (dr[7] & DR_GENERAL_DETECT) {
		/* The guest's own debugger waits for this. */
		dr[7] &= ~(u64)DR_GENERAL_DETECT;
		dr[6] |= DR_BD;
		vcpu_raise(v, DB_VECTOR, false, 0);
		return EXIT_CONTINUE;
	}
	ret = vcpu_change(v, MULLION_GROUP_GPR);
	if (ret)
		return ret;
	if (last[1] == 0x21) {
		v->run->gpr[gpr] = dr[number] & mask;
	} else {
		value = v->run->gpr[gpr] & mask;
		if (number >= 6 && value >> 32) {
			vcpu_raise(v, GP_VECTOR, true, 0);
			return EXIT_CONTINUE;
		}
		dr[number] = number == 6 ? dr6_value(value) :
			     number == 7 ? dr7_value(value) :
					   value;
	}
	ret = vcpu_advance(v, ctx->rip + ctx->insn_length);
	return ret ? ret : EXIT_CONTINUE;
}

int exit_debug(struct mullion_vcpu *v)
{
	const struct mullion_exit *exit = &v->run->exit;
	int ret;

	if (exit->debug.vector == BP_VECTOR) {
		v->debug.int3_length = exit->insn_len ?: 1;
		v->debug.int3_rip = v->run->rip;
		if (v->debug.control & KVM_GUESTDBG_USE_SW_BP)
			return to_user(v, BP_VECTOR, 0);
		ret = vcpu_change(v, MULLION_GROUP_RIP);
		if (ret)
			return ret;
		guest_debug_pass_int3(v);
		vcpu_raise(v, BP_VECTOR, false, 0);
		return EXIT_CONTINUE;
	}
	if (v->debug.control & KVM_GUESTDBG_USE_HW_BP && exit->debug.dr6 & DR_BD &&
	    !(v->debug.user[7] & DR_GENERAL_DETECT))
		return move(v);
	if (takes_db(v))
		return db_to_user(v, exit->debug.dr6);
	vcpu_raise(v, DB_VECTOR, false, 0);
	return EXIT_CONTINUE;
}

void guest_debug_pass_int3(struct mullion_vcpu *v)
{
	if (v->debug.int3_length && v->run->rip == v->debug.int3_rip)
		v->run->rip += v->debug.int3_length;
}

void guest_debug_collect(struct mullion_vcpu *v)
{
	struct mullion_event *inject = &v->run->inject;

	if (!guest_debug_steps(v) || !inject->valid || inject->type != MULLION_EVENT_EXCEPTION ||
	    inject->vector != DB_VECTOR)
		return;
	inject->valid = 0;
	v->debug.step_due = true;
}

int guest_debug_stepped(struct mullion_vcpu *v)
{
	v->debug.step_due = false;
	return db_to_user(v, DR_STEP);
}
