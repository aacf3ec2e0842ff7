# The commands of the project; `make` alone lists them. PYTHON=… chooses the interpreter (3.11 to 3.13).
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
export PYTHON
BIN := .venv/bin
RUN := $(BIN)/python -m

.PHONY: help
help: ## list the commands
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: setup
setup: ## install what development and the local stack need (the other commands do it themselves)
	@sh local/setup.sh dev aws

.PHONY: demo
demo: setup ## the main job from nothing: 2,160 clients, one mailing that its schedule starts, a table of what came of it
	@$(RUN) local.demo

.PHONY: test
test: setup ## run all tests; LAYERS="unit e2e" runs only those
	@$(RUN) local.layers $(LAYERS)

.PHONY: check
check: setup ## lint, types, imports, and the packaged template
	@$(RUN) local.check

.PHONY: e2e
e2e: setup ## run the end-to-end tests; AWS_ENDPOINT_URL=… runs them against that LocalStack-compatible endpoint
	@$(RUN) local.layers e2e

.PHONY: format
format: setup ## put the code into shape
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .
