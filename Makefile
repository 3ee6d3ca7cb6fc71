# Everything a person or a CI needs. Each target sets itself up in a private virtual environment.
# The Python to make the virtual environment of; when not given, .ci/interpreter chooses.
PYTHON ?=
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --quiet --disable-pip-version-check
LOCK   := $(PY) -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
          --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# The tests and the bench start many processes: where the environment forbids it, each would compile everything anew.
export PYTHONDONTWRITEBYTECODE =

# One more than there are processors: some tests wait for processes that they started.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)

.PHONY: help run demo check test e2e chaos simulate bench docs lock clean

help:                ## list the targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(PY):
	@python="$(PYTHON)"; python="$${python:-$$(.ci/interpreter)}"; \
	"$$python" -c 'import sys; sys.exit("registry-sidecar needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)' \
	&& "$$python" -m venv $(VENV)

$(VENV)/.run: requirements.lock | $(PY)
	@echo "setting up $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(PY)
	@echo "setting up $(VENV) for development ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.run

run: $(VENV)/.run    ## serve config.example.yml on SQLite in var/
	@mkdir -p var
	@$(PY) -m sidecar serve --config config.example.yml

demo: $(VENV)/.run   ## real captured notifications in, three vendors' webhooks out
	@$(PY) -m sidecar demo

check: $(VENV)/.dev  ## formatting, lint, types, floors of the house
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

test: $(VENV)/.dev   ## the test suite; needs no system package; THOROUGH=1 searches longer, as CI does
	$(PY) -m pytest -q -n $(WORKERS) --dist worksteal

e2e: $(VENV)/.dev    ## real registries and clients; .ci/peers installs them
	$(PY) -m pytest -q -m e2e tests/e2e

KILLS ?= 1000
chaos: $(VENV)/.dev  ## kill -9 again and again, full disks: nothing acknowledged is lost; KILLS=1000 SEED=...
	$(PY) -m tests.chaos --kills $(KILLS) $(if $(SEED),--seed $(SEED))

HOURS ?= 24
simulate: $(VENV)/.dev ## simulated hours of every fault at once; HOURS=24 SEED=...
	$(PY) -m tests.simulation --hours $(HOURS) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/.dev  ## the figures of docs/performance.md, with their ratios to bare aiohttp
	$(PY) -m tests.bench

docs: $(VENV)/.dev   ## write the generated parts of the documentation anew
	PYTHONPATH=. $(PY) tests/generated_docs.py

lock: $(VENV)/.dev   ## write the lock files anew from pyproject.toml
	$(LOCK) --extra fast --output-file requirements.lock pyproject.toml
	$(LOCK) --extra fast --extra dev --output-file requirements-dev.lock pyproject.toml

clean:               ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var
