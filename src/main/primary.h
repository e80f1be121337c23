/* primary.h - the server that this one stands by for, as somebody to ask: one JSON request at a time, each within ten seconds.
 *
 * Every question goes out with the token of the configuration, over HTTPS with the name verified when the URL says so.
 */
#ifndef MAIN_PRIMARY_H
#define MAIN_PRIMARY_H
#include "base/json.h"

struct primary;
struct primary *primary_new(struct str url, struct str token);
void primary_free(struct primary *p);
void primary_stop(struct primary *p);                        /* any thread: the question under way ends, and every later one at once */

/* status 0: no answer. json is in the arena, NULL when there is none; why is a sentence when status is not 2xx or there is no JSON. */
struct told { int status; const struct jv *json; struct str why; };
struct told primary_ask(struct primary *p, struct arena *a, const char *method, struct str path, struct str body);
#endif
