# `make help` lists what can be done here.

PYTHON ?= python3
PYTEST_ARGS ?=
# Each has servers of its own. More of them than cores, and what waits for a lease or a deadline may wait in vain.
PROCESSES ?= 2
SEED ?=
SEEDS ?= 5000
SECONDS ?= 300
CHAOS_ARGS ?=
BENCH_ARGS ?=

BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast nightly check mutants simulate fmt clean chaos soak bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s  %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  Variables: PYTHON=python3.13 (to make .venv with), PYTEST_ARGS="-x -k retry", PROCESSES=0 (of tests),'
	@echo '             SECONDS=600 SEED=7 CHAOS_ARGS="--hosts 2" (of chaos; the others: scripts/chaos.py --help)'
	@echo '             BENCH_ARGS="--rounds 5 --systems floor-c,exqueue" (the others: scripts/bench.py --help)'

setup: $(READY) ## Make .venv with exqueue and all it is developed with

# --group is known to pip 25.1 and newer: pip first. No stamp is left by a setup that failed.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("exqueue needs Python 3.11 or newer: try make PYTHON=python3.13 setup")'
	@echo 'Installing into .venv: about a minute, and again only when pyproject.toml changes.'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[embedded,shell]' --group dev
	@touch $@

demo: setup ## See jobs run, fail, be retried and be requeued, on a server of its own
	$(BIN)/exqueue demo

test: setup ## Run all tests
	$(BIN)/pytest -n $(PROCESSES) --dist worksteal $(PYTEST_ARGS)

test-fast: setup ## Run the tests that need no real processes
	$(BIN)/pytest -n $(PROCESSES) --dist worksteal -m 'not slow' $(PYTEST_ARGS)

chaos: setup ## Kill, freeze and cut off everything for SECONDS while jobs run; is anything lost or out of order?
	$(BIN)/python scripts/chaos.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(CHAOS_ARGS)

soak: setup ## Run a mixed load for SECONDS, with kills; does any memory grow, is any key left?
	$(BIN)/python scripts/soak.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

bench: setup ## Measure how fast exqueue is, beside hand-written floors and those peers that are installed
	$(BIN)/python scripts/bench.py $(BENCH_ARGS)

nightly: setup ## Look longer: a million hostile entries, wider bounds of the model, more seeds
	EXQUEUE_HOSTILE=1000000 EXQUEUE_MODEL=all STATEFUL=10000 $(BIN)/pytest -n $(PROCESSES) --dist worksteal --timeout=36000 tests/hostile tests/model/test_protocol.py tests/store/test_stateful.py
	$(MAKE) simulate SEEDS=50000

check: setup ## Lint, format, types, layers and sizes; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/typing_api.py scripts/size.py scripts/mutants.py scripts/chaos.py tests/chaos scripts/soak.py tests/soak scripts/bench.py scripts/measure scripts/growth.py
	$(BIN)/lint-imports
	$(BIN)/python scripts/size.py

mutants: setup ## Take away each guard in turn, and show which test notices; minutes
	$(BIN)/python -m scripts.mutants

simulate: setup ## Play seeds of the simulation: SEEDS=50000, or one with all its turns: SEED=17
	$(BIN)/python -m tests.simulation $(if $(SEED),$(SEED) --trace,0-$$(($(SEEDS) - 1)) --jobs $$(nproc))

fmt: setup ## Format, and fix what can be fixed without thinking
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean: ## Remove .venv, caches and build artefacts; .exqueue holds jobs and stays
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find exqueue tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
