# `make` alone lists the verbs. Each does its own set-up first, and is quick the second time.
SHELL := /bin/sh
export PATH := $(PATH):$(HOME)/.cargo/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PY := .venv/bin/python
# Run a command, and show what it says only where it fails.
quietly = out=$$($(1) 2>&1) || { echo "$$out"; exit 1; }

RUST := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml)
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi' -o -path '*/static/*')

.PHONY: help setup demo test lint fmt bench bench-analysis bench-stores faults crash soak fuzz miri wheel clean
.DEFAULT_GOAL := help

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: .stamps/native ## make .venv with Cordwood built (release) and the development tools in it

demo: .stamps/native ## a real web service logging under load, a worker killed, every record counted
	.venv/bin/cordwood demo

test: .stamps/native .stamps/wheel ## all checks: lint, core, CPython's test_logging on 3.10-3.13, wheel, pytest
	@$(PY) scripts/check.py all

lint: .stamps/native ## ruff, mypy strict, stubtest, import layers, rustfmt, clippy
	@$(PY) scripts/check.py lint

fmt: .stamps/venv ## format Python and Rust
	.venv/bin/ruff check --quiet --fix-only .
	.venv/bin/ruff format --quiet .
	cargo fmt

bench: .stamps/bench ## figures beside the peers, into docs/figures.md (ROWS=text,json QUICK=1 for a few, quickly)
	@.venv-bench/bin/python -m benches $(if $(ROWS),--rows $(ROWS)) $(if $(QUICK),--quick)
	@$(if $(QUICK),true,.venv-bench/bin/python scripts/readme_figures.py)

faults: .stamps/native ## disk and system faults beside stdlib and loguru, into docs/faults.md (NAMES="full_disk …" for a few)
	@$(PY) -m tests.faults $(NAMES)

crash: .stamps/native ## kill processes for SECONDS=60, at least KILLS=0 of them (SEED= to see a failure again)
	@$(PY) -m tests.crash --seconds $(or $(SECONDS),60) --kills $(or $(KILLS),0) $(if $(SEED),--seed $(SEED)) \
		$(if $(RECORD),--record docs/crash.md)

soak: .stamps/native ## random faults under load for MINUTES=60, what the process takes and where each record is (SEED= RECORD=1)
	@$(PY) -m tests.soak --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED)) $(if $(RECORD),--record docs/soak.md)

fuzz: ## spoil segments, outboxes, control pages, options and logs for SECONDS=60 (SEED= to see a failure again)
	@CORDWOOD_FUZZ_SECONDS=$(or $(SECONDS),60) $(if $(SEED),CORDWOOD_FUZZ_SEED=$(SEED)) \
		cargo test --quiet --locked -p cordwood-core --features failpoints fuzz

miri: ## the core's unsafe code, as far as Miri can run it, in SEEDS=32 orders of its threads (installs nightly Rust)
	@SEEDS=$(SEEDS) scripts/miri

bench-analysis: .stamps/bench ## analysis beside ripgrep, lnav, polars, DuckDB, drain3 (installed as needed; 3 GB free in /tmp), into docs/figures-analysis.md (SIZE=100M for less)
	@.venv-bench/bin/python -m benches.analysis $(if $(SIZE),--size $(SIZE))

wheel: .stamps/wheel ## the abi3 wheel in dist/, tried in fresh environments of each Python found
	@$(PY) scripts/check.py wheel

clean: ## remove everything that was built, the environments too
	rm -rf .venv .venv-bench .stamps .tox target dist python/cordwood/*.so
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.stamps/venv: pyproject.toml scripts/setup scripts/pythons
	@mkdir -p .stamps
	@scripts/setup
	@touch $@

.stamps/native: .stamps/venv $(RUST)
	@echo "setup: building the core and installing Cordwood into .venv (a minute or two the first time)"
	@$(call quietly,VIRTUAL_ENV=$(CURDIR)/.venv .venv/bin/maturin develop --release --locked)
	@touch $@

.stamps/wheel: .stamps/venv $(RUST) $(PYTHON_SOURCES) README.md LICENSE
	@echo "wheel: building into dist/"
	@rm -f dist/*.whl
	@$(call quietly,.venv/bin/maturin build --release --locked --out dist)
	@touch $@

bench-stores: .stamps/bench ## databases beside their ceiling and the packages of today, into docs/figures-stores.md (QUICK=1)
	@.venv-bench/bin/python -m benches.stores $(if $(QUICK),--quick)

.stamps/bench: .stamps/wheel scripts/setup-bench
	@scripts/setup-bench
	@touch $@
