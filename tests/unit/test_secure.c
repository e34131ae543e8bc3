#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "device/enocean/secure.h"

enum { BYTES_MAX = 700 };

#define KEY "456E4F6365616E20476D62482E313300"
#define OTHER "E50880CF67790D5D66AA7F3B7AD77A3F"

static char folder[64], path[96];

/* The device's file, or the gateway's beside it. */
static void
use_file(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", folder, name);
}

static const char *why;

static size_t
bytes(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

/* RORG and payload in hex, from a sender. */
static struct telegram
telegram(uint64_t sender, const char *hex)
{
	static uint8_t p[BYTES_MAX];
	size_t n = bytes(hex, p);

	return (struct telegram){ .sender = sender,
		.dest = TELEGRAM_BROADCAST,
		.rorg = p[0],
		.p = p + 1,
		.n = n - 1 };
}

static const char *
hex_of(const struct telegram *tel)
{
	static char text[2 * BYTES_MAX];

	snprintf(text, sizeof text, "%02X", tel->rorg);
	for (size_t i = 0; i < tel->n && i < BYTES_MAX - 2; i++)
		snprintf(text + 2 + 2 * i, 3, "%02X", tel->p[i]);
	return text;
}

static enum secure_result
take(struct secure *s, uint64_t sender, const char *hex, int learn,
    struct telegram *out)
{
	struct telegram in = telegram(sender, hex);

	why = "";
	return secure_take(s, &in, learn, out, &why);
}

static void
write_file(const char *text, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	fchmod(fd, mode);
	close(fd);
}

static const char *
read_file(void)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	return text;
}

static struct secure *
open_text(const char *text)
{
	struct buf fault = { 0 };
	struct secure *s;

	write_file(text, 0600);
	s = secure_open(path, 0, &fault);
	check(s != NULL, "%s: %s", text, buf_cstr(&fault));
	buf_fini(&fault);
	return s;
}

static struct secure *
open_again(void)
{
	struct buf fault = { 0 };
	struct secure *s = secure_open(path, 1, &fault);

	check(s != NULL, "%s", buf_cstr(&fault));
	buf_fini(&fault);
	return s;
}

/* Keys files that are refused, and what is said. */
static const struct {
	const char *text, *want;
} files[] = {
	{ "0185E177\n", ":1: a row has sender, key, SLF and rolling code" },
	{ "# a\n\n0185E177," KEY ",8B\n",
	    ":3: a row has sender, key, SLF and rolling code" },
	{ "plug," KEY ",8B,0\n", ":1: the sender is no address" },
	{ "0185E177," KEY "0,8B,0\n", ":1: a key has 32 hex digits" },
	{ "0185E177,X56E4F6365616E20476D62482E313300,8B,0\n",
	    ":1: a key has 32 hex digits" },
	{ "0185E177," KEY ",8,0\n", ":1: an SLF has 2 hex digits" },
	{ "0185E177," KEY ",83,0\n", ":1: its security level has no CMAC" },
	{ "0185E177," KEY ",0B,0\n",
	    ":1: its security level has no rolling code" },
	{ "0185E177," KEY ",2B,0\n",
	    ":1: its security level has no rolling code" },
	{ "0185E177," KEY ",88,0\n",
	    ":1: its security level does not encrypt with VAES" },
	{ "0185E177," KEY ",8C,0\n",
	    ":1: its security level does not encrypt with VAES" },
	{ "0185E177," KEY ",8B,1000001\n",
	    ":1: the rolling code received is none of its SLF" },
	{ "0185E177," KEY ",4B,10000\n",
	    ":1: the rolling code received is none of its SLF" },
	{ "0185E177," KEY ",F3,100000001\n",
	    ":1: the rolling code received is none of its SLF" },
	{ "0185E177," KEY ",8B,\n",
	    ":1: the rolling code received is none of its SLF" },
	{ "0185E177," KEY ",8B,-1\n",
	    ":1: the rolling code received is none of its SLF" },
	{ "0185E177," KEY ",8B,0,x\n",
	    ":1: the rolling code sent is none of its SLF" },
	{ "0185E177," KEY ",8B,0,0,12\n",
	    ":1: a key for sending has 32 hex digits" },
	{ "0185E177," KEY ",8B,0,," OTHER "\n",
	    ":1: a key for sending, and no rolling code" },
	{ "0185E177," KEY ",8B,0,0," OTHER ",\n",
	    ":1: more cells than a row has" },
	{ "0185E177," KEY ",8B,0\n01:85:e1:77," OTHER ",8B,0\n",
	    ":2: the sender has a key already" },
	{ "0185E177,psk," KEY "\n0185E177,psk," KEY "\n",
	    ":2: the sender has a pre-shared key already" },
	{ "0185E177,psk," KEY "00\n",
	    ":1: the pre-shared key's checksum is wrong" },
	{ "0185E177,psk,12\n",
	    ":1: a pre-shared key has 32 hex digits, and perhaps 2 of a "
	    "checksum" },
};

static void
refuses_file(const char *want)
{
	struct buf fault = { 0 };
	struct secure *s = secure_open(path, 1, &fault);
	const char *said = buf_cstr(&fault);

	check(s == NULL, "taken: %s", want);
	check(strncmp(said, path, strlen(path)) == 0 &&
		strcmp(said + strlen(path), want) == 0,
	    "said %s, not %s", said, want);
	check(strstr(said, "456E4F") == NULL, "a key is in: %s", said);
	buf_fini(&fault);
	secure_close(s);
}

static void
refuses_files(void)
{
	struct buf fault = { 0 };
	char link[128];

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		write_file(files[i].text, 0600);
		refuses_file(files[i].want);
		check(strcmp(read_file(), files[i].text) == 0, "changed: %s",
		    files[i].text);
	}
	write_file("0185E177," KEY ",8B,0\n", 0644);
	refuses_file(": can be read by others (mode 0644)");
	write_file("0185E177," KEY ",8B,0\n", 0620);
	refuses_file(": can be read by others (mode 0620)");
	write_file("0185E177," KEY ",8B,0\n", 0600);
	snprintf(link, sizeof link, "%s/other", folder);
	check(rename(path, link) == 0 && symlink(link, path) == 0, "symlink");
	refuses_file(": symbolic link");
	unlink(link);
	unlink(path);
	check(mkdir(path, 0700) == 0, "mkdir");
	refuses_file(": not a regular file");
	rmdir(path);
	check(secure_open(path, 0, &fault) == NULL, "absent, not learning");
	check(strstr(buf_cstr(&fault), "No such file") != NULL, "%s",
	    buf_cstr(&fault));
	buf_fini(&fault);
}

/* One telegram to a store with one row.  want NULL: refused. */
static const struct {
	const char *row, *in, *want, *why;
} takes[] = {
	{ "01000001," KEY ",AB,C0FFEE", "313EEAC4A2DFC0FFEEEAF20E", "",
	    "secured, and its key is not known" },
	{ "019EB63B," OTHER ",AB,C0FFEE", "313EEAC4A2DFC0FFEEEAF20E", "",
	    "wrong CMAC" },
	{ "019EB63B," KEY ",AB,C0FFEF", "313EEAC4A2DFC0FFEEEAF20E", "",
	    "rolling code was used before, or is too far ahead" },
	{ "019EB63B," KEY ",AB,1000000", "313EEAC4A2DFC0FFEEEAF20E", "",
	    "rolling code was used before, or is too far ahead" },
	{ "019EB63B," KEY ",AB,C0FFEE", "303EEAC4A2DFC0FFEEEAF20E", "",
	    "wrong CMAC" },
	{ "019EB63B," KEY ",AB,C0FFEE", "33413EEAC4A2DFC0FFEEEAF20E", "",
	    "part of a secured message, without others" },
	{ "019EB63B," KEY ",AB,C0FFEE", "34013EEAC4A2DFC0FFEEEAF20E", "",
	    "maintenance of security, not supported" },
	{ "019EB63B," KEY ",AB,C0FFEE", "3209", "",
	    "said to be decrypted, and was not" },
	{ "019EB63B," KEY ",AB,C0FFEE", "A50827FF80", "",
	    "plain, from a device that is secured" },
	{ "019EB63B," KEY ",AB,C0FFEE", "F670", "",
	    "plain, from a device that is secured" },
	{ "019EB63B," KEY ",AB,C0FFEE", "D4A0FF33000901D2", "",
	    "plain, from a device that is secured" },
	{ "019EB63B,psk," KEY, "D509", "",
	    "plain, from a device that is secured" },
	{ "019EB63B,psk," KEY, "313EEAC4A2DFC0FFEEEAF20E", "",
	    "secured, and its key is not known" },
	{ "019EB63B," KEY ",AB,C0FFEE", "31", "", "secured, and cut short" },
	{ "019EB63B," KEY ",AB,C0FFEE", "31C0FFEEEAF20E", "",
	    "secured, and cut short" },
	{ "019EB63B," KEY ",8B,3E2D01", "300E05E56D", "",
	    "wrong CMAC, or its rolling code was used before or is too far "
	    "ahead" },
	{ "019EB63B," KEY ",8B,3E2C7F", "300E05E56D", "",
	    "wrong CMAC, or its rolling code was used before or is too far "
	    "ahead" },
	{ "019EB63B," KEY ",4B,C100", "30D0B518FB", "",
	    "wrong CMAC, or its rolling code was used before or is too far "
	    "ahead" },
	{ "019EB63B," KEY ",CB,C0FFEE", "313EEAC4A2DFC0FFEEEAF20E", "",
	    "wrong CMAC" },

	{ "01000001," KEY ",AB,C0FFEE", "A50827FF80", "A50827FF80", "plain" },
	{ "019EB63B," KEY ",AB,C0FFEE", "313EEAC4A2DFC0FFEEEAF20E",
	    "A50827FF80", "a sensor, 24 bits" },
	{ "019EB63B," KEY ",AB,000000", "313EEAC4A2DFC0FFEEEAF20E",
	    "A50827FF80", "a sensor that was away for long" },
	{ "019EB63B," KEY ",8B,3E2D00", "300E05E56D", "3209", "a switch" },
	{ "019EB63B," KEY ",8B,3E2C80", "300E05E56D", "3209",
	    "a switch, 128 codes later" },
	{ "019EB63B," KEY ",4B,C0FF", "30D0B518FB", "320E", "A0 pressed" },
	{ "019EB63B," KEY ",4B,C100", "307BAEC828", "320F", "released" },
	{ "019EB63B," KEY ",4b,c0ff", "307BAEC828", "320F",
	    "a telegram between was lost" },
	{ "019EB63B," OTHER ",F3,01020304",
	    "31BB17C17A05CAF5575DE208302FB572A0FD3A4434A41096F102E60DC20D777A"
	    "010203043B4C380F",
	    "D1000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D",
	    "a chained one, 32 bits" },
};

