/* aws_credentials.c - the chain: environment and files are read here, what is asked over HTTP is in aws_fetch.c.
 *
 * Keys are kept until 15 minutes before their end. Then one caller fetches new ones while the others go on with the old; only when those are
 * over does everybody wait. A source that fails is asked again after a pause, so that an endpoint that hangs does not slow down every call.
 */
#include "store/aws_inside.h"
#include "store/http.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFRESH_MS = 15 * 60000, PAUSE_MS = 60000, PAUSE_WITHOUT_MS = 2000, FILE_MAX = 1 << 20, TEXTS_MAX = 4 << 20 };

struct aws_chain {
	struct aws_environment e;
	char *region;
	pthread_mutex_t fetching, lock;  /* lock guards what follows; fetching is held by the one who asks a source */
	struct arena mem;                /* of keys */
	struct aws_keys keys;            /* no id: there are none */
	int64_t not_before_ms;           /* monotonic: the next fetch */
	struct buf why;                  /* of the last one that failed */
};

struct str aws_env(const struct aws_environment *e, const char *name)
{
	return str_c(e->get ? e->get(e->ctx, name) : NULL);
}

int aws_read_file(struct arena *a, struct str path, struct str *ret, struct buf *why)
{
	struct buf b = BUF(FILE_MAX);
	char *z = xstrndup(path), part[4096];
	FILE *f = fopen(z, "re");
	int err = f ? 0 : errno;
	for (size_t n; f && (n = fread(part, 1, sizeof part, f)) > 0;)
		buf_add(&b, (struct str){ part, n });
	if (f && err == 0)
		err = ferror(f) ? EIO : b.err;
	if (f)
		fclose(f);
	if (err == 0)
		err = str_keep(a, buf_str(&b), ret);
	if (err)
		buf_fmt(why, "%s: %s", z, strerror(err));
	free(z);
	buf_free(&b);
	return err;
}

static enum aws_found from_environment(const struct aws_asked *q, struct aws_keys *ret, struct buf *why)
{
	struct sigv4_keys k = { aws_env(q->e, "AWS_ACCESS_KEY_ID"), aws_env(q->e, "AWS_SECRET_ACCESS_KEY"),
	    aws_env(q->e, "AWS_SESSION_TOKEN") };
	if (k.id.n == 0) {
		buf_add(why, S("AWS_ACCESS_KEY_ID is not set"));
		return AWS_ABSENT;
	}
	if (k.secret.n == 0) {
		buf_add(why, S("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set both or neither"));
		return AWS_FAILED;
	}
	*ret = (struct aws_keys){ k, INT64_MAX };
	return AWS_FOUND;
}

/* INI as AWS writes it. A line that begins with a blank belongs to the setting above, and none of ours has such. */
struct line { struct str section, name, value; };

static bool next_line(struct str *rest, struct line *at)
{
	struct str line;
	while (rest->n > 0) {
		if (!str_cut(*rest, '\n', &line, rest)) {
			line = *rest;
			*rest = (struct str){ 0 };
		}
		struct str text = str_trim(line);
		if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
			at->section = str_trim((struct str){ text.p + 1, text.n - 2 });
		else if (text.n > 0 && text.p[0] != '#' && text.p[0] != ';' && text.p[0] == line.p[0] &&
		    str_cut(text, '=', &at->name, &at->value)) {
			at->name = str_trim(at->name);
			at->value = str_trim(at->value);
			return true;
		}
	}
	return false;
}

static bool is_not_served(struct str name)
{
	static const char *const names[] = { "role_arn", "sso_session", "sso_start_url", "login_session", "credential_process" };
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(name, str_c(names[i])))
			return true;
	return false;
}

