/*
 * tls HOST:PORT CA CERTIFICATE KEY PID COUNT - Open so many MQTT connections
 * to a broker over TLS 1.3, one after the other, each with a full handshake
 * in which both sides show a certificate, up to CONNACK.  Prints the broker's
 * processor seconds for each, and the seconds by the clock.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void
fail(const char *what)
{
	fprintf(stderr, "tls: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static double
seconds(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) == -1)
		fail("no such process");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct addrinfo *
resolve(char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	char *colon = strrchr(address, ':');

	if (colon == NULL)
		fail("neither HOST:PORT");
	*colon = '\0';
	if (getaddrinfo(address, colon + 1, &hints, &ai) != 0)
		fail("unknown host");
	return ai;
}

static SSL_CTX *
context(const char *ca, const char *certificate, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		fail("certificates");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

/* MQTT 3.1.1: a clean session of the client "t". */
static void
greet(SSL *ssl)
{
	static const unsigned char hello[] = { 0x10, 13, 0, 4, 'M', 'Q', 'T',
		'T', 4, 2, 0, 60, 0, 1, 't' };
	unsigned char ack[4];

	if (SSL_write(ssl, hello, sizeof hello) != sizeof hello ||
	    SSL_read(ssl, ack, sizeof ack) != sizeof ack || ack[0] != 0x20 ||
	    ack[3] != 0)
		fail("CONNECT refused");
}

static void
connect_once(SSL_CTX *ctx, const struct addrinfo *ai)
{
	SSL *ssl = SSL_new(ctx);
	int fd = socket(ai->ai_family, SOCK_STREAM, 0), on = 1;

	if (ssl == NULL || fd == -1 ||
	    connect(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		fail("handshake");
	greet(ssl);
	SSL_free(ssl);
	close(fd);
}

int
main(int argc, char **argv)
{
	struct addrinfo *ai;
	clockid_t clock;
	SSL_CTX *ctx;
	double cpu, start;
	int count;

	if (argc != 7 || (count = (int)strtol(argv[6], NULL, 10)) < 1)
		fail("usage: tls HOST:PORT CA CERTIFICATE KEY PID COUNT");
	if (clock_getcpuclockid((pid_t)strtol(argv[5], NULL, 10), &clock) != 0)
		fail("no such process");
	ai = resolve(argv[1]);
	ctx = context(argv[2], argv[3], argv[4]);
	connect_once(ctx, ai);
	cpu = seconds(clock);
	start = seconds(CLOCK_MONOTONIC);
	for (int i = 0; i < count; i++)
		connect_once(ctx, ai);
	printf("%.7f %.7f\n", (seconds(clock) - cpu) / count,
	    (seconds(CLOCK_MONOTONIC) - start) / count);
	SSL_CTX_free(ctx);
	freeaddrinfo(ai);
	return 0;
}