static void
decides(void)
{
	for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
		struct secure *s = open_text(takes[i].row);
		struct telegram out = { 0 };
		enum secure_result r =
		    take(s, 0x019EB63B, takes[i].in, 1, &out);

		if (*takes[i].want == '\0') {
			check(r == SECURE_REFUSED &&
				strcmp(why, takes[i].why) == 0,
			    "%s: %d, %s, not %s", takes[i].in, (int)r, why,
			    takes[i].why);
		} else if (r == SECURE_PLAIN) {
			check(strcmp(takes[i].in, takes[i].want) == 0,
			    "%s: plain", takes[i].why);
		} else {
			check(r == SECURE_OPENED &&
				strcmp(hex_of(&out), takes[i].want) == 0,
			    "%s: %d %s %s", takes[i].why, (int)r, why,
			    hex_of(&out));
			check(out.sender == 0x019EB63B && out.security == 4,
			    "%s: who it is from", takes[i].why);
			check(take(s, 0x019EB63B, takes[i].in, 1, &out) ==
				SECURE_REFUSED,
			    "%s: again", takes[i].why);
		}
		secure_close(s);
	}
}

/* Whatever bit is flipped, whatever is cut off. */
static void
refuses_flipped(void)
{
	for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
		struct telegram in, out;
		struct secure *s;
		uint8_t p[BYTES_MAX];

		if (*takes[i].want == '\0' || takes[i].in[0] != '3')
			continue;
		s = open_text(takes[i].row);
		in = telegram(0x019EB63B, takes[i].in);
		memcpy(p, in.p, in.n);
		in.p = p;
		for (size_t bit = 0; bit < 8 * in.n; bit++) {
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			check(secure_take(s, &in, 1, &out, &why) ==
				SECURE_REFUSED,
			    "%s: bit %zu flipped", takes[i].why, bit);
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t n = in.n; in.n-- > 0;)
			check(secure_take(s, &in, 1, &out, &why) ==
				SECURE_REFUSED,
			    "%s: %zu bytes of %zu", takes[i].why, in.n, n);
		in.n = strlen(takes[i].in) / 2 - 1;
		check(secure_take(s, &in, 1, &out, &why) == SECURE_OPENED,
		    "%s: refusals change nothing: %s", takes[i].why, why);
		secure_close(s);
	}
}

/* Make what comes from a device, by another store with the key for sending. */
static size_t
made(struct secure *device, uint64_t sender, const char *hex, uint8_t *p)
{
	struct telegram plain = telegram(sender, hex), out = { 0 };

	check(secure_make(device, sender, &plain, &out, &why) == 0, "%s", why);
	memcpy(p, out.p, out.n);
	return out.n;
}

static const uint8_t levels[] = { 0x4B, 0x53, 0x6B, 0x73, 0x8B, 0x93, 0xAB,
	0xB3, 0xCB, 0xD3, 0xEB, 0xF3 };

#define LONG                                                                 \
	"D1000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F" \
	"202122232425262728292A2B2C2D2E2F"

static const char *const plains[] = { "3209", "32010203", "F670", "D509",
	"A50827FF80", "D2010203040506070809", "D5", LONG };

static struct secure *
device_of(uint8_t slf, const char *code)
{
	struct secure *s;
	char row[160];

	snprintf(row, sizeof row, "01000001," KEY ",%02X,%s,%s," OTHER, slf,
	    code, code);
	s = open_text(row);
	return s;
}

static struct secure *
gateway_of(uint8_t slf, const char *code)
{
	struct secure *s;
	char row[160];

	snprintf(row, sizeof row, "01000001," OTHER ",%02X,%s", slf, code);
	s = open_text(row);
	return s;
}

static void
opens_what_is_made(void)
{
	for (size_t i = 0; i < sizeof levels; i++) {
		struct secure *device = device_of(levels[i], "1234"), *gateway;

		use_file("gateway");
		gateway = gateway_of(levels[i], "1234");
		for (size_t j = 0; j < sizeof plains / sizeof plains[0]; j++) {
			uint8_t p[BYTES_MAX];
			struct telegram in = { .sender = 0x01000001,
				.rorg = plains[j][0] == '3' ? RORG_SEC
							    : RORG_SEC_ENCAPS,
				.p = p,
				.n = made(device, 0x01000001, plains[j], p) };
			struct telegram out = { 0 };

			check(secure_take(gateway, &in, 0, &out, &why) ==
				    SECURE_OPENED &&
				strcmp(hex_of(&out), plains[j]) == 0,
			    "SLF %02X: %s: %s", levels[i], plains[j], why);
			check(secure_take(gateway, &in, 0, &out, &why) ==
				SECURE_REFUSED,
			    "SLF %02X: %s again", levels[i], plains[j]);
		}
		secure_close(gateway);
		unlink(path);
		use_file("keys");
		secure_close(device);
	}
}

/* What cannot be made. */
static void
refuses_to_make(void)
{
	static const struct {
		const char *row, *plain, *want;
	} cases[] = {
		{ "01000002," KEY ",F3,0,0", "D509", "the device has no key" },
		{ "01000001,psk," KEY, "D509", "the device has no key" },
		{ "01000001," KEY ",F3,0", "D509",
		    "no rolling code for telegrams to the device" },
		{ "01000001," KEY ",AB,0,1000000", "D509",
		    "the rolling codes for telegrams to the device are used "
		    "up" },
		{ "01000001," KEY ",F3,0,0", "3109", "it is secured already" },
		{ "01000001," KEY ",F3,0,0", "3509", "it is secured already" },
		{ "01000001," KEY ",F3,0,0", "3210", "no code of a switch" },
		{ "01000001," KEY ",F3,0,0", "32", "no code of a switch" },
	};
	struct telegram plain, out;
	struct secure *s;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		s = open_text(cases[i].row);
		plain = telegram(0xFF800000, cases[i].plain);
		check(secure_make(s, 0x01000001, &plain, &out, &why) < 0 &&
			strcmp(why, cases[i].want) == 0,
		    "%s: %s", cases[i].row, why);
		secure_close(s);
	}
	/* With one key for both ways, what we sent does not come back. */
	s = open_text("01000001," KEY ",F3,0,100");
	plain = telegram(0x01000001, "D509");
	check(secure_make(s, 0x01000001, &plain, &out, &why) == 0, "%s", why);
	plain = out;
	check(secure_take(s, &plain, 0, &out, &why) == SECURE_REFUSED &&
		strcmp(why, "a telegram of our own, sent back") == 0,
	    "%s", why);
	secure_close(s);
}

/* The vectors of the standard, made. */
static void
makes_vectors(void)
{
	static const struct {
		const char *row, *plain, *want;
	} cases[] = {
		{ "01000001," OTHER ",AB,0,C0FFEE," KEY, "A50827FF80",
		    "313EEAC4A2DFC0FFEEEAF20E" },
		{ "01000001," KEY ",F3,0,01020304," OTHER,
		    "D1000102030405060708090A0B0C0D0E0F101112131415161718191A"
		    "1B1C1D",
		    "31BB17C17A05CAF5575DE208302FB572A0FD3A4434A41096F102E60D"
		    "C20D777A010203043B4C380F" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct secure *s = open_text(cases[i].row);
		struct telegram plain = telegram(0xFF800000, cases[i].plain);
		struct telegram out = { 0 };

		plain.dest = 0x01000001;
		check(secure_make(s, 0x01000001, &plain, &out, &why) == 0 &&
			strcmp(hex_of(&out), cases[i].want) == 0,
		    "%s: %s %s", cases[i].plain, why, hex_of(&out));
		check(out.sender == 0xFF800000 && out.dest == 0x01000001,
		    "who it is for");
		secure_close(s);
	}
}

/* 16 bit codes begin again; those of others end. */
static void
wraps(void)
{
	static const struct {
		uint8_t slf;
		const char *code;
		int goes_on;
	} cases[] = { { 0x4B, "FFFE", 1 }, { 0x6B, "FFFE", 1 },
		{ 0x8B, "FFFFFE", 0 }, { 0xAB, "FFFFFE", 0 },
		{ 0xCB, "FFFFFFFE", 0 }, { 0xF3, "FFFFFFFE", 0 },
		{ 0xCB, "01FFFFFE", 1 } };
	struct telegram plain, out, in;
	uint8_t first[BYTES_MAX];
	size_t n;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct secure *device = device_of(cases[i].slf, cases[i].code),
			      *gateway;
		int ok = 1;

		use_file("gateway");
		gateway = gateway_of(cases[i].slf, cases[i].code);
		n = made(device, 0x01000001, "D508", first);
		for (int k = 1; k < 200 && ok; k++) {
			plain = telegram(0x01000001, "D509");
			ok = secure_make(
				 device, 0x01000001, &plain, &in, &why) == 0;
			if (!ok)
				break;
			check(k >= 2 && !cases[i].goes_on
				? 0
				: secure_take(gateway, &in, 0, &out, &why) ==
				    SECURE_OPENED,
			    "SLF %02X: %d codes after %s: %s", cases[i].slf, k,
			    cases[i].code, why);
		}
		check(ok == cases[i].goes_on, "SLF %02X: %s: %s", cases[i].slf,
		    cases[i].code, why);
		in = (struct telegram){ .sender = 0x01000001,
			.rorg = RORG_SEC_ENCAPS,
			.p = first,
			.n = n };
		check(
		    secure_take(gateway, &in, 0, &out, &why) == SECURE_REFUSED,
		    "SLF %02X: one of before", cases[i].slf);
		secure_close(gateway);
		gateway = open_again();
		check(
		    secure_take(gateway, &in, 0, &out, &why) == SECURE_REFUSED,
		    "SLF %02X: one of before, after a restart", cases[i].slf);
		secure_close(gateway);
		unlink(path);
		use_file("keys");
		secure_close(device);
	}
}

