// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that changes under running vCPUs: slots move, go and return, dirty logging is switched
 * and collected, and the pages behind them are merged, split, joined and copied elsewhere, while
 * twice as many vCPUs as processors write to them all the time and change processors.
 *
 * Each vCPU has a word of its own in every eighth page and counts up there: it looks for its last
 * value before it writes the next, and halts if that is lost. This program keeps a copy of the memory,
 * as a migration would: only what the dirty log names is copied again. After each round the vCPUs
 * stop, and memory, copy and the vCPUs' own counts have to agree.
 *
 * Needs the KVM interface and nothing else.
 *	cc -static -pthread -o churn churn.c && ./churn [TEST...]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096u
#define BIG (2u << 20)
#define MAX_VCPUS 16
#define ROUNDS 3
#define TURNS 20 /* of a round */

/* Of the slots: one stays, one moves between two places, one comes and goes. */
#define CODE 0x1000u
#define STAYS BIG
#define STAYS_PAGES 1024u
#define MOVES_PAGES 128u
#define STEP 8u /* the pages in which vCPUs write are so many apart */
#define MOVES_HERE (16u << 20)
#define MOVES_THERE (20u << 20)
#define COMES (32u << 20)
#define COMES_PAGES 600u

enum { SLOT_CODE, SLOT_STAYS, SLOT_MOVES, SLOT_COMES };

/* The vCPU's word in a page is at EBX, the place of the moving slot in ESI; EBP counts rounds.
 * EDI is the value that must be found, EDX the page. */
extern const char guest_code[], guest_code_end[];
asm(".pushsection .rodata\n.code32\n"
    "guest_code:\n"
    "1: mov %ebp, %edi\n inc %ebp\n"
    "mov $0x200000, %edx\n mov $128, %ecx\n call 2f\n"
    "mov %esi, %edx\n mov $16, %ecx\n call 2f\n jmp 1b\n"
    "2: cmp %edi, (%edx,%ebx)\n jne 3f\n mov %ebp, (%edx,%ebx)\n"
    "add $0x8000, %edx\n loop 2b\n ret\n"
    "3: hlt\n"
    "guest_code_end:\n.code64\n.popsection");
_Static_assert(STAYS == 0x200000 && STAYS_PAGES / STEP == 128 && MOVES_PAGES / STEP == 16 &&
		       STEP * PAGE == 0x8000,
	       "guest_code");

/* Memory with its copy, and what the program itself has written there. */
struct region {
	uint8_t *memory, *copy;
	uint32_t pages;
	atomic_uchar *written; /* a byte for each page */
};

struct vcpu {
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool lost;        /* it did not find what it had written */
	uint64_t devices; /* accesses while the slot was away */
};

static int vm, vcpus;
static struct vcpu vcpu[MAX_VCPUS];
static struct region stays, moves, comes;
static uint8_t *code;
static size_t run_size;
static atomic_bool stop;
static uint32_t moves_at;
static bool manual; /* logs are cleared by their own call */

static struct {
	atomic_ulong moved, removed, collected, dirty, joined, split, forked, compacted;
} count;

/* -- The machine ----------------------------------------------------------- */

/* So many pages from the start of 2 MiB on. */
static uint8_t *pages(uint32_t number)
{
	size_t size = (size_t)number * PAGE;
	uint8_t *p =
		mmap(NULL, size + BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before = -(uintptr_t)p % BIG;

	if (p == MAP_FAILED)
		die("mmap");
	munmap(p, before);
	munmap(p + before + size, BIG - before);
	return p + before;
}

static void region_make(struct region *r, uint32_t number)
{
	r->memory = pages(number);
	r->copy = pages(number);
	r->pages = number;
	r->written = calloc(number, sizeof(*r->written));
}

static void set_slot(uint32_t slot, uint32_t gpa, const struct region *r, bool logged)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = logged ? KVM_MEM_LOG_DIRTY_PAGES : 0,
		.guest_phys_addr = gpa,
		.memory_size = r ? (uint64_t)r->pages * PAGE : 0,
		.userspace_addr = r ? (uintptr_t)r->memory : 0,
	};

	CALL(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static struct kvm_segment flat(uint8_t type, uint16_t selector)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .db = 1,
				     .s = 1,
				     .g = 1 };
}

