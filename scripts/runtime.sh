#!/usr/bin/env bash
# Builds the runtime otherwise than the node does.
#
# Usage: scripts/runtime.sh release | next | try [--help]
#
#   release  as a chain is to run it: it knows the hash of its own metadata, without which hardware wallets sign nothing
#   next     the same as its next version: what a journey upgrades the test network to
#   try      for try-runtime: upgrades can be tried on a chain's state, with all checks of the pallets (docs/upgrades.md)
#
# Each comes into ~/.cache/assay/runtimes, as NAME/assay_runtime.wasm, with a target folder of its own: the WASM builder would take
# one for another. Some ten minutes on two cores the first time; a runtime that knows its hash is built twice.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    case "${1:-}" in
        release) build release metadata-hash ;;
        next) build next metadata-hash,increment-spec-version ;;
        try) build try try-runtime ;;
        --help | -h) usage_of "${BASH_SOURCE[0]}" && exit ;;
        *) die "which runtime?" "see scripts/runtime.sh --help" ;;
    esac
}

# build NAME FEATURES
build() {
    local folder="$ASSAY_CACHE/runtimes/$1"
    heading "Building the runtime: $1"
    export_wasm_toolchain
    (
        export CARGO_TARGET_DIR="$folder/target" WASM_TARGET_DIRECTORY="$folder"
        cargo_node build --release --locked -p assay-runtime --features "$2"
    )
    say "$folder/assay_runtime.wasm"
}

main "$@"
