/*
 * What the programs that put load on a broker have in common: plain sockets,
 * and what the broker's process used up.  All of them end the program if
 * something fails.
 */
#ifndef SG_BENCH_LOAD_H
#define SG_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* load_connect(address) - A socket; address is /path or HOST:PORT. */
int load_connect(const char *address);

/* load_send(fd, p, n) - All of p[0..n), or the program ends. */
void load_send(int fd, const void *p, size_t n);

/* load_files() - Raise the soft limit of open files to the hard one. */
void load_files(void);

/* load_cpu(pid) - CPU time of a process, all threads, in microseconds. */
int64_t load_cpu(pid_t pid);

/* load_memory(pid) - RssAnon of a process in bytes. */
long load_memory(pid_t pid);

#endif
