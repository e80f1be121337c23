/* desc_read.c - JSON into an object, by its field table. All faults are told, not the first only; their paths are
 * put together only when there are any. Members mostly come in the order of the table (we wrote them), so the
 * search for a field begins after the last one found.
 *
 * Recursion follows the nesting of the text, which json_parse has bounded.
 */
#include "base/when.h"
#include "model/walk.h"
#include <errno.h>

struct reader { struct arena *a; enum desc_view view; struct faults *f; };

/* A value and its place: what is being read. Spots live on the stack, each knows the one around it. */
struct spot {
	const struct reader *r;
	const struct spot *up;
	struct str name;                 /* .p NULL: element `index` of a list */
	size_t index;
	const struct field *f;
	const struct jv *j;
};

enum { TEXT_MAX = 2048, PATH_MAX_BYTES = 1024, QUOTE_MAX = 64 };

static struct spot member(const struct spot *s, const struct jv *j)
{
	return (struct spot){ .r = s->r, .up = s, .name = j->key, .f = s->f, .j = j };
}

static struct spot element(const struct spot *s, size_t index, const struct jv *j)
{
	return (struct spot){ .r = s->r, .up = s, .index = index, .f = s->f, .j = j };
}

static struct str clipped(struct str s)
{
	if (s.n > QUOTE_MAX)
		s.n = str_utf8_span((struct str){ s.p, QUOTE_MAX });
	return s;
}

static void write_path(struct buf *b, const struct spot *s)
{
	if (s->up != NULL)
		write_path(b, s->up);
	if (s->name.p == NULL) {
		buf_fmt(b, "[%zu]", s->index);
		return;
	}
	if (b->n > 0 && s->name.n > 0)
		buf_char(b, '.');
	buf_add(b, s->up ? clipped(s->name) : s->name);
}

PRINTF_LIKE(2, 3) static void wrong(const struct spot *s, const char *fmt, ...)
{
	struct buf path = BUF(PATH_MAX_BYTES), what = BUF(TEXT_MAX);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&what, fmt, ap);
	va_end(ap);
	write_path(&path, s);
	fault_add(s->r->f, s->j, buf_str(&path), "%.*s", STR_ARG(buf_str(&what)));
	buf_free(&path);
	buf_free(&what);
}

/* "must be X, not Y", where Y is the kind of value that came. */
static void wrong_type(const struct spot *s, const char *want)
{
	static const char *const came[] = { [J_NULL] = "null", [J_BOOL] = "a boolean", [J_INT] = "an integer",
		[J_REAL] = "a number", [J_STR] = "a string", [J_ARR] = "an array", [J_OBJ] = "an object" };
	wrong(s, "must be %s, not %s", want, came[s->j->t]);
}

/* The same for a kind that is written as text: then Y is that text. */
static void wrong_text(const struct spot *s, const char *want)
{
	struct str text = clipped(s->j->s);
	if (s->j->t == J_STR)
		wrong(s, "must be %s, not \"%.*s\"%s", want, STR_ARG(text), text.n < s->j->s.n ? "..." : "");
	else
		wrong_type(s, want);
}

/* In the configuration every scalar is a text. */
static bool is_config_text(const struct spot *s)
{
	return s->r->view == V_CONFIG && s->j->t == J_STR;
}

static void wrong_scalar(const struct spot *s, const char *want)
{
	(is_config_text(s) ? wrong_text : wrong_type)(s, want);
}

/* Our own documents are taken as they are: a limit that was lowered since must not make them unreadable. */
static bool has_limits(const struct spot *s)
{
	return s->r->view != V_STORE;
}

static bool is_out_of_range(const struct spot *s, int64_t v)
{
	return has_limits(s) && s->f->max > s->f->min && (v < s->f->min || v > s->f->max);
}

static struct str read_text(const struct spot *s)
{
	if (s->j->t != J_STR)
		wrong_scalar(s, "a string");
	else if (has_limits(s) && !str_is_utf8(s->j->s))
		wrong(s, "must be valid UTF-8");
	return s->j->s;
}

