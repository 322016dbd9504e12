# The one entry point; `make help` lists the targets. CI, the README and the Dockerfile use them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
# More arguments for CMake, such as -DDBNLOOP_DATABENTO_CPP=OFF (scripts/configure.sh).
export CMAKE_ARGS
BIN := build/bin
VERSION := $(shell awk '/^project.dbnloop VERSION/ {print $$3}' CMakeLists.txt)

# Go links the library that CMake built, instead of compiling the core again.
GO = scripts/go.sh
# The packages of both modules, the library's and the programs'; those whose tests take longest begin.
PACKAGES := ./cmd/e2e . ./cmd/internal/tail ./sim ./cmd/dbn-relay ./sim/historical ./cmd/internal/columnar ./test/soak ./... ./cmd/...
GOTEST = $(GO) test
GO_BUILD = scripts/go-shipped.sh build -ldflags "-buildid= -bindnow -X main.version=$(VERSION) -extldflags '-Wl,-z,relro,-z,now'" -o $(BIN)/

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## Install missing Debian packages (as root or with sudo)
	@scripts/deps.sh build

.PHONY: lib
lib: deps
	@scripts/configure.sh release
	@cmake --build --preset release --target dbnloop dbnloop_shared -j $(JOBS) >&2

.PHONY: build
build: lib ## Build libdbnloop.a, libdbnloop.so, dbn-tail, dbn-sim and dbn-relay (build/bin)
	@$(GO_BUILD) ./cmd/dbn-tail ./cmd/dbn-sim ./cmd/dbn-relay

.PHONY: demo
demo: deps ## Show live records from the embedded simulator; needs neither key nor network
	@scripts/configure.sh release
	@cmake --build --preset release --target dbnloop -j $(JOBS) >&2
	@$(GO_BUILD) ./cmd/dbn-tail
	@$(BIN)/dbn-tail --demo

.PHONY: test
test: deps ## Run every test: C++, C, Go, end to end (the sanitizers: make race asan tsan)
	@$(MAKE) --no-print-directory -j4 --output-sync=line test-cpp test-go test-consumers test-docs-after-cpp

# On the library that ships: what Go links and what is installed is what the tests link.
.PHONY: test-cpp
test-cpp: lib
	@cmake --build --preset release -j $(JOBS)
	@ctest --preset release

.PHONY: check
check: lib ## Run the C++ tests whose names match T, such as T='Reactor.*', and build only what they need
	@cmake --build --preset release --target dbnloop_tests -j $(JOBS) >&2
	@tests="build/release/test/dbnloop_tests --gtest_brief=1"; filter='$(or $(T),*)'; \
	  $$tests --gtest_filter="$$filter" --gtest_list_tests | grep '^  ' >/dev/null || \
	    { echo "check: no test matches '$$filter'" >&2; exit 1; }; \
	  $$tests --gtest_filter="$$filter"

# Vet is a part of lint, and no test reads debug information or names of symbols. The gold linker
# takes a fifth less time, where it is installed.
GOTESTFLAGS = -vet=off '-ldflags=-s -w$(if $(shell command -v ld.gold), -extldflags=-fuse-ld=gold)'
# Tests that call t.Parallel wait for deadlines, not for the processor; so do some packages.
GOTESTRUN = $(GOTESTFLAGS) -timeout 15m -parallel 16 -p $$((2 * $(JOBS)))

# On the library and the flags that ship: make build compiles most of what the tests link.
.PHONY: test-go
test-go: build
	@scripts/go-shipped.sh test $(GOTESTRUN) $(PACKAGES)

# With the race detector, a program would sleep for a second at its end.
.PHONY: race
race: build ## Run the Go tests with the race detector and with checks of memory
	@GORACE="$${GORACE:-} atexit_sleep_ms=0" scripts/go-race.sh test $(GOTESTRUN) $(PACKAGES)

.PHONY: test-consumers
test-consumers: build
	@test/consumer/headers.sh
	@test/consumer/run.sh

