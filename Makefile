# Everything a developer types. Needs Python 3.11 or newer, make, git and a package index;
# uv comes along. Package indexes are taken from UV_DEFAULT_INDEX or PIP_INDEX_URL.

BIN := .venv/bin
INSTALLED := .venv/.installed
ARGS ?=
# Tests wait more than they work.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo demo-web test test-k8s lint types format bench bench-quick images up down logs sbom
# Either version, on the same file.
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

help: ## What can be made
	@echo "make TARGET [ARGS=...]"
	@sed -n 's/^\([a-z0-9-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(INSTALLED) ## A clip, its captions, and a turn that knows them; ARGS='--seconds 20 --json'
	$(BIN)/sightline demo $(ARGS)

demo-web: $(INSTALLED) ## A page for your camera and your questions; ARGS='--port 8090 --open'
	$(BIN)/sightline demo-web $(ARGS)

test: $(INSTALLED) ## All tests; ARGS='tests/bus -k pause', WORKERS=0 for one after another
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-k8s: $(INSTALLED) ## The chart, the images and KEDA on a node of Kubernetes; as root, after make images
	.ci/kubernetes/build control-plane node keda
	SIGHTLINE_REQUIRE=kubernetes,kubernetes-node,helm $(BIN)/pytest tests/kubernetes -k on_a_node $(ARGS)

lint: $(INSTALLED) types ## Style, the import law, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## Types alone
	$(BIN)/mypy

format: $(INSTALLED) ## Mend what a machine can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## All rows of benchmarks/README.md; ARGS='turns encoding'
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-quick: $(INSTALLED) ## The same in under three minutes; figures are rough
	$(BIN)/python benchmarks/run.py --quick $(ARGS)

images: ## The images of all services
	deploy/docker/build

sbom: $(INSTALLED) ## What each image holds, as CycloneDX: build/sbom
	$(BIN)/python deploy/docker/sbom.py $(ARGS)

up: images ## Everything in containers: docs/operations/compose.md; ARGS='--scale captioner=4'
	COMPOSE="$(COMPOSE)" deploy/docker/up $(ARGS)

down: ## End what `make up` began; what is stored stays, unless ARGS=--volumes
	COMPOSE_PROFILES=observability,local-model $(COMPOSE) down --remove-orphans $(ARGS)

logs: ## What the containers say, as they say it; ARGS=captioner
	$(COMPOSE) logs --follow --tail 100 $(ARGS)

$(INSTALLED): .ci/install .ci/uv uv.lock pyproject.toml shared/pyproject.toml $(wildcard services/*/pyproject.toml)
	.ci/install
	@touch $@
