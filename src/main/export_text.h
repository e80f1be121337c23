/* export_text.h - incidents as the text of incidents.json, and what a text in its place turns out to be.
 *
 * The text is one array, oldest incident first, indented by two blanks as Python's json.dump(indent=2) does it. An incident begins with
 * the fields and names of the incident tracker whose file this was, in its order; what only we know follows under our own names.
 * The same incidents give the same bytes.
 */
#ifndef MAIN_EXPORT_TEXT_H
#define MAIN_EXPORT_TEXT_H
#include "model/incident.h"

/* Which fields under which names, in order; made once. */
struct export_layout { size_t n; struct { struct str shown; const struct field *f; } v[64]; };
void export_layout_init(struct export_layout *l);

#define EXPORT_BEGIN S("[")
/* One incident; the first has no comma in front. */
void export_text_incident(struct buf *b, const struct export_layout *l, const struct incident *i, bool is_first);
struct str export_text_end(bool is_empty);               /* closes the array, and the last line */

/* A text of ours read back, incident by incident: only what is held against the journal. */
struct export_row { struct str id; int64_t version; bool is_resolved; };
/* False at the end. `rest` is the text, and what is left of it afterwards. Right for texts that were written by the functions above and by nobody else. */
bool export_text_next(struct str *rest, struct export_row *ret);
#endif
