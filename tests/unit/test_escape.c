/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: no name can make a terminal or a shell do anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/escape.h"

static void texts_are_escaped(void **state)
{
	static const struct {
		const char *text, *escaped;
	} cases[] = {
	    {"", ""},
	    {"plain name", "plain name"},
	    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	    {"\xf0\x9f\x9a\xa2", "\xf0\x9f\x9a\xa2"},
	    {"a\nb", "a\\x0ab"},
	    {"\033[2J", "\\x1b[2J"},
	    {"\x7f", "\\x7f"},
	    {"\xc2\x9b", "\\xc2\\x9b"},
	    {"\xff", "\\xff"},
	    {"\xc0\xaf", "\\xc0\\xaf"},
	    {"\xe0\x80\x80", "\\xe0\\x80\\x80"},
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
	    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	    {"\xe2\x82", "\\xe2\\x82"},
	    {"\xe2\x80\xae"
	     "gpj.exe",
	     "\\xe2\\x80\\xaegpj.exe"},
	    {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *escaped =
		    escape_text(cases[i].text, strlen(cases[i].text));

		assert_string_equal(escaped, cases[i].escaped);
		free(escaped);
	}
}

/* Whatever comes in, what goes out is UTF-8 without controls. */
static void any_two_bytes_are_harmless(void **state)
{
	(void)state;
	for (unsigned number = 0; number < 0x10000; number++) {
		char text[2] = {(char)(number >> 8), (char)(number & 0xff)};
		char *escaped = escape_text(text, sizeof(text));

		assert_true(escape_is_utf8(escaped, strlen(escaped)));
		for (const char *at = escaped; *at != '\0'; at++)
			assert_true((unsigned char)*at >= ' ' && *at != 0x7f);
		free(escaped);
	}
}

static void utf8_is_recognised(void **state)
{
	(void)state;
	assert_true(escape_is_utf8("", 0));
	assert_true(escape_is_utf8("a\n\xc3\xbc", 4));
	assert_false(escape_is_utf8("a\xc3", 2));
	assert_false(escape_is_utf8("\xfe", 1));
	assert_int_equal(escape_character("\xe2\x82\xac", 3), 3);
	assert_int_equal(escape_character("\xe2\x82\xac", 2), 0);
}

static void words_are_quoted_for_a_shell(void **state)
{
	static const struct {
		const char *word, *quoted;
	} cases[] = {
	    {"plain", "plain"},
	    {"user@host:/a,b", "user@host:/a,b"},
	    {"", "''"},
	    {"a b", "'a b'"},
	    {"it's", "'it'\\''s'"},
	    {"$HOME", "'$HOME'"},
	    {"~", "'~'"},
	    {"gr\xc3\xbc\xc3\x9f", "'gr\xc3\xbc\xc3\x9f'"},
	    {"a\nb'", "$'a\\x0ab\\x27'"},
	    {"\xff", "$'\\xff'"},
	};
	const char *both[] = {"a b", "c"};
	char *quoted;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		quoted = escape_for_shell(&cases[i].word, 1);
		assert_string_equal(quoted, cases[i].quoted);
		free(quoted);
	}
	quoted = escape_for_shell(both, 2);
	assert_string_equal(quoted, "'a b' c");
	free(quoted);
}

static void a_word_is_quoted_for_any_shell(void **state)
{
	static const char *const cases[][2] = {
	    {"/usr/bin/ferry-1.0_b", "/usr/bin/ferry-1.0_b"},
	    {"", "''"},
	    {"it's a!", "it\\'s\\ a\\!"},
	    {"$(a)\\", "\\$\\(a\\)\\\\"},
	    {"a\nb", "a'\n'b"},
	    {"\xff\xc3\xbc", "\xff\xc3\xbc"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *quoted = escape_for_any_shell(cases[i][0]);

		assert_string_equal(quoted, cases[i][1]);
		free(quoted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_escaped),
	    cmocka_unit_test(any_two_bytes_are_harmless),
	    cmocka_unit_test(utf8_is_recognised),
	    cmocka_unit_test(words_are_quoted_for_a_shell),
	    cmocka_unit_test(a_word_is_quoted_for_any_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
