// SPDX-License-Identifier: GPL-2.0-only
/* Hypercall dispatch, and the calls that report; contracts in hypercall.h. */
#include "hv/hypercall.h"

#include "hv/boot/image.h"
#include "hv/cpu.h"
#include "hv/lib/string.h"
#include "hv/log.h"
#include "hv/phys.h"
#include "hv/system.h"
#include "hv/vendor.h"
#include "hv/vm.h"

/* The service domain's page at `address`, or NULL if it is none of its RAM. */
static void *service_page(uint64_t address)
{
	if (address & ~PAGE_MASK || frame_kind(address >> PAGE_SHIFT) != FRAME_SERVICE)
		return NULL;
	return phys_to_virt(address);
}

/* `info` is the service domain's to change at any time: nothing is read back from it. */
static void fill_vm_list(struct mullion_info *info, uint64_t first)
{
	uint32_t count = 0, listed = 0;

	for (uint16_t id = 1; id < MULLION_MAX_VMS; id++) {
		const struct vm_slot *slot = &vm_slots[id];
		struct mullion_vm_info row = { .vm = id, .donated = slot->donated };

		if (slot->state == VM_FREE)
			continue;
		count++;
		if (id < first || listed == MULLION_INFO_VMS)
			continue;
		if (slot->vm) {
			row.vcpus = slot->vm->vcpu_count;
			row.pool = (uint32_t)slot->vm->pool.count;
			row.shared = (uint32_t)slot->vm->shared;
		}
		info->vms[listed++] = row;
	}
	info->vm_count = count;
	info->vm_listed = listed;
}

static int64_t get_info(uint64_t page, uint64_t first)
{
	struct mullion_info *info = service_page(page);

	if (!info)
		return -MULLION_EPERM;
	memset(info, 0, PAGE_SIZE);
	info->abi_version = MULLION_ABI_VERSION;
	info->features = system_features();
	memcpy(info->version, MULLION_VERSION, sizeof(MULLION_VERSION));
	info->processors = cpu_count;
	info->ram_frames = frame_totals.ram;
	info->root_frames = frame_totals.root;
	info->root_free = service_free_tables();
	info->donated = frame_totals.donated;
	info->shared = frame_totals.shares;
	info->image_start = (uint64_t)image_start;
	info->image_end = (uint64_t)image_end;
	info->xcr0_mask = cpu_features.guest_xcr0;
	info->boot_instructions = system_boot_ticks;
	fill_vm_list(info, first);
	return 0;
}

static int64_t read_log(uint64_t page, uint64_t position)
{
	struct mullion_log *log = service_page(page);
	uint64_t first;
	size_t length;

	if (!log)
		return -MULLION_EPERM;
	memset(log, 0, PAGE_SIZE);
	length = log_read(position, log->text, sizeof(log->text), &first);
	log->first = first;
	log->length = (uint32_t)length;
	log->next = first + length;
	return 0;
}

static int64_t get_stat(uint64_t id, uint64_t index, uint64_t page)
{
	struct mullion_vcpu_stat *stat = service_page(page);
	const struct vcpu *v = NULL;

	if (!stat)
		return -MULLION_EPERM;
	if (id == MULLION_SERVICE_VM) {
		v = index < cpu_count ? cpus[index]->service : NULL;
	} else {
		const struct vm *vm = vm_get(id);

		v = vm && index < MULLION_MAX_VCPUS ? vm->vcpus[index] : NULL;
	}
	if (!v)
		return -MULLION_ENOENT;
	memcpy(stat, &v->stat, sizeof(v->stat));
	return 0;
}

/* Calls that change or show who owns what, one at a time. */
static int64_t locked_call(uint64_t number, const uint64_t arg[5])
{
	switch (number) {
	case MULLION_HC_INFO:
		return get_info(arg[0], arg[1]);
	case MULLION_HC_LOG_READ:
		return read_log(arg[0], arg[1]);
	case MULLION_HC_VM_CREATE:
		return vm_create(arg[0], arg[1]);
	case MULLION_HC_VM_DONATE:
		return vm_donate(arg[0], arg[1], arg[2]);
	case MULLION_HC_VM_DESTROY:
		return vm_destroy(arg[0]);
	case MULLION_HC_RECLAIM:
		return vm_reclaim(arg[0], arg[1]);
	case MULLION_HC_VM_MAP:
		return vm_map(arg[0], arg[1], arg[2], arg[3], arg[4]);
	case MULLION_HC_VM_UNMAP:
		return vm_unmap(arg[0], arg[1], arg[2]);
	case MULLION_HC_VM_PROTECT:
		return vm_protect(arg[0], arg[1], arg[2]);
	case MULLION_HC_VCPU_CREATE:
		return vcpu_create(arg[0], arg[1], arg[2], arg[3]);
	case MULLION_HC_VCPU_CPUID:
		return vcpu_cpuid(arg[0], arg[1], arg[2], arg[3]);
	case MULLION_HC_VCPU_STAT:
		return get_stat(arg[0], arg[1], arg[2]);
	default:
		return -MULLION_ENOSYS;
	}
}

STOP void hypercall(struct vcpu *v)
{
	const uint64_t arg[5] = { v->gpr[MULLION_RDI], v->gpr[MULLION_RSI], v->gpr[MULLION_RDX],
				  v->gpr[MULLION_RCX], v->gpr[MULLION_R8] };
	uint64_t number = v->gpr[MULLION_RAX];
	int64_t result;

	switch (number) {
	case MULLION_HC_VERSION:
		result = MULLION_ABI_VERSION;
		break;
	case MULLION_HC_VCPU_RUN:
		result = vcpu_run(arg[0], arg[1]);
		break;
	case MULLION_HC_VCPU_STATE:
		result = vcpu_state(arg[0], arg[1], arg[2]);
		break;
	default:
		spin_lock(&memory_lock);
		result = locked_call(number, arg);
		spin_unlock(&memory_lock);
	}
	v->gpr[MULLION_RAX] = (uint64_t)result;
}
