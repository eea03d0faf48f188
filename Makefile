# make help says what there is.
.DEFAULT_GOAL := help
.PHONY: help build test race lint soak walk bench bench-fleet bench-neo4j bench-visualize neo4j tenant recordings docs docs-images release vuln fuzz

# Without paths what was compiled serves every clone, and CI compiles nothing twice.
export GOFLAGS := $(shell go env GOFLAGS) -trimpath

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

build: ## build ./s1graph
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o s1graph .

# The race detector needs a C compiler; without one the tests run without it. It looks at all code but the loops of the JSON
# library, whose time it would double. Of the library's own package, json, it must see all: what the compiler makes of
# sync.Map there stands in for sync.Map everywhere, and where the detector does not see its atomics it reports races that
# are none. `make test RACE=-race` looks at the loops too.
JSON := github.com/go-json-experiment/json
RACE := $(shell command -v "$$(go env CC)" >/dev/null 2>&1 && echo "-race '-gcflags=$(JSON)/jsontext=-race=false' '-gcflags=$(JSON)/internal/...=-race=false'")

# These packages start whole runs, commands and databases, or make tenants, again and again through the same code. With the
# race detector they take four times the time, so make test has it look at those of their tests in which goroutines meet:
# where lists are read side by side, where something is interrupted, overtaken or broken in the middle, where a token
# changes or a consumer catches up. make race has it look at all.
WHOLE := ./connector ./graph/neo4jstore ./cli ./s1/s1test
MEETING := AllTheTime|AlertsFollow|AtOnce|BusyDay|CDN|Cancelled|CatchesUp|Chains|ComeAndGo|ComesBack|CursorExpires|DoesNotAnswer|EndsAnApply|FaultsThatPass|HangsInTheMiddle|HowFarAList|AFaultInTheMiddle|Interrupted|ManyMayAsk|OutboxThatIsDamaged|Overtaken|PanicWhileWriting|PollSyncs|PollsInParts|Redraw|RenewedToken|Retry|Revoked|RunAll|SecondRunOnADirectory|SideBySide|TokenThatChanges|UnderWay|UnknownAgent
# These tests do one thing a great many times, mostly in one goroutine or in processes that they kill, or measure memory.
# With the race detector they take eight times the time, and it sees the same code in others.
LONG := ./poll ./state ./alerts ./s1 ./steps ./check ./s1/replay ./alerts/delivery ./alerts/outbox ./graph/sorter
LOOPS := AHostileConsoleIsAFaultThatCosts|AListOfWhichNobodySays|AListThatGoesOnBeyond|AQuietWeekRaises|ARowIsReadASecondTime|AScanThatOpensManyVulnerabilities|ASpillFileThatWasCut|ATemplateThatTakesTooLong|AnInventoryOf70000|AnUpdateThatClosesManyVulnerabilities|AreReadUpToABound|AtADestinationThatIsAwayAlerts|BelievedNoMoreThanAConsole|CountingCostsTheSame|EachEventOfAWeekOnce|EachPlannedEventIsTold|FuzzRowsAreRead|GivesBackTheSpace|InEveryOrderOfTwoWorkers|IsReadUpToABound|KeepsToTheBoundsIsReadWhole|KilledAtAnyMomentAService|MovedAsideAndKept|NamesTheOneCauseOfEachState|NoFieldOfAnyRowCosts|OfOneSiteIsDivided|RowsOfMoreListsThanTwoBytes|SecretsOfDestinationsAreSeenNowhere|TheSpillFileIsCompressed|WhatIsABaselineOfVulnerabilities
# In these packages nothing runs side by side, so that the race detector has nothing to see.
ALONE := . ./config ./deploy ./docs ./entities ./gotest ./harmless ./model ./overview ./plural ./posture ./reconcile ./relationships ./release ./token ./visualize
# These run one after another, and without the race detector: the questions wait for a Neo4j of their own, and a service
# that is left alone for a week does what poll's tests look at one by one.
PATIENT := ./queries ./bench/soak
REST = $(filter-out $(WHOLE) $(PATIENT) $(ALONE),./fleet ./bench/fleet ./s1 ./poll ./steps $(shell go list -f '.{{slice .ImportPath 7}}' ./...))
# A package has more time than it needs, for machines that are slow or have much else to do. make lint vets.
TESTFLAGS := -vet=off -timeout 30m

