# The commands of a developer. Each one sets up .venv when it is missing or requirements.lock has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.9

.PHONY: help setup demo test check format docs lock bench clean
.DEFAULT_GOAL := help

help: ## List the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Create .venv with the locked packages and streamnb in it

# pip's own find-links and index settings stay what they are on this machine; the lock names only versions and hashes.
# The package is installed anew when its C code has changed, which compiles it.
# JupyterLab finds the prebuilt extension where the installation puts it.
INSTALLED := hatch_build.py $(wildcard streamnb/native/*.[ch] streamnb/labextension/* streamnb/labextension/static/*)
$(READY): requirements.lock pyproject.toml $(INSTALLED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "streamnb needs Python 3.11 or newer; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Open the tutorial in JupyterLab; HEADLESS=1 runs it in the terminal
	$(BIN)/streamnb demo $(if $(HEADLESS),--headless) $(DEMO)

test: $(READY) ## Run all tests; TESTS="tests/sql -k lambda" runs some
	$(BIN)/python -m pytest $(TESTS)

check: $(READY) ## Formatter, linter, types, import layers, doctests and documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest --quiet --doctest-modules streamnb tests/test_project.py tests/test_layers.py

format: $(READY) ## Rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## Write the generated reference pages
	$(BIN)/python -m streamnb.config > docs/reference/settings.md
	$(BIN)/python -m tests.conformance.reference
	$(BIN)/python -m streamnb.magics.words > streamnb/labextension/static/words.json

# Works for Python 3.11 and newer on every platform. Made anew from the ranges in pyproject.toml; LOCK=--upgrade takes
# newer versions, without it the versions that are locked now stay where they can.
lock: ## Write requirements.lock: exact versions and hashes, no address of an index
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	env -u PIP_FIND_LINKS -u UV_FIND_LINKS build/lock/bin/uv pip compile --quiet --no-python-downloads --universal --fork-strategy fewest --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		--extra notebook --extra dev $(LOCK) pyproject.toml --output-file requirements.lock

bench: $(READY) ## Run the benchmarks; they need a Kafka broker's jars
	$(BIN)/python -m benchmarks

clean: ## Remove what the commands above have made
	rm -rf $(VENV) streamnb/native/_native.so build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
