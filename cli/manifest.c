/* SPDX-License-Identifier: BSD-2-Clause */
/* What is "ferry manifest" asked for? */
#include "cli/manifest.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/checksums.h"
#include "cli/compare.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/location.h"
#include "cli/notice.h"
#include "cli/observe.h"
#include "cli/signals.h"
#include "cli/verify_end.h"
#include "transfer/manifest_walk.h"

/* ---- on standard output ---- */

static int print_line(void *cookie, const char *line, size_t length)
{
	(void)cookie;
	return fwrite(line, 1, length, stdout) == length ? 0 : EXIT_FILE_IO;
}

static int must_stop(void *cookie)
{
	(void)cookie;
	return signals_stop() != 0 ? EXIT_INTERRUPTED : 0;
}

static void tell_problem(void *cookie, const char *path, const char *text)
{
	(void)cookie;
	notice_failure(path, text, NULL);
}

static int print_manifest(char **paths, size_t count)
{
	struct manifest_walk_result result;
	struct manifest_walk_config config = {
	    .io = io_system(),
	    .start_dir = AT_FDCWD,
	    .paths = paths,
	    .path_count = count,
	    .line = print_line,
	    .stop = must_stop,
	    .problem = tell_problem,
	};
	int code = manifest_walk(&config, &result);

	if (code == -1) {
		notice_failure(
		    NULL, result.text != NULL ? result.text : "out of memory",
		    NULL);
		code = EXIT_PARTIAL;
	} else if (code == 0 && result.errors > 0) {
		code = EXIT_PARTIAL;
	}
	free(result.text);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		notice_failure("standard output", "cannot be written", NULL);
		return EXIT_FILE_IO;
	}
	return code;
}

/* ---- against a file ---- */

/* A damaged manifest proves nothing: read it to its end before anything is
 * compared with it.  What comes from a pipe can be read but once.  0, or an
 * exit code after telling the user. */
static int check_file(const struct options *options, struct observe *observe)
{
	struct manifest_item item;
	struct side *side;
	int result = -1, code = EXIT_FILE_IO;
	struct stat status;

	if (stat(options->check, &status) == 0 && !S_ISREG(status.st_mode))
		return 0;
	side = side_file(observe, options->check);
	if (side == NULL) {
		notice_error("out of memory");
		return code;
	}
	while ((result = side_next(side, &item)) == 1)
		continue;
	if (result == -1) {
		code = side_code(side);
		if (side_text(side) != NULL)
			notice_failure(NULL, side_text(side), NULL);
	}
	side_free(side);
	return result == 0 ? 0 : code;
}

static void compare(const struct options *options, char **paths, size_t count,
		    struct observe *observe, struct compare_request *request,
		    struct compare_result *result)
{
	request->left = side_file(observe, options->check);
	request->right = side_walk(observe, paths, count, 0);
	request->left_name =
	    strcmp(options->check, "-") == 0 ? "the manifest" : options->check;
	request->right_name = count == 1 ? paths[0] : "the paths";
	request->observe = observe;
	if (request->left != NULL && request->right != NULL) {
		compare_run(request, result);
	} else {
		notice_error("out of memory");
		result->code = EXIT_FILE_IO;
	}
	side_free(request->left);
	side_free(request->right);
}

static int check(const struct options *options, char **paths, size_t count)
{
	struct compare_request request;
	struct compare_result result;
	struct observe observe;

	memset(&request, 0, sizeof(request));
	memset(&result, 0, sizeof(result));
	if (options->json && (request.json = json_open()) == NULL) {
		notice_error("out of memory");
		return EXIT_FILE_IO;
	}
	observe_begin(&observe, options, request.json, NULL);
	result.code = strcmp(options->check, "-") != 0
			  ? check_file(options, &observe)
			  : 0;
	if (result.code == 0)
		compare(options, paths, count, &observe, &request, &result);
	return verify_end(&result, request.json, observe_end(&observe));
}

/* ---- */

/* The operands as paths: each must be on this machine.  0, or an exit code
 * after telling the user. */
static int parse_paths(const struct options *options, char **paths)
{
	for (size_t i = 0; i < options->operand_count; i++) {
		struct location location;
		char *cause = NULL;

		if (location_parse(options->operands[i], &location, &cause) !=
		    0) {
			notice_failure(options->operands[i],
				       cause != NULL ? cause : "out of memory",
				       NULL);
			free(cause);
			return EXIT_USAGE;
		}
		if (location.host != NULL) {
			notice_failure(options->operands[i],
				       "is on another machine",
				       "run ferry manifest there, or compare "
				       "both sides with ferry verify");
			location_clear(&location);
			return EXIT_USAGE;
		}
		paths[i] = strdup(location.path);
		location_clear(&location);
		if (paths[i] == NULL) {
			notice_error("out of memory");
			return EXIT_FILE_IO;
		}
	}
	return 0;
}

static int refuse(const struct options *options, const char *why)
{
	notice_error("%s", why);
	return help_hint(options);
}

static int run(const struct options *options, char **paths)
{
	size_t count = options->operand_count;
	const char *format = options->format;

	if (format == NULL)
		format = "ferry";
	if (options->check != NULL)
		return strcmp(format, "ferry") == 0
			   ? check(options, paths, count)
			   : refuse(options,
				    "--check takes a manifest in ferry's own "
				    "format; for others there are xxh128sum -c "
				    "and sha256sum -c");
	if (options->json)
		return refuse(options,
			      "--json goes with --check; a manifest is "
			      "JSON by itself");
	if (strcmp(format, "ferry") == 0)
		return print_manifest(paths, count);
	if (strcmp(format, "xxh128sum") == 0)
		return checksums_print(CHECKSUMS_XXH128, paths, count);
	if (strcmp(format, "sha256sum") == 0)
		return checksums_print(CHECKSUMS_SHA256, paths, count);
	notice_error("--format %s: not one of ferry, xxh128sum, sha256sum",
		     format);
	return help_hint(options);
}

int manifest_command(const struct options *options)
{
	char **paths = calloc(options->operand_count + 1, sizeof(*paths));
	int code;

	if (options->operand_count == 0) {
		free(paths);
		return refuse(options, "PATH is missing");
	}
	if (paths == NULL) {
		notice_error("out of memory");
		return EXIT_FILE_IO;
	}
	signals_install();
	code = parse_paths(options, paths);
	if (code != 0)
		help_hint(options);
	else
		code = run(options, paths);
	for (size_t i = 0; i < options->operand_count; i++)
		free(paths[i]);
	free(paths);
	return code;
}
