/* desc.c - one loop over model/list.h holds for every entity what must hold for each, without naming any: random objects
 * go there and back through every view, keys are in order, schemas are complete.
 */
#include "base/rng.h"
#include "tests/unit/model/specimen.h"

static const struct entity *entity_at(size_t i)
{
	return i < KINDS ? kinds[i].entity : &specimen_entity;
}

/* Random objects. */

static struct str some_text(struct rng *r, struct arena *a, size_t min, size_t max)
{
	static const char *const piece[] = { "a", "Z", "0", " ", "\"", "\\", "\n", "\x01", "/", "\xc3\xa9", "\xf0\x9f\x98\x80" };
	struct buf b = BUF(max);
	size_t want = (size_t)rng_between(r, (int64_t)min, (int64_t)(max < min + 12 ? max : min + 12));
	while (b.n < want) {
		struct str p = str_c(piece[rng_between(r, 0, COUNT(piece) - 1)]);
		buf_add(&b, b.n + p.n <= want ? p : S("x"));
	}
	struct str copy = arena_str(a, buf_str(&b));
	buf_free(&b);
	return copy;
}

static const struct jv *some_json(struct rng *r, struct arena *a)
{
	static const char *const text[] = { "{\"a\":[1,2.50,null,{}],\"b\":\"x\"}", "[]", "\"text\"", "-12", "true", "{}" };
	struct str why;
	return json_parse(a, str_c(text[rng_between(r, 0, COUNT(text) - 1)]), &why);
}

static struct secret some_secret(struct rng *r, struct arena *a)
{
	struct str name = some_text(r, a, 1, 20), value = some_text(r, a, 1, 20);
	return rng_chance(r, 500000) ? (struct secret){ .env = name, .value = value } : (struct secret){ .file = name,
		.value = value };
}

static size_t some_count(struct rng *r, const struct field *f)
{
	int64_t max = f->max > 0 && f->max < 4 ? f->max : 4;
	return (size_t)rng_between(r, f->flags & REQ ? f->min : 0, max);
}

static int64_t some_number(struct rng *r, const struct field *f)
{
	bool has_range = f->max > f->min;
	if (f->kind == K_TIME)
		return rng_between(r, 1, INT64_C(253402300799999));
	if (f->kind == K_SEV)
		return rng_between(r, 1, 5);
	if (f->kind == K_INT && !has_range)
		return rng_between(r, 0, f->flags & IDX ? 999999999999 : INT64_MAX);
	return rng_between(r, has_range ? f->min : 0, has_range ? f->max : 86400000);
}

static void fill(struct rng *r, struct arena *a, const struct entity *e, char *obj);

static void fill_many(struct rng *r, struct arena *a, const struct field *f, void *p)
{
	size_t n = some_count(r, f);
	struct { void *v; size_t n; } list = { NULL, n };
	size_t size = f->kind == K_LIST ? f->sub->size : f->kind == K_STRS ? sizeof(struct str) : f->kind == K_MAP ?
	    sizeof(struct pair) : sizeof(struct secret_pair);
	list.v = arena_need(a, n, size);
	for (size_t i = 0; i < n; i++) {
		char *at = (char *)list.v + i * size;
		struct str key = arena_fmt(a, "%zu\"%d", i, (int)rng_between(r, 0, 9));
		if (f->kind == K_LIST)
			fill(r, a, f->sub, at);
		else if (f->kind == K_STRS)
			memcpy(at, &(struct str[]){ some_text(r, a, 0, 20) }, size);
		else if (f->kind == K_MAP)
			memcpy(at, &(struct pair){ key, some_text(r, a, 0, 20) }, size);
		else
			memcpy(at, &(struct secret_pair){ key, some_secret(r, a) }, size);
	}
	memcpy(p, &list, sizeof list);
}

