PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Threads that spin while they wait are ten times slower beside another busy process.
export OMP_WAIT_POLICY := PASSIVE
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cloud,dev,onchain,oracles]'
	@touch $@

demo: $(READY) ## train an agent on included data and report on it
	@$(BIN)/rookery demo

test: $(READY) ## every test
	@$(BIN)/python tools/ensure_chromium.py
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(READY) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY) ## ratios against peers, printed (see benchmarks/README.md)
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(READY) ## run every command and example of the documents
	@$(BIN)/python -m pytest tests/docs -p no:randomly

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
