/* metrics.h - the figures of the engine, declared once: COUNTER_LIST gives the struct and the exposition.
 * Counters only go up and start at 0; they may be read from another thread (relaxed atomics).
 */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H
#include "base/base.h"
#include <stdatomic.h>

/* clang-format off */
/* X(member, family, labels, documentation) - rows of one family stand together. */
#define COUNTER_LIST(X) \
	X(incidents_created,   "tocsin_incidents_created",  "",                           "Incidents opened.") \
	X(incidents_resolved,  "tocsin_incidents_resolved", "",                           "Incidents ended.") \
	X(events_created,      "tocsin_source_events",      "result=\"created\"",         "Events accepted, by what they led to.") \
	X(events_folded,       "tocsin_source_events",      "result=\"duplicate\"",       "") \
	X(events_done,         "tocsin_source_events",      "result=\"done\"",            "") \
	X(events_nothing,      "tocsin_source_events",      "result=\"dropped\"",         "") \
	X(pages_owed,          "tocsin_pages_owed",         "",                           "Pages written to the outbox.") \
	X(pages_delivered,     "tocsin_notifications",      "outcome=\"delivered\"",      "Attempts to deliver pages, by how they ended.") \
	X(pages_retried,       "tocsin_notifications",      "outcome=\"retried\"",        "") \
	X(pages_failed,        "tocsin_notifications",      "outcome=\"failed\"",         "") \
	X(pages_cancelled,     "tocsin_notifications",      "outcome=\"suppressed\"",     "") \
	X(levels_entered,      "tocsin_levels_entered",     "",                           "Escalation levels begun.") \
	X(commits,             "tocsin_storage_commits",    "",                           "Group commits.") \
	X(commit_members,      "tocsin_storage_transactions", "",                         "Transactions in them.") \
	X(conflicts,           "tocsin_storage_conflicts",  "",                           "Transactions decided anew because somebody else wrote first.") \
	X(unknowns,            "tocsin_storage_unknown",    "",                           "Transactions whose result had to be asked for again.") \
	X(store_errors,        "tocsin_storage_errors",     "",                           "Store calls that failed.")
/* clang-format on */

struct metrics {
#define METRIC_MEMBER(member, family, labels, doc) atomic_uint_fast64_t member;
	COUNTER_LIST(METRIC_MEMBER)
#undef METRIC_MEMBER
	atomic_int_fast64_t last_cycle_ms;       /* wall/store time of the latest step */
	atomic_int_fast64_t replicas_live;       /* this one too */
};
void metrics_write(const struct metrics *m, struct buf *b, bool is_openmetrics);
#endif
