# Two commands for newcomers: `make demo` and `make test`. Each makes the environment that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Folders of tests lie in memory where there is room: a third of their time is waiting for the disk.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk '$$4 > 2000000 && $$6 == "/dev/shm" {print $$6}')
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
IS_CI := $(filter true,$(CI))
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Programs that start many times are compiled once, whatever the surroundings say.
unexport PYTHONDONTWRITEBYTECODE

USED := import monitor.cli.run, monitor.cli.demo, alembic.script, alembic.runtime.environment, sqlglot; \
  from monitor.config.plugins import load_plugins; assert not load_plugins(), load_plugins()

.PHONY: install dev demo quick test lint platform pictures pin bench bench-alerts bench-pages clean

install: $(VENV)/installed

dev: $(VENV)/dev

# The build backend lives in a folder of its own, so that it does not become part of the program.
$(VENV)/installed: requirements/core.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make $@ PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): about a minute the first time"
	$(PIP) install --quiet --no-compile --require-hashes -r requirements/core.txt
	$(PIP) install --quiet --require-hashes --target .build-deps --upgrade -r requirements/build.txt
	PYTHONPATH=.build-deps $(PIP) install --quiet --no-deps --no-build-isolation --editable .
	# Compile what is used, and with it see that it works; all of it would be 40 MB more.
	$(BIN)/python -c '$(USED)'
	# What nobody imports, 19 MB: the tests of numpy, and a backend of zstandard for other Pythons.
	cd $(VENV)/lib/python3*/site-packages && rm -rf numpy/tests numpy/*/tests zstandard/_cffi.*
	touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/installed
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	touch $@

demo: install
	$(BIN)/monitor demo

lint: dev
	$(BIN)/ruff check monitor tests bench docs
	$(BIN)/ruff format --check monitor tests bench docs
	$(BIN)/mypy monitor tests
	$(BIN)/lint-imports --no-cache

# What needs no real system goes to every core, a file as a whole. Many wait for a process, so there is
# one worker more than cores; and they begin in the order of the files, because the first folders hold
# those that take longest.
quick: lint
	$(if $(MEMORY),PYTEST_DEBUG_TEMPROOT=$(MEMORY)) \
	  $(BIN)/python -m pytest -o tmp_path_retention_policy=failed -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
	  --ignore=tests/platform -m "not platform and not alone$(if $(IS_CI),, and not long)"

# The platform is one for all its tests, and real deadlines need a quiet machine.
test: quick
	$(BIN)/python -m pytest $(if $(IS_CI),-m "platform or alone",tests/platform -m platform)
	@test "$(IS_CI)" || echo "LEFT OUT: what takes long or holds real deadlines. All of it: make test CI=true"

platform: dev
	$(BIN)/python -m tests.platform.stack

pictures: dev
	$(BIN)/python docs/pictures.py

pin:
	$(PYTHON) -c 'import tomllib; d = tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]; \
	  print("# The dependencies of pyproject.toml; `make pin` renews this and the pinned files."); print(*d, sep="\n")' > requirements/core.in
	for name in core dev build; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header -o requirements/$$name.txt requirements/$$name.in || exit 1; done

bench: dev
	$(BIN)/python -m bench.evaluate
	$(BIN)/python -m bench.peers

bench-pages: dev
	$(BIN)/python -m bench.pages

bench-alerts: dev
	$(BIN)/python -m bench.alerts

clean:
	rm -rf $(VENV) .build-deps .mypy_cache .ruff_cache .pytest_cache .hypothesis
