# Drives CMake, installs what is missing, and runs the program. `make` alone prints what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BUILD := build
BUILD_TYPE := RelWithDebInfo
JOBS := $(shell nproc)
SUDO := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo)

# Debian packages: tools, then what the program links, then what its tests need.
PACKAGES := g++ cmake ninja-build ccache pkg-config \
  libcpp-httplib-dev libpqxx-dev rapidjson-dev libssl-dev libhowardhinnant-date-dev \
  libcli11-dev libtomlplusplus-dev libspdlog-dev prometheus-cpp-dev libexpected-dev \
  libxlsxwriter-dev zlib1g-dev libjs-chart.js \
  libgtest-dev libgmock-dev librapidcheck-dev openssl curl python3 python3-yaml chromium chromium-driver fonts-dejavu-core

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ── what is needed ─────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: packages
packages: ## install the Debian packages that are missing (root or sudo)
	@missing=(); for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' "$$p" 2>/dev/null | grep -q ' installed$$' || missing+=("$$p"); done; \
	have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }; \
	if [ $${#missing[@]} -eq 0 ] && have_postgres; then exit 0; fi; \
	echo "Installing: $${missing[*]} $$(have_postgres || echo postgresql)"; \
	export DEBIAN_FRONTEND=noninteractive; \
	$(SUDO) apt-get update -qq; \
	if [ $${#missing[@]} -gt 0 ]; then $(SUDO) apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; fi; \
	if ! have_postgres; then \
	  $(SUDO) apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null; \
	  conf=/etc/postgresql-common/createcluster.d/billsync-setup.conf; \
	  $(SUDO) mkdir -p "$$(dirname $$conf)"; \
	  echo 'create_main_cluster = false' | $(SUDO) tee $$conf >/dev/null; \
	  trap "$(SUDO) rm -f $$conf" EXIT; \
	  $(SUDO) apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	fi

# ── build ──────────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: configure
configure: packages
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) $(CMAKE_FLAGS) >$(BUILD).configure.log 2>&1 \
	  || { cat $(BUILD).configure.log; exit 1; }; rm -f $(BUILD).configure.log

.PHONY: build
build: configure ## build the optimised program: build/billsync
	@cmake --build $(BUILD) --target billsync -j $(JOBS)

.PHONY: build-tests
build-tests: configure
	@cmake --build $(BUILD) -j $(JOBS)

# ── run ────────────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: run
run: build ## a private PostgreSQL, demo data, the program and a stream of events; Ctrl-C ends all (DATABASE_URL=… uses yours)
	@DATABASE_URL='$(DATABASE_URL)' fixtures/demo/run.sh

.PHONY: clean-run
clean-run: ## forget the demo's database and secrets
	@config/postgres-cluster.sh stop .run/postgres
	@target=$$(readlink -f .run/postgres/cluster || true); rm -rf .run; case "$$target" in /var/tmp/billsync-*) rm -rf "$$target";; esac

# ── test ───────────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: test
test: build-tests ## build and run every test; starts the PostgreSQL it needs
	@ctest --test-dir $(BUILD) --output-on-failure -j 2

.PHONY: test-unit test-property test-fuzz test-http test-postgres test-e2e test-browser
test-unit: build-tests ## pure decisions
test-property: build-tests ## generated event sets: any order, any duplication
test-fuzz: build-tests ## the fuzz targets on their corpus
test-http: build-tests ## the HTTP front, trap by trap
test-postgres: build-tests ## SQL, migrations, applying, usage on a real PostgreSQL
test-e2e: build-tests ## the real program: signed HTTP in, rows out
test-browser: build-tests ## the console in a headless Chromium; screenshots in build/screenshots
test-unit test-property test-fuzz test-http test-postgres test-e2e test-browser:
	@ctest --test-dir $(BUILD) --output-on-failure -L '^$(@:test-%=%)$$'

.PHONY: asan tsan
asan: ## every test under AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan
	@$(MAKE) test BUILD=build-asan BUILD_TYPE=Debug CMAKE_FLAGS='-DBILLSYNC_SANITIZE=address,undefined'
tsan: ## every test under ThreadSanitizer, in build-tsan
	@$(MAKE) test BUILD=build-tsan BUILD_TYPE=Debug CMAKE_FLAGS='-DBILLSYNC_SANITIZE=thread'

FUZZ_SECONDS := 60
.PHONY: fuzz
fuzz: ## search each fuzz target for FUZZ_SECONDS (60) with libFuzzer and sanitizers, in build-fuzz
	@$(MAKE) packages PACKAGES='$(PACKAGES) clang libclang-rt-14-dev'
	@$(MAKE) configure BUILD=build-fuzz \
	  CMAKE_FLAGS='-DCMAKE_CXX_COMPILER=clang++ -DBILLSYNC_SANITIZE=fuzzer-no-link,address,undefined'
	@cmake --build build-fuzz --target fuzz -j $(JOBS)
	@tests/fuzz/run.sh build-fuzz/fuzz $(FUZZ_SECONDS)

.PHONY: bench
bench: build ## what billsync costs beside PostgreSQL itself: tests/bench; SHORT=1 for a quick look, BENCHES=ingest.py for one of them
	@cmake --build $(BUILD) --target load -j $(JOBS)
	@SHORT='$(SHORT)' BENCHES='$(BENCHES)' tests/bench/run.sh

# ── care ───────────────────────────────────────────────────────────────────────────────────────────────────────────

SOURCES = $(shell git ls-files '*.h' '*.cpp')

.PHONY: format lint clean
format: ## format the sources (clang-format)
	@command -v clang-format >/dev/null || $(SUDO) apt-get install -y -qq clang-format
	@clang-format -i $(SOURCES)
lint: configure ## clang-format and clang-tidy, warnings are errors
	@command -v clang-format >/dev/null || $(SUDO) apt-get install -y -qq clang-format
	@command -v clang-tidy >/dev/null || $(SUDO) apt-get install -y -qq clang-tidy
	@clang-format --dry-run -Werror $(SOURCES)
	@cmake --build $(BUILD) -j $(JOBS)
	@clang-tidy -p $(BUILD) --quiet $(filter src/%.cpp,$(SOURCES))
clean: ## remove what was built
	@rm -rf build build-asan build-tsan build-fuzz