# Three rows run beside each other, so that no core is idle while a test waits for a database, a browser or a clock. Those
# that take longest come first, so that no core waits for them at the end. Of the last row three packages run at once, as
# those of a fleet and of poll wait most of the time. What is compiled for the race detector is so in
# one row, where nothing is compiled twice.
test: ## run all tests, with the race detector where goroutines meet, and say which were skipped and why
	go run ./gotest/run $(TESTFLAGS) $(if $(RACE),-skip '$(MEETING)') $(WHOLE) \
		--beside -p 1 $(TESTFLAGS) $(PATIENT) $(ALONE) $(if $(RACE),-- $(TESTFLAGS) -run '$(LOOPS)' $(LONG)) \
		--beside $(if $(RACE),$(RACE) $(TESTFLAGS) -run '$(MEETING)' $(WHOLE) -- -p 3 -skip '$(LOOPS)') $(RACE) $(TESTFLAGS) $(REST)

race: ## run all tests with the race detector
	go run ./gotest/run $(RACE) $(TESTFLAGS) $(WHOLE) $(PATIENT) $(ALONE) $(REST)

lint: ## gofmt, go vet, go mod tidy, staticcheck, actionlint
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w is needed for:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go mod tidy -diff
	go -C tools mod tidy -diff
	go tool -modfile=tools/go.mod staticcheck ./...
	go tool -modfile=tools/go.mod actionlint -shellcheck= -pyflakes= .github/workflows/*.yml

bench: ## Go benchmarks, then whole runs against the test tenant, beside a bare fetch of the same bytes
	go test -run '^$$' -bench . -benchmem ./...
	go run ./bench

bench-fleet: ## workers of a fleet as processes, while they, NATS and the bucket fail: 50 minutes
	go run ./bench/fleet storm
	go run ./bench/fleet failures
	go run ./bench/fleet thousand
	go run ./bench/fleet tenant

bench-neo4j: ## writing to a real Neo4j, beside a plain loader
	go run ./bench/neo4j

walk: ## all orders in which two workers can write to a bucket, with every fault of any one operation
	S1GRAPH_WALK=whole go test ./state -run InEveryOrder -count=1 -v -timeout 120m

# S1GRAPH_SOAK_SEED=2 make soak has other faults and another tenant.
soak: ## a service left alone for a simulated year, while what it depends on fails now and then
	GOGC=400 S1GRAPH_SOAK_DAYS=$(or $(S1GRAPH_SOAK_DAYS),365) go test ./bench/soak -count=1 -v -timeout 60m

bench-visualize: ## the page of a large tenant, in Chromium
	go run ./bench/visualize

neo4j: ## a Neo4j to try things with, on port 7687, until Ctrl-C
	go run ./graph/neo4jstore/neo4jtest/neo4j

tenant: ## a console of the test tenant to try things with, on port 8080, until Ctrl-C
	go run ./s1/s1test/serve

recordings: ## make testdata/recordings anew, from the test tenant
	go run ./s1/s1test/recordings

docs: ## write docs/alerts.md, data-model.md and queries.md from the code
	go run . document

docs-images: ## make the README's pictures anew, with Chromium
	go run ./docs/images/make

release: ## static binaries for all platforms, with licenses, checksums and SBOMs, in dist/
	go run ./release/make -version "$(VERSION)" -time "$$(git log -1 --format=%cI)"

# Its database is not everywhere within reach. Then that is said, and only GitHub's CI fails.
vuln: ## look whether the program calls what is known to be vulnerable
	@out=$$(go tool -modfile=tools/go.mod govulncheck ./... 2>&1); code=$$?; echo "$$out"; \
	case $$code in 0|3) exit $$code;; esac; \
	if echo "$$out" | grep -q 'vuln\.go\.dev'; then \
		echo "The database of vulnerabilities is out of reach: nothing was looked up."; \
		[ "$$GITHUB_ACTIONS" != true ]; \
	else exit $$code; fi

# Their seeds are run by make test.
FUZZTIME := 1m
fuzz: ## run each fuzz target for FUZZTIME, 1m if nothing is said
	@grep -rE '^func Fuzz' --include='*_test.go' . | sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9]*).*|\1 \2|' | sort | while read -r folder target; do \
		echo "$$folder $$target"; \
		go test "$$folder" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x || exit 1; \
	done
