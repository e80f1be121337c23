/* desc.h - an entity is declared once; its struct, JSON both ways, validation, API schema and store keys follow.
 *
 * An entity is a macro that lists its fields, one row each:
 *
 *	#define LINK(X, E) \
 *		X(E, STR, href, , REQ, 1, 2000, "Where it leads.") \
 *		X(E, STR, text, , 0,   0,  200, "What to call it.")
 *	ENTITY_STRUCT(link, LINK);                      in the header: struct link and link_entity
 *	ENTITY_TABLE(link, LINK, "A link to follow.");  in the .c file: the rows that the walkers read
 *
 * The columns: entity, kind, name, argument of the kind, flags, least, most, documentation. The name is the same in C, JSON and docs.
 *
 *	kind     member                argument     JSON                                  least/most
 *	STR      struct str            -            string                                bytes
 *	INT      int64_t               -            integer                               value
 *	BOOL     bool                  -            true, false
 *	TIME     int64_t ms UTC, 0 no  -            RFC 3339 string, null                 -
 *	DUR      int64_t ms, 0 no      -            "15m", null                           value in ms
 *	SEV      int64_t 1..5, 0 no    -            number, null; a name is read too      -
 *	ENUM     enum ARG              the enum     its word
 *	SUB      struct ARG            the entity   object
 *	LIST     struct ARG_list       the entity   array of objects                      elements
 *	STRS     struct strs           -            array of strings                      elements
 *	MAP      struct map            -            object of strings                     members
 *	ANY      const struct jv *     -            any value                             -
 *	SECRET   struct secret         -            configuration only: {env: X}, {file: X}
 *	SECRETS  struct secrets        -            configuration only: object of secrets
 *
 * Every struct begins with `unknown`: members that this version does not know, a chain of them by `next`. The store's
 * reader keeps them and the writer puts them back, so an older replica does not drop what a newer one wrote. Texts that
 * were read are views of the JSON tree: an object lives as long as the arena of its tree.
 */
#ifndef MODEL_DESC_H
#define MODEL_DESC_H
#include "base/json.h"

enum field_kind { K_STR, K_INT, K_BOOL, K_TIME, K_DUR, K_SEV, K_ENUM, K_SUB, K_LIST, K_STRS, K_MAP, K_ANY, K_SECRET, K_SECRETS };

/* REQ must be there; RO a client may not write it; IDX the store keeps a key "<value>/<id>" on it (at most STORE_IDX an entity,
 * in the order of the rows); INNER stored, never shown; VIEW shown, never stored: filled in when it is shown; NIL
 * an empty text is shown as null; REF it names another object (the documentation says which kind). */
enum { REQ = 1, RO = 2, IDX = 4, INNER = 8, VIEW = 16, NIL = 32, REF = 64 };

/* API: what clients send and see: unknown members and RO fields are refused, INNER and secrets hidden; null only where
 * null is shown.
 * DOOR: what alert senders send: as API, but what we do not know or they may not set is ignored (a page is worth more
 * than a typo), and null is "not given".
 * STORE: our own documents: VIEW left out, empty values left out, unknown members kept. Reading does not check limits or
 * REQ: a limit that was lowered since must not make a document unreadable.
 * CONFIG: the configuration file: scalars arrive as text and are typed by the field. Written as the store's. Secrets are
 * written as their references, never as what they refer to. */
enum desc_view { V_API, V_DOOR, V_STORE, V_CONFIG };

struct strs { struct str *v; size_t n; };
struct pair { struct str key, value; };
struct map { struct pair *v; size_t n; };
struct secret { struct str env, file, value; };       /* the reference; value is filled in by whoever may read the outside */
struct secret_pair { struct str key; struct secret secret; };
struct secrets { struct secret_pair *v; size_t n; };

struct names { const char *const *v; size_t n; };
struct entity;
struct field {
	const char *name, *doc;
	const struct entity *sub;
	const struct names *names;
	int64_t min, max;
	size_t off, name_n;                      /* name_n: bytes of the name */
	enum field_kind kind;
	unsigned flags;
};
struct entity { const char *name, *doc; const struct field *f; size_t nf, size; };