int aws_read_profile(struct str text, struct str section, struct aws_keys *ret, struct buf *why)
{
	struct aws_keys k = { .until_ms = INT64_MAX };
	const struct { const char *name; struct str *to; } table[] = {
		{ "aws_access_key_id", &k.keys.id }, { "aws_secret_access_key", &k.keys.secret }, { "aws_session_token", &k.keys.token },
	};
	struct line at = { 0 };
	while (next_line(&text, &at)) {
		if (!str_eq(at.section, section))
			continue;
		if (is_not_served(at.name)) {
			buf_fmt(why, "[%.*s] has %.*s, which is not served here: get keys with it and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
			    "and AWS_SESSION_TOKEN, or let the container or instance have the role",
			    STR_ARG(section), STR_ARG(at.name));
			return EINVAL;
		}
		for (size_t i = 0; i < COUNT(table); i++)
			if (str_eq(at.name, str_c(table[i].name)))
				*table[i].to = at.value;
	}
	if (k.keys.id.n == 0 || k.keys.secret.n == 0)
		return ENOENT;
	*ret = k;
	return 0;
}

/* The file a variable names, or that in ~/.aws. Empty: there is no home. */
static struct str place(const struct aws_asked *q, const char *variable, const char *usual)
{
	struct str path = aws_env(q->e, variable), home = aws_env(q->e, "HOME");
	if (path.n == 0)
		return home.n ? arena_fmt(q->a, "%.*s/.aws/%s", STR_ARG(home), usual) : path;
	if (str_starts(path, S("~/")) && home.n)
		path = arena_fmt(q->a, "%.*s%.*s", STR_ARG(home), STR_ARG(str_skip(path, 1)));
	return path;
}

/* One of the two files. A file that is not there is like one without the section. */
static int look_in(const struct aws_asked *q, struct str path, struct str section, struct aws_keys *ret, struct buf *why)
{
	struct str text = { 0 };
	struct buf said = BUF(4096);
	if (path.n == 0)
		return ENOENT;
	int err = aws_read_file(q->a, path, &text, &said);
	if (err == 0)
		err = aws_read_profile(text, section, ret, &said);
	if (err && err != ENOENT)
		buf_fmt(why, "%s%.*s", err == EINVAL ? arena_fmt(q->a, "%.*s: ", STR_ARG(path)).p : "", STR_ARG(buf_str(&said)));
	buf_free(&said);
	return err;
}

