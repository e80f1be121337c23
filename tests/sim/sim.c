/* sim.c - the command line: one seed told in full, many seeds, the sweep. See sim.h. */
#include "tests/sim/campaign.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"sim --seed N [--verbose] [--shrink]    one run; --verbose tells all that happens\n"
	"sim --seeds N [--from M] [--jobs J]    N runs, from seed M (1)\n"
	"sim --sweep [--seeds N] [--jobs J]     one fault at every place of a small scenario, for each fault and N seeds (5)\n"
	"    --until-broken                     stops at the first violation\n";

struct arguments { int64_t seed, seeds, from, jobs; bool is_verbose, is_sweep, is_shrink, is_until_broken; };

static bool number(const char *text, int64_t *ret)
{
	return text && str_int(str_c(text), ret) && *ret >= 0;
}

static bool read_arguments(struct arguments *x, int argc, char **argv)
{
	struct { const char *name; int64_t *value; } numbers[] = { { "--seed", &x->seed }, { "--seeds", &x->seeds }, { "--from", &x->from },
		{ "--jobs", &x->jobs } };
	struct { const char *name; bool *value; } flags[] = { { "--verbose", &x->is_verbose }, { "--sweep", &x->is_sweep },
		{ "--shrink", &x->is_shrink }, { "--until-broken", &x->is_until_broken } };
	for (int i = 1; i < argc; i++) {
		bool is_known = false;
		for (size_t k = 0; k < COUNT(numbers); k++)
			if (strcmp(argv[i], numbers[k].name) == 0) {
				is_known = i + 1 < argc && number(argv[i + 1], numbers[k].value);
				i++;
				break;
			}
		for (size_t k = 0; k < COUNT(flags); k++)
			if (!is_known && i < argc && strcmp(argv[i], flags[k].name) == 0)
				is_known = *flags[k].value = true;
		if (!is_known)
			return false;
	}
	return true;
}

static int one(const struct arguments *x)
{
	struct options o;
	options_swarm(&o, (uint64_t)x->seed);
	o.is_verbose = x->is_verbose;
	o.is_hashed = true;
	options_print(&o);
	struct finding v = run(&o, NULL, NULL);
	verdict_print(&v);
	if (v.is_bad && x->is_shrink)
		shrink(&o, &v);
	printf("%d passed, %d failed\n", !v.is_bad, v.is_bad);
	return v.is_bad;
}

int main(int argc, char **argv)
{
	struct arguments x = { .seed = -1, .seeds = 0, .from = 1, .jobs = 2 };
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!read_arguments(&x, argc, argv) || (x.seed < 0 && x.seeds == 0 && !x.is_sweep)) {
		fputs(usage, stderr);
		return 2;
	}
	struct campaign c = { .from = (uint64_t)x.from, .seeds = x.seeds ? x.seeds : 5, .jobs = (int)x.jobs, .stops_when_broken = x.is_until_broken };
	if (x.seed >= 0)
		return one(&x);
	return x.is_sweep ? campaign_sweep(&c) : campaign_swarm(&c);
}
