# `make book` makes the environment and the site; `make test` runs every check.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: book test notebooks claims lab serve lint bench lock clean help

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

book: .venv/ready ## make the environment and build the site, warnings as errors
	$(BIN)/jupyter-book build --quiet -W -n --keep-going .
	@echo "The book: file://$(CURDIR)/_build/html/index.html"

test: lint ## everything CI runs: lint, types, tests, doctests, claims, notebooks, build
	$(BIN)/pytest -n 2 --dist loadscope --doctest-modules --nbval tests gumbel_lib chapters

notebooks: .venv/ready ## execute all notebooks and store their outputs
	$(BIN)/python -m gumbel_lib.book.picture
	$(BIN)/python -m gumbel_lib.book.notebooks

claims: .venv/ready ## print the ledger of claims
	$(BIN)/python -m gumbel_lib.claims

lab: .venv/ready ## open the notebooks
	$(BIN)/jupyter lab chapters

serve: book ## build the site and serve it on this machine
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lint: .venv/ready ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready ## speed as ratios
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/sampling.py

lock: .venv/ready ## compile requirements.txt from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra book --extra test --extra lab --extra build \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --upgrade --output-file requirements.txt

clean: ## remove what tools left behind
	rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /make \1|/p' $(MAKEFILE_LIST) | column -t -s '|'
