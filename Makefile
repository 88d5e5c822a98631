# The commands of the README, and those of CI.
#
#   make demo      shows an authentication against a private Kerberos realm
#   make test      builds everything and runs all tests
#   make check     the quick tests: those that need no KDC and no peers, under two minutes after a build
#   make docs      the reference of all modules, into .build/docs/site; checks links, code and versions in every page
#   make example   builds and runs the example packages against real daemons
#   make test-containers   the integration tests with the KDC in a container; needs Docker
#   make test-samba        the Kerberos tests that can run against an Active Directory domain controller, Samba's
#   make docker-test       images, a realm, a server and authcheck as containers; needs Docker with Compose v2
#   make tsan      the tests under ThreadSanitizer
#   make asan      the tests under AddressSanitizer
#   make benchmark measures against a bare C client, libmongoc and PyMongo; see docs/performance.md
#   make soak      10,000 authentications in one process from every kind of identity: no growth
#   make fuzz      looks for inputs that break the decoders, for FUZZ_SECONDS each
#   make release   everything that is installed, with programs that run without Swift; PROGRAMS=authcheck for one
#   make man       the manual pages, into .build/dist/man
#   make install   programs, manual pages, completions and schemas under PREFIX (/usr/local), and DESTDIR before that
#   make uninstall removes these again
#   make dist      the same as a tar.gz, in .build/dist; docs/operations.md
#   make dist-test unpacks that in an empty environment, and runs its programs
#   make lint      checks the format of the sources; `make format` corrects it
#   make pin-peers rewrites the versions and hashes of the peers from PyPI; see Tests/peers.txt
#
# Each installs the Debian packages that it needs and that are missing, after listing them.

SWIFT ?= swift
# What building needs besides Swift, what the quick tests and the documentation need, what the private realm needs, and the peers
# that only the tests use.
APT_BUILD = libkrb5-dev libsasl2-dev
APT_CHECK = git openssl python3
APT_REALM = krb5-kdc krb5-admin-server krb5-user libsasl2-modules-gssapi-mit
APT_TEST = gcc libc6-dev openssl pkg-config libmongoc-dev openjdk-17-jdk-headless python3 python3-venv python3-dev \
	bash ca-certificates faketime groff-base iproute2 keyutils libgsasl18 libsasl2-modules mandoc microsocks mount \
	python3-yaml sasl2-bin strace systemd util-linux

# The daemons that the examples talk to; `Examples/test` starts each with its own configuration.
APT_EXAMPLES = apache2 bash curl dovecot-gssapi dovecot-imapd ldap-utils libapache2-mod-auth-gssapi libsasl2-modules \
	openjdk-17-jdk-headless openssl python3 slapd socat

# A domain controller. Debian has its services start by themselves, which is neither needed nor prevented here.
APT_SAMBA = samba samba-ad-provision samba-dsdb-modules python3-samba

# What a release and its manual pages need, and the shells that read its completions in a test.
APT_RELEASE = binutils gzip python3 tar
APT_RELEASE_TEST = binutils fish man-db zsh

# PyMongo is a peer of the tests. It is in a folder of the build, so that the machine's Python is unchanged.
# Its files, and those of its dependencies, are pinned by hash in Tests/peers.txt; pykerberos is built from its source, with
# what Tests/peers-build.txt names. `make pin-peers` rewrites both, with the newest allowed releases.
VENV = .build/peers
PEERS = pymongo==4.* pykerberos==1.2.*
PEERS_BUILD = setuptools

# So are Heimdal's KDC and KCM daemon. Their packages conflict with MIT's, so they are unpacked and never installed.
HEIMDAL = .build/heimdal
HEIMDAL_PACKAGES = heimdal-kdc heimdal-kcm heimdal-clients libasn1-8-heimdal libgssapi3-heimdal libhcrypto5-heimdal \
	libhdb9-heimdal libheimbase1-heimdal libheimntlm0-heimdal libhx509-5-heimdal libkadm5clnt7-heimdal libkadm5srv8-heimdal \
	libkafs0-heimdal libkdc2-heimdal libkrb5-26-heimdal libotp0-heimdal libroken19-heimdal libsl0-heimdal \
	libwind0-heimdal libcap-ng0 libdb5.3 libedit2 liblmdb0 libsqlite3-0

