# make run: a what-if on a fresh machine.  make test: everything that proves it.  make help: the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
DATA ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help run test snapshot validation readme lint types imports wheel docs notebooks bench clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "roofscape needs Python >= 3.11; name one: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp an extra: installed again when pyproject.toml changes.
$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,notebook]'
	@touch $@ $(VENV)/.core

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.core $(VENV)/.test $(VENV)/.docs

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ $(VENV)/.core

run: $(VENV)/.core  ## install, then one model on five machines: what binds, and what ten percent more of each parameter would buy
	$(BIN)/roofscape demo

test: $(VENV)/.test  ## all tests
	$(BIN)/python -m pytest -n $(WORKERS)

snapshot: $(VENV)/.test  ## write the predictions that tests/snapshot holds us to anew
	$(BIN)/python tests/snapshot/write.py

lint: $(VENV)/.dev  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy

imports: $(VENV)/.dev  ## import contracts: downward only, what computes never draws
	$(BIN)/lint-imports

wheel: $(VENV)/.dev  ## the built wheel, tried from another folder
	.ci/wheel $(BIN)/python

validation: $(VENV)/.core  ## judge the laws by the shared measurements: VALIDATION.md
	$(BIN)/roofscape validate $(DATA) --judge VALIDATION.md --trace tests/validation/measured/epyc-2core.parquet

readme: $(VENV)/.core  ## write the outputs that the README shows anew
	$(BIN)/python docs/write_readme.py

docs: $(VENV)/.docs  ## the documentation as a static site, in build/docs; asks no network once its tools are there
	$(BIN)/mkdocs build --strict --quiet

notebooks: $(VENV)/.test  ## run all notebooks in place
	$(BIN)/python notebooks/execute.py

bench: $(VENV)/.core  ## designs a second on this machine
	$(BIN)/roofscape bench

clean:  ## all that make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build roofscape-demo.html benchmarks/.peers
