# The two commands of the README, and the ones a developer needs daily.
PYTHON ?= $(shell for v in 3.12 3.13 3.11; do command -v python$$v >/dev/null 2>&1 && python$$v -c '' >/dev/null 2>&1 && echo python$$v && break; done)
PYTHON := $(or $(PYTHON),python3)
BIN := .venv/bin
PORT ?= 8501
# With the real pictures beside the checkout, every command finds them without being told.
export CXR_VAULT_DATA ?= $(wildcard ../shared/data)

.PHONY: venv demo test lint bench

venv: .venv/.runtime

.venv/.runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "CXR Vault needs Python 3.11, 3.12 or 3.13: set PYTHON=/path/to/python"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.develop: .venv/.runtime $(wildcard requirements-*.txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: venv
	$(BIN)/python -m streamlit run streamlit_app.py --server.port $(PORT) --server.headless true

lint: .venv/.develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy engine models scripts

test: lint
	@tests/browser/install_chromium.sh
	$(BIN)/python -m pytest

bench: .venv/.develop
	@for script in benchmarks/*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python $$script || exit 1; done
