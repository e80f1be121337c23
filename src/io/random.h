/* random.h - random bytes of the kernel, fit for secrets. Ends the process when there are none. */
#ifndef IO_RANDOM_H
#define IO_RANDOM_H
#include <stddef.h>
void random_bytes(void *out, size_t n);
#endif
