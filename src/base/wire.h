/* wire.h - an outgoing request and what came back, as data: the language between the rooms that decide what to say (channels, sources)
 * and the room that says it (io). Pure shapes, no functions.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H
#include "base/base.h"

struct str_list { struct str *v; size_t n; };

/* HTTP: method, url, headers, body. Mail: url smtp://host:port or smtps://..., mail_from, mail_to, body is the whole message with its
 * headers and CRLF line ends, require_tls refuses a server without STARTTLS. Console: url "console:", body is the text to print. */
struct wire_request {
	struct str method, url;
	struct str_list headers;         /* "Name: value", no line ends inside */
	struct str body;
	struct str mail_from, mail_to, username, password;
	bool require_tls;
};

/* status: HTTP status or the last SMTP code; 0 when there was no answer, and then error says why. */
struct wire_reply {
	int status;
	struct str error;
	struct str retry_after;          /* header as it was sent, or empty */
	struct str body;                 /* at most 64 KiB of it */
};
#endif
