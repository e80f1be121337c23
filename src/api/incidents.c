/* incidents.c - reading incidents: the list, one of them, its timeline and pages. */
#include "api/listing.h"
#include "api/routes.h"
#include "base/digest.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* --- the filter --- */

/* What the query asks for, in one canonical order: two spellings of one filter share their cursors. */
struct filter {
	unsigned statuses, severities;   /* bits; 0 for severities: any */
	struct strs services;
};
enum { PARTS_SHOWN = 500 };      /* timeline entries and pages that one incident is shown with; the rest has routes of its own */
enum { ANY_STATUS = 1 << DETECTED | 1 << ACKNOWLEDGED | 1 << RESOLVED, OPEN_STATUS = 1 << DETECTED | 1 << ACKNOWLEDGED };

/* The next word of a list with commas; false at the end. */
static bool next_word(struct str *rest, struct str *ret_word)
{
	while (rest->n > 0) {
		if (!str_cut(*rest, ',', ret_word, rest)) {
			*ret_word = *rest;
			*rest = S("");
		}
		*ret_word = str_trim(*ret_word);
		if (ret_word->n > 0)
			return true;
	}
	return false;
}

static unsigned status_bits(struct str word)
{
	int value = enum_value(&incident_status_names, word);
	return str_eq(word, S("all")) ? ANY_STATUS : str_eq(word, S("open")) ? OPEN_STATUS : value >= 0 ? 1u << value : 0;
}

static void read_statuses(struct exchange *x, struct filter *f, struct faults *faults)
{
	struct str rest, word;
	if (!http_query(x->r, "status", &rest))
		rest = S("all");
	while (next_word(&rest, &word)) {
		f->statuses |= status_bits(word);
		if (status_bits(word) == 0)
			fault_add(faults, NULL, S("status"), "must be detected, acknowledged, resolved, open or all, with commas between");
	}
	if (f->statuses == 0)
		f->statuses = ANY_STATUS;
}

static void read_severities(struct exchange *x, struct filter *f, struct faults *faults)
{
	struct str rest, word;
	if (!http_query(x->r, "severity", &rest))
		return;
	while (next_word(&rest, &word)) {
		int64_t v = severity_value(word);
		if (v == 0)
			fault_add(faults, NULL, S("severity"), "must be numbers from 1 to 5 or their names, with commas between");
		else
			f->severities |= 1u << v;
	}
}

/* Insertion keeps them sorted and each once: the same set asked in another order is the same filter. */
static void add_service(struct filter *f, struct str id)
{
	size_t at = 0;
	while (at < f->services.n && str_cmp(f->services.v[at], id) < 0)
		at++;
	if (at < f->services.n && str_eq(f->services.v[at], id))
		return;
	memmove(&f->services.v[at + 1], &f->services.v[at], (f->services.n - at) * sizeof id);
	f->services.v[at] = id;
	f->services.n++;
}

static bool is_service_id(struct str id)
{
	return id.n < PREFIX_MAX && str_is_utf8(id) && memchr(id.p, '/', id.n) == NULL && memchr(id.p, '\0', id.n) == NULL;
}

static void read_services(struct exchange *x, struct filter *f, struct faults *faults)
{
	struct str rest, word;
	if (!http_query(x->r, "service", &rest))
		return;
	f->services.v = NEWN(&x->r->mem, struct str, WALKS_MAX + 1);
	while (next_word(&rest, &word)) {
		if (!is_service_id(word)) {
			fault_add(faults, NULL, S("service"), "must be ids of services (at most %d bytes each), with commas between", PREFIX_MAX - 1);
			return;
		}
		add_service(f, word);
		if (f->services.n > WALKS_MAX) {
			fault_add(faults, NULL, S("service"), "names more than %d services; ask in parts", WALKS_MAX);
			return;
		}
	}
}

static void percent_encode(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~,", c) != NULL;
		buf_fmt(b, is_plain ? "%c" : "%%%02X", c);
	}
}

