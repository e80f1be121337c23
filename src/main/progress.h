/* progress.h - how far a long command is, on standard error: a bar on a terminal, a plain line each few seconds elsewhere, nothing with --quiet.
 * A bar is one line that is written over, without colours.
 */
#ifndef MAIN_PROGRESS_H
#define MAIN_PROGRESS_H
#include "cli/command.h"

struct progress {
	struct cli *c;
	bool is_quiet, has_line;         /* has_line: an unfinished bar stands on the terminal */
	const char *what;                /* "copying" */
	uint64_t done, total;            /* total 0: not known */
	int64_t began_ms, told_ms;
};
void progress_init(struct progress *p, struct cli *c);       /* quiet when --quiet was given */
/* Where it is now. A new `what` ends the line of the one before and begins the clock anew. */
void progress_at(struct progress *p, const char *what, uint64_t done, uint64_t total);
void progress_end(struct progress *p);                       /* ends the line of a bar, before anything else is said */
#endif
