/* signals.c - see signals.h. */
#include "io/signals.h"
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(void)
{
	static const int read_ones[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	sigset_t set;
	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof read_ones / sizeof *read_ones; i++)
		sigaddset(&set, read_ones[i]);
	signal(SIGPIPE, SIG_IGN);
	int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
	assert(!failed);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int signals_next(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct signalfd_siginfo info;
	if (poll(&p, 1, timeout_ms) <= 0 || read(fd, &info, sizeof info) != (ssize_t)sizeof info)
		return 0;
	return (int)info.ssi_signo;
}
