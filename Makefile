# SPDX-License-Identifier: MIT
#
# `make run` runs the broker, `make check` tests everything, `make help` tells
# the rest. All that is built lands in build/:
#
#   build/mqttd, mqttctl, mqttperf  programs
#   build/<kernel release>/mqtt.ko  the module, with its objects
#   build/unit/, build/selftests/   test programs
#   build/fuzz/                     likewise, what they found, and inputs that they made
#   build/bench/                    what the benchmark needs, and its results
#   build/clients/                  likewise, with others' MQTT libraries
#   build/obj/                      objects of programs and tests

KERNEL ?= 6.12
PREFIX ?= /usr/local
DESTDIR ?=

CC ?= cc
CFLAGS ?= -O2 -g
PACKAGES := libnl-genl-3.0 liburcu jansson sqlite3 libssl libcrypto libargon2 libcurl libbsd libsystemd libcap-ng \
	    libseccomp libtracefs libtraceevent

# One set of flags for everything, one addition for what ships, one for what is
# tested under the sanitizers.
flags := -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -pthread -MMD -MP \
	 -Iinclude -Iinclude/uapi -Iinclude/shim -Iuserspace/lib \
	 $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
harden := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
sanitize := -fsanitize=address,undefined -fno-sanitize-recover -fno-omit-frame-pointer
# libwslay does not tell pkg-config of itself
libs = $(shell pkg-config --libs $(PACKAGES)) -lwslay -pthread -lm
harden_link := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

