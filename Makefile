# `make book` makes the environment and the site; `make test` runs every check.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest -n 2 --durations 10
.DEFAULT_GOAL := help
.PHONY: book pdf test portable chapter new-chapter notebooks claims mutants lab serve lint bench lock clean help

# pip brings uv, by the hash in the lock, and uv brings the rest in a quarter of pip's time.
.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))" || \
	  { echo "Python 3.11 to 3.14 is needed: make $(MAKECMDGOALS) PYTHON=python3.14"; exit 1; }
	@echo "Making the environment in .venv, about half a minute ..."
	@$(PYTHON) -m venv --clear .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.txt > .venv/uv.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(BIN)/uv pip install --python .venv --compile-bytecode --require-hashes -r requirements.txt
	$(BIN)/uv pip install --python .venv --no-build-isolation --no-deps -e .
	@touch $@

book: .venv/ready ## make the environment and build the site, warnings as errors
	$(BIN)/jupyter-book build --quiet -W -n --keep-going .
	@echo "The book: file://$(CURDIR)/_build/html/index.html"

# The second build lets the first page link the PDF, which is there by then.
pdf: book ## print the whole book into one PDF, in a Chromium, and link it from the first page
	$(BIN)/python -m gumbel_lib.book.pdf
	$(BIN)/jupyter-book build --quiet -W -n --keep-going .

test: .venv/ready ## lint, types, tests, doctests, claims, notebooks, build
	$(PYTEST) --doctest-modules --nbval tests gumbel_lib chapters

portable: .venv/ready ## all notebooks once more, as on processors with fewer instructions
	$(BIN)/python tests/portable.py

chapter: .venv/ready ## execute, check and build one chapter: make chapter NAME=relaxation
	@test -f chapters/$(NAME).ipynb || { echo "NAME: expected a notebook of chapters/, got '$(NAME)'"; exit 1; }
	$(BIN)/python -m gumbel_lib.book.notebooks $(NAME)
	$(PYTEST) --quiet --dist loadscope -k "not TestInteractive" --nbval chapters/$(NAME).ipynb \
	  $(wildcard tests/chapters/test_$(NAME).py)
	$(BIN)/jupyter-book build --quiet -W -n --keep-going .
	@echo "Its interactive was not tried: $(BIN)/pytest tests/chapters/test_$(NAME).py does it."
	@echo "The chapter: file://$(CURDIR)/_build/html/chapters/$(NAME).html"

# NAME and TITLE as the shell has them, so that a title may hold what make or the shell reads.
new-chapter: .venv/ready ## lay down a new chapter: make new-chapter NAME=x TITLE="Its title"
	@$(BIN)/python -m gumbel_lib.book.scaffold "$$NAME" "$$TITLE"

notebooks: .venv/ready ## execute all notebooks and store their outputs
	$(BIN)/python -m gumbel_lib.book.cover
	$(BIN)/python -m gumbel_lib.book.notebooks

claims: .venv/ready ## print the ledger of claims
	$(BIN)/python -m gumbel_lib.chapters

mutants: .venv/ready ## change the mathematics a token at a time; the tests must notice
	$(BIN)/python tests/mutants.py

lab: .venv/ready ## open the notebooks
	$(BIN)/python -m gumbel_lib.book.lab chapters

serve: book ## build the site and serve it on this machine
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lint: .venv/ready ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready ## time the book, and the samplers beside those of other libraries
	$(BIN)/python benchmarks/book.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/reservoir.py
	$(BIN)/python benchmarks/sampling.py
	$(BIN)/python benchmarks/methods.py
	$(BIN)/python benchmarks/grid.py
	$(BIN)/python benchmarks/between.py
	$(BIN)/python benchmarks/choice.py

lock: .venv/ready ## compile requirements.txt from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra book --extra pdf --extra test --extra lab --extra build \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --upgrade --output-file requirements.txt

clean: ## remove what tools left behind
	rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]*:.*## / {printf "make %-13s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
