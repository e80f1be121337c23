/* when.h - points in time and durations as text and back. No clock here: times are int64_t milliseconds since
 * 1970-01-01T00:00:00Z (UTC, no leap seconds), durations int64_t milliseconds.
 */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H
#include "base/base.h"

/* RFC 3339, years 1970..9999, always "2026-01-02T03:04:05.678Z" on writing. Reading takes any fraction, T or blank,
 * Z, +01:00, +0100 and +01 (real senders use them all). EINVAL: not a time; *ret is then untouched. */
int when_read(struct str s, int64_t *ret_ms) MUST_USE;
void when_write(struct buf *b, int64_t ms);

/* "90s", "15m", "1h45m", "2d", "250ms": units d h m s ms in falling order, each once. "0s" is zero. */
int duration_read(struct str s, int64_t *ret_ms) MUST_USE;
void duration_write(struct buf *b, int64_t ms);
#endif
