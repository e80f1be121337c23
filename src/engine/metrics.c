/* metrics.c - the counters as Prometheus text or OpenMetrics. Rows of one family stand together in the list, so its head is written once. */
#include "engine/metrics.h"
#include <string.h>

struct row { const char *family, *labels, *doc; uint64_t value; };

static void head(struct buf *b, const struct row *r, bool is_openmetrics)
{
	const char *suffix = is_openmetrics ? "" : "_total";      /* OpenMetrics names the family, the classic form the sample */
	buf_fmt(b, "# HELP %s%s %s\n# TYPE %s%s counter\n", r->family, suffix, r->doc, r->family, suffix);
}

void metrics_write(const struct metrics *m, struct buf *b, bool is_openmetrics)
{
#define METRIC_ROW(member, family, labels, doc) { family, labels, doc, atomic_load_explicit(&m->member, memory_order_relaxed) },
	const struct row rows[] = { COUNTER_LIST(METRIC_ROW) };
#undef METRIC_ROW
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		if (i == 0 || strcmp(r->family, rows[i - 1].family) != 0)
			head(b, r, is_openmetrics);
		buf_fmt(b, "%s_total%s%s%s %llu\n", r->family, *r->labels ? "{" : "", r->labels, *r->labels ? "}" : "",
		    (unsigned long long)r->value);
	}
	int64_t cycle_ms = atomic_load_explicit(&m->last_cycle_ms, memory_order_relaxed);
	buf_fmt(b, "# HELP tocsin_engine_last_cycle_timestamp_seconds When the engine last went round.\n"
	    "# TYPE tocsin_engine_last_cycle_timestamp_seconds gauge\ntocsin_engine_last_cycle_timestamp_seconds %lld.%03lld\n",
	    (long long)(cycle_ms / 1000), (long long)(cycle_ms % 1000));
	buf_fmt(b, "# HELP tocsin_replicas_live Replicas at work on this store, as this one sees them.\n# TYPE tocsin_replicas_live gauge\n"
	    "tocsin_replicas_live %lld\n", (long long)atomic_load_explicit(&m->replicas_live, memory_order_relaxed));
}
