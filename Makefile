# The platform's commands. `make help` lists them.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.SUFFIXES:

# The first Python that is new enough; a virtual environment's own must not be it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
STACK ?= local
JOBS ?= 2
ARGS ?=

.PHONY: help
help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Prepare .venv from uv.lock (0.9 GB) and find, install or build the pulumi CLI (0.1 GB)
	@test -n "$(PYTHON)" || { echo "setup: Python 3.11 or newer is needed, and none is on PATH: https://www.python.org/downloads/"; exit 2; }
	@$(PYTHON) tools/set_up.py

.PHONY: services
services: setup ## Prepare what runs on the platform from services/uv.lock (1.7 GB); the first `make up` does it too
	@$(PYTHON) tools/set_up.py --services

.PHONY: up
up: setup ## Bring the local stack up: infrastructure on the stand-in cloud, services, a live recommendation
	@$(BIN)/mlops up -s $(STACK)

.PHONY: down
down: setup ## Destroy the local stack to nothing, process and file
	@$(BIN)/mlops destroy -s $(STACK) --yes

.PHONY: test
test: setup services lint types ## Lint, types and every test, the platform's and the services', with coverage
	@echo "test: pytest, $(JOBS) processes"
	@$(BIN)/pytest -n $(JOBS) --dist loadscope --cov=components --cov=mlops --cov-report=term:skip-covered --cov-fail-under=90 $(ARGS)
	@$(MAKE) test-services ARGS=

.PHONY: test-long
test-long: services test-spark ## Tests that want a machine of their own: the local stack's processes killed and healed
	@$(BIN)/pytest -m long $(ARGS)

.PHONY: images
images: setup ## Build the services' images by docker, podman or buildah; ARGS="--load kind" hands them to the cluster
	@$(BIN)/python tools/images.py -s $(STACK) $(ARGS)

.PHONY: test-node
test-node: setup ## Rehearsals and the local stack on a real Kubernetes of one node; needs root and Linux, else it says why not
	@cd tools && ../$(BIN)/python -m node build || true
	@$(BIN)/pytest -m long tests/node -rs $(ARGS)

.PHONY: test-spark
test-spark: setup ## Batch scoring on Spark tells the same as on one machine; needs Java
	@cd services/spark && UV=$$(command -v uv || echo ../../.tools/uv/bin/uv) && $$UV sync --locked -q && .venv/bin/python -m pytest -q

.PHONY: test-services
test-services: services ## The tests of what runs on the platform, with a real MLflow and an emulated AWS
	@echo "test: the services: ruff, mypy, pytest, $(JOBS) processes"
	@cd services && .venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/pytest -q -n $(JOBS) --dist loadscope $(ARGS)

.PHONY: lint
lint: setup ## ruff check, ruff format --check
	@echo "lint: ruff check"
	@$(BIN)/ruff check .
	@echo "lint: ruff format --check"
	@$(BIN)/ruff format --check .

.PHONY: types
types: setup ## basedpyright, strict, over everything
	@echo "types: basedpyright (about half a minute)"
	@$(BIN)/basedpyright

.PHONY: fmt
fmt: setup ## Format, and fix what ruff can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: golden
golden: setup ## Write the identity of every tier anew, for a review to see
	@UPDATE_GOLDEN=1 $(BIN)/pytest -q tests/test_goldens.py tests/cost/test_tiers.py

.PHONY: bench
bench: services ## Measure what the README promises
	@$(BIN)/python -m bench $(ARGS)

.PHONY: sbom
sbom: setup ## Write what the project and its images are made of to dist/sbom (CycloneDX)
	@$(BIN)/python tools/sbom.py

.PHONY: audit
audit: setup ## Look the locked packages up among known vulnerabilities; needs the network
	@$(BIN)/python tools/sbom.py --audit
	@uvx=$$(command -v uvx || echo .tools/uv/bin/uvx); failed=0; for part in platform services; do \
		echo "audit: $$part"; \
		$$uvx pip-audit --disable-pip --require-hashes --requirement dist/sbom/$$part.requirements.txt || failed=1; \
	done; exit $$failed

.PHONY: clean
clean: ## Remove what was made here: local state, caches, .venv; the pulumi CLI stays
	@if [ -x $(BIN)/mlops ]; then $(BIN)/mlops local stop; fi
	rm -rf .local .venv services/.venv services/spark/.venv .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* .tools/uv .tools/lock
	find . -name __pycache__ -type d -not -path './.tools/*' -prune -exec rm -rf {} +
