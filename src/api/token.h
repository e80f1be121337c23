/* token.h - API tokens as text: tsn_PUBLIC_SECRETCHECK, all base62.
 *
 *	PUBLIC   8 characters, the token's id in the store: how it is found
 *	SECRET  43 characters, 256 bits of randomness
 *	CHECK    6 characters, the CRC-32C of everything before: typing errors and random text never reach the store, and secret
 *	         scanners can tell a token from a look-alike
 *
 * Stored is the hex SHA-256 of the whole text; with 256 random bits inside it needs no salt and no slow hash.
 */
#ifndef API_TOKEN_H
#define API_TOKEN_H
#include "base/base.h"

enum { TOKEN_PUBLIC = 8, TOKEN_SECRET = 43, TOKEN_CHECK = 6, TOKEN_TEXT = 4 + TOKEN_PUBLIC + 1 + TOKEN_SECRET + TOKEN_CHECK };
/* A new token; random gives bytes fit for secrets. text gets TOKEN_TEXT characters and NUL. */
void token_make(char text[TOKEN_TEXT + 1], void (*random)(void *ctx, void *out, size_t n), void *ctx);
bool token_parse(struct str text, struct str *ret_public);       /* false: no token of ours, or mistyped */
struct str token_hash(struct arena *a, struct str text);
#endif
