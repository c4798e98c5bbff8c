// SPDX-License-Identifier: MIT
/*
 * Deadlines in a binary heap.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "timer.h"

#define HEAP_SIZE_MIN 16

uint64_t timer_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void place(struct timer_heap *heap, size_t slot, struct timer *timer)
{
	heap->slots[slot] = timer;
	timer->slot = slot;
}

static void sift_up(struct timer_heap *heap, size_t slot, struct timer *timer)
{
	while (slot > 1 && heap->slots[slot / 2]->deadline > timer->deadline) {
		place(heap, slot, heap->slots[slot / 2]);
		slot /= 2;
	}
	place(heap, slot, timer);
}

static void sift_down(struct timer_heap *heap, size_t slot, struct timer *timer)
{
	size_t child;

	while ((child = 2 * slot) <= heap->count) {
		if (child < heap->count &&
		    heap->slots[child + 1]->deadline < heap->slots[child]->deadline)
			child++;
		if (heap->slots[child]->deadline >= timer->deadline)
			break;
		place(heap, slot, heap->slots[child]);
		slot = child;
	}
	place(heap, slot, timer);
}

static void settle(struct timer_heap *heap, size_t slot, struct timer *timer)
{
	if (slot > 1 && heap->slots[slot / 2]->deadline > timer->deadline)
		sift_up(heap, slot, timer);
	else
		sift_down(heap, slot, timer);
}

static int grow(struct timer_heap *heap)
{
	size_t size = heap->size ? 2 * heap->size : HEAP_SIZE_MIN;
	struct timer **slots = realloc(heap->slots, size * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	heap->slots = slots;
	heap->size = size;
	return 0;
}

int timer_set(struct timer_heap *heap, struct timer *timer, uint64_t deadline)
{
	timer->deadline = deadline;
	if (timer->slot) {
		settle(heap, timer->slot, timer);
		return 0;
	}
	if (heap->count + 1 >= heap->size) {
		int err = grow(heap);

		if (err)
			return err;
	}
	sift_up(heap, ++heap->count, timer);
	return 0;
}

void timer_cancel(struct timer_heap *heap, struct timer *timer)
{
	struct timer *last;
	size_t slot = timer->slot;

	if (!slot)
		return;
	timer->slot = 0;
	last = heap->slots[heap->count--];
	if (last != timer)
		settle(heap, slot, last);
}

void timer_run(struct timer_heap *heap, uint64_t now)
{
	struct timer *timer;

	while (heap->count && heap->slots[1]->deadline <= now) {
		timer = heap->slots[1];
		timer_cancel(heap, timer);
		timer->fire(timer);
	}
}

int timer_wait(const struct timer_heap *heap, uint64_t now, int max)
{
	uint64_t left;

	if (!heap->count)
		return max;
	if (heap->slots[1]->deadline <= now)
		return 0;
	left = heap->slots[1]->deadline - now;
	return left < (uint64_t)max ? (int)left : max;
}

void timer_free(struct timer_heap *heap)
{
	free(heap->slots);
	*heap = (struct timer_heap){};
}