static void vcpu_make(int i)
{
	struct vcpu *v = &vcpu[i];
	struct kvm_sregs sregs;
	/* The stack is below the code, of each vCPU its own. */
	struct kvm_regs regs = { .rip = CODE,
				 .rsp = CODE - 64u * (uint32_t)i,
				 .rflags = 2,
				 .rbx = 4u * (uint32_t)i,
				 .rsi = i % 2 ? MOVES_HERE : MOVES_THERE };

	v->fd = CALL(vm, KVM_CREATE_VCPU, (intptr_t)i);
	v->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		die("mmap of the vCPU");
	CALL(v->fd, KVM_GET_SREGS, &sregs);
	sregs.cr0 |= 1;
	sregs.cs = flat(0xb, 8);
	sregs.ds = sregs.es = sregs.ss = flat(3, 16);
	CALL(v->fd, KVM_SET_SREGS, &sregs);
	CALL(v->fd, KVM_SET_REGS, &regs);
}

static void machine_make(void)
{
	struct region first = { .pages = 2 };

	vm = CALL(kvm, KVM_CREATE_VM, 0);
	run_size = (size_t)CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	first.memory = code = pages(2);
	memcpy(code + CODE, guest_code, (size_t)(guest_code_end - guest_code));
	set_slot(SLOT_CODE, 0, &first, false);
	region_make(&stays, STAYS_PAGES);
	region_make(&moves, MOVES_PAGES);
	region_make(&comes, COMES_PAGES);
	set_slot(SLOT_STAYS, STAYS, &stays, false);
	moves_at = MOVES_HERE;
	set_slot(SLOT_MOVES, moves_at, &moves, false);
	vcpus = 2 * (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (vcpus > MAX_VCPUS)
		vcpus = MAX_VCPUS;
	for (int i = 0; i < vcpus; i++)
		vcpu_make(i);
}

static void region_free(struct region *r)
{
	munmap(r->memory, (size_t)r->pages * PAGE);
	munmap(r->copy, (size_t)r->pages * PAGE);
	free((void *)r->written);
}

static void machine_end(void)
{
	for (int i = 0; i < vcpus; i++) {
		munmap(vcpu[i].run, run_size);
		close(vcpu[i].fd);
	}
	close(vm);
	region_free(&stays);
	region_free(&moves);
	region_free(&comes);
	munmap(code, 2 * (size_t)PAGE);
}

/* -- vCPUs ----------------------------------------------------------------- */

static void on_signal(int number)
{
	(void)number;
}

/* The moving slot's memory where the vCPU looks for it in vain. */
static bool device(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint64_t base = run->mmio.phys_addr < MOVES_THERE ? MOVES_HERE : MOVES_THERE;
	uint64_t offset = run->mmio.phys_addr - base;

	if (offset >= MOVES_PAGES * PAGE || run->mmio.len != 4)
		return false;
	v->devices++;
	if (!run->mmio.is_write) {
		memcpy(run->mmio.data, moves.memory + offset, 4);
		return true;
	}
	memcpy(moves.memory + offset, run->mmio.data, 4);
	atomic_store(&moves.written[offset / PAGE], 1);
	return true;
}

/* Has the thread run on another processor than before. */
static void wander(unsigned int turn)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(turn % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *vcpu_thread(void *argument)
{
	struct vcpu *v = argument;
	unsigned int turn = (unsigned int)(v - vcpu);

	/* Of this thread alone. Those who change the memory are to come to it. */
	if (nice(10) < 0)
		die("nice");
	while (!atomic_load(&stop)) {
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno != EINTR)
				die("KVM_RUN");
			wander(++turn);
		} else if (v->run->exit_reason != KVM_EXIT_MMIO || !device(v)) {
			v->lost = true;
			break;
		}
	}
	return NULL;
}

static void vcpus_start(void)
{
	atomic_store(&stop, false);
	for (int i = 0; i < vcpus; i++) {
		vcpu[i].run->immediate_exit = 0;
		if (pthread_create(&vcpu[i].thread, NULL, vcpu_thread, &vcpu[i]))
			die("pthread_create");
	}
}

static void vcpus_stop(void)
{
	atomic_store(&stop, true);
	for (int i = 0; i < vcpus; i++) {
		vcpu[i].run->immediate_exit = 1;
		pthread_kill(vcpu[i].thread, SIGUSR1);
	}
	for (int i = 0; i < vcpus; i++)
		pthread_join(vcpu[i].thread, NULL);
	/* What user space has answered the vCPU has not always taken yet. */
	for (int i = 0; i < vcpus; i++)
		ioctl(vcpu[i].fd, KVM_RUN, 0);
}

/* -- What happens meanwhile ------------------------------------------------ */

