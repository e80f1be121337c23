/* digest.h - hashes, signatures and the spellings of bytes. All pure; SHA-256 and HMAC come from libcrypto.
 * CRC-32C (Castagnoli, reflected, as in RFC 3720) is here because the journal and the stores frame records with it.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H
#include "base/base.h"

enum { SHA256_N = 32 };
void sha256(struct str s, uint8_t out[SHA256_N]);
struct str sha256_hex(struct arena *a, struct str s);         /* 64 characters, lower case, in the arena */
/* The same of a text that comes in parts. sha256_end frees it. */
struct sha256_run;
struct sha256_run *sha256_begin(void);
void sha256_add(struct sha256_run *r, struct str part);
void sha256_end(struct sha256_run *r, uint8_t out[SHA256_N]);
void hmac_sha256(struct str key, struct str s, uint8_t out[SHA256_N]);
uint32_t crc32c(uint32_t crc, const void *p, size_t n);       /* start with 0; chain by passing the last result */
bool same_secret(struct str a, struct str b);                 /* equal, in time that depends on the lengths only */

void hex_write(struct buf *b, const uint8_t *p, size_t n);    /* lower case */
void base64_write(struct buf *b, const uint8_t *p, size_t n); /* standard alphabet, padded */
/* Standard or URL alphabet, padding optional. EINVAL: not base64. Bytes live in the arena. */
int base64_read(struct arena *a, struct str s, struct str *ret) MUST_USE;

/* UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 bits of randomness. out: 36 characters and NUL. */
void uuid7_write(char out[37], int64_t ms, const uint8_t random[10]);
bool uuid_is(struct str s);                                   /* any version, 8-4-4-4-12 hex */
#endif
