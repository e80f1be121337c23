/* base.c - views, arenas and buffers. See base.h for what each promises. */
#include "base/base.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str str_c(const char *z)
{
	return (struct str){ z ? z : "", z ? strlen(z) : 0 };
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq((struct str){ s.p, prefix.n }, prefix);
}

struct str str_skip(struct str s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return n == 0 ? s : (struct str){ s.p + n, s.n - n };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_cut(struct str s, char at, struct str *ret_head, struct str *ret_tail)
{
	const char *p = s.n ? memchr(s.p, at, s.n) : NULL;
	if (p == NULL)
		return false;
	size_t n = (size_t)(p - s.p);
	*ret_head = (struct str){ s.p, n };
	*ret_tail = str_skip(s, n + 1);
	return true;
}

bool url_has_user(struct str url)
{
	struct str scheme, rest;
	size_t n = 0;
	if (str_cut(url, ':', &scheme, &rest) && str_starts(rest, S("//")))
		url = str_skip(rest, 2);
	while (n < url.n && url.p[n] != '/' && url.p[n] != '?' && url.p[n] != '#')
		n++;
	return n > 0 && memchr(url.p, '@', n) != NULL;
}

bool str_int(struct str s, int64_t *ret)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_skip(s, 1);
	if (s.n == 0)
		return false;
	int64_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		int digit = s.p[i] - '0';
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, digit, &v))
			return false;                      /* counted downwards, so that INT64_MIN fits */
	}
	if (!minus && v == INT64_MIN)
		return false;
	*ret = minus ? v : -v;
	return true;
}

/* The length of the character at p, of which n bytes are there; 0: no valid one. Past ASCII, the lead byte says how
 * many bytes follow and which is the least value that needs so many. */
static size_t utf8_char(const unsigned char *p, size_t n)
{
	static const struct { unsigned char mask, lead; uint32_t least; } form[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
	};
	size_t follow = 0;
	while (follow < COUNT(form) && (*p & form[follow].mask) != form[follow].lead)
		follow++;
	if (follow == COUNT(form) || follow >= n)
		return 0;
	uint32_t v = *p & (uint32_t)~form[follow].mask & 0xffu;
	for (size_t i = 1; i <= follow; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3fu);
	}
	bool is_valid = v >= form[follow].least && v <= 0x10ffff && !(v >= 0xd800 && v <= 0xdfff);
	return is_valid ? follow + 1 : 0;
}

size_t str_utf8_span(struct str s)
{
	size_t i = 0;
	while (i < s.n) {
		uint64_t word = UINT64_C(0x8080808080808080);
		if (s.n - i >= 8)
			memcpy(&word, s.p + i, 8);
		size_t step = 8;                                  /* most text is ASCII: eight bytes at a time */
		if (word & UINT64_C(0x8080808080808080))
			step = utf8_char((const unsigned char *)s.p + i, s.n - i);
		if (step == 0)
			break;
		i += step;
	}
	return i;
}

bool str_is_utf8(struct str s)
{
	return str_utf8_span(s) == s.n;
}

size_t str_distance(struct str a, struct str b)
{
	enum { WORD_MAX = 64 };
	size_t row[WORD_MAX + 1];
	if (a.n > WORD_MAX || b.n > WORD_MAX)
		return WORD_MAX + 1;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}

/* The address sanitizer sees one block a chunk; told what is in use, it finds a step out of a piece or into a forgotten one. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#define POISON(p, n) __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
enum { GAP = 0 };
#define POISON(p, n) ((void)0)
#define UNPOISON(p, n) ((void)0)
#endif

/* Chunks double from 4 KiB to 1 MiB; a larger need gets a chunk of its own. */
struct arena_chunk { struct arena_chunk *next; size_t cap, n; _Alignas(max_align_t) char mem[]; };
enum { CHUNK_FIRST = 4 << 10, CHUNK_MAX = 1 << 20 };

