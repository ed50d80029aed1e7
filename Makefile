# Every target sets up .venv by itself when it is missing or requirements.lock has changed.
.DEFAULT_GOAL := help
SHELL := bash
.PHONY: benchmark smoke report timings test test-slow lint format typecheck lock browser wandb-server clean help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
SUITE ?= default
ARGS ?=

# PyPI's torch for Linux is built for CUDA. With TORCH_INDEX=address of an index that has it for CPUs alone, as PyTorch's
# makers keep one, torch and torchvision come from there, in the versions of the lock, and nothing for CUDA is installed.
TORCH_INDEX ?=
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
WITHOUT_CUDA := awk '/^[a-z0-9]/ {cuda = /^(torch|torchvision|triton)==|^(cuda|nvidia)-/} !cuda' requirements.lock

$(READY): requirements.lock
	$(PYTHON) -m venv $(VENV)
ifeq ($(TORCH_INDEX),)
	$(PIP_INSTALL) --require-hashes -r requirements.lock
else
	$(PIP_INSTALL) --no-deps --index-url $(TORCH_INDEX) $$(grep -oE '^torch(vision)?==[^ ]+' requirements.lock)
	$(PIP_INSTALL) --require-hashes -r <($(WITHOUT_CUDA))
endif
	$(BIN)/python -m compileall -q benchmarks datasets sig training
	touch $(READY)

benchmark: $(READY)  ## train the models, score every method, write and print the leaderboard
	$(BIN)/python -m benchmarks run $(SUITE) $(ARGS)

smoke: $(READY)  ## the same on the smallest suite, in about two minutes
	$(BIN)/python -m benchmarks run smoke $(ARGS)

report: $(READY)  ## write the leaderboard and figures again from the records of SUITE
	$(BIN)/python -m benchmarks report $(SUITE) $(ARGS)

timings: $(READY)  ## time the hot paths beside their peers; save, and compare with the last saved run
	$(BIN)/python -m benchmarks.perf $(ARGS)

# In an order that is drawn anew each time. The first lines say with which seed: ARGS="--randomly-seed 1" is that order
# again, and ARGS="-p no:randomly" the order of the files.
test: $(READY)  ## run the tests, in a shuffled order
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: $(READY)  ## run the slow tests too
	$(BIN)/python -m pytest -m "slow or not slow" $(ARGS)

lint: $(READY) typecheck  ## check style, import directions and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(READY)  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(READY)  ## check types in all packages
	$(BIN)/mypy

lock: $(READY)  ## pin every dependency again from pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --no-annotate --extra explainers --extra lrp \
		--extra benchmark --extra pictures --extra dev $(ARGS) --output-file requirements.lock pyproject.toml

wandb-server: $(READY)  ## add a local Weights & Biases server, for the tests that talk to one
	$(PIP_INSTALL) --constraint <(grep -oE '^[a-z0-9._-]+==[^ ]+' requirements.lock) \
		$$($(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml','rb'))['project']['optional-dependencies']['wandb-server'])")

# The name of the browser that there is, else nothing.
CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

browser:  ## install Debian's Chromium where there is none, for the tests that open the page (as root or with sudo)
	@if [ -n "$(CHROMIUM)" ]; then echo "the page is tested in $(CHROMIUM)"; exit; fi; \
	as_root=$$([ "$$(id -u)" = 0 ] || command -v sudo || echo missing); \
	if [ "$$as_root" = missing ] || ! command -v apt-get > /dev/null; then \
		echo "install Chromium by hand (Fedora: dnf install chromium; macOS: brew install chromium), so that" >&2; \
		echo "chromium, chromium-browser or google-chrome can be run" >&2; exit 1; fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	$$as_root apt-get -qq update && $$as_root apt-get -qq install --yes --no-install-recommends chromium > /dev/null

clean:  ## remove the environment, caches and runs (published results stay)
	rm -rf $(VENV) .cache results/runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14
