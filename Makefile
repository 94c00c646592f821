# Python >= 3.11 with its venv module, and make: nothing else is needed to begin.
# `make demo` and `make test` each work as the very first command.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
T ?=
ONLY ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test coverage check fix types imports bench docs vectors mutate openapi lock dev

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: .venv/.installed ## one hub, two agencies, a letter, a scan, a withdrawal; NETWORK=1..5 plays another network
	@$(BIN)/exchange demo $(if $(NETWORK),--network deploy/networks/$(NETWORK))

test: .venv/.installed ## every test this machine can run; T=path runs a part
	@$(BIN)/python -m pytest -n 2 --durations=30 --durations-min=3 $(T)

# Agreement, consent, envelope, audit, wire, statement and what lies below them: no branch untested.
PURE := exchange/agreement/*,exchange/consent/*,exchange/envelope/*,exchange/audit/*,exchange/figures/*,exchange/wire/*,exchange/keyring/*,exchange/statement.py,exchange/jws.py,exchange/canonical.py,exchange/errors.py,exchange/keyid.py,exchange/vocabulary.py,exchange/members.py,exchange/days.py,exchange/rules.py,exchange/values.py
coverage: .venv/.installed ## branch coverage of the pure core by tests/unit: 100 % or it fails
	@$(BIN)/python -m coverage run -m pytest -n 0 -q tests/unit --ignore=tests/unit/agency --ignore=tests/unit/cli
	@$(BIN)/python -m coverage report --skip-covered --show-missing --fail-under=100 --include='$(PURE)'

check: .venv/.installed ## format, lint, types, import contracts and house rules
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(MAKE) --no-print-directory types imports
	@$(BIN)/python -m pytest -q -n 2 tests/house

fix: .venv/.installed ## format the code and repair what ruff can repair
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

types: .venv/.installed ## mypy --strict
	@$(BIN)/mypy exchange $(addsuffix /src,$(PLUGINS))
	@$(BIN)/mypy --explicit-package-bases tests $(wildcard $(addsuffix /tests,$(PLUGINS)))

imports: .venv/.installed ## the import contracts of pyproject.toml
	@$(BIN)/lint-imports --no-cache --no-logo

bench: .venv/.installed ## ratios within one run, one JSON line each; ONLY=name runs one
	@$(BIN)/python -m tests.bench $(ONLY)

docs: .venv/.installed ## rewrite what is generated in docs/, then test the documentation
	@$(BIN)/python -m tests.docs.generate
	@$(BIN)/python -m pytest -q -n 2 tests/docs

openapi: .venv/.installed ## rewrite exchange/wire/openapi.json
	@$(BIN)/python -m tests.house.openapi

vectors: ## fetch public test vectors and a foreign implementation (needs node and npm)
	$(if $(shell command -v npm),,$(error npm is missing: install Node.js >= 20 with npm (Debian: apt-get install nodejs npm)))
	@cd tests/foreign && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

mutate: .venv/.installed ## mutation tests of the pure core
	@rm -rf mutants # results are kept by source alone: a better test would not be noticed
	@$(BIN)/mutmut run
	@$(BIN)/mutmut results

lock: ## compile requirements.lock and its parts in deploy/ anew (needs uv)
	$(if $(shell command -v $(UV)),,$(error uv is missing: make lock UV=/path/to/uv))
	@$(UV) pip compile --quiet --universal --generate-hashes --all-extras --group dev --exclude-newer P7D \
	  --no-emit-package consent-exchange --no-header pyproject.toml $(addsuffix /pyproject.toml,$(PLUGINS)) \
	  -o requirements.lock
	@$(BIN)/python -m tests.deploy.lock

dev: .venv/.installed ## the virtual environment .venv: everything locked, the project editable

# Every package by hash from the lock, then the project and its plugins as they lie here. Without
# build isolation, because an isolated build would fetch a backend that nothing has pinned.
.venv/.installed: requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(PLUGINS))
	$(if $(shell command -v $(PYTHON)),,$(error $(PYTHON) is missing: install Python >= 3.11 (Debian: apt-get install python3 python3-venv)))
	$(if $(shell $(PYTHON) -c "import sys; print('y' if sys.version_info >= (3, 11) else '')"),,$(error $(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11))
	$(if $(shell $(PYTHON) -c "import venv, ensurepip; print('y')" 2>/dev/null),,$(error $(PYTHON) has no venv module: install it (Debian: apt-get install python3-venv)))
	@echo "installing into .venv, once; this takes about a minute"
	@$(BIN)/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e . $(addprefix -e ,$(PLUGINS))
	@touch $@