static void nap(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static void put(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY);

	if (fd >= 0) {
		if (write(fd, value, strlen(value)) == (ssize_t)strlen(value))
			atomic_fetch_add(&count.compacted, 1);
		close(fd);
	}
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/*
 * The pages behind the memory become others, with the same content: joined to large ones and split
 * again, copied on write after a fork, merged where they are equal (by the kernel's own thread),
 * moved to compact memory.
 */
static void *pages_thread(void *argument)
{
	(void)argument;
	for (unsigned int turn = 0; !atomic_load(&stop); turn++) {
		uint8_t *page = stays.memory + (turn * 97 % 512) * PAGE;
		pid_t child;

		switch (turn % 4) {
		case 0:
			if (!madvise(stays.memory, BIG, MADV_COLLAPSE))
				atomic_fetch_add(&count.joined, 1);
			break;
		case 1: /* an area of its own splits the large page */
			if (!mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) &&
			    !mprotect(page, PAGE, PROT_READ | PROT_WRITE))
				atomic_fetch_add(&count.split, 1);
			break;
		case 2:
			child = fork();
			if (!child) {
				nap(3000);
				_exit(0);
			}
			if (child > 0 && waitpid(child, NULL, 0) == child)
				atomic_fetch_add(&count.forked, 1);
			break;
		case 3:
			if (turn % 16 == 3) /* this looks at all of the machine's memory */
				put("/proc/sys/vm/compact_memory", "1");
			break;
		}
		nap(10000);
	}
	return NULL;
}

/* Sends the vCPUs to other processors now and then. */
static void *signals_thread(void *argument)
{
	(void)argument;
	for (unsigned int turn = 0; !atomic_load(&stop); turn++) {
		pthread_kill(vcpu[turn % (unsigned int)vcpus].thread, SIGUSR1);
		nap(20000);
	}
	return NULL;
}

/* -- The copy -------------------------------------------------------------- */

static void copy_page(const struct region *r, uint32_t page)
{
	memcpy(r->copy + (size_t)page * PAGE, r->memory + (size_t)page * PAGE, PAGE);
}

static void copy_all(const struct region *r)
{
	for (uint32_t page = 0; page < r->pages; page++)
		copy_page(r, page);
}

static void read_log(uint32_t slot, uint64_t *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	CALL(vm, KVM_GET_DIRTY_LOG, &log);
}

/* Copies again what the slot's log and this program have written since the last time. */
static void collect(uint32_t slot, struct region *r)
{
	uint64_t bitmap[STAYS_PAGES / 64] = { 0 };
	struct kvm_clear_dirty_log clear = { .slot = slot,
					     .num_pages = r->pages,
					     .dirty_bitmap = bitmap };

	read_log(slot, bitmap);
	if (manual)
		CALL(vm, KVM_CLEAR_DIRTY_LOG, &clear);
	for (uint32_t page = 0; page < r->pages; page++) {
		bool logged = bitmap[page / 64] >> page % 64 & 1;

		atomic_fetch_add(&count.dirty, logged);
		if (atomic_exchange(&r->written[page], 0) || logged)
			copy_page(r, page);
	}
	atomic_fetch_add(&count.collected, 1);
}

/* The log comes along. That can be seen where reading does not clear it. */
static void move(bool logged)
{
	uint64_t before[MOVES_PAGES / 64], after[MOVES_PAGES / 64];

	if (manual && logged)
		read_log(SLOT_MOVES, before);
	moves_at ^= MOVES_HERE ^ MOVES_THERE;
	set_slot(SLOT_MOVES, moves_at, &moves, logged);
	atomic_fetch_add(&count.moved, 1);
	if (!manual || !logged)
		return;
	read_log(SLOT_MOVES, after);
	for (uint32_t i = 0; i < MOVES_PAGES / 64; i++)
		CHECK(!(before[i] & ~after[i]), "the move forgets dirty pages: %llx of %llx",
		      (unsigned long long)(before[i] & ~after[i]), (unsigned long long)before[i]);
}

/* With it goes its log: all of it is to be copied again. */
static void remove_and_return(void)
{
	set_slot(SLOT_MOVES, 0, NULL, false);
	nap(500);
	set_slot(SLOT_MOVES, moves_at, &moves, true);
	for (uint32_t page = 0; page < moves.pages; page++)
		atomic_store(&moves.written[page], 1);
	atomic_fetch_add(&count.removed, 1);
}

static void come_and_go(unsigned int turn)
{
	if (turn % 2)
		set_slot(SLOT_COMES, 0, NULL, false);
	else
		set_slot(SLOT_COMES, COMES, &comes, turn % 4);
}

