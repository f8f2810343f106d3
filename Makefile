# The same few words everywhere. `make demo` and `make test` need nothing but python3 (3.11 or later, with venv).

PYTHON ?= python3
CONFIG ?= smtp-exporter.yaml
WORKERS ?= 2
EXAMPLES ?= 10000

# `make unit PYTHON=python3.12` has a virtual environment of its own
ifeq ($(origin PYTHON) $(MAKECMDGOALS),command line unit)
VENV := .cache/venv-$(patsubst python%,%,$(notdir $(PYTHON)))
else
VENV := .venv
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install

# $(call step,TEXT,COMMAND): one line where it goes well, all that was said where it does not
step = @printf '%-28s' '$(1)'; said=$$($(2) 2>&1) && echo ok || { echo FAILED; echo "$$said"; exit 1; }

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo run test check unit fuzz tools bench reference release lock clean scenarios

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed ## simulated mail servers and the agent on them; ARGS=--web.listen-address=127.0.0.1:10226
	@exec $(BIN)/smtp-exporter demo $(ARGS)

run: $(VENV)/.installed ## the agent; CONFIG=smtp-exporter.yaml, ARGS=--log.level=debug
	@exec $(BIN)/smtp-exporter run --config.file='$(CONFIG)' $(ARGS)

test: $(VENV)/.installed-dev tools check ## everything: check, unit tests, tests with real servers; installs what they need
	@$(BIN)/python -m pytest --quiet --numprocesses=$(WORKERS) --dist=worksteal

check: $(VENV)/.installed-dev ## style, types, import contracts
	$(call step,ruff check,$(BIN)/ruff check)
	$(call step,ruff format,$(BIN)/ruff format --check)
	$(call step,mypy --strict,$(BIN)/mypy)
	$(call step,import contracts,$(BIN)/lint-imports)

unit: $(VENV)/.installed-dev ## the fast tests, without real servers; PYTHON=python3.12 for another Python
	@$(BIN)/python -m pytest --quiet -m 'not real'

fuzz: $(VENV)/.installed-dev ## minutes of hostile bytes at every stage of a probe; EXAMPLES=10000 of each kind
	@FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest --quiet --numprocesses=$(WORKERS) tests/fuzz

scenarios: $(VENV)/.installed-dev ## the table of reasons and the scenarios that end in them
	@$(BIN)/python -m tools.scenarios

tools: ## what `make test` needs from Debian and npm, installed where it is root and it is missing
	@tools/debian-packages.sh
	@tools/axe.sh
	@tools/haraka.sh
	@tools/kubectl.sh
	@tools/debian-root.sh

bench: $(VENV)/.installed-dev ## the table of figures, measured, into docs/performance.md; SHORT=1 shows that it works
	@tools/debian-packages.sh prometheus-blackbox-exporter
	@$(BIN)/python -m benchmarks $(if $(SHORT),--short,--write)

reference: $(VENV)/.installed-dev ## writes docs/, deploy/ and grafana/ anew from the tables
	@for table in configuration metrics reasons; do $(BIN)/smtp-exporter reference $$table >docs/$$table.md || exit; done
	@$(BIN)/smtp-exporter reference schema >docs/config.schema.json
	@$(BIN)/python -m tools.alerts
	@$(BIN)/python -m tools.orchestrated
	@$(BIN)/python -m tools.ports
	@$(BIN)/python -m tools.alert_page
	@$(BIN)/python -m tools.runbooks
	@$(BIN)/python -m tools.dashboards

release: $(VENV)/.installed-dev ## wheel, sdist, locked requirements, SBOM and checksums, into dist/
	@tools/release.sh
	@cat dist/SHA256SUMS

lock: .cache/uv/bin/uv ## raises the locked versions to the newest that pyproject.toml allows
	@$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	@$(COMPILE) --group build --constraints requirements.lock --output-file requirements-build.lock
	@$(COMPILE) pyproject.toml --all-extras --group dev --constraints requirements.lock \
		--constraints requirements-build.lock --output-file requirements-dev.lock

clean: ## removes all that make has made
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

COMPILE := .cache/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-header

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "$$($(PYTHON) --version 2>&1 || echo no $(PYTHON)): Python 3.11 or later is needed, try make PYTHON=python3.12"; exit 1; }
	@echo 'making $(VENV)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	@echo 'installing smtp-exporter into $(VENV)'
	@$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo 'installing what the tests need into $(VENV)'
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

.cache/uv/bin/uv:
	@$(PYTHON) -m venv .cache/uv
	@.cache/uv/bin/python -m pip --disable-pip-version-check --quiet install uv
