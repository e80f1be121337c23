/* commands.c - the table of commands, walked: what every row must have, and what the parser makes of lines. */
#include "fixture.h"

/* One word of an example at *p, without its quotes; NULL at the end of the command (a pipe, a bracket, a redirection). */
static char *next_word(const char **p)
{
	struct buf b = BUF(1024);
	while (**p == ' ')
		++*p;
	if (**p == '\0' || strchr("|)>", **p))
		return NULL;
	for (char quote = '\0'; **p && (quote || !strchr(" |)>", **p)); ++*p) {
		if (**p == '\'' && (!quote || quote == '\''))
			quote = quote ? '\0' : '\'';
		else
			buf_char(&b, **p);
	}
	return b.p ? b.p : xstrndup(S(""));
}

/* Parses every command in an example line; returns how many were `k`. */
static int parse_example(const char *example, const struct cli_command *k)
{
	struct scene s = { 0 };
	struct cli_outside o = { .err = stderr, .ctx = &s, .env = scene_env };
	int found = 0;
	for (const char *p = example; (p = strstr(p, "tocsin ")) != NULL;) {
		struct cli c = { .o = &o, .mem = ARENA(1 << 20) };
		char *words[32];
		int n = 0;
		while (n < 32 && (words[n] = next_word(&p)) != NULL)
			n++;
		assert_int_equal(parse_line(&c, n, (const char *const *)words), EXIT_DONE);
		found += c.command == k;
		while (n > 0)
			free(words[--n]);
		arena_free(&c.mem);
	}
	return found;
}

static void every_command_has_two_examples_that_its_parser_takes(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count(); i++)
		for (size_t k = 0; k < 2; k++) {
			const struct cli_command *c = command_at(i);
			assert_non_null(c->examples[k]);
			if (parse_example(c->examples[k], c) < 1)
				fail_msg("an example of %s is of something else: %s", c->name, c->examples[k]);
		}
}

static void every_row_says_what_people_ask(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count(); i++) {
		const struct cli_command *c = command_at(i);
		assert_true(strlen(c->summary) > 8 && strlen(c->summary) < 64 && c->summary[strlen(c->summary) - 1] != '.');
		assert_true(c->most < 0 || c->least <= c->most);
		assert_true((c->most != 0) == (*c->args != '\0'));
		for (size_t k = 0; k < c->n_flags; k++) {
			const struct flag *f = &c->flags[k];
			size_t n = strlen(f->doc);
			assert_true(n > 8 && f->doc[n - 1] == '.');
			assert_true((f->type == FLAG_BOOL) == (f->arg == NULL));
			assert_true((f->type == FLAG_WORD || f->type == FLAG_WORDS) == (f->words != NULL));
			assert_true(f->type != FLAG_INT || f->least < f->most);
		}
	}
}

static void check_topic(struct str topic)
{
	struct scene s = { 0 };
	char *z = xstrndup(topic);
	run_words(&s, 3, (const char *[]){ "tocsin", "help", z });
	if (s.code != EXIT_DONE)
		fail_msg("see also names %s, which nothing is called", z);
	free(z);
	scene_done(&s);
}

static void what_see_also_names_exists(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count(); i++) {
		struct str topic, rest = str_c(command_at(i)->see);
		while (str_cut(rest, ',', &topic, &rest)) {
			check_topic(topic);
			rest = str_skip(rest, 1);
		}
		check_topic(rest);
	}
}

static void check_columns(const char *text, const char *of)
{
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") >= 80)
			fail_msg("help of %s: a line of %zu columns: %.*s", of, strcspn(line, "\n"), (int)strcspn(line, "\n"), line);
}

static void no_help_is_wider_than_a_terminal(void **state)
{
	(void)state;
	static const char *const topics[] = { "environment", "exit-codes", "output", "TOCSIN1102" };
	for (size_t i = 0; i < command_count() + COUNT(topics); i++) {
		struct scene s = { 0 };
		const char *topic = i < command_count() ? command_at(i)->name : topics[i - command_count()];
		run_words(&s, 3, (const char *[]){ "tocsin", "help", topic });
		assert_int_equal(s.code, EXIT_DONE);
		check_columns(s.out, topic);
		scene_done(&s);
	}
	struct scene s = { 0 };
	run(&s, "tocsin --help");
	assert_int_equal(s.code, EXIT_DONE);
	check_columns(s.out, "all");
	scene_done(&s);
}

/* The number at the beginning of a text. */
static int number_of(const char *text)
{
	int n = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (*text - '0');
	return n;
}

static void help_of_a_command_names_each_flag_and_exit_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count(); i++) {
		struct scene s = { 0 };
		const struct cli_command *c = command_at(i);
		struct arena a = ARENA(1024);
		run(&s, arena_fmt(&a, "tocsin %s --help", c->name).p);
		arena_free(&a);
		assert_int_equal(s.code, EXIT_DONE);
		for (size_t k = 0; k < c->n_flags; k++)
			assert_non_null(strstr(s.out, c->flags[k].name));
		for (const char *code = c->exits; *code; code += strcspn(code, " ") + (code[strcspn(code, " ")] == ' '))
			assert_non_null(strstr(s.out, exit_meaning(number_of(code))));
		scene_done(&s);
	}
}

/* Lines that are refused, and the sentence each gets. */
static const struct { const char *line, *says; } refused[] = {
	{ "tocsin lsit", "tocsin: unknown command `lsit`; did you mean `list`?\nhint: tocsin help lists them all\n" },
	{ "tocsin sliences", "tocsin: unknown command `sliences`\nhint: tocsin help lists them all\n" },
	{ "tocsin --url x list", "tocsin: flags come after the command: tocsin COMMAND --url ...\nhint: tocsin help lists them all\n" },
	{ "tocsin token", "tocsin: token needs one of: create, list, revoke\n" },
	{ "tocsin token crate me", "tocsin: unknown command `token crate`; there are: create, list, revoke\n" },
	{ "tocsin list --sevrity 3", "tocsin: unknown flag `--sevrity`; did you mean `--severity`?\nhint: tocsin help list\n" },
	{ "tocsin list -x", "tocsin: unknown flag `-x`\nhint: tocsin help list\n" },
	{ "tocsin list --severity", "tocsin: --severity needs a value: --severity SEVERITY\n" },
	{ "tocsin list --severity 9", "tocsin: --severity takes critical, high, medium, low, info or 5..1, not `9`\n" },
	{ "tocsin list --limit x", "tocsin: --limit takes an integer 0..100000, not `x`\n" },
	{ "tocsin list --since yesterday", "tocsin: --since takes a duration such as 90s, 15m or 1h45m, not `yesterday`\n" },
	{ "tocsin list --state gone", "tocsin: --state takes one of: open detected acknowledged resolved all, not `gone`\n" },
	{ "tocsin list -o xml", "tocsin: --output takes one of: table wide json csv ids, not `xml`\n" },
	{ "tocsin list --exit-code=yes", "tocsin: --exit-code takes no value\n" },
	{ "tocsin list extra", "tocsin: list: `extra` is one too many; usage: tocsin list\n" },
	{ "tocsin ack", "tocsin: ack: something is missing; usage: tocsin ack ID...\n" },
	{ "tocsin show 1 2", "tocsin: show: `2` is one too many; usage: tocsin show ID\n" },
	{ "tocsin trigger demo", "tocsin: trigger needs a message: tocsin trigger demo -m TEXT\n" },
	{ "tocsin trigger demo -m x --label env", "tocsin: --label takes name=value, not `env`\n" },
	{ "tocsin list --url ftp://x", "tocsin: the server's URL must begin with http:// or https://, not `ftp://x`\n" },
	{ "tocsin help nothing", "tocsin: no help about `nothing`\nhint: tocsin help lists the commands and topics\n" },
	{ "tocsin completion csh", "tocsin: completion takes bash, zsh or fish, not `csh`\n" },
	{ "tocsin serve --url http://x", "tocsin: unknown flag `--url`\nhint: tocsin help serve\n" },
};

static void what_is_not_understood_is_answered_with_what_is_near(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct scene s = { 0 };
		run(&s, refused[i].line);
		assert_int_equal(s.code, EXIT_USAGE);
		assert_string_equal(s.err, refused[i].says);
		assert_string_equal(s.out, "");
		assert_int_equal(s.n_seen, 0);
		scene_done(&s);
	}
}

static void flags_may_stand_anywhere_in_any_spelling(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"tocsin trigger demo -m hello --severity high", "tocsin trigger -mhello --severity=4 demo", "tocsin trigger --message=hello --severity error -- demo",
	};
	static const struct canned canned[] = { { "POST", "/api/v1/incidents", 201, "{\"number\":7,\"status\":\"detected\",\"title\":\"hello\"}" } };
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct scene s = { .canned = canned, .n_canned = 1 };
		run(&s, lines[i]);
		assert_int_equal(s.code, EXIT_DONE);
		assert_string_equal(s.bodies[0].p, "{\"service\":\"demo\",\"title\":\"hello\",\"severity\":4}");
		scene_done(&s);
	}
}

