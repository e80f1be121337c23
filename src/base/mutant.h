/* mutant.h - seeded bugs. MUTANT(n) is false in every product build; `make mutants` compiles the pure rooms and the
 * engine once with -DMUT=n for each n of tests/sim/mutants.list, and the simulator must catch every one. Each use stands where the
 * real mistake could be made, and is written so that the honest branch reads first.
 */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H
#ifdef MUT
#define MUTANT(n) (MUT == (n))
#else
#define MUTANT(n) 0
#endif
#endif
