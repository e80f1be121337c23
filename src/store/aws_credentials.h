/* aws_credentials.h - the keys that requests to AWS are signed with, found where AWS's own tools look for them, in their order:
 *
 *   1 the environment           AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   2 web identity              AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: exchanged at STS
 *   3 shared credentials file   ~/.aws/credentials or AWS_SHARED_CREDENTIALS_FILE; profile AWS_PROFILE, AWS_DEFAULT_PROFILE or "default"
 *   4 config file               ~/.aws/config or AWS_CONFIG_FILE
 *   5 container                 AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (ECS) or _FULL_URI (EKS Pod Identity)
 *   6 instance                  IMDSv2 at AWS_EC2_METADATA_SERVICE_ENDPOINT or 169.254.169.254
 *
 * The first that is there counts; when it is there and fails, that is said and nothing else is tried. A profile that assumes a role, signs
 * in (SSO, login) or runs a program (credential_process) is refused with a sentence: put its keys into the environment.
 *
 * Keys that end are fetched anew from 15 minutes before their end, while the old ones still serve. Any thread may ask.
 */
#ifndef STORE_AWS_CREDENTIALS_H
#define STORE_AWS_CREDENTIALS_H
#include "base/sigv4.h"

struct aws_environment {
	const char *(*get)(void *ctx, const char *name);      /* a variable, or NULL; get itself may be NULL: none is set */
	void *ctx;
};
/* "" when it is not set. */
struct str aws_env(const struct aws_environment *e, const char *name);

struct aws_chain;
struct aws_chain *aws_chain_new(struct aws_environment e, struct str region);
void aws_chain_free(struct aws_chain *c);

/* The keys, copied into the arena. now_ms: UTC. May take some seconds when they must be fetched. False: none; `why` says where was looked and
 * what to do. */
bool aws_chain_keys(struct aws_chain *c, int64_t now_ms, struct arena *a, struct sigv4_keys *ret, struct buf *why) MUST_USE;

/* A service refused these as expired: the next call fetches others. */
void aws_chain_expired(struct aws_chain *c, struct str key_id);

/* Readers of what the sources answer, here for tests and fuzzers. until_ms: INT64_MAX when they have no end. Texts live in the arena. */
struct aws_keys { struct sigv4_keys keys; int64_t until_ms; };
bool aws_read_json(struct arena *a, struct str text, struct aws_keys *ret, struct buf *why) MUST_USE;   /* container and instance */
bool aws_read_sts(struct str xml, struct aws_keys *ret, struct buf *why) MUST_USE;      /* its texts stay in the xml */
/* A section of an INI file. 0; ENOENT: no such section, or no keys in it; EINVAL: it wants what is not served (`why`). */
int aws_read_profile(struct str text, struct str section, struct aws_keys *ret, struct buf *why) MUST_USE;
#endif
