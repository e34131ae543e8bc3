# make          build the programs into bin/
# make demo     install what is missing, build, run the main job
# make check    install what is missing, build with gcc and clang, run every test
# See README.md for the other targets.

PREFIX ?= /usr/local
CC ?= cc
BUILD ?= build/$(notdir $(CC))$(SAN)
VERSION := 0.1.0

WARN = -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wno-missing-field-initializers
OPT ?= -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
CPPFLAGS += -D_GNU_SOURCE -iquote lib -DSG_VERSION='"$(VERSION)"' \
	-DSG_SHARE='"$(PREFIX)/share/sg"'
CFLAGS += -std=c11 $(WARN) $(WERROR) $(OPT) -fPIE -MMD -MP -pthread
LDFLAGS += -pie -pthread -Wl,--as-needed -Wl,-z,relro,-z,now
LDLIBS = -lnng -llmdb -lcsv -ljq -lsodium -lm

LIB := $(sort $(wildcard lib/*/*.c lib/*/*/*.c))
CMD := $(sort $(wildcard cmd/*.c))
UNIT := $(sort $(wildcard tests/unit/*.c))
BIN := $(CMD:cmd/%.c=bin/%)
ARCHIVE = $(BUILD)/libsg.a

all: $(BIN)

bin/%: $(BUILD)/cmd/%.o $(ARCHIVE)
	@mkdir -p bin
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVE) $(LDLIBS)

$(ARCHIVE): $(LIB:%.c=$(BUILD)/%.o)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

unit: $(UNIT:tests/unit/%.c=$(BUILD)/unit/%)
	@for t in $^; do $$t || exit 1; done

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVE) $(LDLIBS)

clean:
	rm -rf bin build

-include $(shell find build -name '*.d' 2>/dev/null)

.PHONY: all unit clean
.SECONDARY:
