/* client.h - requests out: HTTP and SMTP submission through libcurl's multi interface, any number at a time, one thread.
 *
 * Connect within 3 s, everything within 10 s; no redirects; TLS chain and name always verified (SSL_CERT_FILE: against that file); at most answer_max of an answer is kept, more
 * is read off and dropped; no decompression; proxies as the environment says. Retries are the caller's business.
 *
 * A reply with a status is what the peer said: the HTTP status, or for mail 250 when the message was taken and else the code that
 * refused it (4xx, 5xx). Status 0: nothing was said that can be counted on; for mail that may be after the message had left. A status with an
 * error: the answer broke off in its body.
 */
#ifndef IO_CLIENT_H
#define IO_CLIENT_H
#include "base/wire.h"

struct client_transfer {
	const struct wire_request *request;  /* with everything it points at, until the transfer comes back */
	struct arena *mem;               /* where the reply's texts go; what does not fit its limit is cut off */
	size_t answer_max;               /* how much of an answer is kept; 0: 64 KiB */
	struct wire_reply reply;         /* filled in when it comes back */
	void *owner;                     /* the caller's */
};
struct client;
struct client *client_new(void);                                               /* cheap: libcurl is set up by the first client_start */
void client_free(struct client *c);                                            /* aborts what is under way; those transfers never come back */
void client_start(struct client *c, struct client_transfer *t);                /* by the thread that steps */
/* Moves transfers on; waits up to timeout_ms when there is nothing to do; puts those that ended into done and returns how many. */
size_t client_step(struct client *c, int timeout_ms, struct client_transfer **done, size_t max);
/* Breaks off what is under way and gives it back with an error and no status, max at a time; 0: nothing is left. */
size_t client_give_up(struct client *c, struct client_transfer **done, size_t max);
void client_wake(struct client *c);                                            /* any thread: makes a waiting step return */
size_t client_in_flight(const struct client *c);
void client_perform(struct client_transfer *t, int64_t timeout_ms);            /* one, blocking: for the command line */
#endif
