/* sigv4.h - AWS Signature Version 4 as a pure function: a request in, its Authorization out. The time is an argument, so a caller whose
 * clock is wrong can sign with the time of the service. After "Signature Version 4 signing process" of AWS; S3, which encodes paths once
 * and signs the body's hash in a header, is not served.
 */
#ifndef BASE_SIGV4_H
#define BASE_SIGV4_H
#include "base/wire.h"

struct sigv4_keys { struct str id, secret, token; };                  /* token: of temporary keys, or empty */
struct sigv4_scope { struct str region, service; };

/* What was signed, for tests and for people who compare: texts of the arena. */
struct sigv4_trace { struct str canonical, to_sign, signature; };

/* Adds X-Amz-Date, X-Amz-Security-Token (when there is a token) and Authorization to the headers of a request for http or https. Signed are
 * host, content-type and every x-amz-*: what a proxy may change is not. The host is that of the URL, as libcurl sends it. at_ms: UTC, years
 * 1970 to 9999. ret: may be NULL. Everything added lives in the arena, which must have room: a few KiB and twice the headers. */
void sigv4_sign(struct arena *a, const struct sigv4_keys *keys, struct sigv4_scope scope, int64_t at_ms, struct wire_request *r,
    struct sigv4_trace *ret);
#endif
