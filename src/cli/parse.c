/* parse.c - a command line into a struct cli, by the table. Flags and arguments may be mixed; `--` ends the flags; a value follows its flag
 * or an equals sign. Whatever is not understood is answered with the nearest thing that is.
 */
#include "base/when.h"
#include "cli/command.h"
#include <assert.h>
#include <string.h>

static const struct cli_command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "cli/list.h"
#undef COMMAND
};

/* clang-format off */
const struct flag common_flags[COMMON_FLAGS] = {
	{ .name = "url",   .type = FLAG_TEXT, .arg = "URL",   .env = "TOCSIN_URL",   .fallback = "http://127.0.0.1:3000", .doc = "Where the server is." },
	{ .name = "token", .type = FLAG_TEXT, .arg = "TOKEN", .env = "TOCSIN_TOKEN", .doc = "Key to its API." },
	{ .name = "color", .type = FLAG_WORD, .arg = "WHEN",  .words = "auto always never", .fallback = "auto", .doc = "Colours; auto: on a terminal, unless NO_COLOR is set." },
	{ .name = "help",  .type = FLAG_BOOL, .letter = 'h',  .doc = "This text." },
};
/* clang-format on */

size_t command_count(void)
{
	return COUNT(commands);
}

const struct cli_command *command_at(size_t i)
{
	assert(i < COUNT(commands) && commands[i] != NULL);
	return commands[i];
}

static size_t common_from(const struct cli_command *k)
{
	return k->is_remote ? 0 : COMMON_REMOTE;
}

/* The flags of a command: its own, then the common ones. NULL past the last. */
static const struct flag *flag_at(const struct cli_command *k, size_t i)
{
	if (i < k->n_flags)
		return &k->flags[i];
	i += common_from(k) - k->n_flags;
	return i < COMMON_FLAGS ? &common_flags[i] : NULL;
}

static const struct flag *flag_named(const struct cli_command *k, struct str name)
{
	const struct flag *f;
	for (size_t i = 0; (f = flag_at(k, i)) != NULL; i++)
		if (str_eq(str_c(f->name), name))
			return f;
	return NULL;
}

static const struct flag *flag_lettered(const struct cli_command *k, char letter)
{
	const struct flag *f;
	for (size_t i = 0; (f = flag_at(k, i)) != NULL; i++)
		if (f->letter == letter)
			return f;
	return NULL;
}

/* Nearness: fewer than a third of the letters wrong, and never all of them. */
static bool is_nearer(struct str word, struct str name, size_t *best)
{
	size_t d = str_distance(word, name);
	if (d >= *best || d > word.n / 3 + 1 || d >= word.n)
		return false;
	*best = d;
	return true;
}

static int unknown_flag(const struct cli *c, struct str name)
{
	const struct flag *f, *near = NULL;
	size_t best = name.n + 1;
	for (size_t i = 0; (f = flag_at(c->command, i)) != NULL; i++)
		if (is_nearer(name, str_c(f->name), &best))
			near = f;
	if (near)
		say(c, "unknown flag `--%.*s`; did you mean `--%s`?", STR_ARG(name), near->name);
	else
		say(c, "unknown flag `--%.*s`", STR_ARG(name));
	hint(c, "tocsin help %s", c->command->name);
	return EXIT_USAGE;
}

static bool is_word_of(struct str word, const char *words)
{
	struct str head, tail = str_c(words);
	while (str_cut(tail, ' ', &head, &tail))
		if (str_eq(head, word))
			return true;
	return str_eq(tail, word);
}

static bool are_words_of(struct str list, const char *words)
{
	struct str head, tail = list;
	while (str_cut(tail, ',', &head, &tail))
		if (!is_word_of(head, words))
			return false;
	return is_word_of(tail, words);
}

static bool is_int_of(struct str text, const struct flag *f)
{
	int64_t v;
	return str_int(text, &v) && v >= f->least && v <= f->most;
}

static bool is_pair(struct str text)
{
	struct str name, value;
	return str_cut(text, '=', &name, &value) && name.n > 0;
}

static bool is_severity(struct str text)
{
	return severity_value(text) != 0;
}

static bool is_duration(struct str text)
{
	int64_t v;
	return duration_read(text, &v) == 0;
}

static const char *range_of(struct cli *c, const struct flag *f)
{
	return arena_fmt(&c->mem, "an integer %lld..%lld", (long long)f->least, (long long)f->most).p;
}

