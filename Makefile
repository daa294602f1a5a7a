# Two commands on a fresh machine: `make quickstart` and `make test`. Everything lives in .venv.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv

.PHONY: quickstart test lint board benchmarks prove constraints clean

quickstart: .venv/.quickstart  ## set up, run the main job, say where the report is
	$(BIN)/keepframe quickstart

test: .venv/.dev  ## lint, import contracts, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -q --durations=15

lint: .venv/.dev  ## mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

board: .venv/.quickstart  ## the Streamlit board over ./results
	$(BIN)/keepframe board

benchmarks: .venv/.dev  ## the speed and memory figures of docs/RESULTS.md
	for script in benchmarks/[a-z]*.py; do name=$$(basename $$script .py); echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

prove: .venv/.dev  ## our perceptual dimensions against the published vbench package, with the same random weights
	$(BIN)/keepframe isolate vbench
	@# 45 kB of DINO's published code, which the package imports; without it one dimension is not tried
	-$(BIN)/keepframe weights fetch dino-hubconf dino-transformer dino-utils
	$(BIN)/pytest -q -m box
	$(BIN)/keepframe prove vbench

constraints: $(UV)  ## resolve the pinned versions anew
	$(UV) pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate --no-emit-index-url pyproject.toml -o constraints.txt

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Keepframe needs Python 3.11 or newer; name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv

.venv/.quickstart: $(UV) pyproject.toml constraints.txt
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[board,models,study,vmaf]'
	@touch $@

.venv/.dev: $(UV) pyproject.toml constraints.txt
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@ .venv/.quickstart

clean:  ## remove the environment and the caches, never the results
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
