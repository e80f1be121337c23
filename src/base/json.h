/* json.h - a JSON text as a tree in an arena; json-c behind one door, where our limits live.
 *
 * Accepted: RFC 8259 in UTF-8, nothing after the value. Refused, with a sentence that names the place: invalid UTF-8,
 * depth > 32, more than JSON_MEMBERS_MAX members and elements in all, a number of more than 64 characters, a string of more
 * than 64 KiB as written, NaN and infinities, integers beyond 64 bits signed, NUL in a name, comments, trailing commas. Of
 * duplicate keys the last counts, at the place of the first (security L1). Half a surrogate pair reads as U+FFFD.
 * Everything in the tree lives in the arena given; the text may be dropped afterwards.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include "base/base.h"

enum { JSON_DEPTH_MAX = 32, JSON_DEPTH_OWN_MAX = 40, JSON_MEMBERS_MAX = 2000, JSON_MEMBERS_BATCH_MAX = 16000, JSON_NUMBER_MAX = 64, JSON_STRING_MAX = 64 << 10 };
enum jtype { J_NULL, J_BOOL, J_INT, J_REAL, J_STR, J_ARR, J_OBJ };

struct jv {
	enum jtype t;
	int64_t i;               /* J_INT the number, J_BOOL 0 or 1 */
	struct str s;            /* J_STR the text, unescaped; J_REAL the number as written */
	struct str key;          /* its name, when it is a member of an object */
	struct jv *kid, *next;   /* J_ARR, J_OBJ: the first inside; its neighbour, in the order of the text */
};

/* The tree, or NULL with a sentence in `why` (a static string or text in the arena). */
struct jv *json_parse(struct arena *a, struct str text, struct str *ret_why) MUST_USE;
/* The same for a text that may hold hundreds of events at once: up to JSON_MEMBERS_BATCH_MAX members and elements in all. A few bytes of text
 * can stand for a kilobyte of tree, so this is for senders who have shown a key. */
struct jv *json_parse_batch(struct arena *a, struct str text, struct str *ret_why) MUST_USE;
/* The same for texts of our own (stored documents, answers of our API): what was accepted from outside must come back when it is wrapped
 * in more levels and its characters are escaped, so depth JSON_DEPTH_OWN_MAX, no limit on members and on the length of strings. */
struct jv *json_parse_own(struct arena *a, struct str text, struct str *ret_why) MUST_USE;
const struct jv *json_get(const struct jv *object, struct str key);   /* a member, or NULL (also when not an object) */
struct str json_text(const struct jv *object, struct str key);        /* its text when it is a J_STR, else empty */
void json_write(struct buf *b, const struct jv *v);                   /* compact; parse(write(v)) equals v */
void json_bytes(struct buf *b, struct str s);                         /* a string; what is not UTF-8 as {"base64":"..."} */
const char *json_type_name(enum jtype t);                             /* "string", "integer", ... for messages */
#endif
