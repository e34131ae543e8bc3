/* The devices file: what is refused, who is found, what learning leaves. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/date.h"
#include "check.h"
#include "device/enocean/devices.h"

static struct eep *eep;
static char dir[64], path[96];

static void
write_text(const char *to, const char *p, size_t n)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	check(fd >= 0 && write(fd, p, n) == (ssize_t)n, "%s: not written", to);
	close(fd);
}

static const char *
read_text(const char *from, struct buf *b)
{
	int fd = open(from, O_RDONLY);
	ssize_t n = 0;

	buf_clear(b);
	while (fd >= 0 && (n = read(fd, buf_room(b, 4096), 4096)) > 0)
		b->len += (size_t)n;
	if (fd >= 0)
		close(fd);
	return buf_cstr(b);
}

static struct devices *
open_text(const char *p, int learn, struct buf *why)
{
	write_text(path, p, strlen(p));
	buf_clear(why);
	return devices_open(path, eep, learn, why);
}

#define HEAD "sender,profile,name\n"
#define WIDE "sender,profile,name,offset,options,room\n"
#define NAME_58 "a234567890123456789012345678901234567890123456789012345678"

static const struct {
	const char *in, *want, *why;
} refused[] = {
	{ "", "1: no row with the columns' names: sender,profile,name",
	    "empty" },
	{ "# nothing\n\n",
	    "1: no row with the columns' names: sender,profile,name",
	    "comments only" },
	{ "profile,name\n", "1: no column \"sender\"", "no sender" },
	{ "# x\n\nsender,name\n", "3: no column \"profile\"", "no profile" },
	{ "sender,profile\n", "1: no column \"name\"", "no name" },
	{ "sender;profile;name\n",
	    "1: no column \"sender\"; columns are separated by ',', not ';'",
	    "semicolons" },
	{ "sender,profile,name,room,room\n", "1: two columns \"room\"",
	    "a column twice" },
	{ "sender,profile,name,ro\xffm\n", "1: column 4: invalid UTF-8",
	    "no UTF-8" },
	{ HEAD "\"0181B744,A5-02-05,a\n", "2: a quote is not closed",
	    "a quote" },
	{ HEAD "0181B744,A5-02-05,a\"b\n", "2: malformed quoting",
	    "a quote inside" },
	{ HEAD ",A5-02-05,a\n",
	    "2: sender \"\": no address of a device: 8 hex digits",
	    "no sender" },
	{ HEAD "0181B74,A5-02-05,a\n",
	    "2: sender \"0181B74\": no address of a device: 8 hex digits",
	    "7 digits" },
	{ HEAD "0181B74G,A5-02-05,a\n",
	    "2: sender \"0181B74G\": no address of a device: 8 hex digits",
	    "no digit" },
	{ HEAD "FFFFFFFF,A5-02-05,a\n",
	    "2: sender \"FFFFFFFF\": no address of a device: 8 hex digits",
	    "broadcast" },
	{ HEAD "00000000,A5-02-05,a\n",
	    "2: sender \"00000000\": no address of a device: 8 hex digits",
	    "nobody" },
	{ HEAD "0181B744,,a\n", "2: no profile", "no profile" },
	{ HEAD "0181B744,A5-2-5,a\n",
	    "2: profile \"A5-2-5\": not of the form A5-12-01", "short id" },
	{ HEAD "0181B744,A5-FF-FF,a\n", "2: profile A5-FF-FF is in no table",
	    "unknown profile" },
	{ HEAD "0181B744,GP:,a\n",
	    "2: profile \"GP:\": not of the form A5-12-01", "no definitions" },
	{ HEAD "0181B744,GP:F,a\n", "2: profile: no hex digits of definitions",
	    "half a byte" },
	{ HEAD "0181B744,GP:FX,a\n", "2: profile: GP: not followed by hex",
	    "no hex" },
	{ HEAD "0181B744,A5-02-05\n", "2: name \"\": empty", "no name" },
	{ HEAD "0181B744,A5-02-05,a/b\n", "2: name \"a/b\": has a '/'",
	    "two levels" },
	{ HEAD "0181B744,A5-02-05,a b\n",
	    "2: name \"a b\": character other than A-Z a-z 0-9 . _ : @ -",
	    "a blank" },
	{ HEAD "0181B744,A5-02-05,+\n", "2: name \"+\": wildcard in a topic",
	    "a wildcard" },
	{ HEAD "0181B744,A5-02-05,plug:2\n",
	    "2: name \"plug:2\": ends as a channel of a device does",
	    "a channel" },
	{ HEAD "0181B744,A5-02-05," NAME_58 "9\n",
	    "2: name \"" NAME_58 "9\": longer than 58 bytes", "59 bytes" },
	{ HEAD "0181B744,A5-02-05,a\n0181B745,A5-02-05,a\n",
	    "3: a is the name of 0181B744 (line 2)", "a name twice" },
	{ HEAD "0181B744,A5-02-05,a\n01:81:b7:44,D2-01-09,b\n",
	    "3: 0181B744 is named a already (line 2)", "two names" },
	{ HEAD "0181B744,A5-02-05,a\n0181B744,a5-02-05,a\n",
	    "3: a has this profile already", "a row twice" },
	{ HEAD "0181B744,A5-02-05,a,b\n", "2: 4 cells for 3 columns",
	    "too many cells" },
	{ WIDE "0181B744,A5-02-05,a,128\n", "2: offset \"128\": not 0 to 127",
	    "offset" },
	{ WIDE "0181B744,A5-02-05,a,-1\n", "2: offset \"-1\": not 0 to 127",
	    "negative" },
	{ WIDE "0181B744,A5-02-05,a,1\n0181B744,D2-01-09,a,2\n",
	    "3: a has offset 1 already", "two offsets" },
	{ WIDE "0181B744,A5-02-05,a,,percent  quiet\n",
	    "2: option \"quiet\": neither percent nor mute nor controller",
	    "option" },
	{ WIDE "0181B744,A5-02-05,a,,,kit\xe9"
	       "chen\n",
	    "2: room: invalid UTF-8", "Latin 1" },
	{ HEAD "1,A5-02-01,a\n",
	    "2: sender \"1\": no address of a device: 8 hex digits",
	    "one digit" },
};

static void
test_refused(void)
{
	struct buf why = { 0 }, want = { 0 };

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct devices *d = open_text(refused[i].in, 0, &why);

		buf_clear(&want);
		buf_addf(&want, "%s:%s", path, refused[i].want);
		check(d == NULL && strcmp(buf_cstr(&why), buf_cstr(&want)) == 0,
		    "%s: %s", refused[i].why, buf_cstr(&why));
		devices_close(d);
	}
	buf_clear(&want);
	check(devices_open("/nowhere/x", eep, 0, &why) == NULL &&
		strcmp(buf_cstr(&why),
		    "/nowhere/x: No such file or directory") == 0,
	    "absent: %s", buf_cstr(&why));
	check(devices_open("/tmp", eep, 1, &why) == NULL &&
		strcmp(buf_cstr(&why), "/tmp: Is a directory") == 0,
	    "a folder: %s", buf_cstr(&why));
	buf_fini(&want);
	buf_fini(&why);
}

/* More profiles, columns and text than there may be. */
static void
test_bounds(void)
{
	struct buf in = { 0 }, why = { 0 };
	struct devices *d;

	buf_adds(&in, HEAD);
	for (int i = 1; i <= DEVICE_PROFILES + 1; i++)
		buf_addf(&in, "0181B744,A5-02-%02X,a\n", i);
	d = open_text(buf_cstr(&in), 0, &why);
	check(d == NULL &&
		strstr(buf_cstr(&why), ":10: a has more than 8 profiles"),
	    "profiles: %s", buf_cstr(&why));
	devices_close(d);
	buf_clear(&in);
	buf_adds(&in, "sender,profile,name");
	for (int i = 0; i < 62; i++)
		buf_addf(&in, ",c%d", i);
	buf_adds(&in, "\n");
	d = open_text(buf_cstr(&in), 0, &why);
	check(d == NULL && strstr(buf_cstr(&why), ":1: more than 64 columns"),
	    "columns: %s", buf_cstr(&why));
	devices_close(d);
	buf_clear(&in);
	buf_adds(&in, WIDE "0181B744,A5-02-05,a,,,");
	memset(buf_room(&in, 65536), 'x', 65536);
	in.len += 65536;
	d = open_text(buf_cstr(&in), 0, &why);
	check(d == NULL &&
		strstr(buf_cstr(&why), ":2: a: more than 64 KiB of columns"),
	    "attributes: %s", buf_cstr(&why));
	devices_close(d);
	buf_fini(&in);
	buf_fini(&why);
}

