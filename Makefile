# The commands of this repository; `make` alone lists them.

FOR ?= 60s

.PHONY: help check test test-full demo bench instructions early bench-detection fmt doc

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

check: ## formatting, lints and documentation, warnings are errors
	@tests/needs
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps

test: ## all tests, on a broker and registry of their own (or KAFKA_BROKERS and SCHEMA_REGISTRY); ARGS='name'
	@tests/needs
	@tests/run test $(ARGS)

test-full: ## the long tests on whole data sets: make test-full DATA=directory
	@test -n '$(DATA)' || { echo 'make test-full needs DATA=directory, the data sets' >&2; exit 2; }
	@test -d '$(DATA)' || { echo 'make test-full: there is no directory $(DATA)' >&2; exit 2; }
	@test -x tests/full/run || { echo 'make test-full: tests/full/run is missing' >&2; exit 2; }
	@tests/needs
	tests/full/run '$(DATA)'

demo: ## builds and shows the whole thing on a made-up stream: FOR=60s
	@tests/needs
	cargo run --locked --release -- demo --for $(FOR)

bench: ## the benchmarks, on a broker like that of the tests; ARGS='--bench name'
	@tests/needs
	@tests/run bench $(ARGS)

instructions: ## fixed pieces of work in instructions, which may not grow; ARGS=record writes down what they are now
	@tests/needs
	@command -v valgrind >/dev/null || { echo 'make instructions needs valgrind: sudo apt-get install -y valgrind' >&2; exit 2; }
	cargo bench --locked --profile dev --config benches/instructions.toml --bench instructions -- $(or $(ARGS),check)

early: ## false alarms and delays of early sight (minutes): ARGS='rates 1e7 50', 'delays 100 50' or 'streams DIRECTORY 2e7'
	@tests/needs
	cargo bench --locked --bench early -- $(ARGS)

bench-detection: ## false alarms and delays beside other tools', in docs/detection.md: make bench-detection DATA=directory; ARGS=--quick: one seed of each
	@test -n '$(DATA)' || { echo 'make bench-detection needs DATA=directory, the data sets' >&2; exit 2; }
	@tests/needs
	@command -v python3 >/dev/null || { echo 'make bench-detection needs python3, 3.11 or later' >&2; exit 2; }
	cargo build --locked --release --bin driftline
	python3 benches/detection/run.py target/release/driftline '$(DATA)' $(ARGS)

fmt: ## formats the code
	cargo fmt

doc: ## builds the documentation of the library
	@tests/needs
	cargo doc --locked --no-deps