#define MEM_STR(n, a)     struct str n;
#define MEM_INT(n, a)     int64_t n;
#define MEM_BOOL(n, a)    bool n;
#define MEM_TIME(n, a)    int64_t n;
#define MEM_DUR(n, a)     int64_t n;
#define MEM_SEV(n, a)     int64_t n;
#define MEM_ENUM(n, a)    enum a n;
#define MEM_SUB(n, a)     struct a n;
#define MEM_LIST(n, a)    struct a##_list n;
#define MEM_STRS(n, a)    struct strs n;
#define MEM_MAP(n, a)     struct map n;
#define MEM_ANY(n, a)     const struct jv *n;
#define MEM_SECRET(n, a)  struct secret n;
#define MEM_SECRETS(n, a) struct secrets n;
#define ARG_STR(a)
#define ARG_INT(a)
#define ARG_BOOL(a)
#define ARG_TIME(a)
#define ARG_DUR(a)
#define ARG_SEV(a)
#define ARG_ENUM(a) .names = &a##_names,
#define ARG_SUB(a)  .sub = &a##_entity,
#define ARG_LIST(a) .sub = &a##_entity,
#define ARG_STRS(a)
#define ARG_MAP(a)
#define ARG_ANY(a)
#define ARG_SECRET(a)
#define ARG_SECRETS(a)

#define FIELD_MEM(E, K, n, a, fl, lo, hi, d) MEM_##K(n, a)
#define FIELD_ROW(E, K, n, a, fl, lo, hi, d) \
	{ .name = #n, .name_n = sizeof #n - 1, .doc = d, ARG_##K(a) .min = lo, .max = hi, .off = offsetof(struct E, n), \
	  .kind = K_##K, .flags = fl },
#define ENTITY_STRUCT(E, LIST) \
	struct E { const struct jv *unknown; LIST(FIELD_MEM, E) }; \
	struct E##_list { struct E *v; size_t n; }; \
	extern const struct entity E##_entity
#define ENTITY_TABLE(E, LIST, D) \
	static const struct field E##_fields[] = { LIST(FIELD_ROW, E) }; \
	const struct entity E##_entity = { #E, D, E##_fields, COUNT(E##_fields), sizeof(struct E) }

/* Enums: LIST(X) with X(NAME, "word"). */
#define ENUM_VAL(v, s) v,
#define ENUM_STR(v, s) s,
#define ENUM_TYPE(E, LIST) enum E { LIST(ENUM_VAL) }; extern const struct names E##_names
#define ENUM_NAMES(E, LIST) \
	static const char *const E##_words[] = { LIST(ENUM_STR) }; \
	const struct names E##_names = { E##_words, COUNT(E##_words) }
struct str enum_word(const struct names *n, int value);
int enum_value(const struct names *n, struct str word);      /* -1: no such word */

/* What is wrong with a text, all of it: one entry a fault, at most FAULTS_MAX (then the count alone goes on). */
enum { FAULTS_MAX = 100 };
struct fault { struct str path, what; const struct jv *at; struct fault *next; };  /* at: the offending node, or NULL */
struct faults { struct arena *a; struct fault *head, *tail; size_t n, n_beyond; };  /* n_beyond: of n, words in the store that only a newer program knows */
void fault_add(struct faults *f, const struct jv *at, struct str path, const char *fmt, ...) PRINTF_LIKE(4, 5);
void faults_json(const struct faults *f, struct buf *b);      /* [{"pointer":"#/links/2/href","detail":...}, ...], as problem+json has them */
void faults_write(const struct faults *f, struct buf *b);     /* "path: what" a line, for logs and tests */

/* JSON -> *obj. Reads every field before it answers, so faults name all that is wrong at once. `path` is
 * the prefix of the paths in faults ("" at the top). Returns EINVAL when it added faults; *obj is then of no use. */
int desc_read(struct arena *a, void *obj, const struct entity *e, const struct jv *j, enum desc_view v, struct str path,
    struct faults *f) MUST_USE;
void desc_write(struct buf *out, const struct entity *e, const void *obj, enum desc_view v);   /* compact JSON */
/* One field's value as the API shows it, for texts with an order or names of their own. */
void desc_write_value(struct buf *out, const struct field *f, const void *obj);
void desc_openapi(struct buf *out, const struct entity *e);   /* "name":{JSON Schema 2020-12 as OpenAPI 3.1 wants it} */

/* The store's keys of an object: keys[i] for the i-th IDX field, in the arena; empty for an empty text. Numbers (never
 * negative) are padded to 12 digits, times to 15, so byte order is value order. The first field of an entity that has keys
 * is its id. */
size_t desc_keys(struct arena *a, const struct entity *e, const void *obj, struct str *keys, size_t keys_max);
int desc_key_index(const struct entity *e, struct str field); /* which key that field is, or -1 */

/* Calls fn for every SECRET that obj refers to, nested ones too, with its path: whoever may read the outside fills in .value. */
typedef void desc_secret_f(void *ctx, struct str path, struct secret *s);
void desc_secrets(struct arena *a, const struct entity *e, void *obj, struct str path, desc_secret_f *fn, void *ctx);

struct str severity_name(int64_t severity);                   /* 1..5 -> "info".."critical"; else "" */
int64_t severity_value(struct str word);                      /* "critical", "high", "error", "3", ... -> 1..5; 0: none of ours */
#endif
