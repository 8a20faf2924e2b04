/* SPDX-License-Identifier: BSD-2-Clause */
/* Where is the file that a receipt names? */
#include "cli/far_sums_places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/root.h"

struct far_places {
	char *home;         /* NULL: none */
	const char *target; /* NULL: it is about the sources */
	struct root *roots; /* of the sources, in any case */
	size_t count;
};

struct far_places *far_places_create(const struct job *job, int target,
				     const char *home)
{
	struct far_places *places = calloc(1, sizeof(*places));

	if (places == NULL)
		return NULL;
	places->target = target ? job->target.path : NULL;
	places->count = job->source_count;
	places->roots = calloc(places->count, sizeof(*places->roots));
	if (home != NULL)
		places->home = strdup(home);
	if (places->roots == NULL || (home != NULL && places->home == NULL))
		goto free_places;
	for (size_t i = 0; i < places->count; i++) {
		if (root_set(&places->roots[i], job->source_paths[i]) == -1)
			goto free_places;
	}
	return places;

free_places:
	far_places_free(places);
	return NULL;
}

void far_places_free(struct far_places *places)
{
	if (places == NULL)
		return;
	for (size_t i = 0; places->roots != NULL && i < places->count; i++)
		root_release(&places->roots[i]);
	free(places->roots);
	free(places->home);
	free(places);
}

/* Is the path in that root, or may it be? */
static int is_in(const struct root *root, const char *path)
{
	const size_t length = strlen(root->name);

	return length == 0 || (strncmp(root->name, path, length) == 0 &&
			       (path[length] == '/' || path[length] == '\0'));
}

/* The only source is that file: DST may be its new name. */
static int is_single(const struct far_places *places, const char *path)
{
	return places->count == 1 && places->roots[0].name[0] != '\0' &&
	       strcmp(places->roots[0].name, path) == 0;
}

size_t far_places_count(const struct far_places *places, const char *path)
{
	size_t count = 0;

	if (places->target != NULL)
		return is_single(places, path) ? 2 : 1;
	for (size_t i = 0; i < places->count; i++)
		count += (size_t)is_in(&places->roots[i], path);
	return count;
}

/* "prefix/path" as a whole, which never begins with a dash. */
static char *join(const struct far_places *places, const char *prefix,
		  const char *path)
{
	const char *start = prefix[0] != '\0' ? prefix : path;
	const char *slash = "", *home = "";
	const size_t length = strlen(prefix);
	char *text;

	if (*start != '/')
		home = places->home != NULL ? places->home : ".";
	if (length > 0 && *path != '\0' && prefix[length - 1] != '/')
		slash = "/";
	if (asprintf(&text, "%s%s%s%s%s", home, *home != '\0' ? "/" : "",
		     prefix, slash, path) < 0)
		return NULL;
	return text;
}

char *far_places_path(const struct far_places *places, const char *path,
		      size_t index)
{
	if (places->target != NULL) {
		if (index >= far_places_count(places, path))
			return NULL;
		/* If DST is a folder, it is no file. */
		return join(places, places->target,
			    index == 0 && is_single(places, path) ? "" : path);
	}
	for (size_t i = 0; i < places->count; i++) {
		if (is_in(&places->roots[i], path) && index-- == 0)
			return join(places, places->roots[i].prefix, path);
	}
	return NULL;
}
