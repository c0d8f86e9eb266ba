// SPDX-License-Identifier: GPL-2.0-only
/* vCPU file descriptors: making them, their mapping, their ioctls. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "apic.h"
#include "clock.h"
#include "hypercall.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

/* -- The pages shared with user space -------------------------------------- */

static vm_fault_t vcpu_page_fault(struct vm_fault *vmf)
{
	struct mullion_vcpu *v = vmf->vma->vm_file->private_data;
	void *page;

	switch (vmf->pgoff) {
	case 0:
		page = v->kvm_run;
		break;
	case KVM_PIO_PAGE_OFFSET:
		page = v->pio;
		break;
	case KVM_COALESCED_MMIO_PAGE_OFFSET:
		page = v->vm->coalesced_ring;
		break;
	default:
		vmf->page = vmf->pgoff < KVM_DIRTY_LOG_PAGE_OFFSET ?
				    NULL :
				    dirty_ring_page(v, vmf->pgoff - KVM_DIRTY_LOG_PAGE_OFFSET);
		if (!vmf->page)
			return VM_FAULT_SIGBUS;
		get_page(vmf->page);
		return 0;
	}
	vmf->page = virt_to_page(page);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_page_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	/* A private copy of the ring would never be filled. */
	if (vma->vm_pgoff + vma_pages(vma) > KVM_DIRTY_LOG_PAGE_OFFSET &&
	    (vma->vm_flags & VM_EXEC || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

/* -- Ioctls ---------------------------------------------------------------- */

static int set_mp_state(struct mullion_vcpu *v, const struct kvm_mp_state *state)
{
	switch (state->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
		/* States that only an APIC in the kernel ends. */
		if (!v->apic)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	v->mp_state = state->mp_state;
	return 0;
}

static int get_mp_state(struct mullion_vcpu *v, struct kvm_mp_state *state)
{
	int ret = v->apic ? apic_take_events(v) : 0;

	state->mp_state = v->mp_state;
	return ret;
}

static int enable_cap(struct mullion_vcpu *v, const struct kvm_enable_cap *cap)
{
	if (cap->flags || cap->cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	v->enforce_pv = cap->args[0];
	return 0;
}

/* KVM_HAS_, KVM_GET_ and KVM_SET_DEVICE_ATTR: the offset of the TSC is the only one. */
static long device_attr(struct mullion_vcpu *v, unsigned int cmd,
			const struct kvm_device_attr __user *arg)
{
	struct kvm_device_attr attr;
	u64 offset;

	if (copy_from_user(&attr, arg, sizeof(attr)))
		return -EFAULT;
	if (attr.group != KVM_VCPU_TSC_CTRL || attr.attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	switch (cmd) {
	case KVM_GET_DEVICE_ATTR:
		return put_user(v->tsc_offset, (u64 __user *)attr.addr) ? -EFAULT : 0;
	case KVM_SET_DEVICE_ATTR:
		if (get_user(offset, (u64 __user *)attr.addr))
			return -EFAULT;
		vcpu_set_tsc_offset(v, offset);
		return 0;
	}
	return 0;
}

static int set_signal_mask(struct mullion_vcpu *v, const struct kvm_signal_mask __user *arg)
{
	struct kvm_signal_mask head;

	if (!arg) {
		v->sigmask_set = false;
		return 0;
	}
	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.len != sizeof(v->sigmask))
		return -EINVAL;
	if (copy_from_user(&v->sigmask, arg->sigset, sizeof(v->sigmask)))
		return -EFAULT;
	sigdelsetmask(&v->sigmask, sigmask(SIGKILL) | sigmask(SIGSTOP));
	v->sigmask_set = true;
	return 0;
}

/* Structures travel through the heap: some are larger than the stack has room for. */
#define GET(type, call)                                                                            \
	({                                                                                         \
		type *data_ = kzalloc(sizeof(type), GFP_KERNEL_ACCOUNT);                           \
		long ret_ = -ENOMEM;                                                               \
		if (data_) {                                                                       \
			ret_ = call(v, data_);                                                     \
			if (!ret_ && copy_to_user(arg, data_, sizeof(type)))                       \
				ret_ = -EFAULT;                                                    \
			kfree(data_);                                                              \
		}                                                                                  \
		ret_;                                                                              \
	})

#define SET(type, call)                                                                            \
	({                                                                                         \
		type *data_ = memdup_user(arg, sizeof(type));                                      \
		long ret_ = PTR_ERR_OR_ZERO(data_);                                                \
		if (!ret_) {                                                                       \
			ret_ = call(v, data_);                                                     \
			kfree(data_);                                                              \
		}                                                                                  \
		ret_;                                                                              \
	})

static long vcpu_ioctl_misc(struct mullion_vcpu *v, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case KVM_INTERRUPT: {
		struct kvm_interrupt irq;

		if (copy_from_user(&irq, arg, sizeof(irq)))
			return -EFAULT;
		return vcpu_interrupt(v, irq.irq);
	}
	case KVM_NMI:
		return vcpu_nmi(v);
	case KVM_SMI:
		v->smm.pending = true;
		return 0;
	case KVM_SET_GUEST_DEBUG:
		return SET(struct kvm_guest_debug, vcpu_set_guest_debug);
	case KVM_GET_MP_STATE:
		return GET(struct kvm_mp_state, get_mp_state);
	case KVM_SET_MP_STATE:
		return SET(struct kvm_mp_state, set_mp_state);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(v, arg);
	case KVM_SET_CPUID2:
		return vcpu_set_cpuid(v, arg);
	case KVM_GET_CPUID2:
		return vcpu_get_cpuid(v, arg);
	case KVM_GET_TSC_KHZ:
		return tsc_khz;
	case KVM_GET_STATS_FD:
		return vcpu_stats_fd(v);
	case KVM_X86_SETUP_MCE: {
		u64 mcg_cap;

		if (copy_from_user(&mcg_cap, arg, sizeof(mcg_cap)))
			return -EFAULT;
		return vcpu_setup_mce(v, mcg_cap);
	}
	case KVM_X86_SET_MCE:
		return SET(struct kvm_x86_mce, vcpu_inject_mce);
	case KVM_KVMCLOCK_CTRL:
		return vcpu_clock_stopped(v);
	case KVM_ENABLE_CAP:
		return SET(struct kvm_enable_cap, enable_cap);
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return device_attr(v, cmd, arg);
	case KVM_GET_LAPIC:
		return GET(struct kvm_lapic_state, vcpu_get_lapic);
	case KVM_SET_LAPIC:
		return SET(struct kvm_lapic_state, vcpu_set_lapic);
	case KVM_SET_VAPIC_ADDR: { /* TPR accesses are not patched into guests */
		struct kvm_vapic_addr vapic;

		if (copy_from_user(&vapic, arg, sizeof(vapic)))
			return -EFAULT;
		return v->apic && !vapic.vapic_addr ? 0 : -EINVAL;
	}
	case KVM_TPR_ACCESS_REPORTING: {
		struct kvm_tpr_access_ctl control;

		/* With the APIC in user space it sees every access itself. */
		if (copy_from_user(&control, arg, sizeof(control)))
			return -EFAULT;
		return control.flags ? -EINVAL : 0;
	}
	case KVM_TRANSLATE: {
		struct kvm_translation translation;
		long ret;

		if (copy_from_user(&translation, arg, sizeof(translation)))
			return -EFAULT;
		ret = vcpu_translate(v, &translation);
		if (!ret && copy_to_user(arg, &translation, sizeof(translation)))
			ret = -EFAULT;
		return ret;
	}
	}
	return -ENOTTY;
}

static long vcpu_ioctl_state(struct mullion_vcpu *v, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case KVM_GET_REGS:
		return GET(struct kvm_regs, vcpu_get_regs);
	case KVM_SET_REGS:
		return SET(struct kvm_regs, vcpu_set_regs);
	case KVM_GET_SREGS:
		return GET(struct kvm_sregs, vcpu_get_sregs);
	case KVM_SET_SREGS:
		return SET(struct kvm_sregs, vcpu_set_sregs);
	case KVM_GET_SREGS2:
		return GET(struct kvm_sregs2, vcpu_get_sregs2);
	case KVM_SET_SREGS2:
		return SET(struct kvm_sregs2, vcpu_set_sregs2);
	case KVM_GET_FPU:
		return GET(struct kvm_fpu, vcpu_get_fpu);
	case KVM_SET_FPU:
		return SET(struct kvm_fpu, vcpu_set_fpu);
	case KVM_GET_XSAVE:
	case KVM_GET_XSAVE2: /* the same: no component lies beyond struct kvm_xsave */
		return GET(struct kvm_xsave, vcpu_get_xsave);
	case KVM_SET_XSAVE:
		return SET(struct kvm_xsave, vcpu_set_xsave);
	case KVM_GET_XCRS:
		return GET(struct kvm_xcrs, vcpu_get_xcrs);
	case KVM_SET_XCRS:
		return SET(struct kvm_xcrs, vcpu_set_xcrs);
	case KVM_GET_DEBUGREGS:
		return GET(struct kvm_debugregs, vcpu_get_debugregs);
	case KVM_SET_DEBUGREGS:
		return SET(struct kvm_debugregs, vcpu_set_debugregs);
	case KVM_GET_VCPU_EVENTS:
		return GET(struct kvm_vcpu_events, vcpu_get_events);
	case KVM_SET_VCPU_EVENTS:
		return SET(struct kvm_vcpu_events, vcpu_set_events);
	case KVM_GET_MSRS:
		return vcpu_get_msrs(v, arg);
	case KVM_SET_MSRS:
		return vcpu_set_msrs(v, arg);
	}
	return vcpu_ioctl_misc(v, cmd, arg);
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct mullion_vcpu *v = file->private_data;
	long ret = vm_check_caller(v->vm);

	if (ret)
		return ret;
	if (mutex_lock_killable(&v->mutex))
		return -EINTR;
	/* Again: it may have ended while this was waiting. */
	ret = vm_check_caller(v->vm);
	if (ret)
		goto out;
	if (cmd == KVM_RUN)
		ret = arg ? -EINVAL : vcpu_run(v);
	else
		ret = vcpu_ioctl_state(v, cmd, (void __user *)arg);
out:
	mutex_unlock(&v->mutex);
	return ret;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct mullion_vcpu *v = file->private_data;
	struct mullion_vm *vm = v->vm;

	if (!v->added)
		vcpu_free(v);
	vm_put(vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

/* -- Life ------------------------------------------------------------------ */

void vcpu_free(struct mullion_vcpu *v)
{
	if (!v)
		return;
	irq_work_sync(&v->kick);
	apic_free(v);
	dirty_ring_free(v);
	free_page((unsigned long)v->run);
	free_page((unsigned long)v->apic_page);
	free_page((unsigned long)v->kvm_run);
	free_page((unsigned long)v->pio);
	kvfree(v->cpuid);
	kvfree(v);
}

static void kicked(struct irq_work *work)
{
}

static struct mullion_vcpu *vcpu_alloc(struct mullion_vm *vm, u32 id)
{
	struct mullion_vcpu *v = kvzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);

	if (!v)
		return NULL;
	v->vm = vm;
	v->id = id;
	v->cpu = -1;
	v->mp_state = KVM_MP_STATE_RUNNABLE;
	mutex_init(&v->mutex);
	init_irq_work(&v->kick, kicked);
	v->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	v->apic_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	v->kvm_run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	v->pio = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!v->run || !v->apic_page || !v->kvm_run || !v->pio) {
		vcpu_free(v);
		return NULL;
	}
	mmio_init(v);
	return v;
}

/* Adds the vCPU to root mode's VM and ours; vm->lock held. */
static int vcpu_add(struct mullion_vcpu *v)
{
	struct mullion_vm *vm = v->vm;
	int ret;
	u32 i;

	if (vm->vcpu_count == MULLION_MAX_VCPUS || v->id >= vm->id_limit)
		return -EINVAL;
	for (i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->id == v->id)
			return -EEXIST;
	v->index = vm->vcpu_count;
	ret = dirty_ring_make(v);
	if (ret)
		return ret;
	msr_reset(v);
	if (irqchip_in_kernel(vm)) {
		ret = apic_create(v);
		if (ret)
			return ret;
		if (v->id != vm->boot_id)
			v->mp_state = KVM_MP_STATE_UNINITIALIZED;
	}
	v->space = &vm->spaces[SPACE_NORMAL];
	ret = space_admit(v->space, v);
	if (ret)
		return ret;
	v->added = true;
	vm->vcpus[v->index] = v;
	smp_store_release(&vm->vcpu_count, v->index + 1);
	return 0;
}

int vcpu_create_fd(struct mullion_vm *vm, u32 id)
{
	struct mullion_vcpu *v = vcpu_alloc(vm, id);
	struct file *file;
	int fd, ret;

	if (!v)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto free;
	}
	file = anon_inode_getfile("kvm-vcpu", &vcpu_fops, v, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto put_fd;
	}
	vm_get(vm); /* the file's, which vcpu_release() puts */
	mutex_lock(&vm->lock);
	ret = vm->ended ? -EIO : vcpu_add(v);
	mutex_unlock(&vm->lock);
	if (ret)
		goto put_file;
	clock_start_tsc(v);
	fd_install(fd, file);
	return fd;

put_file:
	fput(file); /* frees v */
	put_unused_fd(fd);
	return ret;
put_fd:
	put_unused_fd(fd);
free:
	vcpu_free(v);
	return ret;
}
