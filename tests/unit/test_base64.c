/* Base64 against RFC 4648's examples and libsodium's. */
#include <string.h>

#include <sodium.h>

#include "base/base64.h"
#include "check.h"

enum { REST = -1 };

static const struct {
	enum base64_form form;
	const char *in;
	long want;
	const char *why;
} texts[] = {
	{ BASE64_URL, "", 0, "empty" },
	{ BASE64_URL, "Zg", 1, "one byte" },
	{ BASE64_URL, "Zm8", 2, "two bytes" },
	{ BASE64_URL, "Zm9v", 3, "three bytes" },
	{ BASE64_URL, "Zm9vYg", 4, "four bytes" },
	{ BASE64_URL, "-_-_", 3, "url alphabet" },
	{ BASE64_PLAIN, "+/+/", 3, "plain alphabet" },
	{ BASE64_PADDED, "Zg==", 1, "padding of two" },
	{ BASE64_PADDED, "Zm8=", 2, "padding of one" },
	{ BASE64_PADDED, "", 0, "empty, padded" },
	{ BASE64_URL, "Z", REST, "one character" },
	{ BASE64_URL, "Zm9vY", REST, "five characters" },
	{ BASE64_URL, "+/+/", REST, "plain in url" },
	{ BASE64_PLAIN, "-_-_", REST, "url in plain" },
	{ BASE64_URL, "Zg==", REST, "padding where there is none" },
	{ BASE64_PADDED, "Zg", REST, "padding missing" },
	{ BASE64_PADDED, "Zg=", REST, "half the padding" },
	{ BASE64_PADDED, "Z===", REST, "padding of three" },
	{ BASE64_PADDED, "====", REST, "padding alone" },
	{ BASE64_PADDED, "Zg==Zg==", REST, "padding inside" },
	{ BASE64_URL, "Zh", REST, "bits over" },
	{ BASE64_URL, "Zm9", REST, "bits over, three characters" },
	{ BASE64_URL, "Zm 9v", REST, "space" },
	{ BASE64_URL, "Zm9v\n", REST, "newline" },
	{ BASE64_URL, "Zm9vZm9vZm9v", REST, "more than there is room for" },
};

static void
test_texts(void)
{
	unsigned char out[8];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check(base64_parse(out, sizeof out, texts[i].form, texts[i].in,
			  strlen(texts[i].in)) == texts[i].want,
		    "%s", texts[i].why);
}

/* No byte stands for a digit but the 64 themselves. */
static void
test_bytes(void)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char out[8];

	for (int at = 0; at < 7; at++)
		for (int c = 0; c < 256; c++) {
			char text[8] = "AAAAAAA";
			int digit = c != 0 && strchr(digits, c) != NULL;

			text[at] = (char)c;
			if (at == 6 && digit)
				digit = (strchr(digits, c) - digits) % 4 == 0;
			check((base64_parse(out, sizeof out, BASE64_URL, text,
				   7) == 5) == digit,
			    "byte %02x at %d", c, at);
		}
}

static void
test_lengths(void)
{
	static const int variant[] = { sodium_base64_VARIANT_URLSAFE_NO_PADDING,
		sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
		sodium_base64_VARIANT_ORIGINAL };
	unsigned char bytes[200], back[200];
	char want[300];
	struct buf b = { 0 };

	for (size_t n = 0; n <= sizeof bytes; n++)
		for (int form = 0; form < 3; form++) {
			randombytes_buf(bytes, sizeof bytes);
			sodium_bin2base64(
			    want, sizeof want, bytes, n, variant[form]);
			buf_clear(&b);
			base64_add(&b, (enum base64_form)form, bytes, n);
			check(strcmp(buf_cstr(&b), want) == 0,
			    "%zu bytes, form %d: %s", n, form, want);
			check(base64_parse(back, n, (enum base64_form)form, b.p,
				  b.len) == (long)n &&
				memcmp(back, bytes, n) == 0,
			    "%zu bytes, form %d, back", n, form);
		}
	buf_fini(&b);
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_texts();
	test_bytes();
	test_lengths();
	return check_done();
}
