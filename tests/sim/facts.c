/* facts.c - a reader for flat JSON objects, driven by one table of members per kind. See facts.h. */
#include "tests/sim/facts.h"
#include "model/kinds.h"
#include <string.h>

enum fact_kind { FACT_STR, FACT_INT, FACT_BOOL, FACT_TIME, FACT_LETTER, FACT_RAW };
struct fact { const char *name; enum fact_kind kind; size_t off; };
struct fact_row { const struct fact *v; size_t n; };

/* clang-format off */
#define F(E, K, m) { #m, K, offsetof(struct fact_##E, m) }
static const struct fact incident_facts[] = {
	F(incident, FACT_STR, id), F(incident, FACT_INT, number), F(incident, FACT_LETTER, status), F(incident, FACT_STR, service),
	F(incident, FACT_STR, source), F(incident, FACT_STR, dedup_key), F(incident, FACT_INT, alert_count),
	F(incident, FACT_INT, open_alerts), F(incident, FACT_STR, policy), F(incident, FACT_INT, level), F(incident, FACT_INT, round),
	F(incident, FACT_INT, passes), F(incident, FACT_BOOL, exhausted), F(incident, FACT_TIME, due_at),
	F(incident, FACT_STR, acknowledged_by), F(incident, FACT_TIME, resolved_at), F(incident, FACT_INT, entries),
};
static const struct fact alert_facts[] = {
	F(alert, FACT_STR, id), F(alert, FACT_STR, integration), F(alert, FACT_STR, dedup_key), F(alert, FACT_STR, service),
	F(alert, FACT_STR, incident), F(alert, FACT_BOOL, is_open), F(alert, FACT_STR, summary), F(alert, FACT_INT, count),
};
static const struct fact entry_facts[] = {
	F(entry, FACT_STR, id), F(entry, FACT_STR, type), F(entry, FACT_STR, actor), F(entry, FACT_STR, via),
	F(entry, FACT_LETTER, before), F(entry, FACT_LETTER, after), F(entry, FACT_INT, round), F(entry, FACT_INT, level),
	F(entry, FACT_STR, text), F(entry, FACT_RAW, pages),
};
static const struct fact page_facts[] = {
	F(page, FACT_STR, id), F(page, FACT_STR, incident), F(page, FACT_INT, round), F(page, FACT_INT, level), F(page, FACT_STR, target),
	F(page, FACT_STR, channel), F(page, FACT_STR, address), F(page, FACT_LETTER, status), F(page, FACT_INT, attempt),
	F(page, FACT_STR, owner), F(page, FACT_TIME, owed_at), F(page, FACT_TIME, claimed_at), F(page, FACT_TIME, retry_at),
	F(page, FACT_TIME, ended_at), F(page, FACT_STR, reason),
};
static const struct fact receipt_facts[] = {
	F(receipt, FACT_STR, id), F(receipt, FACT_STR, fingerprint), F(receipt, FACT_STR, incident), F(receipt, FACT_STR, dedup_key),
};
static const struct fact_row rows[KINDS] = {
	[KIND_incident] = { incident_facts, COUNT(incident_facts) }, [KIND_alert] = { alert_facts, COUNT(alert_facts) },
	[KIND_entry] = { entry_facts, COUNT(entry_facts) }, [KIND_page] = { page_facts, COUNT(page_facts) },
	[KIND_receipt] = { receipt_facts, COUNT(receipt_facts) },
};
/* clang-format on */

/* Past the string whose opening quote is at p. */
static const char *past_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p < end ? p + 1 : end;
}

/* Past the value at p: up to the comma or brace that ends it. */
static const char *past_value(const char *p, const char *end)
{
	int depth = 0;
	while (p < end) {
		if (depth == 0 && (*p == ',' || *p == '}'))
			return p;
		if (*p == '"') {
			p = past_string(p, end);
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	}
	return end;
}

static int64_t digits(const char *p, int n)
{
	int64_t v = 0;
	for (int i = 0; i < n; i++)
		v = v * 10 + (p[i] - '0');
	return v;
}

static int64_t whole(struct str s)
{
	bool minus = s.n && *s.p == '-';
	int64_t v = digits(s.p + minus, (int)s.n - minus);
	return minus ? -v : v;
}

/* "2026-01-02T03:04:05.678Z", quotes included. Days from the civil date as in the proleptic Gregorian calendar. */
static int64_t instant(struct str s)
{
	if (s.n != 26)
		return 0;
	const char *p = s.p + 1;
	int64_t y = digits(p, 4), m = digits(p + 5, 2), d = digits(p + 8, 2);
	y -= m <= 2;
	int64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
	return (((days * 24 + digits(p + 11, 2)) * 60 + digits(p + 14, 2)) * 60 + digits(p + 17, 2)) * 1000 + digits(p + 20, 3);
}

static void put(char *at, enum fact_kind kind, struct str v)
{
	struct str inside = v.n >= 2 && *v.p == '"' ? (struct str){ v.p + 1, v.n - 2 } : (struct str){ "", 0 };
	bool is = v.n && *v.p == 't';
	int64_t i = kind == FACT_TIME ? instant(v) : kind == FACT_INT ? whole(v) : 0;
	if (kind == FACT_STR)
		memcpy(at, &inside, sizeof inside);
	else if (kind == FACT_RAW)
		memcpy(at, &v, sizeof v);
	else if (kind == FACT_BOOL)
		memcpy(at, &is, sizeof is);
	else if (kind == FACT_LETTER)
		*at = inside.n ? *inside.p : 0;
	else
		memcpy(at, &i, sizeof i);
}

static void member(struct facts *f, const struct fact_row *row, struct str key, struct str value)
{
	for (size_t i = 0; i < row->n; i++)
		if (strncmp(row->v[i].name, key.p, key.n) == 0 && row->v[i].name[key.n] == 0) {
			put((char *)f + row->v[i].off, row->v[i].kind, value);
			return;
		}
}

static void defaults(struct facts *f, unsigned kind)
{
	memset(f, 0, sizeof *f);
	if (kind == KIND_incident)
		f->incident.status = 'd';
	else if (kind == KIND_page)
		f->page.status = 'o';
	else if (kind == KIND_entry) {
		f->entry.before = f->entry.after = 'd';
		f->entry.type = S("detected");
	}
}

bool facts_read(struct facts *f, unsigned kind, struct str body)
{
	const char *p = body.p, *end = body.p + body.n;
	defaults(f, kind);
	if (body.n < 2 || *p != '{' || end[-1] != '}')
		return false;
	if (kind >= KINDS || rows[kind].n == 0)
		return true;
	for (p++; p < end && *p == '"';) {
		const char *key = p + 1, *after = past_string(p, end), *value = after + 1, *stop = past_value(value, end);
		if (after >= end || *after != ':')
			return false;
		member(f, &rows[kind], (struct str){ key, (size_t)(after - 1 - key) }, (struct str){ value, (size_t)(stop - value) });
		p = stop + (stop < end && *stop == ',');
	}
	return true;
}
