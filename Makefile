# `make demo` and `make test` need nothing by hand before them; see .github/CONTRIBUTING.md for the rest.
#
# Set-up steps use the network and keep the environment: a machine behind an inspecting proxy needs
# its SSL_CERT_FILE there. Test steps run under scripts/clean-env, which takes all of that away.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
CLEAN := scripts/clean-env
PY := .venv/bin/python
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
# The bench crate has the peers as dependencies; it is linted, but built only by `make bench`. The
# binding is tested through Python.
CRATES := --workspace --exclude trustbridge-bench

# Versions of Python to test, of those found; all from 3.10 on by default.
# Or one program, such as PYTHON=python.
export PYTHONS ?=
export PYTHON ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export CARGO_TERM_PROGRESS_WHEN := never

.PHONY: help
help:
	@echo 'make demo               real TLS on loopback: accepted and rejected, from Rust and Python'
	@echo 'make test               everything below'
	@echo '  make lint             rustfmt, clippy, features, rustdoc, ruff, mypy, stubs, workflows'
	@echo '  make test-rust        unit, integration and documentation tests'
	@echo '  make test-python      pytest on every CPython found (PYTHONS="3.10 3.13")'
	@echo '  make test-truststore  the public tests of truststore, run with our package'
	@echo '  make test-docs        the Python examples of the READMEs'
	@echo '  make test-install     pip install from a checkout and from the sdist'
	@echo '  make test-pip         pip with trustbridge instead of truststore'
	@echo '  make test-windows     the Windows backend, cross-built and run under Wine'
	@echo '  make test-windows-python  the Python tests on CPython for Windows, under Wine'
	@echo '  make test-pip-windows  pip there without native code; after test-pip and test-windows-python'
	@echo '  make test-targets     compile and lint for other systems'
	@echo 'make bench              speed and memory beside peers, into benches/'
	@echo 'make bundle             one none-any wheel of platform wheels (WHEELS="…"), into dist/'
	@echo 'make release-rehearsal  a whole release of this commit, nothing published'
	@echo 'make clean              removes what all of these made'
	@echo 'Not part of make test; minutes to hours (tests/occasional/README.md):'
	@echo '  make test-stress test-suites test-interpreters test-windows-python-all test-pip-windows-all test-pip-own'
	@echo '  make test-bundle preview-wheels test-release test-targets-all'
	@echo '  make test-differential test-peers test-upki test-ecosystem test-next'

.PHONY: test
test: lint test-rust test-python test-truststore test-docs test-install
	@$(MAKE) -j2 --output-sync=target test-pip test-windows
	@$(MAKE) test-windows-python test-pip-windows test-targets

# Set-up ---------------------------------------------------------------------------------------

.PHONY: setup
setup:
	@scripts/setup-system
	@scripts/venv .venv "$$(PYTHONS= scripts/pythons --newest)" scripts/requirements/dev.txt
	@cargo fetch --quiet --locked --target $(HOST)

.PHONY: install
install: setup
	@scripts/install-wheel .venv

.PHONY: setup-python
setup-python: setup
	@scripts/setup-python

# Tests ----------------------------------------------------------------------------------------

# The wheel's last steps use one core only.
.PHONY: lint
lint: setup
	@$(MAKE) -j2 --output-sync=target install lint-clippy
	$(CLEAN) scripts/check-dependencies
	$(CLEAN) scripts/public-api
	RUSTDOCFLAGS='-D warnings' $(CLEAN) cargo doc --quiet --locked --no-deps $(CRATES)
	$(PY) -m ruff check --quiet .
	$(PY) -m ruff format --quiet --check .
	$(CLEAN) scripts/check-types
	$(CLEAN) $(PY) release/lint-workflows

.PHONY: lint-clippy
lint-clippy: setup
	cargo fmt --all --check
	$(CLEAN) cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	$(CLEAN) scripts/check-features

.PHONY: test-rust
test-rust: setup
	$(CLEAN) cargo test --locked $(CRATES) --exclude trustbridge-python
	$(CLEAN) cargo test --locked --features crlite --test crlite
	$(CLEAN) cargo test --locked --features crlite --test fuzz_smoke -- crlite seeds_survive
	$(CLEAN) scripts/check-providers
	$(CLEAN) scripts/check-package

.PHONY: test-python
test-python: setup-python
	$(CLEAN) tests/python/run
	$(CLEAN) $(PY) tests/suites/run --suite cpython --mode in-handshake --mode deferred