/* Logging begins under running vCPUs, and everything changes while it lasts. */
static void churn(void)
{
	unsigned int turn;

	for (turn = 0; turn < 4; turn++) {
		move(false);
		nap(3000);
	}
	set_slot(SLOT_STAYS, STAYS, &stays, true);
	set_slot(SLOT_MOVES, moves_at, &moves, true);
	copy_all(&stays);
	copy_all(&moves);
	for (turn = 0; turn < TURNS; turn++) {
		if (turn % 7 == 3)
			remove_and_return();
		else if (turn % 3 == 1)
			move(true);
		come_and_go(turn);
		collect(SLOT_STAYS, &stays);
		collect(SLOT_MOVES, &moves);
		nap(5000);
	}
}

/* -- The test -------------------------------------------------------------- */

/* The word of vCPU `i` in each page is its count, or one less where it has not been yet. */
static void check_region(const struct region *r, int i, uint32_t value, uint32_t at_most)
{
	for (uint32_t page = 0; page < r->pages; page += STEP) {
		uint32_t word;

		memcpy(&word, r->memory + (size_t)page * PAGE + 4u * (uint32_t)i, 4);
		CHECK(word == value || word == at_most, "vCPU %d has %u in page %u, not %u or %u",
		      i, word, page, value, at_most);
	}
}

static void check_round(int round)
{
	for (int i = 0; i < vcpus; i++) {
		struct kvm_regs regs;
		uint32_t counted;

		CALL(vcpu[i].fd, KVM_GET_REGS, &regs);
		counted = (uint32_t)regs.rbp;
		CHECK(!vcpu[i].lost,
		      "round %d: vCPU %d (exit %u) at %#llx does not find %llu in page %#llx",
		      round, i, vcpu[i].run->exit_reason, regs.rip, regs.rdi, regs.rdx);
		CHECK(counted > 0, "round %d: vCPU %d did nothing", round, i);
		check_region(&stays, i, counted, counted - 1);
		check_region(&moves, i, counted, counted - 1);
	}
	for (uint32_t page = 0; page < stays.pages; page++)
		CHECK(!memcmp(stays.copy + page * PAGE, stays.memory + page * PAGE, PAGE),
		      "round %d: a write to page %u is not in the log", round, page);
	for (uint32_t page = 0; page < moves.pages; page++)
		CHECK(!memcmp(moves.copy + page * PAGE, moves.memory + page * PAGE, PAGE),
		      "round %d: a write to page %u of the moving slot is not in the log", round,
		      page);
}

static void run_round(int round)
{
	pthread_t helpers[2];

	vcpus_start();
	pthread_create(&helpers[0], NULL, pages_thread, NULL);
	pthread_create(&helpers[1], NULL, signals_thread, NULL);
	churn();
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(helpers[i], NULL);
	vcpus_stop();
	move(true); /* the log comes along */
	collect(SLOT_STAYS, &stays);
	collect(SLOT_MOVES, &moves);
	check_round(round);
	set_slot(SLOT_STAYS, STAYS, &stays, false);
	set_slot(SLOT_MOVES, moves_at, &moves, false);
}

static void run_rounds(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	int before = failures;
	uint64_t devices = 0;
	struct kvm_regs regs;

	memset(&count, 0, sizeof(count));
	sigaction(SIGUSR1, &action, NULL);
	machine_make();
	if (manual) {
		struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
					      .args = { 1 } };

		CALL(vm, KVM_ENABLE_CAP, &cap);
	}
	madvise(stays.memory + BIG, BIG, MADV_MERGEABLE); /* these are not joined */
	put("/sys/kernel/mm/ksm/sleep_millisecs", "20");
	put("/sys/kernel/mm/ksm/run", "1");
	for (int round = 0; round < ROUNDS && failures == before; round++)
		run_round(round);
	put("/sys/kernel/mm/ksm/run", "2");
	for (int i = 0; i < vcpus; i++)
		devices += vcpu[i].devices;
	CALL(vcpu[0].fd, KVM_GET_REGS, &regs);
	printf("%d vCPUs, the first came round %llu times; slots moved %lu times, removed %lu;"
	       " logs collected %lu times, %lu pages dirty; %llu accesses found no slot\n",
	       vcpus, regs.rbp, count.moved, count.removed, count.collected, count.dirty,
	       (unsigned long long)devices);
	printf("2 MiB joined %lu times, split %lu; forked %lu times; compacted %lu\n", count.joined,
	       count.split, count.forked, count.compacted);
	machine_end();
	CHECK(count.joined && count.forked && count.compacted && count.dirty, "nothing changed");
}

static void test_log(void)
{
	manual = false;
	run_rounds();
}

static void test_manual_log(void)
{
	manual = true;
	run_rounds();
}

static const struct test tests[] = {
	{ "log", test_log },
	{ "manual-log", test_manual_log },
};

int main(int argc, char **argv)
{
	open_kvm();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