/*
 * A process that is killed: what it accepted is never accepted again, and at
 * most SECURE_AHEAD telegrams of the device are lost.
 */
static void
survives_kill(uint8_t slf)
{
	static uint8_t p[100][32];
	size_t n = 0;
	struct secure *s = device_of(slf, "0");
	struct telegram in = { .sender = 0x01000001, .rorg = RORG_SEC_ENCAPS },
			out = { 0 };
	int status, lost = 0;

	for (size_t i = 0; i < 100; i++)
		n = made(s, 0x01000001, "D509", p[i]);
	secure_close(s);
	in.n = n;
	for (size_t stop = 0; stop < 40; stop++) {
		pid_t child;

		secure_close(gateway_of(slf, "0"));
		child = fork();
		if (child == 0) {
			s = open_again();
			for (size_t i = 0; i < stop; i++) {
				in.p = p[i];
				if (secure_take(s, &in, 0, &out, &why) !=
				    SECURE_OPENED)
					_exit(1);
			}
			_exit(0); /* without secure_close() */
		}
		check(waitpid(child, &status, 0) == child && status == 0,
		    "%zu accepted", stop);
		s = open_again();
		for (size_t i = 0; i < stop; i++) {
			in.p = p[i];
			check(secure_take(s, &in, 0, &out, &why) ==
				SECURE_REFUSED,
			    "SLF %02X: %zu again after a kill at %zu", slf, i,
			    stop);
		}
		lost = 0;
		for (size_t i = stop; i < 100; i++) {
			in.p = p[i];
			lost +=
			    secure_take(s, &in, 0, &out, &why) != SECURE_OPENED;
		}
		check(lost <= SECURE_AHEAD, "SLF %02X: %d lost at %zu", slf,
		    lost, stop);
		secure_close(s);
	}
}

/* An orderly end loses nothing, and comments stay. */
static void
keeps_file(void)
{
	static const char before[] =
	    "# of the house\r\n"
	    "\n"
	    "01:9E:B6:3B , " KEY ", ab, c0ffee ,1# kitchen\n"
	    "0185e177,PSK," KEY "\n"
	    "112233445566," OTHER ",4b,fffe";
	static const char after[] =
	    "# of the house\n"
	    "\n"
	    "019EB63B," KEY ",AB,C0FFEF,000001 # kitchen\n"
	    "0185E177,psk," KEY "\n"
	    "112233445566," OTHER ",4B,FFFE\n";
	static const char ahead[] =
	    "# of the house\n"
	    "\n"
	    "019EB63B," KEY ",AB,C0FFFF,000011 # kitchen\n"
	    "0185E177,psk," KEY "\n"
	    "112233445566," OTHER ",4B,FFFE\n";
	struct secure *s = open_text(before);
	struct telegram out;
	struct buf fault = { 0 };
	struct stat st;

	check(strcmp(read_file(), before) == 0, "read only");
	check(secure_has(s, 0x019EB63B), "has a key");
	check(secure_has(s, 0x112233445566), "has a long address");
	check(!secure_has(s, 0x0185E177), "has only a pre-shared key");
	check(!secure_has(s, 0x01000000), "is not known");
	check(secure_open(path, 0, &fault) == NULL &&
		strstr(buf_cstr(&fault), ": another process uses it") != NULL,
	    "opened twice: %s", buf_cstr(&fault));
	check(take(s, 0x019EB63B, "313EEAC4A2DFC0FFEEEAF20E", 0, &out) ==
		SECURE_OPENED,
	    "%s", why);
	check(strcmp(read_file(), ahead) == 0, "ahead: %s", read_file());
	check(secure_close(s) == 0, "close");
	check(strcmp(read_file(), after) == 0, "after: %s", read_file());
	check(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "mode");
	/* Changed while it is in use. */
	s = open_again();
	write_file("019EB63B," KEY ",AB,000000\n", 0600);
	check(take(s, 0x019EB63B, "313EEAC4A2DFC0FFEEEAF20E", 0, &out) ==
		SECURE_REFUSED,
	    "used before");
	check(
	    take(s, 0x112233445566, "303EEAC4A2DF", 0, &out) == SECURE_REFUSED,
	    "nonsense");
	check(secure_close(s) == 0, "close without a change");
	s = open_text("019EB63B," KEY ",AB,000000\n");
	write_file("019EB63B," OTHER ",AB,000000\n", 0600);
	check(take(s, 0x019EB63B, "313EEAC4A2DFC0FFEEEAF20E", 0, &out) ==
		    SECURE_REFUSED &&
		strstr(why, ": another program changed it") != NULL,
	    "changed: %s", why);
	check(take(s, 0x019EB63B, "313EEAC4A2DFC0FFEEEAF20E", 0, &out) ==
		SECURE_REFUSED,
	    "changed, again: %s", why);
	check(secure_close(s) == 0, "close");
	check(strcmp(read_file(), "019EB63B," OTHER ",AB,000000\n") == 0,
	    "the other's is kept");
	buf_fini(&fault);
}

