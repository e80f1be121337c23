/* main.c - the process: gives the command line the real terminal, environment, clock and network, and carries out the commands that
 * read configurations and open stores.
 */
#include "cli/cli.h"
#include "io/clock.h"
#include "main/commands.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const char *real_env(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static void real_perform(void *ctx, struct client_transfer *t, int64_t timeout_ms)
{
	(void)ctx;
	client_perform(t, timeout_ms);
}

static int64_t real_now(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static void real_sleep(void *ctx, int64_t ms)
{
	(void)ctx;
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	(void)nanosleep(&t, NULL);                         /* woken early: the caller asks the clock anyway */
}

static int terminal_width(void)
{
	struct winsize w;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

int main(int argc, char **argv)
{
	struct cli_outside o = {
		.in = stdin, .out = stdout, .err = stderr, .is_terminal = isatty(STDOUT_FILENO) == 1,
		.is_talk_terminal = isatty(STDERR_FILENO) == 1, .width = terminal_width(),
		.env = real_env, .perform = real_perform, .now_ms = real_now, .sleep_ms = real_sleep, .run_main = command_run,
		.explain = command_explain,
	};
	signal(SIGXFSZ, SIG_IGN);                          /* writing past a limit of file sizes is an error that a sentence tells, in every command */
	tzset();                                           /* times on a terminal are in the zone of whoever looks */
	return cli_main(&o, argc, (const char *const *)argv);
}
