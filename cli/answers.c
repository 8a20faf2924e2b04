/* SPDX-License-Identifier: BSD-2-Clause */
/* Which question need not be asked again? */
#include "cli/answers.h"

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
static struct answer *answers;

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

void answers_begin(void)
{
	for (struct answer *answer = answers; answer != NULL;
	     answer = answer->next)
		answer->given = 0;
}

char *answers_ask(const char *question, int echo)
{
	struct answer *answer = find(question);
	char *text;

	if (answer != NULL && answer->confirmed && !answer->given) {
		answer->given = 1;
		return strdup(answer->text);
	}
	text = prompt_ask(question, echo);
	if (answer == NULL)
		answer = add(question);
	if (answer == NULL)
		return text;
	wipe(answer->text);
	answer->text = text != NULL ? strdup(text) : NULL;
	answer->given = answer->text != NULL;
	answer->confirmed = 0;
	return text;
}

void answers_confirm(void)
{
	for (struct answer *answer = answers; answer != NULL;
	     answer = answer->next)
		answer->confirmed |= answer->given;
}

void answers_forget(void)
{
	while (answers != NULL) {
		struct answer *answer = answers;

		answers = answer->next;
		wipe(answer->text);
		free(answer->question);
		free(answer);
	}
}
