/* http_guard.h - which requests are refused before anybody acts on them, as pure rules over names and values.
 *
 * The aim is RFC 9112 section 11.2: a proxy in front and this server must never disagree on where a request ends, so whatever can
 * be read in two ways is refused and the connection closed. Feed every field of a head, then ask.
 */
#ifndef IO_HTTP_GUARD_H
#define IO_HTTP_GUARD_H
#include "base/base.h"

/* status 0: nothing wrong. `what` is a sentence for the sender. */
struct http_refusal { int status; const char *what; };

/* A head as a parser shows it. With is_exact, method, version, names and values are views of the head as it came, and nothing may be
 * between them but what belongs there: a parser that takes a bare LF for a line end, joins a folded line, cuts a value at a NUL or skips a
 * second blank leaves a gap. (Two disguises leave none, and no proxy lets either through: a NUL where the CR of a line end should be,
 * and a line without a name where the empty line should be.) size: bytes from the method to the end of the empty line. */
struct http_head { struct str method, target, version; size_t size; bool is_exact; };

/* What a head says of its own framing. */
struct http_framing {
	const struct http_head *head;
	size_t n_fields, n_hosts, n_lengths, n_codings;
	const char *next;                /* where the next field must begin */
	bool has_gap;
	uint64_t length;                 /* of the body, when n_lengths is 1 */
	struct http_refusal refusal;     /* the first fault seen in a field */
};
struct http_framing http_framing_begin(const struct http_head *h);
void http_framing_field(struct http_framing *f, struct str name, struct str value);   /* in the order of the head */

struct http_guard_limits { size_t header_max, headers_max, body_max; };
struct http_refusal http_framing_verdict(const struct http_framing *f, const struct http_guard_limits *l);

/* A request target as it stood in the request line, into the path (percent-decoded) and the query (as sent). Origin form, absolute form and
 * "*" are known. Refused: blanks, broken escapes, a NUL, bytes that are no UTF-8, in the path or in what the query decodes to. */
struct http_refusal http_target_read(struct arena *a, struct str target, struct str *ret_path, struct str *ret_query);

/* The value of a name in a query that http_target_read let pass, decoded ('+' is a blank). false: not there. */
bool http_query_find(struct arena *a, struct str query, struct str name, struct str *ret);
#endif
