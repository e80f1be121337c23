/* random.c - getrandom(2), which needs no file and no state of ours. It waits only until the kernel has been seeded once
 * after boot. A program that cannot get randomness must not go on making tokens and ids: it ends.
 */
#include "io/random.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

void random_bytes(void *out, size_t n)
{
	for (char *p = out; n > 0;) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0 && errno != EINTR) {
			fputs("tocsin: the kernel gives no random bytes (getrandom); ending, since ids and tokens need them\n", stderr);
			abort();
		}
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}
