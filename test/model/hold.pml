/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a VM ends while processors look it up without a lock: vcpu_get(), vcpu_put() in
 * hv/vcpu.c against vm_create(), vm_destroy() in hv/vm.c.
 *
 * One slot, one frame that the VM's root-mode state fills; when the VM has ended the
 * service domain has the frame and writes what it likes into it, until a new VM is made
 * of it in the same slot. Claimed: who has got a vCPU uses a VM that lives.
 *
 * Stores are seen late, in order, as in unmap.pml.
 */
#define CPUS 2

#define store(value) buffer[_pid]!value
#define drained empty(buffer[_pid])

bool slot = true;   /* names the VM */
bool lives = true;  /* the frame is the VM's */
bool ending;        /* in the frame */
bool holds[CPUS];
chan buffer[CPUS] = [2] of { bit };

inline use()
{
	if
	:: !slot -> goto done
	:: else
	fi;
#ifndef HOLD_LATE
	store(true);
#ifndef NO_FENCE
	drained;
#endif
#endif
	if
	:: ending -> goto put
	:: else
	fi;
#ifndef SLOT_UNCHECKED
	if
	:: !slot -> goto put
	:: else
	fi;
#endif
#ifdef HOLD_LATE
	store(true);
	drained;
#endif
	assert(lives);
	assert(lives);
put:	store(false);
done:	skip
}

inline destroy()
{
	if
	:: !slot -> goto out
	:: else
	fi;
#ifndef LOOK_BEFORE_MARK
	ending = true;
#endif
	if
	:: holds[1 - _pid] -> goto out
	:: else
	fi;
#ifdef LOOK_BEFORE_MARK
	ending = true;
#endif
	slot = false;
	lives = false;
out:	skip
}

active [CPUS] proctype processor()
{
	do
	:: use()
	:: _pid == 0 && drained -> destroy()
	:: _pid == 0 && !lives -> ending = true
	:: _pid == 0 && !lives -> ending = false
	:: d_step { _pid == 0 && !lives -> lives = true; ending = false }; slot = true
	od
}

active proctype memory()
{
	bit value;

end:	do
	:: d_step { buffer[0]?value -> holds[0] = value; value = 0 }
	:: d_step { buffer[1]?value -> holds[1] = value; value = 0 }
	od
}
