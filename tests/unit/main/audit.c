/* audit.c - the audit finds nothing in what the engine wrote, every fault that is planted in it, and nothing in a backup that was taken while the
 * engine went on. The store, the engine and its world are those of the engine's own tests.
 */
#include "tests/unit/engine/fixture.h"
#include "main/audit.h"
#include "main/gather.h"

/* A day's work: an incident in each state, a grouped one, pages delivered and owed, something resolved by its source. */
static struct str lived(struct stage *st)
{
	st->provider = 200;
	struct str open = opened(st->r, "web", "open"), acked = opened(st->r, "web", "acked"), over = opened(st->r, "web", "over");
	(void)opened(st->r, "ledger", "one");
	(void)post_event(st->r, EVENT_TRIGGER, "ledger", "two");
	(void)post_act(st->r, CMD_ACKNOWLEDGE, acked);
	(void)post_act(st->r, CMD_RESOLVE, over);
	run(st->r, 6 * MINUTE);
	(void)post_event(st->r, EVENT_RESOLVE, "ledger", "one");
	(void)opened(st->r, "wide", "many");
	st->provider = 0;
	(void)opened(st->r, "web", "being told");
	return open;
}

struct found { struct buf text; size_t n; };

static void on_fault(void *ctx, const struct audit_fault *f)
{
	struct found *x = ctx;
	x->n++;
	assert_true(f->cure[0] != '\0');
	buf_fmt(&x->text, "%s %.*s %.*s\n", kinds[f->kind].entity->name, STR_ARG(f->id), STR_ARG(f->what));
}

static size_t audit(struct stage *st, struct store *s, struct found *x)
{
	struct audit a = { .store = s, .now_ms = st->mono_ms + T0, .keep_ms = st->w.keep_ms, .events_ms = st->w.events_ms, .ctx = x, .fault = on_fault };
	struct audit_result r;
	size_t faults = 0;
	*x = (struct found){ .text = BUF(1 << 20) };
	assert_int_equal(audit_run(&a, &r), STORE_OK);
	for (size_t k = 0; k < KINDS; k++)
		faults += r.faults[k];
	assert_int_equal(faults, x->n);
	assert_true(r.n[KIND_incident] > 0 && r.bytes[KIND_incident] > 0);
	return faults;
}

static void what_the_engine_wrote_has_no_faults(void **state)
{
	struct stage *st = *state;
	struct found x;
	(void)lived(st);
	if (audit(st, st->inner, &x) != 0)
		fail_msg("%s", x.text.p);
	buf_free(&x.text);
	st->provider = 200;
	run(st->r, 90 * MINUTE);                                   /* exhausted, delivered */
	st->mono_ms += INT64_C(40) * DAY;
	run(st->r, 5 * MINUTE);                                    /* repeated alerts forgotten */
	if (audit(st, st->inner, &x) != 0)
		fail_msg("%s", x.text.p);
	buf_free(&x.text);
}

/* Documents to spoil: fetched, changed, put back as they are then. */

static struct store_doc fetch(struct stage *st, enum kind kind, struct str id)
{
	struct store_docs docs = { 0 };
	assert_int_equal(store_get(st->inner, &(store_kind){ (store_kind)kind }, &id, 1, &docs), STORE_OK);
	struct store_doc d = docs.v[0];
	assert_true(d.ver > 0);
	d.id = arena_str(&st->a, d.id);
	d.body = arena_str(&st->a, d.body);
	for (size_t i = 0; i < STORE_IDX; i++)
		d.idx[i] = arena_str(&st->a, d.idx[i]);
	store_docs_free(&docs);
	return d;
}

static void put_back(struct stage *st, const struct store_doc *d)
{
	assert_int_equal(store_import(st->inner, d, 1), STORE_OK);
}

static void take_out(struct stage *st, enum kind kind, struct str id)
{
	struct store_doc d = fetch(st, kind, id);
	struct patience none = { 0 };
	assert_int_equal(every_remove(st->inner, &d, &none), STORE_OK);
}

static struct str first_page(struct stage *st, struct str inc)
{
	return page_id(&st->a, inc, 0, 0, 0, 0);
}

static void no_json(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_incident, inc);
	d.body.n--;
	put_back(st, &d);
}

static void wrong_type(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_incident, inc);
	d.body = S("{\"id\":17}");
	put_back(st, &d);
}

static void another_id(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_page, first_page(st, inc));
	d.id = page_id(&st->a, inc, 7, 7, 7, 7);
	put_back(st, &d);
}

