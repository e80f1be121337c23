/* parts.h - what doors have in common: lenient readings of what senders write, the bound that the store sets, answers as
 * problem+json (RFC 9457). A source takes what it needs from here and nothing from another source.
 */
#ifndef SOURCES_PARTS_H
#define SOURCES_PARTS_H
#include "sources/source.h"

enum { EVENT_LABELS_MAX = 64, EVENT_LABEL_MAX = 1024, EVENT_LINKS_MAX = 32, EVENT_TITLE_MAX = 1024,
	EVENT_DETAILS_MAX = 64 << 10, EVENT_SIZE_MAX = 192 << 10 };

bool is_blank(struct str s);                                  /* nothing in it but blanks and control characters */
struct str one_line(struct arena *a, struct str s);           /* runs of blanks and control characters are one blank; none at the ends */
/* A scalar as text: 5 as "5", true as "true". false: an object, a list or null, which have none. */
bool scalar_text(struct arena *a, const struct jv *j, struct str *ret);

/* The limit of a title counts characters (senders cut to it), so a title in another script is longer in bytes. */
bool is_longer(struct str s, size_t characters);
/* The text as the event's title: one line, cut to what a title holds. False when something was cut off. */
bool event_title(struct arena *a, struct event *e, struct str text);

/* When the sender says it happened. What cannot be read does not cost the alert: it becomes the label `timestamp`,
 * unless the sender's own labels have used up their number. The caller has made room for one more. */
void event_time(struct arena *a, struct event *e, const struct jv *timestamp);

/* The details and the whole must fit into one document of the store: a fault at `path` when they do not. */
void event_check_size(const struct event *e, const struct jv *at, struct str path, struct faults *f);

/* A member's path: "[3]" and "severity" give "[3].severity". */
struct str path_of(struct arena *a, struct str prefix, struct str name);

/* Puts what b holds into the answer and frees b. Too large to be said (it cannot be, in practice): the status alone goes out. */
void door_answer(struct arena *a, int status, const char *content_type, struct buf *b, struct source_answer *ret);
void door_problem(struct arena *a, int status, const char *detail, const struct faults *f, struct source_answer *ret);
#endif
