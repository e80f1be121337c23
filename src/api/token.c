/* token.c - see token.h. */
#include "api/token.h"
#include "base/digest.h"
#include <string.h>

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* n characters, each of the 62 equally likely: bytes from 248 up would favour the first eight and are thrown away. */
static void random62(char *out, size_t n, void (*random)(void *ctx, void *out, size_t n), void *ctx)
{
	uint8_t pool[64];
	for (size_t i = 0, at = sizeof pool; i < n; at++) {
		if (at == sizeof pool) {
			random(ctx, pool, sizeof pool);
			at = 0;
		}
		if (pool[at] < 4 * 62)
			out[i++] = base62[pool[at] % 62];
	}
}

static void check62(const char *text, size_t n, char out[TOKEN_CHECK])
{
	uint32_t crc = crc32c(0, text, n);
	for (size_t i = TOKEN_CHECK; i-- > 0; crc /= 62)
		out[i] = base62[crc % 62];
}

void token_make(char text[TOKEN_TEXT + 1], void (*random)(void *ctx, void *out, size_t n), void *ctx)
{
	enum { PUBLIC_AT = 4, SECRET_AT = PUBLIC_AT + TOKEN_PUBLIC + 1, CHECK_AT = SECRET_AT + TOKEN_SECRET };
	memcpy(text, "tsn_", PUBLIC_AT);
	random62(text + PUBLIC_AT, TOKEN_PUBLIC, random, ctx);
	text[SECRET_AT - 1] = '_';
	random62(text + SECRET_AT, TOKEN_SECRET, random, ctx);
	check62(text, CHECK_AT, text + CHECK_AT);
	text[TOKEN_TEXT] = '\0';
}

static bool is_base62(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr(base62, s.p[i], 62) == NULL)
			return false;
	return true;
}

bool token_parse(struct str text, struct str *ret_public)
{
	char check[TOKEN_CHECK];
	if (text.n != TOKEN_TEXT || !str_starts(text, S("tsn_")) || text.p[4 + TOKEN_PUBLIC] != '_')
		return false;
	struct str public = { text.p + 4, TOKEN_PUBLIC };
	check62(text.p, TOKEN_TEXT - TOKEN_CHECK, check);
	if (!is_base62(public) || !is_base62(str_skip(text, 5 + TOKEN_PUBLIC)) ||
	    memcmp(check, text.p + TOKEN_TEXT - TOKEN_CHECK, TOKEN_CHECK) != 0)
		return false;
	*ret_public = public;
	return true;
}

struct str token_hash(struct arena *a, struct str text)
{
	return sha256_hex(a, text);
}
