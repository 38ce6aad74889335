# The commands of the project. A fresh machine needs Go 1.26, gcc and make.
GO     ?= go
BIN    := bin/upshot
LINT   := .cache/golangci-lint
LINTV  := v2.15.0
# Go leaves folders named testdata out of ./..., so the bundled company is named.
PKGS   := ./... ./testdata/company

.PHONY: demo test lint bench docs build functions cover clean e2e rollback

## demo: run a made-up company through the whole line and show what came of it
demo: build
	./$(BIN) demo --dir demo

## test: the whole test suite
test:
	$(GO) test -timeout 20m $(PKGS)

## build: the one local binary, bin/upshot
build:
	$(GO) build -o $(BIN) ./cmd/upshot

## functions: every Lambda function, as dist/NAME.zip for arm64 and dist/amd64/NAME.zip; CONFIG=FILE is packed with them
CONFIG ?= functions/upshot.yaml
FLAGS  := -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid='
functions:
	@set -e; rm -rf dist; $(GO) build -o bin/zipfn ./internal/zipfn; \
	for arch in arm64 amd64; do \
	  to=dist; [ $$arch = arm64 ] || to=dist/$$arch; \
	  for f in functions/*/main.go; do n=$$(basename $$(dirname $$f)); mkdir -p $$to/$$n; \
	    CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build $(FLAGS) -o $$to/$$n/bootstrap ./functions/$$n; \
	    bin/zipfn -config $(CONFIG) -out $$to/$$n.zip $$to/$$n; done; done; \
	ls -l dist/*.zip | awk '{printf "%-24s %6.2f MB\n", $$9, $$5/1e6}'

## trino: every view and metric on a real Trino against DuckDB, over the same lakes
.PHONY: trino
trino:
	sh internal/standin/trino/install.sh
	UPSHOT_TRINO=1 $(GO) test -count=1 -timeout 20m -v ./internal/standin/trino

## template: the templates linted, validated, checked, and broken on purpose (make standins installs what it needs)
.PHONY: template deploy
template:
	.cache/standins/lint/bin/cfn-lint
	@if [ -x .cache/standins/sam/bin/sam ]; then SAM_CLI_TELEMETRY=0 .cache/standins/sam/bin/sam validate --lint --template template.yaml --region us-east-1; \
	else echo "NOT checked: sam validate, as aws-sam-cli could not be installed here"; fi
	.cache/standins/checkov/bin/checkov --config-file .checkov.yaml
	UPSHOT_STANDINS=required $(GO) test -count=1 ./infra ./internal/template ./internal/schedule

## deploy: build the functions and deploy them; the first time sam asks for what it does not know: make deploy CONFIG=upshot.yaml
deploy: functions
	sam deploy $$(grep -q "^parameter_overrides" samconfig.toml || echo --guided)

## rollback: point every function of a stack to the version before, at once: make rollback STACK=upshot-prod
rollback:
	@$(GO) run ./internal/rollback -stack "$(STACK)"

## e2e: the templates' functions on stand-ins of AWS and Trino, from end to end (make standins installs them); SCALE=.1 posts less
SCALE ?= 1
e2e:
	sh internal/standin/trino/install.sh
	UPSHOT_E2E=1 UPSHOT_E2E_SCALE=$(SCALE) UPSHOT_TRINO=1 UPSHOT_STANDINS=required $(GO) test ./acceptance -run TestOnAWS -count=1 -timeout 40m -v

## lint: gofmt, go vet and golangci-lint
lint: $(LINT)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet $(PKGS)
	$(LINT) run $(PKGS)

# Built from source once and kept: the project's module does not depend on it.
$(LINT):
	mkdir -p .cache
	GOBIN=$(CURDIR)/.cache $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTV)

## bench: the benchmarks behind docs/benchmarks.md
bench:
	$(GO) test -run '^$$' -bench . -benchtime 1s -count 3 ./pipeline/ingest ./pipeline/env/localenv ./pipeline/process ./pipeline/lake ./pipeline/enrich ./pipeline/metric
	$(GO) test -run '^$$' -bench . -benchtime 20x ./functions
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./functions/compact

## docs: rewrite everything that is generated; changes nothing when all is up to date
docs:
	$(GO) test ./pipeline/record -run TestSchemaFilesAreUpToDate -update
	$(GO) run ./internal/docs

## cover: coverage of pipeline/, at least 80%
cover:
	$(GO) test -timeout 30m -coverpkg=./pipeline/... -coverprofile=coverage.out $(PKGS)
	@$(GO) tool cover -func=coverage.out | awk '/^total:/ {sub("%","",$$3); print "coverage of pipeline/: " $$3 "%"; if ($$3+0 < 80) {print "below 80%"; exit 1}}'

clean:
	rm -rf bin dist demo coverage.out

## standins: install the servers that stand in for AWS in tests, and the template's checkers
.PHONY: standins
standins:
	internal/standin/install.sh
