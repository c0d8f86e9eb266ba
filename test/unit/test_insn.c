// SPDX-License-Identifier: GPL-2.0-only
/* hv/insn.c: lengths and operands. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "hv/insn.h"

static const struct {
	enum exit_kind kind;
	unsigned int length;
	uint8_t bytes[4];
} plain[] = {
	{ EXIT_CPUID, 2, { 0x0f, 0xa2 } },           { EXIT_RDMSR, 2, { 0x0f, 0x32 } },
	{ EXIT_WRMSR, 2, { 0x0f, 0x30 } },           { EXIT_HLT, 1, { 0xf4 } },
	{ EXIT_HYPERCALL, 3, { 0x0f, 0x01, 0xd9 } }, { EXIT_XSETBV, 3, { 0x0f, 0x01, 0xd1 } },
	{ EXIT_INVD, 2, { 0x0f, 0x08 } },            { EXIT_INVD, 2, { 0x0f, 0x09 } },
	{ EXIT_CR_WRITE, 3, { 0x0f, 0x22, 0xc0 } },
};

/* A copy of just these bytes, so that the address sanitizer sees every read beyond them. */
static unsigned int length_of(const uint8_t *bytes, unsigned int count, bool code64,
			      enum exit_kind kind, uint8_t *gpr)
{
	uint8_t *copy = malloc(count ? count : 1);
	unsigned int result;

	memcpy(copy, bytes, count);
	result = insn_length(kind, copy, count, code64, gpr);
	free(copy);
	return result;
}

static void test_plain(void **state)
{
	uint8_t gpr;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		const uint8_t *bytes = plain[i].bytes;
		unsigned int length = plain[i].length;

		for (size_t j = 0; j < ARRAY_SIZE(plain); j++) {
			bool same = plain[i].kind == plain[j].kind;

			assert_int_equal(length_of(bytes, length, true, plain[j].kind, &gpr),
					 same ? length : 0);
		}
		/* Cut short it is none; with more behind it the same. */
		for (unsigned int cut = 0; cut < length; cut++)
			assert_int_equal(length_of(bytes, cut, true, plain[i].kind, &gpr), 0);
		assert_int_equal(length_of(bytes, 4, false, plain[i].kind, &gpr), length);
	}
	/* Its exit may be reported as INVD's, and the other way round. */
	assert_int_equal(length_of((const uint8_t *)"\x0f\x08", 2, true, EXIT_WBINVD, &gpr), 2);
	assert_int_equal(length_of((const uint8_t *)"\x0f\x09", 2, true, EXIT_WBINVD, &gpr), 2);
}

static void test_prefixes(void **state)
{
	static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
					    0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x48 };
	uint8_t bytes[32], gpr;

	(void)state;
	random_seed(1);
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int count = random_next() % 17, row = random_next() % ARRAY_SIZE(plain);
		unsigned int total = count + plain[row].length;
		bool code64 = random_next() & 1, rex = false;

		for (unsigned int i = 0; i < count; i++) {
			bytes[i] = prefixes[random_next() % ARRAY_SIZE(prefixes)];
			rex = rex || bytes[i] == 0x48;
		}
		memcpy(bytes + count, plain[row].bytes, plain[row].length);
		/* 48 is DEC outside 64-bit code; 15 bytes are the most. */
		assert_int_equal(length_of(bytes, total, code64, plain[row].kind, &gpr),
				 total <= INSN_MAX_LENGTH && (code64 || !rex) ? total : 0);
	}
}

static void check_mov(const char *bytes, unsigned int count, bool code64, uint8_t wanted)
{
	uint8_t gpr = 0xff;

	assert_int_equal(length_of((const uint8_t *)bytes, count, code64, EXIT_CR_WRITE, &gpr),
			 count);
	assert_int_equal(gpr, wanted);
}

static void test_mov_to_cr(void **state)
{
	(void)state;
	check_mov("\x0f\x22\xc0", 3, true, 0);
	check_mov("\x0f\x22\xe7", 3, true, 7);
	check_mov("\x44\x0f\x22\xc1", 4, true, 1);
	check_mov("\x45\x0f\x22\xc1", 4, true, 9);
	check_mov("\x41\x0f\x22\xdf", 4, true, 15);
	check_mov("\x45\x66\x0f\x22\xc1", 5, true, 1); /* that REX does not count */
	check_mov("\xf0\x0f\x22\xc2", 4, false, 2);
	check_mov("\xf0\x66\x0f\x22\xc2", 5, true, 2);
}

static void check_store(const char *bytes, unsigned int count, bool code64,
			const struct insn_move *wanted)
{
	uint8_t *copy = malloc(count);
	struct insn_move store;

	memcpy(copy, bytes, count);
	assert_int_equal(insn_decode_move(copy, count, code64, &store), wanted != NULL);
	if (wanted) {
		assert_int_equal(store.length, wanted->length);
		assert_int_equal(store.load, wanted->load);
		assert_int_equal(store.immediate, wanted->immediate);
		assert_int_equal(store.exchange, wanted->exchange);
		if (wanted->immediate)
			assert_int_equal(store.value, wanted->value);
		else
			assert_int_equal(store.gpr, wanted->gpr);
	}
	free(copy);
}

#define STORE(bytes, code64, ...)                                                                  \
	check_store(bytes, sizeof(bytes) - 1, code64, &(const struct insn_move){ __VA_ARGS__ })
#define NO_STORE(bytes, code64) check_store(bytes, sizeof(bytes) - 1, code64, NULL)

static void test_store(void **state)
{
	(void)state;
	STORE("\x89\x07", true, .length = 2, .gpr = 0);
	STORE("\x89\x0c\x25\x00\x03\xe0\xfe", true, .length = 7, .gpr = 1);
	STORE("\x89\x15\x00\x03\xe0\xfe", false, .length = 6, .gpr = 2);
	STORE("\x44\x89\x47\x10", true, .length = 4, .gpr = 8);
	STORE("\x3e\x89\xb8\x00\x00\x00\x00", true, .length = 7, .gpr = 7);
	STORE("\x89\x44\x98\x10", true, .length = 4, .gpr = 0);
	STORE("\x87\x0f", true, .length = 2, .exchange = true, .gpr = 1);
	STORE("\xc7\x07\x78\x56\x34\x12", true, .length = 6, .immediate = true,
	      .value = 0x12345678);
	STORE("\xc7\x47\x10\xff\xff\xff\xff", true, .length = 7, .immediate = true, .value = ~0u);
	NO_STORE("\x89\xc1", true); /* a register */
	NO_STORE("\x88\x07", true);
	STORE("\x44\x8b\x07", true, .length = 3, .load = true, .gpr = 8);
	STORE("\x8b\x15\x00\x03\xe0\xfe", false, .length = 6, .load = true, .gpr = 2);
	STORE("\xa3\xb0\x00\xe0\xfe", false, .length = 5);
	STORE("\xa3\xb0\x00\xe0\xfe\x00\x00\x00\x00", true, .length = 9);
	STORE("\xa1\xb0\x00\xe0\xfe\x00\x00\x00\x00", true, .length = 9, .load = true);
	NO_STORE("\xa3\xb0\x00\xe0\xfe\x00\x00\x00", true);
	NO_STORE("\xa2\xb0\x00\xe0\xfe", false);
	NO_STORE("\x66\x89\x07", true);
	NO_STORE("\x48\x89\x07", true);
	NO_STORE("\x89", true);
	NO_STORE("\x89\x04", true);
	NO_STORE("\x89\x80\x00\x00\x00", true);
	NO_STORE("\xc7\x07\x78\x56\x34", true);
	NO_STORE("", true);
}

/* Whatever the bytes: nothing beyond them is read, and no length beyond them comes out. */
static void test_random(void **state)
{
	uint8_t bytes[20], gpr;

	(void)state;
	random_seed(2);
	for (unsigned int round = 0; round < 100000; round++) {
		unsigned int count = random_next() % 20;
		struct insn_move store = { 0 };
		uint8_t *copy;

		for (unsigned int i = 0; i < count; i++)
			bytes[i] = random_next() % 3 ? (uint8_t)random_next() :
						       (uint8_t[]){ 0x0f, 0x66, 0x89, 0xc7 }[i & 3];
		assert_true(length_of(bytes, count, round & 1,
				      random_next() % (EXIT_BY_INSN + 1), &gpr) <=
			    min(count, 15u));
		copy = malloc(count + !count);
		memcpy(copy, bytes, count);
		if (insn_decode_move(copy, count, round & 1, &store)) {
			assert_true(store.length > 1 && store.length <= min(count, 15u));
			assert_true(store.gpr < 16);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),     cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_mov_to_cr), cmocka_unit_test(test_store),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