/* "name sender offset options PROFILE PROFILE" for each device. */
static const char *
show(const struct devices *d, struct buf *b)
{
	char text[13];

	buf_clear(b);
	for (size_t i = 0; d != NULL && i < devices_count(d); i++) {
		const struct device *dev = device_at(d, i);

		telegram_format_address(text, dev->sender);
		buf_addf(b, "%s %s %d %u", dev->name, text, dev->offset,
		    dev->options);
		for (size_t j = 0; j < dev->profiles; j++) {
			eep_format_id(text, eep_profile_id(dev->profile[j]));
			buf_addf(b, " %s", text);
		}
		buf_adds(b, dev->generic != NULL ? " GP\n" : "\n");
		check(dev->index == i, "%s: index %zu", dev->name, dev->index);
	}
	return buf_cstr(b);
}

static const struct {
	const char *in, *want, *why;
} fine[] = {
	{ HEAD, "", "no device" },
	{ HEAD "0181B744,A5-02-05,a\n", "a 0181B744 0 0 A5-02-05\n", "one" },
	{ HEAD "01:81:b7:44,a5-02-05,a", "a 0181B744 0 0 A5-02-05\n",
	    "other forms" },
	{ HEAD "0x0181B744,A5-02-05,a\n", "a 0181B744 0 0 A5-02-05\n", "0x" },
	{ HEAD "0123456789AB,A5-02-05,a\n", "a 0123456789AB 0 0 A5-02-05\n",
	    "48 bits" },
	{ HEAD "0181B744,A5-02-05," NAME_58 "\n",
	    NAME_58 " 0181B744 0 0 A5-02-05\n", "58 bytes" },
	{ HEAD "0181B744,A5-02-05,01:81:B7:4A\n",
	    "01:81:B7:4A 0181B744 0 0 A5-02-05\n",
	    "digits behind a colon, and a letter" },
	{ "\xef\xbb\xbf# mine\r\n \r\nname,room,profile,sender\r\n"
	  "# \"its\" plug, \"5\r\nplug,hall,D2-01-09,01949ECA\r\n"
	  "  # more\r\nplug,,A5-12-01,01949ECA\r\n",
	    "plug 01949ECA 0 0 D2-01-09 A5-12-01\n",
	    "any order, comments, CRLF, two profiles" },
	{ WIDE "0181B744,A5-38-08,a,7,\"mute percent\",\"x,\n# y\"\n"
	       "0181B744,D2-01-09,a,,,\n"
	       "0181B745,A5-02-05,b,127,mute\n",
	    "a 0181B744 7 3 A5-38-08 D2-01-09\nb 0181B745 127 2 A5-02-05\n",
	    "offset, options, a comment that is none" },
	{ "sender,profile,name,,\n0181B744,A5-02-05,a,,\n",
	    "a 0181B744 0 0 A5-02-05\n", "columns without a name" },
	{ HEAD "0181B744,GP:461A001281,a\n0181B744,A5-02-05,a\n",
	    "a 0181B744 0 0 A5-02-05 GP\n", "generic and another" },
};

