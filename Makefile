# Every target first creates what it needs: .venv (the package, its extras) and .tools (programs of
# other languages, the generator's own environment). Both are safe to delete (`make clean`).

PYTHON ?= python3
GRPCURL_VERSION := v1.9.4
BUF_VERSION := 1.75.0
PROTOC_GEN_GO_VERSION := v1.36.12
PROTOC_GEN_GO_GRPC_VERSION := v1.6.2

VENV := .venv/bin
BUF := .tools/buf-$(BUF_VERSION)/node_modules/.bin/buf
GRPCURL := .tools/bin/grpcurl-$(GRPCURL_VERSION)
GO_PLUGINS := .tools/bin/protoc-gen-go-$(PROTOC_GEN_GO_VERSION)-$(PROTOC_GEN_GO_GRPC_VERSION)
GO_PROGRAMS := build/gd-go-worker build/gd-go-conformance
GO_SOURCES := $(shell find workers/go -name '*.go' -o -name 'go.*' 2>/dev/null)
TYPESCRIPT := workers/typescript
TYPESCRIPT_WORKER := $(TYPESCRIPT)/build/main.js
PROTO_ENV := .tools/proto

# Test files run side by side, for most tests wait for processes.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile

# `make proto LANG=go`; the LANG that every shell exports for its locale does not count.
ifeq ($(origin LANG),command line)
PROTO_FLAGS := --language $(LANG)
unexport LANG
endif

.PHONY: help demo demo-languages demo-report test test-slow test-dask test-go lint format proto proto-go docs vendor simulate bench \
    bench-check bench-costs bench-scale bench-seeing clean buf-lint buf-breaking go-lint typescript-lint
.SILENT:
.DELETE_ON_ERROR:

help:
	echo "make demo    a real cluster analyses real data"
	echo "make demo-languages  one graph in Python, Go and R, on real text"
	echo "make demo-report  make demo as a page, with pictures of the dashboard"
	echo "make test    all tests (ARGS= goes to pytest)"
	echo "make test-slow  those that take long or much memory"
	echo "make test-go the tests of the Go worker and client alone, with the race detector"
	echo "make test-dask  dask's own test suites, computed by gdistributed (half an hour)"
	echo "make lint    ruff, mypy, buf, go vet, tsc"
	echo "make format  let ruff put the code in order"
	echo "make proto   generate the Python stubs from proto/; LANG=go, typescript ... for others"
	echo "make docs    write the pages of docs/ that are made from code"
	echo "make vendor  fetch the libraries of the dashboard's pages anew"
	echo "make simulate SEED=n, or SEEDS=n: whole clusters in virtual time, with faults"
	echo "make bench   against dask.distributed and Ray"
	echo "make bench-check  what has become slower than in the last release"
	echo "make bench-scale  the scheduler alone, up to 10,000 workers and 1,000,000 tasks"
	echo "make bench-costs  what a task costs in each process, as numbers and a picture"
	echo "make bench-seeing  what it costs to look: dashboard, metrics, event log"
	echo "make clean   delete .venv, .tools and caches"

demo: .venv/installed-demo
	$(VENV)/python -m docs.examples.flights $(ARGS)

demo-languages: .venv/installed-demo
	if command -v go >/dev/null; then $(MAKE) --no-print-directory build/gd-go-worker; fi
	$(VENV)/python -m docs.examples.languages $(ARGS)

demo-report: .venv/installed-test
	$(VENV)/python -m docs.examples.report $(ARGS)

test: .venv/installed-test $(PROTO_ENV)/installed
	$(call if_there,go,$(MAKE) --no-print-directory $(GRPCURL) $(GO_PLUGINS) $(GO_PROGRAMS),the tests that need grpcurl or the Go worker)
	$(call from_debian,ip nft,iproute2 nftables)
	$(call from_debian,prometheus promtool,prometheus)
	$(call from_debian,chromium,chromium)
	$(call if_there,chromium,true,the tests of the dashboard in a browser)
	$(call if_there,Rscript,true,the tests that need R)
	$(call if_there,npm,$(MAKE) --no-print-directory $(TYPESCRIPT_WORKER),the tests of the worker in TypeScript)
	$(VENV)/python -m pytest $(PARALLEL) $(ARGS)

