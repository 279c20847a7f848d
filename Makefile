# make test   everything, as CI runs it: installs what is missing (Debian, root), under 20 minutes on 2 cores
# make check  the fast part, for every change: no root, no browsers
# make soak   long runs: fuzzing, benchmarks, end-to-end again and again
# make web    builds web/dist, which is committed
# make demo   a server to try
# make clients  the clients of other systems; writes docs/clients.md
# Each step below can be run alone too: make e2e, make race …

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:

export PATH := $(CURDIR)/bin/node/node_modules/.bin:$(PATH)
export NO_COLOR := 1
# A Node of our own would not know the authorities that this machine trusts beside the usual ones.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export NODE_EXTRA_CA_CERTS ?= /etc/ssl/certs/ca-certificates.crt
endif
STEP := scripts/step.sh
FUZZ := 3s
SOAK_FUZZ := 5m
SOAK_ROUNDS := 10

# The npm projects: those of our own that have a package.json.
npm := $(patsubst %/package.json,%,$(wildcard sdk/js/package.json web/package.json test/e2e/package.json test/clients/package.json))
stamps := $(npm:%=%/node_modules/.stamp)

.PHONY: help
help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

## the big ones

.PHONY: test check soak
test: prereqs format vet staticcheck npm js-check js-test fresh race fuzz e2e
	@echo; echo "make test: all passed"

check: format vet staticcheck go-test js-check-if js-test-if
	@echo; echo "make check: all passed"

soak: prereqs npm look
	@$(STEP) "fuzzing, $(SOAK_FUZZ) per target" scripts/fuzz.sh $(SOAK_FUZZ)
	@$(STEP) "race, 5 times" go test -race -shuffle=on -count=5 -timeout 60m ./...
	@$(STEP) "benchmarks" go test -run '^$$' -bench . -benchmem ./...
	@for round in $$(seq $(SOAK_ROUNDS)); do $(STEP) "end-to-end, round $$round of $(SOAK_ROUNDS)" $(MAKE) --no-print-directory e2e; done
	@$(STEP) "bad networks" node test/e2e/badnet.mjs
	@echo; echo "make soak: all passed"

## its steps

.PHONY: prereqs format vet staticcheck go-test race npm js-check js-test js-check-if js-test-if look fresh fuzz e2e
prereqs:
	@$(STEP) "prerequisites" scripts/prereqs.sh

format:
	@$(STEP) "gofmt" bash -c 'bad=$$(gofmt -l $$(git ls-files -co --exclude-standard "*.go")); [ -z "$$bad" ] || { echo "not formatted, run gofmt -w:"; echo "$$bad"; exit 1; }'

vet:
	@$(STEP) "go vet" go vet ./...

staticcheck:
	@$(STEP) "staticcheck" go tool -modfile=tools/go.mod staticcheck ./...

go-test:
	@$(STEP) "go test" bash -c 'go test ./... && go -C tools test ./gotest'

# A skipped test is a failure here: all that tests need is there. gotest judges what go test prints.
race:
	@$(STEP) "go test -race" bash -c 'go -C tools test ./gotest && { go test -race -shuffle=on -timeout 10m -json ./... || true; } | go -C tools run ./gotest -again $(CURDIR)'

npm: $(stamps)

%/node_modules/.stamp: %/package.json %/package-lock.json
	@$(STEP) "npm ci in $*" npm --prefix $* ci --no-audit --no-fund </dev/null
	@touch $@

js-check:
	@for p in $(npm); do $(STEP) "types and lint of $$p" npm --prefix $$p run --if-present check -- --colors=off </dev/null; done

js-test:
	@for p in sdk/js web; do $(STEP) "unit tests of $$p" npm --prefix $$p test </dev/null; done

# make check does not need Node: it takes what npm ci has put there.
js-check-if js-test-if: js-%-if:
	@if [ -e web/node_modules/.stamp ] && [ -e sdk/js/node_modules/.stamp ]; then $(MAKE) --no-print-directory js-$*; \
	else echo "== js-$*: left out, there is no node_modules (make npm)"; fi

# Every scene of the in-call view at its usual sizes: accessibility, what is too wide or too small, the keyboard.
look: npm
	@$(STEP) "the in-call view, scene by scene" npm --prefix web run --silent look -- $(CURDIR)/web/fixtures/out </dev/null

fresh:
	@$(STEP) "web/dist is fresh" scripts/fresh.sh

fuzz:
	@$(STEP) "fuzzing, $(FUZZ) per target" scripts/fuzz.sh --fresh $(FUZZ)

e2e: npm
	@$(STEP) "end-to-end in browsers" node test/e2e/run.mjs
	@$(STEP) "end-to-end through NATs and firewalls" node test/e2e/reach.mjs --no-build
	@$(STEP) "clients of other systems" node test/clients/run.mjs --no-build

## handy

.PHONY: clients
clients: npm
	node test/clients/run.mjs

.PHONY: web demo build screenshot clean
web: npm
	npm --prefix web run build

demo:
	go run ./cmd/veche demo

build:
	CGO_ENABLED=0 go build -trimpath -o bin/veche ./cmd/veche

# The picture in the README, as the end-to-end tests see it.
screenshot: npm
	node test/e2e/run.mjs --only pictures:
	mkdir -p docs/screenshots
	cp test/e2e/out/gallery/picture-meeting.png docs/screenshots/meeting.png

clean:
	rm -rf bin $(npm:%=%/node_modules)