static void
test_fine(void)
{
	struct buf why = { 0 }, b = { 0 };

	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		struct devices *d = open_text(fine[i].in, 0, &why);

		check(d != NULL && strcmp(show(d, &b), fine[i].want) == 0,
		    "%s: %s%s", fine[i].why, buf_cstr(&why), buf_cstr(&b));
		devices_close(d);
	}
	buf_fini(&why);
	buf_fini(&b);
}

static void
test_none(void)
{
	struct buf why = { 0 }, b = { 0 };
	struct devices *d = devices_open(NULL, eep, 0, &why);
	int channel;

	check(d != NULL && devices_count(d) == 0 && device_at(d, 0) == NULL &&
		device_by_sender(d, 1) == NULL &&
		device_by_name(d, "a", 1, &channel) == NULL &&
		device_by_name(d, "", 0, &channel) == NULL,
	    "no file: there is a device");
	check(devices_learn(d, 0x0181B744, "A5-02-05", NULL, &why) != NULL &&
		devices_learn(d, 0x0181B744, "A5-12-01", NULL, &why) != NULL &&
		strcmp(show(d, &b),
		    "0181B744 0181B744 0 0 A5-02-05 A5-12-01\n") == 0,
	    "no file: %s%s", buf_cstr(&why), buf_cstr(&b));
	check(devices_forget(d, 0x0181B744, "A5-02-05", &why) == 0 &&
		strcmp(show(d, &b), "0181B744 0181B744 0 0 A5-12-01\n") == 0,
	    "no file, forgotten: %s%s", buf_cstr(&why), buf_cstr(&b));
	devices_close(d);
	devices_close(NULL);
	write_text(path, "", 0);
	unlink(path);
	d = devices_open(path, eep, 1, &why);
	check(d != NULL && devices_count(d) == 0 && access(path, F_OK) < 0,
	    "absent, to learn: %s", buf_cstr(&why));
	devices_close(d);
	buf_fini(&why);
	buf_fini(&b);
}

