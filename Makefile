# One entry point for a fresh machine: every target installs what it needs, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8501
ADDRESS ?= 127.0.0.1
CACHE ?= $(or $(TELLTALE_CACHE),cache)
BIN := .venv/bin

# An environment whose making was cut off has no pip: it is made again.
.venv/.installed: requirements.txt pyproject.toml
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24.1"
	@echo "installing what requirements.txt lists: some minutes, once"
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/.installed-test: .venv/.installed
	$(BIN)/python -m pip install --quiet -e ".[test]"
	touch $@

.PHONY: setup run test check bench chromium
setup: .venv/.installed
	@$(BIN)/python -m core.setup --cache "$(CACHE)"

run: setup
	@exec $(BIN)/python -m dashboard.serve --address "$(ADDRESS)" --port "$(PORT)" --cache "$(CACHE)"

check: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup chromium check
	TELLTALE_CACHE="$$(realpath -- "$(CACHE)")" $(BIN)/python -m pytest -q

bench: setup
	$(BIN)/python -m benchmarks --cache "$(CACHE)"

# The browser tests need one; without it nothing is tested rather than half of it skipped.
chromium:
	@command -v chromium >/dev/null || { \
	  sudo=$$([ "$$(id -u)" = 0 ] || command -v sudo); \
	  { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends chromium; } \
	  || { echo "telltale: Chromium could not be installed: install it and run make test again" >&2; exit 2; }; }