# After test-cpp, which runs ninja in the same directory.
.PHONY: test-docs-after-cpp
test-docs-after-cpp: test-cpp
	@$(MAKE) --no-print-directory test-docs

.PHONY: test-docs
test-docs: build ## Run every example, and every command of the documents
	@scripts/deps.sh examples
	@scripts/configure.sh release
	@cmake --build --preset release --target examples -j $(JOBS) >&2
	@DBNLOOP_DOCS=1 scripts/go-shipped.sh test $(GOTESTFLAGS) -count=1 ./test/docs

# What compiles the library a second time is not in `make test`, which is run after each change.
.PHONY: test-subproject
test-subproject: deps ## Configure and build the library as a part of other CMake projects
	@test/consumer/subproject.sh
	@test/databento/decide.sh

.PHONY: test-goget
test-goget: build ## Build a program with go get alone, which compiles the core, and vendored
	@test/consumer/go_get.sh

# DATABENTO_CPP names a directory with databento-cpp's sources, for machines without GitHub.
.PHONY: test-databento
test-databento: deps ## Run the C++ and C tests on databento-cpp's record types
	@DATABENTO_CPP=$(if $(DATABENTO_CPP),$(abspath $(DATABENTO_CPP))) scripts/configure.sh databento
	@cmake --build --preset databento -j $(JOBS)
	@ctest --preset databento

# A server on this machine plays GitHub, and serves the sources or the git repository that
# DATABENTO_CPP names.
.PHONY: test-fetch
test-fetch: build ## Build, install and use the library in a tree that fetches databento-cpp's types
	@test/databento/fetch.sh "$(DATABENTO_CPP)"

.PHONY: asan
asan: deps ## Run the C++ and C tests under address and undefined behaviour sanitizers
	@scripts/configure.sh asan
	@cmake --build --preset asan -j $(JOBS)
	@ctest --preset asan

.PHONY: tsan
tsan: deps ## Run the C++ and C tests that start threads under the thread sanitizer
	@scripts/configure.sh tsan
	@cmake --build --preset tsan -j $(JOBS)
	@ctest --preset tsan

# FUZZ_JOBS of them at a time; what they find is kept in build/fuzz/found.
.PHONY: fuzz
fuzz: lib ## Run each fuzz target, C++ and Go, for T seconds (default 60)
	@scripts/deps.sh build fuzz
	@scripts/configure.sh fuzz
	@cmake --build --preset fuzz -j $(JOBS) >&2
	@scripts/fuzz.sh $(or $(T),60) $(or $(FUZZ_JOBS),$(shell nproc)) $(FUZZ)

.PHONY: soak
soak: build ## Stream for T seconds (default 60) with pauses, cuts and restarts, and compare with what was sent
	@$(GO) build -o build/ ./test/soak
	@build/soak -t $(or $(T),60)

.PHONY: relay-chaos
relay-chaos: build ## Kill relay, NATS and consumers for T seconds (default 60), then a writing relay N times (default 10)
	@$(GO) build -o build/relay-chaos ./cmd/dbn-relay/chaos
	@build/relay-chaos -t $(or $(T),60)
	@build/relay-chaos -takeovers $(or $(N),10)

# PYTHON_DUCKDB names a Python that has DuckDB, which is installed in a temporary directory otherwise.
.PHONY: soak-capture
soak-capture: build ## Capture for T seconds (default 90) with rotation, cuts and a kill, verify, and count in Parquet
	@$(GO) build -o build/ ./test/soak
	@build/soak -capture -t $(or $(T),90) -rotate $(or $(ROTATE),10s) $(if $(PYTHON_DUCKDB),-python $(PYTHON_DUCKDB))

.PHONY: netfaults
netfaults: build ## Soak for T seconds (default 20) per network fault, in namespaces: loss, rate, silence, resets
	@scripts/deps.sh build netfaults
	@$(GO) build -o build/ ./test/soak
	@scripts/netfaults.sh $(or $(T),20) $(FAULT)

.PHONY: lint
lint: lib ## Check format, wording and modules; run vet, staticcheck, govulncheck and clang-tidy
	@scripts/deps.sh build lint
	@scripts/lint.sh

