/* locate.c - see locate.h. */
#include "main/locate.h"
#include "main/storage.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { REPORT_MAX = 1 << 20, WHY_MAX = 64 << 10 };

static bool read_path(struct cli *c, struct str rest, struct store_options *o)
{
	o->path = rest;
	if (rest.n == 0)
		say(c, "a path is missing after the colon");
	return rest.n > 0;
}

static bool read_postgres(struct cli *c, struct str url, struct store_options *o)
{
	struct str schema = S("");
	if (!str_cut(url, '#', &o->path, &schema))
		o->path = url;
	o->table = schema.n ? schema : S("tocsin");
	if (!url_holds_password(url))
		return true;
	say(c, "the address of the store holds a password, which everybody on this machine can read in the list of processes");
	hint(c, "take it out; libpq finds it in PGPASSWORD or ~/.pgpass, or name a configuration with storage.password");
	return false;
}

static bool read_shards(struct str value, struct store_options *o)
{
	int64_t n = 0;
	bool ok = str_int(value, &n) && n >= 1 && n <= STORE_SHARDS_MAX && (n & (n - 1)) == 0;
	o->shards = ok ? (unsigned)n : 0;
	return ok;
}

/* One part of dynamodb's query. */
static bool read_option(struct cli *c, struct str pair, struct store_options *o)
{
	struct str name, value;
	if (!str_cut(pair, '=', &name, &value) || value.n == 0) {
		say(c, "`%.*s` is no option of a DynamoDB table", STR_ARG(pair));
	} else if (str_eq(name, S("region"))) {
		o->region = value;
		return true;
	} else if (str_eq(name, S("endpoint"))) {
		o->endpoint = value;
		if (!url_has_user(value))
			return true;
		say(c, "the endpoint of a DynamoDB table must not hold a user name or password, which would be shown with it; take them out");
	} else if (str_eq(name, S("shards"))) {
		if (read_shards(value, o))
			return true;
		say(c, "shards must be a power of two up to %d, not `%.*s`", STORE_SHARDS_MAX, STR_ARG(value));
	} else {
		say(c, "`%.*s` is no option of a DynamoDB table", STR_ARG(name));
	}
	hint(c, "dynamodb:TABLE?region=eu-west-1&endpoint=http://127.0.0.1:8000&shards=16");
	return false;
}

static bool read_dynamodb(struct cli *c, struct str rest, struct store_options *o)
{
	struct str query = S(""), pair;
	if (!str_cut(rest, '?', &o->table, &query))
		o->table = rest;
	o->region = S("us-east-1");
	if (o->table.n == 0) {
		say(c, "the table is missing after the colon");
		return false;
	}
	while (query.n > 0) {
		struct str more = S("");
		if (!str_cut(query, '&', &pair, &more))
			pair = query;
		if (!read_option(c, pair, o))
			return false;
		query = more;
	}
	return true;
}

static bool refuse_memory(struct cli *c, struct str rest, struct store_options *o)
{
	(void)rest, (void)o;
	say(c, "the memory store lives inside its server and is gone with it: there is nothing to work on");
	return false;
}

/* whole: the reader wants the text with its word, because that is what libpq takes. */
static const struct form {
	const char *word, *driver;
	bool is_whole;
	bool (*read)(struct cli *c, struct str rest, struct store_options *o);
} forms[] = {
	{ "sqlite", "sqlite", false, read_path },           { "json", "json", false, read_path },
	{ "postgresql", "postgres", true, read_postgres },  { "postgres", "postgres", true, read_postgres },
	{ "dynamodb", "dynamodb", false, read_dynamodb },   { "memory", "memory", false, refuse_memory },
};

static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 'a' || s.p[i] > 'z')
			return false;
	return s.n > 0;
}

static const struct form *form_of(struct str word)
{
	for (size_t i = 0; i < COUNT(forms); i++)
		if (str_eq(str_c(forms[i].word), word))
			return &forms[i];
	return NULL;
}

static int unknown_form(struct cli *c, struct str word)
{
	const char *near = NULL;
	size_t best = word.n / 3 + 2;
	for (size_t i = 0; i < COUNT(forms); i++) {
		size_t d = str_distance(word, str_c(forms[i].word));
		if (d < best && d < word.n) {
			best = d;
			near = forms[i].word;
		}
	}
	if (near)
		say(c, "no store is called `%.*s:`; did you mean `%s:`?", STR_ARG(word), near);
	else
		say(c, "no store is called `%.*s:`", STR_ARG(word));
	hint(c, "a store is a configuration file, sqlite:PATH, json:DIRECTORY, postgresql://USER@HOST/DATABASE or dynamodb:TABLE");
	return EXIT_USAGE;
}

