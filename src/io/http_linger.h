/* http_linger.h - connections that were refused while their sender was still sending.
 *
 * Closing a socket with unread bytes in it makes the kernel send a reset, and the reset destroys the answer that says why. So such a
 * connection's socket comes here: our side is closed for writing, what still comes is read and dropped, until the peer closes, or
 * LINGER_MS are over, or LINGER_BYTES were dropped. At most LINGER_MAX at a time; beyond that sockets are closed at once.
 */
#ifndef IO_HTTP_LINGER_H
#define IO_HTTP_LINGER_H
#include <stddef.h>
#include <stdint.h>

enum { LINGER_MS = 2000, LINGER_BYTES = 16 << 20, LINGER_MAX = 256 };
struct lingerer;
struct http_lingers { struct lingerer *head, *tail; size_t n; int epoll_fd; };   /* in order of arrival, so of deadline */

/* Takes over a copy of fd; the caller still closes its own. The copy's events come from epoll_fd with the pointer to hand to http_linger_read. */
void http_linger_add(struct http_lingers *l, int fd, int64_t now_ms);
void http_linger_read(struct http_lingers *l, struct lingerer *one);
void http_linger_expire(struct http_lingers *l, int64_t now_ms);
int64_t http_linger_next_ms(const struct http_lingers *l);   /* when http_linger_expire has something to do; INT64_MAX: never */
void http_linger_done(struct http_lingers *l);               /* closes all */
#endif
