/* process.c - the part of a configuration that is about the process itself: where it listens, who may come in, where it stores.
 *
 * HOST and PORT in the environment override server.listen, and TOCSIN_NAME server.name, because that is how containers say it.
 */
#include "main/loading.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define DEFAULT_LISTEN S("127.0.0.1:3000")
enum { MIN_FREE_DEFAULT = 64 << 20 };

static bool host_read(struct arena *a, struct str s, struct str *ret)
{
	unsigned char address[sizeof(struct in6_addr)];
	if (str_eq(s, S("localhost")))
		s = S("127.0.0.1");
	if (s.n == 0)
		s = S("0.0.0.0");
	struct str z = arena_str(a, s);
	if (inet_pton(AF_INET, z.p, address) != 1 && inet_pton(AF_INET6, z.p, address) != 1)
		return false;
	*ret = z;
	return true;
}

static bool port_read(struct str s, int *ret)
{
	int64_t v;
	if (!str_int(s, &v) || v < 0 || v > 65535)
		return false;
	*ret = (int)v;
	return true;
}

static bool listen_read(struct arena *a, struct str s, struct str *ret_host, int *ret_port)
{
	const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
	if (colon == NULL)
		return false;
	struct str host = { s.p, (size_t)(colon - s.p) }, port = str_skip(s, host.n + 1);
	bool is_bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (is_bracketed)
		host = (struct str){ host.p + 1, host.n - 2 };
	else if (memchr(host.p, ':', host.n))
		return false;
	return host_read(a, host, ret_host) && port_read(port, ret_port);
}

static struct str env_of(const struct load *l, const char *name)
{
	return str_c(l->o->env(l->o->ctx, name));
}

static void read_listen(struct load *l)
{
	struct config *c = l->c;
	struct str file = c->file.server.listen, host = env_of(l, "HOST"), port = env_of(l, "PORT");
	if (!listen_read(&c->mem, file.n ? file : DEFAULT_LISTEN, &c->host, &c->port))
		FAULT(l, CODE_LISTEN, S("server.listen"), "server.listen: must be ADDRESS:PORT such as 127.0.0.1:3000 or [::1]:3000, not \"%.*s\"",
		    STR_ARG(file));
	if (host.n && !host_read(&c->mem, host, &c->host))
		report_add(l->r, CODE_LISTEN, (struct mark){ 0 }, "HOST must be an address such as 0.0.0.0 (the environment has HOST=%.*s)",
		    STR_ARG(host));
	int64_t any;
	if (port.n && !port_read(port, &c->port))
		report_add(l->r, CODE_LISTEN, (struct mark){ 0 }, "PORT must be %s (the environment has PORT=%.*s)",
		    str_int(port, &any) ? "0..65535" : "an integer", STR_ARG(port));
}

static void read_name(struct load *l)
{
	static const char form[] = "letters, digits, '-', '_' and '.', at most 48, beginning with a letter or digit";
	struct str *name = &l->c->file.server.name, env = env_of(l, "TOCSIN_NAME");
	if (name->n && !check_id_form(*name))
		FAULT(l, CODE_ID_FORM, S("server.name"), "server.name: must be %s", form);
	if (env.n && (env.n > NAME_MAX_BYTES || !check_id_form(env)))
		report_add(l->r, CODE_ID_FORM, (struct mark){ 0 }, "TOCSIN_NAME must be %s (the environment has TOCSIN_NAME=%.*s)", form,
		    STR_ARG(env));
	*name = env.n ? arena_str(&l->c->mem, env) : *name;
}

static bool is_loopback(struct str host)
{
	return str_starts(host, S("127.")) || str_eq(host, S("::1"));
}

/* Without tokens everybody who reaches the server may do everything, so only this machine may reach it. */
static void check_door(struct load *l)
{
	if (l->c->auth_required || l->c->host.n == 0 || is_loopback(l->c->host))
		return;
	bool is_env = env_of(l, "HOST").n > 0;
	report_add(l->r, CODE_OPEN_DOOR, is_env ? (struct mark){ 0 } : mark_value(l, S("server.listen")),
	    "listening on %.*s%s lets other machines in, and auth.required is not true", STR_ARG(l->c->host),
	    is_env ? " (HOST in the environment)" : "");
}

static const struct { struct str end; int shift; } unit[] = {
	{ { "TiB", 3 }, 40 }, { { "GiB", 3 }, 30 }, { { "MiB", 3 }, 20 }, { { "KiB", 3 }, 10 }, { { "", 0 }, 0 },
};

int bytes_read(struct str s, int64_t *ret)
{
	for (size_t i = 0; i < COUNT(unit); i++) {
		struct str end = unit[i].end, number = s;
		int64_t v;
		if (s.n < end.n || !str_eq(str_skip(s, s.n - end.n), end))
			continue;
		number.n -= end.n;
		if (!str_int(number, &v) || v < 0 || v > INT64_MAX >> unit[i].shift || number.p[0] == '+')
			return EINVAL;
		*ret = v * (INT64_C(1) << unit[i].shift);
		return 0;
	}
	return EINVAL;
}