/* The config file is asked first, for a role that it wants assumed: its keys would be somebody else's. */
static enum aws_found from_profile(const struct aws_asked *q, struct aws_keys *ret, struct buf *why)
{
	struct str named = aws_env(q->e, "AWS_PROFILE"), profile, credentials, config, section;
	if (named.n == 0)
		named = aws_env(q->e, "AWS_DEFAULT_PROFILE");
	profile = named.n ? named : S("default");
	credentials = place(q, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
	config = place(q, "AWS_CONFIG_FILE", "config");
	section = str_eq(profile, S("default")) ? profile : arena_fmt(q->a, "profile %.*s", STR_ARG(profile));
	int in_config = look_in(q, config, section, ret, why);
	if (in_config != 0 && in_config != ENOENT)
		return AWS_FAILED;
	int in_credentials = look_in(q, credentials, profile, ret, why);
	if (in_credentials != 0 && in_credentials != ENOENT)
		return AWS_FAILED;
	if (in_credentials == 0 || in_config == 0)
		return AWS_FOUND;
	buf_fmt(why, "no keys of profile \"%.*s\" in %.*s or %.*s", STR_ARG(profile),
	    STR_ARG(credentials.n ? credentials : S("~/.aws/credentials")),
	    STR_ARG(config.n ? config : S("~/.aws/config")));
	return named.n ? AWS_FAILED : AWS_ABSENT;
}

/* The first source that is there, in the order of aws_credentials.h. */
static bool find(const struct aws_asked *q, struct aws_keys *ret, struct buf *why)
{
	static aws_source *const sources[] = { from_environment, aws_from_web_identity, from_profile,
	    aws_from_container, aws_from_instance };
	struct buf remarks = BUF(16 << 10);
	enum aws_found found = AWS_ABSENT;
	for (size_t i = 0; i < COUNT(sources) && found == AWS_ABSENT; i++) {
		struct buf remark = BUF(4096);
		found = sources[i](q, ret, &remark);
		if (found == AWS_FAILED)
			buf_clear(&remarks);
		buf_fmt(&remarks, "%s%.*s", remarks.n ? "; " : "", STR_ARG(buf_str(&remark)));
		buf_free(&remark);
	}
	if (found != AWS_FOUND)
		buf_fmt(why, "no AWS credentials: %.*s", STR_ARG(buf_str(&remarks)));
	buf_free(&remarks);
	return found == AWS_FOUND;
}

struct aws_chain *aws_chain_new(struct aws_environment e, struct str region)
{
	struct aws_chain *c = xmalloc(sizeof *c);
	*c = (struct aws_chain){ .e = e, .region = xstrndup(region), .mem = ARENA(TEXTS_MAX), .why = BUF(16 << 10) };
	pthread_mutex_init(&c->fetching, NULL);
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void aws_chain_free(struct aws_chain *c)
{
	if (c == NULL)
		return;
	arena_free(&c->mem);
	buf_free(&c->why);
	pthread_mutex_destroy(&c->fetching);
	pthread_mutex_destroy(&c->lock);
	free(c->region);
	free(c);
}

static struct sigv4_keys keys_in(struct arena *a, struct sigv4_keys k)
{
	return (struct sigv4_keys){ arena_str(a, k.id), arena_str(a, k.secret), arena_str(a, k.token) };
}

/* With the lock. */
static void keep(struct aws_chain *c, bool found, const struct aws_keys *got, const struct buf *said)
{
	buf_clear(&c->why);
	if (found) {
		arena_reset(&c->mem);
		c->keys = (struct aws_keys){ keys_in(&c->mem, got->keys), got->until_ms };
		c->not_before_ms = 0;
	} else {
		buf_add(&c->why, buf_str(said));
		c->not_before_ms = http_mono_ms() + (c->keys.keys.id.n ? PAUSE_MS : PAUSE_WITHOUT_MS);
	}
}

/* With the lock, which is let go meanwhile. */
static void fetch(struct aws_chain *c)
{
	struct arena a = ARENA(TEXTS_MAX);
	struct aws_keys got = { 0 };
	struct buf said = BUF(16 << 10);
	struct aws_asked q = { &c->e, str_c(c->region), &a };
	pthread_mutex_unlock(&c->lock);
	bool found = find(&q, &got, &said);
	pthread_mutex_lock(&c->lock);
	keep(c, found, &got, &said);
	buf_free(&said);
	arena_free(&a);
}

static bool is_good(const struct aws_chain *c, int64_t now_ms, int64_t margin_ms)
{
	return c->keys.keys.id.n > 0 && (c->keys.until_ms == INT64_MAX || c->keys.until_ms - margin_ms > now_ms);
}

static bool may_fetch(const struct aws_chain *c)
{
	return http_mono_ms() >= c->not_before_ms;
}

bool aws_chain_keys(struct aws_chain *c, int64_t now_ms, struct arena *a, struct sigv4_keys *ret, struct buf *why)
{
	pthread_mutex_lock(&c->lock);
	if (!is_good(c, now_ms, REFRESH_MS) && may_fetch(c)) {
		bool can_go_on = is_good(c, now_ms, 0);
		pthread_mutex_unlock(&c->lock);
		bool is_mine = can_go_on ? pthread_mutex_trylock(&c->fetching) == 0 : pthread_mutex_lock(&c->fetching) == 0;
		pthread_mutex_lock(&c->lock);
		if (is_mine && !is_good(c, now_ms, REFRESH_MS) && may_fetch(c))      /* nobody else has while we waited */
			fetch(c);
		if (is_mine)
			pthread_mutex_unlock(&c->fetching);
	}
	bool is_there = is_good(c, now_ms, 0);
	if (is_there)
		*ret = keys_in(a, c->keys.keys);
	else
		buf_add(why, c->why.n ? buf_str(&c->why) : S("the AWS credentials found have expired"));
	pthread_mutex_unlock(&c->lock);
	return is_there;
}

void aws_chain_expired(struct aws_chain *c, struct str key_id)
{
	pthread_mutex_lock(&c->lock);
	if (str_eq(c->keys.keys.id, key_id))
		c->keys = (struct aws_keys){ .until_ms = 0 };
	pthread_mutex_unlock(&c->lock);
}
