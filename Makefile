# JAI: `make demo` decodes a shipped photograph, `make test` checks everything.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STREAM ?= conformance/streams/photo/still-photo-1/stream.jai
PICTURE := out/$(notdir $(patsubst %/,%,$(dir $(STREAM)))).png
SOURCES := $(shell find refdec refenc conformance spec -type f -not -name '*.pyc')
INSTALLED := $(VENV)/.installed
DEVELOPING := $(VENV)/.developing
DOCUMENTING := $(VENV)/.documenting

.PHONY: demo test lint docs spec-pack

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

# The site in build/docs/html, the specification alone in build/specification.
docs: $(DOCUMENTING)
	$(BIN)/python -m docs.site
	$(BIN)/python -m docs.book

spec-pack: docs
	$(BIN)/python -m docs.pack

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The package as a user installs it; a development environment has it already.
$(INSTALLED): pyproject.toml $(SOURCES) | $(BIN)/python
	$(BIN)/pip install --quiet .
	touch $@

$(DEVELOPING): pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

$(DOCUMENTING): pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@
