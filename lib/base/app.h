/*
 * What every process needs once: signals, --ready-fd, children, output that
 * notices a full disk.
 */
#ifndef SG_BASE_APP_H
#define SG_BASE_APP_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/*
 * app_streams() - Put something in the place of standard input, output and
 * error where they are closed, so that no file opened later is taken for
 * them; reading and writing there still fails with EBADF.
 */
void app_streams(void);

/*
 * app_signals() - From now on TERM and INT set the flag that app_stop()
 * reads and HUP the one that app_hup() reads and clears, without SA_RESTART,
 * so that a blocking read or poll returns EINTR; SIGPIPE keeps its default
 * action; SIGXFSZ is ignored (writes fail with EFBIG instead).  A second
 * TERM or INT ends the process at once.
 */
void app_signals(void);

/* app_stop() - 0, or the number of the signal that asks to leave. */
int app_stop(void);

/* app_hup() - 1 if HUP has come since the last call, else 0. */
int app_hup(void);

/*
 * app_signal_fd() - A descriptor that becomes readable when a signal
 * of app_signals() has come, for poll and epoll; drained by app_stop() and
 * app_hup().  Belongs to the module.
 */
int app_signal_fd(void);

/*
 * app_thread(thread, run, arg) - pthread_create() with all signals blocked,
 * since they are for the thread that waits on app_signal_fd(): 0 or an errno.
 */
int app_thread(pthread_t *thread, void *(*run)(void *), void *arg);

/*
 * app_files() - Raise the number of files that may be open to what the system
 * allows this process (the hard limit of RLIMIT_NOFILE): that number.
 */
int64_t app_files(void);

/* app_ready(fd) - Write "ready\n" to fd if fd >= 0 and close it; once. */
void app_ready(int fd);

/*
 * app_write(fd, p, n) - Write all of it, also to a non-blocking fd.  0, or
 * -1 with errno.  EPIPE: SIGPIPE has its default action, so the process has
 * ended by then.
 */
int app_write(int fd, const void *p, size_t n);

/*
 * app_pipe_size(fd) - If fd is a pipe, ask for a buffer of 1 MiB, so that
 * both ends run without lockstep; failure does not matter.
 */
void app_pipe_size(int fd);

/*
 * app_default_broker() - "ipc://$XDG_RUNTIME_DIR/sg/broker", else
 * "ipc:///tmp/sg-UID/broker".  The string is the module's.
 */
const char *app_default_broker(void);

/*
 * app_state_dir(out, n, name) - "$XDG_STATE_HOME/sg/NAME", else
 * "$HOME/.local/state/sg/NAME", else "/var/lib/sg/NAME"; created 0700 with
 * its parents.  0, or -1 with errno.
 */
int app_state_dir(char *out, size_t n, const char *name);

/*
 * app_share(out, n, name) - Path of a readable file of share/, for example
 * "quantities.csv": below $SG_SHARE if that is set, else beside the running
 * program (../share/sg, ../share), else where it was to be installed.  0,
 * or -1 with errno; out then holds the last path tried.
 */
int app_share(char *out, size_t n, const char *name);

#endif
