// SPDX-License-Identifier: GPL-2.0-only
/* svm/length.c: where the bytes of an instruction are looked for. */
#include "support.h"

#include <string.h>

#include "hv/guest_memory.h"
#include "hv/insn.h"
#include "hv/x86.h"
#include "svm/svm.h"

#define RIP 0x7000123ull

static struct vmcb block;
static struct vcpu vcpu;

/* The guest's memory at RIP's page, whether a walk finds it, and how often it is asked for. */
static uint8_t page[2 * PAGE_SIZE];
static bool mapped;
static unsigned int fetches;

void svm_get_code(struct vcpu *v, struct mullion_run *state)
{
	assert_ptr_equal(v, &vcpu);
	state->rip = block.save.rip;
	state->cr3 = block.save.cr3;
	state->efer = block.save.efer;
	state->seg[MULLION_CS] = block.save.cs;
}

/* The bytes at RIP; the page is remembered unless they may go on in the next one. */
size_t guest_code(struct vcpu *v, const struct mullion_run *state, uint8_t *bytes)
{
	uint64_t offset = state->rip & ~PAGE_MASK;

	assert_ptr_equal(v, &vcpu);
	assert_int_equal(state->cr3, block.save.cr3);
	assert_int_equal(state->seg[MULLION_CS].attr, block.save.cs.attr);
	fetches++;
	if (!mapped)
		return 0;
	if (offset <= PAGE_SIZE - INSN_MAX_LENGTH)
		v->code[(state->rip >> PAGE_SHIFT) % GUEST_CODE_PAGES] = (struct guest_code){ .page = state->rip >> PAGE_SHIFT, .cr3 = state->cr3,
					       .generation = v->tlb_generation, .bytes = page };
	memcpy(bytes, page + offset, INSN_MAX_LENGTH);
	return INSN_MAX_LENGTH;
}

static int setup(void **state)
{
	(void)state;
	memset(&block, 0, sizeof(block));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(page, 0x90, sizeof(page));
	vcpu.control = &block;
	vcpu.tlb_generation = 1;
	block.save.efer = EFER_LME | EFER_LMA | EFER_SVME;
	block.save.cs.attr = 0xa9b;
	block.save.cr3 = 0x2000;
	block.save.rip = RIP;
	mapped = true;
	fetches = 0;
	return 0;
}

static void put_code(uint64_t rip, const char *bytes, size_t count)
{
	memcpy(page + (rip & (PAGE_SIZE - 1)), bytes, count);
}

static struct vm_exit find(enum exit_kind kind)
{
	struct vm_exit x = { .kind = kind, .rip = block.save.rip };

	svm_find_length(&vcpu, &x);
	return x;
}

static void test_found(void **state)
{
	struct vm_exit x;

	(void)state;
	put_code(RIP, "\x66\x0f\xa2", 3);
	assert_int_equal(find(EXIT_CPUID).insn_len, 3);
	assert_int_equal(find(EXIT_CPUID).kind, EXIT_CPUID);
	put_code(RIP, "\x44\x0f\x22\xc3", 4);
	x = find(EXIT_CR_WRITE);
	assert_int_equal(x.insn_len, 4);
	assert_int_equal(x.cr.gpr, MULLION_RBX);
}

static void test_remembered(void **state)
{
	(void)state;
	put_code(RIP, "\x0f\xa2", 2);
	find(EXIT_CPUID);
	assert_int_equal(fetches, 1);
	find(EXIT_CPUID);
	put_code(RIP + 100, "\xf4", 1);
	block.save.rip = RIP + 100;
	assert_int_equal(find(EXIT_HLT).insn_len, 1);
	assert_int_equal(fetches, 1);

	/* Bytes that say otherwise are looked for again. */
	assert_int_equal(find(EXIT_CPUID).insn_len, 0);
	assert_int_equal(fetches, 2);

	/* So they are when the frame may be another, or the page. */
	vcpu.tlb_generation++;
	assert_int_equal(find(EXIT_HLT).insn_len, 1);
	assert_int_equal(fetches, 3);
	block.save.cr3 += PAGE_SIZE;
	assert_int_equal(find(EXIT_HLT).insn_len, 1);
	assert_int_equal(fetches, 4);
	find(EXIT_HLT);
	assert_int_equal(fetches, 4);

	/* What the exit does not confirm is read where the page tables now say. */
	put_code(RIP + 100, "\xf0\x0f\x22\xc1", 4);
	assert_int_equal(find(EXIT_CR_WRITE).cr.gpr, MULLION_RCX);
	assert_int_equal(fetches, 5);
}

/* An instruction that may go on in the next page is not read from one alone. */
static void test_page_end(void **state)
{
	(void)state;
	block.save.rip = align_down(RIP, PAGE_SIZE) + PAGE_SIZE - 1;
	put_code(block.save.rip, "\x0f\xa2", 2);
	assert_int_equal(find(EXIT_CPUID).insn_len, 2);
	assert_int_equal(find(EXIT_CPUID).insn_len, 2);
	assert_int_equal(fetches, 2);
}

static void test_not_found(void **state)
{
	(void)state;
	mapped = false;
	assert_int_equal(find(EXIT_CPUID).kind, EXIT_RETRY);
	assert_int_equal(find(EXIT_CPUID).kind, EXIT_PRIVILEGED);
	/* Elsewhere, and after a success, all begins anew. */
	block.save.rip++;
	assert_int_equal(find(EXIT_CPUID).kind, EXIT_RETRY);
	mapped = true;
	put_code(RIP + 1, "\x0f\xa2", 2);
	assert_int_equal(find(EXIT_CPUID).kind, EXIT_CPUID);
	mapped = false;
	vcpu.tlb_generation++;
	assert_int_equal(find(EXIT_CPUID).kind, EXIT_RETRY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_found, setup),
		cmocka_unit_test_setup(test_remembered, setup),
		cmocka_unit_test_setup(test_page_end, setup),
		cmocka_unit_test_setup(test_not_found, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
