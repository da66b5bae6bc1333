# The project's commands. `make` lists them; each one installs what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export SAM_CLI_TELEMETRY := 0

LAYOUTS ?= default,single_table

# More workers than cores, because most tests wait for servers. Directories with long tests come first.
EVERY_TEST := -n 5 --dist loadfile --no-loadscope-reorder $(addprefix tests/,local template integration simulation) tests
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# The variable keeps matplotlib's cache in the checkout.
PLOTS := MPLCONFIGDIR=.local/benchmarks .local/benchmarks/bin/python -m benchmarks.plots

# True if an option is set to anything but a negative value: KEEP=1, but not KEEP=0
is-on = $(filter-out 0 no off false,$(1))

.PHONY: help setup demo up down tail put pause trace consume redrive backfill invoke events layout check test prove soak drills bench plots versions parameters capture release publish lint check-config format lock clean

help: ## list all commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## install the tools (every other command does this first)
	@python3 -S local/bootstrap.py

demo: setup ## show the whole pipeline on a local stack: table writes become events (KEEP=1 keeps it up; REGISTRY=glue)
	@python -S local demo $(if $(call is-on,$(KEEP)),--keep) $(if $(REGISTRY),--registry '$(REGISTRY)')

up: setup ## start the local stack and deploy the application to it (REGISTRY=glue uses AWS Glue; LAYOUTS=FILE)
	@python -S local up $(if $(REGISTRY),--registry '$(REGISTRY)') --layouts '$(LAYOUTS)'

down: ## stop the local stack and remove its data
	@if [ -e .local/stack ]; then python3 -S local/bootstrap.py && python -S local down; else echo "no local stack is running"; fi

tail: setup ## show events of the local stack as they arrive
	@python -S local tail

put: setup ## write an item with a new value to the local stack (BAD=1 writes one that is dead-lettered)
	@python -S local put $(if $(call is-on,$(BAD)),--bad)

pause: setup ## suspend the local stack's Kafka, so that you can watch an outage (SECONDS=60)
	@python -S local pause $(if $(SECONDS),--seconds '$(SECONDS)')

trace: setup ## compare an item of the local stack with its events (TABLE=user_feature_store, KEY='{"bright_uid": "u-1", ...}', SINCE=TIME, ALL_PARTITIONS=1)
	@python -S local trace $(if $(TABLE),--table '$(TABLE)') $(if $(KEY),--key '$(KEY)') $(if $(SINCE),--since '$(SINCE)') \
	  $(if $(call is-on,$(ALL_PARTITIONS)),--all-partitions)

consume: setup ## run an example consumer on the local stack (EXAMPLE=python; docs/consuming.md lists all)
	@python -S local consume '$(or $(EXAMPLE),python)'

redrive: setup ## redrive the local stack's dead letters (PREFIX=aws/lambda/, DRY_RUN=1, FORCE=1)
	@python -S local redrive $(if $(PREFIX),--prefix '$(PREFIX)') \
	  $(if $(call is-on,$(DRY_RUN)),--dry-run) $(if $(call is-on,$(FORCE)),--force)

backfill: setup ## backfill a table of the local stack (TABLE=account_feature_store, DRY_RUN=1, MISSING_ONLY=1 compares with the topic, SINCE=TIME, RUN=NAME continues a run)
	@python -S local backfill $(if $(TABLE),--table '$(TABLE)') \
	  $(if $(call is-on,$(DRY_RUN)),--dry-run) $(if $(call is-on,$(MISSING_ONLY)),--missing-only) \
	  $(if $(SINCE),--since '$(SINCE)') $(if $(RUN),--run '$(RUN)')

events: setup ## write the table of sample events to docs/events.md
	@python -S local invoke --page

invoke: setup ## run the function on one event in this process, without Docker (EVENT=events/insert.json, FEATURES_MODE=changed)
	@python -S local invoke '$(or $(EVENT),events/insert.json)'

layout: setup ## try table layouts on records, or on a few items of a real table (LAYOUTS=FILE; RECORDS=FILE or TABLE=NAME; TABLE_NAME=NAME, FEATURES_MODE=changed, REMOVALS=events)
	@python -S local layout '$(LAYOUTS)' $(if $(RECORDS),'$(RECORDS)') \
	  $(if $(TABLE),--table '$(TABLE)') $(if $(TABLE_NAME),--table-name '$(TABLE_NAME)') \
	  $(if $(FEATURES_MODE),--features-mode '$(FEATURES_MODE)') $(if $(REMOVALS),--removals '$(REMOVALS)')

check: setup ## run style checks, type checks and unit tests (after every change)
	@ruff check .
	@ruff format --check .
	@mypy
	@python -m pytest --quiet -n 2 tests/unit

test: setup ## run the tests in about 7 minutes (TESTS=... runs a part; ALL=1 adds long ones, and those that need Java, Node, Go or Airflow)
	@python -m pytest $(if $(call is-on,$(ALL)),--all) $(or $(TESTS),$(EVERY_TEST))

prove: setup ## run the simulation at full size in about 80 minutes, and write docs/promises.md (TESTS=FILES runs a part; PROVE_SEED=... repeats a run)
	@python -m tests.simulation.prove $(TESTS)

soak: setup ## run the function at a steady rate for 15 minutes, and write docs/soak.json, docs/soak.svg and docs/promises.md (MINUTES=...)
	@python3 -S local/bootstrap.py benchmarks
	@PYTHONPATH=src python -m benchmarks.soak --minutes $(or $(MINUTES),15); status=$$?; $(PLOTS) && exit $$status

drills: setup ## play faults against the alarms, and write the table of drills to docs/runbook.md
	@python -m tests.template.drills.report

bench: setup ## measure everything, and write docs/benchmarks and docs/scale.md (RELEASES=1 compares confluent-kafka releases)
	@python3 -S local/bootstrap.py benchmarks
	@PYTHONPATH=src python -m benchmarks $(if $(call is-on,$(RELEASES)),--compare-releases)
	@$(PLOTS)

plots: setup ## draw the plots of make bench and make soak again, from their stored results
	@python3 -S local/bootstrap.py benchmarks
	@$(PLOTS)

versions: setup ## write the table of schema versions and their readers to docs/consuming.md
	@PYTHONPATH=src python -m tests.contract.schema_versions

parameters: setup ## write docs/parameters.md from the templates
	@python -m tests.template.parameters_page

capture: setup ## run real feature stores, and record what their tables' streams contain (STORES="flat mlforge" runs some)
	@python -m tests.writers $(STORES)

release: setup ## build dist/feature-events-VERSION.zip, from which the AWS CLI installs the application (TAG=v0.2.0 checks the tag)
	@python -S local release $${TAG:+--tag "$$TAG"}
	@python -m tests.template.release_fixture --check

publish: ## create the GitHub release of a tag from dist (TAG=v0.2.0; the release workflow runs it)
	@gh release create "$$TAG" --verify-tag --title "$$TAG" --notes-file dist/release-notes.md \
	  "dist/feature-events-$${TAG#v}.zip" dist/SHA256SUMS

lint: setup ## check style, types, templates, workflows, spelling, samconfig.toml and security
	@ruff check .
	@ruff format --check .
	@mypy
	@python3 -S local/bootstrap.py lint benchmarks
	@mypy --python-executable .local/benchmarks/bin/python benchmarks/plots.py
	@.local/lint/bin/cfn-lint --append-rules cfn_lint_serverless.rules
	@AWS_DEFAULT_REGION=us-east-1 sam validate --lint
	@python -m local.check_config
	@LOG_LEVEL=ERROR .local/lint/bin/checkov --config-file .checkov.yaml
	@python -m tests.template.policy_files .local/policies
	@PYTHONWARNINGS=ignore .local/lint/bin/parliament --directory .local/policies
	@.local/lint/bin/bandit --quiet --recursive src
	@.local/lint/bin/bandit --quiet --configfile .bandit.yaml --recursive local
	@.local/lint/bin/codespell
	@.local/lint/bin/zizmor --offline --quiet .github
	@if ! command -v go >/dev/null; then echo "actionlint: skipped, because Go is not installed"; else \
	  test -x .local/actionlint/actionlint || GOBIN="$(CURDIR)/.local/actionlint" go install $(ACTIONLINT) && \
	  .local/actionlint/actionlint -shellcheck= -pyflakes=; fi

check-config: setup ## find parameter names in samconfig.toml that sam would ignore (CONFIG=FILE checks another file)
	@python -m local.check_config $(if $(CONFIG),'$(CONFIG)')

format: setup ## format the code
	@ruff check --fix .
	@ruff format .

lock: setup ## update the locked dependencies from requirements/*.in
	@for set in requirements/{uv,runtime,lambda,oldest,dev,lint,benchmarks,toolchains} benchmarks/usual examples/consumers/{python,lambda,await-features,start-job,job-complete,current-state,airflow}/requirements; do \
	  .local/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" $$set.in --output-file $$set.txt || exit 1; done

clean: down ## remove everything that these commands created in the checkout
	@rm -rf .venv .local .aws-sam dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	@rm -rf examples/consumers/*/{.venv,node_modules,target} examples/consumers/go/consume examples/consumers/current-state/current_state.sqlite*
	@find . -name .git -prune -o -name __pycache__ -prune -exec rm -rf {} +