/* Many, so that places are taken by others first. */
static void
test_many(void)
{
	struct buf in = { 0 }, why = { 0 };
	struct devices *d;
	size_t right = 0;

	buf_adds(&in, HEAD);
	for (unsigned i = 0; i < 5000; i++)
		buf_addf(&in, "%08X,A5-02-05,n%u\n", 0x01800000 + i * 128, i);
	d = open_text(buf_cstr(&in), 0, &why);
	check(
	    d != NULL && devices_count(d) == 5000, "5000: %s", buf_cstr(&why));
	for (unsigned i = 0; d != NULL && i < 5000; i++) {
		char name[16];
		int n = snprintf(name, sizeof name, "n%u", i), channel;
		struct device *dev = device_at(d, i);

		right += device_by_sender(d, 0x01800000 + i * 128) == dev &&
		    device_by_name(d, name, (size_t)n, &channel) == dev &&
		    device_by_sender(d, 0x01800001 + i * 128) == NULL;
	}
	check(right == 5000, "only %zu of 5000 are found", right);
	devices_close(d);
	buf_fini(&in);
	buf_fini(&why);
}

static const struct {
	const char *in, *name;
	int channel;
} names[] = {
	{ "plug", "plug", -1 },
	{ "plug:0", "plug", 0 },
	{ "plug:2", "plug", 2 },
	{ "plug:127", "plug", 127 },
	{ "a:b", "a:b", -1 },
	{ "a:b:3", "a:b", 3 },
	{ "plug:", NULL, -1 },
	{ "plug:02", NULL, -1 },
	{ "plug:1000", NULL, -1 },
	{ "plug:x", NULL, -1 },
	{ ":2", NULL, 2 },
	{ "Plug", NULL, -1 },
	{ "plug2", NULL, -1 },
	{ "2", NULL, -1 },
};

static void
test_names(void)
{
	struct buf why = { 0 };
	struct devices *d = open_text(
	    HEAD "0181B744,D2-01-11,plug\n0181B745,D2-01-11,a:b\n", 0, &why);

	for (size_t i = 0; d != NULL && i < sizeof names / sizeof *names; i++) {
		int channel = 9;
		const struct device *dev = device_by_name(
		    d, names[i].in, strlen(names[i].in), &channel);

		check(channel == names[i].channel &&
			(names[i].name == NULL ? dev == NULL
					       : dev != NULL &&
				    strcmp(dev->name, names[i].name) == 0),
		    "%s: %s, channel %d", names[i].in,
		    dev != NULL ? dev->name : "none", channel);
	}
	check(d != NULL, "%s", buf_cstr(&why));
	devices_close(d);
	buf_fini(&why);
}

static const struct {
	uint8_t rorg, p[4];
	size_t n;
	const char *profile, *message, *why;
} matches[] = {
	{ RORG_VLD, { 0x04, 0x60, 0x80 }, 3, "D2-01-09", "status_response",
	    "by RORG" },
	{ RORG_4BS, { 0, 0, 0x55, 0x18 }, 4, "A5-13-01", "weather",
	    "the first whose conditions hold" },
	{ RORG_4BS, { 0, 0, 0x55, 0xF8 }, 4, "A5-02-05", "main",
	    "the next, since those of the first do not" },
	{ RORG_1BS, { 9 }, 1, NULL, NULL, "no profile of this RORG" },
	{ RORG_VLD, { 0x0F }, 1, "D2-01-09", NULL,
	    "none of its messages, but its RORG" },
};

static void
test_profiles(void)
{
	struct buf why = { 0 };
	struct devices *d =
	    open_text(HEAD "0181B744,A5-13-01,a\n0181B744,D2-01-09,a\n"
			   "0181B744,A5-02-05,a\n",
		0, &why);
	struct device *dev = d != NULL ? device_at(d, 0) : NULL;

	check(dev != NULL, "%s", buf_cstr(&why));
	for (size_t i = 0; dev != NULL && i < sizeof matches / sizeof *matches;
	     i++) {
		struct telegram tel = { .rorg = matches[i].rorg,
			.p = matches[i].p,
			.n = matches[i].n };
		const struct eep_message *m;
		const struct eep_profile *p =
		    device_profile(dev, &tel, EEP_FROM_DEVICE, &m);
		char id[9] = "";

		if (p != NULL)
			eep_format_id(id, eep_profile_id(p));
		check(strcmp(id,
			  matches[i].profile != NULL ? matches[i].profile
						     : "") == 0 &&
			(m == NULL) == (matches[i].message == NULL) &&
			(m == NULL ||
			    strcmp(eep_message_name(m), matches[i].message) ==
				0),
		    "%s: %s %s", matches[i].why, id,
		    m != NULL ? eep_message_name(m) : "no message");
	}
	devices_close(d);
	buf_fini(&why);
}

