# `make demo` and `make test` do all the set-up on a fresh machine: a virtual environment in .venv, then the job.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo
# One more than the cores of a small machine: tests of browsers, servers and archives wait for one another.
TESTERS ?= 3
# Threads of several testers at once would wait for each other, spinning; and what one process has compiled, all can use.
QUIET := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.PHONY: demo test lint package docs clean

.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

# Chromium, PostgreSQL and Node.js from Debian's packages, where that is allowed.
.venv/needs: tests/needs | .venv/ready
	tests/needs
	touch $@

demo: .venv/ready
	$(BIN)/osteon demo $(DEMO)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint .venv/needs
	$(QUIET) $(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

# What people install, built and installed offline into an empty environment.
package: .venv/ready
	tests/package $(BIN)/python

.venv/docs: pyproject.toml | .venv/ready
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

# The documentation site, a folder a version in site/: the demonstration and every page of the gallery are executed first.
docs: .venv/docs demo
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/make_gallery.py
	$(BIN)/zensical build --strict
	$(BIN)/python docs/publish.py

clean:
	rm -rf .venv
