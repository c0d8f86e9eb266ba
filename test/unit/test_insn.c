// SPDX-License-Identifier: GPL-2.0-only
/* hv/insn.c: lengths and operands. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "hv/insn.h"

static const struct {
	enum insn_kind kind;
	unsigned int length;
	uint8_t bytes[4];
} plain[] = {
	{ INSN_CPUID, 2, { 0x0f, 0xa2 } },           { INSN_RDMSR, 2, { 0x0f, 0x32 } },
	{ INSN_WRMSR, 2, { 0x0f, 0x30 } },           { INSN_HLT, 1, { 0xf4 } },
	{ INSN_VMMCALL, 3, { 0x0f, 0x01, 0xd9 } },   { INSN_XSETBV, 3, { 0x0f, 0x01, 0xd1 } },
	{ INSN_CACHE_FLUSH, 2, { 0x0f, 0x08 } },     { INSN_CACHE_FLUSH, 2, { 0x0f, 0x09 } },
	{ INSN_MOV_TO_CR, 3, { 0x0f, 0x22, 0xc0 } },
};

/* A copy of just these bytes, so that the address sanitizer sees every read beyond them. */
static bool decode(const uint8_t *bytes, unsigned int count, bool code64, enum insn_kind kind,
		   struct insn *insn)
{
	uint8_t *copy = malloc(count ? count : 1);
	bool result;

	memcpy(copy, bytes, count);
	result = insn_decode(copy, count, code64, kind, insn);
	free(copy);
	return result;
}

static void test_plain(void **state)
{
	struct insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(plain); j++) {
			bool same = plain[i].kind == plain[j].kind;

			assert_int_equal(
				decode(plain[i].bytes, plain[i].length, true, plain[j].kind, &insn),
				same);
			if (same)
				assert_int_equal(insn.length, plain[i].length);
		}
		/* Cut short it is none; with more behind it the same. */
		for (unsigned int cut = 0; cut < plain[i].length; cut++)
			assert_false(decode(plain[i].bytes, cut, true, plain[i].kind, &insn));
		assert_true(decode(plain[i].bytes, 4, false, plain[i].kind, &insn));
		assert_int_equal(insn.length, plain[i].length);
	}
}

static void test_prefixes(void **state)
{
	static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
					    0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x48 };
	uint8_t bytes[32];
	struct insn insn;

	(void)state;
	random_seed(1);
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int count = random_next() % 17, row = random_next() % 9;
		unsigned int total = count + plain[row].length;
		bool code64 = random_next() & 1, rex = false;

		for (unsigned int i = 0; i < count; i++) {
			bytes[i] = prefixes[random_next() % ARRAY_SIZE(prefixes)];
			rex = rex || bytes[i] == 0x48;
		}
		memcpy(bytes + count, plain[row].bytes, plain[row].length);
		/* 48 is DEC outside 64-bit code; 15 bytes are the most. */
		assert_int_equal(decode(bytes, total, code64, plain[row].kind, &insn),
				 total <= INSN_MAX_LENGTH && (code64 || !rex));
		if (total <= INSN_MAX_LENGTH && (code64 || !rex))
			assert_int_equal(insn.length, total);
	}
}

static void check_mov(const char *bytes, unsigned int count, bool code64, uint8_t reg, uint8_t rm)
{
	struct insn insn;

	assert_true(decode((const uint8_t *)bytes, count, code64, INSN_MOV_TO_CR, &insn));
	assert_int_equal(insn.length, count);
	assert_int_equal(insn.reg, reg);
	assert_int_equal(insn.rm, rm);
}

static void test_mov_to_cr(void **state)
{
	(void)state;
	check_mov("\x0f\x22\xc0", 3, true, 0, 0);
	check_mov("\x0f\x22\xe7", 3, true, 4, 7);
	check_mov("\x44\x0f\x22\xc1", 4, true, 8, 1);
	check_mov("\x45\x0f\x22\xc1", 4, true, 8, 9);
	check_mov("\x41\x0f\x22\xdf", 4, true, 3, 15);
	check_mov("\x45\x66\x0f\x22\xc1", 5, true, 0, 1); /* that REX does not count */
	check_mov("\xf0\x0f\x22\xc2", 4, false, 8, 2);
	check_mov("\xf0\x66\x0f\x22\xc2", 5, true, 8, 2);
}

static void check_store(const char *bytes, unsigned int count, bool code64,
			const struct insn_store *wanted)
{
	uint8_t *copy = malloc(count);
	struct insn_store store;

	memcpy(copy, bytes, count);
	assert_int_equal(insn_decode_store(copy, count, code64, &store), wanted != NULL);
	if (wanted) {
		assert_int_equal(store.length, wanted->length);
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
	check_store(bytes, sizeof(bytes) - 1, code64, &(const struct insn_store){ __VA_ARGS__ })
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
	NO_STORE("\x8b\x07", true);
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
	uint8_t bytes[20];
	struct insn insn;

	(void)state;
	random_seed(2);
	for (unsigned int round = 0; round < 100000; round++) {
		unsigned int count = random_next() % 20;
		struct insn_store store = { 0 };
		uint8_t *copy;

		for (unsigned int i = 0; i < count; i++)
			bytes[i] = random_next() % 3 ? (uint8_t)random_next() :
						       (uint8_t[]){ 0x0f, 0x66, 0x89, 0xc7 }[i & 3];
		if (decode(bytes, count, round & 1, random_next() % INSN_KINDS, &insn))
			assert_true(insn.length > 0 && insn.length <= min(count, 15u));
		copy = malloc(count + !count);
		memcpy(copy, bytes, count);
		if (insn_decode_store(copy, count, round & 1, &store)) {
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
