#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "trust/network.h"
#include "trust/network_fail.h"
#include "trust/secret.h"

int
network_known_key(
    struct network *w, const char *subject, struct key_public *out)
{
	char *text = secret_new(SECRET_FILE_MAX + 1), name[KEY_SUBJECT_MAX + 1];
	struct buf path = { 0 };
	const char *why;
	size_t n;
	int status = 1;

	network_file(w, "keys", subject, ".key", &path);
	if (access(path.p, F_OK) < 0)
		status = 0;
	else if (secret_read(path.p, text, &n, &why) < 0 ||
	    key_public_parse(text, n, name, out, &why) < 0)
		status = network_fail(w, EXIT_CONFIG, "%s: %s", path.p, why);
	else if (strcmp(name, subject) != 0)
		status = network_fail(
		    w, EXIT_CONFIG, "%s: the key of %s", path.p, name);
	buf_fini(&path);
	secret_free(text);
	return status;
}

/* All of a short file: its length, or -1 with errno. */
static ssize_t
read_short(const char *path, char *text, size_t room)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO
					: open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 1;
	int saved;

	if (fd < 0)
		return -1;
	while (got > 0 && n < room) {
		got = read(fd, text + n, room - n);
		n += got > 0 ? (size_t)got : 0;
	}
	saved = errno;
	if (fd != STDIN_FILENO)
		close(fd);
	errno = saved;
	return got < 0 ? -1 : (ssize_t)n;
}

int
network_given_key(struct network *w, const char *path, const char *subject,
    struct key_public *out)
{
	char text[SECRET_FILE_MAX], name[KEY_SUBJECT_MAX + 1];
	ssize_t n = read_short(path, text, sizeof text);
	const char *why;

	if (n < 0)
		return network_fail(
		    w, EXIT_NOINPUT, "%s: %s", path, strerror(errno));
	if (key_public_parse(text, (size_t)n, name, out, &why) < 0)
		return network_fail(w, EXIT_DATA, "%s: %s", path, why);
	if (strcmp(name, subject) != 0)
		return network_fail(w, EXIT_DATA,
		    "%s: the key of %s, not of %s", path, name, subject);
	return 0;
}