static void after_two_dashes_nothing_is_a_flag(void **state)
{
	(void)state;
	static const struct canned canned[] = { { "POST", "/", 200, "{}" } };
	struct scene s = { .canned = canned, .n_canned = 1 };
	run(&s, "tocsin note 42 -- --help");
	assert_int_equal(s.code, EXIT_DONE);
	assert_string_equal(s.bodies[0].p, "{\"text\":\"--help\"}");
	scene_done(&s);
}

static void a_flag_wins_over_its_variable(void **state)
{
	(void)state;
	struct scene s = { .variables = { { "TOCSIN_URL", "http://from-env:1/" }, { "TOCSIN_TOKEN", "tsn_env" } } };
	run(&s, "tocsin show 1");
	assert_string_equal(s.seen[0].p, "GET http://from-env:1/api/v1/incidents/1");
	assert_non_null(strstr(s.headers[0].p, "Authorization: Bearer tsn_env\n"));
	scene_done(&s);
	s.n_seen = 0;
	run(&s, "tocsin show 1 --url http://flag:2 --token tsnFlag");
	assert_string_equal(s.seen[0].p, "GET http://flag:2/api/v1/incidents/1");
	assert_non_null(strstr(s.headers[0].p, "Authorization: Bearer tsnFlag\n"));
	assert_non_null(strstr(s.headers[0].p, "X-Tocsin-Via: cli\n"));
	scene_done(&s);
}

static void a_token_cannot_smuggle_a_header(void **state)
{
	(void)state;
	struct scene s = { .variables = { { "TOCSIN_TOKEN", "a\r\nX-Evil: 1" } } };
	run(&s, "tocsin list");
	assert_int_equal(s.code, EXIT_USAGE);
	assert_int_equal(s.n_seen, 0);
	scene_done(&s);
}

static void without_a_command_the_help_goes_to_standard_error(void **state)
{
	(void)state;
	struct scene s = { 0 };
	run_words(&s, 1, (const char *[]){ "tocsin" });
	assert_int_equal(s.code, EXIT_USAGE);
	assert_string_equal(s.out, "");
	assert_non_null(strstr(s.err, "tocsin list -o ids | tocsin ack -"));
	scene_done(&s);
}

static void main_gets_what_it_carries_out(void **state)
{
	(void)state;
	static const char *const lines[] = { "tocsin serve --check", "tocsin config check x.yaml -o github", "tocsin config show" };
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct scene s = { 0 };
		run(&s, lines[i]);
		assert_int_equal(s.code, EXIT_DONE);
		assert_true(str_starts(str_c(s.out), S("main: ")));
		scene_done(&s);
	}
}

static void completions_and_the_manual_name_every_command(void **state)
{
	(void)state;
	static const char *const lines[] = { "tocsin completion bash", "tocsin completion zsh", "tocsin completion fish", "tocsin man", "tocsin help" };
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct scene s = { 0 };
		run(&s, lines[i]);
		assert_int_equal(s.code, EXIT_DONE);
		for (size_t k = 0; k < command_count(); k++) {
			const char *last = strrchr(command_at(k)->name, ' ');
			assert_non_null(strstr(s.out, last ? last + 1 : command_at(k)->name));
		}
		scene_done(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_has_two_examples_that_its_parser_takes),
		cmocka_unit_test(every_row_says_what_people_ask),
		cmocka_unit_test(what_see_also_names_exists),
		cmocka_unit_test(no_help_is_wider_than_a_terminal),
		cmocka_unit_test(help_of_a_command_names_each_flag_and_exit_code),
		cmocka_unit_test(what_is_not_understood_is_answered_with_what_is_near),
		cmocka_unit_test(flags_may_stand_anywhere_in_any_spelling),
		cmocka_unit_test(after_two_dashes_nothing_is_a_flag),
		cmocka_unit_test(a_flag_wins_over_its_variable),
		cmocka_unit_test(a_token_cannot_smuggle_a_header),
		cmocka_unit_test(without_a_command_the_help_goes_to_standard_error),
		cmocka_unit_test(main_gets_what_it_carries_out),
		cmocka_unit_test(completions_and_the_manual_name_every_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