static void fill_field(struct rng *r, struct arena *a, const struct field *f, char *p)
{
	int word;
	int64_t number;
	const struct jv *tree;
	struct str s;
	struct secret secret;
	switch (f->kind) {
	case K_STR: s = some_text(r, a, (size_t)f->min, f->max ? (size_t)f->max : 100); memcpy(p, &s, sizeof s); break;
	case K_INT: case K_TIME: case K_DUR: case K_SEV: number = some_number(r, f); memcpy(p, &number, sizeof number); break;
	case K_BOOL: *(bool *)(void *)p = rng_chance(r, 500000); break;
	case K_ENUM: word = (int)rng_between(r, 0, (int64_t)f->names->n - 1); memcpy(p, &word, sizeof word); break;
	case K_SUB: fill(r, a, f->sub, p); break;
	case K_LIST: case K_STRS: case K_MAP: case K_SECRETS: fill_many(r, a, f, p); break;
	case K_ANY: tree = some_json(r, a); memcpy(p, &tree, sizeof tree); break;
	case K_SECRET: secret = some_secret(r, a); memcpy(p, &secret, sizeof secret); break;
	}
}

/* Optional fields stay empty half of the time; an object inside is always shown, so what it requires must be there. */
static void fill(struct rng *r, struct arena *a, const struct entity *e, char *obj)
{
	for (const struct field *f = e->f; f < e->f + e->nf; f++)
		if ((f->flags & REQ) || f->kind == K_SUB || rng_chance(r, 500000))
			fill_field(r, a, f, obj + f->off);
}

static char *some_object(struct rng *r, struct arena *a, const struct entity *e)
{
	char *obj = arena_need(a, 1, e->size);
	fill(r, a, e, obj);
	return obj;
}

/* Calls fn with random objects of every entity. */
static void for_every_entity(void (*fn)(struct rng *r, struct arena *a, const struct entity *e))
{
	struct rng r = rng_seeded(4711);
	for (size_t i = 0; i <= KINDS; i++)
		for (int round = 0; round < 50; round++) {
			struct arena a = ARENA(MEM);
			fn(&r, &a, entity_at(i));
			arena_free(&a);
		}
}

static void store_round_trip(struct rng *r, struct arena *a, const struct entity *e)
{
	struct str once = written(a, e, some_object(r, a, e), V_STORE);
	same(e, written(a, e, read_back(a, e, parsed(a, once), V_STORE), V_STORE), once);
}

static void a_stored_object_comes_back_byte_for_byte(void **state)
{
	(void)state;
	for_every_entity(store_round_trip);
}

/* Puts a member that nobody knows into every object below j that is one of an entity's own. */
static void add_unknown(struct rng *r, struct arena *a, const struct entity *e, struct jv *j)
{
	struct jv **tail = &j->kid;
	for (; *tail != NULL; tail = &(*tail)->next)
		for (const struct field *f = e->f; f < e->f + e->nf; f++) {
			if (!str_eq((*tail)->key, str_c(f->name)))
				continue;
			if (f->kind == K_SUB)
				add_unknown(r, a, f->sub, *tail);
			for (struct jv *k = (*tail)->kid; f->kind == K_LIST && k != NULL; k = k->next)
				add_unknown(r, a, f->sub, k);
		}
	for (int64_t n = rng_between(r, 0, 2); n > 0; n--, tail = &(*tail)->next) {
		*tail = NEW(a, struct jv);
		**tail = *some_json(r, a);
		(*tail)->key = arena_fmt(a, "of a newer version %d", (int)n);
		(*tail)->next = NULL;
	}
}

static void unknown_round_trip(struct rng *r, struct arena *a, const struct entity *e)
{
	struct jv *j = parsed(a, written(a, e, some_object(r, a, e), V_STORE));
	struct buf b = BUF(MEM);
	add_unknown(r, a, e, j);
	json_write(&b, j);
	same(e, written(a, e, read_back(a, e, j, V_STORE), V_STORE), buf_str(&b));
	buf_free(&b);
}

static void members_of_a_newer_version_are_kept(void **state)
{
	(void)state;
	for_every_entity(unknown_round_trip);
}

static bool is_hidden(const struct field *f)
{
	return (f->flags & INNER) || f->kind == K_SECRET || f->kind == K_SECRETS;
}

static void api_names(struct rng *r, struct arena *a, const struct entity *e)
{
	const struct jv *j = parsed(a, written(a, e, some_object(r, a, e), V_API));
	for (const struct field *f = e->f; f < e->f + e->nf; f++)
		if ((json_get(j, str_c(f->name)) == NULL) != is_hidden(f))
			fail_msg("%s.%s is %s", e->name, f->name, is_hidden(f) ? "shown" : "missing");
}

