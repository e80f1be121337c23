/* desc_read.c - JSON into an object, by its field table. Every fault is told, not the first only; paths are put together only when
 * there is one. Members usually come in the order of the table (we wrote them), so the search for a field begins after the last.
 *
 * Recursion follows the nesting of the text, which json_parse has bounded.
 */
#include "base/when.h"
#include "model/walk.h"
#include <assert.h>
#include <errno.h>

struct place { const struct place *up; struct str name; size_t index; };   /* name.p NULL: an element of a list */
struct reader { struct arena *a; enum desc_view view; struct faults *f; };

enum { PATH_MAX_BYTES = 512, QUOTE_MAX = 64 };

static struct str clipped(struct str s, size_t max)
{
	if (s.n > max)
		s.n = str_utf8_span((struct str){ s.p, max });
	return s;
}

static void write_path(struct buf *b, const struct place *at)
{
	if (at->up != NULL)
		write_path(b, at->up);
	if (at->name.p == NULL) {
		buf_fmt(b, "[%zu]", at->index);
		return;
	}
	if (b->n > 0 && at->name.n > 0)
		buf_char(b, '.');
	buf_add(b, clipped(at->name, QUOTE_MAX));
}

PRINTF_LIKE(4, 5) static void wrong(const struct reader *r, const struct place *at, const struct jv *j, const char *fmt, ...)
{
	struct buf path = BUF(PATH_MAX_BYTES), what = BUF(PATH_MAX_BYTES * 4);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&what, fmt, ap);
	va_end(ap);
	write_path(&path, at);
	fault_add(r->f, j, buf_str(&path), "%.*s", STR_ARG(buf_str(&what)));
	buf_free(&path);
	buf_free(&what);
}

/* "must be X, not Y". Y is the text itself where the text was what could have been right. */
static void wrong_type(const struct reader *r, const struct place *at, const struct jv *j, const char *want, bool is_text_fit)
{
	static const char *const article[] = { [J_NULL] = "", [J_BOOL] = "a ", [J_INT] = "an ", [J_REAL] = "a ",
		[J_STR] = "a ", [J_ARR] = "an ", [J_OBJ] = "an " };
	struct str text = clipped(j->s, QUOTE_MAX);
	if (j->t == J_STR && (is_text_fit || r->view == V_CONFIG))
		wrong(r, at, j, "must be %s, not \"%.*s\"%s", want, STR_ARG(text), text.n < j->s.n ? "..." : "");
	else
		wrong(r, at, j, "must be %s, not %s%s", want, article[j->t], json_type_name(j->t));
}

/* Our own documents are taken as they are: a limit that was lowered since must not make them unreadable. */
static bool has_limits(const struct reader *r)
{
	return r->view != V_STORE;
}

static void read_str(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, struct str *ret)
{
	*ret = j->s;
	if (j->t != J_STR)
		wrong_type(r, at, j, "a string", false);
	else if (!has_limits(r))
		return;
	else if (f->max > 0 && j->s.n > (uint64_t)f->max)
		wrong(r, at, j, "longer than %lld bytes", (long long)f->max);
	else if (j->s.n == 0 && f->min > 0 && (f->flags & REQ))
		wrong(r, at, j, "must not be empty");
	else if (j->s.n > 0 && j->s.n < (uint64_t)f->min)
		wrong(r, at, j, "shorter than %lld bytes", (long long)f->min);
	else if (!str_is_utf8(j->s))
		wrong(r, at, j, "must be valid UTF-8");
}

/* A number of any kind, as JSON or, in the configuration, as its text. */
static bool take_int(const struct reader *r, const struct jv *j, int64_t *ret)
{
	if (r->view == V_CONFIG && j->t == J_STR)
		return str_int(j->s, ret);
	*ret = j->i;
	return j->t == J_INT;
}

static void read_int(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, int64_t *ret)
{
	if (!take_int(r, j, ret))
		wrong_type(r, at, j, "an integer", false);
	else if (has_limits(r) && f->max > f->min && (*ret < f->min || *ret > f->max))
		wrong(r, at, j, "must be %lld..%lld", (long long)f->min, (long long)f->max);
}

