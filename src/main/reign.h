/* reign.h - what begins and what ends the reign of a standby: taking over the open incidents, and giving them back.
 *
 * Incidents keep their id on both sides. One that the primary knows is acknowledged or resolved there as people did it here; one that it does not
 * know begins there. The primary's answer is durable and the same again changes nothing, and an incident is taken over once a reign: both may break
 * off at any point and begin again.
 */
#ifndef MAIN_REIGN_H
#define MAIN_REIGN_H
#include "main/copy.h"
#include "main/writer.h"

struct reign {
	struct store *store;
	struct primary *primary;
	struct writer *writer;
	struct str name;                 /* this standby's, for the timelines */
	const struct region *region;
	void *ctx;
	void (*random)(void *ctx, void *out, size_t n);
};

/* Takes over whatever is open and was not yet. EAGAIN: some are left, try again. */
int reign_take(const struct reign *r, struct arena *a, size_t *ret_taken) MUST_USE;

/* Incidents to the primary: some by name, or all of the reign, which is what was open when it began and what began in it. How many were not taken,
 * and why the first was not: those stay here. */
size_t reign_give_some(const struct reign *r, struct arena *a, const struct ids *ids, struct str *ret_why);
size_t reign_give_all(const struct reign *r, struct arena *a, struct str *ret_why);
#endif