# The interposer of gssproxy would affect every other program, so it is unpacked too.
GSSPROXY = .build/gssproxy
GSSPROXY_PACKAGES = gssproxy libbasicobjects0 libcollection4 libini-config5 libpath-utils1 libpopt0 libref-array1 \
	libverto1 libverto-libev1 libev4

SOURCES = Package.swift Sources Tests Examples Benchmarks

# How many tests run at once: enough to keep the processors busy, and few enough for a limit of 1,024 descriptors.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH ?= 6

# The sanitizers' builds do not mix with the plain one, nor their runtimes with libfaketime: both must be loaded first.
# The tests of wrong clocks run only in the plain build.
NO_CLOCKS = --skip 'ClockSkewTests|aClockThatIsWrong|aWrongClock|GoldenTests'
# Suites without a realm, with their own, or whose KDC requests other suites also make: no difference with a KDC in a container.
NO_REALM = CanonicalHostTests|CommandLineTests|ExitTests|GoldenTests|HostNameTests|HostileAcceptorTests|OutputTests|ProxyTests|ServiceRecordTests|SilenceTests|SoakTests|TLSFailureTests|TLSRecipeTests|TLSServersTests|TLSTests
# Suites that also run against Samba's KDC. Left out, besides NO_REALM: CrossRealmTests, as the kit cannot make a trust
# for it; KerberosErrorTests, whose rows use arguments of MIT's kadmin; HeimdalTests and GSSProxyTests, which are about other
# programs. Skipped in the named suites is what Active Directory does not have: lifetimes under an hour, and new keys under an
# old version.
SAMBA = SambaRealmTests|ActiveDirectoryTests|KitInternalsTests|SuccessTests|FailureTests|CredentialSourceTests|KerberosReportTests|PipeliningTests|TokenShapeTests|TestRealmTests|SecretsTests|CacheCollectionTests|CredentialCrowdTests|StalledKDCTests|ClockSkewTests|ServiceNameTests
NO_SAMBA = shortLivedTicketsAreRenewedWhileTheyServe|ticketsThatNobodyUsesAreRenewedToo|aCacheFromBeforeTheRealmWasRebuiltIsRejected
TSAN = --sanitize thread --scratch-path .build/tsan
ASAN = --sanitize address --scratch-path .build/asan

# libFuzzer for the input of peers and users; `Tests/Fuzz` has the rules. One target by itself:
# `make fuzz FUZZ_TARGETS=bson FUZZ_SECONDS=600`. Crashes are in .build/fuzz/crashes; to run one again:
# `FUZZ_TARGET=bson .build/fuzz/debug/fuzz .build/fuzz/crashes/bson-…`.
FUZZ_SECONDS ?= 10
FUZZ_TARGETS ?= connection-string dns-answer wire-messages bson base64 scram gssapi principals
FUZZ = .build/fuzz
# Swift's own report of a crash would come before libFuzzer can write the input down.
FUZZ_ENVIRONMENT = SWIFT_BACKTRACE=enable=no
FUZZ_FLAGS = -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1

.PHONY: release man install uninstall dist dist-test packages-release packages-release-test
.PHONY: check demo docs test test-containers test-samba docker-test example benchmark soak tsan asan fuzz lint format build packages-build packages-check packages-demo packages-examples packages-samba packages-test peers pin-peers clean

build: packages-build
	$(SWIFT) build

demo: packages-demo
	$(SWIFT) build --product mongo-test-server
	$(SWIFT) build --product authcheck
	$(SWIFT) build --product testrealm
	.build/debug/testrealm demo

test: packages-test peers
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(SWIFT) test

# The tests of these targets need no KDC and no program that building does not need.
QUICK = AuthCheckKitTests|BSONTests|BlockingWorkTests|DocumentationTests|DriverGlueTests|FuzzTests|GSSCoreTests|MongoAuthTests|MongoConnectTests|MongoConnectionStringTests|MongoTransportTests|MongoWireTests|NameResolutionTests|SASLGSSAPITests|SASLSCRAMTests|SASLTests|SecretMemoryTests

check: packages-check
	$(SWIFT) test --filter '^($(QUICK))\.'