# Pure code, the same file in the module and in the programs
pure_src := $(wildcard kmod/wire.c kmod/property.c kmod/topic.c kmod/utf8.c kmod/trie.c kmod/trie_match.c kmod/match.c kmod/acl_rules.c)
lib_src := $(wildcard userspace/lib/*.c) $(pure_src)
mqttd_src := $(wildcard userspace/mqttd/*.c userspace/mqttd/*/*.c)
mqttctl_src := $(wildcard tools/mqttctl/*.c)
mqttperf_src := $(wildcard tools/mqttperf/*.c)
bench_src := $(wildcard selftests/bench/*.c)
unit_src := $(wildcard selftests/unit/*.c)
fuzz_src := $(wildcard selftests/fuzz/*.c)
kselftest_src := $(wildcard selftests/mqtt/*.c)
client_src := $(wildcard selftests/broker/clients/*.c)
kselftest_lib_src := $(wildcard selftests/mqtt/lib/*.c)

# The programs there are sources for
programs := $(if $(mqttd_src),build/mqttd) $(if $(mqttctl_src),build/mqttctl) \
	    $(if $(mqttperf_src),build/mqttperf)
unit_tests := $(patsubst selftests/unit/%.c,build/unit/%,$(filter selftests/unit/test_%,$(unit_src)))
fuzzers := $(fuzz_src:selftests/fuzz/%.c=build/fuzz/%)
kselftests := $(kselftest_src:selftests/mqtt/%.c=build/selftests/%)
clients := $(client_src:selftests/broker/clients/%.c=build/clients/%)

# One short line per command, unless V=1
quiet = $(if $(V),,@printf '  %-3s %s\n' $(1) $@;)

objects = $(patsubst %.c,build/obj/$(1)/%.o,$(2))

.PHONY: all programs modules run check check-full bench bench-native bench-table unit fuzz broker kselftest static install clean help
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

## all        the programs and the module (default)
all: programs modules

## programs   build/mqttd, build/mqttctl and build/mqttperf
programs: $(programs)

## modules    build/<release>/mqtt.ko for KERNEL
ifeq ($(KERNEL),all)
modules: module-6.1 module-6.12 module-debug
else
modules: $(addprefix module-,$(KERNEL))
endif

## run        run the broker on port 1883 (PORT=) until Ctrl-C, with the module
##            in this kernel, or else in a virtual machine's
run:
	@tools/run

## check      run all tests; PARTS="unit kselftest-6.12 ..." runs only these
check:
	@selftests/check $(PARTS)

## check-full the same, and what takes longer: soak tests, everything on the debug kernel
check-full:
	@selftests/check full

## bench      measure what a delivery costs, against mosquitto; CELLS= and BROKERS=
##            choose (see selftests/bench/run)
bench: programs build/bench/floor module-$(firstword $(KERNEL))
	@KERNEL=$(firstword $(KERNEL)) selftests/bench/run

## bench-native  CPU time of the daemon per delivery on this machine, against mosquitto
##            (see selftests/bench/native); selftests/bench/memory: what it holds
bench-native: programs
	@selftests/bench/native

## bench-table  what the topic table takes and costs, with a million subscriptions; SUBS=
##            and PARTS= choose (see selftests/bench/topic-table)
bench-table: SUBS = 1000000
bench-table: build/bench/topics build/bench/profile.so module-$(firstword $(KERNEL))
	@tools/packages vm
	@KERNEL=$(firstword $(KERNEL)) selftests/bench/topic-table $(SUBS) $(PARTS)

## unit       run the unit tests under AddressSanitizer and UBSan
unit:
	@selftests/check unit

## fuzz       feed every parser with random input, for MQTT_FUZZ seconds each
fuzz:
	@selftests/check fuzz

## broker     run the tests of the broker, with others' clients among them
broker:
	@selftests/check broker

## kselftest  run the kernel tests in a virtual machine with KERNEL
kselftest:
	@selftests/check $(if $(filter all,$(KERNEL)),kselftest,$(addprefix kselftest-,$(KERNEL)))

## static     checkpatch, sparse and more warnings
static:
	@selftests/check static

## install    the programs, manual pages, bash completion, an example and what systemd
##            needs, below
##            DESTDIR and PREFIX
install: programs
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin
	install $(filter-out build/mqttperf,$(programs)) $(DESTDIR)$(PREFIX)/sbin
	install $(filter build/mqttperf,$(programs)) $(DESTDIR)$(PREFIX)/bin
	@for page in $(wildcard Documentation/man/*.[1-8]); do \
		dir=$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; \
		install -d $$dir && install -m 644 $$page $$dir && \
		echo "install -m 644 $$page $$dir" || exit 1; \
	done
	install -D -m 644 tools/mqttctl/mqttctl.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/mqttctl
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@PREFIX@,$(PREFIX),' userspace/systemd/mqttd.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/mqttd.service
	install -m 644 userspace/systemd/mqttd.socket $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -D -m 644 userspace/systemd/mqttd.sysusers \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/mqttd.conf
	install -D -m 644 userspace/systemd/mqttd.tmpfiles \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/mqttd.conf
	install -D -m 644 userspace/systemd/mqttd.conf.example \
		$(DESTDIR)$(PREFIX)/share/doc/mqttd/mqttd.conf.example

## clean      remove build/ (downloaded and built kernels stay in ~/.cache)
clean:
	rm -rf build

## help       this list
help:
	@sed -n 's/^## //p' Makefile
	@echo
	@echo 'Variables:'
	@echo '  KERNEL=6.12  of modules and kselftest: 6.1, 6.12, debug, host, several of them, or all'
	@echo '  PORT=1883, PARTS=, DESTDIR=, PREFIX=/usr/local, CC=cc, CFLAGS="-O2 -g", V=1'

# --- the module ---------------------------------------------------------------

# Kbuild knows best what has to be rebuilt. Whoever uses the module looks at
# build/<release>/mqtt.ko, which appears when it is complete.
module-%:
	@release=$$(tools/module $* %) && dir=build/$$release && \
	{ cmp -s $$dir/kmod/mqtt.ko $$dir/mqtt.ko || \
	  { cp $$dir/kmod/mqtt.ko $$dir/mqtt.ko.new && mv $$dir/mqtt.ko.new $$dir/mqtt.ko; }; }

# The module for the debug kernel with its KUnit tests, build/kunit/mqtt.ko
.PHONY: module-kunit
module-kunit:
	@release=$$(tools/module debug kunit/% MQTT_KUNIT=y) && \
	cp build/kunit/$$release/kmod/mqtt.ko build/kunit/mqtt.ko.new && \
	mv build/kunit/mqtt.ko.new build/kunit/mqtt.ko

# --- the programs -------------------------------------------------------------

build/mqttd: $(call objects,user,$(mqttd_src)) build/obj/user/lib.a
build/mqttctl: $(call objects,user,$(mqttctl_src)) build/obj/user/lib.a
build/mqttperf: $(call objects,user,$(mqttperf_src)) build/obj/user/lib.a
build/mqttd build/mqttctl build/mqttperf:
	$(call quiet,LD)$(CC) $(CFLAGS) $(harden_link) $(LDFLAGS) -o $@ $^ $(libs)

build/obj/user/lib.a: $(call objects,user,$(lib_src))

build/obj/user/userspace/mqttd/%.o: flags += -Iuserspace/mqttd
build/obj/user/%.o: %.c | libraries
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(flags) $(harden) $(CFLAGS) -c -o $@ $<

build/bench/profile.so: selftests/bench/profile_plugin.c
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(flags) -MF build/bench/profile.d $(CFLAGS) -fPIC -shared -o $@ $<

build/bench/%: build/obj/user/selftests/bench/%.o build/obj/user/lib.a
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(CFLAGS) $(harden_link) $(LDFLAGS) -o $@ $^ $(libs)

# --- the tests ----------------------------------------------------------------

.PHONY: unit-programs kselftest-programs broker-programs
unit-programs: $(unit_tests)
kselftest-programs: $(kselftests)
broker-programs: build/mqttd $(clients)

# What is not a test is a helper of all tests; the daemon is there but for main()
unit_helpers := $(call objects,sanitize,$(filter-out selftests/unit/test_%,$(unit_src)))
daemon_parts := $(filter-out userspace/mqttd/main.c,$(mqttd_src))
mqttctl_parts := $(addprefix tools/mqttctl/,trace_filter.c trace_show.c)
mqttperf_parts := $(addprefix tools/mqttperf/,histogram.c options.c packet.c payload.c)

build/obj/sanitize/lib.a: $(call objects,sanitize,$(daemon_parts) $(mqttctl_parts) $(mqttperf_parts) $(lib_src))
wrapped := store_begin store_end store_message_put store_message_del store_retained_put \
	   store_retained_del stored_get stored_put stored_expired
build/unit/test_retained build/unit/test_retained_faults: libs += $(wrapped:%=-Wl,--wrap=%)
build/unit/test_retained_faults: libs += -Wl,--wrap=malloc,--wrap=realloc,--wrap=calloc
build/unit/test_%: build/obj/sanitize/selftests/unit/test_%.o $(unit_helpers) build/obj/sanitize/lib.a
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(sanitize) $(LDFLAGS) -o $@ $^ $(libs) -lcmocka

# What these tests do themselves
build/unit/test_route: LDFLAGS += -Wl,--wrap=session_enqueue,--wrap=session_has_room
build/unit/test_acl_sets: LDFLAGS += -Wl,--wrap=dataplane_acl_set,--wrap=dataplane_acl_del
build/unit/test_subscribe: LDFLAGS += -Wl,--wrap=dataplane_subscribe

build/obj/sanitize/%.o: %.c | libraries
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(flags) -Iuserspace/mqttd $(sanitize) $(CFLAGS) -c -o $@ $<

# clang, as gcc has no libFuzzer; the parsers and what they need
FUZZ_CC ?= clang-14
fuzz_parts := $(addprefix userspace/mqttd/,acl.c acl_file.c acl_set.c config.c config_file.c \
	      config_auth.c config_jwt.c config_options.c config_proxy.c config_set.c config_tls.c \
	      http_request.c packet.c packet_connect.c password_file.c port_record.c \
	      proxy_header.c reason.c transport_websocket.c websocket_accept.c websocket_upgrade.c)
# All but the process itself
fuzz_parts += $(filter-out %/helper.c %/keeper.c,$(wildcard userspace/mqttd/auth/*.c))

.PHONY: fuzz-programs
fuzz-programs: $(fuzzers)
# The kernel's own, over a receive queue that is an array
fuzz_parts += kmod/framing.c
build/obj/fuzz/lib.a: $(call objects,fuzz,$(fuzz_parts) $(lib_src))
build/fuzz/%: build/obj/fuzz/selftests/fuzz/%.o build/obj/fuzz/lib.a
	@mkdir -p $(@D)
	$(call quiet,LD)$(FUZZ_CC) $(sanitize) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(libs)

build/obj/fuzz/%.o: %.c | libraries
	@mkdir -p $(@D)
	$(call quiet,CC)$(FUZZ_CC) $(flags) -Iuserspace/mqttd $(sanitize) -fsanitize=fuzzer-no-link \
		-Wno-missing-field-initializers \
		$(CFLAGS) -c -o $@ $<

build/obj/user/kselftest.a: $(call objects,user,$(kselftest_lib_src) $(lib_src))
build/selftests/%: build/obj/user/selftests/mqtt/%.o build/obj/user/kselftest.a
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(CFLAGS) $(harden_link) $(LDFLAGS) -o $@ $^ $(libs)

build/clients/client_mosquitto: libs += -lmosquitto
build/clients/client_paho: libs += -lpaho-mqtt3as
build/clients/client_paho_sync: libs += -lpaho-mqtt3cs
build/clients/%: build/obj/user/selftests/broker/clients/%.o
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(CFLAGS) $(harden_link) $(LDFLAGS) -o $@ $^ $(libs)

# --- common -------------------------------------------------------------------

# Made anew, or it would keep members whose sources are gone; q and not r, or of
# two members with the same name one would go
%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call quiet,AR)$(AR) qcs $@ $^

.PHONY: libraries
libraries:
	@{ pkg-config --exists $(PACKAGES) && \
	   echo '#include <wslay/wslay.h>' | $(CC) -E - >/dev/null; } 2>/dev/null || \
	{ echo "make: the libraries to build with are missing: run tools/packages build" >&2; exit 1; }

-include $(patsubst %.c,build/obj/user/%.d,$(lib_src) $(mqttd_src) $(mqttctl_src) \
	   $(mqttperf_src) $(bench_src) $(kselftest_src) $(kselftest_lib_src) $(client_src))
-include $(patsubst %.c,build/obj/sanitize/%.d,$(lib_src) $(mqttd_src) $(mqttctl_parts) $(mqttperf_src) $(unit_src))
-include $(patsubst %.c,build/obj/fuzz/%.d,$(lib_src) $(fuzz_parts) $(fuzz_src))
