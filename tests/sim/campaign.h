/* campaign.h - many runs in several processes, one table at the end. */
#ifndef SIM_CAMPAIGN_H
#define SIM_CAMPAIGN_H
#include "tests/sim/sim.h"

struct campaign { uint64_t from; int64_t seeds; int jobs; bool stops_when_broken; };
int campaign_swarm(const struct campaign *c);            /* the exit code: 1 when anything was broken */
int campaign_sweep(const struct campaign *c);
void verdict_print(const struct finding *v);
void shrink(const struct options *o, const struct finding *v);   /* makes the run smaller while the same invariant breaks, and tells it */
#endif
