# The commands of the project; `make` alone lists them. PYTHON=… chooses the interpreter (3.11 to 3.13).
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
export PYTHON
# Container images forbid bytecode for their size's sake; here each of the hundred processes of a run would compile all sources again.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
RUN := $(BIN)/python -m

.PHONY: help
help: ## list the commands
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: setup
setup: ## install what development and the local stack need (the other commands do it themselves)
	@sh local/setup.sh dev aws vendor

.PHONY: run
run: setup ## the whole service on this machine: the main job before your eyes, then up until Ctrl-C
	@$(RUN) local.run

.PHONY: demo
demo: setup ## the main job from nothing: 2,160 clients, one mailing that its schedule starts, a table of what came of it
	@$(RUN) local.demo

.PHONY: test
test: setup ## run all tests; LAYERS="unit e2e" runs only those
	@$(RUN) local.layers $(LAYERS)

.PHONY: fuzz
fuzz: setup ## try the API against its document with EXAMPLES=50 for each operation (some ten minutes)
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),50) $(RUN) local.layers fuzz

STAGES := local dev prod
# The long ones first. As many at a time as there are processors, the output of each in one piece where make can do that (from 4.0 on).
CHECKS := types $(STAGES:%=template-%) cold-imports lint format imports dead-code schemas
TOGETHER = --jobs=$(shell getconf _NPROCESSORS_ONLN) $(if $(filter output-sync,$(.FEATURES)),--output-sync)
.PHONY: check $(CHECKS:%=check-%)
check: setup ## lint, types, imports, dead code, and the packaged template of each stage; a failure does not stop the others
	@PYTHONPATH= AWS_DEFAULT_REGION=us-east-1 $(MAKE) $(TOGETHER) --keep-going $(CHECKS:%=check-%)

check-lint:
	$(BIN)/ruff check .
check-format:
	$(BIN)/ruff format --check .
check-types:
	$(BIN)/mypy
check-imports:
	$(BIN)/lint-imports
check-dead-code:
	$(BIN)/vulture
check-cold-imports:
	$(RUN) local.cold_imports
check-schemas:
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.localstack.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml

# Chalice packages without looking: what it, SAM and CloudFormation would refuse when a stage is deployed is asked for here.
VALIDATE := from chalice.deploy.validate import validate_configuration; from chalice.cli.factory import CLIFactory; \
	validate_configuration(CLIFactory('.').create_config_obj(chalice_stage_name='$$stage'))
$(STAGES:%=check-template-%): check-template-%:
	$(RUN) local.package --stage $* --out .local/check/$* --bare
	@cd .local/build/$* && stage=$* && $(CURDIR)/$(BIN)/python -c "$(VALIDATE)"

.PHONY: audit
audit: setup ## checkov over the template of prod; a finding that tests/packaging/triage.toml does not accept fails (half a minute)
	@$(RUN) tests.packaging.audit

.PHONY: openapi
openapi: setup ## write openapi.json from the code
	@$(RUN) chalicelib.api.openapi

.PHONY: settings
settings: setup ## write docs/settings.md from the code
	@$(RUN) local.settings_page

.PHONY: e2e
e2e: setup ## run the end-to-end tests and the deployments; AWS_ENDPOINT_URL=… runs them against that LocalStack-compatible endpoint
	@$(RUN) local.layers e2e deployment

.PHONY: bench
bench: setup ## measure what the service costs (10 minutes on two cores); PARTS="plan worker" only those, QUICK=1 small sizes
	@$(RUN) benchmarks $(PARTS) --json build/bench.json $(if $(QUICK),--quick)

.PHONY: plans
plans: setup ## what every statement reads, whatever PostgreSQL's statistics know: with a million rows (some minutes), or ROWS=200000
	@PLAN_ROWS=$(or $(ROWS),1000000) $(RUN) pytest -q tests/integration/test_plans.py

.PHONY: package
package: setup ## what would go to AWS, into build/: STAGE=prod (or dev); ARCHITECTURE=x86_64 for another processor
	@$(RUN) local.package --stage $(or $(STAGE),prod) $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE))

.PHONY: lock
lock: ## write requirements*.txt, with the hash of every file, from requirements*.in
	@test -x $(BIN)/uv || sh local/setup.sh dev
	@$(RUN) local.lock

.PHONY: deploy
deploy: setup ## package STAGE=prod (or dev), show the changes to your AWS account, apply them, migrate, test: PARAMETERS="ProviderUrl=https://…"
	@$(RUN) local.release --stage $(or $(STAGE),prod) $(if $(YES),--yes) $(PARAMETERS)

.PHONY: kills
kills: setup ## kill each part of the stack in mid-mailing, start again, compare database and ledger (some minutes)
	@$(RUN) tests.kills

.PHONY: soak
soak: setup ## all faults at random for MINUTES=3, over both kinds of provider; ends with a balance sheet, SEED=7 repeats the choice
	@$(RUN) tests.faults.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

.PHONY: throttle
throttle: setup ## throughput at a provider that allows so many calls a second, as a table (ten minutes)
	@$(RUN) tests.faults.throttled

.PHONY: screenshots
screenshots: setup ## take the pictures in docs/images anew (wants chromium)
	@$(RUN) docs.screenshots

.PHONY: logs
logs: setup ## what the functions of the running stack logged; MAILING=7, MESSAGE=123, CLIENT=5, FOLLOW=1
	@$(RUN) local.logs $(if $(MAILING),--mailing $(MAILING)) $(if $(MESSAGE),--message $(MESSAGE)) $(if $(CLIENT),--client $(CLIENT)) $(if $(FOLLOW),--follow)

.PHONY: psql
psql: setup ## a shell in the running stack's database
	@$(RUN) local.commands psql

.PHONY: superuser
superuser: setup ## make a superuser in the running stack: NAME=anna (asks for the password, or takes SUPERUSER_PASSWORD)
	@$(RUN) local.commands superuser $(NAME)

.PHONY: stop
stop: setup ## end what make run or make demo started
	@$(RUN) local.commands stop

.PHONY: clean
clean: setup ## forget all local data (what was installed stays)
	@$(RUN) local.commands clean

.PHONY: format
format: setup ## put the code into shape
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .
