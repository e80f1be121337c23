/* check.h - the invariants, each in the file of what it is about. Every checker sees every happening; the first violation ends the run. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H
#include "tests/sim/history.h"

struct checks;
struct checks *checks_new(struct sim *s);
void checks_free(struct checks *c);
void checks_see(struct checks *c, const struct happening *h);
void checks_end(struct checks *c);               /* after the last step: nothing is left open */

void broken(struct sim *s, enum invariant i, const char *fmt, ...) PRINTF_LIKE(3, 4);
static inline void exercised(struct sim *s, enum invariant i)
{
	s->verdict.exercised[i]++;
}

/* Inside check_*.c. */
struct ingest;
struct checks {
	struct sim *s;
	struct ingest *ingest;
	int64_t alive_since;                     /* every replica has been up, and the store reachable, since then */
	int64_t healed_at;                       /* 0: not yet */
};
bool is_calm(const struct checks *c);            /* nothing goes wrong now, nor has before in a way that still matters */
/* What the life checker keeps with each incident. */
struct incident_note {
	const struct plan_policy *policy;
	int64_t left_at;                         /* when it last stopped being detected; 0: never */
	int entries[4], answered[4];             /* acknowledged, resolved, un-acknowledged by people: in the timeline, and answered as done */
};
struct incident_note *incident_note(struct checks *c, const struct change *ch);
struct ingest *ingest_new(void);
void ingest_free(struct ingest *g);
void ingest_see(struct checks *c, const struct happening *h);
void life_see(struct checks *c, const struct happening *h);
void pages_see(struct checks *c, const struct happening *h);
void end_check(struct checks *c);

/* How far a replica's clock may be off what it wrote, besides the time between deciding and committing. */
enum { CLOCK_MS = 1100, LATE_MS = 10 * SECOND, EARLY_MS = 50 };

/* The change of a document in a commit, or NULL. */
const struct change *change_of(const struct happening *h, store_kind kind, struct str id);
#endif
