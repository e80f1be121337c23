/* dump.h - a whole store as one portable file: the same whatever kind of store it came from and goes to.
 *
 *	c0ffee12 93 {"tocsin_backup":1,"made_at":"2026-01-02T03:04:05.678Z","backend":"sqlite","is_still":true}
 *	5eadbeef 412 {"kind":"incident","id":"...","ver":3,"token":"...","due":null,"expire":1760000000000,"idx":["","","",""],"body":"..."}
 *	...
 *	0badf00d 377 {"end":true,"documents":4711,"kinds":{"incident":{"documents":12,"bytes":9000,"hash":"..."},...}}
 *
 * Each line: CRC-32C of the JSON text, its length, the text. Texts that are no UTF-8 stand as {"base64":"..."}. Kinds go by name, so files of
 * older and newer programs are read as long as every kind is known. The last line counts and hashes (census.h) what went before: a file
 * without it was not finished, and one that does not fit it is not what was written. Each document is in it once.
 */
#ifndef STORE_DUMP_H
#define STORE_DUMP_H
#include "store/census.h"
#include <stdio.h>

enum { DUMP_FORMAT = 1 };
struct dump_head { int64_t made_ms; struct str backend; bool is_still; };

struct dump_writer { FILE *to; const struct store_kind_def *kinds; size_t n_kinds; struct census census; };
void dump_begin(struct dump_writer *w, FILE *to, const struct store_kind_def *kinds, size_t n_kinds, const struct dump_head *h);
void dump_doc(struct dump_writer *w, const struct store_doc *d);
int dump_end(struct dump_writer *w) MUST_USE;         /* 0, or errno of the first write that failed; not flushed to the disk */

/* Reads a file from its beginning to its end and hands its documents out, up to EVERY_PAGE at a time; take NULL: nobody wants them.
 * STORE_CORRUPT: not a whole backup, `why` says where; STORE_FENCED: written by a newer program; else the answer of `take`, which may have seen
 * documents of a file that turns out to be damaged: read it once without. */
struct dump_file { FILE *from; struct str name; const struct store_kind_def *kinds; size_t n_kinds; };
struct dump_found { int64_t made_ms; char backend[32]; bool is_still; struct census census; int64_t bytes; };
enum store_rc dump_read(const struct dump_file *f, every_take *take, void *ctx, struct dump_found *ret, struct buf *why) MUST_USE;
#endif
