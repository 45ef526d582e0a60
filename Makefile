# The commands of this project, the same here, in CONTRIBUTING and in CI.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: setup check test test-all fuzz bench config

setup:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e '.[dev]'

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

test:
	$(BIN)/pytest -n auto --dist worksteal -m "not slow and not browser"

test-all:
	$(BIN)/pytest -n auto --dist worksteal --durations=25

fuzz:
	$(BIN)/python -m tests.fuzz 500

bench:
	$(BIN)/python benchmarks/end_to_end.py $(CLIP) $(WITH)

config:
	$(BIN)/python -c "from stylize_video.pipeline.core.config import default_config as c; print(c(), end='')" > config.yaml
