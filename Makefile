# Everything there is to do, one script each. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench fmt frontend clean

# The same place as scripts/common.sh.
INNKEEPER_CACHE ?= $(HOME)/.cache/innkeeper
CARGO_TARGET_DIR ?= $(INNKEEPER_CACHE)/target
export CARGO_TARGET_DIR

help: ## Lists what can be done
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## Serves a sample house with a real site: installs, builds and starts what it needs (Ctrl-C stops it); ARGS go to `innkeeper demo`
	@scripts/demo.sh $(ARGS)

test: ## Runs all tests; PARTS="rust api" runs some of: rust browser api
	@scripts/test.sh $(PARTS)

lint: ## Checks format, lints, documentation, types and scripts
	@scripts/lint.sh

bench: ## Measures what docs/performance.md promises; ALL=1 also the times of a clean build and of make test
	@ALL=$(ALL) scripts/bench.sh $(PARTS)

fmt: ## Formats the Rust code
	@cargo fmt --all

frontend: ## Builds the scripts and styles that the binary carries, if they changed
	@bash -c '. scripts/common.sh && build_frontend'

clean: ## Removes what was built here; services, data and downloads stay
	@cargo clean
	@rm -rf frontend/dist frontend/node_modules e2e/node_modules e2e/test-results e2e/playwright-report