/* NULL: the text fits the flag. Else what would. */
static const char *misfit(struct cli *c, const struct flag *f, struct str text)
{
	switch (f->type) {
	case FLAG_BOOL: return "no value";
	case FLAG_TEXT: return text.n ? NULL : "a text that is not empty";
	case FLAG_INT: return is_int_of(text, f) ? NULL : range_of(c, f);
	case FLAG_DURATION: return is_duration(text) ? NULL : "a duration such as 90s, 15m or 1h45m";
	case FLAG_SEVERITY: return is_severity(text) ? NULL : "critical, high, medium, low, info or 5..1";
	case FLAG_WORD: return is_word_of(text, f->words) ? NULL : f->words;
	case FLAG_WORDS: return are_words_of(text, f->words) ? NULL : f->words;
	case FLAG_PAIR: return is_pair(text) ? NULL : "name=value";
	}
	return NULL;
}

static int give(struct cli *c, const struct flag *f, struct str text)
{
	const char *fit = f->type == FLAG_BOOL ? NULL : misfit(c, f, text);
	if (fit) {
		say(c, "--%s takes %s%s, not `%.*s`", f->name, f->type == FLAG_WORD || f->type == FLAG_WORDS ? "one of: " : "", fit, STR_ARG(text));
		return EXIT_USAGE;
	}
	c->given[c->n_given++] = (struct given){ f, text };
	return EXIT_DONE;
}

/* A flag whose value, unless it is after an equals sign, is the next word. */
static int take_flag(struct cli *c, const struct flag *f, bool has_value, struct str value, struct str_list *rest)
{
	if (f->type == FLAG_BOOL && has_value) {
		say(c, "--%s takes no value", f->name);
		return EXIT_USAGE;
	}
	if (f->type != FLAG_BOOL && !has_value) {
		if (rest->n == 0) {
			say(c, "--%s needs a value: --%s %s", f->name, f->name, f->arg);
			return EXIT_USAGE;
		}
		value = *rest->v++;
		rest->n--;
	}
	return give(c, f, value);
}

static int take_long(struct cli *c, struct str word, struct str_list *rest)
{
	struct str name = str_skip(word, 2), value = S("");
	bool has_value = str_cut(name, '=', &name, &value);
	const struct flag *f = flag_named(c->command, name);
	return f ? take_flag(c, f, has_value, value, rest) : unknown_flag(c, name);
}

static int take_short(struct cli *c, struct str word, struct str_list *rest)
{
	const struct flag *f = flag_lettered(c->command, word.p[1]);
	if (f == NULL) {
		say(c, "unknown flag `%.*s`", STR_ARG(word));
		hint(c, "tocsin help %s", c->command->name);
		return EXIT_USAGE;
	}
	return take_flag(c, f, word.n > 2, str_skip(word, 2), rest);
}

static int take_words(struct cli *c, struct str_list rest)
{
	bool is_ended = false;
	int err = EXIT_DONE;
	while (rest.n > 0 && err == EXIT_DONE) {
		struct str word = *rest.v++;
		rest.n--;
		if (is_ended || word.n < 2 || word.p[0] != '-')
			c->args.v[c->args.n++] = word;
		else if (str_eq(word, S("--")))
			is_ended = true;
		else if (word.p[1] == '-')
			err = take_long(c, word, &rest);
		else
			err = take_short(c, word, &rest);
	}
	return err;
}

static int check_count(const struct cli *c)
{
	const struct cli_command *k = c->command;
	if (c->wants_help || (c->args.n >= (size_t)k->least && (k->most < 0 || c->args.n <= (size_t)k->most)))
		return EXIT_DONE;
	if (c->args.n < (size_t)k->least)
		say(c, "%s: something is missing; usage: tocsin %s %s", k->name, k->name, k->args);
	else
		say(c, "%s: `%.*s` is one too many; usage: tocsin %s%s%s", k->name, STR_ARG(c->args.v[k->most]), k->name, *k->args ? " " : "", k->args);
	return EXIT_USAGE;
}

/* The command that the first words name; *ret_used is how many. Two words win over one. */
static const struct cli_command *find_command(struct cli *c, struct str_list words, size_t *ret_used)
{
	for (size_t used = words.n < 2 ? words.n : 2; used > 0; used--) {
		struct str name = used == 2 ? arena_fmt(&c->mem, "%.*s %.*s", STR_ARG(words.v[0]), STR_ARG(words.v[1])) : words.v[0];
		*ret_used = used;
		for (size_t i = 0; i < COUNT(commands); i++)
			if (str_eq(str_c(commands[i]->name), name))
				return commands[i];
	}
	return NULL;
}