# These two need all modules of the libraries. The pages are checked first, as that takes no build.
docs: packages-check
	SWIFT='$(SWIFT)' docs/tools/test
	docs/tools/versions
	docs/tools/links
	SWIFT='$(SWIFT)' docs/tools/snippets
	$(SWIFT) build --target MongoConnect
	$(SWIFT) build --target KerberosTestKit
	SWIFT='$(SWIFT)' docs/tools/reference

# The integration tests with their own requests to a KDC.
CONTAINERS ?= IntegrationTests|ContainerRealmTests|KitInternalsTests

test-containers: packages-test peers
	docker build --quiet --build-arg BASE='$(or $(BASE),debian:bookworm-slim)' --tag mongo-sasl-kdc --file docker/kdc/Dockerfile .
	KERBEROS_REALM=containers PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(SWIFT) test --filter '$(CONTAINERS)' --skip '$(NO_REALM)'

# A test that lacks Samba fails. Its domain is made once, and kept in .build.
test-samba: packages-test packages-samba peers
	KERBEROS_REALM=samba XDG_CACHE_HOME=$(CURDIR)/.build/samba PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(SWIFT) test --filter '$(SAMBA)' --skip '$(NO_REALM)|$(NO_SAMBA)'

docker-test: packages-demo
	docker/test
	docker/test --fail || [ "$$?" = 3 ]

# The packages that SwiftPM fetched for an example, by its own record; fails without that.
fetched = python3 -c 'import json; \
	packages = json.load(open(".build/examples/$(1)/workspace-state.json"))["object"]["dependencies"]; \
	print(*sorted(each["packageRef"]["identity"] for each in packages if each["state"]["name"] != "fileSystem"))'

# Packages that their traits exclude are not fetched.
example: packages-examples
	$(SWIFT) run --package-path Examples/OwnMechanism --scratch-path .build/examples/OwnMechanism
	names=$$($(call fetched,OwnMechanism)) && test -z "$$names"
	$(SWIFT) run --package-path Examples/OwnTransport --scratch-path .build/examples/OwnTransport
	names=$$($(call fetched,OwnTransport)) && test "$$names" = swift-log
	$(SWIFT) build --package-path Examples --scratch-path .build/examples/all
	names=$$($(call fetched,all)) && case $$names in *asn1*|*certificates*|*crypto*|*ssl*) exit 1 ;; *swift-nio*) ;; *) exit 1 ;; esac
	$(SWIFT) build --product testrealm
	$(SWIFT) build --product mongo-test-server
	Examples/test

tsan: packages-test peers
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" AUTHENTICATIONS=500 \
		TSAN_OPTIONS="halt_on_error=1 exitcode=66 atexit_sleep_ms=0 suppressions=$(CURDIR)/Tests/Sanitizers/thread.supp external_symbolizer_path=$(shell command -v llvm-symbolizer)" $(SWIFT) test $(TSAN) $(NO_CLOCKS)

# `make asan SANITIZED='GSSKerberosTests|SoakTests'` runs these only.
SANITIZED ?= .

asan: packages-test peers
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" AUTHENTICATIONS=500 \
		ASAN_OPTIONS="detect_leaks=0" $(SWIFT) test $(ASAN) --filter '$(SANITIZED)' $(NO_CLOCKS)

soak: packages-test peers
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" AUTHENTICATIONS=10000 $(SWIFT) test --filter SoakTests

fuzz: packages-demo
	FUZZING=1 $(SWIFT) build --sanitize fuzzer --product fuzz --scratch-path $(FUZZ)
	@mkdir -p $(FUZZ)/crashes; printf '%s\n' $(FUZZ_TARGETS) | xargs -P 2 -I '{}' sh -c '\
		target={}; mkdir -p $(FUZZ)/corpus/$$target; \
		$(FUZZ_ENVIRONMENT) FUZZ_TARGET=$$target FUZZ_SEEDS=$(FUZZ)/seeds/$$target $(FUZZ)/debug/fuzz $(FUZZ_FLAGS) \
			-artifact_prefix=$(FUZZ)/crashes/$$target- $(FUZZ)/corpus/$$target $(FUZZ)/seeds/$$target \
			>$(FUZZ)/$$target.log 2>&1 || { echo "*** $$target"; tail -n 60 $(FUZZ)/$$target.log; exit 1; }; \
		echo "$$target: $$(sed -n "s/^stat::number_of_executed_units: //p" $(FUZZ)/$$target.log) inputs"'