static void param_begin(struct buf *b, const char *name)
{
	buf_fmt(b, "%s%s=", b->n ? "&" : "", name);
}

static void numbers_write(struct buf *b, unsigned bits, int least, int most, const char *const *words)
{
	const char *comma = "";
	for (int i = least; i <= most; i++) {
		if (!(bits & 1u << i))
			continue;
		buf_add(b, str_c(comma));
		if (words != NULL)
			buf_add(b, str_c(words[i]));
		else
			buf_int(b, i);
		comma = ",";
	}
}

/* The filter as query parameters, canonical; what a cursor is bound to is this text. */
static struct str filter_query(struct arena *a, const struct filter *f)
{
	struct buf b = BUF(16 << 10);
	if (f->statuses != ANY_STATUS) {
		param_begin(&b, "status");
		numbers_write(&b, f->statuses, 0, (int)incident_status_names.n - 1, incident_status_names.v);
	}
	if (f->services.n > 0)
		param_begin(&b, "service");
	for (size_t i = 0; i < f->services.n; i++) {
		buf_add(&b, i ? S(",") : S(""));
		percent_encode(&b, f->services.v[i]);
	}
	if (f->severities != 0) {
		param_begin(&b, "severity");
		numbers_write(&b, f->severities, 1, 5, NULL);
	}
	struct str text = arena_str(a, buf_str(&b));
	buf_free(&b);
	return text;
}

/* --- the list --- */

static void show(struct incident *i, const struct store_doc *d)
{
	i->severity_name = severity_name(i->severity);
	i->version = (int64_t)d->ver;
}

static bool is_wanted(void *ctx, void *obj, const struct store_doc *d)
{
	const struct filter *f = ctx;
	struct incident *i = obj;
	show(i, d);
	return f->statuses & 1u << i->status && (f->severities == 0 || f->severities & 1u << i->severity);
}

/* One walk for each service asked for, else one for each status: both keys end in the incident's id, so the walks merge by id. */
static size_t make_walks(struct exchange *x, const struct filter *f, struct str after, struct walk *w)
{
	struct arena *a = &x->r->mem;
	int by_service = desc_key_index(&incident_entity, S("service")), by_status = desc_key_index(&incident_entity, S("status"));
	size_t n = 0;
	for (size_t i = 0; i < f->services.n; i++)
		w[n++] = walk_make(by_service, arena_fmt(a, "%.*s/", STR_ARG(f->services.v[i])), after, true);
	if (n > 0)
		return n;
	if (f->statuses == ANY_STATUS) {
		w[n++] = walk_make(STORE_BY_ID, S(""), after, true);
		return n;
	}
	for (int i = 0; i < (int)incident_status_names.n; i++)
		if (f->statuses & 1u << i)
			w[n++] = walk_make(by_status, arena_fmt(a, "%s/", incident_status_names.v[i]), after, true);
	return n;
}

void incidents_list(struct exchange *x)
{
	struct arena *a = &x->r->mem;
	struct faults faults = { .a = a };
	struct filter f = { 0 };
	struct listing l = { .kind = KIND_incident, .entity = &incident_entity, .is_descending = true, .keep = is_wanted, .ctx = &f };
	struct str after;
	read_statuses(x, &f, &faults);
	read_severities(x, &f, &faults);
	read_services(x, &f, &faults);
	struct str query = filter_query(a, &f);
	paging_read(x, query, &l.limit, &after, &faults);
	if (faults.n > 0) {
		answer_faults(x, 400, &faults);
		return;
	}
	l.walks = NEWN(a, struct walk, WALKS_MAX);
	l.n_walks = make_walks(x, &f, after, l.walks);
	listing_answer(x, &l, query, query);
}

/* --- one --- */

