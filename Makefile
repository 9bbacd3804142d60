# JAI: `make demo` decodes a shipped photograph, `make test` checks everything.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STREAM ?= conformance/streams/photo/still-photo-1/stream.jai
PICTURE := out/$(notdir $(patsubst %/,%,$(dir $(STREAM)))).png
SOURCES := $(shell find refdec refenc conformance spec -type f -not -name '*.pyc')
INSTALLED := $(VENV)/.installed
DEVELOPING := $(VENV)/.developing

.PHONY: demo test lint

demo: $(if $(wildcard $(DEVELOPING)),$(DEVELOPING),$(INSTALLED))
	mkdir -p out
	$(BIN)/refdec decode --verify $(STREAM) -o $(PICTURE)

test: lint
	$(BIN)/pytest

lint: $(DEVELOPING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The package as a user installs it; a development environment has it already.
$(INSTALLED): pyproject.toml $(SOURCES) | $(BIN)/python
	$(BIN)/pip install --quiet .
	touch $@

$(DEVELOPING): pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@
