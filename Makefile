# `make demo` and `make test` do all the set-up themselves: Debian 12 or 64-bit Raspberry Pi OS
# with python3, python3-venv, make and git.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PIP_VERSION := 26.3
ARGS ?=

.PHONY: help demo test check bench soak fuzz docs deb pi format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@echo "setting up $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@$(PIP) install pip==$(PIP_VERSION) >&2
	@$(PIP) install -c constraints.txt -e '.[bridge,page,embedded,fast,grafana]' >&2
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	@echo "adding the tools of the tests …" >&2
	@$(PIP) install -c constraints.txt -e '.[bridge,page,embedded,fast,grafana]' --group test >&2
	@touch $@

demo: $(VENV)/run.stamp ## a village without hardware; ARGS="--once --seed 7 --json"
	@$(BIN)/meterkast demo $(ARGS)

test: check ## everything, with real brokers and a real browser
	@tests/system/real-parts
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/test.stamp ## format, lint, types and import rules
	@$(BIN)/ruff format --check --quiet . || { echo "try: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(VENV)/test.stamp ## ratios against peers and limits, measured in one run
	@$(BIN)/python -m tests.bench $(ARGS)

soak: $(VENV)/test.stamp ## long runs: days with kills, a million damaged telegrams per driver
	@$(BIN)/python -m pytest -m soak --timeout 0 $(ARGS)

fuzz: $(VENV)/test.stamp ## hostile bytes for every driver; ARGS="p1 --seconds 60"
	@$(BIN)/python -m tests.fuzz $(ARGS)

docs: $(VENV)/test.stamp ## write docs/devices anew from the driver files
	@$(BIN)/python -m tests.docs.devices

deb: ## the Debian packages, for this machine's kind and Python; ARGS="--wheels FOLDER"
	@/usr/bin/python3 deploy/debian/build.py $(ARGS)

pi: $(VENV)/test.stamp ## the package on emulated arm64, to a credit; writes docs/arm64.md; as root
	@$(BIN)/python -m tests.pi

format: $(VENV)/test.stamp ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

clean: ## take away what the targets made
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .fuzz .import_linter_cache .pi
