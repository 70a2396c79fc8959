# Two commands are enough: `make demo` and `make test`. Both install what they need and work again offline.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test check lint lock audit fuzz bench bench-detect recovery soak latency scaling calibration drill scoreboard situations schemas dashboards screenshot clean

demo: $(STAMP)
	$(BIN)/ebbtide demo

test: $(STAMP)
	$(BIN)/pytest

check: lint test

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check
	$(BIN)/python -m deploy.grafana --check

# Bytewax and Quix Streams pin what we do not: they have an environment of their own, and are left out without it.
RIVALS := .venv-rivals
bench: $(STAMP) $(RIVALS)/installed
	$(BIN)/python -m tests.benchmarks $$(test -s $(RIVALS)/installed && echo --rivals $(RIVALS)/bin/python) $(BENCH)

$(RIVALS)/installed: tests/benchmarks/rivals.txt
	$(PYTHON) -m venv $(RIVALS)
	if $(RIVALS)/bin/python -m pip install --quiet --requirement $<; then echo yes > $@; \
		else echo "make: Bytewax and Quix Streams cannot be installed here, the benchmark runs without them" >&2; : > $@; fi

# Each needs the machine for itself; see docs/scaling.md.
recovery soak latency scaling: export OMP_NUM_THREADS = 1
recovery soak latency scaling: export OPENBLAS_NUM_THREADS = 1
recovery soak latency scaling: $(STAMP)
	$(BIN)/python -m tests.benchmarks.$@ $(OPTIONS)

scoreboard: $(STAMP)
	$(BIN)/python -m tests.scoreboard $(CASES)

# Ten draws of each situation, a quarter of an hour: what came out as incidents, and what was not right.
situations: $(STAMP)
	$(BIN)/python -m tests.scenarios $(OPTIONS)

drill: $(STAMP)
	$(BIN)/python -m tests.drill $(DRILL)

calibration: $(STAMP)
	$(BIN)/python -m tests.calibration

bench-detect: export OMP_NUM_THREADS = 1
bench-detect: export OPENBLAS_NUM_THREADS = 1
bench-detect: $(STAMP)
	$(BIN)/python -m tests.calibration.bench

# What is locked: what an operator installs, and with it what the checks need. Both with hashes, for all platforms.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: $(STAMP)
	$(BIN)/python -m pip install --quiet --group audit
	$(BIN)/$(LOCK) pyproject.toml -o requirements.lock $(UPGRADE)
	$(BIN)/$(LOCK) pyproject.toml --extra embedded --extra bench --extra plot --group dev -o requirements-dev.lock $(UPGRADE)

audit: $(STAMP)
	$(BIN)/python -m pip install --quiet --group audit
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock -r requirements-dev.lock

SECONDS := 600
fuzz: $(STAMP)
	$(BIN)/python -m pip install --quiet --group fuzz
	mkdir -p var/fuzz
	$(BIN)/python -m tests.fuzz -max_total_time=$(SECONDS) -artifact_prefix=var/fuzz/ var/fuzz tests/fuzz/corpus

screenshot: $(STAMP)
	$(BIN)/python -m tests.screenshot docs/page.png

schemas: $(STAMP)
	$(BIN)/python -m schemas.generate

dashboards: $(STAMP)
	$(BIN)/python -m deploy.grafana

# Installed again only when what is wanted has changed, so that a second run needs no network.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13 with venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[embedded,bench,plot]' --group dev
	touch $@

clean:
	rm -rf $(VENV) $(RIVALS) build dist var .mypy_cache .pytest_cache .ruff_cache .hypothesis
