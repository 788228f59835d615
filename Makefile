# The two commands of the README, and the ones a developer needs daily.
PYTHON ?= $(shell for v in 3.12 3.13 3.11; do command -v python$$v >/dev/null 2>&1 && python$$v -c '' >/dev/null 2>&1 && echo python$$v && break; done)
PYTHON := $(or $(PYTHON),python3)
BIN := .venv/bin
PORT ?= 8501
# With the real pictures beside the checkout, every command finds them without being told.
export CXR_VAULT_DATA ?= $(wildcard ../shared/data)

.PHONY: venv demo test lint bench docs lock audit sbom

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
	$(BIN)/mypy engine models pages scripts streamlit_app.py

test: lint
	@tests/browser/install_chromium.sh
	$(BIN)/python -m pytest

bench: .venv/.develop
	@for script in benchmarks/*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python $$script || exit 1; done

# Tools of the documents and of a release stand apart: they share no package with what is run and tested.
.cache/%: requirements-%.lock
	test -x $@/bin/python || $(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

docs: .cache/docs
	.cache/docs/bin/mkdocs build --strict

LOCK := .cache/release/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

# `make lock UPGRADE=--upgrade` takes newer packages of packages; ours are those of requirements*.txt.
lock: .cache/release
	$(LOCK) $(UPGRADE) --output-file requirements-dev.lock requirements-dev.txt
	$(LOCK) $(UPGRADE) --constraints requirements-dev.lock --output-file requirements.lock requirements.txt
	$(LOCK) $(UPGRADE) --output-file requirements-docs.lock requirements-docs.txt
	$(LOCK) $(UPGRADE) --output-file requirements-release.lock requirements-release.txt

audit: .cache/release
	@$(PYTHON) scripts/audit_packages.py .cache/release/bin/pip-audit requirements.lock requirements-dev.lock

sbom: .cache/release
	.cache/release/bin/cyclonedx-py requirements requirements.lock --of JSON --output-file sbom.json