static void the_api_shows_every_field_but_inner_ones_and_secrets(void **state)
{
	(void)state;
	for_every_entity(api_names);
}

/* Takes out what a client may not send. */
static void drop_read_only(const struct entity *e, struct jv *j)
{
	for (const struct field *f = e->f; f < e->f + e->nf; f++)
		for (struct jv **m = &j->kid; (f->flags & (RO | VIEW)) && *m != NULL;)
			if (str_eq((*m)->key, str_c(f->name)))
				*m = (*m)->next;
			else
				m = &(*m)->next;
}

static struct str writable(struct arena *a, const struct entity *e, const void *obj)
{
	struct jv *j = parsed(a, written(a, e, obj, V_API));
	struct buf b = BUF(MEM);
	drop_read_only(e, j);
	json_write(&b, j);
	struct str copy = arena_str(a, buf_str(&b));
	buf_free(&b);
	return copy;
}

static void api_round_trip(struct rng *r, struct arena *a, const struct entity *e)
{
	char *obj = some_object(r, a, e);
	struct str sent = writable(a, e, obj);
	same(e, writable(a, e, read_back(a, e, parsed(a, sent), V_API)), sent);
	same(e, writable(a, e, read_back(a, e, parsed(a, sent), V_DOOR)), sent);
	same(e, writable(a, e, read_back(a, e, parsed(a, written(a, e, obj, V_API)), V_DOOR)), sent);
}

static void what_the_api_shows_may_be_sent_again_where_it_is_not_read_only(void **state)
{
	(void)state;
	for_every_entity(api_round_trip);
}

/* As a YAML file would be read: scalars are texts. */
static void only_texts(struct arena *a, struct jv *j)
{
	for (struct jv *k = j->kid; k != NULL; k = k->next)
		only_texts(a, k);
	if (j->t == J_BOOL)
		*j = (struct jv){ .t = J_STR, .s = j->i ? S("true") : S("false"), .key = j->key, .next = j->next };
	else if (j->t == J_INT)
		*j = (struct jv){ .t = J_STR, .s = arena_fmt(a, "%lld", (long long)j->i), .key = j->key, .next = j->next };
}

static void config_round_trip(struct rng *r, struct arena *a, const struct entity *e)
{
	char *obj = some_object(r, a, e);
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		if (e != &specimen_entity && (f->flags & (RO | VIEW | INNER)))
			return;                                   /* not a noun of the configuration */
		if (f->kind == K_ANY || (f->flags & (RO | VIEW | INNER)))
			memset(obj + f->off, 0, 8);
	}
	struct str once = written(a, e, obj, V_CONFIG);
	struct jv *j = parsed(a, once);
	same(e, written(a, e, read_back(a, e, j, V_CONFIG), V_CONFIG), once);
	only_texts(a, j);
	same(e, written(a, e, read_back(a, e, j, V_CONFIG), V_CONFIG), once);
}

static void configuration_is_typed_by_its_fields(void **state)
{
	(void)state;
	for_every_entity(config_round_trip);
}

static void key_order(struct rng *r, struct arena *a, const struct entity *e)
{
	struct str low[STORE_IDX], high[STORE_IDX];
	char *one = some_object(r, a, e), *two = some_object(r, a, e);
	size_t n = 0;
	memcpy(two + e->f[0].off, one + e->f[0].off, sizeof(struct str));
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		bool is_number = f->kind == K_INT || f->kind == K_SEV || f->kind == K_DUR || f->kind == K_TIME;
		if (!(f->flags & IDX))
			continue;
		assert_int_equal(desc_key_index(e, str_c(f->name)), n);
		n++;
		int64_t small = rng_between(r, 0, 1000), large = small + rng_between(r, 1, 1000000);
		if (is_number) {
			memcpy(one + f->off, &small, sizeof small);
			memcpy(two + f->off, &large, sizeof large);
		} else if (f->kind == K_STR) {
			memcpy(one + f->off, &S("alpha"), sizeof(struct str));
			memcpy(two + f->off, &S("beta"), sizeof(struct str));
		} else {
			memset(one + f->off, 0, f->kind == K_BOOL ? 1 : 4);
			memcpy(two + f->off, &(int){ 1 }, f->kind == K_BOOL ? 1 : 4);
		}
	}
	assert_true(n <= STORE_IDX);
	assert_int_equal(desc_keys(a, e, one, low, STORE_IDX), n);
	assert_int_equal(desc_keys(a, e, two, high, STORE_IDX), n);
	for (size_t i = 0; i < n; i++) {
		bool is_word = memchr(low[i].p, '/', low[i].n) != NULL && low[i].p[0] > '9' && !str_starts(low[i], S("alpha"));
		assert_true(is_word ? !str_eq(low[i], high[i]) : str_cmp(low[i], high[i]) < 0);
	}
}