/* name "-": forget; NULL: none given. */
static const struct {
	const char *in, *profile, *name, *want, *why;
} learned[] = {
	{ "", "A5-02-05", NULL,
	    "sender,profile,name,offset,options,manufacturer\n"
	    "0181B744,A5-02-05,0181B744,,,\n",
	    "a new file" },
	{ "# mine\n", "A5-02-05", "t",
	    "# mine\nsender,profile,name,offset,options,manufacturer\n"
	    "0181B744,A5-02-05,t,,,\n",
	    "comments only" },
	{ "# mine", "A5-02-05", "t",
	    "# mine\nsender,profile,name,offset,options,manufacturer\n"
	    "0181B744,A5-02-05,t,,,\n",
	    "a comment without newline" },
	{ HEAD "0181B744,A5-02-05,t\n", "A5-02-05", NULL,
	    HEAD "0181B744,A5-02-05,t\n", "it is there" },
	{ HEAD "01:81:B7:44,a5-02-05,t", "A5-02-05", NULL,
	    HEAD "01:81:B7:44,a5-02-05,t", "it is there, otherwise written" },
	{ HEAD "0181B744,A5-02-05,t\n", "D2-01-09", NULL,
	    HEAD "0181B744,A5-02-05,t\n0181B744,D2-01-09,t\n",
	    "its name is taken over" },
	{ HEAD "0181B745,A5-02-05,t", "A5-02-05", "u",
	    HEAD "0181B745,A5-02-05,t\n0181B744,A5-02-05,u\n",
	    "no newline at the end" },
	{ "\xef\xbb\xbfroom,name,\"profile\",sender,manufacturer,\r\n"
	  "# keep, \"this\r\n\"a \"\"b\"\"\",t , A5-02-05,0181B745,Nobody,\r\n",
	    "A5-02-05", "u",
	    "\xef\xbb\xbfroom,name,\"profile\",sender,manufacturer,\r\n"
	    "# keep, \"this\r\n"
	    "\"a \"\"b\"\"\",t , A5-02-05,0181B745,Nobody,\r\n"
	    ",u,A5-02-05,0181B744,,\r\n",
	    "order, CRLF, quotes, blanks, comment, mark" },
	{ HEAD "0181B744,A5-02-05,t\n", "A5-02-05", "-", HEAD, "one goes" },
	{ HEAD "0181B744,A5-02-05,t", "A5-02-05", "-", HEAD,
	    "one without newline goes" },
	{ HEAD "0181B744,A5-02-05,t\n", "A5-02-06", "-",
	    HEAD "0181B744,A5-02-05,t\n", "another profile stays" },
	{ HEAD "0181B745,A5-02-05,t\n", "A5-02-05", "-",
	    HEAD "0181B745,A5-02-05,t\n", "another sender stays" },
	{ "# a\r\nsender,profile,name,note\r\n# b\r\n"
	  "0181B744,A5-02-05,t,\"x\r\n# y\"\r\n# c\r\n\r\n"
	  "0181B744,A5-02-06,t,\r\n",
	    "A5-02-05", "-",
	    "# a\r\nsender,profile,name,note\r\n# b\r\n# c\r\n\r\n"
	    "0181B744,A5-02-06,t,\r\n",
	    "of two lines, comments stay" },
	{ HEAD "0181B744,A5-02-05,t\n0181B745,A5-02-05,u\n"
	       "0181B744,A5-02-06,t\n",
	    NULL, "-", HEAD "0181B745,A5-02-05,u\n", "all of a sender" },
	{ HEAD "0181B744,GP:461A001281,t\n0181B744,A5-02-06,t\n",
	    "GP:461a001281", "-", HEAD "0181B744,A5-02-06,t\n",
	    "a generic profile" },
	{ "", "A5-02-05", "-", "", "nothing to forget" },
};

