/* sender.h - the thread that carries pages to the outside: over libcurl, or onto the terminal.
 *
 * It starts a page only within a second of the moment the incident was last read; an older one goes back unsent. It keeps nothing: what it has in
 * hand when the process dies is due again when the claim runs out.
 */
#ifndef MAIN_SENDER_H
#define MAIN_SENDER_H
#include "engine/engine.h"

enum { SENDS_PER_CHANNEL = 32, START_WITHIN_MS = 1000 };

struct sender;
struct sender_env { void *ctx; void (*ended)(void *ctx, struct delivery *d); };      /* on the sender's thread; d.reply is filled in */
struct sender *sender_new(const struct sender_env *env);
bool sender_start(struct sender *s, struct buf *why);
void sender_send(struct sender *s, struct delivery *d);      /* any thread */
/* Any thread: nothing is waited for any longer. What is under way comes back as given up, what has not begun as unsent. */
void sender_give_up(struct sender *s);
void sender_stop(struct sender *s);                          /* what is under way is given up; its claims run out */
void sender_free(struct sender *s);
#endif
