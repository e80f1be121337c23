/* signals.h - the signals that mean something to a server, as a descriptor that a loop can wait for.
 *
 * SIGTERM, SIGINT, SIGHUP and SIGUSR1 are blocked and read from a signalfd. SIGPIPE is ignored: writing to a peer that is gone shall be an
 * error to handle, not the end of the process. (That of a file size limit is ignored in every command: main.c.)
 */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H

int signals_open(void);                          /* before the first thread, which then all inherit the mask; -1: errno says why */
int signals_next(int fd, int timeout_ms);        /* the next one, waiting so long (-1: for ever); 0: none came */
#endif
