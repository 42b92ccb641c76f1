# make demo    train on a real code base and ask it        (REPO=/path/to/checkout  ASK="one question")
# make test    checks and tests
# make clean   forget the demo's data and the virtual environment

# Any Python 3.11, 3.12 or 3.13; the first one found.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
HOME_DEMO := $(CURDIR)/.demo
BIN := $(VENV)/bin

.PHONY: demo install test lint clean

demo: $(VENV)/.installed
	@SIGNPOST_HOME="$${SIGNPOST_HOME:-$(HOME_DEMO)}" $(BIN)/signpost demo $(if $(REPO),--repo "$(REPO)") $(if $(ASK),--ask "$(ASK)")

install: $(VENV)/.installed

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Signpost needs Python 3.11, 3.12 or 3.13: install one, or say make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24.1"
	@touch $@

# The stamps are written last: an interrupted installation is simply done again.
$(VENV)/.installed: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) $(HOME_DEMO) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