static void keys_are_few_and_in_the_order_of_values(void **state)
{
	(void)state;
	for_every_entity(key_order);
}

static void every_field_is_documented_and_fits_its_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		const struct entity *e = kinds[i].entity;
		assert_true(str_c(e->doc).n > 5);
		assert_string_equal(e->f[0].name, "id");
		assert_int_equal(e->f[0].kind, K_STR);
		for (const struct field *f = e->f; f < e->f + e->nf; f++) {
			struct str doc = str_c(f->doc);
			if (doc.n < 5 || doc.p[doc.n - 1] != '.')
				fail_msg("%s.%s: \"%s\" is no sentence", e->name, f->name, f->doc);
			assert_int_equal(f->name_n, strlen(f->name));
			assert_true(f->min <= f->max && f->off < e->size);
			assert_true(f->kind != K_ENUM || f->names->n > 0);
			assert_true((f->kind != K_SUB && f->kind != K_LIST) || f->sub->nf > 0);
		}
	}
}

/* The schema. */

static void schema_of(struct arena *a, const struct entity *e, const struct jv **ret)
{
	struct buf b = BUF(MEM);
	buf_char(&b, '{');
	desc_openapi(&b, e);
	buf_char(&b, '}');
	const struct jv *all = parsed(a, buf_str(&b));
	buf_free(&b);
	*ret = json_get(all, str_c(e->name));
	assert_non_null(*ret);
	assert_null(all->kid->next);
}

static void schema(struct rng *r, struct arena *a, const struct entity *e)
{
	(void)r;
	const struct jv *s;
	schema_of(a, e, &s);
	assert_true(str_eq(json_text(s, S("type")), S("object")));
	assert_true(str_eq(json_text(s, S("description")), str_c(e->doc)));
	const struct jv *properties = json_get(s, S("properties"));
	size_t shown = 0, listed = 0;
	for (const struct field *f = e->f; f < e->f + e->nf; f++) {
		const struct jv *p = json_get(properties, str_c(f->name));
		assert_int_equal(p == NULL, is_hidden(f));
		if (p == NULL)
			continue;
		shown++;
		assert_true(str_eq(json_text(p, S("description")), str_c(f->doc)));
		assert_int_equal(json_get(p, S("readOnly")) != NULL, (f->flags & (RO | VIEW)) != 0);
		assert_true(json_get(p, S("type")) != NULL || json_get(p, S("$ref")) != NULL || f->kind == K_ANY);
	}
	for (const struct jv *p = properties->kid; p != NULL; p = p->next)
		listed++;
	assert_int_equal(listed, shown);
}

static void every_schema_is_json_and_names_every_visible_field(void **state)
{
	(void)state;
	for_every_entity(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stored_object_comes_back_byte_for_byte),
		cmocka_unit_test(members_of_a_newer_version_are_kept),
		cmocka_unit_test(the_api_shows_every_field_but_inner_ones_and_secrets),
		cmocka_unit_test(what_the_api_shows_may_be_sent_again_where_it_is_not_read_only),
		cmocka_unit_test(configuration_is_typed_by_its_fields),
		cmocka_unit_test(keys_are_few_and_in_the_order_of_values),
		cmocka_unit_test(every_field_is_documented_and_fits_its_table),
		cmocka_unit_test(every_schema_is_json_and_names_every_visible_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