.PHONY: fmt
fmt: ## Format the C++ and Go sources
	@scripts/deps.sh build lint
	@gofmt -w $$(git ls-files '*.go')
	@git ls-files '*.hpp' '*.cpp' '*.h' '*.c' | grep -v '\.gen\.[ch]pp$$' | xargs clang-format-19 -i

.PHONY: generate
generate: ## Regenerate the files made from schema/, and the sample data
	@go generate $(PACKAGES)

# DATABENTO_CPP names a directory with databento-cpp's sources, CPP_HTTPLIB one with a newer
# httplib.h than Debian's, for machines without GitHub.
.PHONY: interop
interop: build ## Compare with the official clients, which are installed outside the source tree
	@scripts/deps.sh build interop
	@DATABENTO_CPP=$(if $(DATABENTO_CPP),$(abspath $(DATABENTO_CPP))) JOBS=$(JOBS) scripts/interop.sh

.PHONY: docs
docs: ## Make the reference of C++ and C with Doxygen (build/docs/html)
	@scripts/deps.sh docs
	@mkdir -p build/docs
	@doxygen docs/doxygen/Doxyfile

.PHONY: pictures
pictures: build ## Draw the pictures of the documents from real runs
	@scripts/pictures.sh docs

# ROUNDS, RECORDS (of a stream) and ONLY (an expression for the names of workloads) are optional.
BENCH = build/bench/run -rounds $(or $(ROUNDS),5) -records $(or $(RECORDS),4000000) -only '$(ONLY)'
.PHONY: bench-build
bench-build: build
	@cmake --build --preset release --target bench_cpp -j $(JOBS) >&2
	@$(GO) build -o build/release/test/bench/ $(patsubst %main.go,./%,$(wildcard test/bench/*_go/main.go))
	@$(GO) build -o build/bench/ ./test/bench/run ./test/bench/guard ./test/bench/chart

.PHONY: bench
bench: bench-build ## Measure the library beside bare loops: build/bench.json and a table
	@$(BENCH)
	@$(GOTEST) -run '^$$' -bench . -benchmem . ./dbn

# DATABENTO_CPP, CPP_HTTPLIB and DBN_GO name directories with sources, for machines without GitHub.
.PHONY: bench-peers
bench-peers: bench-build ## Measure it beside the official clients and others as well
	@scripts/deps.sh build interop
	@JOBS=$(JOBS) scripts/bench-peers.sh
	@$(BENCH) -peers

.PHONY: bench-docs
bench-docs: bench-build ## Put build/bench.json into docs/: the figures, the table and the pictures
	@cp build/bench.json docs/bench.json
	@build/bench/chart docs

# ARGS are its flags, such as "-only latency -seconds 60"; -help lists them.
.PHONY: relay-bench
relay-bench: build ## Measure dbn-relay: ingest, latency, fan-out and replay (needs 20 GB of disk, and some minutes)
	@$(GO) build -o build/bench/relay ./cmd/internal/relay/bench
	@build/bench/relay $(ARGS)

.PHONY: guard
guard: bench-build ## Count the instructions per record, and fail where they grew by more than 5 %
	@scripts/deps.sh build guard
	@build/bench/guard

.PHONY: guard-accept
guard-accept: bench-build ## Accept the instructions per record as they are now
	@scripts/deps.sh build guard
	@build/bench/guard -accept

.PHONY: install
install: build ## Install the library, headers, dbnloop.pc, CMake package, programs and manual pages to PREFIX
	@cmake --install build/release --prefix $(PREFIX) >/dev/null
	@scripts/install-programs.sh $(PREFIX)

.PHONY: package
package: build ## Make Debian packages, a tarball and their checksums (dist)
	@packaging/package.sh

.PHONY: reproducible
reproducible: package ## Build everything again in another directory, and compare it bit by bit
	@packaging/reproducible.sh

.PHONY: docker
docker: ## Build the image with podman (or ENGINE=docker) and run its demo
	@scripts/docker.sh

.PHONY: clean
clean: ## Remove everything built
	@rm -rf build dist