static void another_key(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_incident, inc);
	d.idx[1] = arena_fmt(&st->a, "resolved/%.*s", STR_ARG(inc));
	put_back(st, &d);
}

static void not_due(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_incident, inc);
	d.due = STORE_NO_DUE;
	put_back(st, &d);
}

static void due_late(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_incident, inc);
	d.due += 5;
	put_back(st, &d);
}

static void expires_open(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_incident, inc);
	d.expire = 5;
	put_back(st, &d);
}

static void ended_and_due(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_page, first_page(st, inc));
	d.due = 99;
	put_back(st, &d);
}

static void without_entry(struct stage *st, struct str inc) { take_out(st, KIND_entry, entry_id(&st->a, inc, 1)); }
static void without_page(struct stage *st, struct str inc) { take_out(st, KIND_page, first_page(st, inc)); }
static void without_incident(struct stage *st, struct str inc) { take_out(st, KIND_incident, inc); }
static void without_policy(struct stage *st, struct str inc) { take_out(st, KIND_policy, incident(st, inc)->policy); }

static void forged_policy(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_policy, incident(st, inc)->policy);
	struct policy p = *(const struct policy *)stored(st, KIND_policy, d.id);
	struct buf b = BUF(1 << 16);
	p.repeat = 8;
	desc_write(&b, &policy_entity, &p, V_STORE);
	d.body = buf_str(&b);
	put_back(st, &d);
	buf_free(&b);
}

static void low_counter(struct stage *st, struct str inc)
{
	(void)inc;
	struct store_doc d = fetch(st, KIND_counter, S("incident"));
	d.body = S("{\"id\":\"incident\",\"next\":2}");
	put_back(st, &d);
}

static void number_twice(struct stage *st, struct str inc)
{
	struct store_doc d = fetch(st, KIND_incident, inc);
	struct incident i = *incident(st, inc);
	struct str keys[STORE_IDX] = { { 0 } };
	struct buf b = BUF(1 << 16);
	i.number = 2;
	desc_write(&b, &incident_entity, &i, V_STORE);
	(void)desc_keys(&st->a, &incident_entity, &i, keys, STORE_IDX);
	memcpy(d.idx, keys, sizeof keys);
	d.body = buf_str(&b);
	put_back(st, &d);
	buf_free(&b);
}

static const struct plant { const char *name; void (*plant)(struct stage *st, struct str inc); const char *says; } plants[] = {
	{ "no JSON", no_json, "is no JSON" },
	{ "wrong type", wrong_type, "cannot be read: id:" },
	{ "another id", another_id, "says that its id is" },
	{ "another key", another_key, "is listed under \"resolved/" },
	{ "not due", not_due, "has no due time, and its fields say" },
	{ "due late", due_late, "is due at" },
	{ "expires while open", expires_open, "is not over, and would be forgotten" },
	{ "ended and due", ended_and_due, "is due at 99, and in its state nothing is due" },
	{ "entry missing", without_entry, "and number 1 is not there" },
	{ "page missing", without_page, "owes the page" },
	{ "incident missing", without_incident, "belongs to the incident" },
	{ "incident missing, page", without_incident, "is about the incident" },
	{ "incident missing, alert", without_incident, "is open in the incident" },
	{ "policy missing", without_policy, "names the policy two@" },
	{ "policy forged", forged_policy, "its content is not that of its name" },
	{ "counter low", low_counter, "gives out 2 next, and an incident has" },
	{ "number twice", number_twice, "two incidents have the number 2" },
};

static void every_fault_that_is_planted_is_found_and_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(plants); i++) {
		struct stage *st = stage_open(false);
		struct found x;
		plants[i].plant(st, lived(st));
		if (audit(st, st->inner, &x) == 0 || strstr(x.text.p, plants[i].says) == NULL)
			fail_msg("%s: \"%s\" is not in: %.*s", plants[i].name, plants[i].says, STR_ARG(buf_str(&x.text)));
		buf_free(&x.text);
		stage_close(st);
	}
}

/* A backup of a store that moves. */

struct taken { struct store *to; struct stage *st; };

