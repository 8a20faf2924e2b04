/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs read on stdout. */
#include "cli/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/state.h"
#include "cli/time_size.h"

struct json_output {
	int failed;
	int terminal; /* stdout is one: the bar must be out of the way */
};

struct json_output *json_open(void)
{
	struct json_output *output = calloc(1, sizeof(*output));

	if (output != NULL)
		output->terminal = isatty(STDOUT_FILENO);
	return output;
}

int json_close(struct json_output *output)
{
	int result = output != NULL && output->failed ? -1 : 0;

	free(output);
	return result;
}

/* A line at once: who reads it may be waiting.  Takes event. */
static void emit(struct json_output *output, json_t *event)
{
	char *line =
	    event != NULL
		? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(9))
		: NULL;

	json_decref(event);
	if (output->terminal)
		notice_hold();
	if (line == NULL || puts(line) == EOF || fflush(stdout) != 0)
		output->failed = 1;
	if (output->terminal)
		notice_release();
	free(line);
}

static json_t *event_of(const char *name)
{
	return json_pack("{s:s}", "event", name);
}

static void put(json_t *event, const char *name, json_t *value)
{
	json_object_set_new(event, name, value);
}

static void put_number(json_t *event, const char *name, uint64_t value)
{
	put(event, name, json_integer((json_int_t)value));
}

/* Bytes as hexadecimal digits, malloc'd. */
static char *hex_of(const char *text, size_t length)
{
	char *hex = malloc(length * 2 + 1);

	for (size_t i = 0; hex != NULL && i < length; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
	if (hex != NULL)
		hex[length * 2] = '\0';
	return hex;
}

/* A string of any bytes. */
static json_t *text_of(const char *text)
{
	char *escaped;
	json_t *value;

	if (escape_is_utf8(text, strlen(text)))
		return json_string(text);
	escaped = escape_text(text, strlen(text));
	value = escaped != NULL ? json_string(escaped) : NULL;
	free(escaped);
	return value;
}

static void put_text(json_t *event, const char *name, const char *text)
{
	char key[40];
	char *hex;

	put(event, name, text_of(text));
	if (escape_is_utf8(text, strlen(text)))
		return;
	snprintf(key, sizeof(key), "%s_hex", name);
	hex = hex_of(text, strlen(text));
	if (hex != NULL)
		put(event, key, json_string(hex));
	free(hex);
}

/* All zero: null, for what is no transfer. */
static void put_uuid(json_t *event, const uint8_t uuid[16])
{
	static const uint8_t none[16];
	char text[UUID_TEXT_SIZE];

	if (memcmp(uuid, none, sizeof(none)) == 0) {
		put(event, "transfer", json_null());
		return;
	}
	uuid_format(uuid, text);
	put(event, "transfer", json_string(text));
}

/* As the user wrote it, more or less. */
static json_t *location_of(const struct location *location)
{
	char *text;
	json_t *value;

	if (location->host == NULL)
		return text_of(location->path);
	text = location_resolve(location, "");
	value = text != NULL ? text_of(text) : NULL;
	free(text);
	return value;
}

void json_start(struct json_output *output, const struct job *job,
		const uint8_t uuid[16])
{
	json_t *event = event_of("start");
	json_t *sources = json_array();

	put_uuid(event, uuid);
	put(event, "direction", json_string(job->pull ? "pull" : "push"));
	for (size_t i = 0; i < job->source_count; i++)
		json_array_append_new(sources, location_of(&job->sources[i]));
	put(event, "sources", sources);
	put(event, "target", location_of(&job->target));
	emit(output, event);
}

void json_session(struct json_output *output, const uint8_t uuid[16],
		  int resumed)
{
	json_t *event = event_of("session");

	put_uuid(event, uuid);
	put(event, "resumed", json_boolean(resumed));
	emit(output, event);
}

void json_progress(struct json_output *output,
		   const struct transfer_stats *stats,
		   uint64_t bytes_per_second)
{
	json_t *event = event_of("progress");

	put_number(event, "bytes", stats->bytes_confirmed);
	put_number(event, "bytes_total", stats->total_bytes);
	put_number(event, "bytes_sent", stats->bytes_sent);
	put_number(event, "bytes_per_second", bytes_per_second);
	put_number(event, "files", stats->files_done);
	put_number(event, "files_total", stats->total_files);
	emit(output, event);
}

static const char *report_name(enum report_kind kind)
{
	switch (kind) {
	case REPORT_DONE:
		return "file";
	case REPORT_SAME:
		return "same";
	case REPORT_FAILED:
		return "failed";
	case REPORT_VANISHED:
		return "vanished";
	case REPORT_SKIPPED:
		return "skipped";
	case REPORT_RESENT:
		return "resent";
	case REPORT_SESSION:
		break;
	}
	return NULL;
}

void json_report(struct json_output *output, const struct engine_report *report)
{
	const char *name = report_name(report->kind);
	int landed = report->kind == REPORT_DONE || report->kind == REPORT_SAME;
	json_t *event;

	/* Folders and links come with the files. */
	if (name == NULL || report->path == NULL || (landed && !report->file))
		return;
	event = event_of(name);
	put_text(event, "path", report->path);
	if (landed)
		put_number(event, "size", report->size);
	if (report->kind == REPORT_DONE) {
		char text[33];

		digest_format(&report->digest, text);
		put(event, "digest", json_string(text));
	}
	if (report->text != NULL)
		put_text(event, "cause", report->text);
	emit(output, event);
}

void json_retry(struct json_output *output, unsigned attempt,
		uint64_t wait_nanoseconds, const char *why)
{
	json_t *event = event_of("retry");

	put_number(event, "attempt", attempt);
	put(event, "wait",
	    json_real((double)(wait_nanoseconds / 1000000) / 1000));
	if (why != NULL)
		put_text(event, "cause", why);
	emit(output, event);
}

void json_difference(struct json_output *output,
		     const struct json_difference *difference)
{
	json_t *event = event_of("difference");
	json_t *ranges = json_array();

	put_text(event, "path", difference->path);
	put(event, "kind", json_string(difference->kind));
	put_text(event, "cause", difference->cause);
	for (size_t i = 0; i < difference->range_count; i++) {
		const struct seq_range *range = &difference->ranges[i];

		json_array_append_new(
		    ranges, json_pack("[I,I]", (json_int_t)range->first,
				      (json_int_t)(range->end - 1)));
	}
	if (difference->range_count > 0)
		put(event, "mib", json_incref(ranges));
	json_decref(ranges);
	emit(output, event);
}

static const char *status_name(int code)
{
	switch (code) {
	case EXIT_DONE:
		return "done";
	case EXIT_PARTIAL:
	case EXIT_VANISHED:
		return "partial";
	case EXIT_LOST:
		return "lost";
	case EXIT_INTERRUPTED:
		return "interrupted";
	case EXIT_DEADLINE:
		return "deadline";
	case EXIT_DIFFERENT:
		return "differs";
	case EXIT_HELD:
		return "held";
	default:
		return "failed";
	}
}

void json_done(struct json_output *output, const struct json_done *done)
{
	const struct transfer_result *result = done->result;
	const struct transfer_stats *stats = &result->stats;
	json_t *event = event_of("done");

	put_uuid(event, result->uuid);
	put(event, "status", json_string(status_name(done->code)));
	put_number(event, "code", (uint64_t)done->code);
	put_number(event, "files", stats->files_done);
	put_number(event, "files_skipped", stats->files_skipped);
	put_number(event, "bytes", stats->bytes_confirmed);
	put_number(event, "bytes_sent", stats->bytes_sent);
	put_number(event, "bytes_reused", stats->bytes_reused);
	put_number(event, "chunks_resent", stats->chunks_resent);
	put_number(event, "retries", result->retries);
	put_number(event, "reconnects", result->reconnects);
	put_number(event, "lanes", done->lanes);
	if (done->transport != NULL)
		put_text(event, "transport", done->transport);
	put(event, "resumed", json_boolean(result->resumed));
	put(event, "verified", json_boolean(done->verified));
	put(event, "seconds",
	    json_real((double)(done->nanoseconds / 1000000) / 1000));
	put_number(event, "errors", done->errors);
	if (done->message != NULL)
		put_text(event, "message", done->message);
	emit(output, event);
}

void json_status(struct json_output *output, const struct state_entry *entry)
{
	const struct text_list *places = &entry->record->places;
	json_t *event = event_of("transfer");
	json_t *sources = json_array();

	put_uuid(event, entry->uuid);
	for (size_t i = 0; i + 1 < places->count; i++)
		json_array_append_new(sources, text_of(places->items[i]));
	put(event, "sources", sources);
	put_text(event, "target", places->items[places->count - 1]);
	put_number(event, "started", (uint64_t)entry->record->started);
	put_text(event, "cwd", entry->record->cwd);
	if (entry->has_amount) {
		put_number(event, "bytes", entry->confirmed);
		put_number(event, "bytes_total", entry->total);
	}
	put(event, "running", json_boolean(entry->holder != NULL));
	if (entry->holder != NULL)
		put_text(event, "holder", entry->holder);
	emit(output, event);
}