static bool is_family(struct str word)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		const char *name = command_at(i)->name;
		if (str_starts(str_c(name), word) && name[word.n] == ' ')
			return true;
	}
	return false;
}

/* `tocsin token` or `tocsin token crate`: the members of the family. */
static int unknown_member(const struct cli *c, struct str family, struct str word)
{
	struct buf list = BUF(1024);
	for (size_t i = 0; i < COUNT(commands); i++)
		if (str_starts(str_c(commands[i]->name), family) && commands[i]->name[family.n] == ' ')
			buf_fmt(&list, "%s%s", list.n ? ", " : "", commands[i]->name + family.n + 1);
	if (word.n)
		say(c, "unknown command `%.*s %.*s`; there are: %.*s", STR_ARG(family), STR_ARG(word), STR_ARG(buf_str(&list)));
	else
		say(c, "%.*s needs one of: %.*s", STR_ARG(family), STR_ARG(buf_str(&list)));
	buf_free(&list);
	return EXIT_USAGE;
}

static int unknown_command(const struct cli *c, struct str word)
{
	const struct cli_command *near = NULL;
	size_t best = word.n + 1;
	for (size_t i = 0; i < COUNT(commands); i++)
		if (is_nearer(word, str_c(commands[i]->name), &best))
			near = commands[i];
	if (str_starts(word, S("-")))
		say(c, "flags come after the command: tocsin COMMAND %.*s ...", STR_ARG(word));
	else if (near)
		say(c, "unknown command `%.*s`; did you mean `%s`?", STR_ARG(word), near->name);
	else
		say(c, "unknown command `%.*s`", STR_ARG(word));
	hint(c, "tocsin help lists them all");
	return EXIT_USAGE;
}

int parse_line(struct cli *c, int argc, const char *const *argv)
{
	size_t n = argc > 0 ? (size_t)argc - 1 : 0, used = 0;
	struct str_list words = { NEWN(&c->mem, struct str, n + 1), n };
	c->args.v = NEWN(&c->mem, struct str, n + 1);
	c->given = NEWN(&c->mem, struct given, n + 1);
	for (size_t i = 0; i < n; i++)
		words.v[i] = str_c(argv[i + 1]);
	c->command = find_command(c, words, &used);
	if (c->command == NULL && is_family(words.v[0]))
		return unknown_member(c, words.v[0], n > 1 ? words.v[1] : S(""));
	if (c->command == NULL)
		return unknown_command(c, words.v[0]);
	int err = take_words(c, (struct str_list){ words.v + used, n - used });
	c->wants_help = flag_on(c, "help");
	return err && !c->wants_help ? err : check_count(c);
}

/* What was given. Asking for a flag that the command does not have is a mistake of ours. */

static const struct given *last_given(const struct cli *c, const char *name)
{
	for (size_t i = c->n_given; i > 0; i--)
		if (strcmp(c->given[i - 1].flag->name, name) == 0)
			return &c->given[i - 1];
	return NULL;
}

struct str flag_text(const struct cli *c, const char *name)
{
	const struct given *g = last_given(c, name);
	const struct flag *f = g ? g->flag : flag_named(c->command, str_c(name));
	if (g)
		return g->text;
	struct str value = str_c(f && f->env ? c->o->env(c->o->ctx, f->env) : NULL);
	return value.n || f == NULL ? value : str_c(f->fallback);
}

bool flag_on(const struct cli *c, const char *name)
{
	return last_given(c, name) != NULL;
}

int64_t flag_number(const struct cli *c, const char *name)
{
	const struct flag *f = flag_named(c->command, str_c(name));
	struct str text = flag_text(c, name);
	int64_t v = 0;
	if (f == NULL || text.n == 0)
		return 0;
	if (f->type == FLAG_SEVERITY)
		return severity_value(text);
	bool is_read = f->type == FLAG_DURATION ? duration_read(text, &v) == 0 : str_int(text, &v);
	return is_read ? v : 0;                            /* checked when it was given */
}

struct str_list flag_all(struct cli *c, const char *name)
{
	struct str_list all = { NEWN(&c->mem, struct str, c->n_given + 1), 0 };
	for (size_t i = 0; i < c->n_given; i++)
		if (strcmp(c->given[i].flag->name, name) == 0)
			all.v[all.n++] = c->given[i].text;
	return all;
}

bool flag_has_word(const struct cli *c, const char *name, const char *word)
{
	struct str head, tail = flag_text(c, name);
	while (str_cut(tail, ',', &head, &tail))
		if (str_eq(head, str_c(word)))
			return true;
	return str_eq(tail, str_c(word));
}
