# make          build the programs into bin/
# make demo     install what is missing, build, run the main job
# make check    install what is missing, build with gcc and clang, run every test
# See README.md for the other targets.

PREFIX ?= /usr/local
CC ?= cc
BUILD ?= build/$(notdir $(CC))
BINDIR ?= bin
DIR ?=
SOAK_ROUNDS ?= 200
FAILOVER_ROUNDS ?= 500
SIM_SEEDS ?= 10000
VERSION := 0.1.0

OPT ?= -O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
WARN = -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wno-missing-field-initializers

# make SAN=address builds everything once more, apart, with a sanitizer.
SAN_address = -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_thread = -fsanitize=thread
SAN_fuzzer = -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
ifdef SAN
OPT = -O1 -g -fno-omit-frame-pointer $(SAN_$(SAN))
BUILD = build/$(SAN)
BINDIR = $(BUILD)/bin
endif

SG_CPPFLAGS = -D_GNU_SOURCE -iquote lib -DSG_VERSION='"$(VERSION)"' \
	-DSG_SHARE='"$(PREFIX)/share/sg"' $(CPPFLAGS)
SG_CFLAGS = -std=c11 $(WARN) $(WERROR) $(OPT) -fPIE -pthread $(CFLAGS)
SG_LDFLAGS = -pie -pthread -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)
LDLIBS = -lnng -llmdb -lcsv -ljq -lsodium -lcrypto -lz -lm

LIB := $(sort $(wildcard lib/*/*.c lib/*/*/*.c))
BIN := $(patsubst cmd/%.c,$(BINDIR)/%,$(sort $(wildcard cmd/*.c)))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,\
	$(sort $(wildcard tests/unit/test_*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,\
	$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,\
	$(sort $(wildcard tests/bench/*.c)))
BENCH_COMMON := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/common/*.c))
# The simulation's own log, network and clocks take the place of the real ones.
SIM := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/sim/*.c))
SIM_WRAP := date_now date_mono app_stop app_hup app_signal_fd error warn note \
	publish_copy publish_copied cursor_copied mirror_done session_lax \
	store_add twin_copied flow_load flow_copy
PEERS := $(addprefix $(BUILD)/peers/,zmq redis nats tls jetstream)
ATTACK := $(patsubst tests/attack/%.c,$(BINDIR)/test/%,\
	$(sort $(wildcard tests/attack/*.c)))
comma = ,
LIB_zmq = -lzmq
LIB_redis = -lhiredis
LIB_nats = -lnats
LIB_jetstream = -lnats
LIB_tls = -lssl -lcrypto
ARCHIVE = $(BUILD)/libsg.a
LINK = @mkdir -p $(@D) && $(CC) $(SG_CFLAGS) $(SG_LDFLAGS) -o $@ $(filter %.o,$^) \
	$(ARCHIVE) $(LDLIBS)

TO = $(DESTDIR)$(PREFIX)
SHARED = bash-completion/completions zsh/site-functions \
	fish/vendor_completions.d sg
MANUALS = $(addprefix man/man,$(sort $(subst .,,$(suffix $(wildcard man/*)))))

all: $(BIN) $(ATTACK)
unit-programs: $(UNIT)
fuzz-programs: $(FUZZ)
bench-programs: $(BENCH)
sim-programs: $(BUILD)/sim
peer-programs: $(PEERS)

$(BINDIR)/%: $(BUILD)/cmd/%.o $(ARCHIVE)
	$(LINK)

$(BINDIR)/test/%: $(BUILD)/tests/attack/%.o $(ARCHIVE)
	$(LINK)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(ARCHIVE)
	$(LINK)

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(ARCHIVE)
	$(LINK) -fsanitize=fuzzer

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BENCH_COMMON) \
    $(ARCHIVE)
	$(LINK)

$(BUILD)/sim: $(SIM) $(ARCHIVE)
	$(LINK) $(addprefix -Wl$(comma)--wrap=,$(SIM_WRAP))

$(BUILD)/peers/%: tests/bench/peers/%.c
	@mkdir -p $(@D)
	$(CC) $(SG_CPPFLAGS) $(SG_CFLAGS) -o $@ $< $(LIB_$*)

$(ARCHIVE): $(LIB:%.c=$(BUILD)/%.o)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(SG_CPPFLAGS) $(SG_CFLAGS) -MMD -MP -c -o $@ $<

deps:
	@tests/deps.sh build test check

# The compiler may only be there once deps has run, hence the second make.
demo:
	@tests/deps.sh build demo
	@$(MAKE) -s -j2 all
	@share/demo/feeder.sh $(DIR)

check:
	@tests/deps.sh build test check
	@tests/check.sh all

unit bats sim asan tsan fuzz:
	@tests/check.sh $@

check-debian13:
	@tests/deps.sh debian13
	@tests/debian13.sh

# The long rounds: hours instead of the minutes of make check.
soak:
	@tests/deps.sh build test check
	@$(MAKE) -s -j2 all
	@SIM_SEEDS=$(SIM_SEEDS) tests/check.sh sim
	@tests/soak/storm.py --rounds $(SOAK_ROUNDS)
	@for with in '' '--filter pass --heavy' '--pipes 2' '--twins --pipes 2'; do \
		tests/soak/marks.py --rounds $(SOAK_ROUNDS) $$with || exit; done
	@$(BINDIR)/sg-check failover --rounds $(FAILOVER_ROUNDS)
	@FUZZ_SECONDS=3600 tests/check.sh fuzz
	@tests/check.sh asan
	@tests/check.sh tsan

# A peer whose library is absent is left out.
bench:
	@tests/deps.sh build test bench
	@$(MAKE) -s -j2 all bench-programs
	@$(MAKE) -s -k peer-programs || :
	@SG_BIN=$(BINDIR) BENCH_BUILD=$(BUILD) tests/bench/bench.sh $(SECTIONS)

completions: all
	@completions/generate $(BINDIR) completions

install: all
	install -d $(TO)/bin $(addprefix $(TO)/share/,$(SHARED) $(MANUALS))
	install $(BIN) $(TO)/bin
	for s in $(notdir $(MANUALS)); do \
		install -m 644 man/*.$${s#man} $(TO)/share/man/$$s || exit; done
	install -m 644 completions/bash/* $(TO)/share/$(word 1,$(SHARED))
	install -m 644 completions/zsh/* $(TO)/share/$(word 2,$(SHARED))
	install -m 644 completions/fish/* $(TO)/share/$(word 3,$(SHARED))
	cp -R share/. $(TO)/share/sg/

clean:
	rm -rf bin build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all unit-programs fuzz-programs bench-programs sim-programs \
	peer-programs deps demo check unit \
	bats sim asan tsan fuzz check-debian13 soak bench completions install clean
.SECONDARY:
