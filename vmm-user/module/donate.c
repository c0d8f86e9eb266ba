// SPDX-License-Identifier: GPL-2.0-only
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "donate.h"
#include "hypercall.h"

#define FOUND_ORDER 4 /* frames of a new VM: itself, tables and its first vCPUs */
#define GROW_ORDER 5  /* tables for 64 MiB of guest memory in small pages */
#define POKE_TRIES 1000

struct chunk {
	struct list_head list;
	unsigned long pfn;
	unsigned int order;
};

static void poke_one(void *unused)
{
	mullion_hypercall(MULLION_HC_VERSION, 0, 0, 0, 0, 0);
}

void mullion_poke(int cpu)
{
	smp_call_function_single(cpu, poke_one, NULL, 1);
}

void mullion_poke_all(void)
{
	on_each_cpu(poke_one, NULL, 1);
}

void pool_init(struct mullion_pool *pool)
{
	pool->vm = 0;
	pool->pages = 0;
	mutex_init(&pool->lock);
	INIT_LIST_HEAD(&pool->chunks);
}

/* The largest piece of at most `order` that the allocator gives without effort, at least
 * `least`. */
static struct chunk *chunk_alloc(unsigned int order, unsigned int least)
{
	struct chunk *chunk = kmalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	struct page *page;

	if (!chunk)
		return NULL;
	for (;; order--) {
		gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;

		if (order > least)
			gfp |= __GFP_NORETRY;
		page = alloc_pages(gfp, order);
		if (page || order == least)
			break;
	}
	if (!page) {
		kfree(chunk);
		return NULL;
	}
	chunk->pfn = page_to_pfn(page);
	chunk->order = order;
	return chunk;
}

static void chunk_free(struct chunk *chunk)
{
	__free_pages(pfn_to_page(chunk->pfn), chunk->order);
	kfree(chunk);
}

/* Other processors of the service domain may still hold translations of the frames: send them
 * through root mode until none does. */
static long donate_call(enum mullion_hypercall number, u64 a1, u64 a2, u64 a3)
{
	unsigned int tries;
	long ret = -EAGAIN;

	for (tries = 0; tries < POKE_TRIES; tries++) {
		ret = mullion_hypercall(number, a1, a2, a3, 0, 0);
		if (ret != -EAGAIN)
			break;
		mullion_poke_all();
		cond_resched();
	}
	return ret;
}

static void pool_add(struct mullion_pool *pool, struct chunk *chunk)
{
	list_add(&chunk->list, &pool->chunks);
	pool->pages += 1ul << chunk->order;
}

int pool_found(struct mullion_pool *pool)
{
	struct chunk *chunk = chunk_alloc(FOUND_ORDER, ilog2(MULLION_VM_MIN_PAGES));
	long ret;

	if (!chunk)
		return -ENOMEM;
	ret = donate_call(MULLION_HC_VM_CREATE, chunk->pfn, 1ul << chunk->order, 0);
	if (ret <= 0) {
		chunk_free(chunk);
		return ret ? ret : -EIO;
	}
	pool_add(pool, chunk);
	smp_store_release(&pool->vm, ret); /* whoever sees it may use it */
	return 0;
}

int pool_grow(struct mullion_pool *pool)
{
	struct chunk *chunk = chunk_alloc(GROW_ORDER, 0);
	long ret;

	if (!chunk)
		return -ENOMEM;
	mutex_lock(&pool->lock);
	ret = donate_call(MULLION_HC_VM_DONATE, pool->vm, chunk->pfn, 1ul << chunk->order);
	if (!ret)
		pool_add(pool, chunk);
	mutex_unlock(&pool->lock);
	if (ret)
		chunk_free(chunk);
	return ret;
}

void pool_end(struct mullion_pool *pool)
{
	unsigned int tries;
	long ret;

	if (!pool->vm)
		return;
	for (tries = 0;; tries++) {
		ret = mullion_hypercall(MULLION_HC_VM_DESTROY, pool->vm, 0, 0, 0, 0);
		if (ret != -EAGAIN && ret != -EBUSY)
			break;
		if (tries % 64 == 63) {
			mullion_poke_all();
			usleep_range(100, 500);
		}
		cond_resched();
	}
	/* -ENOENT: it has been ended before. */
	if (ret && ret != -ENOENT)
		pr_err("mullion: ending VM %u failed: error %ld\n", pool->vm, -ret);
}

static bool chunk_reclaim(struct chunk *chunk)
{
	unsigned long done = 0, count = 1ul << chunk->order;

	while (done < count) {
		long ret = donate_call(MULLION_HC_RECLAIM, chunk->pfn + done, count - done, 0);

		if (ret <= 0) {
			pr_err("mullion: frames %#lx-%#lx are lost: root mode does not return them, error %ld\n",
			       chunk->pfn + done, chunk->pfn + count - 1, -ret);
			return false;
		}
		done += min_t(unsigned long, ret, count - done);
		cond_resched();
	}
	return true;
}

void pool_reclaim(struct mullion_pool *pool)
{
	struct chunk *chunk, *next;

	mutex_lock(&pool->lock);
	list_for_each_entry_safe(chunk, next, &pool->chunks, list) {
		list_del(&chunk->list);
		pool->pages -= 1ul << chunk->order;
		if (chunk_reclaim(chunk))
			chunk_free(chunk);
		else
			kfree(chunk);
	}
	pool->vm = 0;
	mutex_unlock(&pool->lock);
}
