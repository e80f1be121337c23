/* channel.h - one way to reach people: build a request from a message, judge the answer. Pure: no sockets, clock, retries.
 *
 * A channel is one file and one line in list.h. engine/courier owns claims and retries, io/ owns the wire, once for all.
 */
#ifndef CHANNELS_CHANNEL_H
#define CHANNELS_CHANNEL_H
#include "base/wire.h"
#include "model/incident.h"

/* What is said. build never refuses for the size of what a sender wrote: it cuts. It needs at most CHANNEL_ARENA of
 * the arena, whatever the incident holds. */
enum { CHANNEL_ARENA = 1 << 20 };

/* The incident and the page are as they were read right before the send. */
struct message {
	const struct incident *incident;
	const struct page *page;
	struct str service_name;         /* for people */
	struct str url;                  /* of the incident in the console or API; empty without public_url */
	int64_t now_ms;                  /* wall time of the attempt, for signatures */
};

enum channel_verdict { CHANNEL_DELIVERED, CHANNEL_RETRY, CHANNEL_REFUSED };
struct channel_judgement { enum channel_verdict verdict; int64_t retry_after_ms; struct str reason; };

struct channel {
	const char *name, *doc;          /* name: the `type` in the configuration */
	const struct entity *settings;   /* struct of that entity; secrets filled in */
	bool needs_address;              /* a target must be CHANNEL-ID:ADDRESS; false: channel:ID works too */
	bool is_mail;                    /* users are reached by their email */
	/* 0, or EINVAL with a sentence in ret_why: this message cannot be said this way (a permanent failure). The request lives in `a` and points at
	 * neither settings nor message: a reload may free those while it is under way. */
	int (*build)(struct arena *a, const void *settings, const struct message *m, struct wire_request *ret, struct str *ret_why);
	void (*judge)(struct arena *a, const struct wire_reply *r, int64_t now_ms, struct channel_judgement *ret);
	/* Sentence when an address can never work here (no @ in a mail address), else empty. */
	struct str (*check_address)(struct arena *a, struct str address);
	/* Sentence when these settings can never work, else empty: to be asked when they are read, not when somebody must be paged.
	 * A secret without a value (it is not known there) is not judged. */
	struct str (*check_settings)(struct arena *a, const void *settings);
};
const struct channel *channel_find(struct str name);
size_t channel_count(void);
const struct channel *channel_at(size_t i);

#define CHANNEL(name) extern const struct channel channel_##name;
#include "channels/list.h"
#undef CHANNEL

/* Retry-After as seconds or as an HTTP date -> ms from now; 0 when empty or unreadable; at most 15 min. */
int64_t retry_after_ms(struct str header, int64_t now_ms);
#endif
