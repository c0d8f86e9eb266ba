// SPDX-License-Identifier: GPL-2.0-only
#include "emulate_alu.h"
#include "emulate_internal.h"

__extension__ typedef unsigned __int128 uint128;

static uint64_t sign_bit(unsigned int size)
{
	return 1ull << (size * 8 - 1);
}

static void set_flag(uint64_t *flags, uint64_t flag, bool on)
{
	*flags = on ? *flags | flag : *flags & ~flag;
}

/* ZF, SF and PF of a result. */
static void set_result_flags(uint64_t result, unsigned int size, uint64_t *flags)
{
	unsigned int parity = (unsigned int)result & 0xff;

	parity ^= parity >> 4;
	parity ^= parity >> 2;
	parity ^= parity >> 1;
	set_flag(flags, FLAG_ZF, result == 0);
	set_flag(flags, FLAG_SF, result & sign_bit(size));
	set_flag(flags, FLAG_PF, !(parity & 1));
}

uint64_t alu_add(uint64_t a, uint64_t b, bool carry, unsigned int size, uint64_t *flags)
{
	uint64_t result = (a + b + carry) & emulate_mask(size);

	set_flag(flags, FLAG_CF, ((a & b) | ((a | b) & ~result)) & sign_bit(size));
	set_flag(flags, FLAG_OF, (a ^ result) & (b ^ result) & sign_bit(size));
	set_flag(flags, FLAG_AF, (a ^ b ^ result) & 0x10);
	set_result_flags(result, size, flags);
	return result;
}

uint64_t alu_sub(uint64_t a, uint64_t b, bool borrow, unsigned int size, uint64_t *flags)
{
	uint64_t result = (a - b - borrow) & emulate_mask(size);

	set_flag(flags, FLAG_CF, ((~a & b) | (~(a ^ b) & result)) & sign_bit(size));
	set_flag(flags, FLAG_OF, (a ^ b) & (a ^ result) & sign_bit(size));
	set_flag(flags, FLAG_AF, (a ^ b ^ result) & 0x10);
	set_result_flags(result, size, flags);
	return result;
}

uint64_t alu_logic(uint64_t result, unsigned int size, uint64_t *flags)
{
	*flags &= ~(FLAG_CF | FLAG_OF | FLAG_AF);
	set_result_flags(result, size, flags);
	return result;
}

uint64_t alu_inc(uint64_t a, unsigned int size, uint64_t *flags)
{
	uint64_t carry = *flags & FLAG_CF;
	uint64_t result = alu_add(a, 1, false, size, flags);

	*flags = (*flags & ~FLAG_CF) | carry;
	return result;
}

uint64_t alu_dec(uint64_t a, unsigned int size, uint64_t *flags)
{
	uint64_t carry = *flags & FLAG_CF;
	uint64_t result = alu_sub(a, 1, false, size, flags);

	*flags = (*flags & ~FLAG_CF) | carry;
	return result;
}

/* Rotates left by `count` < width a value of `width` bits (9-65 with the carry). */
static uint128 rotate_left(uint128 a, unsigned int count, unsigned int width)
{
	uint128 mask = (((uint128)1 << (width - 1)) - 1) << 1 | 1;

	return count ? ((a << count) | (a >> (width - count))) & mask : a;
}

static uint64_t rotate(enum alu_shift kind, uint64_t a, unsigned int count, unsigned int size,
		       uint64_t *flags)
{
	unsigned int width = size * 8;
	bool left = kind == ALU_ROL || kind == ALU_RCL;
	bool top, carry;
	uint64_t result;

	if (kind == ALU_ROL || kind == ALU_ROR) {
		count %= width;
		result = (uint64_t)rotate_left(a, left ? count : (width - count) % width, width);
		carry = left ? result & 1 : result & sign_bit(size);
	} else {
		uint128 wide = a | (uint128)(*flags & FLAG_CF) << width;

		count %= width + 1;
		wide = rotate_left(wide, left ? count : (width + 1 - count) % (width + 1),
				   width + 1);
		result = (uint64_t)wide & emulate_mask(size);
		carry = (wide >> width) & 1;
	}
	top = result & sign_bit(size);
	set_flag(flags, FLAG_CF, carry);
	set_flag(flags, FLAG_OF, left ? top != carry : top != !!(result & (sign_bit(size) >> 1)));
	return result;
}

uint64_t alu_shift(enum alu_shift kind, uint64_t a, unsigned int count, unsigned int size,
		   uint64_t *flags)
{
	uint64_t top = sign_bit(size);
	uint64_t extended = emulate_sign_extend(a, size);
	uint64_t result;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	switch (kind) {
	case ALU_SHL:
	case ALU_SAL:
		result = (a << count) & emulate_mask(size);
		set_flag(flags, FLAG_CF, count <= size * 8 && ((a << (count - 1)) & top));
		set_flag(flags, FLAG_OF, !!(result & top) != !!(*flags & FLAG_CF));
		break;
	case ALU_SHR:
		result = a >> count;
		set_flag(flags, FLAG_CF, (a >> (count - 1)) & 1);
		set_flag(flags, FLAG_OF, a & top);
		break;
	case ALU_SAR:
		result = (uint64_t)((int64_t)extended >> count) & emulate_mask(size);
		set_flag(flags, FLAG_CF, ((int64_t)extended >> (count - 1)) & 1);
		set_flag(flags, FLAG_OF, false);
		break;
	default:
		return rotate(kind, a, count, size, flags);
	}
	set_flag(flags, FLAG_AF, false);
	set_result_flags(result, size, flags);
	return result;
}

