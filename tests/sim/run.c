/* run.c - one run: faults, then healing, then a quiet time in which everything must settle, then all replicas at once are stopped and started again
 * from what the store holds, and everything must settle again. */
#include "tests/sim/check.h"
#include <stdlib.h>

enum { QUIET_MS = 25 * MINUTE, DARK_MS = 3 * MINUTE, AGAIN_MS = 20 * MINUTE };

static void open_world(struct sim *s, const struct options *o)
{
	*s = (struct sim){ .o = *o, .now = SIM_START, .mem = ARENA((size_t)4 << 30) };
	s->verdict.seed = o->seed;
	streams_open(s);
	s->memory = memory_new(s);
	s->checks = checks_new(s);
	s->configs[0] = config_first(s);
	s->n_configs = 1;
	for (int i = 0; i < o->replicas; i++) {
		s->replica[i] = (struct node){ .s = s, .index = i, .err_ms = 50, .trouble_at = 0 };
		replica_start(s, &s->replica[i], 0);
	}
	clients_begin(s);
	replicas_plague(s);
}

static void heal(struct sim *s)
{
	s->is_healed = true;
	s->down_until = s->full_until = 0;
	for (int i = 0; i < s->o.replicas; i++) {
		s->replica[i].cut = CUT_NONE;
		s->replica[i].paused_until = s->now;
	}
	happened_to(s, ON_HEAL, -1, 0, "");
}

static void restart_all(struct sim *s)
{
	s->all_down_until = s->now + DARK_MS;
	s->is_restarted = true;
	for (int i = 0; i < s->o.replicas; i++)
		replica_die(&s->replica[i], "everybody, to begin again from the store");
}

static void close_world(struct sim *s)
{
	provider_close(s);
	for (int i = 0; i < s->o.replicas; i++)
		replica_close(&s->replica[i]);
	checks_free(s->checks);
	memory_free(s->memory);
	queue_free(&s->queue);
	free(s->requests);
	arena_free(&s->mem);
}

struct finding run(const struct options *o, struct firing **ret_fired, size_t *ret_n)
{
	struct sim *s = xmalloc(sizeof *s);
	open_world(s, o);
	sim_until(s, SIM_START + o->length_ms);
	heal(s);
	sim_until(s, s->now + QUIET_MS);
	restart_all(s);
	sim_until(s, s->now + DARK_MS + AGAIN_MS);
	if (!s->is_over)
		checks_end(s->checks);
	s->verdict.virtual_ms = s->now - SIM_START;
	struct finding v = s->verdict;
	close_world(s);
	if (ret_fired) {
		*ret_fired = s->fired;
		*ret_n = s->n_fired;
	} else {
		free(s->fired);
	}
	free(s);
	return v;
}