test-slow: .venv/installed-test
	$(VENV)/python -m pytest -m slow --timeout 600 $(ARGS)

test-go:
	cd workers/go && go test $(if $(shell command -v gcc),-race) $(ARGS) ./...

test-dask: .venv/installed-test
	$(VENV)/python -m tests.dask_suite $(ARGS)

lint: .venv/installed-test
	echo "ruff check"; $(VENV)/ruff check --quiet
	echo "ruff format --check"; $(VENV)/ruff format --quiet --check
	echo "mypy"; $(VENV)/mypy --no-error-summary
	$(call if_there,npm,$(MAKE) --no-print-directory buf-lint buf-breaking typescript-lint,buf and tsc)
	$(call if_there,go,$(MAKE) --no-print-directory go-lint,go vet and gofmt)

format: .venv/installed-test
	$(VENV)/ruff format
	$(VENV)/ruff check --fix
	if command -v gofmt >/dev/null; then gofmt -w workers/go; fi

proto: $(PROTO_ENV)/installed $(if $(filter go,$(PROTO_FLAGS)),$(GO_PLUGINS)) \
    $(if $(filter typescript,$(PROTO_FLAGS)),$(TYPESCRIPT)/node_modules/installed)
	echo "generating from proto/gdistributed/v1"
	$(PROTO_ENV)/bin/python proto/generate.py $(PROTO_FLAGS)

proto-go:
	$(MAKE) --no-print-directory proto LANG=go

docs: .venv/installed-test
	echo "writing docs/protocol.md, errors.md, api.md, conformance.md and metrics.md"
	$(VENV)/python -m docs.generate_protocol
	$(VENV)/python -m docs.generate_errors
	$(VENV)/python -m docs.generate_api
	$(VENV)/python -m docs.generate_conformance
	$(VENV)/python -m docs.generate_metrics

# The versions are those of the lock file; `npm update` in that folder takes newer ones.
vendor:
	echo "writing gdistributed/dashboard/static/vendor"
	cd gdistributed/dashboard && npm ci --silent && npm run --silent vendor

# SEED=n plays one simulation and shows all of it; SEEDS=n plays so many, from FIRST on.
SEEDS ?= 300
FIRST ?= 0

simulate: .venv/installed-test
	$(VENV)/python -m gdistributed.sim --stories tests/simulation/stories \
	    $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --first $(FIRST)) $(ARGS)

bench: .venv/bin/uv
	$(call if_there,go,$(MAKE) --no-print-directory build/gd-go-worker,the workloads with workers in Go)
	$(VENV)/python benchmarks/run.py $(ARGS)

bench-seeing: .venv/installed-test
	$(VENV)/python -m benchmarks.seeing $(ARGS)

bench-check: .venv/installed-test
	$(VENV)/python -m benchmarks.check $(ARGS)

bench-scale: .venv/installed-test
	$(VENV)/python -m benchmarks.scale --write $(ARGS)

bench-costs: .venv/installed-bench
	$(VENV)/python -m benchmarks.costs --write $(ARGS)

clean:
	rm -rf .venv .tools build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf $(TYPESCRIPT)/node_modules $(TYPESCRIPT)/build $(TYPESCRIPT)/src/gen gdistributed/dashboard/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +

# ---- Python: pip installs uv, uv the rest (3 s with empty caches where pip takes 26). Where uv does not
# know what pip is configured to know (a package index of your own), pip does it.

install = $(VENV)/uv pip install --quiet --python $(1) $(2) || $(VENV)/pip --python $(1) install --quiet $(2)

.venv/bin/uv:
	$(PYTHON) -c 'import sys; sys.exit("gdistributed needs Python 3.11 or newer; " \
	    "name one with: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	echo "creating .venv"
	$(PYTHON) -m venv .venv
	$(VENV)/pip install --quiet --disable-pip-version-check uv

.venv/installed-%: pyproject.toml | .venv/bin/uv
	echo "installing gdistributed[$*] into .venv"
	$(call install,.venv,-e '.[$*]')
	touch $@

$(PROTO_ENV)/installed: proto/requirements.txt | .venv/bin/uv
	echo "installing the generator into $(PROTO_ENV)"
	$(PYTHON) -m venv --without-pip $(PROTO_ENV)
	$(call install,$(PROTO_ENV),-r proto/requirements.txt)
	touch $@

