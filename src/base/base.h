/* base.h - the three types everything else is written in.
 *
 *   struct str    a view: pointer and length. It owns nothing and need not end in NUL.
 *   struct arena  owns everything made during one request, one batch, one decode; freed as a whole.
 *   struct buf    grows up to the maximum it was born with; its first failure sticks in .err, so a writer
 *                 appends freely and checks once.
 *
 * Memory: malloc failing ends the process (the store is the truth, restart is a tested path). Passing an arena's
 * or a buffer's limit is an ordinary error: it is how foreign input is kept small. Sizes are bytes.
 */
#ifndef BASE_H
#define BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_USE __attribute__((warn_unused_result))
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct str { const char *p; size_t n; };
#define S(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_ARG(s) (int)(s).n, (s).p                          /* for "%.*s" */
struct str str_c(const char *z);                              /* of a C string; NULL gives the empty view */
bool str_eq(struct str a, struct str b);
int str_cmp(struct str a, struct str b);                      /* byte order, as memcmp; a prefix is less */
bool str_starts(struct str s, struct str prefix);
struct str str_skip(struct str s, size_t n);                  /* without its first n bytes (all, if shorter) */
struct str str_trim(struct str s);                            /* without blanks and line ends at both sides */
bool str_cut(struct str s, char at, struct str *ret_head, struct str *ret_tail);  /* at the first `at`; false: none */
bool str_int(struct str s, int64_t *ret);                     /* whole decimal number, sign allowed; false: not one */
size_t str_utf8_span(struct str s);                           /* how many bytes at its front are valid UTF-8 */
bool str_is_utf8(struct str s);                               /* strict: no overlong forms, no surrogates */
size_t str_distance(struct str a, struct str b);              /* edits between short words (<= 64 bytes), for "did you mean" */
bool url_has_user(struct str url);                            /* "user@" or "user:password@" before the host, with a scheme or without */

struct arena_chunk;
struct arena { struct arena_chunk *head; size_t used, limit; };
#define ARENA(max) ((struct arena){ .limit = (max) })
void *arena_alloc(struct arena *a, size_t n, size_t size);    /* zeroed, aligned; NULL past .limit */
void *arena_need(struct arena *a, size_t n, size_t size);     /* the same where the limit was sized for all bounded input: asserts */
#define NEW(a, T) ((T *)arena_need((a), 1, sizeof(T)))
#define NEWN(a, T, n) ((T *)arena_need((a), (n), sizeof(T)))
struct str arena_str(struct arena *a, struct str s);          /* a copy that lives as long as the arena (asserts as arena_need); NUL follows it */
struct str arena_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
int str_keep(struct arena *a, struct str s, struct str *ret) MUST_USE;   /* copy of foreign text: ENOMEM past the limit */
void arena_reset(struct arena *a);                            /* forgets everything, keeps one chunk for the next use */
void arena_free(struct arena *a);

struct buf { char *p; size_t n, cap, limit; int err; };       /* .p is NUL-terminated whenever it is not NULL */
#define BUF(max) ((struct buf){ .limit = (max) })
void buf_add(struct buf *b, struct str s);                    /* past the limit: nothing is added, .err = EMSGSIZE */
void buf_char(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vfmt(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void buf_int(struct buf *b, int64_t v);
void buf_json(struct buf *b, struct str s);                   /* quoted and escaped for JSON */
void buf_clear(struct buf *b);                                /* empty again, error forgotten, memory kept */
void buf_free(struct buf *b);
struct str buf_str(const struct buf *b);                      /* a view of what is in it, until the next change */

void *xmalloc(size_t n);                                      /* these three end the process instead of returning NULL */
void *xrealloc(void *p, size_t n);
char *xstrndup(struct str s);
#endif
