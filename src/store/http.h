/* http.h - one HTTP request of this room and its answer, over libcurl: what the dynamodb backend and its credentials share. (The room io has a
 * client too, but a store must not need it.) Redirects are not followed, certificates are verified, nothing is sent twice by us.
 */
#ifndef STORE_HTTP_H
#define STORE_HTTP_H
#include "base/wire.h"
#include <curl/curl.h>

enum { HTTP_CONNECT_MS = 2000 };

struct http {
	/* The request. Its texts must live until the end. */
	struct wire_request request;
	bool is_direct;                  /* never through a proxy: an address that only this host can reach */
	int64_t timeout_ms;              /* of everything */

	/* The answer. */
	int status;                      /* 0: none came */
	int64_t date_ms;                 /* its Date, or 0 */
	struct buf answer;               /* the body; born with its limit by the caller */
	unsigned n_sent;                 /* how often the request began to leave: twice when a kept connection turned out to be dead */
	const char *error;               /* why there is no answer, */
	bool is_late;                    /* which may be that the time was over */

	CURL *easy;                      /* kept for the next request */
	struct curl_slist *lines;
	char said[CURL_ERROR_SIZE];
};

/* Before and after a transfer of h->easy, by whoever runs it. */
void http_begin(struct http *h);
void http_end(struct http *h, CURLcode rc);

/* Both, and the transfer between them. */
void http_perform(struct http *h);
void http_done(struct http *h);
int64_t http_mono_ms(void);                                   /* a clock for time-outs */
#endif
