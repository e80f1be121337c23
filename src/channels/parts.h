/* parts.h - what several channels need: foreign text made fit to be shown, dates as HTTP and mail write them, and
 * the judgement of an HTTP answer. A channel takes what it needs from here and nothing from another channel.
 */
#ifndef CHANNELS_PARTS_H
#define CHANNELS_PARTS_H
#include "channels/channel.h"

/* Texts come from whoever can make a monitored system log a line. Control characters (C0, DEL, C1) and the characters that
 * change the direction of text could rewrite a terminal, break a header or disguise a line: they become blanks. */
void line_add(struct buf *b, struct str s);                   /* one line: runs of blanks, line ends and controls are one blank */
void block_add(struct buf *b, struct str s);                  /* several lines: every line end becomes LF, tabs stay */
struct str text_cut(struct str s, size_t max);                /* its first max bytes at most, never half a UTF-8 character */
bool is_visible(struct str s);                                /* not empty, and printable ASCII without blanks throughout */
bool is_header_value(struct str s);                           /* no control characters but tab: safe behind "Name: " */

int http_date_read(struct str s, int64_t *ret_ms) MUST_USE;   /* RFC 9110 IMF-fixdate; EINVAL: another form */
void mail_date_write(struct buf *b, int64_t ms);              /* RFC 5322: Fri, 02 Jan 2026 03:04:05 +0000 */

/* 2xx delivered; 408, 425, 429, 5xx and no answer: retry, when Retry-After says so; all else refused. With a reason for people. */
void judge_http(struct arena *a, const struct wire_reply *r, int64_t now_ms, struct channel_judgement *ret);
#endif