static struct arena_chunk *chunk_new(struct arena *a, size_t need)
{
	size_t cap = a->head ? a->head->cap * 2 : CHUNK_FIRST;
	if (cap > CHUNK_MAX)
		cap = CHUNK_MAX;
	if (cap < need)
		cap = need;
	struct arena_chunk *c = xmalloc(sizeof *c + cap);
	*c = (struct arena_chunk){ .next = a->head, .cap = cap };
	a->head = c;
	POISON(c->mem, cap);
	return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t need;
	if (__builtin_mul_overflow(n, size, &need) || need > a->limit || a->used > a->limit - need)
		return NULL;
	size_t room = (need + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	struct arena_chunk *c = a->head;
	if (c == NULL || c->cap - c->n < room + GAP)
		c = chunk_new(a, room + GAP);
	void *p = c->mem + c->n;
	UNPOISON(p, need);
	c->n += room + GAP;
	a->used += room;                                  /* with the padding: the limit is about memory */
	return memset(p, 0, need);
}

void *arena_need(struct arena *a, size_t n, size_t size)
{
	void *p = arena_alloc(a, n, size);
	assert(p != NULL);
	return p;
}

int str_keep(struct arena *a, struct str s, struct str *ret)
{
	char *p = arena_alloc(a, s.n + 1, 1);
	if (p == NULL)
		return ENOMEM;
	if (s.n)
		memcpy(p, s.p, s.n);
	*ret = (struct str){ p, s.n };
	return 0;
}

struct str arena_str(struct arena *a, struct str s)
{
	struct str copy = { 0 };
	int err = str_keep(a, s, &copy);
	assert(err == 0);
	return copy;
}

struct str arena_fmt(struct arena *a, const char *fmt, ...)
{
	char small[256];                                          /* most texts are short: written once, then copied */
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof small, fmt, ap);
	assert(n >= 0);
	char *p = arena_need(a, (size_t)n + 1, 1);
	if ((size_t)n < sizeof small)
		memcpy(p, small, (size_t)n);
	else
		(void)vsnprintf(p, (size_t)n + 1, fmt, again);     /* measured above: it fits */
	va_end(again);
	va_end(ap);
	return (struct str){ p, (size_t)n };
}

void arena_free(struct arena *a)
{
	for (struct arena_chunk *c = a->head, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	a->head = NULL;
	a->used = 0;
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = a->head;
	if (keep == NULL || keep->cap > CHUNK_MAX) {
		arena_free(a);
		return;
	}
	a->head = keep->next;
	arena_free(a);
	keep->next = NULL;
	keep->n = 0;
	POISON(keep->mem, keep->cap);
	a->head = keep;
}

/* The slow half of buf_room. The memory never exceeds the limit by more than the final NUL: what fits is allowed. */
static bool buf_grow(struct buf *b, size_t n)
{
	if (b->err)
		return false;
	if (n > b->limit || b->n > b->limit - n) {
		b->err = EMSGSIZE;
		return false;
	}
	size_t need = b->n + n + 1, cap = b->cap ? b->cap * 2 : 256;
	if (cap - 1 > b->limit)
		cap = b->limit + 1;
	b->cap = cap > need ? cap : need;
	b->p = xrealloc(b->p, b->cap);
	return true;
}

/* Makes room for n more bytes and the final NUL. */
static inline bool buf_room(struct buf *b, size_t n)
{
	return (b->cap - b->n > n && b->err == 0) || buf_grow(b, n);
}

void buf_add(struct buf *b, struct str s)
{
	if (!buf_room(b, s.n))
		return;
	if (s.n)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	b->p[b->n] = '\0';
}

void buf_char(struct buf *b, char c)
{
	if (!buf_room(b, 1))
		return;
	b->p[b->n++] = c;
	b->p[b->n] = '\0';
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	assert(n >= 0);
	if (buf_room(b, (size_t)n)) {
		(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);   /* measured above: it fits */
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_int(struct buf *b, int64_t v)
{
	char digits[24], *p = digits + sizeof digits;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	buf_add(b, (struct str){ p, (size_t)(digits + sizeof digits - p) });
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static void escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char short_form[256] = { ['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
		['\b'] = 'b', ['\f'] = 'f' };
	if (short_form[c])
		buf_add(b, (struct str){ (char[]){ '\\', short_form[c] }, 2 });
	else
		buf_add(b, (struct str){ (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6 });
}

void buf_json(struct buf *b, struct str s)
{
	size_t from = 0;
	buf_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (is_plain(c))
			continue;
		buf_add(b, (struct str){ s.p + from, i - from });
		escape(b, c);
		from = i + 1;
	}
	buf_add(b, str_skip(s, from));
	buf_char(b, '"');
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->err = 0;
	if (b->p)
		b->p[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .limit = b->limit };
}

struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->n };
}

static void out_of_memory(void)
{
	static const char say[] = "tocsin: out of memory; ending, the store has everything that was accepted\n";
	fputs(say, stderr);
	abort();
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (p == NULL)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (p == NULL)
		out_of_memory();
	return p;
}

char *xstrndup(struct str s)
{
	char *p = xmalloc(s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}