# ---- Programs of other languages. A machine without Go or npm skips what needs them and says so; with
# CI=true nothing may be skipped.

# $(call if_there,program,command,what is skipped without it)
if_there = if command -v $(1) >/dev/null; then $(2); \
	elif [ "$$CI" = true ]; then echo "no $(1) here, and with CI=true nothing may be skipped: $(3)" >&2; exit 1; \
	else echo "no $(1) here: skipping $(3)"; fi

# $(call from_debian,programs,packages): install the packages where one of the programs is missing, if root
# runs us on Debian. Tests cut networks with ip and nft, which needs root; they look at pages with Debian's
# Chromium, for the download of Playwright's own comes from elsewhere.
from_debian = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	    && ! (for program in $(1); do command -v $$program || exit 1; done) >/dev/null; then \
	    echo "installing $(2)"; mkdir -p .tools; log=".tools/$(firstword $(2)).log"; \
	    { apt-get update && apt-get install --yes --no-install-recommends $(2); } >$$log 2>&1 \
	        || { cat $$log; exit 1; }; fi

$(GRPCURL):
	echo "building grpcurl $(GRPCURL_VERSION) (a minute, once)"
	mkdir -p .tools/bin
	GOBIN=$(CURDIR)/.tools/bin go install -ldflags '-X main.version=$(GRPCURL_VERSION)' \
	    github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL_VERSION) >.tools/grpcurl.log 2>&1 \
	    || { cat .tools/grpcurl.log; exit 1; }
	mv .tools/bin/grpcurl $@
	ln -sf $(notdir $@) .tools/bin/grpcurl

$(GO_PLUGINS):
	echo "building protoc-gen-go $(PROTOC_GEN_GO_VERSION) and protoc-gen-go-grpc $(PROTOC_GEN_GO_GRPC_VERSION)"
	mkdir -p .tools/bin
	export GOBIN=$(CURDIR)/.tools/bin; \
	{ go install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO_VERSION) && \
	  go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@$(PROTOC_GEN_GO_GRPC_VERSION); } \
	    >.tools/go-plugins.log 2>&1 || { cat .tools/go-plugins.log; exit 1; }
	touch $@

$(GO_PROGRAMS): build/%: $(GO_SOURCES)
	echo "building $@"
	mkdir -p build
	cd workers/go && go build -trimpath -o $(CURDIR)/$@ ./cmd/$* && touch $(CURDIR)/$@

go-lint:
	echo "gofmt -l"; test -z "$$(cd workers/go && gofmt -l . | tee /dev/stderr)"
	echo "go vet"; cd workers/go && go vet ./...

$(TYPESCRIPT)/node_modules/installed: $(TYPESCRIPT)/package-lock.json
	echo "installing the packages of the TypeScript worker"
	cd $(TYPESCRIPT) && npm ci --silent && touch node_modules/installed

$(TYPESCRIPT_WORKER): $(wildcard $(TYPESCRIPT)/src/*.ts) $(TYPESCRIPT)/tsconfig.json $(TYPESCRIPT)/node_modules/installed
	echo "building the TypeScript worker"
	cd $(TYPESCRIPT) && npm run --silent build && touch build/main.js

typescript-lint: $(TYPESCRIPT)/node_modules/installed
	echo "tsc"; cd $(TYPESCRIPT) && npm run --silent check

$(BUF):
	echo "installing buf $(BUF_VERSION)"
	npm install --silent --no-audit --no-fund --no-save --prefix .tools/buf-$(BUF_VERSION) @bufbuild/buf@$(BUF_VERSION)
	test -x $@

buf-lint: $(BUF)
	echo "buf lint"
	cd proto && ../$(BUF) lint

# Against the last release: its proto/ is unpacked beside, since buf can't clone a git worktree.
buf-breaking: $(BUF)
	tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true); \
	if [ -z "$$tag" ]; then echo "buf breaking: no release tag v* yet, nothing to compare with"; exit 0; fi; \
	echo "buf breaking against $$tag"; \
	rm -rf .tools/released && mkdir -p .tools/released && \
	git archive "$$tag" proto | tar -x -C .tools/released && \
	cd proto && ../$(BUF) breaking --against ../.tools/released/proto
