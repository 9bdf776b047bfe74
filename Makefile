# One entry point for a fresh machine: every target installs what it needs, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8501
ADDRESS ?= 127.0.0.1
CACHE ?= $(or $(TELLTALE_CACHE),cache)
BIN := .venv/bin

PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCKED := install --quiet --no-deps --require-hashes
TOOLS := build/tools

# An environment whose making was cut off has no pip: it is made again. Only files whose hashes stand in the
# locks are installed. torch without CUDA is taken where the index has it; with CUDA it needs further packages.
.venv/.installed: requirements.lock requirements-cpu.lock requirements-cuda.lock pyproject.toml
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "installing what requirements.lock lists: some minutes, once"
	@$(PIP) $(LOCKED) -r requirements-cpu.lock 2>/dev/null || true
	$(PIP) $(LOCKED) -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(PIP) check >/dev/null || { $(PIP) $(LOCKED) -r requirements-cuda.lock && $(PIP) check; }
	touch $@

.venv/.installed-test: .venv/.installed requirements-test.lock
	$(PIP) $(LOCKED) -r requirements-test.lock
	touch $@

# What looks after the dependencies has an environment of its own.
$(TOOLS)/.installed: requirements-tools.lock
	$(PYTHON) -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python -m pip $(LOCKED) -r $<
	touch $@

.PHONY: setup run test check bench faults docs screenshots chromium lock audit sbom
setup: .venv/.installed
	@$(BIN)/python -m core.setup --cache "$(CACHE)"

run: setup
	@exec $(BIN)/python -m dashboard.serve --address "$(ADDRESS)" --port "$(PORT)" --cache "$(CACHE)"

check: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two processes, each with half of the processors: much of a test is imports and waiting for a browser.
test: setup chromium check
	TELLTALE_CACHE="$$(realpath -- "$(CACHE)")" TELLTALE_THREADS="$${TELLTALE_THREADS:-$$(( ($$(nproc) + 1) / 2 ))}" \
	  $(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile

# Every fault of the campaign, injected into the real program; with SHORT=1 each a few times, as the tests do.
faults: setup chromium .venv/.installed-test
	$(BIN)/python -m tests.faults $(if $(SHORT),--short) --cache "$(CACHE)"

bench: setup
	$(BIN)/python -m benchmarks --cache "$(CACHE)"

# The documentation as a site, which opens from disk: build/site/index.html. A broken link in it is an error.
docs: .venv/.installed-test
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html is written"

# The pictures of its pages, taken anew: the model in the box is asked for them, which takes a quarter of an hour.
screenshots: setup chromium .venv/.installed-test
	TELLTALE_SCREENSHOTS=1 TELLTALE_CACHE="$$(realpath -- "$(CACHE)")" \
	  $(BIN)/python -m pytest -q tests/browser/test_screenshots.py

# Pins every dependency anew, as new as requirements.txt allows; WHEELS= names builds of torch without CUDA.
lock: $(TOOLS)/.installed
	$(TOOLS)/bin/python make_locks.py $(WHEELS)

# Known vulnerabilities of what the locks pin. The advisories are on the network: there is no answer without it.
audit: $(TOOLS)/.installed
	@for lock in requirements.lock requirements-cuda.lock requirements-test.lock requirements-tools.lock; do \
	  echo "$$lock:"; $(TOOLS)/bin/pip-audit --disable-pip --require-hashes --strict --progress-spinner off -r $$lock \
	  || { echo "telltale: the audit found something above, or could not ask the network for advisories" >&2; exit 2; }; \
	done

# What is installed, with versions and licences, as a CycloneDX bill of materials.
sbom: setup $(TOOLS)/.installed
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file build/sbom.json $(BIN)/python
	@echo "build/sbom.json is written"

# The browser tests need one; without it nothing is tested rather than half of it skipped.
chromium:
	@command -v chromium >/dev/null || { \
	  sudo=$$([ "$$(id -u)" = 0 ] || command -v sudo); \
	  { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends chromium; } \
	  || { echo "telltale: Chromium could not be installed: install it and run make test again" >&2; exit 2; }; }
