/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a frame leaves a VM while processors run it: the protocol of hv/vm.h, as
 * publish() in hv/vcpu.c and weaken() in hv/vm.c carry it out.
 *
 * One frame, mapped into one VM at one place, is unmapped, given away, and mapped
 * again, while two processors run the VM's two vCPUs, which move between them, and
 * what else they run. Claimed: whoever reaches the frame through the VM, the guest by
 * a cached translation or root mode by a walk or by the page of code that it remembers,
 * finds it still the VM's.
 *
 * Stores go through a buffer per processor, in order and late, as the memory model
 * has it (SDM vol. 3A 8.2.2); locked instructions wait until it is empty. The faults
 * that the macros in capitals plant must be found: see run.sh.
 */
#define CPUS 2
#define VCPUS 2
#define GENERATIONS 2 /* where the model ends */

/* What a processor runs. Of all other VMs one does for all: its generation is far ahead. */
#define OTHER 0
#define OURS 1
#define OTHERS_GENERATION 9
#define generation_of(vm) (vm == OURS -> generation : OTHERS_GENERATION)

/* What a store writes. */
#define VM 0
#define GENERATION 1
#define store(what, value) buffer[_pid]!what, value
#define drained empty(buffer[_pid])

#define here cached[_pid * VCPUS + v]

byte running_vm[CPUS], running_generation[CPUS] = OTHERS_GENERATION;
chan buffer[CPUS] = [3] of { bit, byte };

byte generation = 1;
bool mapped = true, zombie, given;

bool busy[VCPUS];
byte vcpu_generation[VCPUS], last_cpu[VCPUS] = CPUS;
bool cached[CPUS * VCPUS]; /* in a processor's TLB, for a vCPU */
bool remembered[VCPUS];    /* the page of code, in the vCPU's present generation */

inline publish(vm)
{
	atomic {
#ifdef GENERATION_BEFORE_VM
		g = generation_of(vm);
#endif
		if
		:: stands != vm ->
			stands = vm;
#ifndef KEEP_GENERATION
			store(GENERATION, 0);
#endif
			store(VM, vm);
#ifndef NO_FENCE
			drained
#endif
		:: else
		fi
	};
	atomic {
#ifndef GENERATION_BEFORE_VM
		g = generation_of(vm);
#endif
		store(GENERATION, g)
	}
}

inline enter_guest(v)
{
	d_step {
		if
		:: vcpu_generation[v] != g ->
			vcpu_generation[v] = g;
#ifndef REMEMBER
			remembered[v] = false;
#endif
#ifndef NO_FLUSH
			here = false
#endif
		:: else
		fi;
		if
		:: last_cpu[v] != _pid ->
			last_cpu[v] = _pid;
#ifndef NO_FLUSH_AFTER_MOVE
			here = false
#endif
		:: else
		fi
	};
	do
	:: d_step { mapped && !here -> here = true }
	:: d_step { here -> assert(!given) }
	:: break
	od
}

/* Root mode reads the instruction that made the exit. */
inline handle_exit(v)
{
	if
	:: d_step { remembered[v] -> assert(!given) }
	:: mapped -> d_step { remembered[v] = true; assert(!given) }
	:: true
	fi
}

inline turn(v)
{
	atomic { !busy[v] && drained -> busy[v] = true };
	do
	:: publish(OURS);
	   enter_guest(v);
	   handle_exit(v)
	:: break
	od;
	busy[v] = false;
	publish(OTHER);
	g = 0
}

/* The hypercalls, under memory_lock: who calls next time does not matter. */
inline unmap()
{
	if
	:: mapped && generation < GENERATIONS ->
		zombie = true;
#ifdef GENERATION_BEFORE_LEAF
		generation++;
		mapped = false
#else
		mapped = false;
		generation++
#endif
	:: else
	fi;
#ifndef NO_WAIT
	if
	:: running_vm[1 - _pid] == OURS ->
		if
		:: running_generation[1 - _pid] < generation -> goto again
		:: else
		fi
	:: else
	fi;
#endif
	d_step {
		if
		:: zombie -> zombie = false; given = true
		:: else
		fi
	};
again:	skip
}

inline map()
{
	d_step { !zombie && !mapped -> given = false; mapped = true }
}

active [CPUS] proctype processor()
{
	byte g;
	bit stands = OTHER;

	do
	:: turn(0)
	:: turn(1)
	:: _pid == 0 && drained -> unmap()
	:: _pid == 0 -> map()
	od
}

/* The buffers empty themselves sooner or later. */
active proctype memory()
{
	byte value;

end:	do
	:: d_step { buffer[0]?VM, value -> running_vm[0] = value; value = 0 }
	:: d_step { buffer[0]?GENERATION, value -> running_generation[0] = value; value = 0 }
	:: d_step { buffer[1]?VM, value -> running_vm[1] = value; value = 0 }
	:: d_step { buffer[1]?GENERATION, value -> running_generation[1] = value; value = 0 }
	od
}