/* In the largest unit that loses nothing. */
void bytes_write(struct buf *b, int64_t bytes)
{
	size_t i = bytes == 0 ? COUNT(unit) - 1 : 0;
	while (bytes & ((INT64_C(1) << unit[i].shift) - 1))
		i++;
	buf_int(b, bytes >> unit[i].shift);
	buf_add(b, unit[i].end);
}

/* Which keys of storage mean something with which driver, one bit each. */
#define WITH(driver) (1u << DRIVER_##driver)
static const struct { const char *key; unsigned drivers, needed; const char *what; } storage_keys[] = {
	{ "path",     WITH(SQLITE) | WITH(JSON),        WITH(SQLITE) | WITH(JSON), "a file (sqlite) or a directory (json)" },
	{ "export",   WITH(JSON),                       0,                         "" },
	{ "min_free", WITH(SQLITE) | WITH(JSON),        0,                         "" },
	{ "url",      WITH(POSTGRES),                   WITH(POSTGRES),            "postgresql://USER@HOST/DATABASE" },
	{ "password", WITH(POSTGRES),                   0,                         "" },
	{ "schema",   WITH(POSTGRES),                   0,                         "" },
	{ "table",    WITH(DYNAMODB),                   0,                         "" },
	{ "region",   WITH(DYNAMODB),                   0,                         "" },
	{ "endpoint", WITH(DYNAMODB),                   0,                         "" },
	{ "shards",   WITH(POSTGRES) | WITH(DYNAMODB),  0,                         "" },
};

/* A key without a value, as in `path:`, is given as little as one that is not there. */
static bool is_given(const struct jv *value, bool is_whole)
{
	return is_whole && !(value->t == J_NULL || (value->t == J_STR && value->s.n == 0));
}

static void check_storage_keys(struct load *l, enum config_driver driver)
{
	struct str word = enum_word(&config_driver_names, (int)driver);
	bool is_whole;
	for (size_t i = 0; i < COUNT(storage_keys); i++) {
		struct str path = PATH(l, "storage.%s", storage_keys[i].key);
		const struct jv *value = &yaml_at(l->root, path, &is_whole)->jv;
		if (is_whole && !(storage_keys[i].drivers >> driver & 1))
			FAULT(l, CODE_STORAGE, path, "%.*s: means nothing with driver %.*s; remove it or choose another driver", STR_ARG(path), STR_ARG(word));
		if (!is_given(value, is_whole) && storage_keys[i].needed >> driver & 1)
			FAULT(l, CODE_STORAGE, is_whole ? path : S("storage"), "%.*s: is required with driver %.*s: %s", STR_ARG(path), STR_ARG(word), storage_keys[i].what);
	}
}

/* The character at *i, which moves on: %XX is the character that it stands for. */
static char plain_char(struct str s, size_t *i)
{
	static const char digits[] = "0123456789abcdef";
	const char *hi = NULL, *lo = NULL;
	if (s.p[*i] == '%' && s.n - *i > 2) {
		hi = memchr(digits, s.p[*i + 1] | 0x20, sizeof digits - 1);
		lo = memchr(digits, s.p[*i + 2] | 0x20, sizeof digits - 1);
	}
	bool is_escape = hi && lo;
	char c = s.p[*i];
	if (is_escape)
		c = (char)((hi - digits) << 4 | (lo - digits));
	*i += is_escape ? 3 : 1;
	return c;
}

/* "password" and a "=", as libpq reads an address or its keywords: escapes count, and so do keywords with blanks before the "=". */
static bool names_password(struct str s)
{
	static const char word[] = "password";
	size_t n = 0;                                              /* letters of the word that have been seen */
	for (size_t i = 0; i < s.n;) {
		char c = plain_char(s, &i);
		bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
		if (n == sizeof word - 1 && c == '=')
			return true;
		if (n == sizeof word - 1 && is_blank)
			continue;
		n = n < sizeof word - 1 && c == word[n] ? n + 1 : c == word[0];
	}
	return false;
}

bool url_holds_password(struct str url)
{
	struct str head, rest = url, user, word;
	if (!str_cut(url, '@', &head, &rest))
		return names_password(url);
	const char *slashes = memmem(head.p, head.n, "//", 2);
	head = slashes ? str_skip(head, (size_t)(slashes + 2 - head.p)) : head;
	return str_cut(head, ':', &user, &word) || names_password(url);
}

static struct str first_of(struct arena *a, struct str x, struct str y, struct str z)
{
	return arena_str(a, x.n ? x : y.n ? y : z);
}

