# Two commands matter: `make run` opens the chat, `make test` runs the tests. Both set everything up first.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Options for the program: make run ARGS='--model FILE'
ARGS ?=
# A part of the tests: make test FILTER=ChatTests
FILTER ?=

# Builds of different kinds do not share a folder: each would compile the other's work anew.
BUILD := .build
TESTS := .build/tests
ADDRESS := .build/address
THREAD := .build/thread

# Damaged files that each test of them tries in `make check`.
MUTANTS ?= 100000
# Processes that each test of them kills in `make check`.
KILLS ?= 2000
parser_tests := ^(ModelFiles|Tokenization)Tests\.
address_options := -c release --sanitize address --enable-code-coverage
# Bytes of fuzzed input, and sessions in a pseudo-terminal, of `make check`.
FUZZ_BYTES ?= 1000000
SESSIONS ?= 200
# What the sanitizers look at, so that nothing else is built for them.
address_scope := EMUCHAT_TESTS='ModelFilesTests TokenizationTests ChatTests MediaTests TensorTests TerminalTests InferenceTests'
thread_scope := EMUCHAT_TESTS=InferenceTests
# Leaks are not looked for: the libraries keep their tables until the process ends.
address_test = $(address_scope) ASAN_OPTIONS=detect_leaks=0 .setup/test $(ADDRESS) $(address_options)
coverage_report = .setup/coverage $(ADDRESS)/release Sources/ModelFiles Sources/Tokenization

# Optimised tests that reach what is internal to a module.
build_tests = --build-tests -Xswiftc -enable-testing

test_options = $(if $(FILTER),--filter '$(FILTER)')

.PHONY: help run test check check-address check-thread check-crash coverage bench-peers bench-draw build build-address setup setup-test format lint clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## set up, build, open the chat (ARGS='--model FILE' and other options)
	@exec $(BUILD)/release/emuchat $(ARGS)

test: setup-test ## set up, build, run the tests (FILTER=ChatTests for a part)
	@.setup/build $(TESTS) -c release $(build_tests)
	@.setup/vision $(TESTS)/release/emuchat
	@.setup/test $(TESTS) -c release $(test_options)

check: check-address check-thread check-crash ## parsers and engine under sanitizers, writers of sessions under SIGKILL

build: setup ## set up and build, in release
	@.setup/build $(BUILD) -c release
	@.setup/vision $(BUILD)/release/emuchat

setup:
	@.setup/check $(BUILD)
	@.setup/packages run
	@.setup/model

setup-test:
	@.setup/check $(TESTS)
	@.setup/packages test
	@.setup/model

# The engine's other tests run apart: some watch events arrive and should not wait behind long ones.
# Optimised, since the sanitizer checks the same and 100,000 damaged files take minutes instead of hours.
check-address: build-address
	@EMUCHAT_MUTANTS=$(MUTANTS) $(address_test) --filter '$(parser_tests)'
	@$(coverage_report)
	@EMUCHAT_MUTANTS=$(MUTANTS) $(address_test) --filter '^(Chat|Media|Tensor)Tests\.|MutatedModelTests'
	@EMUCHAT_FUZZ_BYTES=$(FUZZ_BYTES) EMUCHAT_SESSIONS=$(SESSIONS) $(address_test) --filter '^TerminalTests\.'
	@$(address_test) --filter '^InferenceTests\.' --skip MutatedModelTests

check-crash: setup-test
	@.setup/build $(TESTS) -c release $(build_tests)
	@EMUCHAT_KILLS=$(KILLS) .setup/test $(TESTS) -c release --filter CrashSafetyTests

coverage: build-address ## which lines of the parsers their own tests reach
	@$(address_test) --filter '$(parser_tests)'
	@$(coverage_report)

build-address: setup-test
	@$(address_scope) .setup/build $(ADDRESS) $(address_options) $(build_tests)

check-thread: setup-test
	@$(thread_scope) .setup/build $(THREAD) -c release --sanitize thread $(build_tests)
	@$(thread_scope) TSAN_OPTIONS='halt_on_error=1 suppressions=.setup/thread-sanitizer.txt' \
		.setup/test $(THREAD) -c release --sanitize thread --filter '^InferenceTests\.' --skip MutatedModelTests

bench-peers: build ## measure speed beside llama.cpp, which is built once (ARGS='--only Q4_1 --runs 3')
	@.setup/bench-peers $(BUILD)/release/bench $(ARGS)

bench-draw: build ## measure drawing beside PyTorch, which is fetched once (ARGS='--size 512 --runs 3')
	@.setup/bench-draw $(BUILD)/release/bench $(ARGS)

format: ## lay the Swift sources out
	@swift format --in-place --recursive --configuration .swift-format Package.swift Sources Tests

lint: ## say what the layout or the set-up scripts break
	@swift format lint --recursive --strict --configuration .swift-format Package.swift Sources Tests
	@if command -v shellcheck >/dev/null; then shellcheck -x .setup/* .ci/run; else echo 'shellcheck is not installed: scripts not looked at'; fi

clean: ## remove what was built (the language model stays)
	@rm -rf .build