static enum store_rc on_docs(void *ctx, const struct store_doc *docs, size_t n)
{
	struct taken *t = ctx;
	struct store_docs had = { 0 };
	struct patience none = { 0 };
	assert_int_equal(every_named(t->to, docs, n, &none, &had), STORE_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(had.v[i].ver, 0);                 /* each document is in a backup once */
	store_docs_free(&had);
	return store_import(t->to, docs, n);
}

/* Whatever the backup reads next, a lot has happened since: new incidents, repeats, acknowledgements, ends. */
static enum store_fault life_goes_on(struct stage *st)
{
	static const char *const services[] = { "web", "ledger", "wide", "crowd" };
	size_t *n = st->mine;
	for (int i = 0; i < 3; i++, ++*n) {
		struct ask *x = post_event(st->r, *n % 5 == 4 ? EVENT_RESOLVE : EVENT_TRIGGER, services[*n % 4], arena_fmt(&st->a, "key-%zu", *n % 23).p);
		x->job.command.event.idempotency_key = arena_fmt(&st->a, "once-%zu", *n);
		x->job.command.event.fingerprint = S("same");
		tick(st->r);
		st->mono_ms += 20 * SECOND;
		if (x->got.incident && *n % 3 == 0)
			(void)post_act(st->r, *n % 2 ? CMD_ACKNOWLEDGE : CMD_RESOLVE, x->got.incident->id);
	}
	tick(st->r);
	return STORE_FAULT_NONE;
}

static struct store *empty_store(struct stage *st)
{
	static struct store_kind_def defs[KINDS];
	struct store *s = NULL;
	struct buf why = BUF(1024);
	for (size_t i = 0; i < KINDS; i++)
		defs[i] = (struct store_kind_def){ kinds[i].entity->name, kinds[i].is_append_only };
	struct store_options o = { .kinds = defs, .n_kinds = KINDS, .clock = { st, clock_boot, clock_wall } };
	assert_int_equal(store_open(S("memory"), &o, &s, &why), STORE_OK);
	buf_free(&why);
	return s;
}

static size_t count_in(struct store *s, enum kind kind)
{
	struct store_docs docs = { 0 };
	assert_int_equal(store_scan(s, (store_kind)kind, 0, S(""), 1000000, &docs), STORE_OK);
	size_t n = docs.n;
	store_docs_free(&docs);
	return n;
}

/* An idempotency key that is remembered speaks for an incident that is there. */
static void receipts_have_their_incidents(struct stage *st, struct store *s)
{
	struct store_docs docs = { 0 };
	assert_int_equal(store_scan(s, KIND_receipt, 0, S(""), 1000000, &docs), STORE_OK);
	for (size_t i = 0; i < docs.n; i++) {
		enum store_rc rc = STORE_OK;
		const struct receipt *r = batch_decode(&st->a, &docs.v[i], &rc);
		assert_non_null(r);
		assert_true(r->incident.n == 0 || batch_read(&st->a, s, KIND_incident, r->incident, &rc) != NULL);
	}
	store_docs_free(&docs);
}

static void a_backup_of_a_store_that_moves_has_no_faults_and_misses_nothing_older(void **state)
{
	struct stage *st = *state;
	struct taken t = { empty_store(st), st };
	struct patience none = { 0 };
	struct found x;
	size_t n = 0;
	st->provider = 200;
	st->mine = &n;
	for (int i = 0; i < 60; i++)
		(void)life_goes_on(st);
	size_t older = count(st, KIND_incident), receipts = count(st, KIND_receipt);
	st->on_read = life_goes_on;
	assert_int_equal(gather(st->store, &none, on_docs, &t), STORE_OK);
	st->on_read = NULL;
	assert_true(count(st, KIND_incident) > older);             /* it did move */
	assert_true(count_in(t.to, KIND_incident) >= older);
	assert_true(count_in(t.to, KIND_receipt) >= receipts);
	if (audit(st, t.to, &x) != 0)
		fail_msg("%s", x.text.p);
	receipts_have_their_incidents(st, t.to);
	buf_free(&x.text);
	store_close(t.to);
}

static enum store_fault down(struct stage *st)
{
	(void)st;
	return STORE_FAULT_DOWN;
}

static void a_store_that_fails_is_said_and_not_taken_for_the_end(void **state)
{
	struct stage *st = *state;
	struct audit a = { .store = st->store, .now_ms = T0, .keep_ms = 1, .events_ms = 1 };
	struct audit_result r;
	struct taken t = { empty_store(st), st };
	struct patience none = { 0 };
	(void)lived(st);
	st->on_read = down;
	assert_int_equal(audit_run(&a, &r), STORE_DOWN);
	assert_int_equal(gather(st->store, &none, on_docs, &t), STORE_DOWN);
	store_close(t.to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(what_the_engine_wrote_has_no_faults), cmocka_unit_test(every_fault_that_is_planted_is_found_and_named),
		ALONE(a_backup_of_a_store_that_moves_has_no_faults_and_misses_nothing_older),
		ALONE(a_store_that_fails_is_said_and_not_taken_for_the_end),
	};
	return cmocka_run_group_tests_name("main/audit", tests, NULL, NULL);
}
