# Everything starts here: `make demo`, `make test`. Both set up their own environment first (scripts/setup_env.py).
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
OUT ?= out/demo
BIN = .venv/bin

.PHONY: help env demo test test-slow bench mutants export docs site outputs clean
help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14
env: ## Make .venv (about 7.6 GB, kept in ~/.cache/lipsync and shared by clones)
	@$(PYTHON) scripts/setup_env.py
demo: env ## A dub at once -> corpus -> preprocessing -> training -> dub -> out/demo/report.html
	@$(BIN)/lipsync demo --out $(OUT)
test: env ## House checks, then nbdev_test over every notebook
	@$(BIN)/python scripts/house.py test
test-slow: env ## The cells flagged slow as well
	@$(BIN)/python scripts/house.py test --flags slow
bench: env ## Speed and memory of every part beside its reference -> benchmarks/results/history.jsonl
	@$(BIN)/python scripts/bench_all.py
mutants: env ## Plant faults one at a time in a copy, and see whether the tests notice (an hour) -> benchmarks/results/mutants.json
	@$(BIN)/python scripts/mutants.py
export: env ## Notebooks -> lipsync/, README.md
	@$(BIN)/nbdev_clean && $(BIN)/nbdev_export && $(BIN)/python scripts/house.py readme
docs: env ## The docs site (needs Quarto); `make test` checks the docs without it
	@$(BIN)/nbdev_docs
site: env ## The docs as HTML without Quarto: links, pictures and pages checked in Chromium -> _site/
	@$(BIN)/python scripts/check_site.py
outputs: env ## Run every notebook and store its outputs
	@$(BIN)/python scripts/run_nb.py nbs/*.ipynb nbs/*/*.ipynb
clean: ## Remove what the commands above made here (never the shared environment)
	rm -rf .venv out _proc _docs _site nbs/_proc
