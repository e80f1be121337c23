# make            build/tocsin                  make check             unit and conformance tests, purity, tidiness
# make MODE=asan check   any mode, any target   make CC=clang ...      another compiler; outputs never mix
# make sim SEEDS=2000    the simulator          make mutants           every seeded bug must be caught
# make conform OPS=1000000  every store, compared with the memory store
# make fuzz SECONDS=30   every fuzzer, SEED=N   make bench             figures into bench/RESULTS.md
# make faults            the real server broken in every way the machine allows, for an hour
# make lint              gcc -fanalyzer, clang-tidy
#
# V=1 shows every command. Modes: debug release asan tsan cov fuzz. For packagers: PREFIX DESTDIR CC CFLAGS LDFLAGS PKG_CONFIG.

ifeq ($(origin CC),default)
CC := gcc
endif
MODE       ?= release
SECONDS    ?= 10
SEEDS      ?= 500
OPS        ?= 1000000
PREFIX     ?= /usr/local
PKG_CONFIG ?= pkg-config
OUT        := build/$(notdir $(CC))-$(MODE)$(if $(MUT),-mut$(MUT))
VERSION    := 0.1.0

# Who may include whom. A room sees itself and what is named here: nothing else is on its include path.
ROOMS := base model core sources channels store io engine api cli main
USES_base     :=
USES_model    := base
USES_core     := base model
USES_sources  := base model
USES_channels := base model
USES_store    := base
USES_io       := base
USES_engine   := base model core sources channels store io
USES_api      := base model core sources channels store engine io
USES_cli      := base model io
USES_main     := $(ROOMS)
USES_tests    := $(ROOMS)
PURE          := base model core sources channels

LIBS := json-c libmicrohttpd libcurl sqlite3 libpq yaml-0.1 libcrypto
ifeq ($(LIB_FLAGS),)
export LIB_FLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS)) -I/usr/include
export LIB_LIBS  := $(shell $(PKG_CONFIG) --libs $(LIBS)) -lpthread
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wundef -Wpointer-arith -Wwrite-strings -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wconversion -Wnull-dereference -Wswitch-enum \
	-Wimplicit-fallthrough -Wdouble-promotion $(if $(WERROR),-Werror)
ifneq ($(findstring clang,$(CC)),)
WARN += -Wconditional-uninitialized -Wcomma -Wshorten-64-to-32 -Wassign-enum -Wunreachable-code -Wmissing-variable-declarations
AUTO_INIT := pattern
else
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init -Wformat-signedness -Wformat-overflow=2 \
	-Wformat-truncation=2 -Wbidi-chars=any
AUTO_INIT := zero
endif
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE -ftrivial-auto-var-init=$(AUTO_INIT) \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
LDHARD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,nodlopen,--as-needed

FLAGS_debug   := -Og $(HARDEN)
FLAGS_release := -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(HARDEN)
FLAGS_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan    := -O1 -fsanitize=thread -fno-omit-frame-pointer
FLAGS_cov     := -O0 --coverage
FLAGS_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FLAGS_analyze := -O2 -fanalyzer

CFLAGS ?= -g
ALL_CFLAGS  := -std=c17 -D_GNU_SOURCE -DTOCSIN_VERSION='"$(VERSION)"' $(WARN) $(FLAGS_$(MODE)) $(if $(MUT),-DMUT=$(MUT)) $(CFLAGS) \
	$(LIB_FLAGS) -MMD -MP
ALL_LDFLAGS := $(filter -fsanitize% --coverage,$(FLAGS_$(MODE))) $(if $(filter debug release,$(MODE)),$(LDHARD)) $(LDFLAGS)

SRC   := $(wildcard $(ROOMS:%=src/%/*.c))
OBJ   := $(SRC:%.c=$(OUT)/%.o)
MAIN  := $(OUT)/src/main/main.o
LIB   := $(OUT)/libtocsin.a
UNIT  := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/*/*.c tests/conform/*.c))
FUZZ  := $(patsubst %.c,$(OUT)/%,$(wildcard tests/fuzz/*.c))
SIM   := $(OUT)/tests/sim/sim
BENCH := $(patsubst %.c,$(OUT)/%,$(wildcard bench/*.c))

all: build/tocsin
build/tocsin: $(OUT)/tocsin
	@ln -sf $(<:build/%=%) $@

# The include path is the architecture: one directory of links per room.
room = $(if $(filter src/%,$1),$(word 2,$(subst /, ,$1)),tests)
$(OUT)/inc/%/.ok: Makefile
	@rm -rf $(@D) && mkdir -p $(@D) && for d in $(sort $(filter $*,$(ROOMS)) $(USES_$*)); do ln -s $(CURDIR)/src/$$d $(@D)/; done && touch $@
.PRECIOUS: $(OUT)/inc/%/.ok $(OUT)/%.o

.SECONDEXPANSION:
$(OUT)/%.o: %.c | $$(OUT)/inc/$$(call room,$$*)/.ok
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc   $<";) $(if $(V),set -x;) $(CC) $(ALL_CFLAGS) -I$(OUT)/inc/$(call room,$*) $(if $(filter tests,$(call room,$*)),-I.) -c $< -o $@

$(LIB): $(filter-out $(MAIN),$(OBJ))
	@rm -f $@
	@ar rcs $@ $^
$(OUT)/tocsin: $(MAIN) $(LIB)
	@echo "  link $@"; $(CC) $(ALL_LDFLAGS) $(MAIN) $(LIB) $(LIB_LIBS) -o $@
$(OUT)/tests/unit/% $(OUT)/tests/conform/%: $$@.o $(LIB)
	@echo "  link $@"; $(CC) $(ALL_LDFLAGS) $@.o $(LIB) $(LIB_LIBS) -lcmocka -o $@
$(OUT)/tests/fuzz/%: $$@.o $(LIB)
	@echo "  link $@"; $(CC) $(subst fuzzer-no-link,fuzzer,$(ALL_LDFLAGS)) $@.o $(LIB) $(LIB_LIBS) -o $@
$(SIM): $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/*.c)) $(LIB)
	@echo "  link $@"; $(CC) $(ALL_LDFLAGS) $^ $(LIB_LIBS) -o $@
$(OUT)/bench/%: $$@.o $(LIB)
	@echo "  link $@"; $(CC) $(ALL_LDFLAGS) $@.o $(LIB) $(LIB_LIBS) -o $@

unit: $(UNIT)
# Sanitizers put symbols and data of their own into every object, so purity is asked of plain builds.
check: unit $(if $(filter debug release,$(MODE)),purity)
	@tests/run unit $(OUT)

conform: $(OUT)/tests/conform/store $(OUT)/tests/conform/random $(OUT)/tests/conform/copy
	STORE_OPS=$(OPS) tests/run unit $(OUT) conform/

sim: $(SIM)
	$(SIM) $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))
mutants:
	tests/sim/mutants

# The simulator with one seeded bug: only the rooms that have them are compiled again, the rest is the honest build's.
MUT_ROOMS := core engine
MUT_OUT   := $(OUT)/mut-$(N)
MUT_OBJ   := $(patsubst %.c,$(MUT_OUT)/%.o,$(filter $(MUT_ROOMS:%=src/%/%),$(SRC)))
ifneq ($(N),)
$(MUT_OUT)/%.o: %.c $(OUT)/%.o | $$(OUT)/inc/$$(call room,$$*)/.ok
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -DMUT=$(N) -I$(OUT)/inc/$(call room,$*) -c $< -o $@
$(MUT_OUT)/sim: $(MUT_OBJ) $(SIM)
	@$(CC) $(ALL_LDFLAGS) $(MUT_OBJ) $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/*.c)) $(LIB) $(LIB_LIBS) -o $@
mutant: $(MUT_OUT)/sim
$(MUT_OUT)/tocsin: $(MUT_OBJ) $(OUT)/tocsin
	@$(CC) $(ALL_LDFLAGS) $(MUT_OBJ) $(MAIN) $(LIB) $(LIB_LIBS) -o $@
mutant-server: $(MUT_OUT)/tocsin
endif

fuzz:
	$(MAKE) CC=clang MODE=fuzz fuzz-run
fuzz-build: $(FUZZ)
fuzz-run: $(FUZZ)
	SEED=$(SEED) tests/fuzz/run $(OUT) $(SECONDS)

faults: build/tocsin
	tests/faults/run long

bench: $(BENCH) build/tocsin
	bench/ingest

# The pure rooms see nothing of the world, keep nothing between calls; no room uses a function that is easy to misuse.
PURE_OBJ := $(foreach r,$(PURE),$(filter $(OUT)/src/$r/%.o,$(OBJ)))
WORLD    := time|clock_gettime|gettimeofday|localtime.*|gmtime.*|mktime|getenv|secure_getenv|open|openat|read|write|socket|connect|rand|random|getrandom|printf|fopen|pthread_.*|syslog|sleep|usleep|nanosleep
BANNED   := strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok.*|ato[il].*|gets|system|popen|alloca
purity: $(OBJ)
	@! nm -A -u $(PURE_OBJ) | grep -E ' U _*($(WORLD))(_chk)?$$'
	@size -A $(PURE_OBJ) | awk '/:$$/ { f = $$1 } $$1 ~ /^\.t?(data|bss)$$/ && $$2 { print f, "has writable", $$1; bad = 1 } END { exit bad }'
	@! nm -A -u $(OBJ) | grep -E ' U _*($(BANNED))(_chk)?$$'
	@echo "purity: $(words $(PURE_OBJ)) objects of $(PURE) clean"

# Formatting is checked on changed lines only (git clang-format): it would tear the tables apart.
lint:
	$(MAKE) CC=gcc MODE=analyze objects
	$(MAKE) CC=clang MODE=debug tidy
objects: $(OBJ)
tidy: $(OBJ)
	@$(foreach s,$(SRC),echo "# $s" && clang-tidy --quiet $s -- -std=c17 -D_GNU_SOURCE -DTOCSIN_VERSION='"$(VERSION)"' $(LIB_FLAGS) -I$(OUT)/inc/$(call room,$s) &&) true

install: $(OUT)/tocsin
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/tocsin
clean:
	rm -rf build

.PHONY: all unit check conform sim mutants fuzz fuzz-build fuzz-run faults bench purity lint objects tidy install clean
-include $(OBJ:.o=.d) $(patsubst %.c,$(OUT)/%.d,$(wildcard tests/sim/*.c)) $(UNIT:=.d) $(FUZZ:=.d) $(BENCH:=.d)
