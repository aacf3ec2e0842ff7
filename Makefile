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
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: setup
setup: ## install what development and the local stack need (the other commands do it themselves)
	@sh local/setup.sh dev aws