static void read_str(const struct spot *s, struct str *ret)
{
	const struct field *f = s->f;
	*ret = read_text(s);
	if (!has_limits(s) || s->j->t != J_STR)
		return;
	if (f->max > 0 && ret->n > (uint64_t)f->max)
		wrong(s, "longer than %lld bytes", (long long)f->max);
	else if (ret->n == 0 && f->min > 0 && (f->flags & REQ))
		wrong(s, "must not be empty");
	else if (ret->n > 0 && ret->n < (uint64_t)f->min)
		wrong(s, "shorter than %lld bytes", (long long)f->min);
}

static void read_int(const struct spot *s, int64_t *ret)
{
	*ret = s->j->i;
	if (is_config_text(s) ? !str_int(s->j->s, ret) : s->j->t != J_INT)
		wrong_scalar(s, "an integer");
	else if (is_out_of_range(s, *ret))
		wrong(s, "must be %lld..%lld", (long long)s->f->min, (long long)s->f->max);
}

static void read_bool(const struct spot *s, bool *ret)
{
	bool is_text = is_config_text(s);
	*ret = is_text ? str_eq(s->j->s, S("true")) : s->j->i != 0;
	if (is_text ? !*ret && !str_eq(s->j->s, S("false")) : s->j->t != J_BOOL)
		wrong_scalar(s, "true or false");
}

static void read_time(const struct spot *s, int64_t *ret)
{
	if (s->j->t != J_STR || when_read(s->j->s, ret))
		wrong_text(s, "a time such as 2026-01-02T03:04:05Z");
}

static void read_duration(const struct spot *s, int64_t *ret)
{
	if (s->j->t != J_STR || duration_read(s->j->s, ret)) {
		wrong_text(s, "a duration such as 90s, 15m or 1h45m");
	} else if (is_out_of_range(s, *ret)) {
		struct buf range = BUF(TEXT_MAX);
		duration_write(&range, s->f->min);
		buf_add(&range, S(".."));
		duration_write(&range, s->f->max);
		wrong(s, "must be %.*s", STR_ARG(buf_str(&range)));
		buf_free(&range);
	}
}

static void read_severity(const struct spot *s, int64_t *ret)
{
	*ret = s->j->t == J_STR ? severity_value(s->j->s) : s->j->i;
	if (s->j->t == J_STR ? *ret == 0 : s->j->t != J_INT)
		wrong_text(s, "a severity: critical, high, medium, low, info or 5..1");
	else if (has_limits(s) && (*ret < 1 || *ret > 5))
		wrong(s, "must be 1..5");
}

static void wrong_word(const struct spot *s)
{
	const struct names *names = s->f->names;
	struct buf words = BUF(TEXT_MAX);
	for (size_t i = 0; i < names->n; i++)
		buf_fmt(&words, "%s%s", i ? ", " : "", names->v[i]);
	s->r->f->n_beyond += s->r->view == V_STORE;
	wrong(s, "unknown value \"%.*s\"; one of: %.*s", STR_ARG(clipped(s->j->s)), STR_ARG(buf_str(&words)));
	buf_free(&words);
}

static void read_enum(const struct spot *s, void *ret)
{
	int value = s->j->t == J_STR ? enum_value(s->f->names, s->j->s) : -1;
	if (value >= 0)
		memcpy(ret, &value, sizeof value);
	else if (s->j->t == J_STR)
		wrong_word(s);
	else
		wrong_type(s, "a string");
}