# MARK: Releases

PROGRAMS ?= authcheck testrealm mongo-test-server
PREFIX ?= /usr/local
VERSION = $(shell docs/tools/version)
# The time of the last commit, so that the same sources give the same archive.
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)

DIST = .build/dist
RELEASE = -c release --static-swift-stdlib
BINARIES = $(addprefix $(DIST)/programs/,$(PROGRAMS))
PAGES = $(patsubst %,$(DIST)/man/%.1,$(filter authcheck testrealm,$(PROGRAMS)))
none =
TREE = $(DIST)/tree/$(subst $(none) ,+,$(strip $(PROGRAMS)))
ARCHIVE = $(firstword $(PROGRAMS))-$(VERSION)-$(shell uname -s | tr '[:upper:]' '[:lower:]')-$(shell uname -m)

release: $(TREE).ready

man: $(PAGES)

$(DIST)/programs/%: $(shell find -L Package.swift Sources -type f) | packages-release
	$(SWIFT) build $(RELEASE) --product $*
	@mkdir -p $(@D)
	strip -o $@ .build/release/$*

$(DIST)/man/%.1: docs/man/generate docs/man/%.mdoc $(DIST)/programs/%
	@mkdir -p $(@D)
	SOURCE_DATE_EPOCH=$(EPOCH) docs/man/generate $(DIST)/programs/$* docs/man/$*.mdoc >$@.new
	mv $@.new $@