uint64_t alu_shift_double(bool left, uint64_t a, uint64_t b, unsigned int count, unsigned int size,
			  uint64_t *flags)
{
	unsigned int width = size * 8;
	uint128 wide;
	uint64_t result;
	bool carry;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	/* Words shifted by more than 16 are undefined: they go on into a:b:a. */
	if (count > width) {
		uint64_t other = a;

		a = b;
		b = other;
		count -= width;
	}
	if (left) {
		wide = ((uint128)a << width | b) << count;
		result = (uint64_t)(wide >> width) & emulate_mask(size);
		carry = (a >> (width - count)) & 1;
	} else {
		wide = ((uint128)b << width | a) >> count;
		result = (uint64_t)wide & emulate_mask(size);
		carry = (a >> (count - 1)) & 1;
	}
	set_flag(flags, FLAG_CF, carry);
	set_flag(flags, FLAG_OF, (a ^ result) & sign_bit(size));
	set_flag(flags, FLAG_AF, false);
	set_result_flags(result, size, flags);
	return result;
}

/* MUL and IMUL leave SF, ZF, AF and PF undefined. */
uint64_t alu_mul(uint64_t a, uint64_t b, unsigned int size, uint64_t *high, uint64_t *flags)
{
	uint128 product = (uint128)a * b;

	*high = (uint64_t)(product >> (size * 8)) & emulate_mask(size);
	set_flag(flags, FLAG_CF | FLAG_OF, *high);
	return (uint64_t)product & emulate_mask(size);
}

uint64_t alu_imul(uint64_t a, uint64_t b, unsigned int size, uint64_t *high, uint64_t *flags)
{
	uint64_t x = emulate_sign_extend(a, size), y = emulate_sign_extend(b, size);
	uint128 product = (uint128)x * y;
	uint64_t low, top = (uint64_t)(product >> 64);

	/* The signed high half out of the unsigned product. */
	top -= ((int64_t)x < 0 ? y : 0) + ((int64_t)y < 0 ? x : 0);
	low = (uint64_t)product & emulate_mask(size);
	*high = size == 8 ? top : ((uint64_t)product >> (size * 8)) & emulate_mask(size);
	set_flag(flags, FLAG_CF | FLAG_OF,
		 size == 8 ? top != ((int64_t)product < 0 ? ~0ull : 0) :
			     emulate_sign_extend(low, size) != (uint64_t)product);
	return low;
}

/* 128 by 64 bits, bit by bit: kernels have no library to divide so. */
static bool divide_wide(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *quotient,
			uint64_t *remainder)
{
	unsigned int i;

	if (high >= divisor)
		return false;
	*quotient = 0;
	for (i = 0; i < 64; i++) {
		bool carry = high >> 63;

		high = high << 1 | low >> 63;
		low <<= 1;
		*quotient <<= 1;
		if (carry || high >= divisor) {
			high -= divisor;
			*quotient |= 1;
		}
	}
	*remainder = high;
	return true;
}

bool alu_div(uint64_t high, uint64_t low, uint64_t divisor, unsigned int size, uint64_t *quotient,
	     uint64_t *remainder)
{
	if (size == 8)
		return divide_wide(high, low, divisor, quotient, remainder);
	if (!divisor)
		return false;
	low |= high << (size * 8);
	*quotient = low / divisor;
	*remainder = low % divisor;
	return *quotient <= emulate_mask(size);
}

bool alu_idiv(uint64_t high, uint64_t low, uint64_t divisor, unsigned int size, uint64_t *quotient,
	      uint64_t *remainder)
{
	uint64_t d = emulate_sign_extend(divisor, size);
	bool negative = high & sign_bit(size), negative_divisor = (int64_t)d < 0;
	bool negative_quotient = negative != negative_divisor;
	uint64_t limit = sign_bit(size) - (negative_quotient ? 0 : 1);

	if (size < 8) {
		low = emulate_sign_extend(low | high << (size * 8), size * 2);
		high = negative ? ~0ull : 0;
	}
	if (negative) {
		low = -low;
		high = ~high + (low == 0);
	}
	if (!divide_wide(high, low, negative_divisor ? -d : d, quotient, remainder) ||
	    *quotient > limit)
		return false;
	*quotient = (negative_quotient ? -*quotient : *quotient) & emulate_mask(size);
	*remainder = (negative ? -*remainder : *remainder) & emulate_mask(size);
	return true;
}

bool alu_condition(unsigned int code, uint64_t flags)
{
	bool sign_differs = !(flags & FLAG_SF) != !(flags & FLAG_OF);
	bool holds = false;

	switch (code >> 1) {
	case 0:
		holds = flags & FLAG_OF;
		break;
	case 1:
		holds = flags & FLAG_CF;
		break;
	case 2:
		holds = flags & FLAG_ZF;
		break;
	case 3:
		holds = flags & (FLAG_CF | FLAG_ZF);
		break;
	case 4:
		holds = flags & FLAG_SF;
		break;
	case 5:
		holds = flags & FLAG_PF;
		break;
	case 6:
		holds = sign_differs;
		break;
	case 7:
		holds = sign_differs || (flags & FLAG_ZF);
		break;
	}
	return holds != (code & 1);
}
