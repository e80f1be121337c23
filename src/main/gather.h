/* gather.h - every document of a store in an order that makes a backup of what fits together, while servers go on writing.
 *
 * A store that stands still (store_info.is_still: SQLite, JSON) is read as it is. The others are read while they move, and there every incident
 * comes whole: the document, exactly the entries that it counts, and the pages those entries owe. Why that is enough:
 *   - Entries never change, and entry and page are committed with or before the incident that counts them: reading the incident first and
 *     the others by name afterwards finds all of them. A page may be newer than its incident; it only ever goes on towards its end.
 *   - Receipts come before incidents: a receipt without its incident would answer "accepted" to an alert that is lost. The other way round a
 *     sender's retry is folded into the open incident.
 *   - Alerts and groups come after incidents. An open alert whose incident is younger than the walk is left out: its next event opens a new one.
 *   - Policies come after the incidents that name them, counters last: no number is given out twice.
 * Who runs at the moment (replica) is no history, and is left out of either.
 * So whatever was accepted before the walk began is in it, and different incidents may be of different moments of the walk.
 */
#ifndef MAIN_GATHER_H
#define MAIN_GATHER_H
#include "store/every.h"

enum store_rc gather(struct store *s, const struct patience *p, every_take *take, void *ctx) MUST_USE;
#endif
