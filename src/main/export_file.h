/* export_file.h - incidents.json as a file: replaced whole or not at all, and never when it is not ours.
 *
 * What is ours is known by its SHA-256, kept in the store's directory in `exported`. Before a new file is renamed into place both sums stand there,
 * the old one's and the new one's, so a crash at any instant leaves a file that is known. A file whose sum is not there was written or changed by
 * somebody else: it stays as it is, whatever is in it.
 */
#ifndef MAIN_EXPORT_FILE_H
#define MAIN_EXPORT_FILE_H
#include "base/digest.h"
#include "store/store.h"
#include <sys/stat.h>

struct export_file {
	char *path, *tmp;                /* the file, and where the next one is written */
	char *parent;                    /* the directory it is in */
	char *store, *sums;              /* the store's directory, and the file of sums in it */
	int64_t min_free;                /* bytes that a new file must leave free: it must not take what the journal needs */
	bool is_there;                   /* a file of ours is in place, and this is what it was like */
	uint8_t sum[SHA256_N];
	struct stat seen;
};
void export_file_init(struct export_file *f, struct str path, struct str store, int64_t min_free);
void export_file_done(struct export_file *f);

/* Whether what stands in place, if anything, is ours and of this store's journal. STORE_OK: also nothing there. STORE_CORRUPT: it is not, and `why` says
 * what it is, where, and what to do; nothing was touched. STORE_DOWN: it cannot be told. */
enum store_rc export_file_check(struct export_file *f, struct store *s, struct buf *why) MUST_USE;

/* A new file being written. Errors stick in err (an errno) and come out at the end. */
struct export_out { struct export_file *f; int fd, err; struct buf b; struct sha256_run *run; int64_t at, synced; struct stat made; };
void export_out_begin(struct export_out *o, struct export_file *f);
void export_out_flush(struct export_out *o, size_t keep);      /* what is in b goes to the file when it is more than `keep` bytes */
void export_out_drop(struct export_out *o);                    /* it never was */
/* Puts it in place; the same bytes as there already are stay the file they are. 0 or errno; ESTALE: a file that is not ours stands there. */
int export_out_end(struct export_out *o) MUST_USE;

/* Whether a sum is among those in the file of sums. */
bool export_sums_have(const struct export_file *f, const uint8_t sum[SHA256_N]);
#endif
