# FindMe: every line here is one command. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help install run test check format bench chaos docs screenshots drawings lock advisories clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/.run ## .venv with the findme command
run: .venv/.run ## all set-up, then the service
	@exec $(BIN)/findme serve
test: .venv/.dev ## all set-up, then every test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)
check: .venv/.dev ## format, lint, types, import rings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
format: .venv/.dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
bench: .venv/.bench ## the benchmarks, as a table; `make bench list` measures some rows, `make bench engine` one report
	$(BIN)/python -m benchmarks $(BENCH) $(filter-out bench,$(MAKECMDGOALS))
# What follows `make bench` is the name of a benchmark, and nothing to make.
ifeq (bench,$(firstword $(MAKECMDGOALS)))
$(foreach name,$(filter-out bench,$(MAKECMDGOALS)),$(eval $(name): ; @:))
endif
chaos: .venv/.dev ## 100 kills and other faults under real processes, and long runs of state machines and schemathesis
	$(BIN)/python -m tests.chaos $(CHAOS)
	$(BIN)/python -m pytest -q --hypothesis-profile=chaos tests/integration/test_job_machine.py tests/integration/gallery/test_event_machine.py tests/journeys/test_api_examples.py
docs: .venv/.dev ## docs/api-calls.md, written anew from the routes
	$(BIN)/python -m findme.web.openapi > docs/api-calls.md
screenshots: .venv/.dev ## the pictures of docs/screenshots, drawn anew from the demo
	$(BIN)/python -m tests.screenshots
drawings: .venv/.dev ## the demo's pictures, drawn again
	$(BIN)/python -m tests.support.drawing
lock: .venv/.dev ## write requirements/*.lock anew from setup.cfg
	$(BIN)/python requirements/lock.py
advisories: ## published weaknesses of the packages of requirements/run.lock
	$(PYTHON) -m venv build/pip-audit
	build/pip-audit/bin/python -m pip install -q --disable-pip-version-check pip-audit==2.10.1
# --strict: a package that the service does not know was not looked at, and fails
	build/pip-audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/run.lock
clean: ## remove what install made (never ./var)
	rm -rf .venv build findme.egg-info

.venv/bin/python:
	@$(PYTHON) requirements/need.py
	$(PYTHON) -m venv .venv
# --no-deps: the lock is complete on purpose, and shorter than what its packages ask for (docs/decisions/0003).
.venv/.run: .venv/bin/python requirements/run.lock setup.cfg
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@
.venv/.dev: .venv/.run requirements/dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.lock
	@touch $@
.venv/.bench: .venv/.dev requirements/bench.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/bench.lock
	@touch $@