static void
test_learned(void)
{
	struct buf why = { 0 }, b = { 0 }, again = { 0 };

	for (size_t i = 0; i < sizeof learned / sizeof *learned; i++) {
		struct devices *d = open_text(learned[i].in, 1, &why);
		const char *name = learned[i].name, *profile;
		int forget = name != NULL && strcmp(name, "-") == 0, ok;

		check(d != NULL, "%s: %s", learned[i].why, buf_cstr(&why));
		profile = learned[i].profile;
		ok = forget ? devices_forget(d, 0x0181B744, profile, &why) == 0
			    : devices_learn(d, 0x0181B744, profile, name,
				  &why) == device_by_sender(d, 0x0181B744);
		check(ok && strcmp(read_text(path, &b), learned[i].want) == 0,
		    "%s: %s: %s", learned[i].why, buf_cstr(&why), buf_cstr(&b));
		show(d, &b);
		devices_close(d);
		if (forget)
			continue;
		d = devices_open(path, eep, 0, &why);
		check(d != NULL && strcmp(show(d, &again), b.p) == 0,
		    "%s: read again: %s%s", learned[i].why, buf_cstr(&why),
		    buf_cstr(&again));
		devices_close(d);
	}
	buf_fini(&why);
	buf_fini(&b);
	buf_fini(&again);
}

/* What learning refuses; the file stays as it is. */
static const struct {
	uint64_t sender;
	const char *profile, *name, *want;
} no[] = {
	{ 0x0181B744, "A5-FF-FF", NULL, "profile A5-FF-FF is in no table" },
	{ 0x0181B744, "", NULL, "no profile" },
	{ 0x0181B744, "A5-02-06", "other", "0181B744 is named t already" },
	{ 0x0181B745, "A5-02-06", "t", "t is the name of 0181B744" },
	{ 0x0181B745, "A5-02-06", "a/b", "name \"a/b\": has a '/'" },
	{ 0x0181B745, "GP:ABC", NULL, "no hex digits of definitions" },
	{ 0, "A5-02-06", NULL, "no address of a device: 8 hex digits" },
	{ TELEGRAM_BROADCAST, "A5-02-06", NULL,
	    "no address of a device: 8 hex digits" },
};

static void
test_not_learned(void)
{
	static const char in[] = HEAD "0181B744,A5-02-05,t\n";
	struct buf why = { 0 }, b = { 0 };
	struct devices *d = open_text(in, 1, &why);

	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		check(devices_learn(d, no[i].sender, no[i].profile, no[i].name,
			  &why) == NULL &&
			strstr(buf_cstr(&why), no[i].want) != NULL &&
			strcmp(read_text(path, &b), in) == 0,
		    "%s %s: %s", no[i].profile,
		    no[i].name != NULL ? no[i].name : "", buf_cstr(&why));
	check(strcmp(show(d, &b), "t 0181B744 0 0 A5-02-05\n") == 0,
	    "memory: %s", buf_cstr(&b));
	/* a row that others made bad is nobody's to write behind */
	write_text(path, "name\n", 5);
	check(devices_learn(d, 0x0181B745, "A5-02-05", NULL, &why) == NULL &&
		strstr(buf_cstr(&why), ":1: no column \"sender\"") != NULL &&
		strcmp(read_text(path, &b), "name\n") == 0,
	    "a bad file: %s", buf_cstr(&why));
	check(devices_forget(d, 0x0181B744, "A5-02-05", &why) < 0 &&
		device_by_sender(d, 0x0181B744) != NULL,
	    "a bad file: forgotten");
	devices_close(d);
	buf_fini(&why);
	buf_fini(&b);
}

/* What others wrote meanwhile stays, and counts. */
static void
test_meanwhile(void)
{
	static const char later[] = "note," HEAD "# new\n"
				    "x,0181B745,A5-02-05,u\n"
				    "y,0181B744,D2-01-09,t\n";
	struct buf why = { 0 }, b = { 0 };
	struct devices *d = open_text(HEAD, 1, &why);
	const struct device *dev;

	write_text(path, later, sizeof later - 1);
	check(devices_learn(d, 0x0181B746, "A5-02-05", "u", &why) == NULL &&
		strstr(buf_cstr(&why), "u is the name of 0181B745") != NULL,
	    "a name given meanwhile: %s", buf_cstr(&why));
	dev = devices_learn(d, 0x0181B744, "A5-12-01", NULL, &why);
	check(dev != NULL && strcmp(dev->name, "t") == 0 &&
		strcmp(show(d, &b), "t 0181B744 0 0 D2-01-09 A5-12-01\n") == 0,
	    "a profile given meanwhile: %s%s", buf_cstr(&why), buf_cstr(&b));
	check(strncmp(read_text(path, &b), later, sizeof later - 1) == 0 &&
		strcmp(b.p + sizeof later - 1, ",0181B744,A5-12-01,t\n") == 0,
	    "file: %s", buf_cstr(&b));
	write_text(path, HEAD "0181B744,D2-01-09,v\n",
	    sizeof HEAD "0181B744,D2-01-09,v\n" - 1);
	check(devices_learn(d, 0x0181B744, "A5-02-05", NULL, &why) == NULL &&
		strstr(buf_cstr(&why), "0181B744 is named t already") != NULL,
	    "renamed meanwhile: %s", buf_cstr(&why));
	devices_close(d);
	buf_fini(&why);
	buf_fini(&b);
}

/* Taken out and in again: places, indices, names. */
static void
test_again(void)
{
	struct buf why = { 0 };
	struct devices *d = open_text(
	    HEAD "0181B744,A5-02-05,t\n0181B745,A5-02-05,u\n", 1, &why);
	struct device *t = device_at(d, 0), *other;
	int channel;

	t->telegrams = 7;
	check(devices_forget(d, 0x0181B744, NULL, &why) == 0 &&
		device_by_sender(d, 0x0181B744) == NULL &&
		device_by_name(d, "t", 1, &channel) == NULL &&
		device_by_sender(d, 0x0181B745) != NULL &&
		devices_count(d) == 2 && t->profiles == 0,
	    "forgotten: %s", buf_cstr(&why));
	other = devices_learn(d, 0x0181B746, "A5-02-05", "t", &why);
	check(other != NULL && other->index == 2 &&
		device_by_name(d, "t", 1, &channel) == other,
	    "its name is free: %s", buf_cstr(&why));
	check(devices_learn(d, 0x0181B744, "A5-02-06", "w", &why) ==
		    device_at(d, 3) &&
		strcmp(t->name, "t") == 0,
	    "another name, another device: %s", buf_cstr(&why));
	check(devices_forget(d, 0x0181B746, NULL, &why) == 0 &&
		devices_forget(d, 0x0181B744, NULL, &why) == 0 &&
		devices_learn(d, 0x0181B744, "A5-02-06", "t", &why) == t &&
		t->telegrams == 7 && device_by_sender(d, 0x0181B744) == t,
	    "the same again: %s", buf_cstr(&why));
	devices_close(d);
	buf_fini(&why);
}

static void
test_manufacturer(void)
{
	const struct device_row row = { 0x0181B744, "A5-02-05", "t",
		"Simix, Co" };
	struct buf why = { 0 }, b = { 0 };
	struct devices *d = open_text("", 1, &why);

	check(devices_learn_row(d, &row, &why) != NULL &&
		strstr(read_text(path, &b),
		    "\n0181B744,A5-02-05,t,,,\"Simix, Co\"\n") != NULL,
	    "manufacturer: %s%s", buf_cstr(&why), buf_cstr(&b));
	devices_close(d);
	buf_fini(&why);
	buf_fini(&b);
}

static void
test_links(void)
{
	char link[96], folder[96], target[112];
	struct buf why = { 0 }, b = { 0 };
	struct devices *d;
	struct stat st;

	snprintf(folder, sizeof folder, "%s/other", dir);
	snprintf(target, sizeof target, "%s/real.csv", folder);
	snprintf(link, sizeof link, "%s/link.csv", dir);
	mkdir(folder, 0700);
	write_text(target, HEAD, sizeof HEAD - 1);
	chmod(target, 0640);
	check(symlink("other/real.csv", link) == 0, "%s: %m", link);
	d = devices_open(link, eep, 1, &why);
	check(d != NULL &&
		devices_learn(d, 0x0181B744, "A5-02-05", "t", &why) != NULL &&
		strcmp(read_text(target, &b), HEAD "0181B744,A5-02-05,t\n") ==
		    0,
	    "through a link: %s", buf_cstr(&why));
	check(lstat(link, &st) == 0 && S_ISLNK(st.st_mode),
	    "the link is no link any more");
	check(stat(target, &st) == 0 && (st.st_mode & 07777) == 0640, "mode %o",
	    (unsigned)st.st_mode);
	unlink(target);
	check(devices_learn(d, 0x0181B744, "A5-02-06", NULL, &why) == NULL &&
		strstr(buf_cstr(&why), ": a symbolic link to no file") != NULL,
	    "a link to nothing: %s", buf_cstr(&why));
	devices_close(d);
	check(rmdir(folder) == 0, "%s: something is left in it", folder);
	unlink(link);
	buf_fini(&why);
	buf_fini(&b);
}

