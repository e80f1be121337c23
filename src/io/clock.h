/* clock.h - the only place that asks what time it is. Milliseconds. */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H
#include <stdint.h>

int64_t clock_wall_ms(void);         /* UTC since 1970; may jump */
int64_t clock_mono_ms(void);         /* never jumps; stops while the machine sleeps */
int64_t clock_boot_ms(void);         /* never jumps, never stops */
int64_t clock_mono_us(void);         /* for measuring */
#endif