static void read_bool(const struct reader *r, const struct place *at, const struct jv *j, bool *ret)
{
	bool is_text = r->view == V_CONFIG && j->t == J_STR;
	*ret = is_text ? str_eq(j->s, S("true")) : j->i != 0;
	if (is_text ? !*ret && !str_eq(j->s, S("false")) : j->t != J_BOOL)
		wrong_type(r, at, j, "true or false", false);
}

static void read_time(const struct reader *r, const struct place *at, const struct jv *j, int64_t *ret)
{
	if (j->t != J_STR || when_read(j->s, ret))
		wrong_type(r, at, j, "a time such as 2026-01-02T03:04:05Z", true);
}

static void read_duration(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, int64_t *ret)
{
	if (j->t != J_STR || duration_read(j->s, ret)) {
		wrong_type(r, at, j, "a duration such as 90s, 15m or 1h45m", true);
	} else if (has_limits(r) && f->max > f->min && (*ret < f->min || *ret > f->max)) {
		struct buf range = BUF(128);
		duration_write(&range, f->min);
		buf_add(&range, S(".."));
		duration_write(&range, f->max);
		wrong(r, at, j, "must be %.*s", STR_ARG(buf_str(&range)));
		buf_free(&range);
	}
}

static void read_severity(const struct reader *r, const struct place *at, const struct jv *j, int64_t *ret)
{
	int64_t word = j->t == J_STR ? severity_value(j->s) : 0;
	*ret = word ? word : j->i;
	if (j->t == J_STR ? word == 0 : j->t != J_INT)
		wrong_type(r, at, j, "a severity: critical, high, medium, low, info or 5..1", true);
	else if (has_limits(r) && (*ret < 1 || *ret > 5))
		wrong(r, at, j, "must be 1..5");
}

static void read_enum(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, void *ret)
{
	int value = j->t == J_STR ? enum_value(f->names, j->s) : -1;
	if (value >= 0) {
		memcpy(ret, &value, sizeof value);
		return;
	}
	struct buf words = BUF(PATH_MAX_BYTES);
	struct str text = clipped(j->s, QUOTE_MAX);
	for (size_t i = 0; i < f->names->n; i++)
		buf_fmt(&words, "%s%s", i ? ", " : "", f->names->v[i]);
	if (j->t == J_STR)
		wrong(r, at, j, "unknown value \"%.*s\"; one of: %.*s", STR_ARG(text), STR_ARG(buf_str(&words)));
	else
		wrong_type(r, at, j, "a string", false);
	buf_free(&words);
}

static size_t count(const struct jv *j)
{
	size_t n = 0;
	for (const struct jv *k = j->kid; k != NULL; k = k->next)
		n++;
	return n;
}

/* Room for as many elements as j has, or NULL with the fault told (or with *ret_n 0: there are none). */
static void *room(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, size_t size,
    size_t *ret_n)
{
	size_t n = count(j);
	void *v = NULL;
	if (has_limits(r) && f->max > 0 && n > (uint64_t)f->max)
		wrong(r, at, j, "more than %lld elements", (long long)f->max);
	else if (has_limits(r) && (f->flags & REQ) && n < (uint64_t)f->min)
		wrong(r, at, j, "needs at least %lld element%s", (long long)f->min, f->min == 1 ? "" : "s");
	else if (n > 0 && (v = arena_alloc(r->a, n, size)) == NULL)
		wrong(r, at, j, "too large");
	*ret_n = v ? n : 0;
	return v;
}

static struct str read_text(const struct reader *r, const struct place *at, const struct jv *j)
{
	if (j->t != J_STR)
		wrong_type(r, at, j, "a string", false);
	else if (has_limits(r) && !str_is_utf8(j->s))
		wrong(r, at, j, "must be valid UTF-8");
	return j->s;
}

