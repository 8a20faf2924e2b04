/* SPDX-License-Identifier: BSD-2-Clause */
/* Where does the work on disks get done: a thread for each queue of tasks. */
#include "transfer/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Tasks that are done sooner than this are told of together: those of small
 * files take a few microseconds, and waking the engine takes as long. */
#define TELL_AFTER ((uint64_t)200 * 1000)

#include "transfer/thread.h"

struct worker {
	struct workers *all;
	pthread_t thread;
	int started;
	uint64_t told;      /* its own: when the engine was last told, or had */
	int untold;         /* nothing to be told of; there is something now */
	struct task *first; /* what follows is under all->lock */
	struct task **end;
	pthread_cond_t news;
};

struct workers {
	struct inbox *inbox;
	void (*run)(void *, struct task *);
	void *cookie;
	pthread_mutex_t lock;
	int ending;
	struct worker workers[QUEUE_TOTAL];
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
		inbox_tell(worker->all->inbox);
	worker->untold = 0;
	worker->told = now();
}

/* The next task, or NULL at the end. */
static struct task *take(struct worker *worker)
{
	struct workers *workers = worker->all;
	struct task *task;

	pthread_mutex_lock(&workers->lock);
	while (worker->first == NULL && !workers->ending) {
		if (!worker->untold) {
			pthread_cond_wait(&worker->news, &workers->lock);
			worker->told = now();
			continue;
		}
		pthread_mutex_unlock(&workers->lock);
		tell(worker);
		pthread_mutex_lock(&workers->lock);
	}
	task = worker->first;
	if (task != NULL) {
		worker->first = task->next;
		if (worker->first == NULL)
			worker->end = &worker->first;
	}
	pthread_mutex_unlock(&workers->lock);
	return task;
}

static void give_back(struct worker *worker, struct task *task)
{
	struct engine_event event = {.type = EVENT_TASK, .task = task};

	inbox_add(worker->all->inbox, &event);
	worker->untold = 1;
	if (now() >= worker->told + TELL_AFTER)
		tell(worker);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct workers *workers = worker->all;
	struct task *task;

	while ((task = take(worker)) != NULL) {
		task->next = NULL;
		workers->run(workers->cookie, task);
		give_back(worker, task);
	}
	tell(worker);
	return NULL;
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
		workers->workers[i].all = workers;
		workers->workers[i].end = &workers->workers[i].first;
		pthread_cond_init(&workers->workers[i].news, NULL);
	}
	return workers;
}

void workers_put(struct workers *workers, struct task *task)
{
	struct worker *worker = &workers->workers[task_queue_of(task->type)];
	int error;

	task->next = NULL;
	if (!worker->started) {
		error = thread_start(&worker->thread, work, worker);
		if (error != 0) {
			task->error = error;
			inbox_put(workers->inbox,
				  &(struct engine_event){.type = EVENT_TASK,
							 .task = task});
			return;
		}
		worker->started = 1;
	}
	pthread_mutex_lock(&workers->lock);
	*worker->end = task;
	worker->end = &task->next;
	pthread_mutex_unlock(&workers->lock);
	pthread_cond_signal(&worker->news);
}

void workers_free(struct workers *workers)
{
	if (workers == NULL)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->ending = 1;
	pthread_mutex_unlock(&workers->lock);
	for (size_t i = 0; i < QUEUE_TOTAL; i++) {
		struct worker *worker = &workers->workers[i];

		pthread_cond_signal(&worker->news);
		if (worker->started)
			pthread_join(worker->thread, NULL);
		pthread_cond_destroy(&worker->news);
	}
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
