// SPDX-License-Identifier: GPL-2.0-only
/* Contracts in apic.h. */
#include "hv/apic.h"

#include "hv/guest_memory.h"
#include "hv/insn.h"
#include "hv/vendor.h"
#include "hv/x86.h"

#define SPIV_ENABLED BIT(8)
#define ICR_LOGICAL BIT(11) /* of no meaning with a shorthand */
#define ICR_ASSERT BIT(14)
#define ICR_SELF BIT(18)
#define VECTOR_MIN 16

#define REGISTER(v, offset) ((v)->apic[(offset) / 4])

/* Registers that read as they stand on the page, a bit for each: all that there are but EOI,
 * PPR, the timer's count, and, as MSRs, DFR and ICR. */
#define PLAIN_MSR 0x41fc01ffffffa10cull
#define PLAIN (PLAIN_MSR | BIT(0xe) | BIT(0x30) | BIT(0x31))

/* 0: none; a vector so low interrupts nothing. */
static uint8_t highest(const struct vcpu *v, uint32_t set)
{
#pragma GCC unroll 8
	for (uint32_t word = 8; word--;) {
		uint32_t bits = REGISTER(v, set + 0x10 * word);

		if (bits)
			return (uint8_t)(32 * word + 31 - (uint32_t)__builtin_clz(bits));
	}
	return 0;
}

void apic_evaluate(struct vcpu *v)
{
	uint8_t vector = v->apic_base & APIC_BASE_ENABLE ? highest(v, APIC_IRR) : 0;
	struct mullion_run state;

	v->apic_changed = false;
	v->request = v->asked;
	/* By priority class (SDM vol. 3A 11.8.3). */
	if (vector && vector >> 4 > highest(v, APIC_ISR) >> 4) {
		vendor->get_state(v, MULLION_GROUP_RIP | MULLION_GROUP_CR8, &state);
		if (vector >> 4 <= state.cr8) {
			v->request |= MULLION_REQUEST_CR8_EXIT;
		} else if (v->inject.valid || state.interruptibility & MULLION_BLOCK_STI ||
			   !(state.rflags & RFLAGS_IF)) {
			v->request |= MULLION_REQUEST_IRQ_WINDOW;
		} else {
			APIC_WORD(v, APIC_IRR, vector) &= ~VECTOR_BIT(vector);
			APIC_WORD(v, APIC_ISR, vector) |= VECTOR_BIT(vector);
			v->inject =
				(struct mullion_event){ 1, MULLION_EVENT_INTERRUPT, vector, 0, 0 };
			vector = highest(v, APIC_IRR);
		}
	}
	if (cpu_features.apicv)
		vendor->set_in_service(v, highest(v, APIC_ISR), vector);
}

static bool write_register(struct vcpu *v, uint32_t offset, uint32_t value)
{
	struct mullion_run state;
	uint8_t vector;

	switch (offset) {
	case APIC_EOI:
		vector = highest(v, APIC_ISR);
		/* What the end of a level-triggered interrupt sets off is the module's. */
		if (APIC_WORD(v, APIC_TMR, vector) & VECTOR_BIT(vector))
			return false;
		APIC_WORD(v, APIC_ISR, vector) &= ~VECTOR_BIT(vector);
		break;
	case APIC_TPR:
		REGISTER(v, offset) = value & 0xff;
		state.cr8 = value >> 4 & 0xf;
		vendor->set_state(v, MULLION_GROUP_CR8, &state);
		break;
	case APIC_ICR_LOW:
	case APIC_SELF_IPI:
		vector = (uint8_t)value;
		if ((offset == APIC_ICR_LOW &&
		     (value & ~(ICR_LOGICAL | ICR_ASSERT | 0xff)) != ICR_SELF) ||
		    vector < VECTOR_MIN || !(REGISTER(v, APIC_SPIV) & SPIV_ENABLED))
			return false;
		REGISTER(v, offset) = value;
		__atomic_fetch_and(&APIC_WORD(v, APIC_TMR, vector), ~VECTOR_BIT(vector),
				   __ATOMIC_SEQ_CST);
		APIC_WORD(v, APIC_IRR, vector) |= VECTOR_BIT(vector);
		break;
	case APIC_ICR_HIGH:
		REGISTER(v, offset) = value & 0xff000000;
		return true;
	default:
		return false;
	}
	v->apic_changed = true;
	return true;
}

static uint32_t read_register(struct vcpu *v, uint32_t offset)
{
	uint32_t value = REGISTER(v, offset);
	struct mullion_run state;

	if (offset != APIC_TPR)
		return value;
	vendor->get_state(v, MULLION_GROUP_CR8, &state);
	return value >> 4 == state.cr8 ? value : (uint32_t)state.cr8 << 4;
}

bool apic_fault(struct vcpu *v, const struct vm_exit *x)
{
	uint32_t offset = x->memory.gpa & ~PAGE_MASK;
	struct insn_move move;

	if ((x->memory.gpa ^ v->apic_base) & PT_ADDRESS || APIC_MODE(v) != XAPIC || offset % 16 ||
	    offset >= APIC_SELF_IPI || v->inject.valid || !guest_move(v, &move) || move.exchange ||
	    x->memory.access != (move.load ? 0 : MULLION_ACCESS_WRITE))
		return false;
	if (move.load && PLAIN >> (offset >> 4) & 1)
		v->gpr[move.gpr] = read_register(v, offset);
	else if (move.load ||
		 !write_register(v, offset,
				 move.immediate ? move.value : (uint32_t)v->gpr[move.gpr]))
		return false;
	vcpu_skip(v, move.length);
	return true;
}

void apic_for_each_msr(void (*visit)(void *map, uint32_t index, bool read, bool write), void *map)
{
	for (uint32_t number = 0; number < 64; number++)
		visit(map, MSR_X2APIC + number, PLAIN_MSR >> number & 1, number == APIC_EOI >> 4);
}

bool apic_msr(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	uint32_t number = index - MSR_X2APIC, offset = number << 4;

	if (number >= 64 || APIC_MODE(v) != X2APIC)
		return false;
	/* Only of one byte, for other values may be #GP. */
	if (write)
		return *value <= (offset == APIC_EOI ? 0 : 0xff) && offset != APIC_ICR_HIGH &&
		       write_register(v, offset, (uint32_t)*value);
	if (!(PLAIN_MSR >> number & 1))
		return false;
	*value = read_register(v, offset);
	return true;
}
