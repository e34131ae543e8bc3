#include "trust/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/app.h"

/* Signals that must not leave a terminal without echo behind. */
static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
enum { CAUGHT = sizeof caught / sizeof caught[0] };

static volatile sig_atomic_t came;

static void
note_signal(int number)
{
	came = number;
}

/* Byte by byte: what comes after the line is another reader's. */
static int
read_line(int fd, char *out, size_t size)
{
	size_t n = 0;
	ssize_t got;

	for (;;) {
		got = read(fd, out + n, 1);
		if (got < 0 && errno == EINTR && came == 0)
			continue;
		if (got < 0)
			return -1;
		if (got == 0 && n == 0) {
			errno = ENODATA;
			return -1;
		}
		if (got == 0 || out[n] == '\n')
			break;
		if (++n >= size) {
			errno = EMSGSIZE;
			return -1;
		}
	}
	out[n] = '\0';
	return (int)n;
}

static int
ask_without_echo(int tty, const char *prompt, char *out, size_t size)
{
	struct termios before, quiet;
	int n, error;

	if (tcgetattr(tty, &before) < 0)
		return -1;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
		return -1;
	app_write(tty, prompt, strlen(prompt));
	n = read_line(tty, out, size);
	error = errno;
	tcsetattr(tty, TCSAFLUSH, &before);
	app_write(tty, "\n", 1);
	errno = error;
	return n;
}

/* With the signals held back until the terminal is as it was. */
static int
ask(int tty, const char *prompt, char *out, size_t size)
{
	struct sigaction mine = { .sa_handler = note_signal }, old[CAUGHT];
	int n, error;

	came = 0;
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &mine, &old[i]);
	n = ask_without_echo(tty, prompt, out, size);
	error = errno;
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &old[i], NULL);
	if (came != 0)
		raise(came);
	errno = error;
	return n;
}

/* A new passphrase is typed twice; a slip would lock its owner out. */
static int
confirm(int tty, const char *out, int n, size_t size)
{
	char *again = secret_new(size);
	int m = ask(tty, "Once more: ", again, size);
	int same = m == n && memcmp(out, again, (size_t)n) == 0;

	secret_free(again);
	if (m >= 0 && !same)
		errno = EINVAL;
	return same ? n : -1;
}

int
secret_passphrase(int fd, const char *prompt, char *out, size_t size)
{
	int tty, n, error;

	if (fd >= 0)
		return read_line(fd, out, size);
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (tty < 0) {
		errno = ENOTTY;
		return -1;
	}
	n = ask(tty, prompt, out, size);
	if (n >= 0 && strncmp(prompt, "New", 3) == 0)
		n = confirm(tty, out, n, size);
	error = errno;
	if (n < 0)
		secret_wipe(out, size);
	close(tty);
	errno = error;
	return n;
}