/* Room for as many elements as the value has, or NULL: there are none, or the fault is told. */
static void *room(const struct spot *s, size_t size, size_t *ret_n)
{
	const struct field *f = s->f;
	size_t n = 0;
	void *v = NULL;
	for (const struct jv *k = s->j->kid; k != NULL; k = k->next)
		n++;
	if (has_limits(s) && f->max > 0 && n > (uint64_t)f->max)
		wrong(s, "more than %lld elements", (long long)f->max);
	else if (has_limits(s) && (f->flags & REQ) && n < (uint64_t)f->min)
		wrong(s, "needs at least %lld element%s", (long long)f->min, f->min == 1 ? "" : "s");
	else if (n > 0 && (v = arena_alloc(s->r->a, n, size)) == NULL)
		wrong(s, "too large");
	*ret_n = v ? n : 0;
	return v;
}

static void read_strs(const struct spot *s, struct strs *ret)
{
	const struct jv *k = s->j->kid;
	if (s->j->t != J_ARR) {
		wrong_scalar(s, "a list of strings");
		return;
	}
	ret->v = room(s, sizeof *ret->v, &ret->n);
	for (size_t i = 0; i < ret->n; i++, k = k->next) {
		struct spot here = element(s, i, k);
		ret->v[i] = read_text(&here);
	}
}

static void read_map(const struct spot *s, struct map *ret)
{
	const struct jv *k = s->j->kid;
	if (s->j->t != J_OBJ) {
		wrong_scalar(s, "an object of strings");
		return;
	}
	ret->v = room(s, sizeof *ret->v, &ret->n);
	for (size_t i = 0; i < ret->n; i++, k = k->next) {
		struct spot here = member(s, k);
		ret->v[i] = (struct pair){ k->key, read_text(&here) };
	}
}

/* A literal is refused without being repeated: the fault may end in a log. */
static void read_secret(const struct spot *s, struct secret *ret)
{
	if (s->j->t != J_OBJ) {
		wrong(s, "a secret must be a reference such as {env: NAME}, not a literal");
		return;
	}
	for (const struct jv *k = s->j->kid; k != NULL; k = k->next) {
		struct spot here = member(s, k);
		struct str *to = str_eq(k->key, S("env")) ? &ret->env : &ret->file;
		if (to == &ret->file && !str_eq(k->key, S("file")))
			wrong(&here, "unknown key; a secret is {env: NAME} or {file: PATH}");
		else if ((*to = read_text(&here)).n == 0 && k->t == J_STR)
			wrong(&here, "must not be empty");
	}
	if (s->j->kid == NULL || s->j->kid->next != NULL)
		wrong(s, "a secret must have exactly one of env and file");
}

static void read_secrets(const struct spot *s, struct secrets *ret)
{
	const struct jv *k = s->j->kid;
	if (s->j->t != J_OBJ) {
		wrong(s, "must be an object of secrets such as {NAME: {env: VARIABLE}}");
		return;
	}
	ret->v = room(s, sizeof *ret->v, &ret->n);
	for (size_t i = 0; i < ret->n; i++, k = k->next) {
		struct spot here = member(s, k);
		ret->v[i].key = k->key;
		read_secret(&here, &ret->v[i].secret);
	}
}

static void read_object(const struct spot *s, const struct entity *e, char *obj);

static void read_list(const struct spot *s, void *ret)
{
	const struct entity *e = s->f->sub;
	const struct jv *k = s->j->kid;
	struct span list;
	if (s->j->t != J_ARR) {
		wrong_scalar(s, "a list of objects");
		return;
	}
	list.v = room(s, e->size, &list.n);
	memcpy(ret, &list, sizeof list);
	for (size_t i = 0; i < list.n; i++, k = k->next) {
		struct spot here = element(s, i, k);
		read_object(&here, e, list.v + i * e->size);
	}
}

static void read_value(const struct spot *s, void *to)
{
	switch (s->f->kind) {
	case K_STR: read_str(s, to); break;
	case K_INT: read_int(s, to); break;
	case K_BOOL: read_bool(s, to); break;
	case K_TIME: read_time(s, to); break;
	case K_DUR: read_duration(s, to); break;
	case K_SEV: read_severity(s, to); break;
	case K_ENUM: read_enum(s, to); break;
	case K_SUB: read_object(s, s->f->sub, to); break;
	case K_LIST: read_list(s, to); break;
	case K_STRS: read_strs(s, to); break;
	case K_MAP: read_map(s, to); break;
	case K_ANY: memcpy(to, &s->j, sizeof s->j); break;
	case K_SECRET: read_secret(s, to); break;
	case K_SECRETS: read_secrets(s, to); break;
	}
}

/* What may come in through a view. At the API that includes RO, to be refused with a better word than "unknown". */
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

/* The field whose name is at most two edits away, or NULL. */
static const struct field *nearest(const struct entity *e, struct str key, enum desc_view v)
{
	const struct field *found = NULL;
	size_t best = 3;
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		size_t d = str_distance(field_name(f), key);
		if (d < best && d < key.n && is_known(f, v) && !(f->flags & (RO | VIEW))) {
			best = d;
			found = f;
		}
	}
	return found;
}

/* Puts a copy of the member at the end of a chain and returns the new end. */
static struct jv **keep(const struct spot *s, struct jv **tail)
{
	struct jv *copy = arena_alloc(s->r->a, 1, sizeof *copy);
	if (copy == NULL) {
		wrong(s, "too large");
		return tail;
	}
	*copy = *s->j;
	copy->next = NULL;
	*tail = copy;
	return &copy->next;
}

static void refuse_unknown(const struct spot *s, const struct entity *e)
{
	const struct field *f = nearest(e, s->name, s->r->view);
	const char *what = s->r->view == V_CONFIG ? "key" : "member";
	if (f)
		wrong(s, "unknown %s; did you mean \"%s\"?", what, f->name);
	else
		wrong(s, "unknown %s", what);
}

/* Null means "not given", but a client of the API should know where it may say so. */
static bool is_absent(const struct spot *s, const struct field *f, const struct jv *j)
{
	return j == NULL || (j->t == J_NULL && (s->r->view != V_API || is_nullable(f)));
}

static void check_required(const struct spot *s, const struct entity *e)
{
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		bool is_wanted = (f->flags & REQ) && !(f->flags & RO) && is_known(f, s->r->view);
		struct spot here = { .r = s->r, .up = s, .name = field_name(f), .f = f, .j = s->j };
		if (is_wanted && is_absent(s, f, json_get(s->j, here.name)))
			wrong(&here, "is required");
	}
}

static void read_member(const struct spot *s, char *obj)
{
	if (s->r->view == V_API && (s->f->flags & (RO | VIEW)))
		wrong(s, "is read-only");
	else if (!is_absent(s, s->f, s->j))
		read_value(s, obj + s->f->off);
}

static void read_object(const struct spot *s, const struct entity *e, char *obj)
{
	const struct field *guess = e->f;
	struct jv *unknown = NULL, **tail = &unknown;
	if (s->j->t != J_OBJ) {
		wrong_scalar(s, "an object");
		return;
	}
	for (const struct jv *m = s->j->kid; m != NULL; m = m->next) {
		struct spot here = member(s, m);
		here.f = find(e, guess, m->key, s->r->view);
		if (here.f != NULL) {
			read_member(&here, obj);
			guess = here.f + 1;
		} else if (s->r->view == V_STORE) {
			tail = keep(&here, tail);
		} else if (s->r->view != V_DOOR) {
			refuse_unknown(&here, e);
		}
	}
	memcpy(obj, &unknown, sizeof unknown);
	if (has_limits(s))
		check_required(s, e);
}

int desc_read(struct arena *a, void *obj, const struct entity *e, const struct jv *j, enum desc_view v, struct str path,
    struct faults *f)
{
	struct reader r = { a, v, f };
	struct spot top = { .r = &r, .name = path.p ? path : S(""), .j = j };
	size_t before = f->n;
	memset(obj, 0, e->size);
	read_object(&top, e, obj);
	return f->n == before ? 0 : EINVAL;
}