# What is installed, relative to PREFIX.
$(TREE).ready: Makefile LICENSE $(BINARIES) $(PAGES) $(wildcard docs/schemas/* Examples/operations/*)
	rm -rf $(TREE)
	install -D -m 644 -t $(TREE)/share/doc/authcheck LICENSE
	install -D -m 644 -t $(TREE)/share/doc/authcheck/examples Examples/operations/*
	install -D -m 644 -t $(TREE)/share/authcheck/schemas docs/schemas/*.json
	install -D -m 755 -t $(TREE)/bin $(BINARIES)
	$(if $(PAGES),install -D -m 644 -t $(TREE)/share/man/man1 $(PAGES))
	@mkdir -p $(TREE)/share/bash-completion/completions $(TREE)/share/zsh/site-functions $(TREE)/share/fish/vendor_completions.d
	for program in $(PROGRAMS); do \
		words="$(TREE)/bin/$$program --generate-completion-script"; \
		$$words bash >$(TREE)/share/bash-completion/completions/$$program && \
		$$words zsh >$(TREE)/share/zsh/site-functions/_$$program && \
		$$words fish >$(TREE)/share/fish/vendor_completions.d/$$program.fish || exit 1; \
	done
	# The licences of the linked libraries are included.
	for file in .build/checkouts/*/LICENSE* .build/checkouts/*/NOTICE*; do \
		install -D -m 644 -t $(TREE)/share/doc/authcheck/licenses/$$(basename $$(dirname $$file)) $$file || exit 1; \
	done
	install -D -m 644 -t $(TREE)/share/doc/authcheck/licenses/swift "$$($(SWIFT) -print-target-info | \
		sed -n 's|.*"runtimeResourcePath": *"\(.*\)".*|\1/../../share/swift/LICENSE.txt|p')"
	touch $@

# Nothing is built here after `make release`, so root need not build.
install: $(TREE).ready
	find $(TREE) -type f -printf '%P\n' | LC_ALL=C sort | while IFS= read -r file; do \
		mode=644; case $$file in bin/*) mode=755 ;; esac; \
		install -D -m $$mode "$(TREE)/$$file" "$(DESTDIR)$(PREFIX)/$$file" || exit 1; \
	done

uninstall:
	for program in authcheck testrealm mongo-test-server; do \
		for file in bin/$$program share/man/man1/$$program.1 share/bash-completion/completions/$$program \
			share/zsh/site-functions/_$$program share/fish/vendor_completions.d/$$program.fish; do \
			rm -f "$(DESTDIR)$(PREFIX)/$$file"; \
		done; \
	done
	rm -rf "$(DESTDIR)$(PREFIX)/share/authcheck" "$(DESTDIR)$(PREFIX)/share/doc/authcheck"

dist: $(TREE).ready
	tar -C $(TREE) --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(EPOCH) --mode=u=rwX,go=rX \
		--transform 's|^\.|$(ARCHIVE)|' -cf - . | gzip -9n >$(DIST)/$(ARCHIVE).tar.gz
	@cd $(DIST) && sha256sum $(ARCHIVE).tar.gz

dist-test: dist packages-demo packages-release-test
	$(SWIFT) build --product testrealm
	$(SWIFT) build --product mongo-test-server
	Tests/DistributionTests/archive $(DIST)/$(ARCHIVE).tar.gz

benchmark: packages-test peers
	Benchmarks/Authentication/run

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(wildcard $(SOURCES))

format:
	$(SWIFT) format --in-place --recursive --parallel $(wildcard $(SOURCES))

# dpkg knows at once whether anything is missing; apt is asked only then. With a second argument no service is started: Debian
# asks /usr/sbin/policy-rc.d about each.
define install_packages
	@missing=$$(for package in $(1); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || echo $$package; \
	done); \
	if [ -n "$$missing" ]; then \
		echo "Installing Debian packages:" $$missing; \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		policy=/usr/sbin/policy-rc.d; \
		if [ -n "$(2)" ] && [ ! -e $$policy ]; then \
			trap "$$sudo rm -f $$policy" EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
			printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null && $$sudo chmod 755 $$policy; \
		fi; \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

packages-build:
	$(call install_packages,$(APT_BUILD))

packages-check:
	$(call install_packages,$(APT_BUILD) $(APT_CHECK))

packages-demo:
	$(call install_packages,$(APT_BUILD) $(APT_REALM),without services)

packages-examples:
	$(call install_packages,$(APT_BUILD) $(APT_REALM) $(APT_EXAMPLES),without services)

packages-test:
	$(call install_packages,$(APT_BUILD) $(APT_REALM) $(APT_TEST),without services)

packages-release:
	$(call install_packages,$(APT_BUILD) $(APT_RELEASE))

packages-release-test:
	$(call install_packages,$(APT_RELEASE_TEST))

packages-samba:
	$(call install_packages,$(APT_SAMBA))

peers: $(VENV)/ready $(HEIMDAL)/ready $(GSSPROXY)/ready

# Without isolation pip builds with the packages in the folder, and fetches nothing else.
$(VENV)/ready: Makefile Tests/peers-build.txt Tests/peers.txt | packages-test
	rm -rf $(VENV)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes --only-binary :all: --requirement Tests/peers-build.txt
	$(VENV)/bin/pip install --quiet --require-hashes --no-build-isolation --use-pep517 --requirement Tests/peers.txt
	touch $@

# The comment at the top of a file stays.
define pin
	printf '%s\n' $(2) | .build/pip-tools/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
		--output-file=- - >.build/pip-tools/pinned
	{ grep '^#' $(1); grep -v '^#' .build/pip-tools/pinned | grep .; } >.build/pip-tools/new
	cp .build/pip-tools/new $(1)
endef

pin-peers: packages-test
	python3 -m venv .build/pip-tools
	.build/pip-tools/bin/pip install --quiet pip-tools
	$(call pin,Tests/peers-build.txt,'$(PEERS_BUILD)')
	$(call pin,Tests/peers.txt,$(foreach peer,$(PEERS),'$(peer)'))

# apt checks the packages against its lists; where there are none yet they are fetched first.
define unpack
	rm -rf $(1)
	mkdir -p $(1)/packages
	cd $(1)/packages && { apt-get -qq -o APT::Sandbox::User=root download $(2) || { \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		$$sudo apt-get update -qq && apt-get -qq -o APT::Sandbox::User=root download $(2); }; }
	for package in $(1)/packages/*.deb; do dpkg -x $$package $(1) || exit 1; done
	touch $(1)/ready
endef

$(HEIMDAL)/ready: Makefile | packages-test
	$(call unpack,$(HEIMDAL),$(HEIMDAL_PACKAGES))

$(GSSPROXY)/ready: Makefile | packages-test
	$(call unpack,$(GSSPROXY),$(GSSPROXY_PACKAGES))

clean:
	rm -rf .build
