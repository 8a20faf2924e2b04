/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_ANSWERS_H
#define FERRY_CLI_ANSWERS_H

/*
 * What the person answered, so that a connection that was lost is made again
 * without a word from them.  An answer is given again, once a try, if it got
 * in before.  For one thread at a time, but answers_recall.
 */

/* 1 if the answer is likely to be right again: a password or a passphrase, but
 * no code that counts once. */
int answers_may_repeat(const char *question);

/* A try to connect begins. */
void answers_begin(void);

/* As prompt_ask, for what has no such answer. */
char *answers_ask(const char *question, int echo);

/* The try got in. */
void answers_confirm(void);

/* One that got in before, malloc'd, or NULL; nobody is asked.  Any thread. */
char *answers_recall(const char *question);

/* Wipe them all. */
void answers_forget(void);

#endif
