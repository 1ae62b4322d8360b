# One door for everything. `make setup` is part of each target and is quick when nothing changed.
SHELL := /bin/sh
BIN := .venv/bin
DEMO ?= demo
REHEARSAL ?= rehearsal
DELIVERY ?= delivery
SITE ?= build/site
# Lists of releases in Flatcar's form, and changelog fragments: real data, beside the checkout.
HISTORY ?= ../shared/data/flatcar-releases
CHANGELOG ?= ../shared/data/changelog
COVERAGE_FLOOR := 92
# Processes that run tests side by side. A file's tests stay together, with the servers they share, and files
# keep their order: the slow ones, with real servers, come first.
JOBS ?= 2

export UV_LINK_MODE ?= copy
# Prefect asks its makers nothing and tells them nothing.
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: help setup setup-test demo rehearsal delivery site site-check test lint types fmt ci bench rollout-simulation proto lock clean

help:  ## what the targets do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup:  ## make .venv/bin/humpyard, from the lock file
	@tools/setup

setup-test:
	@tools/setup test

demo: setup  ## the whole line once, on images built from this machine's files, into ./demo
	@$(BIN)/python -m flows.demo --out $(DEMO)

rehearsal:  ## a promotion by five people on a real S3 server, with all that goes wrong, into ./rehearsal
	@tools/setup rehearsal
	@$(BIN)/python -m flows.rehearsal --out $(REHEARSAL)

delivery:  ## a release to mirrors on S3 and behind nginx, update servers, machines that update, into ./delivery
	@tools/setup delivery
	@$(BIN)/python -m flows.delivery --out $(DELIVERY)

site: setup  ## the release pages of 540 real releases and a few of its own, into build/site
	@$(BIN)/python -m flows.site --out $(SITE) --yard $(SITE)-yard --history $(HISTORY) --changelog $(CHANGELOG)

site-check:  ## the budgets of build/site: weight, accessibility, validity, links, determinism, time
	@tools/setup site
	@$(BIN)/python -m tools.site_check $(SITE) --yard $(SITE)-yard --strict-times $(ARGS)

test: setup-test  ## every test, with branch coverage and its floor
	@$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder \
	    --cov --cov-report=term --cov-fail-under=$(COVERAGE_FLOOR) $(ARGS)

lint: setup  ## ruff, layers, spelling
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --no-cache --check .
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/codespell release flows tests templates docs tools *.md Makefile

types: setup  ## mypy, strict, tests included
	@$(BIN)/mypy

fmt: setup  ## what ruff can mend by itself
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

ci: lint types test  ## what .ci/run runs

bench: setup  ## payloads beside public tools, the update server beside a static file; SIZE=large, ONLY=serve
	@$(BIN)/python -m tools.bench

rollout-simulation: setup  ## eight days of rollouts to 100,000 machines, checked against their plans
	@$(BIN)/python -m tools.rollout --drawing docs/rollout.svg

proto: setup  ## regenerate the manifest's Python from update_metadata.proto
	@PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python -m grpc_tools.protoc -I release/payload \
	    --python_out=release/payload --mypy_out=release/payload update_metadata.proto

lock:  ## resolve pyproject.toml anew into requirements.lock
	@.bootstrap/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	    --no-annotate --python-version 3.11 --group dev pyproject.toml -o requirements.lock

clean:  ## remove what the targets made
	@rm -rf .venv .bootstrap build dist $(DEMO) $(REHEARSAL) $(DELIVERY) .coverage .mypy_cache .ruff_cache .hypothesis .import_linter_cache