/* As of <(...): to be read once. */
static void
test_pipe(void)
{
	static const char in[] = HEAD "0181B744,A5-02-05,t\n";
	struct buf why = { 0 }, b = { 0 };
	struct devices *d;
	int p[2];

	check(pipe(p) == 0 && write(p[1], in, sizeof in - 1) > 0, "pipe: %m");
	close(p[1]);
	snprintf(path, sizeof path, "/dev/fd/%d", p[0]);
	d = devices_open(path, eep, 0, &why);
	check(strcmp(show(d, &b), "t 0181B744 0 0 A5-02-05\n") == 0, "pipe: %s",
	    buf_cstr(&why));
	check(d != NULL &&
		devices_learn(d, 0x0181B744, "A5-02-06", NULL, &why) == NULL,
	    "pipe: something was written");
	close(p[0]);
	devices_close(d);
	snprintf(path, sizeof path, "%s/devices.csv", dir);
	buf_fini(&why);
	buf_fini(&b);
}

/* What is no file, or has no folder, is read perhaps, but not written. */
static void
test_no_file(void)
{
	struct buf why = { 0 };
	struct devices *d = devices_open("/dev/null", eep, 1, &why);
	char absent[96];

	check(d != NULL &&
		devices_learn(d, 0x0181B744, "A5-02-05", "t", &why) == NULL &&
		strcmp(buf_cstr(&why),
		    "/dev/null: not a regular file, so nothing can be "
		    "added") == 0,
	    "/dev/null: %s", buf_cstr(&why));
	devices_close(d);
	snprintf(absent, sizeof absent, "%s/no/file.csv", dir);
	d = devices_open(absent, eep, 1, &why);
	check(d != NULL &&
		devices_learn(d, 0x0181B744, "A5-02-05", "t", &why) == NULL &&
		strstr(buf_cstr(&why), ": No such file or directory") != NULL,
	    "no folder: %s", buf_cstr(&why));
	devices_close(d);
	buf_fini(&why);
}

static void
test_held(void)
{
	struct buf why = { 0 };
	struct devices *d = open_text(HEAD, 1, &why);
	int fd = open(path, O_RDONLY);

	check(fd >= 0 && flock(fd, LOCK_EX) == 0, "lock: %m");
	check(devices_learn(d, 0x0181B744, "A5-02-05", "t", &why) == NULL &&
		strstr(buf_cstr(&why), ": another program holds it") != NULL,
	    "held: %s", buf_cstr(&why));
	close(fd);
	check(devices_learn(d, 0x0181B744, "A5-02-05", "t", &why) != NULL,
	    "free again: %s", buf_cstr(&why));
	devices_close(d);
	buf_fini(&why);
}

enum { WRITERS = 3, ROWS = 4 };

/* One of several programs; exits. */
static void
writer(unsigned which)
{
	struct buf why = { 0 };
	struct devices *d = devices_open(path, eep, 1, &why);
	int64_t end = date_mono() + 60 * (int64_t)DATE_SECOND;
	unsigned done = 0;

	while (d != NULL && done < ROWS && date_mono() < end)
		done += devices_learn(d, 0x01000000 + which * 256 + done,
			    "A5-02-05", NULL, &why) != NULL;
	_exit(done == ROWS ? 0 : 1);
}

static void
test_writers(void)
{
	struct buf why = { 0 };
	struct devices *d;
	int bad = 0, status;

	unlink(path);
	for (unsigned i = 0; i < WRITERS; i++)
		if (fork() == 0)
			writer(i);
	while (wait(&status) > 0)
		bad += status != 0;
	d = devices_open(path, eep, 0, &why);
	check(bad == 0 && d != NULL && devices_count(d) == WRITERS * ROWS,
	    "%d writers of %d rows: %zu, %d failed: %s", WRITERS, ROWS,
	    d != NULL ? devices_count(d) : 0, bad, buf_cstr(&why));
	devices_close(d);
	buf_fini(&why);
}

int
main(void)
{
	struct buf why = { 0 };
	struct quantities *quantities =
	    quantities_open("share/quantities.csv", &why);

	check(quantities != NULL, "%s", buf_cstr(&why));
	eep = eep_open(quantities);
	check(eep_read(eep, "share/eep", &why) == 0, "%s", buf_cstr(&why));
	/* memory, since every row is waited for until it is on disk */
	snprintf(dir, sizeof dir, "%s/sg-test-devices-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	check(mkdtemp(dir) != NULL, "%s: %m", dir);
	snprintf(path, sizeof path, "%s/devices.csv", dir);
	test_refused();
	test_bounds();
	test_fine();
	test_none();
	test_many();
	test_names();
	test_profiles();
	test_learned();
	test_not_learned();
	test_meanwhile();
	test_again();
	test_manufacturer();
	test_links();
	test_pipe();
	test_no_file();
	test_held();
	test_writers();
	unlink(path);
	check(rmdir(dir) == 0, "%s: something is left in it", dir);
	eep_close(eep);
	quantities_close(quantities);
	buf_fini(&why);
	return check_done();
}
