# `./dev <recipe>` installs what a recipe needs first. Arguments reach the shell unsplit, as "$@".
set positional-arguments

# List the recipes
default:
    @just --list --unsorted

# Run the whole system here: ./dev up --demo seeds two clients, ./dev up --help tells the rest
[no-exit-message]
up *args:
    cargo run -p stele -- up "$@"

# Print the running system's address, organisation and token as shell variables
env:
    @cargo run -q -p stele -- env

# Run any command of the stele binary, such as verify
stele *args:
    @cargo run -q -p stele -- "$@"

# Run the tests beside a private PostgreSQL and NATS; arguments go to cargo-nextest
test *args:
    # The testkit beside the tests, so that what it stands on is not built once more for it alone.
    cargo build -q --workspace --bins --tests
    "${CARGO_TARGET_DIR:-target}/debug/testkit" run -- cargo nextest run --workspace "$@"

# Measure against other event stores on a quiet machine, about 20 minutes; bench --help tells how to do less
[no-exit-message]
bench *args:
    cargo build --release -p stele -p bench
    cargo build --release --locked --manifest-path tests/bench/peers/Cargo.toml --target-dir target/bench/peers
    target/release/bench "$@"

# Check format, lints and dependencies
lint: && deny
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Format the code
fmt:
    cargo fmt --all

# Check dependencies for bans, licences and sources
deny:
    cargo deny check bans licenses sources
