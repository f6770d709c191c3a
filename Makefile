# Two commands matter: `make render` compiles catalog/ into out/, `make test` runs the tests.
# Both set up .venv/ first, from the locked and hashed requirements.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The day on which the shipped catalogs were last reviewed: a build is the same on every other day.
# `make render INTERLOCK_AS_OF=` judges them as of today.
export INTERLOCK_AS_OF ?= 2026-11-23

.PHONY: render test check static wheel out-clean bench bench-runtime bench-simulate soak fuzz lock dev prove clean

render: $(VENV)/.base
	$(BIN)/interlock render

dev: $(VENV)/.dev
	$(BIN)/interlock dev catalog/foundational-models.yaml

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# The gate of every change: the tests, and everything else that is judged by a program.
check: static out-clean wheel test

static: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

out-clean: $(VENV)/.dev
	$(BIN)/interlock check

wheel: $(VENV)/.dev
	$(BIN)/python tests/wheel.py

# The tests that run the real LiteLLM, with another line of it than the one that Interlock requires.
LINE ?= 1.109
prove: .venv-$(LINE)/.ready
	PYTHONPATH=$(CURDIR) .venv-$(LINE)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder \
	  tests/runtime tests/kubernetes/test_litellm_config.py tests/kubernetes/test_litellm_settings_take_effect.py \
	  tests/unit/test_verify_litellm.py

bench: $(VENV)/.bench
	$(BIN)/python bench/compile.py
	$(BIN)/python bench/rules.py

# The routing beside bare LiteLLM: throughput, failover, the decision alone, what LiteLLM's settings gain.
bench-runtime: $(VENV)/.dev
	PYTHONPATH=$(CURDIR) $(BIN)/python -m bench.runtime

# The gateway under load while providers flap and routing tables change: ten minutes, or MINUTES.
MINUTES ?= 10
soak: $(VENV)/.dev
	$(BIN)/python bench/soak.py $(MINUTES)

# A million requests played through the reference gateway, and how long that takes.
bench-simulate: $(VENV)/.dev
	$(BIN)/python bench/simulate.py

# Broken catalogs, by the hundred thousand: diagnostics or success, never a traceback.
COUNT ?= 100000
SEED ?= 1
fuzz: $(VENV)/.dev
	$(BIN)/python bench/fuzz.py $(COUNT) --seed $(SEED)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements/base.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements/base.txt
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.base

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	$(PIP) --require-hashes -r requirements/bench.txt
	touch $@

# checkov, for tests/kubernetes/test_checkov.py: it pins much that the other requirements move.
.venv-checkov/.ready: requirements/checkov.txt
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# --no-deps: the lock is whole, and what LiteLLM pins beyond it is why there are overrides.
.venv-%/.ready: requirements/lines/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	touch $@

# Hashes and versions alone: no index address may stand in a lock.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
       --no-annotate --no-header --custom-compile-command "make lock"
lock: $(VENV)/bin/python
	$(PIP) uv
	$(LOCK) requirements/base.in -o requirements/base.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/bench.in -o requirements/bench.txt
	$(LOCK) requirements/checkov.in -o requirements/checkov.txt
	$(foreach in,$(wildcard requirements/lines/*.in),\
	  $(LOCK) --override $(in:.in=.overrides) $(in) -o $(in:.in=.txt) &&) true

clean:
	rm -rf $(VENV) .venv-* dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
