/* world.h - the configuration as the core sees it: immutable, looked up by id. Made by main/config, shared by reference.
 *
 * Ids are unique per kind. Nothing in here is read from the outside by the core; secrets have been filled in before.
 */
#ifndef CORE_WORLD_H
#define CORE_WORLD_H
#include "model/kinds.h"

struct channel_def { struct str id, type; bool needs_address; bool is_mail; };
struct channel_def_list { struct channel_def *v; size_t n; };
struct world {
	struct service_list services;
	struct policy_list policies;
	struct user_list users;
	struct integration_list integrations;
	struct channel_def_list channels;
	struct str *policy_refs;         /* for policies.v[i]: its snapshot id, ID@HASH; made by world_make_refs */
	const void **index[4];           /* services, policies, users and channels in the order of their ids; made by world_make_index */
	int64_t page_life_ms;            /* retries of a page end after this; 15 min */
	int64_t claim_ms;                /* a claim runs out after this; 30 s */
	int64_t receipt_ms;              /* idempotency keys are remembered so long; 24 h */
	int64_t keep_ms;                 /* resolved incidents are forgotten after this, with their timeline and pages; 400 days */
	int64_t events_ms;               /* alerts that are over, and timeline entries about repeated ones; at most keep_ms; 30 days */
};

/* Once, after the lists are filled in: look-ups rest on it. Of two with the same id either is found. */
void world_make_index(struct arena *a, struct world *w);
void world_make_refs(struct arena *a, struct world *w);      /* once the policies say what they will say */
const struct service *world_service(const struct world *w, struct str id);
const struct user *world_user(const struct world *w, struct str id);
const struct channel_def *world_channel(const struct world *w, struct str id);
const struct policy *world_policy(const struct world *w, struct str id, struct str *ret_ref);   /* and its snapshot id */
const struct policy *world_policy_by_ref(const struct world *w, struct str ref);                /* NULL: an older version */

/* The snapshot id of a policy: its id, '@', 16 hex digits of the SHA-256 of its stored JSON. */
struct str world_policy_ref(struct arena *a, const struct policy *p);

/* A target as text, taken apart. user:ID | channel:ID | CHANNEL-ID:ADDRESS. */
enum target_kind { TARGET_BAD, TARGET_USER, TARGET_CHANNEL, TARGET_ADDRESS };
struct target { enum target_kind kind; struct str id, address; };
struct target target_parse(struct str text);

/* Who a target means now: one reach per channel and address, at most max; returns how many there are (may be more than max).
 * 0: nobody can be reached this way. A user is reached over each of the contacts, and by email over every mail channel that
 * the contacts do not name. */
enum { PAGES_PER_LEVEL_MAX = 64 };       /* addresses of one level, all targets together */
struct reach { struct str channel, address; };
size_t world_reach(const struct world *w, struct str target, struct reach *out, size_t max);
#endif
