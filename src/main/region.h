/* region.h - the part of a standby as its store keeps it: one document, changed by its version. */
#ifndef MAIN_REGION_H
#define MAIN_REGION_H
#include "model/kinds.h"
#include "store/store.h"

/* *ret_ver 0: there is none yet, and the part is standby. Texts live in the arena. */
enum store_rc region_read(struct store *s, struct arena *a, struct region *ret, uint64_t *ret_ver) MUST_USE;

/* STORE_CONFLICT: another replica was faster, read it again. With a new reign the numbers of incidents move on in the same commit, beyond what the
 * primary may have given meanwhile: nobody should mean two by one number. */
enum store_rc region_write(struct store *s, struct arena *a, struct store_token token, const struct region *to, uint64_t expect, bool is_new_reign) MUST_USE;

/* Not above the id of any open incident, nor of any that begins from now on. */
struct str region_oldest(struct store *s, struct arena *a, int64_t now_ms);
#endif