static int locate_short(struct cli *c, struct str word, struct str rest, struct located *l)
{
	const struct form *f = form_of(word);
	if (f == NULL)
		return unknown_form(c, word);
	l->driver = str_c(f->driver);
	l->options = storage_base_options();
	return f->read(c, f->is_whole ? l->text : rest, &l->options) ? EXIT_DONE : EXIT_USAGE;
}

/* Secrets of channels and sources are of no interest here: that they cannot be read on this machine is no fault. */
static int locate_config(struct cli *c, struct str path, struct located *l)
{
	struct report r = { .a = &c->mem, .is_lenient = true };
	struct config_outside o = config_real_outside();
	struct buf b = BUF(REPORT_MAX);
	path = path.n ? path : config_find(&o, &r);
	l->text = path;
	l->config = path.n ? config_load(&o, path, &r) : NULL;
	if (l->config == NULL)
		report_write(&r, &b, REPORT_TEXT);
	fprintf(c->o->err, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	if (l->config == NULL)
		return EXIT_CONFIG;
	l->driver = enum_word(&config_driver_names, (int)l->config->driver);
	l->options = storage_options(l->config);
	return l->config->driver != DRIVER_MEMORY || refuse_memory(c, S(""), NULL) ? EXIT_DONE : EXIT_FAILED;
}

int locate(struct cli *c, struct str text, struct located *ret)
{
	struct str word, rest;
	*ret = (struct located){ .text = text };
	return str_cut(text, ':', &word, &rest) && is_word(word) ? locate_short(c, word, rest, ret) : locate_config(c, text, ret);
}

int locate_given(struct cli *c, const char *flag, struct located *ret)
{
	struct str text = flag ? flag_text(c, flag) : S("");
	if (text.n)
		return locate(c, text, ret);
	*ret = (struct located){ .text = flag_text(c, "config") };
	return locate_config(c, ret->text, ret);
}

void located_free(struct located *l)
{
	config_free(l->config);
	l->config = NULL;
}

static bool is_one_process(const struct located *l)
{
	return str_eq(l->driver, S("sqlite")) || str_eq(l->driver, S("json"));
}

static int not_opened(struct cli *c, const struct located *l, enum store_rc rc, const struct buf *why)
{
	say(c, "cannot open the store %.*s: %s", STR_ARG(l->text), why->n ? why->p : store_rc_name(rc));
	if (rc == STORE_BUSY && is_one_process(l))
		hint(c, "a running server has it: stop that server first");
	return EXIT_FAILED;
}

/* A layout that somebody changed may still be read: what cannot be, opening it says. */
static int check_there(struct cli *c, const struct located *l, bool may_be_made)
{
	struct buf why = BUF(WHY_MAX);
	struct store_schema schema = { 0 };
	enum store_rc rc = store_schema(l->driver, &l->options, &schema, &why);
	int code = EXIT_DONE;
	if (rc != STORE_OK && rc != STORE_CORRUPT) {
		code = not_opened(c, l, rc, &why);
	} else if (schema.have == 0 && !may_be_made) {
		say(c, "there is no store at %.*s yet; is it the right place?", STR_ARG(l->text));
		code = EXIT_FAILED;
	}
	buf_free(&why);
	return code;
}

int located_open(struct cli *c, struct located *l, enum locate_how how, struct store **ret)
{
	struct buf why = BUF(WHY_MAX);
	int code = check_there(c, l, how == LOCATE_MAKE);
	l->options.is_reader = how == LOCATE_READ;
	if (code == EXIT_DONE) {
		enum store_rc rc = store_open(l->driver, &l->options, ret, &why);
		code = rc == STORE_OK ? EXIT_DONE : not_opened(c, l, rc, &why);
	}
	buf_free(&why);
	return code;
}

static bool is_same_file(struct str a, struct str b)
{
	struct stat x, y;
	char *pa = xstrndup(a), *pb = xstrndup(b);
	bool is_same = stat(pa, &x) == 0 && stat(pb, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	free(pa);
	free(pb);
	return is_same;
}

bool located_is_same(const struct located *a, const struct located *b)
{
	const struct store_options *x = &a->options, *y = &b->options;
	bool is_named_alike = str_eq(x->path, y->path) && str_eq(x->table, y->table) && str_eq(x->region, y->region) && str_eq(x->endpoint, y->endpoint);
	return str_eq(a->driver, b->driver) && (is_named_alike || (is_one_process(a) && is_same_file(x->path, y->path)));
}

int located_read(struct cli *c, int (*work)(struct cli *c, struct store *s, const struct located *where))
{
	struct located l = { 0 };
	struct store *s = NULL;
	int code = locate_given(c, "from", &l);
	if (code == EXIT_DONE)
		code = located_open(c, &l, LOCATE_READ, &s);
	if (code == EXIT_DONE)
		code = work(c, s, &l);
	store_close(s);
	located_free(&l);
	return code;
}
