/* audit.h - every document of a store looked at by itself and beside those it refers to: what `tocsin fsck` prints.
 *
 * A store's checksums say that bytes came back as they were written; this says that they make sense. Checked of each document: it can be
 * decoded by its field table; it is stored under the id and the keys that its fields say; its due and expiry times are those of its state. Of an
 * incident also: the policy it was opened with is there, its timeline has every entry it counts, every page those owe is there, its number is
 * its own and below the counter. Of alerts, entries and pages: their incident is there.
 *
 * A server may write meanwhile: what seems to be missing is asked for again before it is called a fault. Nothing is changed.
 */
#ifndef MAIN_AUDIT_H
#define MAIN_AUDIT_H
#include "model/kinds.h"
#include "store/every.h"

struct audit_fault { enum kind kind; struct str id, what; const char *cure; };
struct audit {
	struct store *store;
	int64_t now_ms;                  /* store time */
	int64_t keep_ms, events_ms;      /* retention: what is older may be gone */
	struct patience patience;
	void *ctx;
	void (*fault)(void *ctx, const struct audit_fault *f);
	void (*told)(void *ctx, uint64_t n);     /* documents looked at so far */
};
struct audit_result { uint64_t n[KINDS], bytes[KINDS], faults[KINDS]; };
enum store_rc audit_run(const struct audit *a, struct audit_result *ret) MUST_USE;
#endif
