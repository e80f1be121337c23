/* aws_inside.h - what the two halves of aws_credentials.h share: the chain with the files, and the sources that are asked over HTTP. */
#ifndef STORE_AWS_INSIDE_H
#define STORE_AWS_INSIDE_H
#include "store/aws_credentials.h"

/* AWS_ABSENT: nothing points at this source; a remark for people is in `why`. AWS_FAILED: it should have worked; a sentence is in `why`. */
enum aws_found { AWS_FOUND, AWS_ABSENT, AWS_FAILED };
struct aws_asked { const struct aws_environment *e; struct str region; struct arena *a; };
typedef enum aws_found aws_source(const struct aws_asked *q, struct aws_keys *ret, struct buf *why);
aws_source aws_from_web_identity, aws_from_container, aws_from_instance;

/* A file of at most 1 MiB. 0, or errno with a sentence. */
int aws_read_file(struct arena *a, struct str path, struct str *ret, struct buf *why) MUST_USE;
#endif
