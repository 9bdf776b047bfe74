# One entry point for a fresh machine: `make run` and `make test` install what they need themselves.
PYTHON ?= python3.11
PORT ?= 8501
BIN := .venv/bin
CACHE ?= cache

.venv/.installed: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=24.1"
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

.venv/.installed-test: .venv/.installed
	$(BIN)/pip install --quiet -e ".[test]"
	touch $@

.PHONY: setup test check
setup: .venv/.installed
	$(BIN)/python -m core.setup --cache $(CACHE)

check: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup check
	$(BIN)/python -m pytest -q
