/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where does the work get done: a thread for each queue of tasks, and as many
 * as there are processors for the one whose tasks are independent.
 */
#include "transfer/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "transfer/thread.h"

/* Tasks that are done sooner than this are told of together: those of small
 * files take a few microseconds, and waking the engine takes as long. */
#define TELL_AFTER ((uint64_t)200 * 1000)

/* More would only wait for the disk, and each holds memory for zstd. */
#define THREADS_MAX 4

/* A thread. */
struct worker {
	struct queue *queue;
	pthread_t thread;
	uint64_t told; /* when the engine was last told, or had nothing to be */
	int untold;    /* told of; there is something now */
};

struct queue {
	struct workers *all;
	struct worker workers[THREADS_MAX];
	unsigned most; /* threads that it may have */
	unsigned started;
	unsigned idle; /* what follows is under all->lock */
	struct task *first;
	struct task **end;
	pthread_cond_t news;
};

struct workers {
	struct inbox *inbox;
	void (*run)(void *, struct task *);
	void *cookie;
	pthread_mutex_t lock;
	int ending;
	struct queue queues[QUEUE_TOTAL];
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 * 1000 * 1000 +
	       (uint64_t)time.tv_nsec;
}

static void tell(struct worker *worker)
{
	if (worker->untold)
		inbox_tell(worker->queue->all->inbox);
	worker->untold = 0;
	worker->told = now();
}

/* Under the lock, which is let go of meanwhile. */
static void await_task(struct worker *worker)
{
	struct queue *queue = worker->queue;
	struct workers *workers = queue->all;

	while (queue->first == NULL && !workers->ending) {
		if (!worker->untold) {
			pthread_cond_wait(&queue->news, &workers->lock);
			worker->told = now();
			continue;
		}
		pthread_mutex_unlock(&workers->lock);
		tell(worker);
		pthread_mutex_lock(&workers->lock);
	}
}

/* The next task, or NULL at the end. */
static struct task *take(struct worker *worker)
{
	struct queue *queue = worker->queue;
	struct workers *workers = queue->all;
	struct task *task;

	pthread_mutex_lock(&workers->lock);
	queue->idle++;
	await_task(worker);
	queue->idle--;
	task = queue->first;
	if (task != NULL) {
		queue->first = task->next;
		if (queue->first == NULL)
			queue->end = &queue->first;
	}
	pthread_mutex_unlock(&workers->lock);
	return task;
}

static void give_back(struct worker *worker, struct task *task)
{
	struct engine_event event = {.type = EVENT_TASK, .task = task};

	inbox_add(worker->queue->all->inbox, &event);
	worker->untold = 1;
	if (now() >= worker->told + TELL_AFTER)
		tell(worker);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct workers *workers = worker->queue->all;
	struct task *task;

	while ((task = take(worker)) != NULL) {
		task->next = NULL;
		workers->run(workers->cookie, task);
		give_back(worker, task);
	}
	tell(worker);
	return NULL;
}

static unsigned threads_of(enum task_queue queue)
{
	long processors;

	if (queue != QUEUE_PACK)
		return 1;
	processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors < 1)
		return 1;
	return processors < THREADS_MAX ? (unsigned)processors : THREADS_MAX;
}

struct workers *workers_create(struct inbox *inbox,
			       void (*run)(void *, struct task *), void *cookie)
{
	struct workers *workers = calloc(1, sizeof(*workers));

	if (workers == NULL)
		return NULL;
	workers->inbox = inbox;
	workers->run = run;
	workers->cookie = cookie;
	pthread_mutex_init(&workers->lock, NULL);
	for (size_t i = 0; i < QUEUE_TOTAL; i++) {
		struct queue *queue = &workers->queues[i];

		queue->all = workers;
		queue->most = threads_of((enum task_queue)i);
		queue->end = &queue->first;
		pthread_cond_init(&queue->news, NULL);
	}
	return workers;
}

/* Have a thread for one task more, unless one waits for it.  0; or an errno:
 * there is none at all. */
static int start_thread(struct queue *queue)
{
	struct worker *worker = &queue->workers[queue->started];
	int waits, error;

	if (queue->started == queue->most)
		return 0;
	pthread_mutex_lock(&queue->all->lock);
	/* It may have a task on its way already. */
	waits = queue->idle > 0 && queue->first == NULL;
	pthread_mutex_unlock(&queue->all->lock);
	if (waits)
		return 0;
	worker->queue = queue;
	error = thread_start(&worker->thread, work, worker);
	if (error == 0)
		queue->started++;
	return queue->started > 0 ? 0 : error;
}

void workers_put(struct workers *workers, struct task *task)
{
	struct queue *queue = &workers->queues[task_queue_of(task->type)];
	int error = start_thread(queue);

	task->next = NULL;
	if (error != 0) {
		task->error = error;
		inbox_put(
		    workers->inbox,
		    &(struct engine_event){.type = EVENT_TASK, .task = task});
		return;
	}
	pthread_mutex_lock(&workers->lock);
	*queue->end = task;
	queue->end = &task->next;
	pthread_mutex_unlock(&workers->lock);
	pthread_cond_signal(&queue->news);
}

void workers_free(struct workers *workers)
{
	if (workers == NULL)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->ending = 1;
	pthread_mutex_unlock(&workers->lock);
	for (size_t i = 0; i < QUEUE_TOTAL; i++) {
		struct queue *queue = &workers->queues[i];

		pthread_cond_broadcast(&queue->news);
		for (unsigned thread = 0; thread < queue->started; thread++)
			pthread_join(queue->workers[thread].thread, NULL);
		pthread_cond_destroy(&queue->news);
	}
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
