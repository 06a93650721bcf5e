# Every target that runs something first makes the environment it needs; a second call finds it whole and goes on.
#   make run ARGS="--mode cbt"      make test ARGS="-k orders"      make venv PYTHON=python3.12
.DEFAULT_GOAL := help
.PHONY: help venv venv-dev run simulate test check format format-check lint types bench bench-peers lock clean campaign

VENV ?= .venv
PY := $(VENV)/bin/python
ARGS ?=
export PYTHON

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv:  ## make .venv with what the daemon needs
	@tools/venv.sh daemon $(VENV)

venv-dev:
	@tools/venv.sh dev $(VENV)

run: venv  ## trade one simulated day on paper, a day a minute (ARGS="..." is added)
	@$(PY) main.py --mode trade --sim-days 1 --sim-speed 390 $(ARGS)

SEEDS ?= 100
FROM ?= 1
JOBS ?= 2

simulate: venv-dev  ## live through days full of faults, one a seed (SEEDS=1000 FROM=1 JOBS=2)
	@$(PY) -m tests.simulation --seeds $(SEEDS) --from $(FROM) --jobs $(JOBS) $(ARGS)

test: venv-dev  ## run the tests (ARGS="..." is added)
	@$(PY) -m pytest -n 2 --dist worksteal $(ARGS)

check: format-check lint types test  ## what must be green: format, lint, types, tests

format: venv-dev  ## rewrite the code in our format
	@$(PY) -m ruff check --quiet --select I --fix .
	@$(PY) -m ruff format .

format-check: venv-dev
	@$(PY) -m ruff format --check .

lint: venv-dev  ## look for mistakes and broken house rules
	@$(PY) -m ruff check .

types: venv-dev  ## check the types
	@$(PY) -m mypy

bench: venv-dev  ## measure start, memory, idle work and orders beside bare Python, in under 4 minutes (ARGS="--quick")
	@$(PY) -m bench $(ARGS)

bench-peers: venv-dev  ## measure backtests beside backtesting.py, basana, backtrader and nautilus_trader (ARGS="--rounds 3")
	@tools/peers.sh build/peers
	@$(PY) -m bench.peers build/peers $(ARGS)

campaign: venv-dev  ## the full numbers of the acceptance lists (ARGS="fuzz budget" for some, ARGS=--list tells them)
	@$(PY) -m tests.campaign $(ARGS)

lock:  ## write the locks again from pyproject.toml (ARGS=--upgrade takes the newest)
	@tools/lock.sh $(ARGS)

clean:  ## remove the environments, caches and build results; data/ and logs/ stay
	@rm -rf .venv .venv-* .venv*.guard build dist *.egg-info .coverage htmlcov
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
