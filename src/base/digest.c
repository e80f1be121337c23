/* digest.c - see digest.h. */
#include "base/digest.h"
#include <assert.h>
#include <errno.h>
#define OPENSSL_API_COMPAT 0x10100000L                        /* SHA256_Init and its kin, deprecated since and there all the same */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* The plain functions rather than EVP: no look-up of an algorithm per call, and 2 MB less of the library is touched. */
void sha256(struct str s, uint8_t out[SHA256_N])
{
	SHA256_CTX c;
	int ok = SHA256_Init(&c) && SHA256_Update(&c, s.p ? s.p : "", s.n) && SHA256_Final(out, &c);
	assert(ok);
}

struct sha256_run { SHA256_CTX c; };

struct sha256_run *sha256_begin(void)
{
	struct sha256_run *r = xmalloc(sizeof *r);
	int ok = SHA256_Init(&r->c);
	assert(ok);
	return r;
}

void sha256_add(struct sha256_run *r, struct str part)
{
	int ok = SHA256_Update(&r->c, part.p ? part.p : "", part.n);
	assert(ok);
}

void sha256_end(struct sha256_run *r, uint8_t out[SHA256_N])
{
	int ok = SHA256_Final(out, &r->c);
	assert(ok);
	free(r);
}

void hmac_sha256(struct str key, struct str s, uint8_t out[SHA256_N])
{
	unsigned n = 0;
	assert(key.n <= INT32_MAX);
	const unsigned char *p = HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.n,
	    (const unsigned char *)(s.p ? s.p : ""), s.n, out, &n);
	assert(p != NULL && n == SHA256_N);
}

/* crc_after[v]: what four zero bits make of the remainder v, computed by the compiler. */
#define BIT1(c) ((c) >> 1 ^ (UINT32_C(0x82f63b78) & (0 - ((c) & 1))))
#define BIT4(c) BIT1(BIT1(BIT1(BIT1(UINT32_C(c)))))
static const uint32_t crc_after[16] = {
	BIT4(0), BIT4(1), BIT4(2), BIT4(3), BIT4(4), BIT4(5), BIT4(6), BIT4(7),
	BIT4(8), BIT4(9), BIT4(10), BIT4(11), BIT4(12), BIT4(13), BIT4(14), BIT4(15),
};

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_hardware(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t c = crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	for (; n > 0; n--)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
	return (uint32_t)c;
}
#endif

static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t n)
{
	for (; n > 0; n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ crc_after[crc & 15];
		crc = crc >> 4 ^ crc_after[crc & 15];
	}
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_hardware(~crc, p, n);
#endif
	return ~crc_portable(~crc, p, n);
}

bool same_secret(struct str a, struct str b)
{
	return a.n == b.n && CRYPTO_memcmp(a.p ? a.p : "", b.p ? b.p : "", a.n) == 0;
}

static const char hex_digit[] = "0123456789abcdef";

void hex_write(struct buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add(b, (struct str){ (char[]){ hex_digit[p[i] >> 4], hex_digit[p[i] & 15] }, 2 });
}

struct str sha256_hex(struct arena *a, struct str s)
{
	uint8_t sha[SHA256_N];
	struct buf hex = BUF((size_t)2 * SHA256_N);
	sha256(s, sha);
	hex_write(&hex, sha, sizeof sha);
	struct str text = arena_str(a, buf_str(&hex));
	buf_free(&hex);
	return text;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0u);
		char four[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63], alphabet[v & 63] };
		if (left < 3)
			four[3] = '=';
		if (left < 2)
			four[2] = '=';
		buf_add(b, (struct str){ four, 4 });
	}
}

static int sextet(char c)
{
	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

int base64_read(struct arena *a, struct str s, struct str *ret)
{
	for (int pad = 0; pad < 2 && s.n > 0 && s.p[s.n - 1] == '='; pad++)
		s.n--;
	uint8_t *out = arena_alloc(a, s.n * 3 / 4 + 1, 1);
	if (out == NULL)
		return ENOMEM;
	uint32_t v = 0;
	size_t n = 0;
	int bits = 0;
	for (size_t i = 0; i < s.n; i++) {
		int six = sextet(s.p[i]);
		if (six < 0)
			return EINVAL;
		v = (v << 6 | (uint32_t)six) & 0xffffffu;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(v >> bits);
		}
	}
	if (bits == 6)
		return EINVAL;
	*ret = (struct str){ (const char *)out, n };
	return 0;
}

void uuid7_write(char out[37], int64_t ms, const uint8_t random[10])
{
	uint8_t b[16];
	for (int i = 0; i < 6; i++)
		b[i] = (uint8_t)((uint64_t)ms >> (40 - 8 * i));
	memcpy(b + 6, random, 10);
	b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
	b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
	for (int i = 0, at = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = hex_digit[b[i] >> 4];
		out[at++] = hex_digit[b[i] & 15];
	}
	out[36] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_is(struct str s)
{
	if (s.n != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.p[i] != '-' : hex_value(s.p[i]) < 0)
			return false;
	}
	return true;
}