# By hand and in CI: libraries that take a configuration of rustls, and the pre-release of rustls.
.PHONY: test-ecosystem
test-ecosystem:
	cargo fetch --quiet --locked --manifest-path tests/ecosystem/Cargo.toml --target $(HOST)
	$(CLEAN) cargo test --locked --manifest-path tests/ecosystem/Cargo.toml --target-dir target/ecosystem

.PHONY: test-next
test-next:
	cargo fetch --quiet --locked --manifest-path tests/next/Cargo.toml --target $(HOST)
	$(CLEAN) cargo test --locked --manifest-path tests/next/Cargo.toml --all-targets --target-dir target/next

.PHONY: test-truststore
test-truststore: setup
	@tests/truststore/setup
	$(CLEAN) tests/truststore/run

.PHONY: test-docs
test-docs: install
	$(CLEAN) $(PY) tests/docs/run README.md python/README.md

.PHONY: test-install
test-install: setup
	tests/install/run

.PHONY: test-pip
test-pip: setup
	@$(PY) tests/pip/run --fetch
	$(CLEAN) $(PY) tests/pip/run $$(scripts/wheel)

.PHONY: test-windows
test-windows:
	tests/windows/run

.PHONY: test-windows-python
test-windows-python: setup
	@$(PY) tests/windows/python/run --prepare
	$(CLEAN) $(PY) tests/windows/python/run

# After test-pip and test-windows-python, which make what it uses.
.PHONY: test-pip-windows
test-pip-windows: setup
	$(CLEAN) $(PY) tests/pip/windows

.PHONY: test-targets
test-targets:
	scripts/check-targets

# The rest -------------------------------------------------------------------------------------

.PHONY: demo
demo: install
	@cargo build --quiet --locked --example check
	@$(CLEAN) $(PY) examples/demo/demo.py

.PHONY: bench
bench: install
	@$(CLEAN) $(PY) benches/run.py

# One none-any wheel of this machine's wheel, or of WHEELS, for anyone who vendors the package.
.PHONY: bundle
bundle: setup
	@$(PY) release/bundle --output dist $${WHEELS:-$$(scripts/wheel)}

.PHONY: release-rehearsal
release-rehearsal:
	release/rehearse

.PHONY: clean
clean:
	rm -rf .venv .venv-* build dist target

# Not part of make test: tests/occasional/README.md ------------------------------------------

.PHONY: test-release
test-release: setup
	@scripts/venv .venv-release "$$(PYTHONS= scripts/pythons --newest)" scripts/requirements/release/tests.txt
	@cargo fetch --quiet --locked
	$(CLEAN) .venv-release/bin/python -m pytest tests/release

.PHONY: test-targets-all
test-targets-all:
	scripts/check-targets --all
	tests/windows/run clippy

.PHONY: test-stress
test-stress: setup-python
	$(CLEAN) tests/python/run -m stress

.PHONY: test-suites
test-suites: setup-python
	@tests/suites/setup
	$(CLEAN) $(PY) tests/suites/run

.PHONY: test-differential
test-differential:
	$(CLEAN) tests/occasional/differential

.PHONY: test-upki
test-upki:
	cargo test --locked --manifest-path tests/upki/Cargo.toml --target-dir target/upki

.PHONY: test-peers
test-peers: setup
	tests/occasional/peers

.PHONY: test-interpreters
test-interpreters: setup
	tests/occasional/interpreters

.PHONY: test-windows-python-all
test-windows-python-all: setup
	@$(PY) tests/windows/python/run --prepare
	$(CLEAN) $(PY) tests/windows/python/run --all

.PHONY: test-pip-windows-all
test-pip-windows-all: setup
	$(CLEAN) $(PY) tests/pip/windows --all

# Of this machine's wheel, or of WHEELS; after test-windows-python.
.PHONY: test-bundle
test-bundle: setup
	$(CLEAN) $(PY) tests/occasional/bundle $${WHEELS:-$$(scripts/wheel)}

.PHONY: test-pip-own
test-pip-own: setup
	@$(PY) tests/occasional/pip-own-tests/run --fetch
	$(CLEAN) $(PY) tests/occasional/pip-own-tests/run $$(scripts/wheel)

.PHONY: preview-wheels
preview-wheels:
	tests/occasional/preview-wheels