static void read_strs(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, struct strs *ret)
{
	struct place here = { .up = at };
	if (j->t != J_ARR) {
		wrong_type(r, at, j, "a list of strings", false);
		return;
	}
	ret->v = room(r, at, f, j, sizeof *ret->v, &ret->n);
	const struct jv *k = j->kid;
	for (here.index = 0; here.index < ret->n; here.index++, k = k->next)
		ret->v[here.index] = read_text(r, &here, k);
}

static void read_map(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, struct map *ret)
{
	if (j->t != J_OBJ) {
		wrong_type(r, at, j, "an object of strings", false);
		return;
	}
	ret->v = room(r, at, f, j, sizeof *ret->v, &ret->n);
	const struct jv *k = j->kid;
	for (size_t i = 0; i < ret->n; i++, k = k->next)
		ret->v[i] = (struct pair){ k->key, read_text(r, &(struct place){ .up = at, .name = k->key }, k) };
}

/* A literal is refused without being repeated: the fault may end in a log. */
static void read_secret(const struct reader *r, const struct place *at, const struct jv *j, struct secret *ret)
{
	if (j->t != J_OBJ) {
		wrong(r, at, j, "a secret must be a reference such as {env: NAME}, not a literal");
		return;
	}
	for (const struct jv *k = j->kid; k != NULL; k = k->next) {
		struct place here = { .up = at, .name = k->key };
		struct str *to = str_eq(k->key, S("env")) ? &ret->env : str_eq(k->key, S("file")) ? &ret->file : NULL;
		if (to == NULL)
			wrong(r, &here, k, "unknown key; a secret is {env: NAME} or {file: PATH}");
		else if ((*to = read_text(r, &here, k)).n == 0)
			wrong(r, &here, k, "must not be empty");
	}
	if (j->kid == NULL || j->kid->next != NULL)
		wrong(r, at, j, "a secret must have exactly one of env and file");
}

static void read_secrets(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j,
    struct secrets *ret)
{
	if (j->t != J_OBJ) {
		wrong(r, at, j, "must be an object of secrets such as {NAME: {env: VARIABLE}}");
		return;
	}
	ret->v = room(r, at, f, j, sizeof *ret->v, &ret->n);
	const struct jv *k = j->kid;
	for (size_t i = 0; i < ret->n; i++, k = k->next) {
		ret->v[i].key = k->key;
		read_secret(r, &(struct place){ .up = at, .name = k->key }, k, &ret->v[i].secret);
	}
}

static void read_object(const struct reader *r, const struct place *at, const struct entity *e, const struct jv *j, char *obj);

static void read_list(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, void *ret)
{
	struct span list;
	struct place here = { .up = at };
	if (j->t != J_ARR) {
		wrong_type(r, at, j, "a list of objects", false);
		return;
	}
	list.v = room(r, at, f, j, f->sub->size, &list.n);
	memcpy(ret, &list, sizeof list);
	const struct jv *k = j->kid;
	for (here.index = 0; here.index < list.n; here.index++, k = k->next)
		read_object(r, &here, f->sub, k, list.v + here.index * f->sub->size);
}

static void read_value(const struct reader *r, const struct place *at, const struct field *f, const struct jv *j, void *to)
{
	switch (f->kind) {
	case K_STR: read_str(r, at, f, j, to); break;
	case K_INT: read_int(r, at, f, j, to); break;
	case K_BOOL: read_bool(r, at, j, to); break;
	case K_TIME: read_time(r, at, j, to); break;
	case K_DUR: read_duration(r, at, f, j, to); break;
	case K_SEV: read_severity(r, at, j, to); break;
	case K_ENUM: read_enum(r, at, f, j, to); break;
	case K_SUB: read_object(r, at, f->sub, j, to); break;
	case K_LIST: read_list(r, at, f, j, to); break;
	case K_STRS: read_strs(r, at, f, j, to); break;
	case K_MAP: read_map(r, at, f, j, to); break;
	case K_ANY: memcpy(to, &j, sizeof j); break;
	case K_SECRET: read_secret(r, at, j, to); break;
	case K_SECRETS: read_secrets(r, at, f, j, to); break;
	}
}

