/*
 * What the files of secure.h share: the devices with their keys, and what a
 * security level (SLF) means.
 */
#ifndef SG_DEVICE_ENOCEAN_SECURE_PART_H
#define SG_DEVICE_ENOCEAN_SECURE_PART_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "device/enocean/secure.h"
#include "device/enocean/telegram.h"
#include "trust/aes.h"

enum {
	SECURE_DEVICES_MAX = 4096,
	SECURE_FILE_MAX = 1 << 20,
	SECURE_CODE_MAX = 4, /* bytes of a rolling code */
	SECURE_MAC_MAX = 4,
	SECURE_MADE = 32, /* own telegrams known again */
	SECURE_PENDING = 8,
	SECURE_PARTS = 4, /* of a teach-in */
	SECURE_PART_MAX = 24,
	SECURE_WHY_MAX = 160
};

/* What a security level says. */
struct secure_level {
	uint8_t slf;
	uint8_t code_bits;  /* of the rolling code: 16, 24, 32 */
	uint8_t code_bytes; /* of it in each telegram; 0: it is implicit */
	uint8_t mac_bytes;
};

/*
 * secure_level(slf, out) - NULL, or why devices of such a level are refused:
 * without rolling code, CMAC or VAES nothing would keep a telegram from being
 * forged, replayed or read.
 */
const char *secure_level(uint8_t slf, struct secure_level *out);

/* How many codes there are; 0 if they begin again (16 bits). */
uint64_t secure_codes(const struct secure_level *level);

/*
 * secure_vaes(a, level, code, in, n, out) - Encrypt or decrypt; in may be
 * out.
 */
void secure_vaes(struct aes *a, const struct secure_level *level, uint64_t code,
    const uint8_t *in, size_t n, uint8_t *out);

/*
 * secure_write_code(code, bits, out) - Its bytes, the most significant one
 * first; how many.  secure_read_code() is the other way.
 */
size_t secure_write_code(uint64_t code, unsigned bits, uint8_t *out);
uint64_t secure_read_code(const uint8_t *p, size_t n);

/*
 * secure_verify(a, level, next, tel, code) - NULL with the code that the
 * telegram was made with, next or one behind it, or why it was not.
 */
const char *secure_verify(struct aes *a, const struct secure_level *level,
    uint64_t next, const struct telegram *tel, uint64_t *code);

/* The CMAC over RORG, encrypted data and code. */
void secure_mac(struct aes *a, const struct secure_level *level, uint64_t code,
    uint8_t rorg, const uint8_t *p, size_t n, uint8_t out[AES_BLOCK]);

/*
 * A rolling code that only rises: next is the first one that was not used,
 * and the file says kept, which is never below: what is between is skipped
 * after a crash.
 */
struct secure_counter {
	uint64_t next, kept;
};

struct secure_device {
	uint64_t sender;
	struct secure_level level;
	struct secure_counter received, sent;
	struct aes *in, *out; /* made of the keys when first needed */
	uint8_t has_key, has_psk, can_send, own_key;
	uint8_t active; /* its codes moved since the file was read */
	uint32_t made[SECURE_MADE]; /* CMACs sent, if the key is shared */
	size_t made_at;
};

struct secure_keys { /* of the device of the same index, secret memory */
	uint8_t key[AES_KEY], send_key[AES_KEY], psk[AES_KEY];
};

enum secure_line_kind { SECURE_TEXT, SECURE_KEY, SECURE_PSK };

struct secure_line { /* of the file, in its order */
	enum secure_line_kind kind;
	size_t index;  /* of the device */
	char *comment; /* or NULL */
};

struct secure_pending { /* a teach-in that is not complete */
	uint64_t sender, used;
	uint8_t part[SECURE_PARTS][SECURE_PART_MAX];
	uint8_t n[SECURE_PARTS]; /* 0: has not come */
};

struct secure {
	char *path; /* or NULL */
	int lock;
	struct timespec changed; /* of the file as we left it */
	ino_t inode;
	struct secure_device *device;
	struct secure_keys *keys;
	size_t devices, room;
	uint32_t *slot; /* hash table: index + 1, 0 free */
	size_t slots;	/* a power of two */
	struct secure_line *line;
	size_t lines, lines_room;
	struct secure_pending *pending; /* SECURE_PENDING, secret memory */
	uint64_t used;
	uint8_t work[TELEGRAM_SPACE];
	char why[SECURE_WHY_MAX];
};

/* NULL if it is not known.  secure_add(): NULL if there are too many. */
struct secure_device *secure_find(const struct secure *s, uint64_t sender);
struct secure_device *secure_add(struct secure *s, uint64_t sender);
struct secure_keys *
secure_keys(const struct secure *s, const struct secure_device *d);

/* Its keys have changed: what was made of them is forgotten. */
void secure_forget_contexts(struct secure_device *d);

/* secure_add_line(s, kind, index, comment, n) - At the end of the file. */
void secure_add_line(struct secure *s, enum secure_line_kind kind, size_t index,
    const char *comment, size_t n);

/*
 * secure_file_open(s, path, learn, why) - Lock and read.
 * secure_file_save(s, ahead) - Write it with the codes that many steps ahead
 * for devices that are active.  0, or -1 with errno and s->why.
 */
int secure_file_open(
    struct secure *s, const char *path, int learn, struct buf *why);
int secure_file_save(struct secure *s, uint64_t ahead);

/*
 * secure_reserve(s, d, counter, next) - Before code next - 1 is used: make
 * sure that the file says at least next.  0, or -1 with s->why.
 */
int secure_reserve(struct secure *s, struct secure_device *d,
    struct secure_counter *counter, uint64_t next);

/* secure_teach(s, in, out, why) - A telegram of a teach-in, in learn mode. */
enum secure_result secure_teach(struct secure *s, const struct telegram *in,
    struct telegram *out, const char **why);

/*
 * secure_hide(psk, p, n) - Encrypt or decrypt rolling code and key of a
 * teach-in with the pre-shared key: VAES as if the code was 0.
 */
void secure_hide(const uint8_t psk[AES_KEY], uint8_t *p, size_t n);

#endif
