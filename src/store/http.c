/* http.c - see http.h. */
#include "store/http.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t http_mono_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	buf_add(&h->answer, (struct str){ data, size * n });
	return h->answer.err ? 0 : size * n;
}

/* libcurl sends again by itself, on a fresh connection, when a kept one broke before a byte of the answer came. Whoever must know whether
 * something may have happened twice counts here. */
static int on_send(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	(void)remote, (void)local, (void)remote_port, (void)local_port;
	((struct http *)ctx)->n_sent++;
	return CURL_PREREQFUNC_OK;
}

static void add_line(struct http *h, struct str line)
{
	char *z = xstrndup(line);
	struct curl_slist *longer = curl_slist_append(h->lines, z);
	if (longer == NULL)
		abort();                                           /* out of memory, as xmalloc */
	h->lines = longer;
	free(z);
}

static void set_text(CURL *easy, CURLoption option, struct str s)
{
	char *z = xstrndup(s);                                     /* libcurl copies it */
	curl_easy_setopt(easy, option, z);
	free(z);
}

static void set_request(struct http *h)
{
	const struct wire_request *r = &h->request;
	for (size_t i = 0; i < r->headers.n; i++)
		add_line(h, r->headers.v[i]);
	add_line(h, S("Expect:"));                                 /* libcurl's own costs a round trip */
	add_line(h, S("Accept:"));
	set_text(h->easy, CURLOPT_URL, r->url);
	if (!str_eq(r->method, S("GET"))) {
		curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
		curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "");
		set_text(h->easy, CURLOPT_CUSTOMREQUEST, r->method);
	}
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->lines);
}

void http_begin(struct http *h)
{
	if (h->easy)
		curl_easy_reset(h->easy);
	else if ((h->easy = curl_easy_init()) == NULL)
		abort();                                           /* out of memory, as xmalloc */
	h->status = 0;
	h->date_ms = 0;
	h->n_sent = 0;
	h->error = NULL;
	h->said[0] = '\0';
	buf_clear(&h->answer);
	set_request(h);
	curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, (long)h->timeout_ms);
	curl_easy_setopt(h->easy, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(h->timeout_ms < HTTP_CONNECT_MS ? h->timeout_ms : HTTP_CONNECT_MS));
	const char *trusted = getenv("SSL_CERT_FILE");             /* as OpenSSL's own programs do; libcurl leaves it to its caller */
	if (trusted && *trusted)
		curl_easy_setopt(h->easy, CURLOPT_CAINFO, trusted);
	if (h->is_direct)
		curl_easy_setopt(h->easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->said);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(h->easy, CURLOPT_PREREQDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_PRIVATE, h);
}

/* Where nobody answered libcurl's sentence says the same twice: the system's own is better. */
static const char *why(struct http *h, CURLcode rc)
{
	long system = 0;
	if (rc == CURLE_COULDNT_CONNECT && curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &system) == CURLE_OK && system != 0)
		return strerror((int)system);
	return h->said[0] ? h->said : curl_easy_strerror(rc);
}

void http_end(struct http *h, CURLcode rc)
{
	struct curl_header *date = NULL;
	long status = 0;
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	if (rc == CURLE_OK)
		h->status = (int)status;
	else
		h->error = why(h, rc);
	if (curl_easy_header(h->easy, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK) {
		time_t s = curl_getdate(date->value, NULL);
		h->date_ms = s > 0 ? (int64_t)s * 1000 : 0;
	}
	h->is_late = rc == CURLE_OPERATION_TIMEDOUT;
	curl_slist_free_all(h->lines);
	h->lines = NULL;
}

void http_perform(struct http *h)
{
	http_begin(h);
	http_end(h, curl_easy_perform(h->easy));
}

void http_done(struct http *h)
{
	curl_easy_cleanup(h->easy);
	buf_free(&h->answer);
	h->easy = NULL;
}
