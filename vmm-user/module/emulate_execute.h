/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instructions: what the opcode tables point to.
 *
 * Each runs after its operands were loaded and before operand 0 is stored and
 * the working registers are committed (the tables' flags say which of that
 * happens), and may fail until then without a trace. One that touches memory
 * itself makes its last write its last act that can fail.
 * -> 0 (EMULATE_DONE) or another enum emulate_result.
 */
#ifndef MULLION_EMULATE_EXECUTE_H
#define MULLION_EMULATE_EXECUTE_H

struct emulation;

/* emulate_execute.c: data movement and arithmetic */
int emulate_adc(struct emulation *e);
int emulate_add(struct emulation *e);
int emulate_and(struct emulation *e);
int emulate_cmp(struct emulation *e);
int emulate_cmpxchg(struct emulation *e);
int emulate_cmpxchg_wide(struct emulation *e); /* CMPXCHG8B, CMPXCHG16B */
int emulate_dec(struct emulation *e);
int emulate_div(struct emulation *e);
int emulate_extend_accumulator(struct emulation *e); /* CBW, CWDE, CDQE */
int emulate_extend_data(struct emulation *e);        /* CWD, CDQ, CQO */
int emulate_idiv(struct emulation *e);
int emulate_imul(struct emulation *e);             /* two and three operands */
int emulate_imul_accumulator(struct emulation *e); /* one operand */
int emulate_inc(struct emulation *e);
int emulate_lea(struct emulation *e);
int emulate_mov(struct emulation *e); /* and MOVZX, MOVNTI */
int emulate_movsx(struct emulation *e);
int emulate_mul(struct emulation *e);
int emulate_neg(struct emulation *e);
int emulate_nop(struct emulation *e);
int emulate_not(struct emulation *e);
int emulate_or(struct emulation *e);
int emulate_sbb(struct emulation *e);
int emulate_sub(struct emulation *e);
int emulate_test(struct emulation *e);
int emulate_xadd(struct emulation *e);
int emulate_xchg(struct emulation *e);
int emulate_xor(struct emulation *e);

/* emulate_bits.c: bits, bytes, shifts and conditions */
int emulate_bit_scan(struct emulation *e); /* BSF, BSR, TZCNT, LZCNT */
int emulate_bit_test(struct emulation *e); /* BT, BTS, BTR, BTC */
int emulate_bswap(struct emulation *e);
int emulate_cmov(struct emulation *e);
int emulate_flag(struct emulation *e); /* CLC, STC, CMC, CLD, STD */
int emulate_movbe(struct emulation *e);
int emulate_popcnt(struct emulation *e);
int emulate_setcc(struct emulation *e);
int emulate_shift(struct emulation *e);        /* group 2 */
int emulate_shift_double(struct emulation *e); /* SHLD, SHRD */

/* emulate_control.c: the stack, branches, segment registers */
int emulate_call(struct emulation *e);
int emulate_far_memory(struct emulation *e); /* CALL and JMP through a far pointer */
int emulate_jcc(struct emulation *e);
int emulate_jmp(struct emulation *e);
int emulate_leave(struct emulation *e);
int emulate_load_far(struct emulation *e); /* LDS, LES, LFS, LGS, LSS */
int emulate_loop(struct emulation *e);     /* LOOPcc, JCXZ */
int emulate_mov_to_segment(struct emulation *e);
int emulate_pop_memory(struct emulation *e);
int emulate_pop_register(struct emulation *e);
int emulate_pop_segment(struct emulation *e);
int emulate_push_operand(struct emulation *e);
int emulate_push_segment(struct emulation *e);
int emulate_ret(struct emulation *e);

/* emulate_string.c: strings and ports */
int emulate_cmps(struct emulation *e);
int emulate_in(struct emulation *e);
int emulate_ins(struct emulation *e);
int emulate_lods(struct emulation *e);
int emulate_movs(struct emulation *e);
int emulate_out(struct emulation *e);
int emulate_outs(struct emulation *e);
int emulate_scas(struct emulation *e);
int emulate_stos(struct emulation *e);
int emulate_xlat(struct emulation *e);

/* emulate_vector.c: moves of XMM and YMM registers */
int emulate_vector_half(struct emulation *e);    /* MOVLPS, MOVHPS and their kin */
int emulate_vector_integer(struct emulation *e); /* MOVD, MOVQ with a register or memory */
int emulate_vector_move(struct emulation *e);    /* whole registers, and MOVQ */
int emulate_vector_scalar(struct emulation *e);  /* MOVSS, MOVSD */

#endif