/* What may come in through a view. RO is among them at the API, to be refused with a better word than "unknown". */
static bool is_known(const struct field *f, enum desc_view v)
{
	switch (v) {
	case V_API: return is_shown(f);
	case V_DOOR: return is_shown(f) && !(f->flags & (RO | VIEW));
	case V_STORE: return !(f->flags & VIEW);
	case V_CONFIG: return !(f->flags & (RO | VIEW | INNER));
	}
	return false;
}

static const struct field *find(const struct entity *e, const struct field *guess, struct str key, enum desc_view v)
{
	for (size_t i = 0; i < e->nf; i++, guess++) {
		if (guess == e->f + e->nf)
			guess = e->f;
		if (str_eq(field_name(guess), key))
			return is_known(guess, v) ? guess : NULL;
	}
	return NULL;
}

static const char *nearest(const struct entity *e, struct str key, enum desc_view v)
{
	const char *name = NULL;
	size_t best = 3;
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		size_t d = str_distance(field_name(f), key);
		if (d < best && d < key.n && is_known(f, v) && (v == V_CONFIG || !(f->flags & RO))) {
			best = d;
			name = f->name;
		}
	}
	return name;
}

/* Puts a copy of the member at the end of a chain and returns the new end. */
static struct jv **keep(const struct reader *r, const struct place *at, const struct jv *m, struct jv **tail)
{
	struct jv *copy = arena_alloc(r->a, 1, sizeof *copy);
	if (copy == NULL) {
		wrong(r, at, m, "too large");
		return tail;
	}
	*copy = *m;
	copy->next = NULL;
	*tail = copy;
	return &copy->next;
}

static void refuse(const struct reader *r, const struct place *at, const struct entity *e, const struct jv *m)
{
	const char *name = nearest(e, m->key, r->view), *what = r->view == V_CONFIG ? "key" : "member";
	if (name)
		wrong(r, at, m, "unknown %s; did you mean \"%s\"?", what, name);
	else
		wrong(r, at, m, "unknown %s", what);
}

/* Null means "not given" except where a client of the API should know better. */
static bool is_absent(const struct reader *r, const struct field *f, const struct jv *j)
{
	return j == NULL || (j->t == J_NULL && (r->view != V_API || is_nullable(f)));
}

static void check_required(const struct reader *r, const struct place *at, const struct entity *e, const struct jv *j)
{
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		struct place here = { .up = at, .name = field_name(f) };
		bool is_wanted = (f->flags & REQ) && !(f->flags & RO) && is_known(f, r->view);
		if (is_wanted && is_absent(r, f, json_get(j, here.name)))
			wrong(r, &here, j, "is required");
	}
}

static void read_object(const struct reader *r, const struct place *at, const struct entity *e, const struct jv *j, char *obj)
{
	const struct field *guess = e->f;
	struct jv *unknown = NULL, **tail = &unknown;
	if (j->t != J_OBJ) {
		wrong_type(r, at, j, "an object", false);
		return;
	}
	for (const struct jv *m = j->kid; m != NULL; m = m->next) {
		struct place here = { .up = at, .name = m->key };
		const struct field *f = find(e, guess, m->key, r->view);
		if (f == NULL && r->view == V_STORE)
			tail = keep(r, &here, m, tail);
		else if (f == NULL && r->view != V_DOOR)
			refuse(r, &here, e, m);
		else if (f != NULL && r->view == V_API && (f->flags & (RO | VIEW)))
			wrong(r, &here, m, "is read-only");
		else if (f != NULL && !is_absent(r, f, m))
			read_value(r, &here, f, m, obj + f->off);
		guess = f ? f + 1 : guess;
	}
	memcpy(obj, &unknown, sizeof unknown);
	if (has_limits(r))
		check_required(r, at, e, j);
}

int desc_read(struct arena *a, void *obj, const struct entity *e, const struct jv *j, enum desc_view v, struct str path,
    struct faults *f)
{
	struct reader r = { a, v, f };
	struct place at = { .name = path.p ? path : S("") };
	size_t before = f->n;
	memset(obj, 0, e->size);
	read_object(&r, &at, e, j, obj);
	return f->n == before ? 0 : EINVAL;
}
