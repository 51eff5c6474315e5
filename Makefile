# README's two commands are `make demo` and `make test`; the others are their parts. `make help` lists all.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: demo cluster test lint unit simulation mutants integration e2e soak chaos bench image clean help

demo: $(READY) ## From a fresh clone to a working cluster: Kubernetes, operator, three members, a write and a read
	$(BIN)/python -m e2e.demo

cluster: $(READY) ## A real Kubernetes of three nodes on this machine; prints the path of its KUBECONFIG
	$(BIN)/python -m e2e.cluster up

test: lint unit simulation integration e2e ## Everything that must hold, from the linter to the real Kubernetes

lint: $(READY) ## Style, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY) ## Unit tests; they need nothing but Python
	$(PYTEST) tests/unit

simulation: $(READY) ## The real planner against a simulated Kubernetes and etcd, crashed after every step
	$(PYTEST) tests/simulation

mutants: $(READY) ## Takes each guard of the planner away and shows that a test notices; GUARD=quorum for some
	$(BIN)/python -m tests.mutants $(GUARD)

integration: $(READY) ## Real etcd 3.5, 3.6 and 3.7, a real API server
	$(PYTEST) tests/integration

e2e: $(READY) ## A real Kubernetes: nodes powered off, volumes emptied, the operator killed
	$(PYTEST) e2e/scenarios

soak: $(READY) ## As e2e, with every repetition: 20 kills of the operator instead of 3
	$(PYTEST) e2e/scenarios --soak

chaos: $(READY) ## Faults at random for SECONDS=300 by SEED, then the proof that nothing was lost (docs/chaos.md)
	$(BIN)/python -m e2e.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

bench: $(READY) ## Measures against a baseline in the same run; SCENARIO=create for one, ETCD=3.7.3 for a version
	$(BIN)/python -m e2e.bench $(if $(ETCD),--etcd $(ETCD)) $(SCENARIO)

image: $(READY) ## The operator's image, localhost/etcd-operator:dev
	$(BIN)/python -m e2e.cluster image

clean: $(READY) ## Takes the local Kubernetes away, with everything on it; the cache stays
	$(BIN)/python -m e2e.cluster down

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): constraints/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement constraints/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
