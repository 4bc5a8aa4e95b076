# All tasks of the project; `make` without a target lists them. Needs Rust, Python 3.10 or newer, and make.
# Python packages are installed into $(VENV), and nothing else is installed. A finished step is not repeated.

PYTHON  ?= python3
VENV    ?= .venv
PROFILE ?= release
# Additional options for cargo (such as --locked), pytest, the demo and the benchmarks (--write renews the reports).
CARGO_OPTIONS ?=
PYTEST_OPTIONS ?=
DEMO_OPTIONS ?=
BENCH_OPTIONS ?=
# For `make fuzz`: the minutes for each target, and the targets (none given: all).
MINUTES ?= 1
TARGETS ?=
# Interpreters for `make pythons`.
PYTHONS ?= python3.10 python3.11 python3.12 python3.13 python3.14 python3.15

# On Windows the programs of an environment are in another folder.
BIN      := $(abspath $(VENV))/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY    := $(VENV)/.ready
BUILT    := $(VENV)/.extension-$(PROFILE)
GROUP     = $(VENV)/.group-$(1)
SOURCES  := $(shell find src crates -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The crates without Python.
RUST     := $(patsubst crates/%/Cargo.toml,-p shoal-%,$(wildcard crates/*/Cargo.toml))
RUSTDOC   = RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' cargo doc --no-deps --document-private-items $(RUST) $(CARGO_OPTIONS)

# The same interpreter for every cargo call: another one would make cargo rebuild pyo3.
export PYO3_PYTHON := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-python check check-github fmt renew bench bench-http bench-parallel bench-quick instructions fuzz fuzz-smoke soak dev docs docs-serve wheel pythons clean
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

demo: $(BUILT) $(call GROUP,demo) ## fetch and save 500 documents in three ways, and print a table
	$(BIN)/python -m shoal demo $(DEMO_OPTIONS)

test: test-rust test-python ## run all tests except the long ones

test-rust:
	cargo test $(RUST) $(CARGO_OPTIONS)

test-python: $(BUILT) $(call GROUP,test)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

soak: $(BUILT) $(call GROUP,test) ## run the long tests
	$(BIN)/python -m pytest -m soak $(PYTEST_OPTIONS)

check: check-github $(BUILT) $(call GROUP,lint) $(call GROUP,demo) ## check formatting, lints and types of the Rust and Python code, and the dependencies
	cargo fmt --check
	cargo clippy --workspace --exclude shoal-fuzz --all-targets $(CARGO_OPTIONS) -- -D warnings
	$(RUSTDOC)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest shoal._shoal --allowlist tests/stubtest.txt
	$(BIN)/python tests/dependencies.py $(CARGO_OPTIONS)
	$(BIN)/python tests/licenses.py target/THIRD-PARTY-LICENSES $(CARGO_OPTIONS)

# actionlint comes from the environment, or from the PATH.
check-github: $(call GROUP,lint) $(call GROUP,actionlint) ## check the workflows, the forms for issues and CITATION.cff (a part of `make check`)
	$(BIN)/zizmor --offline --quiet --persona auditor .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.citation-file-format --default-filetype yaml CITATION.cff
	@PATH="$(BIN):$$PATH"; if command -v actionlint >/dev/null; then echo actionlint; actionlint; \
		else echo "actionlint is missing (its package needs GitHub): workflows were checked without it" >&2; fi

fmt: $(call GROUP,lint) ## format the Rust and Python code
	cargo fmt
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

renew: $(BUILT) $(call GROUP,lint) ## write the stub and the list of public names, after a change of the API
	$(BIN)/python tests/test_stub.py --write
	$(BIN)/python tests/test_api.py --write

bench: ## measure against other clients, kernels and pools
	@$(MAKE) --no-print-directory bench-http
	@$(MAKE) --no-print-directory bench-parallel

bench-http: $(BUILT) $(call GROUP,test) $(call GROUP,bench) ## measure HTTP only: BENCH_OPTIONS="--only W1 'W4*/shoal'"
	$(BIN)/python tests/bench/run.py $(BENCH_OPTIONS)

bench-parallel: $(BUILT) $(call GROUP,test) $(call GROUP,bench) ## measure shoal.parallel only
	$(BIN)/python tests/bench/parallel.py $(BENCH_OPTIONS)

bench-quick: ## measure both in three minutes
	@$(MAKE) --no-print-directory bench BENCH_OPTIONS=--quick

# Always a release build, whatever PROFILE is, because the baseline was counted with one.
instructions: $(VENV)/.extension-release ## count the instructions of the hot paths (valgrind); fail when a count has grown by 15 %
	$(BIN)/python tests/bench/instructions.py $(BENCH_OPTIONS)

fuzz: $(READY) ## run the fuzz targets: make fuzz MINUTES=10 [TARGETS="html urls"]
	fuzz/run $$(( $(MINUTES) * 60 )) $(TARGETS)

fuzz-smoke: $(READY) ## run each fuzz target for ten seconds
	fuzz/run 10 $(TARGETS)

dev: ## build quickly, for development (then: make test PROFILE=fast)
	@$(MAKE) --no-print-directory PROFILE=fast $(VENV)/.extension-fast

docs: $(BUILT) $(call GROUP,test) $(call GROUP,docs) ## run every example of the docs, build the site (target/site) and check its links
	$(BIN)/python -m pytest tests/test_readme.py tests/test_notebook.py tests/test_site.py $(PYTEST_OPTIONS)
	rm -rf target/site
	$(BIN)/zensical build --clean --strict
	$(BIN)/python site/check.py target/site
	$(RUSTDOC)
	@echo "site: target/site/index.html   rust: target/doc/shoal_http/index.html"

docs-serve: $(call GROUP,docs) ## show the site at http://localhost:8000, renewed at every change
	$(BIN)/zensical serve

# A part of `make wheel`. TARGET is the target of a wheel for another system.
THIRD-PARTY-LICENSES: Cargo.lock tests/licenses.py
	$(PYTHON) tests/licenses.py $@ $(if $(TARGET),--target $(TARGET)) $(CARGO_OPTIONS)

wheel: THIRD-PARTY-LICENSES $(READY) ## build the wheel for this interpreter and the sdist, into dist
	$(BIN)/maturin sdist --out dist
	$(BIN)/maturin build --quiet --release --out dist --interpreter $(BIN)/python $(CARGO_OPTIONS)
	@ls dist

pythons: $(READY) ## build and test on several interpreters: make pythons PYTHONS="python3.10 /path/to/python3.14"
	tests/pythons $(BIN) $(PROFILE) $(PYTHONS)

clean: ## remove everything that was built or installed here
	cargo clean
	rm -rf $(VENV) .venv-* .cache build dist THIRD-PARTY-LICENSES .pytest_cache .mypy_cache .ruff_cache .hypothesis python/shoal/_shoal.*.so
	find python tests -name __pycache__ -prune -exec rm -rf {} +

# Steps that the targets need. Each file marks a finished step.

$(READY):
	@command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' 'maturin>=1.9,<2'
	@touch $@

$(VENV)/.group-%: pyproject.toml $(READY)
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

# With ACTIONLINT=required it is an error if actionlint cannot be installed.
$(VENV)/.group-actionlint: pyproject.toml $(READY)
	$(BIN)/python -m pip install --quiet --group actionlint 2>$@.log || [ "$(ACTIONLINT)" != required ] || { cat $@.log; exit 1; }
	@touch $@

# A peer without a wheel for this interpreter is left out of the report; the others are measured.
$(VENV)/.group-bench: pyproject.toml $(READY)
	$(BIN)/python -m pip install --quiet --group bench || $(BIN)/python tests/bench/install.py
	@touch $@

$(VENV)/.extension-%: $(SOURCES) $(READY)
	@rm -f $(VENV)/.extension-*
	@echo "Building the extension ($*); the first time takes a few minutes."
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --quiet --profile $* $(CARGO_OPTIONS)
	@touch $@
