// SPDX-License-Identifier: GPL-2.0-only
/*
 * A statistics file is what Documentation/virt/kvm/api.rst says of KVM_GET_STATS_FD: a header, a
 * name, descriptors and values, made anew for each read. The values are root mode's; a counter has
 * the name that KVM gives it where both count the same.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "hypercall.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

#define NAME_SIZE 48
#define STATS_MAX MULLION_STAT_COUNT

struct stat_name {
	const char *name;
	u32 type; /* KVM_STATS_TYPE_* */
};

/* In the order of enum mullion_stat. */
static const struct stat_name vcpu_names[] = {
	[MULLION_STAT_EXITS] = { "exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_CPUID] = { "cpuid_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_MSR_READ] = { "msr_read_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_MSR_WRITE] = { "msr_write_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_HLT] = { "halt_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_HYPERCALL] = { "hypercalls", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_CR] = { "cr_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_XSETBV] = { "xsetbv_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_INVD] = { "invd_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_WBINVD] = { "wbinvd_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_INTERRUPT] = { "irq_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_NMI] = { "nmi_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_EXCEPTION] = { "exception_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_IO] = { "io_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_MEMORY] = { "memory_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_DR] = { "dr_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_FORBIDDEN] = { "forbidden_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_PRIVILEGED] = { "privileged_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_TASK_SWITCH] = { "task_switch_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_IRQ_WINDOW] = { "irq_window_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_NMI_WINDOW] = { "nmi_window_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_SHUTDOWN] = { "shutdown_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_INIT_SIPI] = { "init_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_REFUSED] = { "refused_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_RETRY] = { "retry_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_UNKNOWN] = { "unknown_exits", KVM_STATS_TYPE_CUMULATIVE },
	[MULLION_STAT_TO_SERVICE] = { "module_exits", KVM_STATS_TYPE_CUMULATIVE },
};

/* Frames of 4 KiB: held by root mode for the VM, unused of them, and mapped into the guest. */
static const struct stat_name vm_names[] = {
	{ "donated_frames", KVM_STATS_TYPE_INSTANT },
	{ "pool_frames", KVM_STATS_TYPE_INSTANT },
	{ "mapped_frames", KVM_STATS_TYPE_INSTANT },
};

static_assert(ARRAY_SIZE(vcpu_names) == MULLION_STAT_COUNT);

/* What an open file stands for. Holds a reference of the VM, whose last one frees its vCPUs. */
struct stats {
	struct mullion_vm *vm;
	const struct mullion_vcpu *v; /* NULL: the VM itself */
	char name[NAME_SIZE];
};

struct descriptor {
	struct kvm_stats_desc head;
	char name[NAME_SIZE];
};

struct image {
	struct kvm_stats_header header;
	char name[NAME_SIZE];
	struct descriptor descriptors[STATS_MAX];
	u64 values[STATS_MAX];
};

static_assert(sizeof(struct descriptor) == sizeof(struct kvm_stats_desc) + NAME_SIZE);

/* Both add what is counted in one of the guest's spaces, if it has been there. */
static long add_vcpu(const struct stats *s, const struct mullion_space *space, void *page,
		     u64 *values)
{
	const struct mullion_vcpu_stat *stat = page;
	long ret;
	u32 i;

	if (!(READ_ONCE(s->v->admitted) & space_bit(space)))
		return 0;
	ret = mullion_hypercall(MULLION_HC_VCPU_STAT, space->pool.vm, s->v->index,
				virt_to_phys(page), 0, 0);
	for (i = 0; !ret && i < MULLION_STAT_COUNT; i++)
		values[i] += stat->count[i];
	return ret;
}

static long add_vm(const struct stats *s, const struct mullion_space *space, void *page,
		   u64 *values)
{
	const struct mullion_info *info = page;
	long ret;

	if (!space_founded(space))
		return 0;
	ret = mullion_hypercall(MULLION_HC_INFO, virt_to_phys(page), space->pool.vm, 0, 0, 0);
	if (ret)
		return ret;
	if (!info->vm_listed || info->vms[0].vm != space->pool.vm)
		return -ENOENT;
	values[0] += info->vms[0].donated;
	values[1] += info->vms[0].pool;
	values[2] += info->vms[0].shared;
	return 0;
}

static long read_values(const struct stats *s, void *page, u64 *values)
{
	unsigned int i;
	long ret = 0;

	for (i = 0; !ret && i < MULLION_SPACES; i++)
		ret = (s->v ? add_vcpu : add_vm)(s, &s->vm->spaces[i], page, values);
	return ret;
}

static void describe(const struct stats *s, struct image *image)
{
	const struct stat_name *names = s->v ? vcpu_names : vm_names;
	u32 count = s->v ? ARRAY_SIZE(vcpu_names) : ARRAY_SIZE(vm_names), i;

	image->header = (struct kvm_stats_header){
		.name_size = NAME_SIZE,
		.num_desc = count,
		.id_offset = offsetof(struct image, name),
		.desc_offset = offsetof(struct image, descriptors),
		.data_offset = offsetof(struct image, values),
	};
	memcpy(image->name, s->name, NAME_SIZE);
	for (i = 0; i < count; i++) {
		struct descriptor *d = &image->descriptors[i];

		d->head.flags = names[i].type | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10;
		d->head.size = 1;
		d->head.offset = i * sizeof(u64);
		strscpy(d->name, names[i].name, NAME_SIZE);
	}
}

static ssize_t stats_read(struct file *file, char __user *to, size_t size, loff_t *position)
{
	const struct stats *s = file->private_data;
	struct image *image = kzalloc(sizeof(*image), GFP_KERNEL);
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	ssize_t ret = -ENOMEM;

	if (!image || !page)
		goto out;
	describe(s, image);
	ret = read_values(s, page, image->values);
	/* Nothing counts any more for a VM that has ended. */
	ret = ret ? -EIO : simple_read_from_buffer(to, size, position, image, sizeof(*image));
out:
	free_page((unsigned long)page);
	kfree(image);
	return ret;
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats *s = file->private_data;

	vm_put(s->vm);
	kfree(s);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.release = stats_release,
	.llseek = noop_llseek,
};

static int stats_fd(struct mullion_vm *vm, const struct mullion_vcpu *v)
{
	struct stats *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int fd;

	if (!s)
		return -ENOMEM;
	s->vm = vm;
	s->v = v;
	if (v)
		snprintf(s->name, sizeof(s->name), "kvm-%d/vcpu-%u", task_tgid_nr(current), v->id);
	else
		snprintf(s->name, sizeof(s->name), "kvm-%d", task_tgid_nr(current));
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto free;
	file = anon_inode_getfile("kvm-stats", &stats_fops, s, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto free;
	}
	file->f_mode |= FMODE_PREAD; /* descriptors and values are read where they lie */
	vm_get(vm);
	fd_install(fd, file);
	return fd;
free:
	kfree(s);
	return fd;
}

int vm_stats_fd(struct mullion_vm *vm)
{
	return stats_fd(vm, NULL);
}

int vcpu_stats_fd(struct mullion_vcpu *v)
{
	return stats_fd(v->vm, v);
}