static struct str lower(struct arena *a, struct str s)
{
	char *p = NEWN(a, char, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return (struct str){ p, s.n };
}

/* The id behind a number, by its key; a number never moves to another incident, so a list may answer this. */
static enum store_rc id_of_number(struct exchange *x, int64_t number, struct str *ret_id)
{
	struct arena *a = &x->r->mem;
	struct store_docs docs = { 0 };
	struct walk w = walk_make(desc_key_index(&incident_entity, S("number")), arena_fmt(a, "%012" PRId64 "/", number), S(""), false);
	enum store_rc rc = store_list(x->api->env.store, KIND_incident, w.idx, (struct str){ w.lo, w.n_lo }, (struct str){ w.hi, w.n_hi },
	    false, 1, &docs);
	if (rc == STORE_OK && docs.n > 0)
		*ret_id = arena_str(a, docs.v[0].id);
	store_docs_free(&docs);
	return rc;
}

bool incident_find(struct exchange *x, struct str *ret_id)
{
	enum { NUMBER_DIGITS = 12 };
	struct str arg = str_starts(x->arg, S("#")) ? str_skip(x->arg, 1) : x->arg, id = S("");
	enum store_rc rc = STORE_OK;
	int64_t number;
	if (uuid_is(arg))
		id = lower(&x->r->mem, arg);
	else if (arg.n <= NUMBER_DIGITS && str_int(arg, &number) && number > 0)
		rc = id_of_number(x, number, &id);
	if (rc != STORE_OK)
		answer_store_error(x, rc);
	else if (id.n == 0)
		answer_error(x, 404, "There is no incident %.*s; name it by its number or its id.", STR_ARG(x->arg));
	else
		*ret_id = id;
	return id.n > 0;
}

/* The incident as it is now. False: answered. */
static bool incident_load(struct exchange *x, struct incident *ret)
{
	struct str id;
	struct store_docs docs = { 0 };
	const store_kind kind = KIND_incident;
	if (!incident_find(x, &id))
		return false;
	enum store_rc rc = store_get(x->api->env.store, &kind, &id, 1, &docs);
	bool is_there = rc == STORE_OK && docs.v[0].ver > 0;
	if (is_there && !doc_read(x->api, &x->r->mem, &incident_entity, &docs.v[0], ret))
		rc = STORE_CORRUPT;
	if (is_there)
		show(ret, &docs.v[0]);
	store_docs_free(&docs);
	if (rc != STORE_OK)
		answer_store_error(x, rc);
	else if (!is_there)
		answer_error(x, 404, "There is no incident %.*s.", STR_ARG(x->arg));
	return rc == STORE_OK && is_there;
}

/* What belongs to the incident carries its id and '/' in front of its own. */
static struct listing part_of(struct exchange *x, enum kind kind, struct str incident, struct str after, int64_t limit)
{
	struct walk *w = NEW(&x->r->mem, struct walk);
	*w = walk_make(STORE_BY_ID, arena_fmt(&x->r->mem, "%.*s/", STR_ARG(incident)), after, false);
	return (struct listing){ .kind = (store_kind)kind, .entity = kinds[kind].entity, .limit = limit, .walks = w, .n_walks = 1 };
}

static struct str part_filter(struct arena *a, enum kind kind, struct str incident)
{
	return arena_fmt(a, "%s %.*s", kinds[kind].entity->name, STR_ARG(incident));
}

/* Pages change without the incident: an answer that shows one which is still owed can go stale within one version. */
struct page_sum { bool is_owed; uint64_t versions; };
static bool sum_page(void *ctx, void *obj, const struct store_doc *d)
{
	struct page_sum *sum = ctx;
	const struct page *p = obj;
	sum->is_owed |= p->status == PAGE_OWED;
	sum->versions += d->ver;
	return true;
}

/* "VERSION" once every page has ended, before that "VERSION.n" with the changes of the pages counted in. The part before the
 * point is the incident's version, and all that If-Match looks at. */
static struct str incident_etag(struct arena *a, const struct incident *i, const struct page_sum *sum)
{
	return sum->is_owed ? arena_fmt(a, "\"%" PRId64 ".%" PRIu64 "\"", i->version, sum->versions) : arena_fmt(a, "\"%" PRId64 "\"", i->version);
}

/* Where each entry begins, in the order they were written: the newest first. */
struct row_starts { const struct buf *b; size_t v[PARTS_SHOWN + 1], n; };
static bool mark_start(void *ctx, void *obj, const struct store_doc *d)
{
	struct row_starts *starts = ctx;
	(void)obj;
	(void)d;                                                   /* only the place counts, every entry is shown */
	starts->v[starts->n++] = starts->b->n;
	return true;
}

/* The newest entries, told in the order they happened. They are read from the end, so that what does not fit is the oldest. */
static enum store_rc timeline_write(struct exchange *x, const struct incident *i)
{
	struct buf newest_first = BUF(BODY_MAX);
	struct row_starts at = { .b = &newest_first };
	struct str next;
	struct listing l = part_of(x, KIND_entry, i->id, S(""), PARTS_SHOWN);
	*l.walks = walk_make(STORE_BY_ID, l.walks->prefix, S(""), true);
	l.is_descending = true;
	l.keep = mark_start;
	l.ctx = &at;
	enum store_rc rc = listing_write(x->api, &x->r->mem, &l, &newest_first, &next);
	at.v[at.n] = newest_first.n;
	buf_add(&x->out, S(",\"timeline\":["));
	for (size_t k = at.n; k-- > 0;) {
		size_t from = at.v[k] + (k > 0);                   /* all but the first have a comma in front */
		buf_add(&x->out, (struct str){ newest_first.p + from, at.v[k + 1] - from });
		buf_add(&x->out, k > 0 ? S(",") : S(""));
	}
	buf_fmt(&x->out, "],\"timeline_total\":%" PRId64, i->entries);
	buf_free(&newest_first);
	return rc;
}

static enum store_rc pages_write(struct exchange *x, const struct incident *i, struct page_sum *ret_sum)
{
	struct arena *a = &x->r->mem;
	struct str next = S("");
	struct listing l = part_of(x, KIND_page, i->id, S(""), PARTS_SHOWN);
	l.keep = sum_page;
	l.ctx = ret_sum;
	buf_add(&x->out, S(",\"pages\":["));
	enum store_rc rc = listing_write(x->api, a, &l, &x->out, &next);
	buf_add(&x->out, S("],\"pages_next\":"));
	if (next.n > 0)
		buf_json(&x->out, cursor_make(a, part_filter(a, KIND_page, i->id), next));
	else
		buf_add(&x->out, S("null"));
	return rc;
}

void incident_show(struct exchange *x)
{
	struct incident i = { 0 };
	struct page_sum sum = { 0 };
	if (!incident_load(x, &i))
		return;
	desc_write(&x->out, &incident_entity, &i, V_API);
	json_reopen(&x->out);
	enum store_rc rc = timeline_write(x, &i);
	if (rc == STORE_OK)
		rc = pages_write(x, &i, &sum);
	buf_char(&x->out, '}');
	if (rc != STORE_OK) {
		answer_store_error(x, rc);
		return;
	}
	struct str etag = incident_etag(&x->r->mem, &i, &sum);
	answer_field(x, "ETag", etag);
	if (etag_is_known(x, etag))
		answer_unchanged(x);
	else
		answer_json(x, 200);
}

/* The timeline or the pages by themselves, all of them, page by page. */
void incident_part(struct exchange *x)
{
	struct arena *a = &x->r->mem;
	enum kind kind = (enum kind)x->route->arg;
	struct faults faults = { .a = a };
	struct incident i = { 0 };
	struct str after;
	int64_t limit;
	if (!incident_load(x, &i))
		return;
	struct str filter = part_filter(a, kind, i.id);
	paging_read(x, filter, &limit, &after, &faults);
	if (faults.n > 0) {
		answer_faults(x, 400, &faults);
		return;
	}
	struct listing l = part_of(x, kind, i.id, after, limit);
	listing_answer(x, &l, filter, S(""));
}