/* Teach-ins: telegrams from 0185E177, what the last one gives. */
static const struct {
	const char *file;
	const char *in[5];
	enum secure_result want;
	const char *why;
} teaches[] = {
	{ "", { "35244BC0FF456E4F6365" }, SECURE_PART, "first" },
	{ "", { "354061" }, SECURE_REFUSED,
	    "teach-in without its first telegram" },
	{ "", { "35" }, SECURE_REFUSED, "teach-in of a wrong length" },
	{ "", { "3524" }, SECURE_REFUSED, "teach-in of a wrong length" },
	{ "", { "3520ABC0FFEE456E4F6365616E", "354020476D62482E3133" },
	    SECURE_REFUSED, "teach-in of a wrong length" },
	{ "", { "3520ABC0FFEE456E4F6365616E", "354020476D62482E31330000" },
	    SECURE_REFUSED, "teach-in of a wrong length" },
	{ "", { "3520A3C0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED, "its security level has no CMAC" },
	{ "", { "35200B456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED, "its security level has no rolling code" },
	{ "", { "3520A8C0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED, "its security level does not encrypt with VAES" },
	{ "", { "3528ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED, "teach-in needs the device's pre-shared key" },
	{ "0185E177,psk," OTHER,
	    { "3520ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED,
	    "teach-in without the pre-shared key of the device" },
	{ "0185E177," KEY ",AB,C0FFEF",
	    { "3520ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED,
	    "teach-in with an older rolling code: a replay, or the device "
	    "was reset" },
	{ "0185E177," KEY ",6B,C100",
	    { "35206BC0FF456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED,
	    "teach-in with an older rolling code: a replay, or the device "
	    "was reset" },
	{ "0185E177," OTHER ",F3,0",
	    { "3520ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED,
	    "teach-in of a lower security level than is "
	    "known" },
	{ "0185E177," OTHER ",B3,0",
	    { "3520ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_REFUSED,
	    "teach-in of a lower security level than is "
	    "known" },

	{ "", { "3520ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_TAUGHT, "a sensor" },
	{ "0185E177," KEY ",AB,C0FFED",
	    { "3520ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_TAUGHT, "a sensor that is known" },
	{ "0185E177," OTHER ",8B,FFFFFF",
	    { "3520ABC0FFEE456E4F6365616E", "354020476D62482E313300" },
	    SECURE_TAUGHT, "a new key" },
	{ "",
	    { "3520ABC0FFEE456E4F6365616E", "3520ABC0FFEE456E4F6365616E",
		"354020476D62482E313300", "3520ABC0FFEE456E4F6365616E",
		"354020476D62482E313300" },
	    SECURE_TAUGHT, "each sent several times" },
	{ "",
	    { "3520ABC0FFEEFFFFFFFFFFFFFF", "3520ABC0FFEE456E4F6365616E",
		"354020476D62482E313300" },
	    SECURE_TAUGHT, "a new first telegram replaces the one before" },
	{ "", { "3510ABC0FFEE456E4F6365616E20476D62482E313300" }, SECURE_TAUGHT,
	    "all in one" },
	{ "", { "35244BC0FF456E4F6365", "3540616E20476D62482E313300" },
	    SECURE_TAUGHT, "a switch" },
};

static void
teaches_all(void)
{
	for (size_t i = 0; i < sizeof teaches / sizeof teaches[0]; i++) {
		struct secure *s = open_text(teaches[i].file);
		struct telegram out = { 0 };
		enum secure_result r = SECURE_PLAIN;
		const char *last;
		int is_switch = strcmp(teaches[i].why, "a switch") == 0;

		for (size_t j = 0; j < 5 && teaches[i].in[j] != NULL; j++) {
			last = teaches[i].in[j];
			check(take(s, 0x0185E177, last, 0, &out) ==
				    SECURE_REFUSED &&
				strcmp(why,
				    "secure teach-in, and not "
				    "learning") == 0,
			    "%s: not learning: %s", teaches[i].why, why);
			r = take(s, 0x0185E177, last, 1, &out);
		}
		check(r == teaches[i].want, "%s: %d %s", teaches[i].why, (int)r,
		    why);
		if (r == SECURE_REFUSED)
			check(strcmp(why, teaches[i].why) == 0, "%s, not %s",
			    why, teaches[i].why);
		if (r == SECURE_TAUGHT)
			check(out.n == 1 &&
				(out.p[0] & 0x0F) == (is_switch ? 4 : 0),
			    "%s: INFO %02X", teaches[i].why, out.p[0]);
		if (r == SECURE_TAUGHT)
			check(strstr(read_file(), "0185E177," KEY) != NULL,
			    "%s: %s", teaches[i].why, read_file());
		else
			check(strcmp(read_file(), teaches[i].file) == 0,
			    "%s: %s", teaches[i].why, read_file());
		secure_close(s);
		s = open_again();
		check(secure_has(s, 0x0185E177) == (r == SECURE_TAUGHT) ||
			teaches[i].file[0] != '\0',
		    "%s: after a restart", teaches[i].why);
		if (r == SECURE_TAUGHT && !is_switch)
			check(take(s, 0x0185E177, "313EEAC4A2DFC0FFEEEAF20E", 0,
				  &out) == SECURE_OPENED,
			    "%s: its first telegram: %s", teaches[i].why, why);
		secure_close(s);
	}
}

/* A pre-shared key hides rolling code and key. */
static void
teaches_hidden(void)
{
	static const char *const text[] = { "0185E177,psk," OTHER "\n",
		"0185E177,psk," KEY "\n" };
	/* C0FFEE and the key, with the key stream of code 0 under OTHER. */
	static const char first[] = "3528AB335C425CE0A97F1441E1";
	static const char second[] = "35407E7C5003BF6228B810";

	for (size_t i = 0; i < 2; i++) {
		struct secure *s = open_text(text[i]);
		struct telegram out;

		check(take(s, 0x0185E177, first, 1, &out) == SECURE_PART,
		    "hidden, first: %s", why);
		check(take(s, 0x0185E177, second, 1, &out) == SECURE_TAUGHT,
		    "hidden, second: %s", why);
		check((strstr(read_file(), "0185E177," KEY ",AB,C0FFEE\n") !=
			  NULL) == (i == 0),
		    "hidden: %s", read_file());
		check(strncmp(read_file(), text[i], strlen(text[i])) == 0,
		    "the pre-shared key is kept");
		secure_close(s);
	}
}

/* A two-way device is told our key, and then understands what we send. */
static void
answers(void)
{
	static const char *const rows[] = {
		"01000001," KEY ",AB,C0FFEE\n",
		"01000001," KEY ",4B,C0FF\n01000001,psk," OTHER "\n",
		"01000001," KEY ",F3,0\n01000001,psk," OTHER "\n",
		"01000001," KEY ",F3,0,1234," OTHER "\n",
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct secure *gateway = open_text(rows[i]), *device;
		struct telegram part[SECURE_ANSWERS], plain, sent, out;
		uint8_t p[SECURE_ANSWERS][32];

		check(secure_answer(
			  gateway, 0x01000002, 0xFF800001, part, &why) < 0 &&
			strcmp(why, "the device has no key") == 0,
		    "unknown: %s", why);
		check(secure_answer(
			  gateway, 0x01000001, 0xFF800001, part, &why) == 0,
		    "answered: %s", why);
		check(strstr(read_file(), "01000001," KEY) != NULL &&
			strlen(read_file()) >= strlen(rows[i]),
		    "the key is in the file: %s", read_file());
		for (int j = 0; j < SECURE_ANSWERS; j++) {
			check(part[j].sender == 0xFF800001 && part[j].n <= 14,
			    "fits into a telegram");
			memcpy(p[j], part[j].p, part[j].n);
			part[j].p = p[j];
		}
		use_file("gateway");
		device = open_text(strstr(rows[i], "psk") == NULL
			? ""
			: "FF800001,psk," OTHER "\n");
		check(
		    secure_take(device, &part[0], 1, &out, &why) == SECURE_PART,
		    "first: %s", why);
		check(secure_take(device, &part[1], 1, &out, &why) ==
			SECURE_TAUGHT,
		    "second: %s", why);
		plain = telegram(0xFF800001, "D2010203");
		check(secure_make(gateway, 0x01000001, &plain, &sent, &why) ==
			    0 &&
			secure_take(device, &sent, 0, &out, &why) ==
			    SECURE_OPENED &&
			strcmp(hex_of(&out), "D2010203") == 0,
		    "understood: %s", why);
		check(secure_take(gateway, &sent, 0, &out, &why) ==
			SECURE_REFUSED,
		    "not the device's");
		secure_close(device);
		unlink(path);
		use_file("keys");
		secure_close(gateway);
	}
}

/* More teach-ins at a time than are kept: never more memory, none mixed. */
static void
forgets_oldest(void)
{
	struct secure *s = open_text("");
	struct telegram out;

	for (uint64_t i = 0; i < 9; i++)
		check(take(s, 0x01000000 + i, "3520ABC0FFEE456E4F6365616E", 1,
			  &out) == SECURE_PART,
		    "first of %d: %s", (int)i, why);
	check(take(s, 0x01000000, "354020476D62482E313300", 1, &out) ==
		SECURE_REFUSED,
	    "the oldest is forgotten");
	for (uint64_t i = 1; i < 9; i++)
		check(take(s, 0x01000000 + i, "354020476D62482E313300", 1,
			  &out) == SECURE_TAUGHT,
		    "second of %d: %s", (int)i, why);
	secure_close(s);
	s = secure_open(NULL, 1, NULL);
	check(
	    take(s, 1, "3520ABC0FFEE456E4F6365616E", 1, &out) == SECURE_PART &&
		take(s, 1, "354020476D62482E313300", 1, &out) ==
		    SECURE_TAUGHT &&
		take(s, 1, "313EEAC4A2DFC0FFEEEAF20E", 0, &out) ==
		    SECURE_OPENED,
	    "without a file: %s", why);
	check(secure_close(s) == 0 && secure_close(NULL) == 0, "close");
}

static const struct {
	int code, payload, status;
} switches[] = { { 0, -1, 0 }, { 4, -1, 0 }, { 16, -1, 0 }, { 255, -1, 0 },
	{ 14, 0x30, 0x30 }, { 13, 0x10, 0x30 }, { 12, 0x70, 0x30 },
	{ 11, 0x50, 0x30 }, { 10, 0x35, 0x30 }, { 9, 0x15, 0x30 },
	{ 7, 0x37, 0x30 }, { 5, 0x17, 0x30 }, { 6, 0x70, 0x20 },
	{ 8, 0x10, 0x20 }, { 15, 0x00, 0x20 } };

static void
knows_switches(void)
{
	for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
		uint8_t p = 0xAA, status = 0xAA;
		int r = secure_rps((uint8_t)switches[i].code, &p, &status);

		check(switches[i].payload < 0
			? r == -1 && p == 0xAA
			: r == 0 && p == switches[i].payload &&
			    status == switches[i].status,
		    "switch %d: %02X %02X", switches[i].code, p, status);
	}
}

/* The text of a member of a line of JSON, or "". */
static const char *
member(const char *line, const char *name)
{
	static char text[8][BYTES_MAX];
	static int at;
	char *out = text[at = (at + 1) % 8], want[32];
	const char *p;

	snprintf(want, sizeof want, "\"%s\": \"", name);
	p = strstr(line, want);
	snprintf(out, BYTES_MAX, "%s", p == NULL ? "" : p + strlen(want));
	out[strcspn(out, "\"")] = '\0';
	return out;
}

/* A published telegram with its key and code beside it. */
static void
opens_case(const char *line, const struct telegram *in)
{
	const char *plain = member(line, "plain");
	struct secure *s;
	struct telegram out = { 0 };
	char row[160], want[BYTES_MAX];

	snprintf(row, sizeof row, "%08X,%s,%s,%s", (unsigned)in->sender,
	    member(line, "key"), member(line, "slf") + 2, member(line, "rlc"));
	snprintf(want, sizeof want, "%s%s", *plain ? "" : "32",
	    *plain ? plain : member(line, "plain_nibble"));
	s = open_text(row);
	check(secure_take(s, in, 0, &out, &why) == SECURE_OPENED &&
		strcmp(hex_of(&out), want) == 0,
	    "%s: %s %s", member(line, "id"), why, hex_of(&out));
	check(secure_take(s, in, 0, &out, &why) == SECURE_REFUSED, "%s: again",
	    member(line, "id"));
	secure_close(s);
}

static enum secure_result
take_case(const char *line, struct secure *all)
{
	uint8_t p[BYTES_MAX];
	struct esp3_packet packet = { .type = ESP3_RADIO_ERP1, .data = p + 6 };
	struct telegram in, out;

	bytes(member(line, "hex"), p);
	packet.n = (size_t)p[1] << 8 | p[2];
	packet.nopt = p[3];
	packet.opt = packet.data + packet.n;
	check(telegram_parse(&in, &packet, &why) == 1, "%s: %s",
	    member(line, "id"), why);
	if (strstr(line, "\"step\": \"data\"") != NULL) {
		opens_case(line, &in);
		return SECURE_OPENED;
	}
	return secure_take(all, &in, 1, &out, &why);
}

/* What is public of the standard's examples. */
static void
knows_cases(void)
{
	const char *data = getenv("SG_TEST_DATA");
	struct secure *all = secure_open(NULL, 1, NULL);
	char name[4096], line[8192];
	int results[5] = { 0 };
	FILE *f;

	snprintf(name, sizeof name, "%s/enocean/cases.jsonl",
	    data == NULL ? "../shared/data" : data);
	f = fopen(name, "r");
	check(f != NULL, "%s: %m", name);
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strcmp(member(line, "kind"), "secure") == 0)
			results[take_case(line, all)]++;
	/* Half a teach-in and parts of a chain are refused. */
	check(results[SECURE_OPENED] == 3 && results[SECURE_TAUGHT] == 1 &&
		results[SECURE_PART] == 1 && results[SECURE_REFUSED] == 3,
	    "%s: %d opened, %d taught, %d refused", name,
	    results[SECURE_OPENED], results[SECURE_TAUGHT],
	    results[SECURE_REFUSED]);
	if (f != NULL)
		fclose(f);
	secure_close(all);
}

int
main(void)
{
	char command[96];

	/* memory, since codes are waited for until they are on disk */
	snprintf(folder, sizeof folder, "%s/test_secure.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(folder) == NULL)
		return 1;
	use_file("keys");
	refuses_files();
	decides();
	refuses_flipped();
	refuses_to_make();
	makes_vectors();
	opens_what_is_made();
	wraps();
	survives_kill(0x8B);
	survives_kill(0x4B);
	survives_kill(0xF3);
	keeps_file();
	teaches_all();
	teaches_hidden();
	answers();
	forgets_oldest();
	knows_switches();
	knows_cases();
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command) != 0)
		return 1;
	return check_done();
}
