# `make` lists the targets. Each makes the virtual environment that it needs: once, and again when pyproject.toml has
# changed. pip installs only uv: uv installs TensorFlow in 2 seconds, pip in 75, most of which compile files that no test
# imports.

# The first Python found that runs, is one that TensorFlow has wheels for, and can make environments.
# (Each is run: a pyenv shim lies on PATH for versions that are not switched on.)
USABLE := import sys, ensurepip, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHONS := python3 python3.13 python3.12 python3.11 python3.10
PYTHON ?= $(shell for p in $(PYTHONS); do $$p -c '$(USABLE)' >/dev/null 2>&1 && { command -v $$p; break; }; done)

# Python compiles a package when it is first imported, and keeps the result: else each process would compile TensorFlow,
# in 10 seconds.
unexport PYTHONDONTWRITEBYTECODE

# Without TensorFlow's start-up remarks.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint docs bench clean check-python

help:
	@echo 'make demo    publish a model, load it by URL, fine-tune it in Keras, save and reload it'
	@echo 'make test    the test suite on this Python and the newest TensorFlow it has'
	@echo 'make lint    style, format, types and layers'
	@echo 'make docs    the documentation site, into site/'
	@echo 'make bench   the benchmarks, beside tensorflow_hub where it is the comparison'
	@echo 'make clean   remove the environments and what was built'
	@echo ''
	@echo 'Python used: $(or $(PYTHON),none found)   (for another: make clean test PYTHON=python3.12)'
	@echo 'All environments of all TensorFlow versions: .ci/run, or one: .venv-ci/bin/nox -s tf115'

# TensorFlow writes about CUDA and oneDNN on stderr when it starts: shown if the demo fails, or with `make demo V=1`.
demo: .venv/made
	@$(if $(V),.venv/bin/python examples/demo.py,log=$$(mktemp) && { .venv/bin/python examples/demo.py 2>"$$log" || \
	  { code=$$?; cat "$$log" >&2; rm -f "$$log"; exit $$code; }; rm -f "$$log"; })

test: export REHUB_TEST_SESSION = make-test
test: .venv/made
	.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m 'not alone'
	.venv/bin/python -m pytest -m alone

lint: .venv-ci/made
	.venv-ci/bin/nox -s lint format types layers

docs: .venv-ci/made
	.venv-ci/bin/nox -s docs

bench: .venv-bench/made
	for script in benchmarks/*.py; do .venv-bench/bin/python $$script || exit 1; done

clean:
	rm -rf .venv .venv-ci .venv-bench .nox .hypothesis .mypy_cache .pytest_cache .ruff_cache .saved_models_cache .import_linter_cache
	rm -rf site build dist

.venv/made: PACKAGES = -e . --group test --group examples --group tensorflow
.venv-ci/made: PACKAGES = --group ci
.venv-bench/made: PACKAGES = -e ".[index]" --group examples --group tensorflow --group peers

%/made: pyproject.toml | check-python
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet uv
	$*/bin/uv pip install --quiet --python $*/bin/python $(PACKAGES)
	@touch $@

check-python:
	@$(or $(PYTHON),false) -c '$(USABLE)' || { \
	  echo 'rehub is developed with Python 3.10 to 3.13: the newest TensorFlow and `rehub serve` run there,'; \
	  echo "and needs its venv module (on Debian and Ubuntu: apt install python3-venv)."; \
	  echo "Found: $$($(or $(PYTHON),python3) --version 2>&1). Choose another with: make PYTHON=/path/to/python3.12"; \
	  exit 1; } >&2
