# `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help install install-system run demo test test-unit pictures faults soak fuzz fuzz-long lint audit bench bench-policy policy-model lock clean
PYTHON_IN_VENV := .venv/bin/python

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

install: .venv/installed ## Install what running needs into .venv, by the lock file's hashes

.venv/installed: requirements.lock pyproject.toml infra/local/install.sh
	@sh infra/local/install.sh requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock pyproject.toml infra/local/install.sh
	@sh infra/local/install.sh requirements-dev.lock
	@touch .venv/installed $@

install-system: ## Install what only root can, on Debian: PostgreSQL, Java, Maven, kcat, Chromium, benchmark peers
	@sh infra/local/system.sh test bench browser

run: install $(if $(filter matrix,$(CHAT)),.venv/installed-matrix) ## Run everything on this machine; without Zoom credentials a simulated Zoom plays calls (CHAT=matrix: with a real Matrix homeserver as its chat)
	@$(PYTHON_IN_VENV) -m infra.local run $(if $(CHAT),--chat $(CHAT))

.venv/installed-matrix: .venv/installed requirements-matrix.lock
	@echo "installing requirements-matrix.lock into .venv ..."
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-matrix.lock
	@touch $@

demo: install ## Play calls through everything, check what came out, print it as a table (KAFKA=1 POSTGRES=1: on a real Kafka broker, on PostgreSQL)
	@$(PYTHON_IN_VENV) -m infra.local demo $(if $(KAFKA),--kafka) $(if $(POSTGRES),--postgres)

test: .venv/installed-dev .venv/installed-matrix ## Run every test, with a real Kafka broker, S3 server, PostgreSQL, Matrix homeserver and browser (as root, what is missing of them is installed)
	@sh infra/local/system.sh --if-root test browser
	@$(PYTHON_IN_VENV) -m pytest -n 2 --dist loadgroup

pictures: .venv/installed-dev ## Walk through every page in Chromium and take its picture anew: docs/pictures
	@mkdir -p docs/pictures
	@PICTURES=docs/pictures $(PYTHON_IN_VENV) -m pytest -q tests/e2e/test_pages.py

test-unit: .venv/installed-dev ## Run the tests that need no server: under a minute
	@$(PYTHON_IN_VENV) -m pytest -n 2 tests/unit tests/architecture

faults: .venv/installed-dev ## Break every part under load, 14 scenarios with 3 seeds each, and keep the table in docs/reliability.md: under 50 minutes
	@sh infra/local/system.sh --if-root test
	@$(PYTHON_IN_VENV) -m tests.fault_lab --document "make faults"

soak: .venv/installed-dev ## Break everything at once, in random order, for 10 minutes
	@sh infra/local/system.sh --if-root test
	@$(PYTHON_IN_VENV) -m tests.fault_lab everything --seed 1 --seconds 600 --document "make soak"

fuzz: .venv/installed-dev ## Try odd bytes on everything that reads what others wrote, for 60 s (SECONDS=600: for longer)
	@$(PYTHON_IN_VENV) -m tests.fuzz --seconds $(or $(SECONDS),60)

fuzz-long: .venv/installed-fuzz ## The same, guided by coverage (atheris, Linux on x86-64), for 10 minutes (SECONDS=3600: for longer)
	@$(PYTHON_IN_VENV) -m tests.fuzz.guided --seconds $(or $(SECONDS),600)

.venv/installed-fuzz: .venv/installed-dev requirements-fuzz.lock
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-fuzz.lock
	@touch $@

bench: .venv/installed-bench ## Measure how fast and how big, beside peers; keeps docs/benchmarks.md (one group: make bench-receiver, -archive, -latency, -runtime, -start, -portal)
	@$(PYTHON_IN_VENV) -m tests.benchmarks

bench-policy: .venv/installed-dev .venv-peers/installed ## Measure the flagging policy on lines, calls and numbers, beside peers; keeps the table of docs/trust-and-safety.md
	@$(PYTHON_IN_VENV) -m tests.policy_numbers

.venv-peers/installed: requirements-peers.lock
	@$(PYTHON_IN_VENV) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-peers.lock || \
		echo "the peers of requirements-peers.lock could not be installed: their rows will say so"
	@touch $@

bench-%: .venv/installed-bench
	@$(PYTHON_IN_VENV) -m tests.benchmarks $*

.venv/installed-bench: .venv/installed-dev requirements-bench.lock
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock || \
		echo "the peers of requirements-bench.lock could not be installed: their rows will say so"
	@touch $@

lint: .venv/installed-dev ## Check style, security (Bandit's rules, known vulnerabilities), types, who imports whom, and that what is imported is declared
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/deptry .
	@$(MAKE) --no-print-directory audit

audit: .venv/installed-dev ## Ask PyPI whether a vulnerability is known in what the lock files pin; says what it could not ask, and passes then
	@$(PYTHON_IN_VENV) -m tests.dependency_audit requirements-dev.lock requirements-matrix.lock

UV_COMPILE = echo 'hatchling>=1.29' | .venv/bin/uv pip compile --quiet pyproject.toml - --extra local --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

policy-model: .venv/installed-dev ## Build the flagging policy's learned model anew from the corpus; the same corpus gives the same bytes
	@$(PYTHON_IN_VENV) -m processors.meeting_flagging.learned.training

lock: .venv/installed-dev ## Write the lock files anew from pyproject.toml
	$(UV_COMPILE) -o requirements.lock
	$(UV_COMPILE) --group dev -o requirements-dev.lock
	.venv/bin/uv pip compile --quiet --group matrix --constraints requirements-dev.lock --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements-matrix.lock

clean: ## Remove everything that was made here: .venv, caches and the data under var/
	rm -rf .venv .venv-peers var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
