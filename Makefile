# Every command of the project. Each does its own set-up; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export SAM_CLI_TELEMETRY := 0

.PHONY: help setup demo up down tail redrive test prove soak drills bench lint format lock clean

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

setup:
	@python3 local/bootstrap.py

demo: setup ## the whole thing, live: real Kafka, real registry, table writes to events (KEEP=1 leaves it up)
	@python -m local.demo $(if $(KEEP),--keep)

up: setup ## start the local stack and deploy the application to it
	@python -m local.stack up

down: setup ## stop the local stack
	@python -m local.stack down

tail: setup ## show events of the local stack as they come
	@python -m local.tail

redrive: setup ## send again what was set aside in the local stack (PREFIX=aws/lambda/, DRY_RUN=1, FORCE=1)
	@python -m local.redrive $(if $(PREFIX),--prefix '$(PREFIX)') $(if $(DRY_RUN),--dry-run) $(if $(FORCE),--force)

test: setup ## every test, real Kafka and registry included
	@python -m pytest

prove: setup ## the proof at full size, half an hour; writes README's Promises (PROVE_SEED=... repeats a run)
	@python -m tests.proof.prove

soak: setup ## a quarter of an hour at a steady rate, memory and latency watched; writes docs/soak.svg (MINUTES=...)
	@python -m tests.proof.soak --minutes $(or $(MINUTES),15)

drills: setup ## play what can go wrong in a week against the alarms; writes their table in docs/deploying.md
	@python -m tests.drills.report

bench: setup ## measure everything; writes docs/benchmarks and docs/scale.md (RELEASES=1 also compares confluent-kafka's)
	@python -m tests.benchmarks $(if $(RELEASES),--compare-releases)

lint: setup ## style, types, template and security
	@ruff check .
	@ruff format --check .
	@mypy
	@python3 local/bootstrap.py lint
	@.local/lint/bin/cfn-lint --append-rules cfn_lint_serverless.rules
	@AWS_DEFAULT_REGION=us-east-1 sam validate --lint
	@LOG_LEVEL=ERROR .local/lint/bin/checkov --config-file .checkov.yaml
	@.local/lint/bin/bandit --quiet --recursive src
	@.local/lint/bin/bandit --quiet --configfile .bandit.yaml --recursive local

format: setup ## rewrite the code in the project's style
	@ruff check --fix .
	@ruff format .

lock: setup ## resolve requirements/*.in anew
	@for set in requirements/{uv,runtime,lambda,oldest,dev,lint} tests/benchmarks/usual; do \
	  .local/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" $$set.in --output-file $$set.txt || exit 1; done

clean: ## remove everything that was made here
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m local.stack down
	@rm -rf .venv .local .aws-sam
