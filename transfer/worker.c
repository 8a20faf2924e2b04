/* SPDX-License-Identifier: BSD-2-Clause */
/* Where does the work on disks get done: a thread for each queue of tasks. */
#include "transfer/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "transfer/thread.h"

struct worker {
	struct workers *all;
	pthread_t thread;
	int started;
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

static void give_back(struct workers *workers, struct task *task)
{
	struct engine_event event = {.type = EVENT_TASK, .task = task};

	inbox_put(workers->inbox, &event);
}

/* The next task, or NULL at the end. */
static struct task *take(struct worker *worker)
{
	struct workers *workers = worker->all;
	struct task *task;

	pthread_mutex_lock(&workers->lock);
	while (worker->first == NULL && !workers->ending)
		pthread_cond_wait(&worker->news, &workers->lock);
	task = worker->first;
	if (task != NULL) {
		worker->first = task->next;
		if (worker->first == NULL)
			worker->end = &worker->first;
	}
	pthread_mutex_unlock(&workers->lock);
	return task;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct workers *workers = worker->all;
	struct task *task;

	while ((task = take(worker)) != NULL) {
		task->next = NULL;
		workers->run(workers->cookie, task);
		give_back(workers, task);
	}
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
			give_back(workers, task);
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
