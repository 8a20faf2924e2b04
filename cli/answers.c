/* SPDX-License-Identifier: BSD-2-Clause */
/* Which question need not be asked again? */
#include "cli/answers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/prompt.h"

struct answer {
	struct answer *next;
	char *question;
	char *text;
	int given;     /* in this try */
	int confirmed; /* by one that got in */
};
/* Only one thread asks; others recall. */
static struct answer *answers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

static struct answer *find(const char *question)
{
	struct answer *answer = answers;

	while (answer != NULL && strcmp(answer->question, question) != 0)
		answer = answer->next;
	return answer;
}

/* A new one without a text, or NULL: it will be asked again, and no more. */
static struct answer *add(const char *question)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (answer == NULL)
		return NULL;
	answer->question = strdup(question);
	if (answer->question == NULL) {
		free(answer);
		return NULL;
	}
	answer->next = answers;
	answers = answer;
	return answer;
}

int answers_may_repeat(const char *question)
{
	static const char *const once[] = {
	    "one-time", "one time", "onetime", "otp", "oath", "code", "token"};

	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		if (strcasestr(question, once[i]) != NULL)
			return 0;
	}
	return strcasestr(question, "assword") != NULL ||
	       strcasestr(question, "assphrase") != NULL;
}

void answers_begin(void)
{
	pthread_mutex_lock(&lock);
	for (struct answer *answer = answers; answer != NULL;
	     answer = answer->next)
		answer->given = 0;
	pthread_mutex_unlock(&lock);
}

/* One that got in, and has not been refused since.  NULL: none. */
static char *recall(const char *question, int once)
{
	struct answer *answer;
	char *text = NULL;

	pthread_mutex_lock(&lock);
	answer = find(question);
	if (answer != NULL && answer->confirmed && !(once && answer->given)) {
		answer->given |= once;
		text = strdup(answer->text);
	}
	pthread_mutex_unlock(&lock);
	return text;
}

static void keep(const char *question, const char *text)
{
	struct answer *answer;

	pthread_mutex_lock(&lock);
	answer = find(question);
	if (answer == NULL)
		answer = add(question);
	if (answer != NULL) {
		wipe(answer->text);
		answer->text = text != NULL ? strdup(text) : NULL;
		answer->given = answer->text != NULL;
		answer->confirmed = 0;
	}
	pthread_mutex_unlock(&lock);
}

char *answers_ask(const char *question, int echo)
{
	char *text = recall(question, 1);

	if (text != NULL)
		return text;
	text = prompt_ask(question, echo);
	keep(question, text);
	return text;
}

char *answers_recall(const char *question)
{
	return recall(question, 0);
}

void answers_confirm(void)
{
	pthread_mutex_lock(&lock);
	for (struct answer *answer = answers; answer != NULL;
	     answer = answer->next)
		answer->confirmed |= answer->given;
	pthread_mutex_unlock(&lock);
}

void answers_forget(void)
{
	pthread_mutex_lock(&lock);
	while (answers != NULL) {
		struct answer *answer = answers;

		answers = answer->next;
		wipe(answer->text);
		free(answer->question);
		free(answer);
	}
	pthread_mutex_unlock(&lock);
}