/* Without the slashes at its end. */
static struct str read_url(struct load *l, struct str path, struct str url)
{
	struct str rest = url;
	bool is_http = str_starts(url, S("http://")) || str_starts(url, S("https://"));
	while (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (url_has_user(url))
		FAULT(l, CODE_LITERAL, path, "%.*s: must not hold a user name or password, which would be shown with it; take them out", STR_ARG(path));
	else if (url.n && (!is_http || rest.n < S("http://a").n))
		FAULT(l, CODE_URL, path, "%.*s: must begin with http:// or https:// and name a host, not \"%.*s\"", STR_ARG(path), STR_ARG(url));
	return rest;
}

static void read_storage(struct load *l)
{
	struct config_storage *s = &l->c->file.storage;
	l->c->driver = s->driver;
	l->c->storage_path = s->driver == DRIVER_POSTGRES ? s->url : s->path;
	l->c->min_free = MIN_FREE_DEFAULT;
	if (s->driver == DRIVER_JSON)
		l->c->export_path = s->export.n ? s->export : arena_fmt(&l->c->mem, "%.*s/incidents.json", STR_ARG(s->path));
	check_storage_keys(l, s->driver);
	s->endpoint = read_url(l, S("storage.endpoint"), s->endpoint);
	if (s->min_free.n && bytes_read(s->min_free, &l->c->min_free))
		FAULT(l, CODE_STORAGE, S("storage.min_free"), "storage.min_free: must be a size such as 64MiB, not \"%.*s\"", STR_ARG(s->min_free));
	if (s->url.n && url_holds_password(s->url))
		FAULT(l, CODE_LITERAL, S("storage.url"), "storage.url: holds a password; take it out and give storage.password: {env: NAME} or {file: PATH}");
	if (s->shards & (s->shards - 1))
		FAULT(l, CODE_STORAGE, S("storage.shards"), "storage.shards: must be a power of two such as 16, not %lld", (long long)s->shards);
	s->schema = s->schema.n ? s->schema : S("tocsin");
	s->table = first_of(&l->c->mem, s->table, env_of(l, "DYNAMODB_TABLE_NAME"), S("incidents"));
	s->region = first_of(&l->c->mem, s->region, env_of(l, "AWS_REGION"), first_of(&l->c->mem, env_of(l, "AWS_DEFAULT_REGION"), S(""), S("us-east-1")));
}

/* A section without the mode is kept for the day on which the two change places, which is then one word. */
static void read_standby(struct load *l)
{
	enum { SECOND = 1000, MINUTE = 60 * SECOND, DAY = 24 * 60 * MINUTE };
	struct config_standby *s = &l->c->file.standby;
	const struct { const char *key; int64_t *value, fallback; } waits[] = {
		{ "poll", &s->poll, 3 * SECOND }, { "take_over_after", &s->take_over_after, 2 * MINUTE }, { "yield_after", &s->yield_after, 30 * SECOND },
		{ "copy", &s->copy, DAY },
	};
	bool is_whole;
	if (l->c->file.mode != MODE_STANDBY && s->primary.n == 0)
		return;
	for (size_t i = 0; i < COUNT(waits); i++)
		if (*waits[i].value == 0)
			*waits[i].value = waits[i].fallback;
	s->primary = read_url(l, S("standby.primary"), s->primary);
	if (s->primary.n == 0)
		FAULT(l, CODE_STANDBY, S("mode"), "standby.primary: is required with mode: standby; the URL of the server to stand by for");
	const struct jv *token = &yaml_at(l->root, S("standby.token"), &is_whole)->jv;
	if (!is_whole || token->t == J_NULL)                       /* what it is when it is there, its table has judged */
		FAULT(l, CODE_STANDBY, S("mode"), "standby.token: is required; {env: NAME} or {file: PATH} of a token with the scope replicate");
	if (s->poll >= s->take_over_after)
		FAULT(l, CODE_STANDBY, S("standby.take_over_after"), "standby.take_over_after: must be longer than standby.poll");
}

void process_read(struct load *l)
{
	struct config *c = l->c;
	static const enum log_level levels[] = { [CONFIG_DEBUG] = LOG_DEBUG, [CONFIG_INFO] = LOG_INFO, [CONFIG_WARN] = LOG_WARN,
		[CONFIG_ERROR] = LOG_ERROR };
	bool is_whole;
	c->log_level = levels[c->file.server.log.level];
	c->log_format = c->file.server.log.format;
	c->auth_required = c->file.auth.required;
	int64_t version = 1;
	const struct ynode *written = yaml_at(l->root, S("version"), &is_whole);
	if (is_whole && str_int(written->jv.s, &version) && version != 1)
		FAULT(l, CODE_VERSION, S("version"), "version: this program reads version 1 of the format");
	c->file.version = 1;
	read_name(l);
	read_listen(l);
	c->public_url = read_url(l, S("server.public_url"), c->file.server.public_url);
	read_standby(l);
	read_storage(l);
	check_door(l);
}
