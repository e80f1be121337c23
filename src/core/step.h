/* step.h - what the decisions share: one decision under way, and the few ways it may leave an effect. Inside core/ only.
 *
 * A decision first checks, then edits copies, then puts them: what was read is never changed, so a refusal leaves nothing to undo.
 */
#ifndef CORE_STEP_H
#define CORE_STEP_H
#include "core/decide.h"

struct step {
	const struct view *v;
	const struct command *c;
	int64_t now;
	struct effects *out;
	struct arena *a;
};

/* The entity as read, or NULL; an incident for changing is a copy in the arena. */
const void *step_get(const struct step *s, enum kind kind, struct str id);
struct incident *step_edit_incident(const struct step *s, struct str id);
struct page *step_edit_page(const struct step *s, struct str id);

/* Puts a document; putting the same document again replaces what was put before. */
void step_put(struct step *s, enum kind kind, struct str id, const void *obj, int64_t due, int64_t expire);
void step_put_incident(struct step *s, const struct incident *inc);          /* due and expiry follow from its state */
void step_put_page(struct step *s, const struct page *page);
void step_put_alert(struct step *s, const struct alert *alert);

/* One entry in the incident's timeline; text explains the decision to people. Counts inc->entries: put the incident afterwards. */
struct entry *step_note(struct step *s, struct incident *inc, enum entry_type type, enum incident_status before, struct str text);

void step_end(struct step *s, enum outcome outcome, const struct incident *inc, struct str reason);

/* escalate.c: the policy an incident was opened with, and walking it. */
const struct policy *escalate_policy(const struct step *s, const struct incident *inc);
void escalate_begin(struct step *s, struct incident *inc);                   /* a new round from level 0; edits inc, put it afterwards */
void escalate_next(struct step *s, struct incident *inc);                    /* the level after this one, the next pass, or the end */
int64_t escalate_timeout_ms(const struct step *s, const struct incident *inc);  /* of the current level; 0: it has none */

/* The decisions, one per command kind. */
void decide_event(struct step *s);
void decide_acknowledge(struct step *s);
void decide_resolve(struct step *s);
void decide_unacknowledge(struct step *s);
void decide_note(struct step *s);
void decide_timer(struct step *s);
void decide_claim(struct step *s);
void decide_settle(struct step *s);
void decide_token_create(struct step *s);
void decide_token_revoke(struct step *s);
void decide_take_over(struct step *s);
void decide_hand_back(struct step *s);

/* receipt.c: the receipt a command would leave (empty: none), whether there is one, leaving it. */
struct str receipt_of(const struct step *s);
bool receipt_replays(struct step *s, struct str id);         /* true: the decision has ended with the answer of then */
void receipt_put(struct step *s, struct str id);

struct str group_id(struct arena *a, struct str service);

/* act.c: what acknowledging and resolving do to an incident, whoever asks. */
void act_acknowledge(struct step *s, struct incident *inc);
void act_unacknowledge(struct step *s, struct incident *inc, struct str text);
void act_resolve(struct step *s, struct incident *inc, struct str root_cause, struct strs steps);
#endif
