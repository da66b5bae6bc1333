# Every command of the project. Each does its own set-up; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export SAM_CLI_TELEMETRY := 0

LAYOUTS ?= default,single_table

# Whether an option was given, and not to say no: KEEP=1, but not KEEP=0
is-on = $(filter-out 0 no off false,$(1))

.PHONY: help setup demo up down tail put consume redrive backfill invoke layout check test prove soak drills bench versions parameters capture lint check-config format lock clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## install the tools, which every other command does by itself
	@python3 -S local/bootstrap.py

demo: setup ## the whole thing, live: real Kafka, real registry, table writes to events (KEEP=1 leaves it up; REGISTRY=glue)
	@python -S local demo $(if $(call is-on,$(KEEP)),--keep) $(if $(REGISTRY),--registry '$(REGISTRY)')

up: setup ## start the local stack and deploy the application to it (REGISTRY=glue: with AWS Glue for its registry)
	@python -S local up $(if $(REGISTRY),--registry '$(REGISTRY)')

down: ## stop the local stack
	@if [ -e .local/stack ]; then python3 -S local/bootstrap.py && python -S local down; else echo "no local stack is running"; fi

tail: setup ## show events of the local stack as they come
	@python -S local tail

put: setup ## write an item to the local stack, each time with another value
	@python -S local put

consume: setup ## an example consumer on the local stack's topic (EXAMPLE=python; docs/consuming.md has them all)
	@python -S local consume '$(or $(EXAMPLE),python)'

redrive: setup ## send the local stack's dead letters again (PREFIX=aws/lambda/, DRY_RUN=1, FORCE=1)
	@python -S local redrive $(if $(PREFIX),--prefix '$(PREFIX)') \
	  $(if $(call is-on,$(DRY_RUN)),--dry-run) $(if $(call is-on,$(FORCE)),--force)

backfill: setup ## announce what a table of the local stack already holds (TABLE=account_feature_store, DRY_RUN=1, RUN=NAME goes on)
	@python -S local backfill $(if $(TABLE),--table '$(TABLE)') \
	  $(if $(call is-on,$(DRY_RUN)),--dry-run) $(if $(RUN),--run '$(RUN)')

invoke: setup ## one event through the real function in one process (EVENT=events/insert.json; FEATURES_MODE=changed)
	@python -S local invoke '$(or $(EVENT),events/insert.json)' $(if $(call is-on,$(README)),--readme)

layout: setup ## table layouts tried on records, or on a few items of a real table (LAYOUTS=FILE; RECORDS=FILE or TABLE=NAME)
	@python -S local layout '$(LAYOUTS)' $(if $(RECORDS),'$(RECORDS)') \
	  $(if $(TABLE),--table '$(TABLE)') $(if $(FEATURES_MODE),--features-mode '$(FEATURES_MODE)')

check: setup ## the inner loop: style, types and unit tests
	@ruff check .
	@ruff format --check .
	@mypy
	@python -m pytest --quiet -n 2 tests/unit

test: setup ## every test, real Kafka and registry included, in about 12 minutes (TESTS=tests/unit: a part)
	@python -m pytest $(or $(TESTS),-n 3 --dist loadfile --no-loadscope-reorder tests/template tests)

prove: setup ## the proof at full size, half an hour; writes README's Promises and docs/promises.json (PROVE_SEED=... repeats a run)
	@python -m tests.simulation.prove

soak: setup ## a quarter of an hour at a steady rate, memory and latency watched; writes docs/soak.svg (MINUTES=...)
	@python -m tests.simulation.soak --minutes $(or $(MINUTES),15)

drills: setup ## play a week's faults against the alarms; writes their table in docs/runbook.md
	@python -m tests.template.drills.report

bench: setup ## measure everything; writes docs/benchmarks and docs/scale.md (RELEASES=1 also compares confluent-kafka's)
	@PYTHONPATH=src python -m benchmarks $(if $(call is-on,$(RELEASES)),--compare-releases)

versions: setup ## who reads which version of the schema; writes the table in docs/consuming.md
	@PYTHONPATH=src python -m tests.contract.schema_versions

parameters: setup ## write docs/parameters.md from the templates
	@python -m tests.template.parameters_page

capture: setup ## run stores' real writers again, and keep what their tables' streams hold (STORES="flat mlforge": some)
	@python -m tests.writers $(STORES)

lint: setup ## style, types, templates, samconfig.toml and security
	@ruff check .
	@ruff format --check .
	@mypy
	@python3 -S local/bootstrap.py lint
	@.local/lint/bin/cfn-lint --append-rules cfn_lint_serverless.rules
	@AWS_DEFAULT_REGION=us-east-1 sam validate --lint
	@python -m local.check_config
	@LOG_LEVEL=ERROR .local/lint/bin/checkov --config-file .checkov.yaml
	@python -m tests.template.policy_files .local/policies
	@PYTHONWARNINGS=ignore .local/lint/bin/parliament --directory .local/policies
	@.local/lint/bin/bandit --quiet --recursive src
	@.local/lint/bin/bandit --quiet --configfile .bandit.yaml --recursive local

check-config: setup ## names in samconfig.toml that sam would ignore (CONFIG=FILE: another file)
	@python -m local.check_config $(if $(CONFIG),'$(CONFIG)')

format: setup ## rewrite the code in the project's style
	@ruff check --fix .
	@ruff format .

lock: setup ## resolve requirements/*.in again
	@for set in requirements/{uv,runtime,lambda,oldest,dev,lint,toolchains} benchmarks/usual examples/consumers/{python,lambda,await-features,start-job,job-complete,airflow}/requirements; do \
	  .local/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" $$set.in --output-file $$set.txt || exit 1; done

clean: down ## remove everything that was made here, caches too
	@rm -rf .venv .local .aws-sam .pytest_cache .hypothesis .mypy_cache .ruff_cache
	@rm -rf examples/consumers/*/{.venv,node_modules,target} examples/consumers/go/consume
	@find . -name .git -prune -o -name __pycache__ -prune -exec rm -rf {} +
