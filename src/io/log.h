/* log.h - one line per event, written with one write(2), so that lines of several threads never mix.
 *
 * On a terminal logfmt: ts=2026-01-02T03:04:05.678Z level=info msg="..." incident_id=...
 * Else JSON:            {"ts":"2026-01-02T03:04:05.678Z","level":"info","msg":"...","incident_id":"..."}
 * Time is UTC. A line is at most LOG_LINE_MAX bytes, so that a pipe takes it whole; a message of more than 560 bytes is cut and ends in
 * "...". A log that cannot be written is lost without a word: there is nowhere left to say it.
 */
#ifndef IO_LOG_H
#define IO_LOG_H
#include "base/base.h"
#include <stdatomic.h>

/* Levels are numbered like the engine's enum log_level: 0 debug, 1 info, 2 warn, 3 error. */
enum { LOG_LINE_MAX = 4 << 10, LOG_LEVELS = 4 };
enum log_format { LOG_AUTO, LOG_LOGFMT, LOG_JSON };          /* AUTO: as the descriptor is a terminal or not */
struct log {
	int fd;
	atomic_bool is_logfmt;
	atomic_int threshold;            /* lines below this level are not written */
};
void log_init(struct log *l, int fd, int threshold, enum log_format format);
void log_change(struct log *l, int threshold, enum log_format format);             /* any thread, at any time */
void log_write(struct log *l, int level, struct str incident, const char *text);   /* any thread; incident may be empty */
#endif
