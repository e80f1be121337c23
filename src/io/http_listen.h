/* http_listen.h - the socket a server listens on. */
#ifndef IO_HTTP_LISTEN_H
#define IO_HTTP_LISTEN_H
#include "base/base.h"

/* Host: an IPv4 or IPv6 address in numbers, or localhost, which is 127.0.0.1; :: takes IPv4 too. Port 0: any free one. The socket does not
 * block. EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL (host or port) and whatever else the kernel says, with a sentence in why. */
int http_listen(struct str host, int port, int *ret_fd, struct buf *why) MUST_USE;
int http_listen_port(int fd);                                /* the port it got */
/* Puts the sentence for such an error into why and returns err. */
int http_listen_failed(struct str host, int port, int err, struct buf *why);
#endif
